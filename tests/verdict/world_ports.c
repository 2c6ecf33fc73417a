// DPDK's environment, and the pair of ring ports between the generator and the director.
#include "world_private.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

#define RING_SIZE 4096
#define POOL_SIZE 65535

struct world_ports world_ports;

void world_empty_ports(void)
{
	struct rte_mbuf *frames[32];
	uint16_t count;

	while ((count = rte_eth_rx_burst(world_ports.generator_port, 0, frames, 32)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
	}
	while ((count = rte_eth_rx_burst(world_ports.director_port, 0, frames, 32)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
	}
}

static uint16_t make_port(const char *name, struct rte_ring *rx, struct rte_ring *tx,
                          struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	int id = rte_eth_from_rings(name, &rx, 1, &tx, 1, 0);
	bool made = id >= 0 && rte_eth_dev_configure((uint16_t)id, 1, 1, &conf) == 0 &&
	            rte_eth_rx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL, pool) == 0 &&
	            rte_eth_tx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL) == 0 &&
	            rte_eth_dev_start((uint16_t)id) == 0;

	if (!made) {
		fprintf(stderr, "%s: no ring port\n", name);
		exit(1);
	}
	return (uint16_t)id;
}

void world_start(const char *program)
{
	char name[64], prefix[64];
	char *arguments[] = {name,
	                     (char[]){"--no-huge"},
	                     (char[]){"--no-shconf"},
	                     (char[]){"--no-pci"},
	                     (char[]){"-m"},
	                     (char[]){"512"},
	                     (char[]){"--lcores=0"},
	                     (char[]){"--log-level=*:error"},
	                     prefix,
	                     NULL};
	struct rte_ring *forth, *back;

	snprintf(name, sizeof(name), "%s", program);
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", program);
	if (rte_eal_init(9, arguments) < 0) {
		fprintf(stderr, "DPDK does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	world_ports.generator_pool =
	        rte_pktmbuf_pool_create("generator", POOL_SIZE, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	world_ports.director_pool =
	        rte_pktmbuf_pool_create("director", POOL_SIZE, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	forth = rte_ring_create("forth", RING_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	back = rte_ring_create("back", RING_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (world_ports.generator_pool == NULL || world_ports.director_pool == NULL || forth == NULL ||
	    back == NULL) {
		fprintf(stderr, "no memory for frames\n");
		exit(1);
	}
	world_ports.generator_port = make_port("generator", back, forth, world_ports.generator_pool);
	world_ports.director_port = make_port("director", forth, back, world_ports.director_pool);
}

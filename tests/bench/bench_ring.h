#pragma once
// A port of two rings: what its user sends comes out of `forth`, what is put into `back` it receives.

#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <stdint.h>

#define BENCH_RING 1024

struct bench_rings {
	struct rte_ring *forth, *back;
	uint16_t port;
};

/** Open and start the port, with one queue each way. 0, or -1 when DPDK has no such driver or no memory. */
static inline int bench_open_rings(struct bench_rings *rings, struct rte_mempool *pool)
{
	struct rte_eth_conf config = {0};
	int port;

	rings->forth = rte_ring_create("forth", BENCH_RING, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	rings->back = rte_ring_create("back", BENCH_RING, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (rings->forth == NULL || rings->back == NULL) {
		return -1;
	}
	port = rte_eth_from_rings("bench", &rings->back, 1, &rings->forth, 1, 0);
	if (port < 0 || rte_eth_dev_configure((uint16_t)port, 1, 1, &config) < 0 ||
	    rte_eth_rx_queue_setup((uint16_t)port, 0, BENCH_RING, 0, NULL, pool) < 0 ||
	    rte_eth_tx_queue_setup((uint16_t)port, 0, BENCH_RING, 0, NULL) < 0 ||
	    rte_eth_dev_start((uint16_t)port) < 0) {
		return -1;
	}
	rings->port = (uint16_t)port;
	return 0;
}

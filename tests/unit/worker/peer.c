#include "peer.h"

#include <assert.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <stdio.h>
#include <string.h>

#define QUEUES 4

static uint16_t opened[2] = {UINT16_MAX, UINT16_MAX};

static uint16_t open_port(const char *name, struct rte_ring **rx, struct rte_ring **tx, unsigned queues,
                          struct rte_mempool *pool)
{
	struct rte_eth_conf config = {0};
	int id = rte_eth_from_rings(name, rx, queues, tx, queues, 0);

	assert(id >= 0);
	assert(rte_eth_dev_configure((uint16_t)id, (uint16_t)queues, (uint16_t)queues, &config) == 0);
	for (uint16_t i = 0; i < queues; i++) {
		assert(rte_eth_rx_queue_setup((uint16_t)id, i, 1024, 0, NULL, pool) == 0);
		assert(rte_eth_tx_queue_setup((uint16_t)id, i, 1024, 0, NULL) == 0);
	}
	assert(rte_eth_dev_start((uint16_t)id) == 0);
	return (uint16_t)id;
}

void peer_open(struct peer *peer, uint16_t *generator_port, unsigned queues)
{
	static struct rte_mempool *pool;

	memset(peer, 0, sizeof(*peer));
	if (opened[0] == UINT16_MAX) {
		struct rte_ring *forth[QUEUES], *back[QUEUES];

		pool = rte_pktmbuf_pool_create("peer", 32767, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
		assert(pool != NULL);
		for (unsigned i = 0; i < QUEUES; i++) {
			char name[16];

			snprintf(name, sizeof(name), "forth%u", i);
			forth[i] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
			snprintf(name, sizeof(name), "back%u", i);
			back[i] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
			assert(forth[i] != NULL && back[i] != NULL);
		}
		opened[0] = open_port("generator", back, forth, QUEUES, pool);
		opened[1] = open_port("peer", forth, back, QUEUES, pool);
	}
	peer->pool = pool;
	peer->port = opened[1];
	peer->queue_count = (uint16_t)queues;
	*generator_port = opened[0];
	random_seed(&peer->random, 1, 2);
}

static bool chance(struct peer *peer, double share)
{
	return share > 0 && random_double(&peer->random) < share;
}

static void hold(struct peer *peer, struct rte_mbuf *mbuf, ns_t due)
{
	assert(peer->held_count < PEER_HELD);
	peer->held[peer->held_count].mbuf = mbuf;
	peer->held[peer->held_count++].due = due;
}

static struct rte_mbuf *copy_of(struct peer *peer, const struct rte_mbuf *query, unsigned extra)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(peer->pool);

	assert(mbuf != NULL);
	mbuf->data_len = (uint16_t)(query->data_len + extra);
	mbuf->pkt_len = mbuf->data_len;
	memcpy(rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_mtod(query, const void *), query->data_len);
	return mbuf;
}

static void checksums(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)(frame + 14);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(void *)(ip + 1);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp->dgram_cksum = 0;
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}

// Turn the copy of a query into its reply: ends exchanged, QR set.
static void turn_round(struct peer *peer, struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)(frame + 14);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(void *)(ip + 1);
	uint8_t *dns = (uint8_t *)(udp + 1);
	uint8_t mac[6];
	uint32_t address = ip->src_addr;
	uint16_t port = udp->src_port;

	memcpy(mac, frame, 6);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	ip->src_addr = ip->dst_addr;
	ip->dst_addr = address;
	udp->src_port = udp->dst_port;
	udp->dst_port = port;
	dns[2] |= 0x80;
	if (chance(peer, peer->faults.wrong_source)) {
		ip->src_addr ^= rte_cpu_to_be_32(0x00000100);
	}
	if (chance(peer, peer->faults.requestion)) {
		dns[13] ^= 0x01;
	}
	checksums(frame);
}

// ICMP port unreachable, quoting the whole query (RFC 1812 4.3.2.3).
static void refuse(struct peer *peer, const struct rte_mbuf *query, ns_t now)
{
	struct rte_mbuf *mbuf = copy_of(peer, query, 28);
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	const uint8_t *asked = rte_pktmbuf_mtod(query, const uint8_t *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)(frame + 14);
	uint8_t *icmp = frame + 34;
	uint16_t sum;

	memcpy(frame, asked + 6, 6);
	memcpy(frame + 6, asked, 6);
	memset(icmp, 0, 8);
	icmp[0] = 3;
	icmp[1] = 3;
	memcpy(icmp + 8, asked + 14, query->data_len - 14u);
	memcpy(&ip->src_addr, asked + 14 + 16, 4);
	memcpy(&ip->dst_addr, asked + 14 + 12, 4);
	ip->next_proto_id = 1;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(query->data_len - 14 + 28));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	sum = rte_raw_cksum(icmp, query->data_len - 14u + 8);
	sum = (uint16_t)~sum;
	memcpy(icmp + 2, &sum, 2);
	peer->refused++;
	hold(peer, mbuf, now);
}

static void reply(struct peer *peer, const struct rte_mbuf *query, ns_t now)
{
	struct rte_mbuf *mbuf;
	ns_t due = now;

	if (chance(peer, peer->faults.drop)) {
		peer->dropped++;
		return;
	}
	if (chance(peer, peer->faults.refuse)) {
		refuse(peer, query, now);
		return;
	}
	if (chance(peer, peer->faults.delay_share)) {
		due += random_below(&peer->random, peer->faults.delay);
	}
	mbuf = copy_of(peer, query, 0);
	turn_round(peer, mbuf);
	if (chance(peer, peer->faults.spoof)) {
		struct rte_mbuf *other = copy_of(peer, mbuf, 0);
		uint8_t *frame = rte_pktmbuf_mtod(other, uint8_t *);

		frame[42] ^= (uint8_t)(1 + random_below(&peer->random, 255));
		checksums(frame);
		hold(peer, other, now);
	}
	if (chance(peer, peer->faults.duplicate)) {
		hold(peer, copy_of(peer, mbuf, 0), due);
	}
	if (chance(peer, peer->faults.corrupt)) {
		rte_pktmbuf_mtod(mbuf, uint8_t *)[random_below(&peer->random, mbuf->data_len)] ^=
		        (uint8_t)(1u << random_below(&peer->random, 8));
	}
	if (chance(peer, peer->faults.truncate)) {
		mbuf->data_len = (uint16_t)random_below(&peer->random, mbuf->data_len);
		mbuf->pkt_len = mbuf->data_len;
	}
	peer->answered++;
	hold(peer, mbuf, due);
}

void peer_step(struct peer *peer, ns_t now)
{
	unsigned kept = 0;

	for (uint16_t queue = 0; queue < peer->queue_count; queue++) {
		struct rte_mbuf *mbufs[64];
		unsigned count = rte_eth_rx_burst(peer->port, queue, mbufs, 64);

		for (unsigned i = 0; i < count; i++) {
			peer->received++;
			reply(peer, mbufs[i], now);
			rte_pktmbuf_free(mbufs[i]);
		}
	}
	for (unsigned i = 0; i < peer->held_count; i++) {
		uint16_t queue = (uint16_t)(i % peer->queue_count);

		if (peer->held[i].due > now ||
		    rte_eth_tx_burst(peer->port, queue, &peer->held[i].mbuf, 1) == 0) {
			peer->held[kept++] = peer->held[i];
		}
	}
	peer->held_count = kept;
}

ns_t peer_next(const struct peer *peer)
{
	ns_t next = NS_NEVER;

	for (unsigned i = 0; i < peer->held_count; i++) {
		next = peer->held[i].due < next ? peer->held[i].due : next;
	}
	return next;
}

void peer_flush(struct peer *peer)
{
	for (unsigned i = 0; i < peer->held_count; i++) {
		rte_pktmbuf_free(peer->held[i].mbuf);
	}
	peer->held_count = 0;
	for (int end = 0; end < 2; end++) {
		for (uint16_t queue = 0; queue < QUEUES; queue++) {
			struct rte_mbuf *mbuf;

			while (rte_eth_rx_burst(opened[end], queue, &mbuf, 1) == 1) {
				rte_pktmbuf_free(mbuf);
			}
		}
	}
}

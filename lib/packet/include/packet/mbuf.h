#pragma once
// What senders, receivers and the model do alike with the buffers of their frames. Inline; the caller owns
// the buffers, any thread that may use their pool.

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stdint.h>

/** The flags of a frame whose checksums are known to be good, of IP and of what it carries. A NIC sets them,
 * and so does whoever wrote the frame: who gets the buffer itself, over rings, need not check what was
 * written just now, and drivers of other ports don't look at them. */
#define PACKET_MARKS_GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

/** Whether a frame has both marks. */
static inline bool packet_is_marked_good(const struct rte_mbuf *mbuf)
{
	return (mbuf->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK)) ==
	       PACKET_MARKS_GOOD;
}

// A frame that goes back to `pool` as it is: whole in one buffer of its own, which nobody else holds.
static inline bool packet_is_plain(struct rte_mbuf *frame, const struct rte_mempool *pool)
{
	return frame->pool == pool && frame->next == NULL && rte_mbuf_refcnt_read(frame) == 1 &&
	       RTE_MBUF_DIRECT(frame);
}

/**
 * Free frames. One alone, as at low rates and in virtual time, needs no gathering by pool. Plain frames of
 * one pool, as nearly all bursts are, need none either; DPDK's way begins with the first that is something
 * else.
 */
static inline void packet_free(struct rte_mbuf **frames, unsigned count)
{
	unsigned plain = 0;

	if (count == 1) {
		rte_pktmbuf_free(frames[0]);
		return;
	}
	while (plain < count && packet_is_plain(frames[plain], frames[0]->pool)) {
		plain++;
	}
	if (plain > 0) {
		rte_mempool_put_bulk(frames[0]->pool, (void **)frames, plain);
	}
	if (plain < count) {
		rte_pktmbuf_free_bulk(frames + plain, count - plain);
	}
}

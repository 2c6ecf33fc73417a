// Frames that came to the queue of another receiver than their tuple's: the port spreads replies by a hash of
// its own, and tuples belong to receivers by number. They go on over a ring, with the time at which they
// came.
#include "receiving.h"

#include <rte_ring_elem.h>

// A frame that finds no room is our own box's loss, not the network's: it is counted as that.
static void hand_to(struct worker_receiver *receiver, const struct worker_peer *peer,
                    const struct worker_frame *frames, unsigned count)
{
	unsigned taken = rte_ring_sp_enqueue_burst_elem(peer->to, frames, sizeof(*frames), count, NULL);

	receiver->stats->counters[STATS_DISPATCH_DROPPED] += count - taken;
	for (unsigned i = taken; i < count; i++) {
		rte_pktmbuf_free(frames[i].mbuf);
	}
}

void receiver_dispatch(struct worker_receiver *receiver, const struct worker_away *away, unsigned count,
                       ns_t now)
{
	struct worker_frame frames[WORKER_RECEIVE_BURST];

	receiver->stats->counters[STATS_RX_WRONG_QUEUE] += count;
	for (unsigned i = 0; i < receiver->peer_count && count > 0; i++) {
		const struct worker_peer *peer = &receiver->peers[i];
		unsigned number = 0;

		for (unsigned k = 0; k < count; k++) {
			if (away[k].tuple - peer->first_tuple < peer->tuple_count) {
				frames[number++] = (struct worker_frame){away[k].mbuf, now};
			}
		}
		if (number > 0) {
			hand_to(receiver, peer, frames, number);
		}
	}
}

// A query is lost only when no receiver may hold its answer: a thread that lost its CPU leaves frames in its
// queues, and the other threads' clocks go on. The acquire load comes before the rings are read, and what was
// handed over by then lies in them.
ns_t worker_receiver_horizon(const struct worker_receiver *receiver, ns_t now)
{
	ns_t horizon = now;

	for (unsigned i = 0; i < receiver->peer_count; i++) {
		ns_t drained = atomic_load_explicit(receiver->peers[i].drained, memory_order_acquire);

		horizon = drained < horizon ? drained : horizon;
	}
	// The in-flight table tells times apart that are a second ahead of its `now`, no more.
	return horizon + WORKER_LAG_MAX > now ? horizon : 0;
}

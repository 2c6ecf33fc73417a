#pragma once
// A turn of a receiver, as a lcore of staleflow run takes it. The receiver's thread.

#include "bench.h"
#include "worker/team.h"

/** Take what has come and end what has expired. Returns how many frames came. */
static inline unsigned bench_take_turn(struct worker_receiver *receiver, const struct bench_clock *clock)
{
	struct rte_mbuf *frames[WORKER_RECEIVE_BURST];
	ns_t began = bench_now(clock), horizon, now;
	unsigned total = 0;
	bool more = false;

	for (uint16_t queue = 0; queue < receiver->queue_count; queue++) {
		unsigned count = worker_receiver_poll(receiver, queue, frames);

		if (count > 0) {
			worker_receiver_handle(receiver, frames, count, bench_now(clock));
		}
		total += count;
	}
	worker_receiver_drained(receiver, began);
	horizon = worker_receiver_horizon(receiver, bench_now(clock));
	worker_receiver_take(receiver, &more);
	now = bench_now(clock);
	worker_receiver_expire(receiver, now < horizon ? now : horizon);
	return total;
}

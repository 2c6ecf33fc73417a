#pragma once
// What the parts of the receiver share: receiver.c (from burst to outcome), losses.c (what expires),
// dispatch.c (what goes to other receivers). Private to the room; the receiver's lcore only.

#include "worker/receiver.h"

/** A frame of a tuple that another receiver serves. */
struct worker_away {
	struct rte_mbuf *mbuf;
	uint32_t tuple;
};

/** Hand frames that came at `now` to the receivers of their tuples; what finds no room is counted and freed.
 */
void receiver_dispatch(struct worker_receiver *receiver, const struct worker_away *away, unsigned count,
                       ns_t now);

/** End as lost, in all its senders' tables, what has expired at `now`. */
void receiver_expire(struct worker_receiver *receiver, ns_t now);

static inline void receiver_count(struct worker_receiver *receiver, enum stats_receiver_counter counter)
{
	receiver->stats->counters[counter]++;
}

static inline bool receiver_serves(const struct worker_receiver *receiver, uint32_t tuple)
{
	return tuple - receiver->first_tuple < receiver->tuple_count;
}

/** Tuples are numbered worker by worker, so the tables' ranges lie one behind the other. */
static inline struct worker_link *receiver_link(const struct worker_receiver *receiver, uint32_t tuple)
{
	struct worker_link *link = receiver->links;

	while (tuple - link->table->first_tuple >= link->table->tuple_count) {
		link++;
	}
	return link;
}

static inline void receiver_completed(struct worker_link *link, unsigned queries)
{
	// Single writer: a plain load and a release store.
	atomic_store_explicit(&link->completed,
	                      atomic_load_explicit(&link->completed, memory_order_relaxed) + queries,
	                      memory_order_release);
}

/** With one cohort nothing needs to be looked up, which would miss the cache for each random tuple. */
static inline unsigned receiver_cohort(const struct worker_receiver *receiver, uint32_t tuple)
{
	return receiver->space->cohort_count > 1 ? flow_space_cohort_of(receiver->space, tuple) : 0;
}

/** Bring what the outcome of a query on this tuple is filed in. Always inlined: see match_prefetch. */
__attribute__((always_inline)) static inline void
receiver_prefetch_books(const struct worker_receiver *receiver, uint32_t tuple)
{
	__builtin_prefetch(&receiver->ledger[tuple], 1);
	if (receiver->space->cohort_count > 1) {
		flow_space_prefetch(receiver->space, tuple);
	}
}

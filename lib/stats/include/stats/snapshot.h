#pragma once
// A snapshot: the sum of all lcores' counters at one moment. The only input of every report. Owned by the
// main lcore; plain numbers, so snapshots of several boxes add up exactly.

#include "stats/counters.h"

/** One cohort's totals, derived from its cells. */
struct stats_totals {
	uint64_t sent;
	uint64_t answered, refused, lost, late;
	uint64_t outstanding;          ///< sent - answered - refused - lost: never negative
	uint64_t slow[STATS_TIMEOUTS]; ///< as in struct stats_cell
	uint64_t slow_refused[STATS_TIMEOUTS];
};

struct stats_snapshot {
	struct stats_shape shape;
	ns_t at;            ///< when it was taken
	uint32_t intervals; ///< those below this number were copied; nothing is in the others
	uint64_t sender[STATS_SENDER_COUNTERS];
	uint64_t receiver[STATS_RECEIVER_COUNTERS];
	uint64_t rcodes[STATS_RCODES + 1];
	struct stats_totals total;
	struct stats_totals *cohorts;               ///< [shape.cohorts]
	uint64_t (*sent_by_age)[STATS_AGE_CLASSES]; ///< [cohort][class]
	struct stats_cell (*by_age)[STATS_AGE_CLASSES];
	uint64_t *sent_by_interval; ///< [cohort * intervals + interval]
	struct stats_cell *by_interval;
	struct stats_histogram *latency; ///< [cohort]
	struct stats_histogram latency_all;
	struct stats_histogram pacing;
	struct stats_backend
	        *backends; ///< merged by name, [backend_count], sorted by name; those not seen are left out
	unsigned backend_count;
};

/** Allocate an empty snapshot of a shape. Returns 0 or -ENOMEM. Release frees it; a zeroed one may be
 * released. */
int stats_snapshot_init(struct stats_snapshot *snapshot, const struct stats_shape *shape,
                        struct error *error);
void stats_snapshot_release(struct stats_snapshot *snapshot);

/**
 * Take a snapshot, over what the struct held. The lcores may be counting meanwhile: outstanding = sent -
 * ended >= 0 in every cell, since receivers are read before senders. Intervals are read up to the one after
 * that of `now` (an lcore's clock may be read a little later), so what is older than the run is never copied;
 * at the end of a run pass a `now` past all sending.
 */
void stats_snapshot_take(struct stats_snapshot *snapshot, const struct stats_sender *const *senders,
                         unsigned sender_count, const struct stats_receiver *const *receivers,
                         unsigned receiver_count, ns_t now);

/**
 * Add `from` to `into`; both have the same shape (start may differ: interval 0 is added to interval 0).
 * Returns 0, or -EINVAL and leaves `into` as it was.
 */
int stats_snapshot_sum(struct stats_snapshot *into, const struct stats_snapshot *from);

/** Totals of one interval (cohort < 0: all cohorts). */
struct stats_totals stats_snapshot_interval(const struct stats_snapshot *snapshot, int cohort,
                                            uint32_t interval);

/** Totals of the age classes [first, last] (cohort < 0: all cohorts). */
struct stats_totals stats_snapshot_ages(const struct stats_snapshot *snapshot, int cohort, unsigned first,
                                        unsigned last);

/**
 * What a run with timeout i alone would have counted: answered within it, refused within it, lost (answers
 * after it are `late`); queries in flight stay outstanding although some are older than timeout i.
 */
struct stats_totals stats_at_timeout(const struct stats_totals *totals, unsigned timeout);

/**
 * Check sent = answered + refused + lost + outstanding, outstanding >= 0: over the totals, every cohort, age
 * class and interval. `in_flight` UINT64_MAX: the lcores were running, and no more than that holds. Else they
 * stood still, and `in_flight` is match_outstanding's independent count: outstanding equals it, the sums over
 * ages and over intervals agree, what is counted "of the answered" or "of the lost" is no more than those,
 * and the histograms hold every answer. Returns 0, or -EPROTO with the first contradiction in `error`.
 */
int stats_snapshot_check(const struct stats_snapshot *snapshot, uint64_t in_flight, struct error *error);

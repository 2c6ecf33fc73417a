#pragma once
// The pacer: when one TX lcore sends its queries, open loop. Query k of a run is due when the profile's
// integral reaches k, so the first is due at the start; worker i of W has the queries i, i + W, i + 2W, ...:
// the workers together keep the profile and are staggered evenly. Deadlines are computed from the schedule,
// never from when something was sent: nothing drifts. A constant rate costs one 128-bit addition a query (64
// fractional bits of a nanosecond), a ramp one square root.
//
// When a pacer is behind by more than `max_lag` it gives up what is overdue and counts it as skipped, instead
// of catching up in a burst (dnsperf #224). Taken + skipped is always the number of deadlines passed. One
// owner: the TX lcore.

#include "base/units.h"
#include "load/profile.h"

#include <stdbool.h>
#include <stdint.h>

/** The most queries that are due at once: a burst of the data path. */
#define LOAD_BURST_MAX 32

/** A time with 64 fractional bits of a nanosecond. */
struct load_time {
	ns_t ns;
	uint64_t fraction;
};

/** Fields are private to the room; they stand here so that the struct may lie in the worker's own memory. */
struct load_pacer {
	const struct load_profile *profile;
	ns_t start;
	ns_t max_lag;
	unsigned worker;
	unsigned workers;
	ns_t now; ///< of the latest load_pacer_due()
	uint64_t taken;
	uint64_t skipped;

	// The next deadline to compute: query `k`, in segment `segment` of round `round`.
	uint64_t k;
	unsigned segment;
	uint64_t round;
	ns_t round_start; ///< since the start of the run
	struct load_count round_before;
	uint64_t segment_end; ///< first k that is not in the segment any more
	struct load_time due;
	struct load_time step; ///< between two deadlines of this worker, at a constant rate
	bool finished;         ///< no deadline any more
	bool unlimited;        ///< in an unlimited segment: due until its end
	ns_t unlimited_end;

	// Deadlines computed and not taken yet: a ring.
	unsigned head;
	unsigned ahead;
	ns_t deadlines[LOAD_BURST_MAX];
};

/**
 * Start the schedule of `worker` (0..workers-1) at `start`. `profile` is borrowed for the pacer's life.
 * `max_lag` > 0: about the longest stall that is made good, e.g. 10 ms; it must be longer than the interval
 * at which due() is called.
 */
void load_pacer_init(struct load_pacer *pacer, const struct load_profile *profile, unsigned worker,
                     unsigned workers, ns_t start, ns_t max_lag);

/** How many queries are due at `now`, at most `max` and LOAD_BURST_MAX. `now` never goes back. Skips when too
 * late. */
unsigned load_pacer_due(struct load_pacer *pacer, ns_t now, unsigned max);

/**
 * Take one of the queries that load_pacer_due() announced and return its deadline, which is not after that
 * call's `now`. In an unlimited segment the deadline is `now` itself.
 */
ns_t load_pacer_take(struct load_pacer *pacer);

/** Take the first `count` queries that were announced, and write how late `now` is for each. */
void load_pacer_take_late(struct load_pacer *pacer, unsigned count, ns_t now, ns_t *late);

/** In an unlimited segment: take `count` of the queries that are due, at `now` itself, and return true. False
 * elsewhere: nothing is taken. */
static inline bool load_pacer_take_unlimited(struct load_pacer *pacer, unsigned count)
{
	bool unlimited = pacer->unlimited && pacer->ahead == 0;

	pacer->taken += unlimited ? count : 0;
	return unlimited;
}

/** The deadline of the next query; NS_NEVER after the last. In an unlimited segment the latest `now`: at
 * once. */
ns_t load_pacer_next(const struct load_pacer *pacer);

static inline uint64_t load_pacer_taken(const struct load_pacer *pacer)
{
	return pacer->taken;
}

/** Queries given up because they were late by more than max_lag. */
static inline uint64_t load_pacer_skipped(const struct load_pacer *pacer)
{
	return pacer->skipped;
}

/**
 * How many packets to hand over at once at this rate (of one worker): 1 up to 10,000 q/s, so that each leaves
 * at its own deadline, then one for each 10,000 q/s: a burst spans 100 us at most. LOAD_BURST_MAX from
 * 320,000 q/s on.
 */
unsigned load_pacer_burst(double rate_qps);

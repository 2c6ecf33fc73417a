#pragma once
// The mixer: which cohort sends the next query, by shares. One mixer a worker, owned and called by its TX
// lcore. Deterministic: after any number of turns each cohort has had its share of them within one. The turns
// are R. Tijdeman's ("The chairman assignment problem", 1980): among the cohorts that are not ahead of their
// share the one whose next turn is due first.

#include "base/error.h"
#include "flow/space.h"

#include <stdbool.h>
#include <stdint.h>

/** No cohort can send. */
#define FLOW_MIXER_NONE UINT32_MAX

/** Shares are kept in units of 2^-30: exact within one turn for 2^30 turns of any shares. */
#define FLOW_MIXER_ONE (INT64_C(1) << 30)

struct flow_mixer {
	unsigned count;
	uint32_t turn;                     ///< cohort whose turn it is
	uint64_t passed;                   ///< bit mask of cohorts that can't send in this turn
	int64_t weights[FLOW_COHORTS_MAX]; ///< sum to FLOW_MIXER_ONE
	int64_t credits[FLOW_COHORTS_MAX]; ///< turns * weight - own turns * FLOW_MIXER_ONE, this turn
	                                   ///< included; sum to ONE
};

/**
 * Start with `shares` (> 0, relative) of `count` cohorts, 1..FLOW_COHORTS_MAX. A share below 2^-30 of the sum
 * counts as that. Returns 0 or -EINVAL.
 */
int flow_mixer_init(struct flow_mixer *mixer, const double *shares, unsigned count, struct error *error);

// What the inline functions below leave to others: turns of several cohorts, and a turn that was passed on.
uint32_t flow_mixer_after_pass(const struct flow_mixer *mixer);
void flow_mixer_turn(struct flow_mixer *mixer);

/**
 * The cohort that is to send the next query: the one whose turn it is, or the one in its place after
 * flow_mixer_pass(). FLOW_MIXER_NONE when all have passed. The same until take() or pass().
 */
static inline uint32_t flow_mixer_next(const struct flow_mixer *mixer)
{
	return mixer->passed == 0 ? mixer->turn : flow_mixer_after_pass(mixer);
}

/**
 * The cohort that next() named can't send now: the turn goes to the cohort that would be next. The owner of
 * the turn has had it all the same, so that it doesn't catch up in a burst later. To hold the turn back for
 * its owner, don't call anything.
 */
void flow_mixer_pass(struct flow_mixer *mixer);

/** The cohort that next() named has sent (or, with FLOW_MIXER_NONE, nobody can): on to the next turn. */
static inline void flow_mixer_take(struct flow_mixer *mixer)
{
	if (mixer->count > 1) {
		flow_mixer_turn(mixer);
	} else {
		mixer->passed = 0;
	}
}

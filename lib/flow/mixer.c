#include "flow/mixer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

// True when `a`'s next turn is due before `b`'s: (ONE - credit) / weight turns from now, compared without
// dividing.
static bool due_before(const struct flow_mixer *mixer, uint32_t a, uint32_t b)
{
	return (FLOW_MIXER_ONE - mixer->credits[a]) * mixer->weights[b] <
	       (FLOW_MIXER_ONE - mixer->credits[b]) * mixer->weights[a];
}

// The cohort whose turn is due first of those not in `passed`; those that are behind their share before those
// ahead.
static uint32_t first_due(const struct flow_mixer *mixer, uint64_t passed)
{
	uint32_t best = FLOW_MIXER_NONE;

	for (uint32_t i = 0; i < mixer->count; i++) {
		bool behind = mixer->credits[i] > 0;

		if ((passed >> i & 1) != 0) {
			continue;
		}
		if (best == FLOW_MIXER_NONE || behind > (mixer->credits[best] > 0) ||
		    (behind == (mixer->credits[best] > 0) && due_before(mixer, i, best))) {
			best = i;
		}
	}
	return best;
}

static void begin_turn(struct flow_mixer *mixer)
{
	for (uint32_t i = 0; i < mixer->count; i++) {
		mixer->credits[i] += mixer->weights[i];
	}
	mixer->passed = 0;
	mixer->turn = first_due(mixer, 0);
}

int flow_mixer_init(struct flow_mixer *mixer, const double *shares, unsigned count, struct error *error)
{
	double sum = 0;
	int64_t rest = FLOW_MIXER_ONE;
	uint32_t largest = 0;

	memset(mixer, 0, sizeof(*mixer));
	if (count == 0 || count > FLOW_COHORTS_MAX) {
		return error_set(error, -EINVAL, "%u cohorts; 1 to %u are allowed", count, FLOW_COHORTS_MAX);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!(shares[i] > 0) || !isfinite(shares[i])) {
			return error_set(error, -EINVAL, "share %g of cohort %u; a share is a number above 0",
			                 shares[i], i);
		}
		sum += shares[i];
	}
	mixer->count = count;
	for (unsigned i = 0; i < count; i++) {
		mixer->weights[i] = llround(shares[i] / sum * (double)FLOW_MIXER_ONE);
		if (mixer->weights[i] == 0) {
			mixer->weights[i] = 1;
		}
		rest -= mixer->weights[i];
		largest = mixer->weights[i] > mixer->weights[largest] ? i : largest;
	}
	mixer->weights[largest] += rest; // a rounding error of count / 2 units at most
	begin_turn(mixer);
	return 0;
}

uint32_t flow_mixer_after_pass(const struct flow_mixer *mixer)
{
	return first_due(mixer, mixer->passed);
}

void flow_mixer_pass(struct flow_mixer *mixer)
{
	uint32_t cohort = flow_mixer_next(mixer);

	if (cohort != FLOW_MIXER_NONE) {
		mixer->passed |= UINT64_C(1) << cohort;
	}
}

void flow_mixer_turn(struct flow_mixer *mixer)
{
	mixer->credits[mixer->turn] -= FLOW_MIXER_ONE;
	begin_turn(mixer);
}

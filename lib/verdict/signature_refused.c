#include "signature_private.h"

#include <math.h>
#include <stdio.h>

// Fewer refusals show nothing.
#define COUNT_MIN 5.0

// Where refusals come all the while that queries fail, the silent ones beside them are the same server's.
#define MOST 0.8

// Refusals that are so few of the failures, and over before these, are of a server on its way out: its port
// closed a moment before its host was gone.
#define FEW 0.2

// A share of the failures that is not worth a word.
#define LITTLE 0.05

#define PERCENT 100.0

/** Before (0) and after the event (1); without one all of the run is after. */
struct refusals {
	double sent[2];
	double failed[2];
	double closed[2];
};

static unsigned when(const struct judge *judge, const struct verdict_slice *slice)
{
	return !judge->evidence->event || slice->to > 0;
}

static void sum_up(const struct judge *judge, struct refusals *sums)
{
	*sums = (struct refusals){0};
	for (size_t i = 0; i < judge->evidence->slice_count; i++) {
		const struct verdict_slice *slice = &judge->evidence->slices[i];
		unsigned after = when(judge, slice);

		sums->sent[after] += (double)slice->sent;
		sums->failed[after] += (double)(slice->lost + slice->refused);
		sums->closed[after] += (double)slice->closed;
	}
}

/**
 * What failed after the event beyond what failed before it, in all and from the first refusal to the last.
 * Kernels limit the rate of ICMP errors, so that most of what a closed port refuses may be silent.
 */
void judge_failures(struct judge *judge)
{
	const struct verdict_slice *slices = judge->evidence->slices;
	size_t first = judge->evidence->slice_count, last = 0;
	struct refusals sums;
	double base, inside = 0;

	sum_up(judge, &sums);
	base = sums.sent[0] > 0 ? sums.failed[0] / sums.sent[0] : 0;
	judge->excess = fmax(0, sums.failed[1] - base * sums.sent[1]);
	for (size_t i = 0; i < judge->evidence->slice_count; i++) {
		if (when(judge, &slices[i]) == 1 && slices[i].closed > 0) {
			first = first < i ? first : i;
			last = i;
		}
	}
	for (size_t i = first; i <= last && i < judge->evidence->slice_count; i++) {
		inside += (double)(slices[i].lost + slices[i].refused) - base * (double)slices[i].sent;
	}
	judge->accompanied = judge->excess > 0 ? fmin(1, fmax(0, inside) / judge->excess) : 0;
}

bool judge_is_closed(const struct judge *judge)
{
	return judge->accompanied >= MOST;
}

enum signature_fit signature_refused(const struct judge *judge, struct verdict_finding *finding)
{
	struct refusals sums;
	double before, failed;
	int length;

	sum_up(judge, &sums);
	if (sums.sent[1] <= 0) {
		return SIGNATURE_DIFFERS;
	}
	before = sums.sent[0] > 0 ? sums.closed[0] / sums.sent[0] : 0;
	finding->effect = verdict_wilson(fmin(sums.closed[1], sums.sent[1]), sums.sent[1], judge->confidence);
	// Without a time before there is nothing that refuses by chance.
	finding->p_value = sums.sent[0] > 0
	                           ? verdict_difference_test((uint64_t)fmin(sums.closed[1], sums.sent[1]),
	                                                     (uint64_t)sums.sent[1],
	                                                     (uint64_t)fmin(sums.closed[0], sums.sent[0]),
	                                                     (uint64_t)sums.sent[0])
	                   : sums.closed[1] >= COUNT_MIN ? 0
	                                                 : 1;
	failed = fmax(judge->excess, sums.closed[1]);
	length = snprintf(
	        finding->statement, sizeof(finding->statement),
	        "%.3g %% of the queries are refused by ICMP port unreachable (before the event: %.3g "
	        "%%)",
	        finding->effect.estimate * PERCENT, before * PERCENT);
	if (failed - sums.closed[1] > LITTLE * failed) {
		snprintf(
		        finding->statement + length, sizeof(finding->statement) - (size_t)length,
		        judge_is_closed(judge)
		                ? ", and about %.3g %% fail beside them without a word, as where the rate of "
		                  "ICMP errors is limited"
		                : ", and about %.3g %% fail otherwise, most of them when nothing was refused",
		        (failed - sums.closed[1]) / sums.sent[1] * PERCENT);
	}
	if (sums.closed[1] < COUNT_MIN || finding->effect.estimate <= before) {
		return SIGNATURE_DIFFERS;
	}
	return judge_is_closed(judge) || (sums.closed[1] > FEW * failed &&
	                                  finding->effect.estimate > judge->least_effect)
	               ? SIGNATURE_FITS
	               : SIGNATURE_DIFFERS;
}

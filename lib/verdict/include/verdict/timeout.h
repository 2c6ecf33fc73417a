#pragma once
// The IPVS UDP timeout from losses by reuse age: P(lost | age a) is `young` up to T, falls linearly over the
// timer's granule g and is `old` from T + g on. Pure function of its arguments; memory is taken and given
// back within the call; any thread.
//
// Each tuple is to be probed once after the event ("sweep"): a probe of a weight-0 flow refreshes it, and
// lazy expiry loses one query a tuple. Observations count as independent, so where tuples repeat pass their
// design effect.
//
// The interval is no textbook one. With a sharp step T is not regular: the likelihood is a staircase, its
// width falls as 1/n, and twice the log ratio is not chi-square. With a wide granule it nearly is. Both are
// families shifted by T, and there the interval that holds the middle 95 % of the likelihood over T (a flat
// prior's posterior) is exact in the limit, so that is what is reported: a likelihood interval whose
// threshold the data calibrate. The levels are maximised over, the granule is averaged over what kernels have
// (HZ of 100, 250, 300 and 1000).
// That counts on chance having dealt the ages to the removed server and the others, which a policy with a
// pattern of its own can undo (flow/sweep.c shuffles for that reason).
// In 8,200 simulated sweeps (T of 2..300 s, HZ of 100, 250 and 1000, k of 2..5, base loss up to 1 %) the 95 %
// interval held the truth in 95.5, 95.1, 95.1 and 95.6 % of those with 300, 1,000, 5,000 and 20,000 queries.

#include "verdict/interval.h"

#include <stddef.h>
#include <stdint.h>

/** What became of queries of one reuse age (low = high), or of ages spread over a bin (low < high). Seconds.
 */
struct verdict_age {
	double low;
	double high;
	uint64_t sent;
	uint64_t lost;
};

struct verdict_timeout_options {
	double confidence;     ///< of the intervals, (0, 1); 0: 0.95
	double hz;             ///< ticks a second of the director's kernel; 0: not known
	double design_effect;  ///< queries to one independent query, >= 1; 0: 1
	uint64_t control_sent; ///< queries on fresh tuples in the same time, for the base loss; 0: none
	uint64_t control_lost;
	double base_loss_limit; ///< without a control: a level loss above this is not base loss; 0: 0.02
	double expected_loss;   ///< the loss that young ages should show, 1/k; 0: not known
};

enum verdict_timeout_answer {
	VERDICT_TIMEOUT_NOT_ENOUGH, ///< fewer than 30 queries
	VERDICT_TIMEOUT_NONE,       ///< the loss doesn't depend on the age
	VERDICT_TIMEOUT_AT_LEAST,   ///< all ages lose: only `timeout.low` is known
	VERDICT_TIMEOUT_AT_MOST,    ///< no age loses, though young ones should: only `timeout.high` is known
	VERDICT_TIMEOUT_STEP,       ///< the step was seen
};

struct verdict_timeout {
	enum verdict_timeout_answer answer;
	struct verdict_interval
	        timeout;       ///< T in seconds; `estimate` is the likelihood's median; NAN where not known
	double ratio;          ///< 2 ln (likelihood with a step / without one); a step needs 16
	double hz;             ///< the likeliest HZ of the director
	double hz_probability; ///< how much of the likelihood speaks for it, 0..1
	double granularity;    ///< g at that HZ and the estimate, seconds
	struct verdict_interval young;   ///< loss at ages up to T
	struct verdict_interval old;     ///< loss at ages from T + g on, the control's included
	struct verdict_interval servers; ///< k from the two levels; `high` may be INFINITY
};

/**
 * Estimate the timeout from `count` observations in any order: points, or bins that do not overlap. Returns
 * 0; -EINVAL for overlapping bins, more lost than sent or options out of range; -ENOMEM.
 */
int verdict_timeout_estimate(const struct verdict_age *ages, size_t count,
                             const struct verdict_timeout_options *options, struct verdict_timeout *out);

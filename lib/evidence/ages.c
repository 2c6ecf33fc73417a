#include "private.h"

#include "base/random.h"
#include "verdict/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// The shortest timeout that IPVS can have, and one that is longer than the kernel's own 300 s and its
// granule.
#define TIMEOUT_MIN  1.0
#define TIMEOUT_LONG 340.0
#define TIMEOUT_OWN  300.0

// The widest granule there is relative to its timeout: 8^n in 63 * 8^(n - 1) ticks (kernel/time/timer.c).
#define GRANULE_MAX (8.0 / 63.0)

// A threshold divides spells well when it is wrong about so few, and enough of them ended.
#define WRONG_MAX 0.1
#define ENDED_MIN 10

// With even rests both thresholds divide; a weight-0 server's entries would end each at its own time, so that
// kept ones explain it, but for chance losses.
#define WRONG_MORE 0.05

// A tuple that is answered again in this part of the time that the others stay dead had lost a query by
// chance.
#define CHANCE 0.5

// Ages are drawn between these parts of what was seen.
#define PART_LOW  0.02
#define PART_HIGH 0.98

/** Whether one threshold divides what a dead tuple outlasted from what it did not. */
struct threshold {
	bool found;
	double low, high; ///< it lies between
	double wrong;     ///< share of the observations that it is wrong about
};

static int by_value(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

// How many of the sorted values are at most `limit`.
static size_t at_most(const double *values, size_t count, double limit)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (values[middle] <= limit) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static struct threshold divide(double *outlasted, size_t outlasted_count, double *ended, size_t ended_count)
{
	struct threshold best = {.wrong = INFINITY};

	qsort(outlasted, outlasted_count, sizeof(*outlasted), by_value);
	qsort(ended, ended_count, sizeof(*ended), by_value);
	for (size_t i = 0; i < ended_count; i++) {
		size_t below = at_most(outlasted, outlasted_count, ended[i] * (1 + GRANULE_MAX));
		double wrong =
		        (double)(outlasted_count - below + i) / (double)(outlasted_count + ended_count);

		if (wrong < best.wrong) {
			best.wrong = wrong;
			best.high = ended[i];
			best.low = below > 0 ? fmin(outlasted[below - 1], ended[i]) : 0;
		}
	}
	best.found = ended_count >= ENDED_MIN && best.wrong <= WRONG_MAX && best.high >= TIMEOUT_MIN;
	return best;
}

// Kept entries live for one timeout after the last answer; those of a weight-0 server for one timeout after
// the last query.
static int find_thresholds(const struct evidence_work *work, struct threshold *kept,
                           struct threshold *refreshed)
{
	size_t count = work->dead_count, ended = 0;
	double *outlasted = (double *)malloc((count + 1) * sizeof(*outlasted));
	double *ends = (double *)malloc((count + 1) * sizeof(*ends));

	if (outlasted == NULL || ends == NULL) {
		free(outlasted);
		free(ends);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		outlasted[i] = work->dead[i].last;
		if (isfinite(work->dead[i].healed)) {
			ends[ended++] = work->dead[i].healed;
		}
	}
	*kept = divide(outlasted, count, ends, ended);
	ended = 0;
	for (size_t i = 0; i < count; i++) {
		outlasted[i] = work->dead[i].widest;
		if (isfinite(work->dead[i].healed)) {
			ends[ended++] = work->dead[i].healed - work->dead[i].last;
		}
	}
	*refreshed = divide(outlasted, count, ends, ended);
	free(outlasted);
	free(ends);
	return 0;
}

static int part_of(const struct evidence_work *work, double part, bool healed, double *out)
{
	double *values = (double *)malloc((work->dead_count + 1) * sizeof(*values));
	size_t count = 0;

	if (values == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < work->dead_count; i++) {
		double value = healed ? work->dead[i].healed : work->dead[i].last;

		if (isfinite(value)) {
			values[count++] = value;
		}
	}
	qsort(values, count, sizeof(*values), by_value);
	*out = count > 0 ? values[(size_t)(part * (double)(count - 1))] : 0;
	free(values);
	return 0;
}

// One age a dead tuple, drawn without regard to what became of it: had its entry gone by then? Where the
// tuple was not queried between, the answer is not known. Ages well outside tell the two levels.
static int draw_ages(struct evidence_work *work, const struct threshold *kept, struct verdict_age **out,
                     size_t *count)
{
	struct verdict_age *ages = (struct verdict_age *)malloc((3 * work->dead_count + 1) * sizeof(*ages));
	struct random random;
	double low, high;
	int rc = part_of(work, PART_LOW, false, &low);

	if (rc == 0) {
		rc = part_of(work, PART_HIGH, true, &high);
	}
	if (ages == NULL || rc < 0) {
		free(ages);
		return -ENOMEM;
	}
	random_seed(&random, work->dead_count, 0);
	*count = 0;
	for (size_t i = 0; i < work->dead_count; i++) {
		const struct evidence_dead *dead = &work->dead[i];
		double drawn[] = {0.5 * low, low + (high - low) * random_double(&random), 1.2 * high};

		if (dead->healed < CHANCE * kept->high) {
			continue;
		}
		for (unsigned k = 0; k < sizeof(drawn) / sizeof(drawn[0]); k++) {
			bool lost = drawn[k] >= dead->first && drawn[k] <= dead->last;

			if (lost || drawn[k] >= dead->healed) {
				ages[(*count)++] = (struct verdict_age){drawn[k], drawn[k], 1, lost};
			}
		}
	}
	*out = ages;
	return 0;
}

static int estimate(const struct evidence_work *work, struct verdict_age *ages, size_t count, bool with_clean,
                    struct verdict_timeout *out)
{
	struct verdict_timeout_options options = {
	        .confidence = work->confidence,
	        .control_sent = with_clean ? work->out->verdict.clean.trials : 0,
	        .control_lost = with_clean ? work->out->verdict.clean.events : 0,
	};

	return verdict_timeout_estimate(ages, count, &options, out);
}

// Where the timeout surely has passed; INFINITY: nobody knows. `kept` NULL: it isn't what divides them.
static double past_end(struct evidence_work *work, const struct verdict_timeout *timeout,
                       const struct threshold *kept, const struct threshold *refreshed)
{
	double longest = 0;

	if (timeout->answer == VERDICT_TIMEOUT_STEP) {
		// One interval in forty ends below the timeout; where most spells ended, of which this one
		// was drawn, is no such matter.
		bool is_drawn = kept != NULL && work->out->verdict.since_use_drawn;
		double high = fmax(timeout->timeout.high, is_drawn ? kept->high : 0);

		return high + fmax(timeout->granularity, verdict_model_granularity(high, 1000));
	}
	if (kept == NULL && refreshed->found) {
		work->out->verdict.timeout = refreshed->high;
		return refreshed->high * (1 + GRANULE_MAX);
	}
	for (size_t i = 0; i < work->dead_count; i++) {
		longest = fmax(longest, work->dead[i].last);
	}
	if (longest < TIMEOUT_LONG) {
		return INFINITY;
	}
	// Nobody sets a timeout above the kernel's own.
	work->out->verdict.timeout = TIMEOUT_OWN;
	return TIMEOUT_LONG;
}

// Entries that lost a query at this age were alive: the timeout is no shorter, but for its granule.
static double oldest_first(const struct evidence_work *work)
{
	double *values = (double *)malloc((work->dead_count + 1) * sizeof(*values));
	double oldest;

	if (values == NULL || work->dead_count == 0) {
		free(values);
		return 0;
	}
	for (size_t i = 0; i < work->dead_count; i++) {
		values[i] = work->dead[i].first;
	}
	qsort(values, work->dead_count, sizeof(*values), by_value);
	oldest = values[(size_t)(PART_HIGH * (double)(work->dead_count - 1))] / (1 + GRANULE_MAX);
	free(values);
	return oldest;
}

// One loss a tuple is lazy expiry as well as a timeout between the first query and the second.
static bool most_lost_twice(const struct evidence_work *work)
{
	size_t twice = 0, queried = 0;

	for (size_t i = 0; i < work->dead_count; i++) {
		twice += !work->dead[i].once;
		queried += isfinite(work->dead[i].second);
	}
	return 2 * twice > queried;
}

static void count_past(struct evidence_work *work, double end)
{
	struct verdict_evidence *verdict = &work->out->verdict;
	double reach = ns_to_seconds(work->input->end - work->out->changed_at);

	for (size_t i = 0; i < work->dead_count; i++) {
		const struct evidence_dead *dead = &work->dead[i];
		bool lost = dead->last > end;

		// One that lost its first query later than that lost it by chance.
		if (dead->first >= end) {
			continue;
		}
		if (lost || (isfinite(dead->healed) && end < reach)) {
			verdict->past_sent++;
			verdict->past_lost += lost;
		}
	}
}

// The second query of a tuple that lost one. It tells only while the entry could still be there.
static void count_again(struct evidence_work *work, double limit)
{
	struct verdict_evidence *verdict = &work->out->verdict;

	for (size_t i = 0; i < work->dead_count; i++) {
		const struct evidence_dead *dead = &work->dead[i];

		if (isfinite(dead->second)) {
			verdict->next_sent++;
			verdict->next_lost += !dead->once;
		}
		if (dead->second < limit) {
			verdict->again_sent++;
			verdict->again_lost += !dead->once;
		}
	}
}

int evidence_ages(struct evidence_work *work, struct error *error)
{
	struct verdict_evidence *verdict = &work->out->verdict;
	struct threshold kept = {0}, refreshed = {0};
	struct verdict_timeout timeout;
	struct verdict_age *drawn = NULL;
	size_t drawn_count = 0;
	double limit;
	bool is_kept;
	int rc = find_thresholds(work, &kept, &refreshed);

	if (rc == 0) {
		rc = estimate(work, work->probes, work->probe_count, true, &timeout);
	}
	verdict->since_use = work->probes;
	verdict->since_use_count = work->probe_count;
	is_kept = kept.found && most_lost_twice(work) &&
	          (!refreshed.found || kept.wrong <= refreshed.wrong + WRONG_MORE);
	if (rc == 0 && timeout.answer != VERDICT_TIMEOUT_STEP && is_kept) {
		rc = draw_ages(work, &kept, &drawn, &drawn_count);
		if (rc == 0) {
			rc = estimate(work, drawn, drawn_count, false, &timeout);
		}
		if (rc == 0 && timeout.answer == VERDICT_TIMEOUT_STEP) {
			verdict->since_use = drawn;
			verdict->since_use_count = drawn_count;
			verdict->since_use_drawn = true;
			drawn = NULL;
		}
		free(drawn);
	}
	if (rc < 0) {
		return error_set(error, rc, "the losses by age can't be judged");
	}
	work->young_end = timeout.answer == VERDICT_TIMEOUT_STEP ? timeout.timeout.low : INFINITY;
	limit = isfinite(work->young_end) ? work->young_end : oldest_first(work);
	count_again(work, fmax(limit, TIMEOUT_MIN));
	count_past(work, past_end(work, &timeout, is_kept ? &kept : NULL, &refreshed));
	return 0;
}

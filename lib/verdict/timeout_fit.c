#include "timeout_private.h"

#include <math.h>

// Observations on the ramp are handed to the fit in at most this many cells.
#define CELLS_MAX 96

// The levels' fit: expectation-maximisation, each step of which raises the likelihood.
#define FIT_STEPS     40
#define FIT_TOLERANCE 1e-7

#define LEVEL_MIN 1e-9

/** Queries that are on the young level with probability `young`, else on the old one. */
struct cell {
	double sent;
	double lost;
	double young;
};

struct ramp {
	struct cell cells[CELLS_MAX];
	unsigned count;
	struct step_sum young;
	struct step_sum old;
};

static struct step_sum difference(struct step_sum a, struct step_sum b)
{
	return (struct step_sum){a.sent - b.sent, a.lost - b.lost, a.age - b.age};
}

/** The first observation that is not wholly at or below T. */
static size_t first_not_young(const struct step_data *data, double timeout)
{
	size_t low = 0;
	size_t high = data->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (data->ages[middle].high <= timeout) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/** The first observation from `from` on that lies wholly at or above `end`. */
static size_t first_old(const struct step_data *data, size_t from, double end)
{
	size_t low = from;
	size_t high = data->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (data->ages[middle].low < end) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct step_sum step_young(const struct step_data *data, double timeout)
{
	return data->sums[first_not_young(data, timeout)];
}

struct step_sum step_old(const struct step_data *data, double timeout, double granularity)
{
	size_t from = first_old(data, first_not_young(data, timeout), timeout + granularity);
	struct step_sum old = difference(data->sums[data->count], data->sums[from]);

	old.sent += data->control_sent;
	old.lost += data->control_lost;
	return old;
}

/** The integral from T of the chance to be young, up to age `a`. */
static double young_sum(double a, double timeout, double granularity)
{
	double past = fmin(fmax(a - timeout, 0), granularity);

	return fmin(a, timeout) + (granularity > 0 ? past - past * past / (2 * granularity) : 0);
}

static double young_share(const struct verdict_age *age, double timeout, double granularity)
{
	if (age->high > age->low) {
		return (young_sum(age->high, timeout, granularity) -
		        young_sum(age->low, timeout, granularity)) /
		       (age->high - age->low);
	}
	return fmin(fmax((timeout + granularity - age->low) / granularity, 0), 1);
}

/** Part the observations into young, old and, between them, cells. */
static void lay_ramp(const struct step_data *data, double timeout, double granularity, struct ramp *ramp)
{
	size_t from = first_not_young(data, timeout);
	size_t to = first_old(data, from, timeout + granularity);
	size_t each = (to - from + CELLS_MAX - 1) / CELLS_MAX;

	ramp->young = data->sums[from];
	ramp->old = difference(data->sums[data->count], data->sums[to]);
	ramp->old.sent += data->control_sent;
	ramp->old.lost += data->control_lost;
	ramp->count = 0;
	for (size_t i = from; i < to; i += each) {
		size_t end = i + each < to ? i + each : to;
		struct step_sum sum = difference(data->sums[end], data->sums[i]);
		// The ramp is a line, so the mean age has the mean chance; a bin may reach beyond its ends.
		struct verdict_age mean = {sum.age / sum.sent, sum.age / sum.sent, 0, 0};

		if (sum.sent > 0) {
			ramp->cells[ramp->count++] = (struct cell){
			        sum.sent, sum.lost,
			        young_share(each == 1 ? &data->ages[i] : &mean, timeout, granularity)};
		}
	}
}

static double bernoulli(double lost, double sent, double p)
{
	return (lost > 0 ? lost * log(p) : 0) + (sent > lost ? (sent - lost) * log1p(-p) : 0);
}

static double likelihood(const struct ramp *ramp, const struct step_levels *levels)
{
	double sum = bernoulli(ramp->young.lost, ramp->young.sent, levels->young) +
	             bernoulli(ramp->old.lost, ramp->old.sent, levels->old);

	for (unsigned i = 0; i < ramp->count; i++) {
		const struct cell *cell = &ramp->cells[i];

		sum += bernoulli(cell->lost, cell->sent,
		                 levels->old + (levels->young - levels->old) * cell->young);
	}
	return sum;
}

static double clamp_level(double level)
{
	return fmin(fmax(level, LEVEL_MIN), 1 - LEVEL_MIN);
}

/** One step: the ramp's queries are shared out by how likely each level made their fate. */
static void improve(const struct ramp *ramp, const struct step_data *data, struct step_levels *levels)
{
	double young_sent = ramp->young.sent;
	double young_lost = ramp->young.lost;
	double old_sent = ramp->old.sent;
	double old_lost = ramp->old.lost;

	for (unsigned i = 0; i < ramp->count; i++) {
		const struct cell *cell = &ramp->cells[i];
		double both = levels->old + (levels->young - levels->old) * cell->young;
		double lost = cell->lost * cell->young * levels->young / both;
		double kept = (cell->sent - cell->lost) * cell->young * (1 - levels->young) / (1 - both);

		young_lost += lost;
		young_sent += lost + kept;
		old_lost += cell->lost - lost;
		old_sent += cell->sent - lost - kept;
	}
	if (data->young_fixed > 0) {
		levels->young = data->young_fixed;
	} else if (young_sent > 0) {
		levels->young = clamp_level(young_lost / young_sent);
	}
	if (old_sent > 0) {
		levels->old = fmin(clamp_level(old_lost / old_sent), data->old_limit);
	}
}

static double flat(const struct step_data *data)
{
	double sent = data->sums[data->count].sent + data->control_sent;
	double lost = data->sums[data->count].lost + data->control_lost;

	return bernoulli(lost, sent, fmin(clamp_level(lost / sent), data->old_limit));
}

double step_flat(const struct step_data *data)
{
	return flat(data) / data->design_effect;
}

double step_fit(const struct step_data *data, double timeout, double granularity, struct step_levels *levels)
{
	struct ramp ramp;

	lay_ramp(data, timeout, granularity, &ramp);
	for (int i = 0; i < FIT_STEPS; i++) {
		struct step_levels before = *levels;

		improve(&ramp, data, levels);
		if (ramp.count == 0 ||
		    fabs(levels->young - before.young) + fabs(levels->old - before.old) < FIT_TOLERANCE) {
			break;
		}
	}
	if (levels->young < levels->old && !(data->young_fixed > 0)) {
		// A step upwards is none; the best that is left is no step. Start the next fit from two
		// levels again.
		*levels = (struct step_levels){.young = 0.5, .old = 0.01};
		return flat(data) / data->design_effect;
	}
	return likelihood(&ramp, levels) / data->design_effect;
}

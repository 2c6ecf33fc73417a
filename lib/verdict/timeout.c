#include "verdict/timeout.h"

#include "timeout_private.h"
#include "verdict/model.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// The likelihood over T is taken on a grid that is narrowed to where it isn't negligible.
#define GRID       512
#define NEGLIGIBLE 18.0
#define ZOOMS_MAX  40

// Twice the log ratio that makes a step. Below it the step may be anywhere, and the best of many places is
// chance: 16 keeps false steps below one in a thousand, as simulated.
#define STEP_RATIO 16.0

// A one-sided bound is where the likelihood has fallen to 1/20.
#define BOUND_LOG 3.0

#define SENT_MIN 30.0

// What ticks kernels have (kernel/Kconfig.hz), and the weight of each before the data speak. HZ of 300 is
// rare.
static const struct candidate {
	double hz;
	double weight;
} candidates[] = {{100, 0.3}, {250, 0.3}, {300, 0.1}, {1000, 0.3}};

#define CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))

/** The log likelihood on a grid over T, of each candidate. */
struct grid {
	double low;
	double step;
	double values[CANDIDATES][GRID];
	double highest;
};

static int by_age(const void *a, const void *b)
{
	const struct verdict_age *first = a;
	const struct verdict_age *second = b;

	if (first->low != second->low) {
		return first->low < second->low ? -1 : 1;
	}
	return (first->high > second->high) - (first->high < second->high);
}

/** Sort, check and sum. */
static int prepare(struct verdict_age *ages, size_t count, struct step_sum *sums)
{
	qsort(ages, count, sizeof(*ages), by_age);
	sums[0] = (struct step_sum){0};
	for (size_t i = 0; i < count; i++) {
		const struct verdict_age *age = &ages[i];
		double sent = (double)age->sent;
		double middle = 0.5 * (age->low + age->high);

		if (!(age->low >= 0) || !(age->high >= age->low) || !isfinite(age->high) ||
		    age->lost > age->sent || (i > 0 && age->low < ages[i - 1].high)) {
			return -EINVAL;
		}
		sums[i + 1] = (struct step_sum){sums[i].sent + sent, sums[i].lost + (double)age->lost,
		                                sums[i].age + sent * middle};
	}
	return 0;
}

static double grid_at(const struct grid *grid, int i)
{
	return grid->low + grid->step * i;
}

static void fill(const struct step_data *data, double hz, double low, double high, struct grid *grid)
{
	grid->low = low;
	grid->step = (high - low) / (GRID - 1);
	grid->highest = -INFINITY;
	for (unsigned c = 0; c < CANDIDATES; c++) {
		struct step_levels levels = {.young = 0.5, .old = 0.01};
		// A known HZ takes the first place and leaves the others empty.
		double tick = hz > 0 ? hz : candidates[c].hz;
		bool empty = hz > 0 && c > 0;

		for (int i = 0; i < GRID; i++) {
			double timeout = grid_at(grid, i);
			double value = empty ? -INFINITY
			                     : step_fit(data, timeout,
			                                verdict_model_granularity(timeout, tick), &levels) +
			                               log(candidates[c].weight);

			grid->values[c][i] = value;
			grid->highest = fmax(grid->highest, value);
		}
	}
}

/** The likelihood at grid point i relative to the highest, all candidates together. */
static double relative(const struct grid *grid, int i)
{
	double sum = 0;

	for (unsigned c = 0; c < CANDIDATES; c++) {
		sum += exp(grid->values[c][i] - grid->highest);
	}
	return sum;
}

/** Narrow the grid until what matters fills a good part of it. */
static void zoom(const struct step_data *data, double hz, double low, double high, struct grid *grid)
{
	fill(data, hz, low, high, grid);
	for (int round = 0; round < ZOOMS_MAX; round++) {
		int first = 0;
		int last = GRID - 1;

		while (relative(grid, first) < exp(-NEGLIGIBLE)) {
			first++;
		}
		while (relative(grid, last) < exp(-NEGLIGIBLE)) {
			last--;
		}
		// One step more on either side: the likelihood may have its slope there.
		first = first > 0 ? first - 1 : 0;
		last = last < GRID - 1 ? last + 1 : GRID - 1;
		if (last - first > GRID / 3 || grid->step < 1e-12 * high) {
			return;
		}
		fill(data, hz, grid_at(grid, first), grid_at(grid, last), grid);
	}
}

/** The T below which the share p of the likelihood lies. */
static double mass_quantile(const struct grid *grid, double p)
{
	double total = 0;
	double sum = 0;

	for (int i = 0; i < GRID; i++) {
		total += relative(grid, i);
	}
	for (int i = 0; i < GRID; i++) {
		double here = relative(grid, i);

		if (sum + here >= p * total) {
			return grid_at(grid, i) + grid->step * ((p * total - sum) / here - 0.5);
		}
		sum += here;
	}
	return grid_at(grid, GRID - 1);
}

static void find_hz(const struct grid *grid, double hz, struct verdict_timeout *out)
{
	double total = 0;
	double best = -1;

	for (unsigned c = 0; c < CANDIDATES; c++) {
		double mass = 0;

		for (int i = 0; i < GRID; i++) {
			mass += exp(grid->values[c][i] - grid->highest);
		}
		total += mass;
		if (mass > best) {
			best = mass;
			out->hz = hz > 0 ? hz : candidates[c].hz;
		}
	}
	out->hz_probability = best / total;
}

/** Within a bin the ages aren't known: an end that falls into one moves to the bin's edge. */
static void widen_to_bins(const struct step_data *data, struct verdict_interval *interval)
{
	for (size_t i = 0; i < data->count; i++) {
		const struct verdict_age *age = &data->ages[i];

		if (age->low < interval->low && interval->low < age->high) {
			interval->low = age->low;
		}
		if (age->low < interval->high && interval->high < age->high) {
			interval->high = age->high;
			break;
		}
	}
}

static void find_levels(const struct step_data *data, double confidence, struct verdict_timeout *out)
{
	double effect = data->design_effect;
	struct step_sum young = step_young(data, out->timeout.estimate);
	struct step_sum old = step_old(data, out->timeout.estimate, out->granularity);
	struct verdict_interval difference;

	out->young = verdict_wilson(young.lost / effect, young.sent / effect, confidence);
	out->old = verdict_wilson(old.lost / effect, old.sent / effect, confidence);
	difference = verdict_difference_of(out->young, out->old);
	out->servers = (struct verdict_interval){
	        .estimate = (1 - out->old.estimate) / difference.estimate,
	        .low = fmax(1, (1 - out->old.estimate) / difference.high),
	        .high = difference.low > 0 ? (1 - out->old.estimate) / difference.low : INFINITY,
	};
}

/** The end of the range where the likelihood is above 1/20: the lowest T (up = false) or the highest. */
static double bound(const struct grid *grid, bool up)
{
	double highest = 0;

	for (int i = 0; i < GRID; i++) {
		highest = fmax(highest, relative(grid, i));
	}
	for (int n = 0; n < GRID; n++) {
		int i = up ? GRID - 1 - n : n;

		if (relative(grid, i) >= highest * exp(-BOUND_LOG)) {
			return grid_at(grid, i);
		}
	}
	return NAN;
}

/** The loss is level over the ages: which side of T are they on? */
static void judge_level(struct step_data *data, const struct verdict_timeout_options *options, double low,
                        double high, struct grid *grid, struct verdict_timeout *out)
{
	double effect = data->design_effect;
	struct step_sum all = data->sums[data->count];
	struct verdict_interval loss = verdict_wilson(all.lost / effect, all.sent / effect, 0.998);
	double limit = options->base_loss_limit > 0 ? options->base_loss_limit : 0.02;

	out->answer = VERDICT_TIMEOUT_NONE;
	if (data->control_sent > 0 && !(options->expected_loss > 0)) {
		return;
	}
	if (loss.low > limit && data->control_sent <= 0) {
		data->old_limit = limit;
		fill(data, options->hz, low, high, grid);
		out->answer = VERDICT_TIMEOUT_AT_LEAST;
		out->timeout.low = bound(grid, false);
		out->young = verdict_wilson(all.lost / effect, all.sent / effect,
		                            options->confidence > 0 ? options->confidence : 0.95);
	} else if (options->expected_loss > 0 && loss.high < options->expected_loss) {
		data->young_fixed = options->expected_loss;
		fill(data, options->hz, low, high, grid);
		out->answer = VERDICT_TIMEOUT_AT_MOST;
		out->timeout.high = bound(grid, true);
	}
}

static void judge_step(const struct step_data *data, double confidence, double hz, const struct grid *grid,
                       double above, struct verdict_timeout *out)
{
	out->answer = VERDICT_TIMEOUT_STEP;
	out->timeout.estimate = mass_quantile(grid, 0.5);
	out->timeout.low = fmax(0, mass_quantile(grid, (1 - confidence) / 2));
	out->timeout.high = mass_quantile(grid, (1 + confidence) / 2);
	find_hz(grid, hz, out);
	out->granularity = verdict_model_granularity(out->timeout.estimate, out->hz);
	widen_to_bins(data, &out->timeout);
	find_levels(data, confidence, out);
	if (2 * (grid->highest - above) < STEP_RATIO) {
		// No step among the ages does as well: the control alone says that the loss isn't base loss.
		out->answer = VERDICT_TIMEOUT_AT_LEAST;
		out->timeout = (struct verdict_interval){NAN, bound(grid, false), NAN};
	}
}

static bool options_valid(const struct verdict_timeout_options *options)
{
	return options->confidence >= 0 && options->confidence < 1 && options->hz >= 0 &&
	       options->base_loss_limit >= 0 && options->base_loss_limit < 1 && options->expected_loss >= 0 &&
	       options->expected_loss < 1 && options->control_lost <= options->control_sent &&
	       (options->design_effect == 0 || options->design_effect >= 1);
}

static void estimate(struct step_data *data, const struct verdict_timeout_options *options, struct grid *grid,
                     struct verdict_timeout *out)
{
	double confidence = options->confidence > 0 ? options->confidence : 0.95;
	double high = data->ages[data->count - 1].high;
	double low = data->ages[0].low;
	struct step_levels levels = {.young = 0.5, .old = 0.01};
	double above;

	low = fmax(0, low - verdict_model_granularity(low, 1000) - verdict_model_granularity(low, 100));
	zoom(data, options->hz, low, high, grid);
	above = step_fit(data, high, 0, &levels);
	out->ratio = 2 * (grid->highest - step_flat(data));
	if (out->ratio < STEP_RATIO) {
		judge_level(data, options, low, high, grid, out);
	} else {
		judge_step(data, confidence, options->hz, grid, above, out);
	}
}

int verdict_timeout_estimate(const struct verdict_age *ages, size_t count,
                             const struct verdict_timeout_options *options, struct verdict_timeout *out)
{
	const struct verdict_interval unknown = {NAN, NAN, NAN};
	struct verdict_age *sorted;
	struct step_sum *sums;
	struct grid *grid;
	int status = -ENOMEM;

	*out = (struct verdict_timeout){
	        .timeout = unknown, .young = unknown, .old = unknown, .servers = unknown, .granularity = NAN};
	if (!options_valid(options)) {
		return -EINVAL;
	}
	sorted = malloc((count + 1) * sizeof(*sorted));
	sums = malloc((count + 1) * sizeof(*sums));
	grid = malloc(sizeof(*grid));
	if (sorted == NULL || sums == NULL || grid == NULL) {
		goto done;
	}
	if (count > 0) {
		memcpy(sorted, ages, count * sizeof(*ages));
	}
	status = prepare(sorted, count, sums);
	if (status == 0 && sums[count].sent >= SENT_MIN) {
		struct step_data data = {
		        .ages = sorted,
		        .count = count,
		        .sums = sums,
		        .control_sent = (double)options->control_sent,
		        .control_lost = (double)options->control_lost,
		        .design_effect = options->design_effect > 0 ? options->design_effect : 1,
		        .old_limit = 1,
		};

		estimate(&data, options, grid, out);
	}
done:
	free(grid);
	free(sums);
	free(sorted);
	return status;
}

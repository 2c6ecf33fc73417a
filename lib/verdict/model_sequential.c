#include "model_private.h"

#include <math.h>

// Sequential reuse: tuple i is used every tau = P/Q seconds, first at a phase uniform in (0, tau] after the
// removal. Its m-th use falls into the m-th interval, so N >= m needs two independent things: that use lies
// before t, and it still meets the connection. E[N] = sum P(N >= m), E[N^2] = sum (2m - 1) P(N >= m).

// Terms that are summed one by one where no closed form helps.
#define TERMS_MAX 4000000.0

static double interval(const struct verdict_model *model)
{
	return model->tuples / model->rate;
}

double model_sequential_survival(const struct verdict_model *model, double intervals)
{
	double rest = model->timeout - intervals * interval(model);

	// At exactly T the timer hasn't fired: it does within (T, T + g].
	if (rest >= 0) {
		return 1;
	}
	return model->granularity > 0 ? fmax(0, 1 + rest / model->granularity) : 0;
}

/** P(the m-th use after the removal still meets the removed server's connection). */
static double meets(const struct verdict_model *model, double m)
{
	switch (model->mechanism) {
	case VERDICT_LAZY:
		return m > 1 ? 0 : model_sequential_survival(model, 1);
	case VERDICT_WEIGHT_ZERO:
		return pow(model_sequential_survival(model, 1), m);
	default:
		return model_sequential_survival(model, m);
	}
}

double model_sequential_loss(const struct verdict_model *model, double t)
{
	return meets(model, floor(t / interval(model)) + 1);
}

/** Add the terms m = from .. to of survival a - b m: sums of powers of m. */
static void add_linear(struct model_moments *moments, double from, double to, double a, double b)
{
	double count = to - from + 1;
	double ones = count;
	double sum = count * (from + to) / 2;
	double squares = to * (to + 1) * (2 * to + 1) / 6 - (from - 1) * from * (2 * from - 1) / 6;

	if (count > 0) {
		moments->first += a * ones - b * sum;
		moments->second += -a * ones + (2 * a + b) * sum - 2 * b * squares;
	}
}

/** Sums over whole intervals 1 .. whole. */
static struct model_moments whole_intervals(const struct verdict_model *model, double whole)
{
	struct model_moments moments = {0, 0};
	double tau = interval(model);
	double once = model_sequential_survival(model, 1);
	double certain;

	switch (model->mechanism) {
	case VERDICT_LAZY:
		moments.first = whole >= 1 ? once : 0;
		moments.second = moments.first;
		break;
	case VERDICT_WEIGHT_ZERO:
		if (once >= 1 || whole * (1 - once) < 1e-9) {
			return (struct model_moments){whole, whole * whole};
		}
		if (isinf(whole)) {
			return (struct model_moments){once / (1 - once),
			                              once * (1 + once) / ((1 - once) * (1 - once))};
		}
		for (double m = 1, p = once; m <= fmin(whole, TERMS_MAX) && p > 1e-18; m++, p *= once) {
			moments.first += p;
			moments.second += (2 * m - 1) * p;
		}
		break;
	default:
		certain = fmin(whole, floor(model->timeout / tau));
		moments.first = certain;
		moments.second = certain * certain;
		if (model->granularity > 0) {
			add_linear(&moments, certain + 1,
			           fmin(whole, floor((model->timeout + model->granularity) / tau)),
			           1 + model->timeout / model->granularity, tau / model->granularity);
		}
	}
	return moments;
}

struct model_moments model_sequential_moments(const struct verdict_model *model, double t)
{
	double uses = t / interval(model);
	double whole = floor(uses);
	struct model_moments moments = whole_intervals(model, whole);

	if (isfinite(uses)) {
		double last = (uses - whole) * meets(model, whole + 1);

		moments.first += last;
		moments.second += (2 * whole + 1) * last;
	}
	return moments;
}

double model_sequential_e_fold(const struct verdict_model *model)
{
	double once = model_sequential_survival(model, 1);

	if (once >= 1) {
		return INFINITY;
	}
	return once > 0 ? -interval(model) / log(once) : 0;
}

double model_sequential_pairs(const struct verdict_model *model, double t)
{
	double uses = t / interval(model);
	double once = model_sequential_survival(model, 1);
	double sum = 0;

	if (once >= 1) {
		return floor(uses) * (uses - (floor(uses) + 1) / 2);
	}
	for (double m = 1, p = once; m < fmin(uses, TERMS_MAX) && p > 1e-18; m++, p *= once) {
		sum += (uses - m) * p;
	}
	return sum;
}

#include "model_private.h"

#include "verdict/special.h"

#include <math.h>

// Random reuse: each tuple is a Poisson process of rate lambda, and only its last use before the removal
// matters, so the formulas hold for one granule u and are then averaged over u. Weight 0 is a renewal process
// and has a part of its own.

// Timeouts after which the weight-0 solution has become its slowest exponential to more digits than the
// series keeps.
#define EXPONENTIAL_FROM 8.0

// Panels for averages over the granule and for double integrals.
#define PANELS 32

static double use_rate(const struct verdict_model *model)
{
	return model->rate / model->tuples;
}

/** e^-z - 1 + z, without cancellation at small z. */
static double excess(double z)
{
	if (fabs(z) > 0.05) {
		return expm1(-z) + z;
	}
	return z * z / 2 * (1 - z / 3 * (1 - z / 4 * (1 - z / 5 * (1 - z / 6 * (1 - z / 7 * (1 - z / 8))))));
}

struct granule {
	const struct verdict_model *model;
	double t;
	double y; ///< uses of a tuple in one timeout, granule included
	double z; ///< uses of a tuple in [0, t]
	enum { GRANULE_LOSS, GRANULE_FIRST, GRANULE_SECOND } want;
};

static double kept_square(double s, const void *context)
{
	const struct granule *granule = context;

	return -2 * s * expm1(s - granule->y);
}

/** Deleted, entries kept: lost as long as the last use before the removal is younger than the timeout. */
static double kept(const struct granule *granule)
{
	double y = granule->y;
	double z = fmin(granule->z, y);
	double rest = y - z;
	double first = excess(y) - excess(rest);

	switch (granule->want) {
	case GRANULE_LOSS:
		return granule->z < y ? -expm1(-rest) : 0;
	case GRANULE_FIRST:
		return first;
	default:
		return first + (y < 1 ? verdict_integrate(kept_square, granule, 0, z, 1)
		                      : z * z - 2 * (z * exp(-rest) - exp(-rest) + exp(-y)));
	}
}

/** Deleted, expired at the first packet: that packet alone is lost. */
static double lazy(const struct granule *granule)
{
	double y = granule->y;
	double z = fmin(granule->z, y);

	if (granule->want == GRANULE_LOSS) {
		return granule->z < y ? exp(-z) * -expm1(z - y) : 0;
	}
	return z * -expm1(-y) - excess(z);
}

static double at_granule(double u, const void *context)
{
	struct granule granule = *(const struct granule *)context;
	double lambda = use_rate(granule.model);

	granule.y = lambda * (granule.model->timeout + u);
	granule.z = lambda * granule.t;
	return granule.model->mechanism == VERDICT_LAZY ? lazy(&granule) : kept(&granule);
}

/** Average over u uniform in (0, g], split where t passes T + u. */
static double average(const struct verdict_model *model, double t, int want)
{
	struct granule granule = {.model = model, .t = t, .want = want};
	double g = model->granularity;
	double kink = fmin(fmax(t - model->timeout, 0), g);

	if (!(g > 0)) {
		return at_granule(0, &granule);
	}
	return (verdict_integrate(at_granule, &granule, 0, kink, PANELS) +
	        verdict_integrate(at_granule, &granule, kink, g, PANELS)) /
	       g;
}

// Weight 0. A connection dies at t when its last use was at t - T: A' = -lambda e^-y A(t - T), with A = 1
// before the removal and a drop by e^-y at it (those already expired). Times are in timeouts, c = y e^-y.

/** Each use draws its granule anew; this is the timeout with the same chance to die at a use: e^-y = E
 * e^-lambda(T+u). */
static double effective_uses(const struct verdict_model *model)
{
	double granule = use_rate(model) * model->granularity;
	double y = use_rate(model) * model->timeout;

	return granule > 0 ? y - log(-expm1(-granule) / granule) : y;
}

/** The coefficient C of the slowest exponential C e^-xn: the residue of the Laplace transform at -x. */
static double tail_factor(double y, double x)
{
	double ratio = fabs(1 - x) > 1e-9 ? 1 + (y - 1) / (1 - x) : 2;

	return exp(-x) / y * ratio;
}

/** The share of tuples whose connection lives n timeouts after the removal. */
static double alive(double y, double n)
{
	double c = y * exp(-y);
	double sum = 1;
	double term = 1;
	double x;

	if (n < 0) {
		return 1;
	}
	if (n > EXPONENTIAL_FROM) {
		x = verdict_model_other_root(y);
		return tail_factor(y, x) * exp(-x * n);
	}
	for (int j = 1; n - j + 1 > 0; j++) {
		term *= -c / j;
		sum += term * pow(n - j + 1, j);
	}
	term = exp(-y);
	for (int j = 0; n - j >= 0; j++) {
		sum -= term * pow(n - j, j);
		term *= -c / (j + 1);
	}
	return fmax(0, sum);
}

/** The integral of alive() over [0, n]. */
static double alive_sum(double y, double n)
{
	double c = y * exp(-y);
	double to = fmin(n, EXPONENTIAL_FROM);
	double sum = to;
	double term = 1;
	double x;

	for (int j = 1; to - j + 1 > 0; j++) {
		term *= -c / j;
		sum += term * pow(to - j + 1, j + 1) / (j + 1);
	}
	term = exp(-y);
	for (int j = 0; to - j >= 0; j++) {
		sum -= term * pow(to - j, j + 1) / (j + 1);
		term *= -c / (j + 1);
	}
	if (n > to) {
		x = verdict_model_other_root(y);
		// At x below 1e-300 the exponential is level.
		sum += tail_factor(y, x) * exp(-x * to) * (x > 1e-300 ? -expm1(-x * (n - to)) / x : n - to);
	}
	return sum;
}

struct pairs {
	double y;
	double n;
};

/** Time, in timeouts, that a connection used just now lives within the next n. */
static double alive_after_use(double y, double n)
{
	return n < 1 ? n : 1 + alive_sum(y, n - 1);
}

static double stuck_pairs(double s, const void *context)
{
	const struct pairs *pairs = context;

	return alive(pairs->y, s) * alive_after_use(pairs->y, pairs->n - s);
}

static struct model_moments weight_zero_moments(const struct verdict_model *model, double t)
{
	double y = effective_uses(model);
	double x = verdict_model_other_root(y);
	struct pairs pairs = {.y = y, .n = t / model->timeout * (use_rate(model) * model->timeout / y)};
	double first;

	if (isinf(t) || x * pairs.n > 60) {
		// Each loss is followed by another with probability 1 - e^-y: a geometric number.
		double hit = exp(-y) * excess(-y);

		return (struct model_moments){excess(-y), hit * (2 - exp(-y)) * exp(2 * y)};
	}
	first = y * alive_sum(y, pairs.n);
	return (struct model_moments){
	        first,
	        first + 2 * y * y *
	                        verdict_integrate(stuck_pairs, &pairs, 0, pairs.n,
	                                          (unsigned)fmin(1024, fmax(PANELS, ceil(pairs.n)))),
	};
}

double model_random_loss(const struct verdict_model *model, double t)
{
	if (model->mechanism == VERDICT_WEIGHT_ZERO) {
		double y = effective_uses(model);

		return alive(y, use_rate(model) * t / y);
	}
	return average(model, t, GRANULE_LOSS);
}

struct model_moments model_random_moments(const struct verdict_model *model, double t)
{
	struct model_moments moments;

	if (model->mechanism == VERDICT_WEIGHT_ZERO) {
		return weight_zero_moments(model, t);
	}
	t = fmin(t, model->timeout + model->granularity);
	moments.first = average(model, t, GRANULE_FIRST);
	moments.second = average(model, t, GRANULE_SECOND);
	return moments;
}

double model_random_e_fold(const struct verdict_model *model)
{
	double y = effective_uses(model);

	return y / use_rate(model) / verdict_model_other_root(y);
}

static double lag_pairs(double lag, const void *context)
{
	const struct pairs *pairs = context;

	return (pairs->n - lag) * alive(pairs->y, lag - 1);
}

double model_random_pairs(const struct verdict_model *model, double t)
{
	double y = effective_uses(model);
	struct pairs pairs = {.y = y, .n = use_rate(model) * t / y};
	double kink = fmin(1, pairs.n);

	return y * y *
	       (verdict_integrate(lag_pairs, &pairs, 0, kink, 1) +
	        verdict_integrate(lag_pairs, &pairs, kink, pairs.n,
	                          (unsigned)fmin(1024, fmax(PANELS, ceil(pairs.n)))));
}

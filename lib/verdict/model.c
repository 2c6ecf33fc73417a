#include "verdict/model.h"

#include "model_private.h"
#include "verdict/special.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

int verdict_model_check(const struct verdict_model *model, struct error *error)
{
	const struct {
		const char *name;
		double value;
		double least;
		bool open;
	} limits[] = {
	        {"tuples", model->tuples, 1, false},
	        {"rate", model->rate, 0, true},
	        {"timeout", model->timeout, 0, true},
	        {"granularity", model->granularity, 0, false},
	        {"servers", model->servers, 1, false},
	        {"flush_delay", model->flush_delay, 0, false},
	        {"service_time", model->service_time, 0, false},
	};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		double value = limits[i].value;

		if (!isfinite(value) || value < limits[i].least ||
		    (limits[i].open && value <= limits[i].least)) {
			return error_set(error, -EINVAL,
			                 "the loss model's %s is %g; it must be a finite number %s %g",
			                 limits[i].name, value, limits[i].open ? "above" : "of at least",
			                 limits[i].least);
		}
	}
	if (model->granularity > model->timeout) {
		return error_set(error, -EINVAL,
		                 "the loss model's granularity is %g s; it must be at most the timeout, %g s "
		                 "(the timer "
		                 "wheel's is an eighth of it)",
		                 model->granularity, model->timeout);
	}
	return 0;
}

double verdict_model_connections(const struct verdict_model *model)
{
	double interval = model->tuples / model->rate;
	double mean = model->rate / model->tuples * model->timeout;

	if (model->reuse == VERDICT_REUSE_SEQUENTIAL) {
		// A connection lives T + g/2 on average, and a tuple has one at most.
		double covered = fmin(fmax(interval - model->timeout, 0), model->granularity);
		double saved = model->granularity > 0 ? covered * (1 - covered / model->granularity / 2) : 0;

		return model->tuples * fmin(1, (fmin(model->timeout, interval) + saved) / interval);
	}
	return model->tuples * -expm1(-mean);
}

static bool is_random(const struct verdict_model *model)
{
	return model->reuse == VERDICT_REUSE_RANDOM;
}

/** How long a flush loses queries: until it comes, and those then in flight. */
static double flush_width(const struct verdict_model *model)
{
	return model->flush_delay + model->service_time;
}

double verdict_model_loss(const struct verdict_model *model, double t)
{
	switch (model->mechanism) {
	case VERDICT_FLUSH:
		return t < flush_width(model) ? 1 / model->servers : 0;
	case VERDICT_DEAD_LISTED:
		return 1 / model->servers;
	default:
		return (is_random(model) ? model_random_loss(model, t) : model_sequential_loss(model, t)) /
		       model->servers;
	}
}

/** Moments of a tuple that loses everything in [0, t]. */
static struct model_moments all_lost(const struct verdict_model *model, double t)
{
	double mean = model->rate / model->tuples * t;

	if (is_random(model)) {
		return (struct model_moments){mean, mean + mean * mean};
	}
	return (struct model_moments){mean, (2 * floor(mean) + 1) * mean - floor(mean) * (floor(mean) + 1)};
}

static struct model_moments moments(const struct verdict_model *model, double t)
{
	switch (model->mechanism) {
	case VERDICT_FLUSH:
		return all_lost(model, fmin(t, flush_width(model)));
	case VERDICT_DEAD_LISTED:
		return all_lost(model, t);
	default:
		return is_random(model) ? model_random_moments(model, t) : model_sequential_moments(model, t);
	}
}

double verdict_model_lost(const struct verdict_model *model, double t)
{
	return t > 0 ? model->tuples / model->servers * moments(model, t).first : 0;
}

double verdict_model_share(const struct verdict_model *model, double t)
{
	double lost;

	if (!(t > 0)) {
		return verdict_model_loss(model, 0);
	}
	lost = verdict_model_lost(model, t);
	if (isinf(t)) {
		// Infinitely many lost means that the loss doesn't end; then it is level, or has a huge but
		// finite sum.
		return isinf(lost) && (model->mechanism == VERDICT_DEAD_LISTED ||
		                       isinf(verdict_model_e_fold(model)))
		               ? 1 / model->servers
		               : 0;
	}
	return lost / (model->rate * t);
}

double verdict_model_variance(const struct verdict_model *model, double t)
{
	double share = 1 / model->servers;
	struct model_moments of;

	if (!(t > 0)) {
		return 0;
	}
	of = moments(model, t);
	if (isinf(of.second)) {
		return INFINITY;
	}
	if (model->mechanism == VERDICT_DEAD_LISTED) {
		// New connections draw their server again: only queries of one connection share their fate.
		double pairs =
		        is_random(model) ? model_random_pairs(model, t) : model_sequential_pairs(model, t);
		// How much the number of a tuple's queries scatters more than a Poisson's; nothing if it is
		// one.
		double scatter = is_random(model) ? 0 : of.second - of.first - of.first * of.first;

		return model->tuples *
		       fmax(0, share * of.first + 2 * share * (1 - share) * pairs + share * share * scatter);
	}
	return model->tuples * fmax(0, share * of.second - share * share * of.first * of.first);
}

/** P(X <= count) for the count distribution with this mean and variance. */
static double count_distribution(double count, double mean, double variance)
{
	double excess = variance / mean - 1;

	if (count < 0) {
		return 0;
	}
	if (excess > 1e-6) {
		return verdict_beta(1 / (1 + excess), mean / excess, count + 1);
	}
	if (excess < -1e-6) {
		double trials = mean / -excess;

		return count >= trials ? 1 : 1 - verdict_beta(-excess, count + 1, trials - count);
	}
	return verdict_gamma_tail(mean, count + 1);
}

/** The smallest count with P(X <= count) >= p. */
static double count_quantile(double p, double mean, double variance)
{
	double low = -1;
	double high = ceil(mean + 1);

	while (count_distribution(high, mean, variance) < p) {
		low = high;
		high = 2 * high + 1;
	}
	while (high - low > 1 + high * 1e-15) {
		double middle = floor(0.5 * (low + high));

		if (count_distribution(middle, mean, variance) < p) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return high;
}

void verdict_model_bounds(const struct verdict_model *model, double t, double confidence, double *low,
                          double *high)
{
	double mean = verdict_model_lost(model, t);
	double variance = verdict_model_variance(model, t);
	double tail = (1 - confidence) / 2;
	double reach = -verdict_normal_quantile(tail) * sqrt(variance);

	*low = fmax(0, floor(mean - reach));
	*high = ceil(mean + reach);
	// Above a million the count distributions are normal to within the rounding of the bounds' use.
	if (mean > 0 && mean < 1e6) {
		*low = fmin(*low, count_quantile(tail, mean, variance));
		*high = fmax(*high, count_quantile(1 - tail, mean, variance));
	}
}

double verdict_model_e_fold(const struct verdict_model *model)
{
	if (model->mechanism != VERDICT_WEIGHT_ZERO) {
		return NAN;
	}
	return is_random(model) ? model_random_e_fold(model) : model_sequential_e_fold(model);
}

double verdict_model_other_root(double y)
{
	double away = y - 1;
	double x;

	if (fabs(away) < 1e-3) {
		// The series of the double root at 1; the equation itself has lost half of its digits here.
		return 1 - away * (1 - away * (2.0 / 3 - away * (4.0 / 9)));
	}
	if (y > 1) {
		// v = ln x: v - e^v = ln y - y. Concave and rising: Newton's steps from below never
		// overshoot.
		double target = log(y) - y;
		double v = target;

		for (int i = 0; i < 200; i++) {
			double step = (v - exp(v) - target) / (1 - exp(v));

			v -= step;
			if (fabs(step) <= 1e-15 * fabs(v)) {
				break;
			}
		}
		return exp(v);
	}
	// x - ln x = y - ln y. Convex and rising above 1: from twice the right side Newton's steps fall to
	// the root.
	x = 2 * (y - log(y));
	for (int i = 0; i < 200; i++) {
		double step = (x - log(x) - (y - log(y))) / (1 - 1 / x);

		x -= step;
		if (fabs(step) <= 1e-15 * x) {
			break;
		}
	}
	return x;
}

double verdict_model_granularity(double timeout, double hz)
{
	double ticks = floor(timeout * hz + 0.5);
	double level_start = 63;
	double granule = 1;

	// LVL_START(n) = (LVL_SIZE - 1) << ((n - 1) * LVL_CLK_SHIFT); the wheel has 9 levels at HZ > 100,
	// else 8.
	for (int level = 1; level < (hz > 100 ? 9 : 8) && ticks >= level_start; level++) {
		granule *= 8;
		level_start *= 8;
	}
	return granule / hz;
}

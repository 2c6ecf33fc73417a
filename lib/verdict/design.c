#include "verdict/design.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "verdict/power.h"

// Ages of a sweep reach from (1 - SPAN) T to (1 + SPAN) T and the granule: below T losses, above none.
#define SPAN 0.25

// A dead server that stays listed is watched for so long at least, in seconds.
#define LISTED_WATCH 10

#define BOUNDS_CONFIDENCE 0.999

static const char *const names[VERDICT_GOALS] = {
        [VERDICT_SHOW_KEPT] = "kept",
        [VERDICT_SHOW_LAZY] = "lazy",
        [VERDICT_SHOW_FLUSH] = "flush",
        [VERDICT_SHOW_WEIGHT_ZERO] = "weight-zero",
        [VERDICT_SHOW_DEAD_LISTED] = "dead-listed",
        [VERDICT_SHOW_TIMEOUT] = "timeout",
};

static const char *const texts[VERDICT_GOALS] = {
        [VERDICT_SHOW_KEPT] =
                "a removed server's flows go into a hole until they expire (expire_nodest_conn=0)",
        [VERDICT_SHOW_LAZY] = "each flow of a removed server loses one query (kernel < 5.9)",
        [VERDICT_SHOW_FLUSH] =
                "queries in flight at the flush are lost (kernel >= 5.9, expire_nodest_conn=1)",
        [VERDICT_SHOW_WEIGHT_ZERO] = "flows of a dead server of weight 0 never expire while they are used",
        [VERDICT_SHOW_DEAD_LISTED] = "a dead server that is still listed takes its share of all flows",
        [VERDICT_SHOW_TIMEOUT] = "how long the UDP timeout is",
};

const char *verdict_goal_name(enum verdict_goal goal)
{
	return (unsigned)goal < VERDICT_GOALS ? names[goal] : NULL;
}

const char *verdict_goal_text(enum verdict_goal goal)
{
	return (unsigned)goal < VERDICT_GOALS ? texts[goal] : NULL;
}

static int check(const struct verdict_design_options *options, struct error *error)
{
	if ((unsigned)options->goal >= VERDICT_GOALS) {
		return error_set(error, -EINVAL, "there is no such goal");
	}
	if (!(options->confidence > 0 && options->confidence < 1) ||
	    !(options->power > 0 && options->power < 1)) {
		return error_set(error, -EINVAL,
		                 "confidence %g and power %g: both lie between 0 and 1, as 0.95 and 0.9",
		                 options->confidence, options->power);
	}
	if (!(options->background >= 0 && options->background < 1)) {
		return error_set(error, -EINVAL, "a background loss of %g: it lies between 0 and 1",
		                 options->background);
	}
	if (options->goal == VERDICT_SHOW_TIMEOUT && !(options->within > 0 && options->within < SPAN)) {
		return error_set(error, -EINVAL,
		                 "an estimate within %g of the timeout: between 0 and %g can be planned",
		                 options->within, SPAN);
	}
	return verdict_model_check(&options->model, error);
}

// All queries of one tuple share their fate, so tuples are what is counted: of those on the removed server
// each loses something, of the control's none but the background.
static void count_tuples(const struct verdict_design_options *options, double tuples,
                         struct verdict_design *out)
{
	double share = 1 / options->model.servers;
	double with = share + (1 - share) * options->background;

	out->needed = verdict_power_trials(with, options->background, options->confidence, options->power, 1);
	out->power = verdict_power_of(with, options->background, tuples, options->confidence);
}

static void expect_losses(const struct verdict_model *model, struct verdict_design *out)
{
	out->loss = verdict_model_loss(model, 0);
	out->lost = verdict_model_lost(model, out->after);
	verdict_model_bounds(model, out->after, BOUNDS_CONFIDENCE, &out->low, &out->high);
}

// Round the space: every tuple is met once an interval, as soon as can be.
static void design_rounds(const struct verdict_design_options *options, struct verdict_model *model,
                          struct verdict_design *out)
{
	double expiry = model->timeout + model->granularity;
	bool resting = out->interval >= model->timeout;

	out->policy = "sequential";
	out->before = out->interval;
	out->most = model->rate * model->timeout;
	out->control_rest = expiry;
	out->after = options->goal == VERDICT_SHOW_KEPT   ? expiry + out->interval
	             : options->goal == VERDICT_SHOW_LAZY ? 2 * out->interval
	                                                  : 2 * expiry;
	count_tuples(options, resting ? 0 : model->tuples, out);
	expect_losses(model, out);
}

static void design_flush(const struct verdict_design_options *options, struct verdict_model *model,
                         struct verdict_design *out)
{
	double window = model->flush_delay + model->service_time;

	out->policy = "sequential";
	out->before = out->interval;
	out->after = 2 * out->interval;
	out->most = model->rate * model->timeout;
	expect_losses(model, out);
	// A single loss that a control does not have shows it; losses are a Poisson count.
	out->needed = window > 0 ? -log1p(-options->power) * model->servers / window : INFINITY;
	out->power = -expm1(-model->rate * window / model->servers);
}

static void design_listed(const struct verdict_design_options *options, struct verdict_model *model,
                          struct verdict_design *out)
{
	out->policy = "random";
	out->before = out->interval;
	out->most = INFINITY;
	out->after = fmax(LISTED_WATCH, out->interval);
	count_tuples(options, model->tuples, out);
	expect_losses(model, out);
}

// Each tuple is used once before the removal and probed once after it.
static void design_sweep(const struct verdict_design_options *options, struct verdict_model *model,
                         struct verdict_design *out)
{
	double reach = options->within;

	out->policy = "sweep";
	out->reuse_low = (1 - SPAN) * model->timeout;
	out->reuse_high = (1 + SPAN) * model->timeout + model->granularity;
	out->before = out->interval;
	out->after = out->reuse_high;
	out->most = model->rate * out->reuse_low;
	out->loss = 1 / model->servers;
	out->needed = verdict_power_timeout(model->timeout, model->granularity, model->servers, SPAN, reach);
	// Ages are spread evenly over their logarithm, and 1 of k flows was on the removed server.
	out->lost = model->tuples / model->servers *
	            log((model->timeout + model->granularity / 2) / out->reuse_low) /
	            log(out->reuse_high / out->reuse_low);
	out->low = fmax(0, out->lost - 3.29 * sqrt(out->lost));
	out->high = out->lost + 3.29 * sqrt(out->lost);
	out->power = model->tuples >= out->needed ? options->power : NAN;
}

int verdict_design(const struct verdict_design_options *options, struct verdict_design *out,
                   struct error *error)
{
	struct verdict_model model = options->model;
	int rc;

	memset(out, 0, sizeof(*out));
	if (options->goal < VERDICT_SHOW_TIMEOUT) {
		model.mechanism = (enum verdict_mechanism)options->goal;
	}
	rc = check(options, error);
	if (rc < 0) {
		return rc;
	}
	model.reuse =
	        options->goal == VERDICT_SHOW_DEAD_LISTED ? VERDICT_REUSE_RANDOM : VERDICT_REUSE_SEQUENTIAL;
	out->interval = model.tuples / model.rate;
	switch (options->goal) {
	case VERDICT_SHOW_FLUSH:
		design_flush(options, &model, out);
		break;
	case VERDICT_SHOW_DEAD_LISTED:
		design_listed(options, &model, out);
		break;
	case VERDICT_SHOW_TIMEOUT:
		design_sweep(options, &model, out);
		break;
	default:
		design_rounds(options, &model, out);
		break;
	}
	return 0;
}

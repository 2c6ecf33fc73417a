#include "flow/policy.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[FLOW_POLICY_COUNT] = {
        [FLOW_POLICY_SEQUENTIAL] = "sequential",
        [FLOW_POLICY_RANDOM] = "random",
        [FLOW_POLICY_LRU] = "lru",
        [FLOW_POLICY_INTERVAL] = "interval",
        [FLOW_POLICY_SWEEP] = "sweep",
        [FLOW_POLICY_STICKY] = "sticky",
        [FLOW_POLICY_FRESH] = "fresh",
        [FLOW_POLICY_LINUX] = "linux",
};

const char *flow_policy_name(enum flow_policy kind)
{
	return (unsigned)kind < FLOW_POLICY_COUNT ? names[kind] : "unknown";
}

int flow_policy_parse(const char *name, enum flow_policy *kind, struct error *error)
{
	for (unsigned i = 0; i < FLOW_POLICY_COUNT; i++) {
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum flow_policy)i;
			return 0;
		}
	}
	return error_set(error, -EINVAL,
	                 "'%s' is no reuse policy; choose sequential, random, lru, interval, sweep, sticky, "
	                 "fresh or linux",
	                 name);
}

// ceil(), but a product that is a whole number on paper stays one in floating point.
static double round_up(double value)
{
	return ceil(value * (1 - 1e-12));
}

double flow_policy_tuples(const struct flow_policy_options *options, double rate_qps)
{
	double rested = rate_qps * ns_to_seconds(options->reuse_low);

	switch (options->kind) {
	case FLOW_POLICY_INTERVAL:
	case FLOW_POLICY_FRESH:
		return fmax(1, round_up(rested));
	case FLOW_POLICY_STICKY:
		return fmax(1, round_up((rested + options->queries_per_use - 1) / options->queries_per_use));
	case FLOW_POLICY_SWEEP:
		return 2; // two ends of the range; a larger space only draws a finer curve
	default:
		return 1;
	}
}

// The highest rate at which `tuples` keep the promise.
static double allowed_rate(const struct flow_policy_options *options, uint32_t tuples)
{
	double seconds = ns_to_seconds(options->reuse_low);

	if (options->kind == FLOW_POLICY_STICKY) {
		return ((double)(tuples - 1) * options->queries_per_use + 1) / seconds;
	}
	return tuples / seconds;
}

static int check_times(const struct flow_policy_options *options, struct error *error)
{
	const char *name = flow_policy_name(options->kind);
	char low[32], high[32];

	units_format_duration(options->reuse_low, low, sizeof(low));
	units_format_duration(options->reuse_high, high, sizeof(high));
	if (options->reuse_low == 0 || options->reuse_low > INT64_MAX || options->reuse_high > INT64_MAX) {
		return error_set(error, -EINVAL,
		                 "policy %s needs a reuse time above 0 (and below 292 years), e.g. 300s",
		                 name);
	}
	if (options->kind == FLOW_POLICY_SWEEP && options->reuse_high <= options->reuse_low) {
		return error_set(error, -EINVAL,
		                 "policy sweep goes from %s to %s; the second must be above the first", low,
		                 high);
	}
	if (options->kind == FLOW_POLICY_INTERVAL && options->reuse_high != 0 &&
	    options->reuse_high < options->reuse_low) {
		return error_set(error, -EINVAL,
		                 "policy interval reuses after %s but takes ages up to %s only; give no "
		                 "upper end or one that "
		                 "is not below",
		                 low, high);
	}
	return 0;
}

static int check_options(const struct flow_policy_options *options, struct error *error)
{
	int rc;

	switch (options->kind) {
	case FLOW_POLICY_INTERVAL:
	case FLOW_POLICY_SWEEP:
	case FLOW_POLICY_STICKY:
	case FLOW_POLICY_FRESH:
		rc = check_times(options, error);
		break;
	case FLOW_POLICY_SEQUENTIAL:
	case FLOW_POLICY_RANDOM:
	case FLOW_POLICY_LRU:
	case FLOW_POLICY_LINUX:
		rc = 0;
		break;
	default:
		return error_set(error, -EINVAL, "reuse policy %d does not exist", (int)options->kind);
	}
	if (rc == 0 && options->kind == FLOW_POLICY_STICKY && options->queries_per_use == 0) {
		return error_set(error, -EINVAL, "policy sticky sends 0 queries on a tuple; 1 is the least");
	}
	return rc;
}

int flow_policy_check(const struct flow_policy_options *options, uint32_t tuples, double rate_qps,
                      struct error *error)
{
	double needed;
	char low[32];
	int rc = check_options(options, error);

	if (rc < 0) {
		return rc;
	}
	needed = flow_policy_tuples(options, isfinite(rate_qps) && rate_qps > 0 ? rate_qps : 0);
	if (tuples >= needed) {
		return 0;
	}
	if (needed <= 2) {
		return error_set(error, -ENOSPC,
		                 "policy %s needs %.0f tuples at least and has %u; add addresses or ports",
		                 flow_policy_name(options->kind), needed, tuples);
	}
	units_format_duration(options->reuse_low, low, sizeof(low));
	return error_set(error, -ENOSPC,
	                 "policy %s with a reuse time of %s needs %.0f tuples at %.9g q/s and has %u; add "
	                 "addresses or ports, "
	                 "choose a shorter time, or send at most %.6g q/s",
	                 flow_policy_name(options->kind), low, needed, rate_qps, tuples,
	                 tuples > 0 ? allowed_rate(options, tuples) : 0.0);
}

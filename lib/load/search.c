#include "load/search.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static int check_options(const struct load_search_options *options, struct error *error)
{
	if (!(options->low_qps > 0) || !(options->high_qps > options->low_qps) ||
	    !isfinite(options->high_qps)) {
		return error_set(error, -EINVAL,
		                 "capacity search from %g to %g q/s; it needs a rate above 0 and a second "
		                 "one above the first",
		                 options->low_qps, options->high_qps);
	}
	if (!(options->max_loss >= 0 && options->max_loss < 1)) {
		return error_set(error, -EINVAL,
		                 "capacity search with a loss bound of %g; 0 up to below 1 is allowed",
		                 options->max_loss);
	}
	if (!(options->precision >= 1e-6 && options->precision <= 1)) {
		return error_set(error, -EINVAL,
		                 "capacity search with a precision of %g; 0.000001 to 1 is allowed",
		                 options->precision);
	}
	if (!(options->min_achieved >= 0 && options->min_achieved <= 1)) {
		return error_set(error, -EINVAL,
		                 "capacity search that asks for %g of the rate; 0 to 1 is allowed",
		                 options->min_achieved);
	}
	return 0;
}

int load_search_init(struct load_search *search, const struct load_search_options *options,
                     struct error *error)
{
	int rc = check_options(options, error);

	memset(search, 0, sizeof(*search));
	if (rc < 0) {
		return rc;
	}
	search->options = *options;
	search->rate_qps = options->low_qps;
	return 0;
}

double load_search_rate(const struct load_search *search)
{
	return search->end == LOAD_SEARCH_RUNNING ? search->rate_qps : 0;
}

// Where to go from the bracket (passed_target, failed_qps); either end may be open.
static void choose_next(struct load_search *search)
{
	const struct load_search_options *options = &search->options;

	if (search->failed_qps == 0) {
		if (search->passed_target >= options->high_qps) {
			search->end = LOAD_SEARCH_ABOVE;
		}
		search->rate_qps = fmin(2 * search->passed_target, options->high_qps);
	} else if (search->passed_target == 0) {
		search->end = search->failed_behind ? LOAD_SEARCH_FELL_BEHIND : LOAD_SEARCH_BELOW;
	} else if (search->failed_qps <= search->passed_target * (1 + options->precision)) {
		search->end = search->failed_behind ? LOAD_SEARCH_FELL_BEHIND : LOAD_SEARCH_FOUND;
	} else {
		search->rate_qps = sqrt(search->passed_target * search->failed_qps);
	}
}

void load_search_result(struct load_search *search, double achieved_qps, uint64_t sent, uint64_t lost)
{
	double loss = sent > 0 ? (double)lost / (double)sent : 1;
	bool lossy = loss > search->options.max_loss;
	bool behind = achieved_qps < search->rate_qps * search->options.min_achieved;

	if (search->end != LOAD_SEARCH_RUNNING) {
		return;
	}
	search->trials++;
	if (lossy || behind) {
		search->failed_qps = search->rate_qps;
		search->failed_behind = !lossy;
	} else {
		search->passed_target = search->rate_qps;
		search->passed_qps = achieved_qps;
		search->passed_loss = loss;
	}
	choose_next(search);
}

const char *load_search_end_text(enum load_search_end end)
{
	switch (end) {
	case LOAD_SEARCH_FOUND:
		return "found";
	case LOAD_SEARCH_BELOW:
		return "below the lowest rate";
	case LOAD_SEARCH_ABOVE:
		return "above the highest rate";
	case LOAD_SEARCH_FELL_BEHIND:
		return "fell behind sending queries";
	default:
		return "running";
	}
}

void load_ramp_init(struct load_ramp *ramp, double max_loss)
{
	memset(ramp, 0, sizeof(*ramp));
	ramp->max_loss = max_loss;
}

void load_ramp_bucket(struct load_ramp *ramp, double target_qps, double seconds, uint64_t sent,
                      uint64_t answered)
{
	double throughput, loss;

	if (sent == 0 || !(seconds > 0)) {
		return;
	}
	ramp->buckets++;
	throughput = (double)answered / seconds;
	loss = answered < sent ? (double)(sent - answered) / (double)sent : 0;
	if (loss > ramp->max_loss) {
		ramp->failed_in_a_row++;
		return;
	}
	ramp->failed_in_a_row = 0;
	if (throughput > ramp->maximum_qps) {
		ramp->maximum_qps = throughput;
		ramp->lost_at_maximum = loss;
		ramp->target_at_maximum = target_qps;
	}
}

// `staleflow plan`: what a rate, a timeout and a number of servers lose (the loss model), and the experiment
// that shows it. Sends nothing.
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flow/ports.h"
#include "main.h"
#include "options.h"
#include "verdict/design.h"

static const char usage_text[] =
        "Usage: staleflow plan -Q RATE [OPTIONS]\n\n"
        "Say what it costs when one of K real servers behind a Linux IPVS director is removed, for a rate of "
        "queries, a number of source\n"
        "ports and a UDP timeout; and, with --show, which run shows it: reuse policy, number of tuples, "
        "length, and the power that it has.\n"
        "Sends nothing.\n\n"
        "  -Q, --rate RATE          queries a second (100k)\n"
        "  -T, --udp-timeout TIME   UDP timeout of the director (300s; kube-proxy --ipvs-udp-timeout)\n"
        "  -k, --servers K          real servers before the removal (2)\n"
        "  -P, --tuples N           source addresses times ports (28232: one address, Linux's default "
        "ports)\n"
        "      --hz HZ              timer ticks a second of the director's kernel, 100 to 1000 (250); 0: a "
        "sharp timeout\n"
        "      --service-time TIME  a query's time behind the director (200us)\n"
        "      --flush-delay TIME   from a server's end to the flush of its flows (one tick)\n"
        "      --show WHAT          kept, lazy, flush, weight-zero, dead-listed or timeout: plan the run "
        "that shows it\n"
        "      --power P            probability that the run shows it (0.9)\n"
        "      --confidence C       confidence of its test (0.95)\n"
        "      --background P       share of queries that is lost anyway (0)\n"
        "      --within P           for timeout: how near the estimate shall be, as a share of it (0.02)\n"
        "  -h, --help               this text\n\n"
        "Example: staleflow plan -Q 100k -T 300s -k 2 --show kept\n";

enum {
	OPTION_HZ = 256,
	OPTION_SERVICE,
	OPTION_FLUSH,
	OPTION_SHOW,
	OPTION_POWER,
	OPTION_CONFIDENCE,
	OPTION_BACKGROUND,
	OPTION_WITHIN,
};

static const struct option long_options[] = {
        {"rate", required_argument, NULL, 'Q'},
        {"udp-timeout", required_argument, NULL, 'T'},
        {"servers", required_argument, NULL, 'k'},
        {"tuples", required_argument, NULL, 'P'},
        {"hz", required_argument, NULL, OPTION_HZ},
        {"service-time", required_argument, NULL, OPTION_SERVICE},
        {"flush-delay", required_argument, NULL, OPTION_FLUSH},
        {"show", required_argument, NULL, OPTION_SHOW},
        {"power", required_argument, NULL, OPTION_POWER},
        {"confidence", required_argument, NULL, OPTION_CONFIDENCE},
        {"background", required_argument, NULL, OPTION_BACKGROUND},
        {"within", required_argument, NULL, OPTION_WITHIN},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

struct request {
	struct verdict_design_options options;
	double hz;
	bool flush_given;
	bool show; ///< an experiment is wanted
	bool help;
};

static int parse_number(const char *option, const char *text, double *out, struct error *error)
{
	if (units_parse_count(text, out) < 0) {
		return error_set_at(error, -EINVAL, option, 0, 0,
		                    "'%s' is no number; allowed are 100000, 100k, 0.9", text);
	}
	return 0;
}

static int parse_seconds(const char *option, const char *text, double *out, struct error *error)
{
	ns_t time;

	if (units_parse_duration(text, NS_PER_SEC, &time) < 0) {
		return error_set_at(error, -EINVAL, option, 0, 0,
		                    "'%s' is no duration; allowed are 300s, 5m, 200us", text);
	}
	*out = ns_to_seconds(time);
	return 0;
}

static int parse_goal(const char *text, enum verdict_goal *out, struct error *error)
{
	for (unsigned i = 0; i < VERDICT_GOALS; i++) {
		if (strcmp(text, verdict_goal_name((enum verdict_goal)i)) == 0) {
			*out = (enum verdict_goal)i;
			return 0;
		}
	}
	return error_set_at(
	        error, -EINVAL, "--show", 0, 0,
	        "'%s' can't be shown; choose kept, lazy, flush, weight-zero, dead-listed or timeout", text);
}

static int take(struct request *request, int letter, const char *text, struct error *error)
{
	struct verdict_design_options *options = &request->options;

	switch (letter) {
	case 'Q':
		return parse_number("-Q", text, &options->model.rate, error);
	case 'T':
		return parse_seconds("-T", text, &options->model.timeout, error);
	case 'k':
		return parse_number("-k", text, &options->model.servers, error);
	case 'P':
		return parse_number("-P", text, &options->model.tuples, error);
	case OPTION_HZ:
		return parse_number("--hz", text, &request->hz, error);
	case OPTION_SERVICE:
		return parse_seconds("--service-time", text, &options->model.service_time, error);
	case OPTION_FLUSH:
		request->flush_given = true;
		return parse_seconds("--flush-delay", text, &options->model.flush_delay, error);
	case OPTION_SHOW:
		request->show = true;
		return parse_goal(text, &options->goal, error);
	case OPTION_POWER:
		return parse_number("--power", text, &options->power, error);
	case OPTION_CONFIDENCE:
		return parse_number("--confidence", text, &options->confidence, error);
	case OPTION_BACKGROUND:
		return parse_number("--background", text, &options->background, error);
	default:
		return parse_number("--within", text, &options->within, error);
	}
}

static int parse(struct request *request, int count, char **arguments, struct error *error)
{
	int letter, rc = 0;

	opterr = 0;
	optind = 0;
	while (rc == 0 && (letter = getopt_long(count, arguments, ":Q:T:k:P:h", long_options, NULL)) != -1) {
		if (letter == 'h') {
			request->help = true;
			return 0;
		}
		if (letter == '?' || letter == ':') {
			return error_set_at(error, -EINVAL, arguments[optind - 1], 0, 0,
			                    letter == ':' ? "the option needs an argument; --help shows which"
			                                  : "there is no such option; --help lists them");
		}
		rc = take(request, letter, optarg, error);
	}
	if (rc == 0 && optind < count) {
		rc = error_set(error, -EINVAL, "'%s' is one word too many: 'plan' takes options only",
		               arguments[optind]);
	}
	if (rc == 0 && request->options.model.rate == 0) {
		rc = error_set(error, -EINVAL, "a rate is needed: give it with -Q, e.g. -Q 100k");
	}
	if (rc == 0 && request->hz != 0 && !(request->hz >= 100 && request->hz <= 1000)) {
		rc = error_set_at(error, -EINVAL, "--hz", 0, 0,
		                  "%g ticks a second; Linux has 100 to 1000, and 0 stands for no granularity",
		                  request->hz);
	}
	return rc;
}

// ---- What it costs

static void format_count(double count, char *text, size_t size)
{
	if (isinf(count)) {
		snprintf(text, size, "no end");
	} else if (count >= 1e6) {
		snprintf(text, size, "%.2f M", count / 1e6);
	} else {
		snprintf(text, size, count < 100 ? "%.2f" : "%.0f", count);
	}
}

static void format_end(const struct verdict_model *model, char *text, size_t size)
{
	double fold;

	switch (model->mechanism) {
	case VERDICT_NODEST_KEPT:
		snprintf(text, size, "after %.4g s", model->timeout);
		return;
	case VERDICT_LAZY:
		snprintf(text, size, "one query a port");
		return;
	case VERDICT_FLUSH:
		snprintf(text, size, "at the flush");
		return;
	case VERDICT_DEAD_LISTED:
		snprintf(text, size, "when it is removed");
		return;
	default:
		break;
	}
	fold = verdict_model_e_fold(model);
	if (!(fold < 1e9)) {
		snprintf(text, size, "never");
	} else if (fold > 2 * 86400) {
		snprintf(text, size, "falls to 1/e in %.3g days", fold / 86400);
	} else {
		snprintf(text, size, "falls to 1/e in %.3g s", fold);
	}
}

static void print_costs(const struct verdict_design_options *options)
{
	static const char *const what[] = {
	        [VERDICT_NODEST_KEPT] = "removed, flows kept (nodest=0)",
	        [VERDICT_LAZY] = "removed, lazy expiry (kernel < 5.9)",
	        [VERDICT_FLUSH] = "removed, flush (kernel >= 5.9)",
	        [VERDICT_WEIGHT_ZERO] = "weight 0 and dead",
	        [VERDICT_DEAD_LISTED] = "dead and listed",
	};
	struct verdict_model model = options->model;

	model.reuse = VERDICT_REUSE_RANDOM;
	printf("\nWhat one of %g servers costs, ports used again at random:\n  %-36s %9s %13s  %s\n",
	       model.servers, "", "at once", "queries lost", "ends");
	for (unsigned i = VERDICT_NODEST_KEPT; i <= VERDICT_DEAD_LISTED; i++) {
		char lost[32], end[48];

		model.mechanism = (enum verdict_mechanism)i;
		format_count(verdict_model_lost(&model, INFINITY), lost, sizeof(lost));
		format_end(&model, end, sizeof(end));
		printf("  %-36s %7.3g %% %13s  %s\n", what[i], 100 * verdict_model_loss(&model, 0), lost,
		       end);
	}
}

static void print_given(const struct request *request)
{
	struct verdict_model model = request->options.model;

	printf("Given: %.0f q/s from %.0f source ports, UDP timeout %g s, %g servers, HZ %g\n", model.rate,
	       model.tuples, model.timeout, model.servers, request->hz);
	printf("  a port is used again every %.4g s on average; the director holds about %.0f flows\n",
	       model.tuples / model.rate, verdict_model_connections(&model));
	if (model.granularity > 0) {
		printf("  a flow expires between %g and %.6g s after its last packet (timer granularity)\n",
		       model.timeout, model.timeout + model.granularity);
	}
}

// ---- How to show it

static void print_power(const struct verdict_design_options *options, const struct verdict_design *design)
{
	const char *unit = options->goal == VERDICT_SHOW_FLUSH ? "queries a second" : "source ports";

	printf("  needed for a power of %.2g at %.2g %% confidence: %.0f %s\n", options->power,
	       100 * options->confidence, ceil(design->needed), unit);
	if (isfinite(design->most)) {
		printf("  at the most: %.0f source ports at this rate, or they rest too long%s\n",
		       design->most,
		       options->model.tuples > design->most ? ": take fewer, or a higher rate" : "");
	}
	if (isnan(design->power)) {
		printf("  with %.0f: too few for this precision\n", options->model.tuples);
	} else {
		printf("  with %.0f source ports at %.0f q/s: power %.3g\n", options->model.tuples,
		       options->model.rate, design->power);
	}
}

static void print_control(const struct verdict_design *design)
{
	double rate = ceil(design->needed / design->after);

	if (!(design->control_rest > 0) || !isfinite(rate)) {
		return;
	}
	printf("  control cohort: policy fresh, reuse %.6g s; %.0f q/s of it are enough, from %.0f source "
	       "ports of its own\n",
	       design->control_rest, rate, ceil(rate * design->control_rest));
}

static void print_command(const struct verdict_design_options *options, const struct verdict_design *design)
{
	double ports = FLOW_PORTS_DEFAULT_LAST - FLOW_PORTS_DEFAULT_FIRST + 1;
	double addresses = ceil(options->model.tuples / ports);

	printf("\n  staleflow run --iface IFACE -s SERVICE -d QUERIES -Q %.0f -l %.0f --nsid --policy %s",
	       options->model.rate, ceil(design->before + design->after), design->policy);
	if (design->reuse_high > 0) {
		printf(" --reuse %.6gs..%.6gs", design->reuse_low, design->reuse_high);
	}
	if (addresses > 1) {
		printf(" -a FIRST-LAST (%.0f addresses)", addresses);
	} else {
		printf(" -x %d-%.0f", FLOW_PORTS_DEFAULT_FIRST,
		       FLOW_PORTS_DEFAULT_FIRST + options->model.tuples - 1);
	}
	printf("\n");
}

static void print_design(const struct verdict_design_options *options, const struct verdict_design *design)
{
	printf("\nTo show: %s\n", verdict_goal_text(options->goal));
	printf("  policy %s", design->policy);
	if (design->reuse_high > 0) {
		printf(", reuse %.6g to %.6g s", design->reuse_low, design->reuse_high);
	}
	printf("; a port comes round every %.4g s\n", design->interval);
	printf("  remove the server %.4g s after the start at the earliest, and go on for %.6g s\n",
	       design->before, design->after);
	printf("  expected: a loss of %.3g %% just after the removal, %.0f queries lost (%.0f to %.0f)\n",
	       100 * design->loss, design->lost, floor(design->low), ceil(design->high));
	print_power(options, design);
	print_control(design);
	print_command(options, design);
}

int command_plan(int count, char **arguments)
{
	struct request request = {
	        .options = {.model = {.tuples = FLOW_PORTS_DEFAULT_LAST - FLOW_PORTS_DEFAULT_FIRST + 1,
	                              .timeout = 300,
	                              .servers = 2,
	                              .service_time = 0.0002},
	                    .confidence = 0.95,
	                    .power = 0.9,
	                    .within = 0.02},
	        .hz = 250,
	};
	struct verdict_model *model = &request.options.model;
	struct verdict_design design;
	struct error error = {0};

	if (parse(&request, count, arguments, &error) < 0) {
		return options_fail(&error);
	}
	if (request.help) {
		fputs(usage_text, stdout);
		return STATUS_OK;
	}
	if (!request.flush_given) {
		model->flush_delay = request.hz > 0 ? 1 / request.hz : 0;
	}
	if (verdict_model_check(model, &error) < 0) {
		return options_fail(&error);
	}
	if (request.hz > 0) {
		model->granularity =
		        fmin(model->timeout, verdict_model_granularity(model->timeout, request.hz));
	}
	if (verdict_design(&request.options, &design, &error) < 0) {
		return options_fail(&error);
	}
	print_given(&request);
	print_costs(&request.options);
	if (request.show) {
		print_design(&request.options, &design);
	}
	return STATUS_OK;
}

// Cohorts: tuples that no two share, and promises that they can keep.
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Some port that both have.
static uint16_t common_port(const struct flow_ports *a, const struct flow_ports *b)
{
	for (uint16_t port = flow_ports_next(a, 1); port != 0;
	     port = port == UINT16_MAX ? 0 : flow_ports_next(a, port + 1u)) {
		if (flow_ports_has(b, port)) {
			return port;
		}
	}
	return 0;
}

static bool overlaps(const struct address_range *a, const struct address_range *b, struct address *where)
{
	uint64_t difference;

	if (address_subtract(&b->first, &a->first, &difference) && difference < a->count) {
		*where = b->first;
		return true;
	}
	if (address_subtract(&a->first, &b->first, &difference) && difference < b->count) {
		*where = a->first;
		return true;
	}
	return false;
}

// No tuple twice: not within a cohort (`other` == `index`), not in two.
static int check_overlap(const struct config_checked *check, unsigned index, unsigned other)
{
	const struct flow_cohort_options *a = &check->plan->cohorts[index], *b = &check->plan->cohorts[other];
	uint16_t port = common_port(&a->ports, &b->ports);
	char path[CONFIG_PATH_SIZE], text[ADDRESS_TEXT_SIZE];
	struct address where;

	snprintf(path, sizeof(path), "cohorts[%u].addresses", index);
	for (unsigned i = 0; i < a->range_count && port != 0; i++) {
		for (unsigned j = 0; j < (index == other ? i : b->range_count); j++) {
			if (!overlaps(&a->ranges[i], &b->ranges[j], &where)) {
				continue;
			}
			address_format(&where, text);
			if (index == other) {
				return REFUSE(check, path, "address %s stands there twice; leave one out",
				              text);
			}
			return REFUSE(check, path,
			              "tuple %s port %u belongs to cohort \"%s\" too; give the cohorts "
			              "different addresses or "
			              "ports",
			              text, port, b->name);
		}
	}
	return 0;
}

static int check_sources(const struct config_checked *check, unsigned index)
{
	const struct flow_cohort_options *cohort = &check->plan->cohorts[index];
	char path[CONFIG_PATH_SIZE], text[ADDRESS_TEXT_SIZE];

	snprintf(path, sizeof(path), "cohorts[%u].addresses", index);
	if (cohort->range_count == 0) {
		return REFUSE(check, path,
		              "\"auto\" takes the address of a kernel interface, and none is known here; "
		              "give source "
		              "addresses (-a)");
	}
	for (unsigned i = 0; i < cohort->range_count; i++) {
		if (cohort->ranges[i].first.family != check->plan->service.address.family) {
			return REFUSE(check, path,
			              "%s is IPv%u, but the service is IPv%u; give addresses of that family",
			              address_format(&cohort->ranges[i].first, text),
			              cohort->ranges[i].first.family, check->plan->service.address.family);
		}
	}
	for (unsigned i = 0; i < cohort->range_count; i++) {
		struct address_range service = {.first = check->plan->service.address, .count = 1};
		struct address where;

		if (overlaps(&cohort->ranges[i], &service, &where)) {
			return REFUSE(check, path, "the service's own address %s is among them; leave it out",
			              address_format(&where, text));
		}
	}
	for (unsigned other = 0; other <= index; other++) {
		int rc = check_overlap(check, index, other);

		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// Which reuse settings a policy has a use for.
static int check_reuse(const struct config_checked *check, unsigned index)
{
	const struct flow_policy_options *policy = &check->plan->cohorts[index].policy;
	const char *name = flow_policy_name(policy->kind);
	bool timed = policy->kind == FLOW_POLICY_INTERVAL || policy->kind == FLOW_POLICY_STICKY ||
	             policy->kind == FLOW_POLICY_FRESH || policy->kind == FLOW_POLICY_SWEEP;
	bool two = policy->kind == FLOW_POLICY_INTERVAL || policy->kind == FLOW_POLICY_SWEEP;
	char path[CONFIG_PATH_SIZE];

	snprintf(path, sizeof(path), "cohorts[%u].reuse", index);
	if (policy->reuse_low > 0 && !timed) {
		return REFUSE(check, path,
		              "policy %s has no reuse time; leave it out, or choose interval, sweep, sticky "
		              "or fresh",
		              name);
	}
	if (policy->reuse_high > 0 && !two) {
		return REFUSE(check, path, "policy %s has one reuse time; two are for sweep and interval",
		              name);
	}
	snprintf(path, sizeof(path), "cohorts[%u].queries_per_use", index);
	if (policy->queries_per_use > 1 && policy->kind != FLOW_POLICY_STICKY) {
		return REFUSE(check, path, "policy %s sends one query a use; leave it out, or choose sticky",
		              name);
	}
	return 0;
}

static double shares(const struct plan *plan)
{
	double sum = 0;

	for (unsigned i = 0; i < plan->cohort_count; i++) {
		sum += plan->cohorts[i].share;
	}
	return sum;
}

// The promise of one picker: the cohort's tuples and rate, each divided by the senders.
static int check_promise(const struct config_checked *check, unsigned index)
{
	const struct plan *plan = check->plan;
	const struct flow_cohort_options *cohort = &plan->cohorts[index];
	uint64_t tuples = flow_space_tuples(cohort, 1);
	double rate = plan->load.profile.count > 0 ? load_profile_peak(&plan->load.profile) : 0;
	struct error reason = {0};
	char path[CONFIG_PATH_SIZE];

	snprintf(path, sizeof(path), "cohorts[%u]", index);
	if (tuples < plan->lcores.senders) {
		return REFUSE(check, path, "has %llu tuples for %u senders; give each sender one at least",
		              (unsigned long long)tuples, plan->lcores.senders);
	}
	rate = isfinite(rate) ? rate * cohort->share / shares(plan) / plan->lcores.senders : 0;
	if (flow_policy_check(&cohort->policy, (uint32_t)(tuples / plan->lcores.senders), rate, &reason) <
	    0) {
		return REFUSE(check, path, "%s", reason.text);
	}
	return 0;
}

static int check_names(const struct config_checked *check, unsigned index)
{
	char path[CONFIG_PATH_SIZE];

	snprintf(path, sizeof(path), "cohorts[%u].name", index);
	for (unsigned other = 0; other < index; other++) {
		if (strcmp(check->plan->cohorts[index].name, check->plan->cohorts[other].name) == 0) {
			return REFUSE(check, path,
			              "two cohorts are called \"%s\"; give each a name of its own",
			              check->plan->cohorts[index].name);
		}
	}
	return 0;
}

int config_check_cohorts(const struct config_checked *check)
{
	static int (*const checks[])(const struct config_checked *, unsigned) = {check_names, check_sources,
	                                                                         check_reuse, check_promise};
	const struct plan *plan = check->plan;
	uint64_t tuples = flow_space_tuples(plan->cohorts, plan->cohort_count);

	if (tuples > FLOW_TUPLES_MAX) {
		return REFUSE(check, "cohorts",
		              "%llu tuples (addresses times ports); allowed are %u at the most",
		              (unsigned long long)tuples, FLOW_TUPLES_MAX);
	}
	for (unsigned i = 0; i < plan->cohort_count; i++) {
		for (unsigned c = 0; c < sizeof(checks) / sizeof(checks[0]); c++) {
			int rc = checks[c](check, i);

			if (rc < 0) {
				return rc;
			}
		}
	}
	if (plan->load.slots && plan->load.window > tuples) {
		return REFUSE(check, "load.slots",
		              "%llu slots need as many tuples, and there are %llu; lower them, or give more "
		              "source addresses or "
		              "ports",
		              (unsigned long long)plan->load.window, (unsigned long long)tuples);
	}
	return 0;
}

// Each setting against the others: what is missing, what excludes what, what can't be kept.
#include "keys.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "match/table.h"
#include "packet/craft.h"

_Static_assert(MATCH_TIMEOUT_MAX == 500 * NS_PER_SEC, "keys.c bounds load.timeouts by this");

/** What the checks look at. */
struct check {
	const struct config_builder *builder;
	const struct config_draft *draft;
	const struct plan *plan;
	struct error *error;
};

#define REFUSE(check, path, ...) config_error_at((check)->builder, (check)->error, -EINVAL, path, __VA_ARGS__)

static bool given(const struct check *check, const char *path)
{
	return config_tree_get(check->builder->tree, path) != NULL;
}

static int check_port(const struct check *check)
{
	const struct config_draft *draft = check->draft;
	enum plan_driver driver = check->plan->port.driver;
	const char *device = NULL, *wanted = "interface", *name = plan_driver_name(driver);
	int devices = (draft->interface != NULL) + (draft->pci != NULL) + (draft->device != NULL);

	if (driver == PLAN_DRIVER_AUTO) {
		return REFUSE(
		        check, "port",
		        "no port is given; give a network interface (--iface), a NIC (--pci), a DPDK device "
		        "(--device), or the load balancer model (--director)");
	}
	if (driver == PLAN_DRIVER_DIRECTOR) {
		return devices == 0 ? 0
		                    : REFUSE(check, "port",
		                             "driver director needs no interface, pci or device; leave them "
		                             "out, or the driver");
	}
	if (devices > 1) {
		return REFUSE(check, "port", "interface, pci and device exclude each other; give one");
	}
	switch (driver) {
	case PLAN_DRIVER_PCI:
		device = draft->pci;
		wanted = "pci";
		break;
	case PLAN_DRIVER_DEVICE:
		device = draft->device;
		wanted = "device";
		break;
	default:
		device = draft->interface;
	}
	return device != NULL ? 0 : REFUSE(check, "port", "driver %s needs a key \"%s\"", name, wanted);
}

static int check_service(const struct check *check)
{
	const struct plan_service *service = &check->plan->service;
	uint8_t family = service->address.family;

	if (family == ADDRESS_NONE) {
		return REFUSE(check, "service.address", "no service to ask; give its address (-s)");
	}
	if ((check->draft->family == CONFIG_FAMILY_INET && family != ADDRESS_IPV4) ||
	    (check->draft->family == CONFIG_FAMILY_INET6 && family != ADDRESS_IPV6)) {
		return REFUSE(check, "service.family",
		              "the service's address is IPv%u; give one of the other family, or \"any\"",
		              family);
	}
	if (service->gateway.family != ADDRESS_NONE && service->gateway.family != family) {
		return REFUSE(check, "service.gateway",
		              "is IPv%u, but the service is IPv%u; give a next hop of that family",
		              service->gateway.family, family);
	}
	if (service->gateway.family != ADDRESS_NONE && service->mac.present) {
		return REFUSE(
		        check, "service.mac",
		        "the next hop's MAC address is given, so a gateway has no effect; give one of them");
	}
	return 0;
}

static int check_queries(const struct check *check)
{
	const struct plan_queries *queries = &check->plan->queries;
	static const char *const only_text[] = {
	        "queries.edns",          "queries.edns_size", "queries.dnssec_ok",        "queries.nsid",
	        "queries.client_subnet", "queries.options",   "queries.recursion_desired"};

	if (queries->file == NULL && queries->source != PLAN_QUERIES_GENERATED) {
		return REFUSE(check, "queries",
		              "nothing to ask; give a query file (-d) or names to generate (--generate)");
	}
	if (queries->file != NULL && queries->source == PLAN_QUERIES_GENERATED) {
		return REFUSE(check, "queries", "file and generate exclude each other; give one");
	}
	if (queries->source == PLAN_QUERIES_GENERATED && queries->zone == NULL) {
		return REFUSE(check, "queries.generate", "needs a key \"zone\"");
	}
	if (check->draft->binary && queries->source == PLAN_QUERIES_GENERATED) {
		return REFUSE(check, "queries.binary", "is about a query file, and there is none");
	}
	for (unsigned i = 0; check->draft->binary && i < sizeof(only_text) / sizeof(only_text[0]); i++) {
		if (given(check, only_text[i])) {
			return REFUSE(check, only_text[i],
			              "a binary query file is sent as it is; leave this out");
		}
	}
	return 0;
}

static int check_load(const struct check *check)
{
	const struct plan_load *load = &check->plan->load;

	if (check->draft->rate != NULL && check->draft->profile != NULL) {
		return REFUSE(check, "load.profile", "rate and profile exclude each other; give one");
	}
	if (check->draft->window > 0 && check->draft->slots > 0) {
		return REFUSE(check, "load.slots", "window (-q) and slots (-c) exclude each other; give one");
	}
	if (load->runs > 0 && check->plan->queries.source == PLAN_QUERIES_GENERATED) {
		return REFUSE(
		        check, "load.runs",
		        "generated names have no end to come round; give a number of queries (--count)");
	}
	if (load->drain < load->timeouts[0]) {
		return REFUSE(check, "load.drain",
		              "is shorter than the largest timeout, so the last queries could not end");
	}
	if (load->profile.count > 0 && load_profile_peak(&load->profile) <= 0) {
		return REFUSE(check, "load.rate", "is never above 0, so nothing would be sent");
	}
	return 0;
}

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
static int check_overlap(const struct check *check, unsigned index, unsigned other)
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

static int check_sources(const struct check *check, unsigned index)
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
	for (unsigned other = 0; other <= index; other++) {
		int rc = check_overlap(check, index, other);

		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// Which reuse settings a policy has a use for.
static int check_reuse(const struct check *check, unsigned index)
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
static int check_promise(const struct check *check, unsigned index)
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

static int check_names(const struct check *check, unsigned index)
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

static int check_cohorts(const struct check *check)
{
	static int (*const checks[])(const struct check *, unsigned) = {check_names, check_sources,
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

static int check_backend(const struct check *check, unsigned index)
{
	const struct plan_director *director = &check->plan->director;
	const struct plan_backend *backend = &director->backends[index];
	char path[CONFIG_PATH_SIZE];

	snprintf(path, sizeof(path), "director.backends[%u]", index);
	if (backend->name[0] == '\0') {
		return REFUSE(check, path, "needs a key \"name\"");
	}
	if (backend->address.family != check->plan->service.address.family) {
		return REFUSE(check, path,
		              "is IPv%u, but the service is IPv%u; give it an address of that family",
		              backend->address.family, check->plan->service.address.family);
	}
	for (unsigned other = 0; other < index; other++) {
		if (strcmp(backend->name, director->backends[other].name) == 0) {
			return REFUSE(check, path,
			              "two real servers are called \"%s\"; give each a name of its own",
			              backend->name);
		}
		if (address_equal(&backend->address, &director->backends[other].address) &&
		    backend->port == director->backends[other].port) {
			return REFUSE(check, path,
			              "has the address and port of \"%s\"; give each an address of its own",
			              director->backends[other].name);
		}
	}
	return 0;
}

static int check_director(const struct check *check)
{
	const struct plan_director *director = &check->plan->director;
	unsigned hz = director->ipvs.hz;

	if (!director->present) {
		return 0;
	}
	if (director->backend_count == 0) {
		return REFUSE(check, "director.backends",
		              "a load balancer without real servers refuses everything; give one at "
		              "least, or leave the key out for two");
	}
	if (hz != 100 && hz != 250 && hz != 300 && hz != 1000) {
		return REFUSE(check, "director.hz", "found %u; kernels have 100, 250, 300 or 1000", hz);
	}
	for (unsigned i = 0; i < director->backend_count; i++) {
		int rc = check_backend(check, i);

		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// True when some real server is called so at some time: listed, added, or a replacement ("a#2") in a rolling
// update.
static bool is_backend(const struct plan *plan, const char *name)
{
	size_t stem = strcspn(name, "#");

	for (unsigned i = 0; i < plan->director.backend_count; i++) {
		const char *known = plan->director.backends[i].name;

		if (strcmp(known, name) == 0 || (strlen(known) == stem && memcmp(known, name, stem) == 0)) {
			return true;
		}
	}
	for (size_t i = 0; i < plan->scenario.count; i++) {
		const struct scenario_event *event = &plan->scenario.events[i];

		if (event->kind == SCENARIO_ADD && strlen(event->backend) == stem &&
		    memcmp(event->backend, name, stem) == 0) {
			return true;
		}
	}
	return false;
}

static int check_event(const struct check *check, const struct scenario_event *event)
{
	const struct plan *plan = check->plan;
	char at[32], end[32], what[SCENARIO_NAME_SIZE * 2];

	units_format_duration(event->at, at, sizeof(at));
	units_format_duration(plan->load.duration, end, sizeof(end));
	scenario_describe(event, what, sizeof(what));
	if (event->at > plan->load.duration) {
		return REFUSE(
		        check, "scenario",
		        "event \"%s\" is at %s, but the run ends at %s; let it happen before, or the run "
		        "last longer",
		        what, at, end);
	}
	if (scenario_kind_needs_director(event->kind) && !plan->director.present) {
		return REFUSE(
		        check, "scenario",
		        "event \"%s\" at %s acts on the load balancer model, and this run has none; use mark "
		        "or exec, or add a \"director\"",
		        what, at);
	}
	if (event->kind != SCENARIO_ADD && event->backend[0] != '\0' && !is_backend(plan, event->backend)) {
		return REFUSE(
		        check, "scenario",
		        "event \"%s\" at %s is about a real server that \"director.backends\" does not have",
		        what, at);
	}
	return 0;
}

static int check_scenario(const struct check *check)
{
	struct scenario expanded;
	struct error reason = {0};

	for (size_t i = 0; i < check->plan->scenario.count; i++) {
		int rc = check_event(check, &check->plan->scenario.events[i]);

		if (rc < 0) {
			return rc;
		}
	}
	if (plan_scenario(check->plan, &expanded, &reason) < 0) {
		return REFUSE(check, "scenario", "%s", reason.text);
	}
	scenario_clear(&expanded);
	return 0;
}

static int check_output(const struct check *check)
{
	const struct plan_output *output = &check->plan->output;
	const char *files[] = {output->json, output->jsonl, output->csv};

	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (files[i] != NULL && files[j] != NULL && strcmp(files[i], files[j]) == 0) {
				return REFUSE(check, "output",
				              "two results go to \"%s\"; give each a file of its own",
				              files[i]);
			}
		}
	}
	return 0;
}

int config_check(const struct config_builder *builder, const struct config_draft *draft, struct error *error)
{
	static int (*const checks[])(const struct check *) = {check_port,     check_service, check_queries,
	                                                      check_load,     check_cohorts, check_director,
	                                                      check_scenario, check_output};
	struct check check = {.builder = builder, .draft = draft, .plan = &draft->plan, .error = error};

	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int rc = checks[i](&check);

		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// Each setting against the others: what is missing, what excludes what, what can't be kept.
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "match/table.h"

_Static_assert(MATCH_TIMEOUT_MAX == 500 * NS_PER_SEC, "keys.c bounds load.timeouts by this");

static bool given(const struct config_checked *check, const char *path)
{
	return config_tree_get(check->builder->tree, path) != NULL;
}

static int check_port(const struct config_checked *check)
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

// The model behind a port of its own can't be the one behind rings.
static int check_own_port(const struct config_checked *check)
{
	enum plan_driver driver = check->plan->port.driver;

	if (driver == PLAN_DRIVER_AUTO || driver == PLAN_DRIVER_DIRECTOR) {
		return REFUSE(
		        check, "port",
		        "a director needs a port to answer on; give a network interface (--iface), a NIC "
		        "(--pci), or a DPDK device (--device)");
	}
	if (driver == PLAN_DRIVER_XDP_LIVE) {
		return REFUSE(check, "port.driver",
		              "xdp_live sends a generator's queries; a director has af_xdp and af_packet");
	}
	return check_port(check);
}

static int check_service(const struct config_checked *check)
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

// A trace brings its own times, ports and messages.
static int check_trace(const struct config_checked *check)
{
	static const char *const own[] = {"queries.file", "queries.generate",  "queries.binary",
	                                  "queries.edns", "queries.edns_size", "queries.dnssec_ok",
	                                  "queries.nsid", "queries.options",   "queries.client_subnet",
	                                  "load.rate",    "load.profile",      "queries.recursion_desired",
	                                  "load.window",  "load.slots",        "load.runs"};

	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (given(check, own[i])) {
			return REFUSE(check, own[i],
			              "a trace has its own queries and times; leave this out (its speed: "
			              "--trace FILE,speed=2)");
		}
	}
	if (check->plan->cohort_count > 1) {
		return REFUSE(check, "cohorts", "a trace is sent by one cohort; found %u",
		              check->plan->cohort_count);
	}
	return 0;
}

static int check_queries(const struct config_checked *check)
{
	const struct plan_queries *queries = &check->plan->queries;
	static const char *const only_text[] = {
	        "queries.edns",          "queries.edns_size", "queries.dnssec_ok",        "queries.nsid",
	        "queries.client_subnet", "queries.options",   "queries.recursion_desired"};

	if (queries->source == PLAN_QUERIES_TRACE) {
		return check_trace(check);
	}
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

// A set of one template: cheap, and it knows what a zone and a type may be.
static int check_generated(const struct config_checked *check)
{
	const struct plan_queries *queries = &check->plan->queries;
	struct dns_query_set *set = NULL;
	struct error reason = {0};
	int rc;

	if (queries->source != PLAN_QUERIES_GENERATED) {
		return 0;
	}
	rc = dns_query_set_generate(&set, queries->zone, queries->type, queries->generated,
	                            queries->label_length, check->plan->seed, &queries->options, &reason);
	dns_query_set_free(set);
	return rc < 0 ? REFUSE(check, "queries.generate", "%s", reason.text) : 0;
}

static int check_load(const struct config_checked *check)
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

static int check_lcores(const struct config_checked *check)
{
	const struct plan_lcores *lcores = &check->plan->lcores;

	if (lcores->combined && lcores->receivers != lcores->senders) {
		return REFUSE(
		        check, "lcores.receivers",
		        "%u receivers for %u senders: a combined lcore is one of each; leave this out, or "
		        "combined (--combined)",
		        lcores->receivers, lcores->senders);
	}
	return lcores->receivers <= lcores->senders
	               ? 0
	               : REFUSE(check, "lcores.receivers",
	                        "%u receivers for %u senders: the replies of a sender go to one receiver; "
	                        "use at most as many receivers as senders",
	                        lcores->receivers, lcores->senders);
}

static int check_steering(const struct config_checked *check)
{
	return check->plan->port.steering != PLAN_STEERING_FLOW || check->plan->lcores.receivers > 1
	               ? 0
	               : REFUSE(check, "port.steering",
	                        "flow rules tell the replies of several receivers apart, and there is 1; use "
	                        "more (--receivers), or leave this out");
}

static int check_output(const struct config_checked *check)
{
	const struct plan_output *output = &check->plan->output;
	const char *files[] = {output->json, output->jsonl, output->csv, output->ledger, output->pcap};
	struct error reason = {0};
	struct stats_shape shape;
	int rc;

	rc = stats_shape_init(&shape, check->plan->cohort_count, check->plan->load.timeouts,
	                      check->plan->load.timeout_count, 0, output->interval,
	                      check->plan->load.duration, &reason);
	if (rc < 0) {
		return REFUSE(check, "output.interval", "%s", reason.text);
	}
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

typedef int (*config_checker)(const struct config_checked *check);

static int check_all(const config_checker *checks, const struct config_checked *check)
{
	int rc = 0;

	for (; *checks != NULL && rc == 0; checks++) {
		rc = (*checks)(check);
	}
	return rc;
}

int config_check(const struct config_builder *builder, const struct config_draft *draft, struct error *error)
{
	static const config_checker client[] = {
	        check_port,   check_service,        check_queries,         check_generated,
	        check_load,   config_check_cohorts, config_check_director, config_check_scenario,
	        check_output, check_lcores,         check_steering,        NULL};
	static const config_checker director[] = {check_own_port, check_service, config_check_director,
	                                          config_check_scenario, NULL};
	struct config_checked check = {
	        .builder = builder, .draft = draft, .plan = &draft->plan, .error = error};

	return check_all(builder->role == CONFIG_DIRECTOR ? director : client, &check);
}

// The load balancer model, and the events that act on it.
#include "check.h"

#include <stdio.h>
#include <string.h>

/** Real servers that rolling updates may replace in one run. */
#define REPLACEMENTS_MAX 4096

static int check_backend(const struct config_checked *check, unsigned index)
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

int config_check_director(const struct config_checked *check)
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

// True when the director starts with a real server of that name.
static bool is_listed(const struct plan *plan, const char *name)
{
	for (unsigned i = 0; i < plan->director.backend_count; i++) {
		if (strcmp(plan->director.backends[i].name, name) == 0) {
			return true;
		}
	}
	return false;
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

// A rolling update comes apart into some events for each real server.
static int check_rolls(const struct config_checked *check)
{
	const struct scenario *scenario = &check->plan->scenario;
	size_t rolls = 0;

	for (size_t i = 0; i < scenario->count; i++) {
		rolls += scenario->events[i].kind == SCENARIO_ROLL;
	}
	if (rolls * check->plan->director.backend_count > REPLACEMENTS_MAX) {
		return REFUSE(
		        check, "scenario",
		        "%zu rolling updates of %u real servers are too many; allowed are %d replacements "
		        "in all",
		        rolls, check->plan->director.backend_count, REPLACEMENTS_MAX);
	}
	return 0;
}

static int check_event(const struct config_checked *check, const struct scenario_event *event)
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
	if (event->kind == SCENARIO_ADD && event->address.family == ADDRESS_NONE &&
	    !is_listed(plan, event->backend)) {
		return REFUSE(check, "scenario",
		              "event \"%s\" at %s brings a new real server; give its address", what, at);
	}
	if (event->kind != SCENARIO_ADD && event->backend[0] != '\0' && !is_backend(plan, event->backend)) {
		return REFUSE(
		        check, "scenario",
		        "event \"%s\" at %s is about a real server that \"director.backends\" does not have",
		        what, at);
	}
	return 0;
}

int config_check_scenario(const struct config_checked *check)
{
	struct scenario expanded;
	struct error reason = {0};
	int rc = check_rolls(check);

	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i < check->plan->scenario.count; i++) {
		rc = check_event(check, &check->plan->scenario.events[i]);
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

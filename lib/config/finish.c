// From the effective settings to the plan: lists into arrays, texts into profiles, then the checks of each
// setting against the others.
#include "keys.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/** What config_finish works on. */
struct finish {
	const struct config_builder *builder;
	const json_t *tree; ///< effective settings
	struct config_draft *draft;
	struct error *error;
};

static int no_memory(const struct finish *f)
{
	return error_set(f->error, -ENOMEM, "no memory for the plan");
}

static int finish_cohort(const struct finish *f, const json_t *object, unsigned index)
{
	struct flow_cohort_options *out = &f->draft->plan.cohorts[index];
	struct config_cohort cohort = {0};
	char place[CONFIG_PATH_SIZE];
	int rc;

	snprintf(place, sizeof(place), "cohorts[%u]", index);
	rc = config_fill(f->builder, object, CONFIG_SCOPE_COHORT, "cohorts[]", place, &cohort, f->error);
	if (rc == 0) {
		*out = cohort.options;
		out->ranges = cohort.ranges.items;
		out->range_count = cohort.ranges.count;
		out->policy.reuse_low = cohort.reuse.low;
		out->policy.reuse_high = cohort.reuse.high;
		out->policy.seed = random_mix(f->draft->plan.seed + index);
		cohort.ranges.items = NULL;
	}
	config_fill_release(CONFIG_SCOPE_COHORT, &cohort);
	return rc;
}

static int finish_cohorts(const struct finish *f)
{
	const json_t *list = json_object_get(f->tree, "cohorts");
	struct plan *plan = &f->draft->plan;
	size_t count = json_array_size(list);

	plan->cohorts = calloc(count, sizeof(*plan->cohorts));
	if (plan->cohorts == NULL) {
		return no_memory(f);
	}
	for (size_t i = 0; i < count; i++) {
		int rc;

		plan->cohort_count++;
		rc = finish_cohort(f, json_array_get(list, i), (unsigned)i);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// Which kinds of events a key is for; "at", "do", "name" and "description" are for all.
static bool has_use(enum scenario_kind kind, const char *name)
{
	if (strcmp(name, "backend") == 0) {
		return scenario_kind_needs_backend(kind);
	}
	if (strcmp(name, "command") == 0) {
		return kind == SCENARIO_EXEC;
	}
	if (strcmp(name, "address") == 0 || strcmp(name, "port") == 0) {
		return kind == SCENARIO_ADD;
	}
	if (strcmp(name, "weight") == 0) {
		return kind == SCENARIO_ADD || kind == SCENARIO_SET_WEIGHT;
	}
	if (strcmp(name, "timeout") == 0) {
		return kind == SCENARIO_SET_TIMEOUT;
	}
	if (strcmp(name, "on") == 0) {
		return kind == SCENARIO_SET_EXPIRE_NODEST;
	}
	return strcmp(name, "roll") != 0 || kind == SCENARIO_ROLL;
}

static int finish_event(const struct finish *f, const json_t *item, const char *place)
{
	struct config_event event = {0};
	struct error reason = {0};
	const char *name;
	json_t *value;
	int rc;

	if (json_object_get(item, "do") == NULL) {
		return config_error_at(f->builder, f->error, -EINVAL, place,
		                       "needs a key \"do\": what is to happen");
	}
	rc = config_fill(f->builder, item, CONFIG_SCOPE_EVENT, "scenario[]", place, &event, f->error);
	json_object_foreach ((json_t *)(uintptr_t)item, name, value) {
		if (rc == 0 && !has_use(event.event.kind, name)) {
			rc = config_error_at(f->builder, f->error, -EINVAL, place,
			                     "an event of kind %s has no use for \"%s\"; leave it out",
			                     scenario_kind_name(event.event.kind), name);
		}
	}
	if (rc == 0) {
		event.event.command = event.command;
		event.event.value = event.event.kind == SCENARIO_SET_EXPIRE_NODEST ? event.on : event.timeout;
		rc = scenario_add(&f->draft->plan.scenario, &event.event, &reason);
		if (rc < 0) {
			config_error_at(f->builder, f->error, rc, place, "%s", reason.text);
		}
	}
	config_fill_release(CONFIG_SCOPE_EVENT, &event);
	return rc;
}

static int finish_events(const struct finish *f)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(f->tree, "scenario"), i, item) {
		char place[CONFIG_PATH_SIZE];
		int rc;

		snprintf(place, sizeof(place), "scenario[%zu]", i);
		rc = finish_event(f, item, place);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int finish_backend(const struct finish *f, const json_t *object, unsigned index)
{
	struct plan_backend *out = &f->draft->plan.director.backends[index];
	struct config_backend backend = {0};
	char place[CONFIG_PATH_SIZE];
	int rc;

	snprintf(place, sizeof(place), "director.backends[%u]", index);
	rc = config_fill(f->builder, object, CONFIG_SCOPE_BACKEND, "director.backends[]", place, &backend,
	                 f->error);
	if (rc == 0) {
		*out = backend.backend;
		out->port = out->port != 0 ? out->port : f->draft->plan.service.port;
		if (out->nsid[0] == '\0') {
			memcpy(out->nsid, out->name, sizeof(out->nsid));
		}
		out->answers = backend.answers.items;
		out->answer_count = backend.answers.count;
		backend.answers.items = NULL;
	}
	config_fill_release(CONFIG_SCOPE_BACKEND, &backend);
	return rc;
}

static int finish_director(const struct finish *f)
{
	const json_t *director = json_object_get(f->tree, "director");
	const json_t *list = json_object_get(director, "backends");
	struct plan_director *out = &f->draft->plan.director;
	size_t count = json_array_size(list);

	out->present = director != NULL;
	if (!out->present) {
		*out = (struct plan_director){0};
		return 0;
	}
	out->ipvs.seed = random_mix(~f->draft->plan.seed);
	out->backends = calloc(count + 1, sizeof(*out->backends));
	if (out->backends == NULL) {
		return no_memory(f);
	}
	for (size_t i = 0; i < count; i++) {
		int rc;

		out->backend_count++;
		rc = finish_backend(f, json_array_get(list, i), (unsigned)i);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int descending(const void *a, const void *b)
{
	ns_t x = *(const ns_t *)a, y = *(const ns_t *)b;

	return (x < y) - (x > y);
}

static int finish_profile(const struct finish *f)
{
	struct load_profile *profile = &f->draft->plan.load.profile;
	const struct config_draft *draft = f->draft;
	struct error reason = {0};
	int rc;

	if (draft->rate != NULL) {
		rc = load_profile_parse(profile, draft->rate, "", &reason);
		return rc < 0 ? config_error_at(f->builder, f->error, rc, "load.rate", "%s", reason.text) : 0;
	}
	if (draft->profile != NULL) {
		return load_profile_read(profile, draft->profile, f->error);
	}
	load_profile_init(profile);
	return 0;
}

// In flight are at most `window` queries, and each for at most the largest timeout: that is a rate.
static double size_rate(const struct config_draft *draft)
{
	const struct plan_load *load = &draft->plan.load;
	double rate = load->profile.count > 0 ? load_profile_peak(&load->profile) : LOAD_UNLIMITED;
	double closed =
	        load->window > 0 ? (double)load->window / ns_to_seconds(load->timeouts[0]) : LOAD_UNLIMITED;

	rate = fmin(rate, closed);
	return isfinite(rate) ? fmax(rate, 1) : draft->size_rate;
}

static int finish_load(const struct finish *f)
{
	struct config_draft *draft = f->draft;
	struct plan_load *load = &draft->plan.load;
	int rc = finish_profile(f);

	if (rc < 0) {
		return rc;
	}
	load->slots = draft->slots > 0;
	load->window = (uint64_t)(load->slots ? draft->slots : draft->window);
	load->query_limit = draft->query_limit > 0 ? (uint64_t)draft->query_limit : UINT64_MAX;
	load->runs = (uint64_t)draft->runs;
	load->timeout_count = draft->timeouts.count;
	memcpy(load->timeouts, draft->timeouts.items, sizeof(load->timeouts));
	memcpy(load->timeouts_given, draft->timeouts.items, sizeof(load->timeouts_given));
	qsort(load->timeouts, load->timeout_count, sizeof(load->timeouts[0]), descending);
	if (load->duration == 0) {
		load->duration = NS_NEVER;
	}
	if (load->profile.count > 0 && load_profile_duration(&load->profile) < load->duration) {
		load->duration = load_profile_duration(&load->profile);
	}
	if (load->duration == NS_NEVER && load->query_limit == UINT64_MAX && load->runs == 0 &&
	    draft->plan.queries.file != NULL) {
		load->runs = 1; // as dnsperf: once through the file
	}
	if (config_tree_get(f->tree, "load.drain") == NULL) {
		load->drain = load->timeouts[0];
	}
	load->size_rate = size_rate(draft);
	return 0;
}

static void move_text(char **to, char **from)
{
	*to = *from;
	*from = NULL;
}

static int finish_port(const struct finish *f)
{
	struct config_draft *draft = f->draft;

	switch (draft->plan.port.driver) {
	case PLAN_DRIVER_AF_PACKET:
	case PLAN_DRIVER_AF_XDP:
	case PLAN_DRIVER_XDP_LIVE:
	case PLAN_DRIVER_TAP:
		move_text(&draft->plan.port.device, &draft->interface);
		break;
	case PLAN_DRIVER_PCI:
		move_text(&draft->plan.port.device, &draft->pci);
		break;
	case PLAN_DRIVER_DEVICE:
		move_text(&draft->plan.port.device, &draft->device);
		break;
	default:
		break;
	}
	return 0;
}

// FILE[,speed=N]: the file is what is before the last ",speed=".
static int finish_trace(const struct finish *f)
{
	static const char word[] = ",speed=";
	struct plan_queries *queries = &f->draft->plan.queries;
	char *option = queries->trace != NULL ? strrchr(queries->trace, ',') : NULL;

	queries->trace_speed = 1;
	if (option == NULL || strncmp(option, word, sizeof(word) - 1) != 0) {
		return 0;
	}
	if (units_parse_count(option + sizeof(word) - 1, &queries->trace_speed) < 0 ||
	    !(queries->trace_speed > 0 && queries->trace_speed <= 1e6)) {
		return config_error_at(f->builder, f->error, -EINVAL, "queries.trace",
		                       "speed '%s' is no number above 0, as 1, 0.5 or 10",
		                       option + sizeof(word) - 1);
	}
	*option = '\0';
	return 0;
}

static int finish_queries(const struct finish *f)
{
	struct plan_queries *queries = &f->draft->plan.queries;
	bool generate = config_tree_get(f->tree, "queries.generate") != NULL;

	queries->source = queries->trace != NULL ? PLAN_QUERIES_TRACE
	                  : generate             ? PLAN_QUERIES_GENERATED
	                  : f->draft->binary     ? PLAN_QUERIES_BINARY
	                                         : PLAN_QUERIES_TEXT;
	queries->generated = generate ? (enum dns_generated)(f->draft->labels + 1) : DNS_GENERATED_NONE;
	queries->options.client_subnet = f->draft->subnet.subnet;
	queries->options.option_count = f->draft->edns.count;
	memcpy(queries->options.options, f->draft->edns.items, sizeof(queries->options.options));
	return finish_trace(f);
}

static uint64_t digest_of(const json_t *tree)
{
	static const char *const apart[] = {"name", "description", "output"};
	json_t *copy = json_copy((json_t *)(uintptr_t)tree);
	uint64_t digest = 0;
	char *text;

	for (unsigned i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		json_object_del(copy, apart[i]);
	}
	text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
	for (const char *p = text; p != NULL && *p != '\0'; p++) {
		digest = random_mix(digest ^ (uint8_t)*p);
	}
	free(text);
	json_decref(copy);
	return digest;
}

static int finish_json(const struct finish *f)
{
	// The defaults of what is not used would say that it is.
	config_role_strip(f->builder, (json_t *)(uintptr_t)f->tree);
	f->draft->plan.json = json_dumps(f->tree, JSON_COMPACT | JSON_SORT_KEYS);
	f->draft->plan.digest = digest_of(f->tree);
	return f->draft->plan.json != NULL ? 0 : no_memory(f);
}

static int finish_run(const struct finish *f)
{
	return config_fill(f->builder, f->tree, CONFIG_SCOPE_RUN, "", "", f->draft, f->error);
}

static int finish_check(const struct finish *f)
{
	return config_check(f->builder, f->draft, f->error);
}

int config_finish(const struct config_builder *builder, struct plan **out, struct error *error)
{
	static int (*const steps[])(const struct finish *) = {finish_run,     finish_queries,  finish_load,
	                                                      finish_cohorts, finish_director, finish_events,
	                                                      finish_check,   finish_port,     finish_json};
	struct finish f = {.builder = builder, .error = error};
	struct plan *plan = calloc(1, sizeof(*plan));
	int rc = 0;

	f.draft = calloc(1, sizeof(*f.draft));
	f.tree = config_effective(builder);
	if (plan == NULL || f.draft == NULL || f.tree == NULL) {
		rc = no_memory(&f);
	}
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++) {
		rc = steps[i](&f);
	}
	if (rc == 0) {
		*plan = f.draft->plan;
		f.draft->plan = (struct plan){0};
		*out = plan;
		plan = NULL;
	}
	if (f.draft != NULL) {
		// The plan's own texts go with the plan, and are NULL for the table then.
		config_plan_clear(&f.draft->plan);
		config_fill_release(CONFIG_SCOPE_RUN, f.draft);
	}
	free(f.draft);
	free(plan);
	json_decref((json_t *)(uintptr_t)f.tree);
	return rc;
}

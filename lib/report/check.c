#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

// What a key of a result must be.
enum kind {
	KIND_INTEGER,
	KIND_NUMBER,
	KIND_NUMBER_OR_NULL,
	KIND_BOOLEAN,
	KIND_OBJECT,
	KIND_ARRAY,
	KIND_TEXT,
	KIND_ANY,
};

struct key {
	const char *name;
	enum kind kind;
};

static const char *const kind_names[] = {
        [KIND_INTEGER] = "an integer of 0 or more",
        [KIND_NUMBER] = "a number",
        [KIND_NUMBER_OR_NULL] = "a number or null",
        [KIND_BOOLEAN] = "true or false",
        [KIND_OBJECT] = "an object",
        [KIND_ARRAY] = "an array",
        [KIND_TEXT] = "a string",
        [KIND_ANY] = "anything",
};

static const struct key result_keys[] = {
        {"generator", KIND_OBJECT},  {"accounts", KIND_OBJECT},   {"name", KIND_ANY},
        {"description", KIND_ANY},   {"plan_digest", KIND_TEXT},  {"plan", KIND_ANY},
        {"box", KIND_OBJECT},        {"simulated", KIND_BOOLEAN}, {"interrupted", KIND_BOOLEAN},
        {"started_ns", KIND_ANY},    {"duration_s", KIND_NUMBER}, {"sending_s", KIND_NUMBER},
        {"interval_s", KIND_NUMBER}, {"rate", KIND_OBJECT},       {"totals", KIND_OBJECT},
        {"timeouts", KIND_ARRAY},    {"rcodes", KIND_OBJECT},     {"latency_us", KIND_OBJECT},
        {"pacing_us", KIND_OBJECT},  {"cohorts", KIND_ARRAY},     {"reuse_age", KIND_ARRAY},
        {"backends", KIND_ARRAY},    {"timeline", KIND_ARRAY},    {"events", KIND_ARRAY},
        {"director", KIND_ANY},      {"verdict", KIND_ANY},       {NULL, KIND_ANY},
};

static const struct key timeout_keys[] = {
        {"timeout_ms", KIND_NUMBER},
        {"answered", KIND_INTEGER},
        {"refused", KIND_INTEGER},
        {"lost", KIND_INTEGER},
        {"outstanding", KIND_INTEGER},
        {"loss", KIND_NUMBER_OR_NULL},
        {"loss_low", KIND_NUMBER_OR_NULL},
        {"loss_high", KIND_NUMBER_OR_NULL},
        {NULL, KIND_ANY},
};

static const struct key cohort_keys[] = {
        {"name", KIND_TEXT},       {"control", KIND_BOOLEAN},
        {"sent", KIND_INTEGER},    {"answered", KIND_INTEGER},
        {"refused", KIND_INTEGER}, {"lost", KIND_INTEGER},
        {"late", KIND_INTEGER},    {"outstanding", KIND_INTEGER},
        {"timeouts", KIND_ARRAY},  {"latency_us", KIND_OBJECT},
        {NULL, KIND_ANY},
};

static const struct key age_keys[] = {
        {"cohort", KIND_TEXT},
        {"age_low_s", KIND_NUMBER_OR_NULL},
        {"age_high_s", KIND_NUMBER_OR_NULL},
        {"first_use", KIND_BOOLEAN},
        {"sent", KIND_INTEGER},
        {"answered", KIND_INTEGER},
        {"refused", KIND_INTEGER},
        {"lost", KIND_INTEGER},
        {"late", KIND_INTEGER},
        {"outstanding", KIND_INTEGER},
        {NULL, KIND_ANY},
};

static const struct key interval_keys[] = {
        {"since_s", KIND_NUMBER},   {"until_s", KIND_NUMBER},      {"sent", KIND_INTEGER},
        {"answered", KIND_INTEGER}, {"refused", KIND_INTEGER},     {"lost", KIND_INTEGER},
        {"late", KIND_INTEGER},     {"outstanding", KIND_INTEGER}, {"cohorts", KIND_ARRAY},
        {NULL, KIND_ANY},
};

static bool is_kind(const json_t *value, enum kind kind)
{
	switch (kind) {
	case KIND_INTEGER:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case KIND_NUMBER:
		return json_is_number(value);
	case KIND_NUMBER_OR_NULL:
		return json_is_number(value) || json_is_null(value);
	case KIND_BOOLEAN:
		return json_is_boolean(value);
	case KIND_OBJECT:
		return json_is_object(value);
	case KIND_ARRAY:
		return json_is_array(value);
	case KIND_TEXT:
		return json_is_string(value);
	case KIND_ANY:
		return value != NULL;
	}
	return false;
}

static int check_keys(const json_t *object, const struct key *keys, const char *at, const char *source,
                      struct error *error)
{
	if (!json_is_object(object)) {
		return error_set_path(error, -EINVAL, source, at,
		                      "not a result of staleflow: an object belongs here");
	}
	for (; keys->name != NULL; keys++) {
		const json_t *value = json_object_get(object, keys->name);
		char path[160];

		snprintf(path, sizeof(path), "%s.%s", at, keys->name);
		if (value == NULL) {
			return error_set_path(
			        error, -EINVAL, source, path,
			        "the key is missing: the file is no whole result; write one with --json");
		}
		if (!is_kind(value, keys->kind)) {
			return error_set_path(error, -EINVAL, source, path, "found something else than %s",
			                      kind_names[keys->kind]);
		}
	}
	return 0;
}

static int check_list(const json_t *parent, const char *name, const struct key *keys, const char *at,
                      const char *source, struct error *error)
{
	const json_t *list = json_object_get(parent, name);
	int failed = 0;

	for (size_t i = 0; failed == 0 && i < json_array_size(list); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s.%s[%zu]", at, name, i);
		failed = check_keys(json_array_get(list, i), keys, path, source, error);
	}
	return failed;
}

static int check_generator(const json_t *result, const char *source, struct error *error)
{
	const json_t *generator = json_object_get(result, "generator"),
	             *schema = json_object_get(result, "schema");
	const char *name = json_string_value(json_object_get(generator, "name"));

	if (!json_is_object(result) || name == NULL || strcmp(name, "staleflow") != 0) {
		return error_set_path(
		        error, -EINVAL, source, "$.generator.name",
		        "not a result of staleflow; write one with 'staleflow run --json FILE'");
	}
	if (!json_is_integer(schema)) {
		return error_set_path(error, -EINVAL, source, "$.schema", "the schema's version is missing");
	}
	if (json_integer_value(schema) != REPORT_SCHEMA) {
		return error_set_path(error, -EINVAL, source, "$.schema",
		                      "found schema version %lld, this program knows %d; use the version of "
		                      "staleflow that wrote it",
		                      (long long)json_integer_value(schema), REPORT_SCHEMA);
	}
	return 0;
}

// A counter that the program of this version counts must be there, or sums would be wrong without a word.
static int check_totals(const json_t *result, const char *source, struct error *error)
{
	static const struct key outcomes[] = {
	        {"sent", KIND_INTEGER}, {"answered", KIND_INTEGER}, {"refused", KIND_INTEGER},
	        {"lost", KIND_INTEGER}, {"late", KIND_INTEGER},     {"outstanding", KIND_INTEGER},
	        {NULL, KIND_ANY},
	};
	const json_t *totals = json_object_get(result, "totals");
	struct key one[2] = {{NULL, KIND_INTEGER}, {NULL, KIND_ANY}};
	int failed = check_keys(totals, outcomes, "$.totals", source, error);

	for (unsigned i = 0; failed == 0 && i < STATS_SENDER_COUNTERS; i++) {
		one[0].name = stats_sender_counter_name((enum stats_sender_counter)i);
		failed = check_keys(totals, one, "$.totals", source, error);
	}
	for (unsigned i = 0; failed == 0 && i < STATS_RECEIVER_COUNTERS; i++) {
		one[0].name = stats_receiver_counter_name((enum stats_receiver_counter)i);
		failed = check_keys(totals, one, "$.totals", source, error);
	}
	return failed;
}

static uint64_t get_count(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static int check_identity(const json_t *totals, const char *source, struct error *error)
{
	uint64_t sent = get_count(totals, "sent");
	uint64_t ended = get_count(totals, "answered") + get_count(totals, "refused") +
	                 get_count(totals, "lost") + get_count(totals, "outstanding");

	if (sent != ended) {
		return error_set_path(error, -EINVAL, source, "$.totals",
		                      "%" PRIu64 " queries sent, but %" PRIu64
		                      " answered, refused, lost or outstanding; the file was changed or the "
		                      "run's accounts contradicted each other",
		                      sent, ended);
	}
	return 0;
}

static int check_timeouts(const json_t *result, const char *source, struct error *error)
{
	size_t count = json_array_size(json_object_get(result, "timeouts"));

	if (count < 1 || count > STATS_TIMEOUTS) {
		return error_set_path(error, -EINVAL, source, "$.timeouts",
		                      "found %zu timeouts; a run has 1 to %d", count, STATS_TIMEOUTS);
	}
	return check_list(result, "timeouts", timeout_keys, "$", source, error);
}

int report_json_check(const json_t *result, const char *source, struct error *error)
{
	int failed = check_generator(result, source, error);

	failed = failed != 0 ? failed : check_keys(result, result_keys, "$", source, error);
	failed = failed != 0 ? failed : check_totals(result, source, error);
	failed = failed != 0 ? failed : check_identity(json_object_get(result, "totals"), source, error);
	failed = failed != 0 ? failed : check_timeouts(result, source, error);
	failed = failed != 0 ? failed : check_list(result, "cohorts", cohort_keys, "$", source, error);
	failed = failed != 0 ? failed : check_list(result, "reuse_age", age_keys, "$", source, error);
	return failed != 0 ? failed : check_list(result, "timeline", interval_keys, "$", source, error);
}

// docs/config.schema.json against what the parser takes: a validator of the part of JSON Schema that it uses.
#include "support.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>

#define SCHEMA SOURCE_ROOT "/docs/config.schema.json"

static bool is_valid(const json_t *schema, const json_t *value);

static bool has_type(const char *type, const json_t *value)
{
	if (strcmp(type, "object") == 0) {
		return json_is_object(value);
	}
	if (strcmp(type, "array") == 0) {
		return json_is_array(value);
	}
	if (strcmp(type, "string") == 0) {
		return json_is_string(value);
	}
	if (strcmp(type, "boolean") == 0) {
		return json_is_boolean(value);
	}
	if (strcmp(type, "integer") == 0) {
		return json_is_integer(value);
	}
	assert_string_equal(type, "number");
	return json_is_number(value);
}

static bool object_is_valid(const json_t *schema, const json_t *value)
{
	const json_t *properties = json_object_get(schema, "properties");
	const char *name;
	json_t *item;

	json_object_foreach ((json_t *)(uintptr_t)value, name, item) {
		const json_t *inner = json_object_get(properties, name);

		if (inner == NULL ? json_is_false(json_object_get(schema, "additionalProperties"))
		                  : !is_valid(inner, item)) {
			return false;
		}
	}
	return true;
}

static bool array_is_valid(const json_t *schema, const json_t *value)
{
	const json_t *items = json_object_get(schema, "items"), *most = json_object_get(schema, "maxItems");
	const json_t *item;
	size_t i;

	json_array_foreach (value, i, item) {
		if (items != NULL && !is_valid(items, item)) {
			return false;
		}
	}
	return most == NULL || (json_int_t)json_array_size(value) <= json_integer_value(most);
}

static bool is_one_of(const json_t *list, const json_t *value, bool (*test)(const json_t *, const json_t *))
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (test(item, value)) {
			return true;
		}
	}
	return false;
}

static bool is_equal(const json_t *a, const json_t *b)
{
	return json_equal(a, b) == 1;
}

static bool is_valid(const json_t *schema, const json_t *value)
{
	const json_t *type = json_object_get(schema, "type"), *either = json_object_get(schema, "anyOf");
	const json_t *names = json_object_get(schema, "enum");
	const json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum");

	return (type == NULL || has_type(json_string_value(type), value)) &&
	       (either == NULL || is_one_of(either, value, is_valid)) &&
	       (names == NULL || is_one_of(names, value, is_equal)) &&
	       (low == NULL || !json_is_number(value) ||
	        json_number_value(value) >= json_number_value(low)) &&
	       (high == NULL || !json_is_number(value) ||
	        json_number_value(value) <= json_number_value(high)) &&
	       (!json_is_object(value) || object_is_valid(schema, value)) &&
	       (!json_is_array(value) || array_is_valid(schema, value));
}

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL) {
		fail_msg("%s:%d: %s", path, error.line, error.text);
	}
	return root;
}

static void check_valid(const char *path, bool wanted)
{
	json_t *schema = load(SCHEMA), *value = load(path);

	if (is_valid(schema, value) != wanted) {
		fail_msg("%s is %s to the schema", path, wanted ? "not valid" : "valid");
	}
	json_decref(schema);
	json_decref(value);
}

static void the_schema_takes_every_key_and_every_experiment(void **state)
{
	DIR *directory = opendir(SOURCE_ROOT "/configs");
	char path[1024];

	(void)state;
	check_valid(SOURCE_ROOT "/tests/unit/config/full.json", true);
	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		if (strstr(entry->d_name, ".json") != NULL) {
			snprintf(path, sizeof(path), SOURCE_ROOT "/configs/%s", entry->d_name);
			check_valid(path, true);
		}
	}
	closedir(directory);
}

static void the_schema_takes_a_plan_with_its_defaults(void **state)
{
	struct plan *plan = support_plan("{}");
	json_t *schema = load(SCHEMA), *value = json_loads(plan->json, 0, NULL);

	(void)state;
	assert_true(is_valid(schema, value));
	json_decref(schema);
	json_decref(value);
	plan_free(plan);
}

static void the_schema_refuses_what_the_parser_refuses_by_type(void **state)
{
	static const char *const cases[] = {
	        "key-unknown-near", "key-unknown-far", "key-unknown-top",  "key-unknown-cohort",
	        "group-not-object", "list-not-list",   "list-of-numbers",  "text-number",
	        "bool-text",        "integer-text",    "integer-real",     "integer-range",
	        "choice-unknown",   "number-text",     "share-zero",       "ports-number",
	        "rate-bool",        "scenario-kind",   "cohorts-too-many", "description-number",
	};
	char path[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(path, sizeof(path), SOURCE_ROOT "/tests/invalid/%s/input.json", cases[i]);
		check_valid(path, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_schema_takes_every_key_and_every_experiment),
	        cmocka_unit_test(the_schema_takes_a_plan_with_its_defaults),
	        cmocka_unit_test(the_schema_refuses_what_the_parser_refuses_by_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"

static json_t *result_of(void (*make)(struct run *))
{
	struct run run;
	json_t *result;

	make(&run);
	result = report_json(&run.input);
	assert_non_null(result);
	run_release(&run);
	return result;
}

static void what_is_written_is_accepted(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		json_t *result = result_of(example->make);
		struct error error = {0};

		assert_int_equal(report_json_check(result, "a.json", &error), 0);
		json_decref(result);
	}
}

static void expect_refused(const json_t *result, const char *path)
{
	struct error error = {0};

	assert_int_equal(report_json_check(result, "a.json", &error), -EINVAL);
	assert_string_equal(error.source, "a.json");
	assert_string_equal(error.path, path);
	assert_true(strlen(error.text) > 0);
}

// Whatever key is taken away, the path of that key comes back.
static void a_missing_key_is_named(const char *prefix, json_t *result, json_t *object)
{
	json_t *copy = json_copy(object);
	const char *key;
	json_t *value;

	json_object_foreach (copy, key, value) {
		char path[256];
		struct error error = {0};

		json_object_del(object, key);
		snprintf(path, sizeof(path), "%s.%s", prefix, key);
		if (report_json_check(result, "a.json", &error) == 0) {
			fail_msg("nobody missed %s", path);
		}
		assert_non_null(strstr(error.path, path));
		json_object_set(object, key, value);
	}
	assert_int_equal(report_json_check(result, "a.json", &(struct error){0}), 0);
	json_decref(copy);
}

static void every_missing_key_is_named(void **state)
{
	json_t *result = result_of(run_rollout), *totals = json_object_get(result, "totals");

	(void)state;
	json_object_del(totals, "throttled"); // sums of others, which nobody needs
	json_object_del(totals, "malformed");
	a_missing_key_is_named("$", result, result);
	a_missing_key_is_named("$.totals", result, totals);
	a_missing_key_is_named("$.timeouts[1]", result,
	                       json_array_get(json_object_get(result, "timeouts"), 1));
	json_decref(result);
}

static void other_documents_are_refused(void **state)
{
	json_t *result = result_of(run_all_lost), *list = json_array(), *empty = json_object();

	(void)state;
	expect_refused(list, "$.generator.name");
	expect_refused(empty, "$.generator.name");
	expect_refused(NULL, "$.generator.name");
	json_object_set_new(result, "schema", json_integer(REPORT_SCHEMA + 1));
	expect_refused(result, "$.schema");
	json_object_set_new(result, "schema", json_string("1"));
	expect_refused(result, "$.schema");
	json_object_set_new(result, "schema", json_integer(REPORT_SCHEMA));
	json_object_set_new(result, "duration_s", json_string("long"));
	expect_refused(result, "$.duration_s");
	json_object_set_new(result, "duration_s", json_integer(7));
	json_object_set_new(json_object_get(result, "totals"), "sent", json_integer(18));
	expect_refused(result, "$.totals");
	json_object_set_new(json_object_get(result, "totals"), "sent", json_integer(-1));
	expect_refused(result, "$.totals.sent");
	json_object_set_new(json_object_get(result, "totals"), "sent", json_integer(17));
	json_object_set_new(json_object_get(result, "totals"), "answered", json_integer(INT64_MAX));
	json_object_set_new(json_object_get(result, "totals"), "lost", json_integer(INT64_MAX));
	expect_refused(result, "$.totals");
	json_decref(result);
	json_decref(list);
	json_decref(empty);
}

static void runs_stand_side_by_side(void **state)
{
	static const char expected[] = "                             before       after\n"
	                               "sent                           1000         200\n"
	                               "completed in 5000 ms              -         200\n"
	                               "lost in 5000 ms                   -  0 (0.00 %)\n"
	                               "completed in 1000 ms            970           -\n"
	                               "refused in 1000 ms                5           -\n"
	                               "lost in 1000 ms         25 (2.50 %)           -\n"
	                               "completed in 500 ms             940           -\n"
	                               "lost in 500 ms          60 (6.00 %)           -\n"
	                               "completed in 100 ms             880           -\n"
	                               "lost in 100 ms        120 (12.00 %)           -\n";
	json_t *results[] = {result_of(run_several_timeouts), result_of(run_all_answered)};
	const char *const titles[] = {"before", "after"};
	struct written written;
	char *text;

	(void)state;
	written_open(&written);
	assert_int_equal(report_side_by_side((const json_t *const *)results, titles, 2, written.file), 0);
	text = written_close(&written);
	assert_string_equal(text, expected);
	free(text);
	json_decref(results[0]);
	json_decref(results[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_written_is_accepted),
	        cmocka_unit_test(every_missing_key_is_named),
	        cmocka_unit_test(other_documents_are_refused),
	        cmocka_unit_test(runs_stand_side_by_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

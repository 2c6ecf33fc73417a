#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"
#include "schema.h"

static json_t *load_schema(void)
{
	json_error_t error;
	json_t *schema = json_load_file(REPORT_SCHEMA_FILE, 0, &error);

	if (schema == NULL) {
		fail_msg("%s:%d: %s", REPORT_SCHEMA_FILE, error.line, error.text);
	}
	return schema;
}

static char *write_json(struct run *run, int expected)
{
	struct written written;
	struct error error = {0};

	written_open(&written);
	assert_int_equal(report_json_write(&run->input, written.file, &error), expected);
	assert_int_equal(error.code, expected);
	return written_close(&written);
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (value == NULL) {
		fail_msg("line %d: %s", error.line, error.text);
	}
	return value;
}

static json_int_t get(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value)) {
		fail_msg("no integer: %s", key);
	}
	return json_integer_value(value);
}

static json_int_t sum(const json_t *list, const char *key)
{
	json_int_t total = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		total += get(json_array_get(list, i), key);
	}
	return total;
}

static void each_example_fits_the_schema(void **state)
{
	json_t *schema = load_schema();

	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		char text[512] = "", *written;
		json_t *result;

		example->make(&run);
		written = write_json(&run, example->make == run_contradicting ? -EPROTO : 0);
		result = parse(written);
		if (!schema_accepts(schema, schema, result, text, sizeof(text))) {
			fail_msg("%s: %s", example->name, text);
		}
		json_decref(result);
		free(written);
		run_release(&run);
	}
	json_decref(schema);
}

static void the_schema_refuses_what_is_no_result(void **state)
{
	json_t *schema = load_schema(), *result;
	struct run run;
	char text[512];

	(void)state;
	run_rollout(&run);
	result = report_json(&run.input);
	assert_true(schema_accepts(schema, schema, result, text, sizeof(text)));
	json_object_set_new(result, "unheard_of", json_true());
	assert_false(schema_accepts(schema, schema, result, text, sizeof(text)));
	json_object_del(result, "unheard_of");
	json_object_set_new(json_object_get(result, "totals"), "lost", json_integer(-1));
	assert_false(schema_accepts(schema, schema, result, text, sizeof(text)));
	json_object_set_new(json_object_get(result, "totals"), "lost", json_real(1));
	assert_false(schema_accepts(schema, schema, result, text, sizeof(text)));
	json_object_del(json_object_get(result, "totals"), "lost");
	assert_false(schema_accepts(schema, schema, result, text, sizeof(text)));
	json_decref(result);
	json_decref(schema);
	run_release(&run);
}

static void equal_runs_give_equal_bytes(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		int expected = example->make == run_contradicting ? -EPROTO : 0;
		struct run first, second;
		char *a, *b, *again;

		example->make(&first);
		example->make(&second);
		a = write_json(&first, expected);
		b = write_json(&second, expected);
		again = write_json(&first, expected);
		assert_string_equal(a, b);
		assert_string_equal(a, again);
		free(a);
		free(b);
		free(again);
		run_release(&first);
		run_release(&second);
	}
}

static void check_row(const json_t *row)
{
	assert_int_equal(get(row, "sent"), get(row, "answered") + get(row, "refused") + get(row, "lost") +
	                                           get(row, "outstanding"));
}

static void check_rows(const json_t *list, json_int_t sent, json_int_t lost)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		check_row(json_array_get(list, i));
	}
	assert_int_equal(sum(list, "sent"), sent);
	assert_int_equal(sum(list, "lost"), lost);
}

static void every_view_accounts_for_every_query(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		json_t *result;
		const json_t *totals, *timeouts;

		example->make(&run);
		result = report_json(&run.input);
		assert_non_null(result);
		totals = json_object_get(result, "totals");
		check_row(totals);
		assert_int_equal(get(totals, "sent"), run.snapshot.total.sent);
		check_rows(json_object_get(result, "cohorts"), get(totals, "sent"), get(totals, "lost"));
		check_rows(json_object_get(result, "reuse_age"), get(totals, "sent"), get(totals, "lost"));
		check_rows(json_object_get(result, "timeline"), get(totals, "sent"), get(totals, "lost"));
		timeouts = json_object_get(result, "timeouts");
		for (size_t i = 0; i < json_array_size(timeouts); i++) {
			const json_t *row = json_array_get(timeouts, i);

			assert_int_equal(get(totals, "sent"), get(row, "answered") + get(row, "refused") +
			                                              get(row, "lost") +
			                                              get(row, "outstanding"));
		}
		json_decref(result);
		run_release(&run);
	}
}

static void timeouts_stand_in_the_order_given(void **state)
{
	struct run run;
	json_t *result;
	const json_t *timeouts, *row;

	(void)state;
	run_several_timeouts(&run);
	result = report_json(&run.input);
	timeouts = json_object_get(result, "timeouts");
	assert_int_equal(json_array_size(timeouts), 3);
	row = json_array_get(timeouts, 0);
	assert_true(json_number_value(json_object_get(row, "timeout_ms")) == 500);
	assert_int_equal(get(row, "answered"), 940);
	assert_int_equal(get(row, "refused"), 0);
	assert_int_equal(get(row, "lost"), 60);
	assert_true(json_number_value(json_object_get(row, "loss")) == 0.06);
	row = json_array_get(timeouts, 1);
	assert_true(json_number_value(json_object_get(row, "timeout_ms")) == 1000);
	assert_int_equal(get(row, "answered"), 970);
	assert_int_equal(get(row, "refused"), 5);
	assert_int_equal(get(row, "lost"), 25);
	row = json_array_get(timeouts, 2);
	assert_true(json_number_value(json_object_get(row, "timeout_ms")) == 100);
	assert_int_equal(get(row, "answered"), 880);
	row = json_array_get(json_object_get(result, "timeline"), 1);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(row, "answered_at"), 0)), 0);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(row, "answered_at"), 1)), 30);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(row, "lost_at"), 0)), 60);
	json_decref(result);
	run_release(&run);
}

static void histograms_hold_all_that_makes_them(void **state)
{
	struct run run;
	char *text;
	json_t *result;
	const json_t *latency, *buckets;
	json_int_t count = 0;

	(void)state;
	run_all_answered(&run);
	text = write_json(&run, 0);
	result = parse(text);
	latency = json_object_get(result, "latency_us");
	buckets = json_object_get(latency, "histogram");
	for (size_t i = 0; i < json_array_size(buckets); i++) {
		const json_t *pair = json_array_get(buckets, i);
		double low = json_number_value(json_array_get(pair, 0)) * 1000;
		unsigned bucket = stats_bucket((ns_t)llround(low));

		assert_int_equal(stats_bucket_low(bucket), llround(low));
		assert_int_equal(json_integer_value(json_array_get(pair, 1)),
		                 run.snapshot.latency_all.buckets[bucket]);
		count += json_integer_value(json_array_get(pair, 1));
	}
	assert_int_equal(count, 200);
	assert_int_equal(get(latency, "count"), 200);
	assert_int_equal(get(latency, "sum_ns"), run.snapshot.latency_all.sum);
	assert_true(json_number_value(json_object_get(latency, "max")) == 15000);
	json_decref(result);
	free(text);
	run_release(&run);
}

static void an_empty_run_has_null_where_there_is_no_number(void **state)
{
	struct run run;
	char *text;
	json_t *result;

	(void)state;
	run_zero(&run);
	text = write_json(&run, 0);
	result = parse(text);
	assert_true(json_is_null(
	        json_object_get(json_array_get(json_object_get(result, "timeouts"), 0), "loss")));
	assert_true(json_is_null(json_object_get(json_object_get(result, "latency_us"), "mean")));
	assert_true(json_is_null(json_object_get(json_object_get(result, "rate"), "requested_qps")));
	assert_int_equal(json_array_size(json_object_get(result, "timeline")), 0);
	json_decref(result);
	free(text);
	run_release(&run);
}

static void a_contradiction_stands_in_the_accounts(void **state)
{
	struct run run;
	json_t *result;
	const json_t *accounts;

	(void)state;
	run_contradicting(&run);
	result = report_json(&run.input);
	accounts = json_object_get(result, "accounts");
	assert_true(json_is_false(json_object_get(accounts, "consistent")));
	assert_non_null(strstr(json_string_value(json_object_get(accounts, "error")), "in-flight"));
	json_decref(result);
	run_release(&run);
}

static void text_that_is_no_utf8_still_gives_json(void **state)
{
	static char output[] = "caf\xe9\n";
	static const struct scenario_record record = {.kind = SCENARIO_EXEC, .text = "run", .output = output};
	struct run run;
	char *text;
	json_t *result;

	(void)state;
	run_all_lost(&run);
	run.input.records = &record;
	run.input.record_count = 1;
	text = write_json(&run, 0);
	result = parse(text);
	assert_string_equal(json_string_value(json_object_get(
	                            json_array_get(json_object_get(result, "events"), 0), "output")),
	                    "caf?\n");
	json_decref(result);
	free(text);
	run_release(&run);
}

static void a_plan_comes_through_as_it_is(void **state)
{
	struct run run;
	json_t *result;

	(void)state;
	run_all_lost(&run);
	result = report_json(&run.input);
	assert_int_equal(get(json_object_get(result, "plan"), "seed"), 1);
	assert_string_equal(json_string_value(json_object_get(result, "plan_digest")), "0123456789abcdef");
	json_decref(result);
	run.plan.json = NULL;
	result = report_json(&run.input);
	assert_true(json_is_null(json_object_get(result, "plan")));
	json_decref(result);
	run_release(&run);
}

// ---- Memory that runs out

static unsigned allocations_left;

static void *allocate(size_t size)
{
	if (allocations_left == 0) {
		return NULL;
	}
	allocations_left--;
	return malloc(size);
}

// Whichever allocation fails, there is a whole document or none, and nothing leaks.
static void a_document_without_memory_is_none(void **state)
{
	struct run run;
	json_t *whole, *result = NULL;
	unsigned failures = 0;

	(void)state;
	run_several_timeouts(&run);
	whole = report_json(&run.input);
	json_set_alloc_funcs(allocate, free);
	for (unsigned allowed = 0; result == NULL; allowed++) {
		allocations_left = allowed;
		result = report_json(&run.input);
		failures += result == NULL;
	}
	json_set_alloc_funcs(malloc, free);
	assert_true(json_equal(result, whole));
	assert_in_range(failures, 100, 100000);
	json_decref(result);
	json_decref(whole);
	run_release(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_example_fits_the_schema),
	        cmocka_unit_test(the_schema_refuses_what_is_no_result),
	        cmocka_unit_test(equal_runs_give_equal_bytes),
	        cmocka_unit_test(every_view_accounts_for_every_query),
	        cmocka_unit_test(timeouts_stand_in_the_order_given),
	        cmocka_unit_test(histograms_hold_all_that_makes_them),
	        cmocka_unit_test(an_empty_run_has_null_where_there_is_no_number),
	        cmocka_unit_test(a_contradiction_stands_in_the_accounts),
	        cmocka_unit_test(text_that_is_no_utf8_still_gives_json),
	        cmocka_unit_test(a_document_without_memory_is_none),
	        cmocka_unit_test(a_plan_comes_through_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

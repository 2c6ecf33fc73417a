#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runs.h"

static json_int_t get(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value)) {
		fail_msg("no integer: %s", key);
	}
	return json_integer_value(value);
}

static void check_identity(const json_t *totals)
{
	assert_int_equal(get(totals, "sent"), get(totals, "answered") + get(totals, "refused") +
	                                              get(totals, "lost") + get(totals, "outstanding"));
}

// Write a line and read it back, as a reader of the file does.
static json_t *through_file(json_t *line)
{
	struct written written;
	json_t *value;
	char *text;

	written_open(&written);
	assert_int_equal(report_line_write(line, written.file), 0);
	text = written_close(&written);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(value);
	assert_true(json_is_string(json_object_get(value, "type")));
	assert_true(json_is_string(json_object_get(value, "runid")));
	assert_int_equal(get(value, "schema"), REPORT_SCHEMA);
	free(text);
	return value;
}

static const ns_t timeouts[] = {NS_PER_SEC};

static json_int_t sum_buckets(const json_t *line)
{
	const json_t *buckets = json_object_get(json_object_get(line, "response_latency"), "buckets");
	json_int_t total = 0;

	for (size_t i = 0; i < json_array_size(buckets); i++) {
		total += json_integer_value(json_array_get(json_array_get(buckets, i), 2));
	}
	return total;
}

static void send_randomly(struct run *run, struct random *random, unsigned second)
{
	for (unsigned i = 0; i < 20; i++) {
		enum run_outcome outcome = (enum run_outcome)(random_next(random) % 5);

		run_send(run, random_next(random) % 10, 0, random_next(random) % (400 * NS_PER_SEC),
		         second * NS_PER_SEC, outcome, random_next(random) % NS_PER_SEC);
	}
}

// The deltas of all lines make the totals, and every line keeps the identity.
static void interval_lines_add_up_for_any_run(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct random random;
		struct stats_snapshot previous;
		struct error error = {0};
		struct run run;
		json_int_t sent = 0, answered = 0, refused = 0, lost = 0, late = 0, latencies = 0, rcodes = 0;

		random_seed(&random, seed, 0);
		run_init(&run, 1, timeouts, 1, 8);
		assert_int_equal(stats_snapshot_init(&previous, &run.shape, &error), 0);
		for (unsigned second = 0; second < 8; second++) {
			const struct stats_sender *senders[] = {&run.sender};
			const struct stats_receiver *receivers[] = {&run.receiver};
			json_t *line;

			send_randomly(&run, &random, second);
			run_take(&run, (second + 1) * NS_PER_SEC, false);
			line = through_file(report_interval_line(&run.input, second > 0 ? &previous : NULL));
			assert_string_equal(json_string_value(json_object_get(line, "type")), "interval");
			check_identity(json_object_get(line, "totals"));
			assert_true(json_number_value(json_object_get(line, "since_s")) == second);
			assert_int_equal(get(line, "since"), 1700000000000000000 + second * 1000000000LL);
			assert_int_equal(get(line, "until") - get(line, "since"), 1000000000);
			sent += get(line, "sent");
			answered += get(line, "answered");
			refused += get(line, "refused");
			lost += get(line, "lost");
			late += get(line, "late");
			latencies += sum_buckets(line);
			rcodes += json_integer_value(
			        json_object_get(json_object_get(line, "response_rcodes"), "NOERROR"));
			assert_int_equal(get(line, "outstanding"), sent - answered - refused - lost);
			json_decref(line);
			stats_snapshot_take(&previous, senders, 1, receivers, 1,
			                    RUN_START + (second + 1) * NS_PER_SEC);
		}
		assert_int_equal(sent, run.snapshot.total.sent);
		assert_int_equal(answered, run.snapshot.total.answered);
		assert_int_equal(late, run.snapshot.total.late);
		assert_int_equal(latencies, answered);
		assert_int_equal(rcodes, answered);
		stats_snapshot_release(&previous);
		run_release(&run);
	}
}

// What a snapshot of running lcores may hold of the squares: the halves of two different sums.
static void torn_squares_give_no_absurd_deviation(void **state)
{
	struct stats_snapshot previous;
	struct error error = {0};
	struct run run;

	(void)state;
	run_init(&run, 1, timeouts, 1, 2);
	assert_int_equal(stats_snapshot_init(&previous, &run.shape, &error), 0);
	run_send(&run, 5, 0, RUN_FIRST_USE, 0, RUN_ANSWERED, NS_PER_MS);
	run_take(&run, NS_PER_SEC, false);
	previous.latency_all.count = 1;
	for (unsigned i = 0; i < 3; i++) {
		json_t *line, *latency;

		previous.latency_all.square_high = i == 1;
		previous.latency_all.square_low = i == 2 ? UINT64_MAX : 0;
		run.snapshot.latency_all.square_high = i == 0;
		line = through_file(report_interval_line(&run.input, &previous));
		latency = json_object_get(line, "response_latency");
		assert_in_range(get(latency, "stddev"), 0, get(latency, "max"));
		assert_in_range(get(latency, "avg"), get(latency, "min"), get(latency, "max"));
		json_decref(line);
	}
	stats_snapshot_release(&previous);
	run_release(&run);
}

static void the_header_says_whose_run_it_is(void **state)
{
	struct run run;
	json_t *line;

	(void)state;
	run_several_timeouts(&run);
	line = through_file(report_header_line(&run.input));
	assert_string_equal(json_string_value(json_object_get(line, "type")), "header");
	assert_string_equal(json_string_value(json_object_get(line, "generator")), "staleflow");
	assert_string_equal(json_string_value(json_object_get(line, "plan_digest")), "0123456789abcdef");
	assert_int_equal(get(line, "time_units_per_sec"), 1000000000);
	assert_int_equal(json_array_size(json_object_get(line, "timeouts_ms")), 3);
	assert_true(json_number_value(json_array_get(json_object_get(line, "timeouts_ms"), 0)) == 500);
	json_decref(line);
	run_release(&run);
}

static void every_line_of_a_run_has_the_same_runid(void **state)
{
	struct run run;
	json_t *header, *event, *summary;

	(void)state;
	run_rollout(&run);
	header = through_file(report_header_line(&run.input));
	event = through_file(report_event_line(&run.input, &run.input.records[0]));
	summary = through_file(report_summary_line(&run.input));
	assert_true(json_equal(json_object_get(header, "runid"), json_object_get(event, "runid")));
	assert_true(json_equal(json_object_get(header, "runid"), json_object_get(summary, "runid")));
	assert_string_equal(json_string_value(json_object_get(event, "msg")), "kubectl rollout restart");
	assert_string_equal(json_string_value(json_object_get(event, "kind")), "exec");
	assert_int_equal(json_integer_value(json_object_get(event, "exit_code")), 1);
	json_decref(header);
	json_decref(event);
	json_decref(summary);
	run_release(&run);
}

static void the_summary_of_each_example_keeps_the_identity(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		json_t *line;

		example->make(&run);
		line = through_file(report_summary_line(&run.input));
		check_identity(line);
		check_identity(json_object_get(line, "totals"));
		assert_int_equal(get(line, "interrupted"), run.snapshot.total.outstanding);
		assert_true(json_is_true(json_object_get(json_object_get(line, "accounts"), "consistent")) ==
		            (example->make != run_contradicting));
		json_decref(line);
		run_release(&run);
	}
}

static void a_line_that_has_no_memory_is_an_error(void **state)
{
	struct written written;

	(void)state;
	written_open(&written);
	assert_int_equal(report_line_write(NULL, written.file), -ENOMEM);
	free(written_close(&written));
}

static void the_status_line_counts_since_the_last_one(void **state)
{
	struct stats_snapshot empty;
	struct error error = {0};
	struct run run;
	char text[REPORT_PROGRESS_SIZE];

	(void)state;
	run_init(&run, 1, timeouts, 1, 10);
	assert_int_equal(stats_snapshot_init(&empty, &run.shape, &error), 0);
	run.input.requested_qps = 100;
	run_take(&run, 0, false);
	assert_in_range(report_progress(&run.input, NULL, text, sizeof(text)), 1, sizeof(text) - 1);
	assert_string_equal(text, "0.0 s: 0 of 100 q/s, 0 sent, 0 answered, 0 lost (0.00 %), 0 in flight");
	run_send(&run, 90, 0, RUN_FIRST_USE, 0, RUN_ANSWERED, 1000);
	run_send(&run, 10, 0, RUN_FIRST_USE, 0, RUN_LOST, 0);
	run_send(&run, 5, 0, RUN_FIRST_USE, 0, RUN_OUTSTANDING, 0);
	run_take(&run, 2 * NS_PER_SEC, false);
	empty.at = RUN_START + NS_PER_SEC;
	report_progress(&run.input, &empty, text, sizeof(text));
	assert_string_equal(text,
	                    "2.0 s: 105 of 100 q/s, 105 sent, 90 answered, 10 lost (10.00 %), 5 in flight");
	run_send(&run, 1, 0, RUN_FIRST_USE, 0, RUN_REFUSED, 1000);
	run.input.requested_qps = 0;
	run_take(&run, 2 * NS_PER_SEC, false);
	report_progress(&run.input, NULL, text, sizeof(text));
	assert_string_equal(text,
	                    "2.0 s: 53 q/s, 106 sent, 90 answered, 1 refused, 10 lost (9.90 %), 5 in flight");
	stats_snapshot_release(&empty);
	run_release(&run);
}

static void the_largest_numbers_fit_a_status_line(void **state)
{
	struct run run;
	char text[REPORT_PROGRESS_SIZE];

	(void)state;
	run_init(&run, 1, timeouts, 1, 1);
	run.input.requested_qps = 1e300;
	run.snapshot.at = UINT64_MAX;
	run.snapshot.total = (struct stats_totals){.sent = UINT64_MAX,
	                                           .answered = UINT64_MAX,
	                                           .refused = UINT64_MAX,
	                                           .lost = UINT64_MAX,
	                                           .outstanding = UINT64_MAX};
	assert_in_range(report_progress(&run.input, NULL, text, sizeof(text)), 100, sizeof(text) - 1);
	run_release(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(interval_lines_add_up_for_any_run),
	        cmocka_unit_test(torn_squares_give_no_absurd_deviation),
	        cmocka_unit_test(the_header_says_whose_run_it_is),
	        cmocka_unit_test(every_line_of_a_run_has_the_same_runid),
	        cmocka_unit_test(the_summary_of_each_example_keeps_the_identity),
	        cmocka_unit_test(a_line_that_has_no_memory_is_an_error),
	        cmocka_unit_test(the_largest_numbers_fit_a_status_line),
	        cmocka_unit_test(the_status_line_counts_since_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

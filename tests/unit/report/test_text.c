#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"

static char *text_of(struct run *run, int expected)
{
	struct written written;
	struct error error = {0};

	written_open(&written);
	assert_int_equal(report_text(&run->input, written.file, &error), expected);
	assert_int_equal(error.code, expected);
	return written_close(&written);
}

static int expected_code(const struct run_example *example)
{
	return example->make == run_contradicting ? -EPROTO : 0;
}

static void each_example_has_its_golden_text(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		char name[64], *text, *golden;

		example->make(&run);
		text = text_of(&run, expected_code(example));
		snprintf(name, sizeof(name), "%s.txt", example->name);
		golden = read_golden(name, text);
		assert_string_equal(text, golden);
		free(golden);
		free(text);
		run_release(&run);
	}
}

static void each_example_has_its_golden_csv(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		struct written written;
		struct error error = {0};
		char name[64], *text, *golden;

		example->make(&run);
		written_open(&written);
		assert_int_equal(report_csv(&run.input, written.file, &error), expected_code(example));
		text = written_close(&written);
		snprintf(name, sizeof(name), "%s.csv", example->name);
		golden = read_golden(name, text);
		assert_string_equal(text, golden);
		free(golden);
		free(text);
		run_release(&run);
	}
}

static void no_line_ends_in_a_space_but_dnsperfs_own(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		char *text;

		example->make(&run);
		text = text_of(&run, expected_code(example));
		for (char *c = strchr(text, '\n'); c != NULL; c = strchr(c + 1, '\n')) {
			bool codes = c >= text + 24 && strncmp(c - 24, "  Response codes:       ", 24) == 0;

			assert_true(c == text || c[-1] != ' ' || codes);
		}
		assert_null(strstr(text, "nan"));
		assert_null(strstr(text, "inf "));
		free(text);
		run_release(&run);
	}
}

// ---- dnsperf's block as kubernetes/perf-tests dns/py/data.py reads it: line by line, stripped, matched at
// the start; the last line that matches wins.

static bool perf_tests_value(const char *text, const char *pattern, double *value)
{
	bool found = false;
	char *copy = strdup(text), *rest = copy;
	regex_t regex;

	assert_non_null(copy);
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED), 0);
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		regmatch_t match[2];

		if (regexec(&regex, line, 2, match, 0) == 0) {
			*value = strtod(line + match[1].rm_so, NULL);
			found = true;
		}
	}
	regfree(&regex);
	free(copy);
	return found;
}

static double perf_tests(const char *text, const char *pattern)
{
	double value = -1;

	assert_true(perf_tests_value(text, pattern, &value));
	return value;
}

#define SENT        "^[ \t]*Queries sent:[ \t]*([0-9]+)"
#define COMPLETED   "^[ \t]*Queries completed:[ \t]*([0-9]+).*"
#define LOST        "^[ \t]*Queries lost:[ \t]*([0-9]+).*"
#define INTERRUPTED "^[ \t]*Queries interrupted:[ \t]*([0-9]+).*"
#define RUN_TIME    "^[ \t]*Run time \\(s\\):[ \t]*([0-9.]+)"
#define QPS         "^[ \t]*Queries per second:[ \t]*([0-9.]+)"
#define AVERAGE     "^[ \t]*Average Latency \\(s\\):[ \t]*([0-9.]+).*"
#define MIN         "^[ \t]*Average Latency \\(s\\):.*min ([0-9.]+).*"
#define MAX         "^[ \t]*Average Latency \\(s\\):.*max ([0-9.]+).*"
#define DEVIATION   "^[ \t]*Latency StdDev \\(s\\):[ \t]*([0-9.]+)"

static void perf_tests_reads_the_block_of_a_good_run(void **state)
{
	struct run run;
	char *text;

	(void)state;
	run_all_answered(&run);
	text = text_of(&run, 0);
	assert_true(perf_tests(text, SENT) == 200);
	assert_true(perf_tests(text, COMPLETED) == 200);
	assert_true(perf_tests(text, LOST) == 0);
	assert_true(perf_tests(text, RUN_TIME) == 4);
	assert_true(perf_tests(text, QPS) == 50);
	assert_true(perf_tests(text, MIN) == 0.0002);
	assert_true(perf_tests(text, MAX) == 0.015);
	assert_true(perf_tests(text, AVERAGE) == 0.00096);
	assert_true(perf_tests(text, DEVIATION) > 0.0018);
	assert_true(perf_tests(text, "^#histogram[ \t]+0 ([0-9]+)") == 120);
	assert_true(perf_tests(text, "^#histogram[ \t]+1 ([0-9]+)") == 76);
	free(text);
	run_release(&run);
}

static void completed_lost_and_interrupted_make_sent_in_the_block(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct run run;
		double interrupted = 0;
		char *text;

		example->make(&run);
		text = text_of(&run, expected_code(example));
		perf_tests_value(text, INTERRUPTED, &interrupted);
		assert_true(perf_tests(text, COMPLETED) + perf_tests(text, LOST) + interrupted ==
		            perf_tests(text, SENT));
		assert_true(perf_tests(text, COMPLETED) == (double)run.snapshot.total.answered);
		free(text);
		run_release(&run);
	}
}

static void the_block_is_dnsperfs_to_the_letter(void **state)
{
	// dnsperf 2.10.0 printed this of 20 queries, 18 answered, when it was interrupted; numbers as here.
	static const char expected[] = "Statistics:\n"
	                               "\n"
	                               "  Queries sent:         20\n"
	                               "  Queries completed:    18 (90.00%)\n"
	                               "  Queries lost:         0 (0.00%)\n"
	                               "  Queries interrupted:  2 (10.00%)\n"
	                               "\n"
	                               "  Response codes:       NOERROR 18 (100.00%)\n"
	                               "  Average packet size:  request 27, response 43\n"
	                               "  Run time (s):         1.999444\n"
	                               "  Queries per second:   9.002503\n"
	                               "\n"
	                               "  Average Latency (s):  0.000166 (min 0.000166, max 0.000166)\n"
	                               "  Latency StdDev (s):   0.000000\n"
	                               "\n";
	struct run run;
	char *text;

	(void)state;
	run_interrupted(&run);
	text = text_of(&run, 0);
	assert_memory_equal(text, expected, sizeof(expected) - 1);
	free(text);
	run_release(&run);
}

static void a_contradiction_comes_before_everything_else(void **state)
{
	struct run run;
	char *text;

	(void)state;
	run_contradicting(&run);
	text = text_of(&run, -EPROTO);
	assert_memory_equal(text, "*** THE ACCOUNTS", 16);
	assert_non_null(strstr(text, "in-flight tables"));
	free(text);
	run_release(&run);
}

static void a_long_run_folds_its_time_line_and_keeps_every_query(void **state)
{
	static const ns_t timeouts[] = {NS_PER_SEC};

	(void)state;
	for (unsigned seconds = 2; seconds < 400; seconds += 13) {
		struct run run;
		char *text, *line, *rest;
		unsigned rows = 0, sent = 0;

		run_init(&run, 1, timeouts, 1, seconds);
		for (unsigned i = 0; i < seconds; i++) {
			run_send(&run, 1 + i % 3, 0, RUN_FIRST_USE, i * NS_PER_SEC, RUN_ANSWERED, 1000);
		}
		run_take(&run, (seconds + 2) * NS_PER_SEC, true);
		text = text_of(&run, 0);
		rest = strstr(text, "\nOver time");
		assert_non_null(rest);
		rest++;
		strsep(&rest, "\n");
		strsep(&rest, "\n");
		for (line = strsep(&rest, "\n"); line != NULL && line[0] != '\0';
		     line = strsep(&rest, "\n")) {
			double from, to;
			unsigned count;

			assert_int_equal(sscanf(line, "%lf %lf %u", &from, &to, &count), 3);
			sent += count;
			rows++;
		}
		assert_in_range(rows, 1, 40);
		assert_int_equal(sent, run.snapshot.total.sent);
		free(text);
		run_release(&run);
	}
}

static void every_reuse_age_falls_in_one_readable_row(void **state)
{
	static const ns_t timeouts[] = {NS_PER_SEC};
	static const struct {
		ns_t age;
		const char *row;
	} cases[] = {
	        {0, "below 1ms "},
	        {20 * NS_PER_MS, "10ms .. 100ms "},
	        {10 * NS_PER_SEC, "10s .. 20s "},
	        {300 * NS_PER_SEC, "300s .. 360s "},
	        {299 * NS_PER_SEC, "300s .. 360s "}, // the class of 299 s holds 300 s
	        {280 * NS_PER_SEC, "240s .. 300s "},
	        {4000 * NS_PER_SEC, "3600s or more "},
	        {RUN_FIRST_USE, "first use "},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run run;
		char *text;

		run_init(&run, 1, timeouts, 1, 1);
		run_send(&run, 3, 0, cases[i].age, 0, RUN_ANSWERED, 1000);
		run_take(&run, NS_PER_SEC, true);
		text = text_of(&run, 0);
		assert_non_null(strstr(text, cases[i].row));
		free(text);
		run_release(&run);
	}
}

static void texts_of_users_stay_on_their_line(void **state)
{
	static const struct scenario_record record = {.kind = SCENARIO_EXEC, .text = "first\nsecond\033[31m"};
	struct run run;
	char *text;

	(void)state;
	run_all_lost(&run);
	run.plan.description = "two\nlines";
	run.input.records = &record;
	run.input.record_count = 1;
	text = text_of(&run, 0);
	assert_non_null(strstr(text, "example: two lines\n"));
	assert_non_null(strstr(text, "---- 0.000 s: first second [31m\n"));
	free(text);
	run_release(&run);
}

// What the report of 2,000 answers says when `away` of them came to another receiver's queue.
static void expect_steering(const struct report_box *box, unsigned away, unsigned refused, unsigned answers,
                            const char *line, const char *absent)
{
	static const ns_t timeouts[] = {NS_PER_SEC};
	struct run run;
	char *text;

	run_init(&run, 1, timeouts, 1, 1);
	run.input.box = *box;
	run_send(&run, answers, 0, RUN_FIRST_USE, 0, RUN_ANSWERED, NS_PER_MS);
	run_send(&run, refused, 0, RUN_FIRST_USE, 0, RUN_REFUSED, NS_PER_MS);
	stats_add(&run.receiver.counters[STATS_RX_WRONG_QUEUE], away);
	run_take(&run, 2 * NS_PER_SEC, true);
	text = text_of(&run, 0);
	assert_non_null(strstr(text, line));
	assert_null(strstr(text, absent));
	free(text);
	run_release(&run);
}

static void a_port_that_does_not_keep_its_rules_is_told(void **state)
{
	const struct report_box flow = {
	        .receivers = 2, .steering = REPORT_STEERING_FLOW, .steering_rules = 12};
	const struct report_box software = {
	        .receivers = 2, .steering = REPORT_STEERING_SOFTWARE, .steering_refused = "no such thing"};
	const struct report_box one = {.receivers = 1};
	const char *broken = "does not keep";

	(void)state;
	expect_steering(&flow, 20, 0, 2000, "to their receivers by 12 flow rules in the port\n", broken);
	expect_steering(&flow, 21, 0, 2000,
	                "does not keep its flow rules: 21 of 2000 replies came to another receiver's queue\n",
	                "by software");
	expect_steering(&flow, 120, 100, 2000, "12 flow rules", broken); // ICMP errors have no such port
	expect_steering(&flow, 999, 0, 999, "12 flow rules", broken);    // too few to tell
	expect_steering(&software, 999, 0, 2000,
	                "handed over by software, since the port took no flow rules: no such thing\n",
	                broken);
	expect_steering(&one, 0, 0, 2000, "This box", "receivers by");
}

static void a_full_device_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "we");
	struct error error = {0}, error_json = {0}, error_csv = {0};
	struct run run;

	(void)state;
	if (full == NULL) {
		skip();
	}
	run_rollout(&run);
	assert_int_equal(report_text(&run.input, full, &error), -EIO);
	assert_int_equal(report_json_write(&run.input, full, &error_json), -EIO);
	assert_int_equal(report_csv(&run.input, full, &error_csv), -EIO);
	fclose(full);
	run_release(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_example_has_its_golden_text),
	        cmocka_unit_test(each_example_has_its_golden_csv),
	        cmocka_unit_test(no_line_ends_in_a_space_but_dnsperfs_own),
	        cmocka_unit_test(perf_tests_reads_the_block_of_a_good_run),
	        cmocka_unit_test(completed_lost_and_interrupted_make_sent_in_the_block),
	        cmocka_unit_test(the_block_is_dnsperfs_to_the_letter),
	        cmocka_unit_test(a_contradiction_comes_before_everything_else),
	        cmocka_unit_test(a_long_run_folds_its_time_line_and_keeps_every_query),
	        cmocka_unit_test(every_reuse_age_falls_in_one_readable_row),
	        cmocka_unit_test(texts_of_users_stay_on_their_line),
	        cmocka_unit_test(a_port_that_does_not_keep_its_rules_is_told),
	        cmocka_unit_test(a_full_device_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

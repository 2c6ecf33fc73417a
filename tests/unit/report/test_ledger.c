// The ledger as CSV and as JSON lines.
#include "runs.h"

#include "report/ledger.h"

#include <stdlib.h>
#include <string.h>

static const struct report_tuple used = {
        .source = "10.0.0.1:40000",
        .cohort = "re\"use, it",
        .sent = 7,
        .answered = 3,
        .refused = 1,
        .lost = 3,
        .late = 2,
        .first_lost = 1500 * NS_PER_MS,
        .last_lost = 3 * NS_PER_SEC + 1,
        .longest_lost = 4,
        .last_sent = 4 * NS_PER_SEC,
        .last_answered = NS_NEVER,
        .backend = "coredns-a",
};

static char *rows_of(enum report_ledger_format format, const struct report_tuple *tuple)
{
	struct written written;

	written_open(&written);
	report_ledger_head(format, written.file);
	report_ledger_row(format, tuple, written.file);
	return written_close(&written);
}

static void the_name_tells_the_format(void **state)
{
	(void)state;
	assert_int_equal(report_ledger_format_of("x.jsonl"), REPORT_LEDGER_JSONL);
	assert_int_equal(report_ledger_format_of("x.csv"), REPORT_LEDGER_CSV);
	assert_int_equal(report_ledger_format_of("-"), REPORT_LEDGER_CSV);
	assert_int_equal(report_ledger_format_of("jsonl"), REPORT_LEDGER_CSV);
}

static void a_csv_row_quotes_what_needs_it(void **state)
{
	char *text = rows_of(REPORT_LEDGER_CSV, &used);

	(void)state;
	assert_string_equal(
	        text, "tuple,cohort,sent,answered,refused,lost,late,first_lost_s,last_lost_s,longest_lost,"
	              "last_sent_s,last_answered_s,backend\n"
	              "10.0.0.1:40000,\"re\"\"use, it\",7,3,1,3,2,1.500000000,3.000000001,4,"
	              "4.000000000,,coredns-a\n");
	free(text);
}

static void a_json_row_is_one_valid_line(void **state)
{
	char *text = rows_of(REPORT_LEDGER_JSONL, &used);
	json_t *row = json_loads(text, 0, NULL);

	(void)state;
	assert_non_null(row);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_string_equal(json_string_value(json_object_get(row, "cohort")), used.cohort);
	assert_int_equal(json_integer_value(json_object_get(row, "lost")), 3);
	assert_true(json_real_value(json_object_get(row, "first_lost_s")) == 1.5);
	assert_true(json_is_null(json_object_get(row, "last_answered_s")));
	assert_int_equal(json_object_size(row), 13);
	json_decref(row);
	free(text);
}

static void odd_names_still_give_json(void **state)
{
	struct report_tuple odd = used;
	char *text;
	json_t *row;

	(void)state;
	odd.cohort = "\xff\n\\";
	odd.backend = NULL;
	text = rows_of(REPORT_LEDGER_JSONL, &odd);
	row = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(row, "cohort")), "?\?\\");
	assert_true(json_is_null(json_object_get(row, "backend")));
	json_decref(row);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_name_tells_the_format),
	        cmocka_unit_test(a_csv_row_quotes_what_needs_it),
	        cmocka_unit_test(a_json_row_is_one_valid_line),
	        cmocka_unit_test(odd_names_still_give_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

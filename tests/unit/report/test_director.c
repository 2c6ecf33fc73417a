// The report of a director that was a process of its own: golden texts, the schema, accounts that must agree.
#include "report/director.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"
#include "schema.h"

static const struct report_count lost[] = {{"real server deleted", 4608}, {"real server dead", 0}};
static const struct report_count ignored[] = {{"bad checksum", 1}, {"of no interest", 0}};
static const struct report_director_backend backends[] = {
        {"a", "10.244.0.10", "dead", 53, false, 1, 7, 2554, 2554},
        {"b", "10.244.0.11", "alive", 5353, true, 0, 1001, 12839, 12838},
};
static const struct report_plan named = {.name = "both ends", .json = "{\"seed\":\"1\"}", .digest = 7};

// A director that removed a server; nothing else is set.
static struct report_director make_removal(void)
{
	static char output[] = "real server c is not listed";
	static struct scenario_record records[] = {
	        {.planned_at = NS_PER_SEC,
	         .done_at = NS_PER_SEC + 70000,
	         .kind = SCENARIO_REMOVE,
	         .text = "remove a"},
	        {.planned_at = 2 * NS_PER_SEC,
	         .done_at = 2 * NS_PER_SEC,
	         .kind = SCENARIO_DRAIN,
	         .text = "drain c",
	         .exit_code = 1,
	         .output = output},
	};

	return (struct report_director){
	        .plan = &named,
	        .address = "10.96.0.10",
	        .mac = "02:53:46:00:00:02",
	        .port = 53,
	        .wall_start_ns = UINT64_C(1795695416798690800),
	        .elapsed = 4445 * NS_PER_MS,
	        .first_query = 280 * NS_PER_MS,
	        .box = {.lcores = 1,
	                .cpus = 2,
	                .driver = "af_packet",
	                .device = "server",
	                .port_counters_known = true,
	                .port_rx_packets = 20006,
	                .port_rx_missed = 3},
	        .frames = 20006,
	        .queries = 20001,
	        .answered = 15391,
	        .own_source = 1,
	        .pending = 1,
	        .neighbours = 2,
	        .duplicated = 5,
	        .port_dropped = 2,
	        .table = 1001,
	        .most = 1002,
	        .room = 1 << 20,
	        .made = 1498,
	        .expired = 497,
	        .lost = lost,
	        .lost_count = 2,
	        .ignored = ignored,
	        .ignored_count = 2,
	        .backends = backends,
	        .backend_count = 2,
	        .records = records,
	        .record_count = 2,
	};
}

static struct report_director make_idle(void)
{
	struct report_director idle = {
	        .plan = &named, .address = "fd00::53", .mac = "02:53:46:00:00:02", .port = 5353};
	static const struct report_director_backend one[] = {{"a", "fd00::1", "alive", 53, true, 1, 0, 0, 0}};

	idle.elapsed = NS_PER_SEC;
	idle.first_query = NS_NEVER;
	idle.interrupted = true;
	idle.backends = one;
	idle.backend_count = 1;
	return idle;
}

static struct report_director make_contradicting(void)
{
	struct report_director contradicting = make_removal();

	contradicting.answered++;
	return contradicting;
}

static const struct {
	const char *name;
	struct report_director (*make)(void);
	int code;
} examples[] = {
        {"director_removal", make_removal, 0},
        {"director_idle", make_idle, 0},
        {"director_contradicting", make_contradicting, -EPROTO},
};

#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static char *write_with(int (*report)(const struct report_director *, FILE *, struct error *),
                        const struct report_director *input, int expected)
{
	struct written written;
	struct error error = {0};

	written_open(&written);
	assert_int_equal(report(input, written.file, &error), expected);
	assert_int_equal(error.code, expected);
	return written_close(&written);
}

static void each_example_has_its_golden_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct report_director input = examples[i].make();
		char *text = write_with(report_director_text, &input, examples[i].code), *golden;
		char name[64];

		snprintf(name, sizeof(name), "%s.txt", examples[i].name);
		golden = read_golden(name, text);
		assert_string_equal(text, golden);
		assert_null(strstr(text, " \n"));
		free(golden);
		free(text);
	}
}

static void each_example_fits_the_schema(void **state)
{
	json_error_t reason;
	json_t *schema = json_load_file(DIRECTOR_SCHEMA_FILE, 0, &reason);

	(void)state;
	assert_non_null(schema);
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct report_director input = examples[i].make();
		char *text = write_with(report_director_json_write, &input, examples[i].code);
		json_t *result = json_loads(text, JSON_REJECT_DUPLICATES, &reason);
		char fault[512] = "";

		assert_non_null(result);
		if (!schema_accepts(schema, schema, result, fault, sizeof(fault))) {
			fail_msg("%s: %s", examples[i].name, fault);
		}
		json_decref(result);
		free(text);
	}
	json_decref(schema);
}

static void the_document_adds_up(void **state)
{
	struct report_director input = make_removal();
	char *text = write_with(report_director_json_write, &input, 0);
	json_t *result = json_loads(text, 0, NULL), *totals = json_object_get(result, "totals");
	json_int_t ended = 0;

	(void)state;
	for (const char *const *key = (const char *const[]){"answered", "own_source", "refused",
	                                                    "unreachable", "lost", "pending", NULL};
	     *key != NULL; key++) {
		ended += json_integer_value(json_object_get(totals, *key));
	}
	assert_int_equal(ended, json_integer_value(json_object_get(totals, "queries")));
	assert_true(json_is_true(json_object_get(json_object_get(result, "accounts"), "consistent")));
	json_decref(result);
	free(text);
}

static void a_full_disk_is_an_error(void **state)
{
	struct report_director input = make_removal();
	struct error error = {0};
	FILE *full = fopen("/dev/full", "we");

	(void)state;
	if (full == NULL) {
		skip();
	}
	assert_int_equal(report_director_text(&input, full, &error), -EIO);
	assert_non_null(strstr(error.text, "could not be written"));
	error = (struct error){0};
	assert_int_equal(report_director_json_write(&input, full, &error), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_example_has_its_golden_text),
	        cmocka_unit_test(each_example_fits_the_schema),
	        cmocka_unit_test(the_document_adds_up),
	        cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

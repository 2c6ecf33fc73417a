#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"
#include "schema.h"

// A run whose verdict is made up: two removals, 10 s and 20 s after the start.
struct judged {
	struct run run;
	struct evidence_changes changes;
	struct verdict verdicts[EVIDENCE_CHANGES_MAX];
};

static void change_at(struct judged *judged, double seconds, uint64_t affected)
{
	unsigned number = judged->changes.count++;
	struct evidence *evidence = &judged->changes.each[number];
	struct verdict *verdict = &judged->verdicts[number];

	*evidence = (struct evidence){.change = EVIDENCE_CHANGE_LOSSES,
	                              .changed_at = RUN_START + (ns_t)(seconds * 1e9),
	                              .mark = -1,
	                              .stale = 3 * affected,
	                              .affected = affected,
	                              .clean = 100,
	                              .servers = {3, 2.5, 3.5}};
	*verdict = (struct verdict){.overall = VERDICT_NAMED};
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		verdict->findings[i] = (struct verdict_finding){.signature = (enum verdict_signature)i,
		                                                .state = VERDICT_RULED_OUT,
		                                                .effect = {NAN, NAN, NAN}};
	}
	verdict->findings[VERDICT_ENTRIES_KEPT].state = VERDICT_SHOWN;
	snprintf(verdict->text, sizeof(verdict->text), "Verdict number %u.", number);
	if (affected > judged->changes.each[judged->changes.main].affected) {
		judged->changes.main = number;
	}
}

static void judge(struct judged *judged)
{
	memset(judged, 0, sizeof(*judged));
	run_rollout(&judged->run);
	change_at(judged, 10, 100);
	change_at(judged, 20, 200);
	judged->run.input.changes = &judged->changes;
	judged->run.input.verdicts = judged->verdicts;
}

static char *text_of(struct judged *judged)
{
	struct written written;
	struct error error = {0};

	written_open(&written);
	assert_int_equal(report_text(&judged->run.input, written.file, &error), 0);
	return written_close(&written);
}

static void expect_text(struct judged *judged, const char *wanted, bool is_there)
{
	char *text = text_of(judged);

	if ((strstr(text, wanted) != NULL) != is_there) {
		print_error("%s\n%s\n", text, wanted);
		fail();
	}
	free(text);
}

static void each_change_has_its_paragraph_below_the_main_one(void **state)
{
	struct judged judged;

	(void)state;
	judge(&judged);
	expect_text(&judged, "\nVerdict: named\n  Verdict number 1.\n  Compared before and after 20.000 s",
	            true);
	expect_text(
	        &judged,
	        "  That change befell most source ports of 2. The other, judged from the change before to "
	        "the next one:\n\n  At 10.000 s: named\n  Verdict number 0. Of about 3.0 real servers (95 "
	        "%: 2.5 to 3.5) one was removed.\n  Of 300 source ports used before it and again after, 100 "
	        "lost their first query;\n  of 100 first used after it, 0.\n",
	        true);
	judged.changes.omitted = 1;
	expect_text(&judged, "There were more changes", true);
	judged.changes.count = 1;
	judged.changes.main = 0;
	expect_text(&judged, "source ports of", false);
	run_release(&judged.run);
}

static void the_number_of_servers_is_said_where_it_is_known(void **state)
{
	static const struct {
		enum verdict_signature shown;
		const char *fate;
	} cases[] = {{VERDICT_ENTRIES_KEPT, " one was removed."},
	             {VERDICT_LAZY_EXPIRY, " one was removed."},
	             {VERDICT_DEAD_WEIGHT, " one has weight 0 and is dead."},
	             {VERDICT_STILL_LISTED, " one is dead and still listed."},
	             {VERDICT_OVERLOAD, NULL},
	             {VERDICT_REFUSED, NULL}};
	struct judged judged;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		judge(&judged);
		judged.verdicts[0].findings[VERDICT_ENTRIES_KEPT].state = VERDICT_RULED_OUT;
		judged.verdicts[0].findings[cases[i].shown].state = VERDICT_SHOWN;
		expect_text(&judged, cases[i].fate != NULL ? cases[i].fate : "real servers (95",
		            cases[i].fate != NULL);
		run_release(&judged.run);
	}
	judge(&judged);
	judged.changes.each[0].servers = (struct verdict_interval){3, 1.5, 9};
	expect_text(&judged, "real servers (95", false);
	judged.changes.each[0].servers = (struct verdict_interval){NAN, NAN, NAN};
	expect_text(&judged, "real servers (95", false);
	run_release(&judged.run);
}

static void changes_that_share_their_tuples_are_mixed_unless_alike(void **state)
{
	struct judged judged;

	(void)state;
	judge(&judged);
	judged.changes.each[1].shared = 100;
	expect_text(&judged,
	            "\nVerdict: named\n  Verdict number 1. Of the source ports that lost their first query "
	            "50 % had not been used since before the change at 10.000 s",
	            true);
	judged.verdicts[1].findings[VERDICT_ENTRIES_KEPT].state = VERDICT_RULED_OUT;
	judged.verdicts[1].findings[VERDICT_STILL_LISTED].state = VERDICT_SHOWN;
	expect_text(&judged, "\nVerdict: mixed\n", true);
	judged.changes.each[1].shared = 10;
	expect_text(&judged, "\nVerdict: named\n  Verdict number 1.\n", true);
	run_release(&judged.run);
}

static void the_document_has_all_changes_and_fits_the_schema(void **state)
{
	json_error_t where;
	json_t *schema = json_load_file(REPORT_SCHEMA_FILE, 0, &where), *document, *verdict, *changes;
	struct judged judged;
	char text[256];

	(void)state;
	assert_non_null(schema);
	judge(&judged);
	document = report_json(&judged.run.input);
	assert_non_null(document);
	if (!schema_accepts(schema, schema, document, text, sizeof(text))) {
		fail_msg("%s", text);
	}
	verdict = json_object_get(document, "verdict");
	changes = json_object_get(verdict, "changes");
	assert_int_equal(json_array_size(changes), 2);
	assert_false(json_is_true(json_object_get(json_array_get(changes, 0), "main")));
	assert_true(json_is_true(json_object_get(json_array_get(changes, 1), "main")));
	assert_string_equal(json_string_value(json_object_get(verdict, "text")), "Verdict number 1.");
	assert_string_equal(
	        json_string_value(json_object_get(json_array_get(changes, 0), "text")),
	        "Verdict number 0. Of about 3.0 real servers (95 %: 2.5 to 3.5) one was removed.");
	json_decref(document);
	json_decref(schema);
	run_release(&judged.run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_change_has_its_paragraph_below_the_main_one),
	        cmocka_unit_test(the_number_of_servers_is_said_where_it_is_known),
	        cmocka_unit_test(changes_that_share_their_tuples_are_mixed_unless_alike),
	        cmocka_unit_test(the_document_has_all_changes_and_fits_the_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

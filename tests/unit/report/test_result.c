// Results read back from JSON, and boxes' results added up.
#include "runs.h"

#include "report/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "stats/backend.h"

#define PARTS   16
#define SECONDS 6

static const ns_t timeouts[] = {200 * NS_PER_MS, NS_PER_SEC};

static void record_randomly(struct run *run, struct random *random)
{
	static const char *const pods[] = {"coredns-a", "coredns-b", "coredns-a#2"};
	unsigned sends = 20 + (unsigned)random_below(random, 60);

	for (unsigned i = 0; i < sends; i++) {
		ns_t age =
		        random_below(random, 4) == 0
		                ? RUN_FIRST_USE
		                : (ns_t)random_below(random, UINT64_C(1) << (18 + random_below(random, 24)));
		ns_t latency = (ns_t)random_below(random, UINT64_C(1) << (10 + random_below(random, 19)));
		ns_t at = (ns_t)random_below(random, SECONDS * NS_PER_SEC);

		run_send(run, 1 + random_below(random, 20), (unsigned)random_below(random, RUN_COHORTS), age,
		         at, (enum run_outcome)random_below(random, 5), latency);
	}
	for (unsigned i = 0; i < 3; i++) {
		uint16_t number =
		        stats_backend_find(&run->receiver, (const uint8_t *)pods[i], strlen(pods[i]), false,
		                           RUN_START + random_below(random, NS_PER_SEC));

		stats_add(&run->receiver.backends[number].answered, random_below(random, 1000));
		stats_add(&run->receiver.backends[number].lost, random_below(random, 10));
	}
	for (unsigned i = 0; i < STATS_RCODES; i++) {
		stats_count_rcode(&run->receiver, i);
	}
}

static json_t *document_of(struct run *run)
{
	json_t *document = report_json(&run->input);

	assert_non_null(document);
	return document;
}

// As it comes back from a file: with the digits that a file has.
static json_t *through_text(json_t *document)
{
	char *text = json_dumps(document, JSON_REAL_PRECISION(15));
	json_t *back = json_loads(text, 0, NULL);

	assert_non_null(back);
	free(text);
	json_decref(document);
	return back;
}

static void assert_same(const json_t *a, const json_t *b, const char *key)
{
	if (!json_equal(json_object_get(a, key), json_object_get(b, key))) {
		fail_msg("%s differs", key);
	}
}

static const char *const counted[] = {"totals",     "timeouts",  "rcodes",   "latency_us", "pacing_us",
                                      "cohorts",    "reuse_age", "backends", "timeline",   "events",
                                      "director",   "rate",      "accounts", "duration_s", "sending_s",
                                      "interval_s", NULL};

static void a_result_that_is_read_is_written_the_same(void **state)
{
	(void)state;
	for (const struct run_example *example = run_examples; example->name != NULL; example++) {
		struct report_result result;
		struct error error = {0};
		struct run run;
		json_t *document, *again;
		int rc;

		example->make(&run);
		run.input.box.steering = REPORT_STEERING_SOFTWARE;
		run.input.box.steering_rules = 7;
		run.input.box.steering_refused = "the driver's words";
		document = through_text(document_of(&run));
		rc = report_result_read(&result, document, "run.json", run.input.rcode_name, &error);
		if (example->make == run_contradicting) {
			assert_int_equal(rc, -EINVAL);
		} else {
			if (rc != 0) {
				fail_msg("%s: %s: %s", example->name, error.path, error.text);
			}
			again = through_text(report_json(&result.input));
			if (!json_equal(document, again)) {
				for (unsigned i = 0; counted[i] != NULL; i++) {
					assert_same(document, again, counted[i]);
				}
				fail_msg("%s: something about the run differs", example->name);
			}
			json_decref(again);
		}
		report_result_release(&result);
		json_decref(document);
		run_release(&run);
	}
}

// A run in parts, and the same run with the counters of all parts in one snapshot.
struct split {
	struct run parts[PARTS];
	struct run whole;
	json_t *documents[PARTS];
	json_t *expected;
	const char *names[PARTS];
};

static void split_make(struct split *split, uint64_t seed)
{
	const struct stats_sender *senders[PARTS];
	const struct stats_receiver *receivers[PARTS];
	struct random random;

	random_seed(&random, seed, 0);
	run_init(&split->whole, RUN_COHORTS, timeouts, 2, SECONDS);
	for (unsigned i = 0; i < PARTS; i++) {
		struct run *part = &split->parts[i];

		run_init(part, RUN_COHORTS, timeouts, 2, SECONDS);
		record_randomly(part, &random);
		run_take(part, SECONDS * NS_PER_SEC, true);
		part->input.requested_qps = 62.5;
		part->plan.digest = seed + i;
		for (unsigned cohort = 0; cohort < RUN_COHORTS; cohort++) {
			part->cohorts[cohort].tuples = 100 + cohort;
		}
		split->documents[i] = through_text(document_of(part));
		split->names[i] = "part.json";
		senders[i] = &part->sender;
		receivers[i] = &part->receiver;
		split->whole.in_flight += part->in_flight;
	}
	for (unsigned cohort = 0; cohort < RUN_COHORTS; cohort++) {
		split->whole.cohorts[cohort].tuples = PARTS * (100 + cohort);
	}
	split->whole.input.requested_qps = PARTS * 62.5;
	stats_snapshot_take(&split->whole.snapshot, senders, PARTS, receivers, PARTS,
	                    RUN_START + SECONDS * NS_PER_SEC);
	split->whole.input.in_flight = split->whole.in_flight;
	split->expected = through_text(document_of(&split->whole));
}

static void split_release(struct split *split)
{
	for (unsigned i = 0; i < PARTS; i++) {
		json_decref(split->documents[i]);
		run_release(&split->parts[i]);
	}
	json_decref(split->expected);
	run_release(&split->whole);
}

static void sixteen_parts_add_up_to_the_whole(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct split *split = (struct split *)calloc(1, sizeof(*split));
		struct report_result merged;
		struct error error = {0};
		json_t *document;
		int rc;

		split_make(split, seed);
		rc = report_result_merge(&merged, (const json_t *const *)split->documents, split->names,
		                         PARTS, split->whole.input.rcode_name, &error);
		if (rc != 0) {
			fail_msg("%s: %s", error.path, error.text);
		}
		document = through_text(report_json(&merged.input));
		for (unsigned i = 0; counted[i] != NULL; i++) {
			assert_same(split->expected, document, counted[i]);
		}
		assert_int_equal(
		        json_array_size(json_object_get(json_object_get(document, "plan"), "merged")), PARTS);
		json_decref(document);
		report_result_release(&merged);
		split_release(split);
		free(split);
	}
}

static void the_order_of_the_parts_does_not_matter(void **state)
{
	struct split *split = (struct split *)calloc(1, sizeof(*split));
	const json_t *reversed[PARTS];
	struct report_result a, b;
	struct error error = {0};
	json_t *first, *second;

	(void)state;
	split_make(split, 99);
	for (unsigned i = 0; i < PARTS; i++) {
		reversed[i] = split->documents[PARTS - 1 - i];
	}
	assert_int_equal(report_result_merge(&a, (const json_t *const *)split->documents, split->names, PARTS,
	                                     split->whole.input.rcode_name, &error),
	                 0);
	assert_int_equal(
	        report_result_merge(&b, reversed, split->names, PARTS, split->whole.input.rcode_name, &error),
	        0);
	first = report_json(&a.input);
	second = report_json(&b.input);
	assert_same(first, second, "plan_digest");
	for (unsigned i = 0; counted[i] != NULL; i++) {
		assert_same(first, second, counted[i]);
	}
	json_decref(first);
	json_decref(second);
	report_result_release(&a);
	report_result_release(&b);
	split_release(split);
	free(split);
}

static void expect_refused(struct run *a, struct run *b, const char *path)
{
	json_t *documents[] = {through_text(document_of(a)), through_text(document_of(b))};
	const char *names[] = {"a.json", "b.json"};
	struct report_result merged;
	struct error error = {0};

	assert_int_equal(report_result_merge(&merged, (const json_t *const *)documents, names, 2,
	                                     a->input.rcode_name, &error),
	                 -EINVAL);
	assert_string_equal(error.source, "b.json");
	assert_string_equal(error.path, path);
	report_result_release(&merged);
	json_decref(documents[0]);
	json_decref(documents[1]);
}

static void results_that_do_not_fit_are_refused(void **state)
{
	static const ns_t other_timeouts[] = {NS_PER_SEC, 2 * NS_PER_SEC};
	struct run a, b;

	(void)state;
	run_init(&a, 2, timeouts, 2, SECONDS);
	run_take(&a, 0, true);
	run_init(&b, 2, other_timeouts, 2, SECONDS);
	run_take(&b, 0, true);
	expect_refused(&a, &b, "$.timeouts");
	run_release(&b);
	run_init(&b, 1, timeouts, 2, SECONDS);
	run_take(&b, 0, true);
	expect_refused(&a, &b, "$.cohorts");
	run_release(&b);
	run_init(&b, 2, timeouts, 2, SECONDS);
	run_take(&b, 0, true);
	b.cohorts[1].policy = "random";
	expect_refused(&a, &b, "$.cohorts[1]");
	b.cohorts[1].policy = a.cohorts[1].policy;
	b.input.simulated = true;
	expect_refused(&a, &b, "$.simulated");
	run_release(&b);
	run_release(&a);
}

static void expect_fault(const json_t *document, const char *path)
{
	struct report_result result;
	struct error error = {0};
	struct run run;

	run_zero(&run);
	assert_int_equal(report_result_read(&result, document, "x.json", run.input.rcode_name, &error),
	                 -EINVAL);
	assert_string_equal(error.path, path);
	report_result_release(&result);
	run_release(&run);
}

static void a_count_that_was_changed_is_found(void **state)
{
	struct run run;
	json_t *document, *histogram;

	(void)state;
	run_rollout(&run);
	document = through_text(document_of(&run));
	histogram = json_object_get(json_array_get(json_object_get(document, "cohorts"), 0), "latency_us");
	json_object_set_new(histogram, "count", json_integer(1));
	expect_fault(document, "$.cohorts[0].latency_us.histogram");
	json_decref(document);

	document = through_text(document_of(&run));
	json_object_set_new(json_array_get(json_object_get(document, "reuse_age"), 0), "lost",
	                    json_integer(7));
	expect_fault(document, "$");
	json_decref(document);

	document = through_text(document_of(&run));
	json_object_set_new(json_object_get(document, "rcodes"), "NOWHERE", json_integer(7));
	expect_fault(document, "$.rcodes");
	json_decref(document);

	document = through_text(document_of(&run));
	json_object_set_new(json_array_get(json_object_get(document, "backends"), 0), "answered",
	                    json_real(0.5));
	expect_fault(document, "$.backends[0].answered");
	json_decref(document);
	run_release(&run);
}

static char *comparison_of(struct run *a, struct run *b)
{
	json_t *documents[] = {document_of(a), document_of(b)};
	const char *titles[] = {"before", "after"};
	struct written written;

	written_open(&written);
	assert_int_equal(report_compare((const json_t *const *)documents, titles, 2, written.file), 0);
	json_decref(documents[0]);
	json_decref(documents[1]);
	return written_close(&written);
}

static void send_lost(struct run *run, unsigned lost, unsigned answered)
{
	run_init(run, 1, timeouts, 2, SECONDS);
	run_send(run, lost, 0, NS_PER_SEC, 0, RUN_LOST, 0);
	run_send(run, answered, 0, NS_PER_SEC, 0, RUN_ANSWERED, NS_PER_MS);
	run_take(run, SECONDS * NS_PER_SEC, true);
}

static void expect_text(struct run *a, struct run *b, const char *wanted)
{
	char *text = comparison_of(a, b);

	if (strstr(text, wanted) == NULL) {
		fail_msg("no '%s' in:\n%s", wanted, text);
	}
	free(text);
}

// The article's 1000 ms columns, scaled down: 3065 of 67423 lost, then 97 of 85027.
static void the_articles_change_is_real(void **state)
{
	struct run before, after;

	(void)state;
	send_lost(&before, 3065, 64358);
	send_lost(&after, 97, 84930);
	expect_text(&before, &after, "fewer are lost: the change is real");
	expect_text(&after, &before, "more are lost: the change is real");
	expect_text(&before, &after, "before: 4.55 % (95 % interval 4.39 % to 4.71 %)");
	run_release(&after);
	send_lost(&after, 3100, 64358);
	expect_text(&before, &after, "no change can be told from chance");
	run_release(&before);
	run_release(&after);
}

static void what_differs_is_said(void **state)
{
	struct run a, b;

	(void)state;
	send_lost(&a, 10, 1000);
	send_lost(&b, 10, 1000);
	expect_text(&a, &b, "Both runs had the same plan.");
	a.plan.json = "{\"load\":{\"rate\":\"1k\"},\"director\":{\"udp_timeout\":\"300s\"}}";
	b.plan.json = "{\"load\":{\"rate\":\"2k\"},\"director\":{\"udp_timeout\":\"10s\"}}";
	b.plan.digest++;
	a.input.requested_qps = 1000;
	b.input.requested_qps = 2000;
	b.input.interrupted = true;
	expect_text(&a, &b, "  director.udp_timeout: \"300s\" -> \"10s\"\n");
	expect_text(&a, &b, "  load.rate: \"1k\" -> \"2k\"\n");
	expect_text(&a, &b, "Warning: requested rates differ: 1000 q/s in before, 2000 q/s in after\n");
	expect_text(&a, &b, "Warning: after was interrupted\n");
	run_release(&a);
	run_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_result_that_is_read_is_written_the_same),
	        cmocka_unit_test(sixteen_parts_add_up_to_the_whole),
	        cmocka_unit_test(the_order_of_the_parts_does_not_matter),
	        cmocka_unit_test(results_that_do_not_fit_are_refused),
	        cmocka_unit_test(a_count_that_was_changed_is_found),
	        cmocka_unit_test(the_articles_change_is_real),
	        cmocka_unit_test(what_differs_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

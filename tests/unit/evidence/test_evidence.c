#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/evidence.h"

// A run written down by hand: tuples ask once a second from 1 s to 60 s, each in its own place of the second;
// the change comes at 20 s.
#define TUPLES    392
#define CHANGE    20.0
#define END       60
#define RUN       (END * NS_PER_SEC)
#define LOOKS     (UINT64_C(1) << 20)
#define CONFIDENT 0.95

struct paper {
	struct flow_space *space;
	struct flow_ledger ledger;
	struct flow_spells spells;
	struct stats_shape shape;
	struct stats_snapshot snapshot;
	struct evidence_looks looks;
	struct evidence_changes changes;
	struct evidence evidence; // of the main change: a copy
	ns_t mark;
};

static ns_t at(double seconds)
{
	return (ns_t)(seconds * 1e9);
}

static void paper_open(struct paper *paper)
{
	struct flow_cohort_options cohort = {.name = "all", .share = 1, .range_count = 1};
	struct address_range range;
	struct error error = {0};
	ns_t timeout = NS_PER_SEC;

	memset(paper, 0, sizeof(*paper));
	assert_int_equal(address_range_parse("10.0.0.0/28", true, &range, &error), 0);
	assert_int_equal(flow_ports_parse(&cohort.ports, "1024-1051", &error), 0);
	cohort.ranges = &range;
	assert_int_equal(flow_space_create(&paper->space, &cohort, 1, 1, &error), 0);
	assert_int_equal(paper->space->tuple_count, TUPLES);
	assert_int_equal(flow_ledger_create(&paper->ledger, TUPLES, &error), 0);
	assert_int_equal(flow_spells_create(&paper->spells, TUPLES, &error), 0);
	assert_int_equal(stats_shape_init(&paper->shape, 1, &timeout, 1, NS_PER_SEC, NS_PER_SEC, RUN, &error),
	                 0);
	assert_int_equal(stats_snapshot_init(&paper->snapshot, &paper->shape, &error), 0);
	assert_int_equal(evidence_looks_init(&paper->looks, TUPLES, &paper->shape, RUN, LOOKS, &error), 0);
}

static void paper_close(struct paper *paper)
{
	evidence_release(&paper->changes);
	evidence_looks_release(&paper->looks);
	stats_snapshot_release(&paper->snapshot);
	flow_spells_free(&paper->spells);
	flow_ledger_free(&paper->ledger);
	flow_space_free(paper->space);
}

static double place(uint32_t tuple)
{
	return (double)tuple / TUPLES;
}

// Query number `second` of a tuple; lost or answered at once.
static void query(struct paper *paper, uint32_t tuple, unsigned second, bool lost)
{
	struct flow_answered *answered = &paper->ledger.answered[tuple];
	ns_t now = at(second + place(tuple));
	ns_t rest_end = second == 1 ? NS_NEVER / 2 : NS_PER_SEC + NS_PER_SEC / 16;

	flow_sent_query(&paper->ledger.sent[tuple], now);
	if (lost) {
		flow_spells_failed(&paper->spells, answered, tuple, now, FLOW_SILENT);
		flow_answered_loss(answered, (uint16_t)second, now);
		return;
	}
	if (flow_answered_missed(answered, now, rest_end)) {
		flow_spells_healed(&paper->spells, answered, tuple, now, rest_end);
	}
	flow_answered_answer(answered, now, FLOW_BACKEND_NONE);
}

// Every second tuple dies at the change, for `losses` queries. Tuples from `late` on are first used after it.
static void live(struct paper *paper, unsigned losses, uint32_t late, bool marked)
{
	for (unsigned second = 1; second <= END; second++) {
		if (marked && second == (unsigned)CHANGE) {
			paper->mark = at(CHANGE);
			evidence_looks_event(&paper->looks, paper->ledger.sent, at(CHANGE));
		}
		evidence_looks_step(&paper->looks, paper->ledger.sent, (struct evidence_sums){0}, at(second));
		for (uint32_t tuple = 0; tuple < TUPLES; tuple++) {
			bool is_late = tuple >= late;
			bool dead = tuple % 2 == 0 && !is_late && second >= (unsigned)CHANGE &&
			            second < (unsigned)CHANGE + losses;

			if (!is_late || second > (unsigned)CHANGE + 1) {
				query(paper, tuple, second, dead);
			}
		}
	}
}

static void gather(struct paper *paper)
{
	struct evidence_input input = {.space = paper->space,
	                               .ledger = &paper->ledger,
	                               .spells = &paper->spells,
	                               .spell_logs = 1,
	                               .looks = &paper->looks,
	                               .snapshot = &paper->snapshot,
	                               .marks = &paper->mark,
	                               .mark_count = paper->mark != 0,
	                               .start = NS_PER_SEC,
	                               .end = RUN};
	struct error error = {0};

	assert_int_equal(evidence_gather(&paper->changes, &input, false, CONFIDENT, &error), 0);
	paper->evidence = paper->changes.each[paper->changes.main];
}

// Every fourth tuple dies at the change, every other fourth `later` seconds after, each for `losses` queries.
static void die_twice(struct paper *paper, unsigned losses, unsigned later)
{
	for (unsigned second = 1; second <= END; second++) {
		if (second == (unsigned)CHANGE || second == (unsigned)CHANGE + later) {
			evidence_looks_event(&paper->looks, paper->ledger.sent, at(second));
		}
		evidence_looks_step(&paper->looks, paper->ledger.sent, (struct evidence_sums){0}, at(second));
		for (uint32_t tuple = 0; tuple < TUPLES; tuple++) {
			unsigned from = (unsigned)CHANGE + (tuple % 4 == 1 ? later : 0);

			query(paper, tuple, second,
			      tuple % 4 < 2 && second >= from && second < from + losses);
		}
	}
}

static void each_of_two_changes_has_its_own_tuples(void **state)
{
	struct evidence_changes *changes;
	struct paper paper;

	(void)state;
	paper_open(&paper);
	changes = &paper.changes;
	die_twice(&paper, 15, 10);
	gather(&paper);
	assert_int_equal(changes->count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(changes->each[i].change, EVIDENCE_CHANGE_LOSSES);
		assert_int_equal(changes->each[i].changed_at, at(CHANGE + 10 * i));
		assert_int_equal(changes->each[i].affected, TUPLES / 4);
		assert_int_equal(changes->each[i].shared, 0);
		assert_int_equal(changes->each[i].spell_lost, 15 * TUPLES / 4);
		// What was lost by the first is no loss from before the second.
		assert_int_equal(changes->each[i].verdict.before.events, 0);
	}
	// Those that the first one killed are no stale tuples of the second: they lie dead when it comes.
	assert_int_equal(changes->each[0].stale, TUPLES);
	assert_int_equal(changes->each[1].stale, TUPLES - TUPLES / 4);
	assert_true(fabs(changes->each[0].servers.estimate - 4) < 1e-9);
	assert_true(fabs(changes->each[1].servers.estimate - 3) < 1e-9);
	// Each has the time line up to the other.
	for (size_t i = 0; i < changes->each[0].verdict.slice_count; i++) {
		assert_true(changes->each[0].verdict.slices[i].to <= 10);
	}
	for (size_t i = 0; i < changes->each[1].verdict.slice_count; i++) {
		assert_true(changes->each[1].verdict.slices[i].from >= -10);
	}
	paper_close(&paper);
}

static void changes_one_rest_apart_are_told_apart(void **state)
{
	struct paper paper;

	(void)state;
	paper_open(&paper);
	die_twice(&paper, 15, 1);
	gather(&paper);
	assert_int_equal(paper.changes.count, 2);
	assert_int_equal(paper.changes.each[0].shared, 0);
	// The first query after the first change comes before the second one, but for a tuple at its edge.
	assert_in_range(paper.changes.each[1].affected, TUPLES / 4 - 2, TUPLES / 4 + 2);
	assert_true(paper.changes.each[1].shared <= 2);
	paper_close(&paper);
}

static void a_single_change_is_found_once(void **state)
{
	struct paper paper;

	(void)state;
	for (unsigned losses = 1; losses <= 30; losses += 7) {
		paper_open(&paper);
		live(&paper, losses, TUPLES, losses % 2 == 0);
		gather(&paper);
		assert_int_equal(paper.changes.count, 1);
		paper_close(&paper);
	}
}

static void the_change_is_found_from_the_losses_alone(void **state)
{
	struct paper paper;

	(void)state;
	paper_open(&paper);
	live(&paper, 10, TUPLES, false);
	gather(&paper);
	assert_int_equal(paper.evidence.change, EVIDENCE_CHANGE_LOSSES);
	assert_int_equal(paper.evidence.mark, -1);
	assert_true(fabs(ns_to_seconds(paper.evidence.changed_at) - CHANGE) < 0.05);
	assert_in_range(paper.evidence.affected, TUPLES / 2 - 10, TUPLES / 2);
	paper_close(&paper);
}

static void stale_and_clean_tuples_are_told_apart(void **state)
{
	struct paper paper;

	(void)state;
	paper_open(&paper);
	live(&paper, 10, TUPLES / 2, true);
	gather(&paper);
	assert_int_equal(paper.evidence.changed_at, at(CHANGE));
	assert_int_equal(paper.evidence.mark, 0);
	assert_int_equal(paper.evidence.stale, TUPLES / 2);
	assert_int_equal(paper.evidence.affected, TUPLES / 4);
	assert_int_equal(paper.evidence.clean, TUPLES / 2);
	assert_int_equal(paper.evidence.clean_lost, 0);
	assert_int_equal(paper.evidence.spell_lost, 10 * TUPLES / 4);
	assert_int_equal(paper.evidence.verdict.next_lost, TUPLES / 4);
	assert_true(fabs(paper.evidence.servers.estimate - 2) < 1e-9);
	paper_close(&paper);
}

static void the_next_query_tells_lazy_expiry(void **state)
{
	struct paper paper;

	(void)state;
	paper_open(&paper);
	live(&paper, 1, TUPLES, true);
	gather(&paper);
	assert_int_equal(paper.evidence.affected, TUPLES / 2);
	assert_int_equal(paper.evidence.verdict.next_sent, TUPLES / 2);
	assert_int_equal(paper.evidence.verdict.next_lost, 0);
	paper_close(&paper);
}

static void a_sound_run_has_no_change_but_the_mark(void **state)
{
	struct paper paper;

	(void)state;
	paper_open(&paper);
	live(&paper, 0, TUPLES, false);
	gather(&paper);
	assert_int_equal(paper.evidence.change, EVIDENCE_CHANGE_NONE);
	assert_false(paper.evidence.verdict.event);
	paper_close(&paper);
	paper_open(&paper);
	live(&paper, 0, TUPLES, true);
	gather(&paper);
	assert_int_equal(paper.evidence.change, EVIDENCE_CHANGE_MARK);
	assert_int_equal(paper.evidence.affected, 0);
	paper_close(&paper);
}

static void cohorts_are_counted_by_tuple(void **state)
{
	const struct verdict_clusters *queries;
	struct paper paper;

	(void)state;
	paper_open(&paper);
	live(&paper, 10, TUPLES, true);
	gather(&paper);
	queries = &paper.evidence.cohorts[0].queries;
	assert_int_equal(queries->clusters, TUPLES);
	assert_int_equal(queries->trials, TUPLES * END);
	assert_int_equal(queries->events, 10 * TUPLES / 2);
	assert_int_equal(queries->events_squared, 100 * TUPLES / 2);
	assert_true(isnan(paper.evidence.cohorts[0].difference.estimate));
	paper_close(&paper);
}

static void looks_stay_within_their_memory_and_keep_the_events(void **state)
{
	struct flow_sent sent[4] = {{0}};
	struct evidence_looks looks;
	struct stats_shape shape;
	struct error error = {0};
	ns_t timeout = NS_PER_SEC;
	unsigned events = 0;

	(void)state;
	assert_int_equal(
	        stats_shape_init(&shape, 1, &timeout, 1, NS_PER_SEC, NS_PER_SEC, 1000 * NS_PER_SEC, &error),
	        0);
	assert_int_equal(evidence_looks_init(&looks, 4, &shape, NS_NEVER, 8 * sizeof(sent), &error), 0);
	assert_int_equal(looks.limit, 8);
	for (unsigned second = 1; second < 1000; second++) {
		if (second % 300 == 0) {
			evidence_looks_event(&looks, sent, at(second));
		}
		evidence_looks_step(&looks, sent, (struct evidence_sums){0}, at(second));
		assert_true(looks.count <= 8);
		assert_true(evidence_looks_due(&looks) > at(second));
	}
	for (unsigned i = 0; i < looks.count; i++) {
		events += looks.looks[i].event;
		assert_true(i == 0 || looks.looks[i].at > looks.looks[i - 1].at);
	}
	assert_int_equal(events, 3);
	assert_int_equal(looks.dropped_events, 0);
	for (unsigned second = 1000; second < 1020; second++) {
		evidence_looks_event(&looks, sent, at(second));
	}
	assert_true(looks.dropped_events > 0);
	evidence_looks_release(&looks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_change_is_found_from_the_losses_alone),
	        cmocka_unit_test(stale_and_clean_tuples_are_told_apart),
	        cmocka_unit_test(the_next_query_tells_lazy_expiry),
	        cmocka_unit_test(each_of_two_changes_has_its_own_tuples),
	        cmocka_unit_test(changes_one_rest_apart_are_told_apart),
	        cmocka_unit_test(a_single_change_is_found_once),
	        cmocka_unit_test(a_sound_run_has_no_change_but_the_mark),
	        cmocka_unit_test(cohorts_are_counted_by_tuple),
	        cmocka_unit_test(looks_stay_within_their_memory_and_keep_the_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

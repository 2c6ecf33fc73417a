#include "expect.h"

#include "verdict/signature.h"

#include <string.h>

// Evidence written down by hand: small worlds, and changes that are small in the whole of a run.

#define BEFORE 80
#define AFTER  80
#define AGES   300

struct paper {
	struct verdict_evidence evidence;
	struct verdict_age ages[AGES];
	struct verdict_slice slices[BEFORE + AFTER];
};

static struct verdict_clusters trials(uint64_t count, uint64_t lost)
{
	struct verdict_clusters clusters = {0};

	for (uint64_t i = 0; i < count; i++) {
		verdict_clusters_add(&clusters, 1, i < lost);
	}
	return clusters;
}

// A run whose tuples lost queries once the event came: `stale_lost` of `stale` their first one.
static void write_down(struct paper *paper, uint64_t stale, uint64_t stale_lost)
{
	*paper = (struct paper){.evidence = {.event = true,
	                                     .sent = 40000,
	                                     .before = trials(20000, 40),
	                                     .stale = trials(stale, stale_lost),
	                                     .clean = trials(1000, 2),
	                                     .after = trials(20000, 40 + stale_lost),
	                                     .since_use = paper->ages,
	                                     .since_use_count = AGES,
	                                     .slices = paper->slices,
	                                     .slice_count = BEFORE + AFTER}};
	for (unsigned i = 0; i < AGES; i++) {
		// Every second flow below 20 s is dead.
		paper->ages[i] = (struct verdict_age){
		        .low = 0.1 * i, .high = 0.1 * i, .sent = 1, .lost = i < 200 && i % 2 == 0};
	}
	for (int i = 0; i < BEFORE + AFTER; i++) {
		paper->slices[i] = (struct verdict_slice){
		        .from = i - BEFORE, .to = i + 1 - BEFORE, .sent = 250, .lost = i == BEFORE};
	}
}

static void next_queries(struct paper *paper, uint64_t sent, uint64_t lost)
{
	paper->evidence.again_sent = paper->evidence.next_sent = sent;
	paper->evidence.again_lost = paper->evidence.next_lost = lost;
}

static struct verdict judge(const struct paper *paper)
{
	struct verdict_options options = {0};
	struct verdict verdict;
	struct error error = {0};

	assert_int_equal(verdict_judge(&paper->evidence, &options, &verdict, &error), 0);
	return verdict;
}

static enum verdict_state state(const struct paper *paper, enum verdict_signature signature)
{
	return judge(paper).findings[signature].state;
}

static void lazy_expiry_of_a_small_world_is_named(void **state_)
{
	struct paper paper;

	(void)state_;
	write_down(&paper, 400, 100);
	next_queries(&paper, 30, 4); // up to 30 % by the interval, but surely not half
	assert_int_equal(state(&paper, VERDICT_LAZY_EXPIRY), VERDICT_SHOWN);
	assert_int_equal(state(&paper, VERDICT_ENTRIES_KEPT), VERDICT_RULED_OUT);
	next_queries(&paper, 30, 8);
	assert_int_not_equal(state(&paper, VERDICT_LAZY_EXPIRY), VERDICT_SHOWN);
	next_queries(&paper, 30, 30);
	assert_int_equal(state(&paper, VERDICT_LAZY_EXPIRY), VERDICT_RULED_OUT);
	assert_int_equal(state(&paper, VERDICT_ENTRIES_KEPT), VERDICT_SHOWN);
}

static void few_clean_tuples_count_less_than_the_time_before(void **state_)
{
	struct paper paper;

	(void)state_;
	write_down(&paper, 400, 60);
	next_queries(&paper, 30, 30);
	paper.evidence.clean = trials(33, 0); // Fisher's p to 60 of 400 is 0.01
	assert_int_equal(state(&paper, VERDICT_ENTRIES_KEPT), VERDICT_SHOWN);
	// Unless they lose more than before: then it isn't the use before that matters.
	paper.evidence.clean = trials(33, 5);
	assert_int_not_equal(state(&paper, VERDICT_ENTRIES_KEPT), VERDICT_SHOWN);
}

static void a_load_that_swings_lists_no_dead_server(void **state_)
{
	struct paper paper;

	(void)state_;
	write_down(&paper, 1000, 300);
	for (int i = 0; i < BEFORE + AFTER; i++) {
		paper.slices[i].sent = i % 20 < 10 ? 200 : 300;
		paper.slices[i].lost = i % 20 < 10 ? 2 : 100;
	}
	paper.evidence.before = trials(20000, 3000);
	paper.evidence.clean = trials(1000, 330);
	next_queries(&paper, 300, 170);
	assert_int_equal(state(&paper, VERDICT_OVERLOAD), VERDICT_SHOWN);
	assert_int_equal(state(&paper, VERDICT_STILL_LISTED), VERDICT_RULED_OUT);
	next_queries(&paper, 300, 298);
	assert_int_equal(state(&paper, VERDICT_STILL_LISTED), VERDICT_SHOWN);
}

// A change that cost 0.05 % of a long run's queries, but of the stale tuples' first ones a quarter.
static void small_in_a_long_run(struct paper *paper)
{
	write_down(paper, 400, 100);
	paper->evidence.sent = 1000000;
	paper->evidence.before = trials(500000, 500);
	paper->evidence.clean = trials(20000, 20);
	paper->evidence.after = trials(500000, 750);
}

static void a_mechanism_is_named_however_little_of_the_run_it_costs(void **state_)
{
	struct verdict verdict;
	struct paper paper;

	(void)state_;
	small_in_a_long_run(&paper);
	next_queries(&paper, 30, 30);
	verdict = judge(&paper);
	assert_true(verdict.excess.high < 0.01);
	assert_int_equal(verdict.overall, VERDICT_NAMED);
	assert_int_equal(verdict.findings[VERDICT_ENTRIES_KEPT].state, VERDICT_SHOWN);
	small_in_a_long_run(&paper);
	next_queries(&paper, 7, 0); // one half to the seventh: 0.8 %
	verdict = judge(&paper);
	assert_int_equal(verdict.overall, VERDICT_NAMED);
	assert_int_equal(verdict.findings[VERDICT_LAZY_EXPIRY].state, VERDICT_SHOWN);
}

static void a_change_besides_the_main_one_must_be_surer(void **state_)
{
	struct verdict_options options = {.others = 2};
	struct verdict verdict;
	struct paper paper;
	struct error error = {0};

	(void)state_;
	small_in_a_long_run(&paper);
	next_queries(&paper, 8, 0);
	assert_int_equal(state(&paper, VERDICT_LAZY_EXPIRY), VERDICT_SHOWN);
	assert_int_equal(verdict_judge(&paper.evidence, &options, &verdict, &error), 0);
	assert_int_equal(verdict.findings[VERDICT_LAZY_EXPIRY].state, VERDICT_UNDECIDED);
	next_queries(&paper, 30, 0);
	assert_int_equal(verdict_judge(&paper.evidence, &options, &verdict, &error), 0);
	assert_int_equal(verdict.findings[VERDICT_LAZY_EXPIRY].state, VERDICT_SHOWN);
}

static void a_clear_difference_is_never_no_loss(void **state_)
{
	struct verdict verdict;
	struct paper paper;

	(void)state_;
	small_in_a_long_run(&paper);
	next_queries(&paper, 6, 0);
	verdict = judge(&paper);
	assert_int_equal(verdict.overall, VERDICT_NOT_ENOUGH);
	assert_non_null(strstr(verdict.text, "Is it lazy expiry? To tell, use more tuples"));
	next_queries(&paper, 2, 0);
	verdict = judge(&paper);
	assert_int_equal(verdict.overall, VERDICT_NOT_ENOUGH);
	assert_non_null(strstr(verdict.text, "within half the timeout"));
	// Half of the next ones are lost: none of the three.
	next_queries(&paper, 100, 45);
	verdict = judge(&paper);
	assert_int_equal(verdict.findings[VERDICT_LAZY_EXPIRY].state, VERDICT_RULED_OUT);
	assert_int_equal(verdict.overall, VERDICT_NONE_OF_THESE);
}

static void a_difference_that_is_small_or_chance_is_none(void **state_)
{
	struct paper paper;

	(void)state_;
	small_in_a_long_run(&paper);
	next_queries(&paper, 0, 0);
	paper.evidence.stale = trials(40000, 320); // 0.8 %, surely
	assert_int_equal(judge(&paper).overall, VERDICT_NO_LOSS);
	paper.evidence.stale = trials(60, 1); // 1.7 %, by chance
	assert_int_equal(judge(&paper).overall, VERDICT_NO_LOSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lazy_expiry_of_a_small_world_is_named),
	        cmocka_unit_test(few_clean_tuples_count_less_than_the_time_before),
	        cmocka_unit_test(a_load_that_swings_lists_no_dead_server),
	        cmocka_unit_test(a_mechanism_is_named_however_little_of_the_run_it_costs),
	        cmocka_unit_test(a_change_besides_the_main_one_must_be_surer),
	        cmocka_unit_test(a_clear_difference_is_never_no_loss),
	        cmocka_unit_test(a_difference_that_is_small_or_chance_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/spells.h"

#define TIMEOUT 1000
#define LATENCY 5

// A tuple that asks every `rest`; queries in [dead_from, dead_to) are lost.
struct world {
	struct flow_spells spells;
	struct flow_answered answered;
};

static void live(struct world *world, ns_t rest, ns_t dead_from, ns_t dead_to, ns_t end)
{
	struct error error = {0};
	ns_t expired = 1;

	*world = (struct world){0};
	assert_int_equal(flow_spells_create(&world->spells, 1, &error), 0);
	for (ns_t now = 1; now < end + TIMEOUT; now++) {
		bool sends = now < end && now % rest == 0, dead = now >= dead_from && now < dead_to;

		if (sends && !dead) {
			ns_t rest_end = now == rest ? NS_NEVER / 2 : rest + rest / 16 + 1;

			if (flow_answered_missed(&world->answered, now, rest_end)) {
				flow_spells_healed(&world->spells, &world->answered, 0, now, rest_end);
			}
			flow_answered_answer(&world->answered, now + LATENCY, FLOW_BACKEND_NONE);
		}
		for (; expired + TIMEOUT <= now; expired++) {
			if (expired % rest == 0 && expired >= dead_from && expired < dead_to) {
				flow_spells_failed(&world->spells, &world->answered, 0, expired, FLOW_SILENT);
				flow_answered_loss(&world->answered, (uint16_t)(expired / rest), expired);
			}
		}
	}
}

static void expect(struct world *world, unsigned count, struct flow_spell wanted)
{
	const struct flow_spell *spell = &world->spells.log[0];

	assert_int_equal(world->spells.count, count);
	assert_int_equal(spell->before, wanted.before);
	assert_int_equal(spell->first_lost, wanted.first_lost);
	assert_int_equal(spell->last_lost, wanted.last_lost);
	assert_int_equal(spell->healed, wanted.healed);
	assert_int_equal(spell->lost, wanted.lost);
	flow_spells_free(&world->spells);
}

static void a_spell_is_one_whether_losses_are_known_before_it_ends_or_after(void **state)
{
	static const ns_t rests[] = {50, 100, 300, 700, 1500};

	(void)state;
	for (unsigned i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		struct world world;
		ns_t rest = rests[i], from = 10 * rest, to = 15 * rest;

		live(&world, rest, from, to, 30 * rest);
		expect(&world, 1,
		       (struct flow_spell){.before = from - rest + LATENCY,
		                           .first_lost = from,
		                           .last_lost = to - rest,
		                           .healed = to,
		                           .lost = 5});
	}
}

static void a_single_loss_is_bracketed_too(void **state)
{
	struct world world;

	(void)state;
	live(&world, 100, 1000, 1100, 5000);
	expect(&world, 1,
	       (struct flow_spell){
	               .before = 905, .first_lost = 1000, .last_lost = 1000, .healed = 1100, .lost = 1});
}

static void a_spell_at_the_end_stays_open(void **state)
{
	struct world world;

	(void)state;
	live(&world, 100, 1000, 99999, 5000);
	expect(&world, 1,
	       (struct flow_spell){
	               .before = 905, .first_lost = 1000, .last_lost = 4900, .healed = 0, .lost = 40});
}

static void a_tuple_that_was_never_answered_has_no_answer_before(void **state)
{
	struct world world;

	(void)state;
	live(&world, 100, 1, 600, 3000);
	expect(&world, 1,
	       (struct flow_spell){
	               .before = 0, .first_lost = 100, .last_lost = 500, .healed = 600, .lost = 5});
}

static void sound_tuples_leave_no_trace(void **state)
{
	struct world world;

	(void)state;
	live(&world, 3, 99999, 99999, 5000); // answers come after the next query has left
	assert_int_equal(world.spells.count, 0);
	flow_spells_free(&world.spells);
}

static void what_finds_no_room_is_counted(void **state)
{
	struct flow_answered answered[3] = {{.last_answered = 1}, {.last_answered = 1}, {.last_answered = 1}};
	struct flow_spells spells;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_spells_create(&spells, 1, &error), 0);
	spells.capacity = 2;
	for (uint32_t i = 0; i < 3; i++) {
		flow_spells_failed(&spells, &answered[i], i, 10, FLOW_SILENT);
		flow_spells_failed(&spells, &answered[i], i, 20, FLOW_SILENT);
	}
	assert_int_equal(spells.count, 2);
	assert_int_equal(spells.omitted, 2);
	spells.capacity = (uint32_t)(flow_spells_memory(1) / sizeof(struct flow_spell));
	flow_spells_free(&spells);
}

static void fails(struct world *world, ns_t sent_at, enum flow_failure how)
{
	flow_spells_failed(&world->spells, &world->answered, 0, sent_at, how);
	if (how == FLOW_SILENT) {
		flow_answered_loss(&world->answered, (uint16_t)(sent_at / NS_PER_MS), sent_at);
	} else {
		flow_answered_refusal(&world->answered, (uint16_t)(sent_at / NS_PER_MS), sent_at);
	}
}

static void refusals_join_the_losses_that_are_known_later(void **state)
{
	struct world world = {.answered = {.last_answered = 900 * NS_PER_MS}};
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_spells_create(&world.spells, 1, &error), 0);
	// Refused at once, while the silence before it is no loss yet.
	fails(&world, 1200 * NS_PER_MS, FLOW_REFUSED);
	fails(&world, 1000 * NS_PER_MS, FLOW_SILENT);
	fails(&world, 1400 * NS_PER_MS, FLOW_UNREACHABLE);
	fails(&world, 1600 * NS_PER_MS, FLOW_SILENT);
	assert_true(flow_answered_missed(&world.answered, 1800 * NS_PER_MS, NS_PER_SEC));
	flow_spells_healed(&world.spells, &world.answered, 0, 1800 * NS_PER_MS, NS_PER_SEC);
	assert_int_equal(world.spells.log[0].refused, 1);
	assert_int_equal(world.spells.log[0].unreachable, 1);
	assert_int_equal(world.spells.log[0].widest, 300000);
	expect(&world, 1,
	       (struct flow_spell){.before = 900 * NS_PER_MS,
	                           .first_lost = 1000 * NS_PER_MS,
	                           .last_lost = 1600 * NS_PER_MS,
	                           .healed = 1800 * NS_PER_MS,
	                           .lost = 4});
}

// An answer to the query sent at `sent_at` arrives; the tuple had rested `rest` before that query.
static void answers(struct world *world, ns_t sent_at, ns_t rest, ns_t now)
{
	ns_t rest_end = rest + rest / 16 + 1;

	if (flow_answered_missed(&world->answered, sent_at, rest_end)) {
		flow_spells_healed(&world->spells, &world->answered, 0, sent_at, rest_end);
	}
	flow_answered_answer(&world->answered, now, FLOW_BACKEND_NONE);
}

static void answers_that_overtake_each_other_leave_a_loss_its_place(void **state)
{
	struct world world = {.answered = {.last_answered = 500}};
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_spells_create(&world.spells, 1, &error), 0);
	// Rested until 5000, asked every 10 from then on. The first query is lost, which is known last.
	answers(&world, 5010, 10, 5015);
	answers(&world, 5030, 10, 5036); // overtakes that of 5020
	answers(&world, 5020, 10, 5037);
	answers(&world, 5060, 10, 5062); // overtakes that of 5050
	answers(&world, 5050, 10, 5065);
	answers(&world, 5040, 10, 5068);
	answers(&world, 9000, 3940, 9005);
	assert_int_equal(world.spells.count, 1);
	fails(&world, 5000, FLOW_SILENT);
	expect(&world, 1,
	       (struct flow_spell){
	               .before = 500, .first_lost = 5000, .last_lost = 5000, .healed = 5010, .lost = 1});
}

static void losses_known_after_a_spell_ended_are_its_own_though_answers_overtake(void **state)
{
	struct world world = {.answered = {.last_answered = 900}};
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_spells_create(&world.spells, 1, &error), 0);
	// Dead from 1000 to 1800; each loss is known 500 later.
	fails(&world, 1000, FLOW_SILENT);
	fails(&world, 1200, FLOW_SILENT);
	answers(&world, 1900, 100, 1905);
	answers(&world, 1930, 10, 1932); // overtakes that of 1920
	fails(&world, 1500, FLOW_SILENT);
	answers(&world, 1920, 20, 1933);
	fails(&world, 1800, FLOW_SILENT);
	assert_int_equal(world.spells.count, 2);
	assert_int_equal(world.spells.log[1].lost, 0);
	expect(&world, 2,
	       (struct flow_spell){
	               .before = 900, .first_lost = 1000, .last_lost = 1800, .healed = 1900, .lost = 4});
}

static void a_place_is_free_again_when_its_query_was_overtaken(void **state)
{
	struct world world = {.answered = {.last_answered = 500}};
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_spells_create(&world.spells, 1, &error), 0);
	answers(&world, 5010, 10, 5015); // overtakes that of 5000
	answers(&world, 5000, 4500, 5016);
	assert_int_equal(world.answered.passed_over, 0);
	answers(&world, 9010, 10, 9015); // that of 9000 is lost
	answers(&world, 9020, 10, 9025);
	assert_int_equal(world.answered.passed_over, 1);
	fails(&world, 9000, FLOW_SILENT);
	assert_int_equal(world.answered.passed_over, 0);
	expect(&world, 1,
	       (struct flow_spell){
	               .before = 5016, .first_lost = 9000, .last_lost = 9000, .healed = 9010, .lost = 1});
}

static void no_place_is_kept_longer_than_a_query_can_wait(void **state)
{
	struct world world = {.answered = {.last_answered = 500}};
	struct error error = {0};
	ns_t later = 600 * NS_PER_SEC;

	(void)state;
	assert_int_equal(flow_spells_create(&world.spells, 1, &error), 0);
	answers(&world, 5010, 10, 5015); // the query at 5000 never comes to an end
	answers(&world, later - 10, later - 5020, later - 5);
	answers(&world, later + 10, 10, later + 15);
	fails(&world, later, FLOW_SILENT);
	expect(&world, 1,
	       (struct flow_spell){.before = later - 5,
	                           .first_lost = later,
	                           .last_lost = later,
	                           .healed = later + 10,
	                           .lost = 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_spell_is_one_whether_losses_are_known_before_it_ends_or_after),
	        cmocka_unit_test(a_single_loss_is_bracketed_too),
	        cmocka_unit_test(a_spell_at_the_end_stays_open),
	        cmocka_unit_test(a_tuple_that_was_never_answered_has_no_answer_before),
	        cmocka_unit_test(sound_tuples_leave_no_trace),
	        cmocka_unit_test(what_finds_no_room_is_counted),
	        cmocka_unit_test(refusals_join_the_losses_that_are_known_later),
	        cmocka_unit_test(answers_that_overtake_each_other_leave_a_loss_its_place),
	        cmocka_unit_test(losses_known_after_a_spell_ended_are_its_own_though_answers_overtake),
	        cmocka_unit_test(a_place_is_free_again_when_its_query_was_overtaken),
	        cmocka_unit_test(no_place_is_kept_longer_than_a_query_can_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

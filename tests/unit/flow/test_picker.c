#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The policies without a promise about time: sequential, random, lru, linux.
#include <math.h>

#include "world.h"

static void sequential_policy_goes_round_the_space(void **state)
{
	const struct flow_policy_options options = {.kind = FLOW_POLICY_SEQUENTIAL};
	struct world world;
	uint32_t local;

	(void)state;
	world_make(&world, &options, 97, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(world_next(&world, &local));
		assert_int_equal(local, i % 97);
		if (random_below(&world.random, 2)) {
			world_use(&world, local);
		} else {
			world_busy(&world, local);
		}
	}
	world_free(&world);
}

// Two pickers of one seed: one is asked tuple by tuple, the other takes what it told beforehand.
static void upcoming_is_what_asking_one_by_one_gives(void **state)
{
	static const enum flow_policy kinds[] = {FLOW_POLICY_SEQUENTIAL, FLOW_POLICY_RANDOM,
	                                         FLOW_POLICY_LINUX};

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct flow_policy_options options = {.kind = kinds[k], .seed = 7};
		struct world one, many;
		uint32_t local, tuples[FLOW_PICKER_AHEAD], later[FLOW_PICKER_AHEAD];

		world_make(&one, &options, 29, 1);
		world_make(&many, &options, 29, 1);
		for (unsigned round = 0; round < 500; round++) {
			unsigned skip = (unsigned)random_below(&one.random, FLOW_PICKER_AHEAD);
			unsigned count = (unsigned)random_below(&one.random, FLOW_PICKER_AHEAD + 1 - skip);
			unsigned known = flow_picker_upcoming(many.picker, 0, tuples, FLOW_PICKER_AHEAD);

			assert_int_equal(known, FLOW_PICKER_AHEAD);
			assert_int_equal(flow_picker_upcoming(many.picker, skip, later, count), count);
			assert_memory_equal(later, tuples + skip, count * sizeof(*later));
			for (unsigned i = 0; i < count; i++) {
				assert_true(world_next(&one, &local));
				assert_int_equal(one.first + local, tuples[i]);
				world_use(&one, local);
			}
			flow_picker_used_upcoming(many.picker, count);
		}
		// A full tuple in between: both go on alike.
		assert_true(world_next(&one, &local));
		assert_true(flow_picker_next(many.picker, many.now, &tuples[0]));
		assert_int_equal(one.first + local, tuples[0]);
		world_busy(&one, local);
		flow_picker_busy(many.picker, tuples[0]);
		assert_true(world_next(&one, &local));
		assert_true(flow_picker_next(many.picker, many.now, &tuples[0]));
		assert_int_equal(one.first + local, tuples[0]);
		world_free(&one);
		world_free(&many);
	}
}

static void a_policy_that_depends_on_time_tells_nothing_beforehand(void **state)
{
	const struct flow_policy_options options = {.kind = FLOW_POLICY_FRESH, .reuse_low = NS_PER_SEC};
	struct world world;
	uint32_t tuples[4];

	(void)state;
	world_make(&world, &options, 29, 1);
	assert_int_equal(flow_picker_upcoming(world.picker, 0, tuples, 4), 0);
	flow_picker_used_upcoming(world.picker, 0);
	world_free(&world);
}

// Chi-square of `draws` over `bins`, minus its mean, in standard deviations.
static double chi_square_excess(const uint32_t *counts, uint32_t bins, uint64_t draws)
{
	double expected = (double)draws / bins, sum = 0;

	for (uint32_t i = 0; i < bins; i++) {
		sum += (counts[i] - expected) * (counts[i] - expected) / expected;
	}
	return (sum - (bins - 1)) / sqrt(2.0 * (bins - 1));
}

static void draws_are_uniform(enum flow_policy kind)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		const struct flow_policy_options options = {.kind = kind, .seed = seed};
		uint32_t counts[500] = {0}, local;
		struct world world;

		world_make(&world, &options, 500, seed);
		for (uint32_t i = 0; i < 100000; i++) {
			assert_true(world_next(&world, &local));
			counts[local]++;
			world_use(&world, local);
		}
		assert_true(fabs(chi_square_excess(counts, 500, 100000)) < 4);
		world_free(&world);
	}
}

static void random_policy_is_uniform(void **state)
{
	(void)state;
	draws_are_uniform(FLOW_POLICY_RANDOM);
}

static void linux_policy_is_uniform(void **state)
{
	(void)state;
	draws_are_uniform(FLOW_POLICY_LINUX);
}

static void same_seed_draws_the_same_tuples(void **state)
{
	static const enum flow_policy kinds[] = {FLOW_POLICY_RANDOM, FLOW_POLICY_LINUX};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct flow_policy_options options = {.kind = kinds[k], .seed = 5};
		const struct flow_policy_options other = {.kind = kinds[k], .seed = 6};
		struct world a, b, c;
		unsigned differ = 0;

		world_make(&a, &options, 1000, 1);
		world_make(&b, &options, 1000, 1);
		world_make(&c, &other, 1000, 1);
		for (unsigned i = 0; i < 1000; i++) {
			uint32_t x, y, z;

			assert_true(world_next(&a, &x));
			assert_true(world_next(&b, &y));
			assert_true(world_next(&c, &z));
			assert_int_equal(x, y);
			differ += x != z;
			world_use(&a, x);
			world_use(&b, y);
			world_use(&c, z);
		}
		assert_true(differ > 950);
		world_free(&a);
		world_free(&b);
		world_free(&c);
	}
}

static void linux_policy_is_uniform_over_the_ports_not_in_flight(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		const struct flow_policy_options options = {.kind = FLOW_POLICY_LINUX, .seed = seed};
		uint32_t counts[256] = {0}, bins = 0, local;
		struct world world;
		ns_t age;

		world_make(&world, &options, 256, seed);
		for (uint32_t i = 0; i < 256; i++) {
			world.busy_until[i] = random_below(&world.random, 2) ? NS_NEVER : 0;
		}
		for (uint32_t i = 0; i < 100000; i++) {
			assert_true(world_query(&world, 256, &local, &age));
			assert_true(world.busy_until[local] != NS_NEVER);
			counts[local]++;
		}
		for (uint32_t i = 0; i < 256; i++) {
			bins += world.busy_until[i] != NS_NEVER;
		}
		// A walk by one stride prefers the free ones behind runs of busy ones, here as in the kernel:
		// even within a third, and closer in larger spaces, which have more strides.
		for (uint32_t i = 0; i < 256; i++) {
			if (world.busy_until[i] != NS_NEVER) {
				assert_in_range(counts[i], 100000 / bins / 2, 100000 / bins * 3 / 2);
			}
		}
		world_free(&world);
	}
}

static void linux_policy_finds_the_only_free_port(void **state)
{
	(void)state;
	for (uint32_t count = 1; count < 300; count++) {
		const struct flow_policy_options options = {.kind = FLOW_POLICY_LINUX, .seed = count};
		struct world world;
		uint32_t local, only;
		ns_t age;

		world_make(&world, &options, count, count);
		only = (uint32_t)random_below(&world.random, count);
		for (uint32_t i = 0; i < count; i++) {
			world.busy_until[i] = i == only ? 0 : NS_NEVER;
		}
		assert_true(world_query(&world, count, &local, &age));
		assert_int_equal(local, only);
		world_free(&world);
	}
}

static void lru_policy_uses_the_least_recently_used(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 4, 0);
	for (int round = 0; round < 30; round++) {
		const struct flow_policy_options options = {.kind = FLOW_POLICY_LRU};
		uint32_t count = 1 + (uint32_t)random_below(&random, 60);
		bool *aside = calloc(count, sizeof(*aside));
		struct world world;
		uint32_t local;

		world_make(&world, &options, count, (uint64_t)round);
		for (unsigned i = 0; i < 3000; i++) {
			world.now += random_below(&random, 1000) + 1;
			assert_true(world_next(&world, &local));
			// Of those that were not busy at their turn it is the one; those may come back at any
			// time, being older.
			for (uint32_t other = 0; other < count; other++) {
				assert_true(aside[other] ||
				            world_last(&world, local) <= world_last(&world, other));
			}
			if (round % 2 == 1 && random_below(&random, 3) == 0) {
				aside[local] = true;
				world_busy(&world, local);
			} else if (random_below(&random, 5) > 0) {
				aside[local] = false;
				world_use(&world, local);
			}
		}
		world_free(&world);
		free(aside);
	}
}

static void lru_policy_asks_busy_tuples_again_at_one_question_a_query(void **state)
{
	const struct flow_policy_options options = {.kind = FLOW_POLICY_LRU};
	const uint32_t count = 1000, lost = 100;
	uint64_t questions = 0;
	struct world world;
	uint32_t local;
	bool back[100] = {0};

	(void)state;
	world_make(&world, &options, count, 1);
	for (uint32_t i = 0; i < lost; i++) {
		world.busy_until[i] = WORLD_START + 1000000; // lost queries hold their slots until a timeout
	}
	for (unsigned sent = 0; sent < 20000; sent++, world.now += 100) {
		do {
			assert_true(world_next(&world, &local));
			questions++;
			if (world_is_busy(&world, local)) {
				world_busy(&world, local);
			}
		} while (world_is_busy(&world, local));
		world_use(&world, local);
		if (local < lost) {
			back[local] = true;
		}
	}
	assert_in_range(questions, 20000, 2 * 20000 + lost);
	for (uint32_t i = 0; i < lost; i++) {
		assert_true(back[i]);
	}
	world_free(&world);
}

static void everything_busy_still_costs_one_call_a_proposal(void **state)
{
	(void)state;
	for (int kind = 0; kind < FLOW_POLICY_COUNT; kind++) {
		const struct flow_policy_options options = {.kind = (enum flow_policy)kind,
		                                            .reuse_low = 10,
		                                            .reuse_high = 20,
		                                            .queries_per_use = 2,
		                                            .seed = 1};
		struct world world;
		uint32_t local;
		ns_t age;

		world_make(&world, &options, 10, 1);
		world.in_flight = 5 * NS_PER_SEC;
		for (unsigned i = 0; i < 200; i++) {
			world_query(&world, 64, &local, &age);
			world.now += 7;
		}
		world.now += 5 * NS_PER_SEC;
		for (unsigned i = 0; i < 10 && kind != FLOW_POLICY_SWEEP; i++) {
			world.now += 100;
			assert_true(world_query(&world, 64, &local,
			                        &age)); // and it goes on when they are free again
		}
		world_free(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(sequential_policy_goes_round_the_space),
	        cmocka_unit_test(upcoming_is_what_asking_one_by_one_gives),
	        cmocka_unit_test(a_policy_that_depends_on_time_tells_nothing_beforehand),
	        cmocka_unit_test(random_policy_is_uniform),
	        cmocka_unit_test(linux_policy_is_uniform),
	        cmocka_unit_test(same_seed_draws_the_same_tuples),
	        cmocka_unit_test(linux_policy_is_uniform_over_the_ports_not_in_flight),
	        cmocka_unit_test(linux_policy_finds_the_only_free_port),
	        cmocka_unit_test(lru_policy_uses_the_least_recently_used),
	        cmocka_unit_test(lru_policy_asks_busy_tuples_again_at_one_question_a_query),
	        cmocka_unit_test(everything_busy_still_costs_one_call_a_proposal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// The policies that promise something about reuse ages: interval, sweep, sticky, fresh.
#include <math.h>

#include "world.h"

// The distance from one query to the next in a test with a wild caller: mostly gaps, sometimes pauses.
static ns_t wild_gap(struct random *random, ns_t mean)
{
	return random_below(random, 30) == 0 ? random_below(random, 100 * mean)
	                                     : random_below(random, 2 * mean);
}

static void interval_policy_is_exact_at_a_constant_rate_with_the_fewest_tuples(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 5, 0);
	for (int round = 0; round < 60; round++) {
		ns_t gap = 1 + random_below(&random, NS_PER_MS);
		ns_t rest = 1 + random_below(&random, 300 * gap);
		const struct flow_policy_options options = {.kind = FLOW_POLICY_INTERVAL, .reuse_low = rest};
		uint32_t needed = (uint32_t)((rest + gap - 1) / gap), highest = 0, local;
		struct world world;
		ns_t age;

		assert_true(fabs(flow_policy_tuples(&options, 1e9 / (double)gap) - needed) < 1e-9);
		world_make(&world, &options, needed + 50, (uint64_t)round);
		for (unsigned i = 0; i < 2000; i++, world.now += gap) {
			assert_true(world_query(&world, 1, &local, &age));
			assert_true(age == 0 || (age >= rest && age < rest + gap));
			highest = local > highest ? local : highest;
		}
		assert_true(highest < needed);
		world_free(&world);
	}
}

static void interval_policy_never_breaks_its_promise(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 6, 0);
	for (int round = 0; round < 100; round++) {
		ns_t gap = 1 + random_below(&random, NS_PER_MS), rest = 1 + random_below(&random, 100 * gap);
		const struct flow_policy_options options = {.kind = FLOW_POLICY_INTERVAL, .reuse_low = rest};
		struct world world;
		uint32_t local;
		ns_t age;

		world_make(&world, &options, 1 + (uint32_t)random_below(&random, 150), (uint64_t)round);
		world.in_flight = round % 3 == 0 ? 0 : random_below(&random, 200 * gap);
		for (unsigned i = 0; i < 3000; i++, world.now += wild_gap(&random, gap)) {
			if (random_below(&random, 10) == 0) {
				world_next(&world, &local); // proposed and not used
			} else if (world_query(&world, 4, &local, &age)) {
				assert_true(age == 0 || age >= rest);
			}
		}
		world_free(&world);
	}
}

static void interval_policy_is_exact_again_after_a_pause_or_a_lower_rate(void **state)
{
	const ns_t gap = NS_PER_MS, rest = 100 * NS_PER_MS;
	const struct flow_policy_options options = {.kind = FLOW_POLICY_INTERVAL, .reuse_low = rest};
	struct world world;
	uint32_t local;
	ns_t age;

	(void)state;
	world_make(&world, &options, 400, 1);
	for (unsigned i = 0; i < 500; i++, world.now += gap / 2) {
		assert_true(world_query(&world, 1, &local, &age));
		assert_true(age == 0 || (age >= rest && age < rest + gap));
	}
	for (unsigned i = 0; i < 500;
	     i++, world.now += gap) { // half the rate: half of the tuples are left over
		assert_true(world_query(&world, 1, &local, &age));
		assert_true(age == 0 || (age >= rest && age <= rest + gap));
	}
	world.now += 60 * NS_PER_MS;
	for (unsigned i = 0; i < 1000; i++, world.now += gap) {
		assert_true(world_query(&world, 1, &local, &age));
		assert_true(i < 20 || age == 0 || (age >= rest && age <= rest + 2 * gap));
	}
	world_free(&world);
}

static void interval_policy_keeps_its_time_in_bursts(void **state)
{
	const ns_t rest = 10 * NS_PER_MS;
	const struct flow_policy_options options = {.kind = FLOW_POLICY_INTERVAL, .reuse_low = rest};
	struct world world;
	uint32_t local, highest = 0;
	ns_t age;

	(void)state;
	world_make(&world, &options, 1000, 1);
	for (unsigned i = 0; i < 1000; i++, world.now += 3 * NS_PER_MS) {
		for (unsigned in_burst = 0; in_burst < 32; in_burst++) {
			assert_true(world_query(&world, 1, &local, &age));
			assert_true(age == 0 || age == 12 * NS_PER_MS);
			highest = local > highest ? local : highest;
		}
	}
	assert_int_equal(highest, 4 * 32 - 1);
	world_free(&world);
}

static void sweep_policy_probes_every_tuple_once_at_its_age(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 7, 0);
	for (int round = 0; round < 40; round++) {
		const ns_t low = NS_PER_MS * (1 + random_below(&random, 100)),
		           high = low * (2 + random_below(&random, 300));
		const struct flow_policy_options options = {
		        .kind = FLOW_POLICY_SWEEP, .reuse_low = low, .reuse_high = high};
		uint32_t count = 2 + (uint32_t)random_below(&random, 500), local;
		unsigned queries = 0;
		struct world world;
		ns_t age;

		world_make(&world, &options, count, (uint64_t)round);
		world.in_flight = round % 2 == 0 ? 0 : random_below(&random, 2 * low);
		while (flow_picker_ready_at(world.picker) != NS_NEVER) {
			if (world_query(&world, 3, &local, &age)) {
				assert_true(age == 0 || age >= low);
				queries++;
			} else if (flow_picker_ready_at(world.picker) > world.now) {
				world.now = flow_picker_ready_at(world.picker);
				continue;
			}
			world.now += wild_gap(&random, low / 20);
		}
		assert_int_equal(queries, 2 * count);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(world.ledger.sent[world.first + i].sent, 2);
		}
		assert_false(world_next(&world, &local));
		world_free(&world);
	}
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static void sweep_policy_spreads_ages_evenly_over_their_logarithm(void **state)
{
	const double low = 1e9, high = 600e9;
	const struct flow_policy_options options = {
	        .kind = FLOW_POLICY_SWEEP, .reuse_low = (ns_t)low, .reuse_high = (ns_t)high};
	const uint32_t count = 5000;
	double *places = calloc(count, sizeof(*places));
	uint32_t probes = 0, local;
	struct world world;
	ns_t age;

	(void)state;
	world_make(&world, &options, count, 1);
	while (flow_picker_ready_at(world.picker) != NS_NEVER) {
		if (!world_query(&world, 1, &local, &age)) {
			world.now = flow_picker_ready_at(world.picker);
			continue;
		}
		if (age > 0) {
			assert_true((double)age >= low && (double)age <= high + 100e6);
			places[probes++] = log((double)age / low) / log(high / low);
		}
		world.now += NS_PER_MS;
	}
	assert_int_equal(probes, count);
	qsort(places, count, sizeof(*places), compare_doubles);
	for (uint32_t i = 0; i < count; i++) {
		assert_true(fabs(places[i] - (i + 0.5) / count) < 0.004);
	}
	free(places);
	world_free(&world);
}

// How many of every `stride`-th tuple, in the order of their first uses, have an age in a tenth of the range.
static unsigned dealt_ages(uint64_t seed, uint32_t count, uint32_t stride)
{
	const struct flow_policy_options options = {.kind = FLOW_POLICY_SWEEP,
	                                            .reuse_low = NS_PER_SEC,
	                                            .reuse_high = 100 * NS_PER_SEC,
	                                            .seed = seed};
	unsigned inside = 0;
	struct world world;
	uint32_t local;
	ns_t age;

	world_make(&world, &options, count, 1);
	while (flow_picker_ready_at(world.picker) != NS_NEVER) {
		if (!world_query(&world, 1, &local, &age)) {
			world.now = flow_picker_ready_at(world.picker);
			continue;
		}
		if (age > 0 && local % stride == 0) {
			double place = log((double)age / NS_PER_SEC) / log(100);

			inside += place >= 0.4 && place < 0.5;
		}
		world.now += NS_PER_US;
	}
	world_free(&world);
	return inside;
}

// A director that deals tuples to real servers in turns deals ages at random: the number of a server's in any
// range scatters as by chance, but for the evenness of the blocks.
static void sweep_policy_deals_each_server_ages_at_random(void **state)
{
	static const uint32_t servers[] = {2, 3, 5, 13};
	const uint32_t count = 640, rounds = 400;

	(void)state;
	for (size_t k = 0; k < sizeof(servers) / sizeof(servers[0]); k++) {
		double share = 1.0 / servers[k], chance = 0.1 * count * share * (1 - share);
		double sum = 0, squares = 0, mean;

		for (uint32_t seed = 0; seed < rounds; seed++) {
			double inside = dealt_ages(seed, count, servers[k]);

			sum += inside;
			squares += inside * inside;
		}
		mean = sum / rounds;
		assert_true(fabs(mean - 0.1 * count * share) < 0.1 * count * share * 0.1);
		assert_true(squares / rounds - mean * mean > 0.65 * chance);
		assert_true(squares / rounds - mean * mean < 1.3 * chance);
	}
}

// On each tuple: K queries, then a rest of R at least, then the next K.
static void check_sessions(uint32_t *sent, uint32_t local, ns_t age, uint32_t per_use, ns_t rest)
{
	if (sent[local] > 0 && sent[local] % per_use == 0) {
		assert_true(age >= rest);
	}
	sent[local]++;
}

static void sticky_policy_never_breaks_its_promise(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 8, 0);
	for (int round = 0; round < 100; round++) {
		ns_t gap = 1 + random_below(&random, NS_PER_MS), rest = 1 + random_below(&random, 100 * gap);
		uint32_t per_use = 1 + (uint32_t)random_below(&random, 10), local;
		const struct flow_policy_options options = {
		        .kind = FLOW_POLICY_STICKY, .reuse_low = rest, .queries_per_use = per_use};
		uint32_t count = 1 + (uint32_t)random_below(&random, 50);
		uint32_t *sent = calloc(count, sizeof(*sent));
		struct world world;
		ns_t age;

		world_make(&world, &options, count, (uint64_t)round);
		world.in_flight = round % 3 == 0 ? 0 : random_below(&random, 50 * gap);
		for (unsigned i = 0; i < 3000; i++, world.now += wild_gap(&random, gap)) {
			if (random_below(&random, 10) == 0) {
				world_next(&world, &local);
			} else if (world_query(&world, 4, &local, &age)) {
				check_sessions(sent, local, age, per_use, rest);
			}
		}
		world_free(&world);
		free(sent);
	}
}

static void sticky_policy_stays_on_its_tuple(void **state)
{
	const struct flow_policy_options options = {
	        .kind = FLOW_POLICY_STICKY, .reuse_low = 20 * NS_PER_MS, .queries_per_use = 5};
	struct world world;
	uint32_t local, highest = 0, open = 0;
	ns_t age;

	(void)state;
	world_make(&world, &options, 100, 1);
	for (unsigned i = 0; i < 5000; i++, world.now += NS_PER_MS) {
		assert_true(world_query(&world, 1, &local, &age));
		assert_true(i % 5 == 0 || local == open);
		open = local;
		highest = local > highest ? local : highest;
	}
	assert_true(highest < flow_policy_tuples(&options, 1000));
	world_free(&world);
}

static void sticky_policy_goes_on_with_busy_tuples_before_it_opens_others(void **state)
{
	const struct flow_policy_options options = {
	        .kind = FLOW_POLICY_STICKY, .reuse_low = NS_PER_SEC, .queries_per_use = 100000};
	struct world world;
	uint32_t local, highest = 0;
	ns_t age;

	(void)state;
	world_make(&world, &options, 1000, 1);
	world.in_flight = 10 * NS_PER_MS; // at 1000 q/s 10 queries are in flight; a few more sockets, as each
	                                  // is asked in turn
	for (unsigned i = 0; i < 50000; i++, world.now += NS_PER_MS) {
		assert_true(world_query(&world, 8, &local, &age));
		highest = local > highest ? local : highest;
	}
	assert_in_range(highest, 9, 19);
	world_free(&world);
}

static void fresh_policy_never_breaks_its_promise(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 9, 0);
	for (int round = 0; round < 100; round++) {
		ns_t gap = 1 + random_below(&random, NS_PER_MS), rest = 1 + random_below(&random, 100 * gap);
		const struct flow_policy_options options = {.kind = FLOW_POLICY_FRESH, .reuse_low = rest};
		uint32_t count = 1 + (uint32_t)random_below(&random, 150), local, used = 0;
		struct world world;
		ns_t age;

		world_make(&world, &options, count, (uint64_t)round);
		world.in_flight = round % 3 == 0 ? 0 : random_below(&random, 200 * gap);
		for (unsigned i = 0; i < 3000; i++, world.now += wild_gap(&random, gap)) {
			if (random_below(&random, 10) == 0) {
				world_next(&world, &local);
			} else if (world_query(&world, 4, &local, &age)) {
				assert_true(used >= count ? age >= rest : age == 0); // first uses come first
				used++;
			}
		}
		world_free(&world);
	}
}

static void tuples_that_the_check_asks_for_are_enough_and_no_fewer(void **state)
{
	static const enum flow_policy kinds[] = {FLOW_POLICY_INTERVAL, FLOW_POLICY_FRESH, FLOW_POLICY_STICKY};
	struct random random;

	(void)state;
	random_seed(&random, 10, 0);
	for (int round = 0; round < 90; round++) {
		ns_t gap = 1000 + random_below(&random, NS_PER_MS),
		     rest = 3 * gap + random_below(&random, 100 * gap);
		const struct flow_policy_options options = {.kind = kinds[round % 3],
		                                            .reuse_low = rest,
		                                            .queries_per_use =
		                                                    1 + (uint32_t)random_below(&random, 3)};
		uint32_t needed = (uint32_t)flow_policy_tuples(&options, 1e9 / (double)gap);

		for (uint32_t fewer = 0; fewer < 2; fewer++) {
			unsigned throttled = 0;
			struct world world;
			uint32_t local;
			ns_t age;

			world_make(&world, &options, needed - fewer, (uint64_t)round);
			for (unsigned i = 0; i < 2000; i++, world.now += gap) {
				throttled += !world_query(&world, 1, &local, &age);
			}
			assert_int_equal(throttled > 0, fewer);
			world_free(&world);
		}
	}
}

static void ready_time_is_exact_after_a_refusal(void **state)
{
	static const enum flow_policy kinds[] = {FLOW_POLICY_INTERVAL, FLOW_POLICY_FRESH, FLOW_POLICY_STICKY,
	                                         FLOW_POLICY_SWEEP};

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		const struct flow_policy_options options = {.kind = kinds[k],
		                                            .reuse_low = NS_PER_SEC,
		                                            .reuse_high = 3 * NS_PER_SEC,
		                                            .queries_per_use = 2};
		unsigned refused = 0;
		struct world world;
		uint32_t local;
		ns_t age;

		world_make(&world, &options, 20, 1);
		for (unsigned i = 0; i < 500; i++) {
			ns_t ready;

			if (world_query(&world, 1, &local, &age)) {
				world.now += random_below(&world.random, 10 * NS_PER_MS);
				continue;
			}
			ready = flow_picker_ready_at(world.picker);
			if (ready == NS_NEVER) {
				assert_int_equal(kinds[k], FLOW_POLICY_SWEEP);
				break;
			}
			refused++;
			world.now = ready - 1;
			assert_false(world_next(&world, &local));
			world.now = ready;
			assert_true(world_next(&world, &local));
		}
		assert_true(refused > 5);
		world_free(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(interval_policy_is_exact_at_a_constant_rate_with_the_fewest_tuples),
	        cmocka_unit_test(interval_policy_never_breaks_its_promise),
	        cmocka_unit_test(interval_policy_is_exact_again_after_a_pause_or_a_lower_rate),
	        cmocka_unit_test(interval_policy_keeps_its_time_in_bursts),
	        cmocka_unit_test(sweep_policy_probes_every_tuple_once_at_its_age),
	        cmocka_unit_test(sweep_policy_spreads_ages_evenly_over_their_logarithm),
	        cmocka_unit_test(sweep_policy_deals_each_server_ages_at_random),
	        cmocka_unit_test(sticky_policy_never_breaks_its_promise),
	        cmocka_unit_test(sticky_policy_stays_on_its_tuple),
	        cmocka_unit_test(sticky_policy_goes_on_with_busy_tuples_before_it_opens_others),
	        cmocka_unit_test(fresh_policy_never_breaks_its_promise),
	        cmocka_unit_test(tuples_that_the_check_asks_for_are_enough_and_no_fewer),
	        cmocka_unit_test(ready_time_is_exact_after_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

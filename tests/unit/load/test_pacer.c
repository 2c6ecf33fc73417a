#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/random.h"
#include "load/pacer.h"

#define START  (5 * NS_PER_SEC)
#define NO_LAG (3600 * NS_PER_SEC) // longer than any stall of the test

static void make_constant(struct load_profile *profile, double qps, ns_t duration)
{
	struct error error = {0};

	load_profile_init(profile);
	assert_int_equal(load_profile_constant(profile, qps, duration, &error), 0);
}

// Take all that is due at `now`; checks the deadlines. Returns how many.
static uint64_t drain(struct load_pacer *pacer, ns_t now, ns_t *latest)
{
	uint64_t taken = 0;
	unsigned due;

	while ((due = load_pacer_due(pacer, now, LOAD_BURST_MAX)) > 0) {
		for (unsigned i = 0; i < due; i++) {
			ns_t next = load_pacer_next(pacer);
			ns_t deadline = load_pacer_take(pacer);

			assert_true(deadline == next);
			assert_true(deadline <= now);
			assert_true(deadline + 1 >= *latest); // a segment's end may round by 1 ns
			*latest = deadline;
			taken++;
		}
	}
	assert_true(load_pacer_next(pacer) > now);
	return taken;
}

// Deadlines at or before t: query 0 is due at the start, so one more than the integral, as long as the
// profile goes on.
static void assert_count(const struct load_profile *profile, uint64_t count, ns_t t)
{
	double integral = load_count_value(load_profile_queries_until(profile, t));

	if (!((double)count >= integral - 1e-5 && (double)count <= integral + 1 + 1e-5)) {
		fail_msg("%llu queries until %llu ns, where the integral is %.9f", (unsigned long long)count,
		         (unsigned long long)t, integral);
	}
}

static void random_profile(struct load_profile *profile, struct random *random)
{
	static const double scales[] = {1, 10, 1000, 50000};
	unsigned count = 1 + (unsigned)random_below(random, 5);
	struct error error = {0};

	load_profile_init(profile);
	for (unsigned i = 0; i < count; i++) {
		double scale = scales[random_below(random, 4)];
		double from = random_below(random, 5) == 0 ? 0 : random_double(random) * scale;
		double to = random_below(random, 2) ? from : random_double(random) * scale;

		assert_int_equal(
		        load_profile_add(profile, 1 + random_below(random, 2 * NS_PER_SEC), from, to, &error),
		        0);
	}
	profile->repeat = random_below(random, 3) == 0;
}

static void workers_together_keep_the_integral_of_any_profile(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int round = 0; round < 150; round++) {
		unsigned workers = 1 + (unsigned)random_below(&random, 4);
		struct load_pacer pacers[4];
		struct load_profile profile;
		ns_t latest[4] = {0};
		uint64_t taken = 0;

		random_profile(&profile, &random);
		for (unsigned i = 0; i < workers; i++) {
			load_pacer_init(&pacers[i], &profile, i, workers, START, NO_LAG);
		}
		for (ns_t t = 0; t < 12 * NS_PER_SEC; t += random_below(&random, 200 * NS_PER_MS)) {
			for (unsigned i = 0; i < workers; i++) {
				taken += drain(&pacers[i], START + t, &latest[i]);
			}
			assert_count(&profile, taken, t);
		}
		load_profile_free(&profile);
	}
}

static void finished_profile_has_sent_exactly_its_integral(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	ns_t latest = 0;

	(void)state;
	make_constant(&profile, 1000, 60 * NS_PER_SEC);
	load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
	assert_int_equal(drain(&pacer, START + 3600 * NS_PER_SEC, &latest), 60000);
	assert_true(load_pacer_next(&pacer) == NS_NEVER);
	assert_true(latest == START + 60 * NS_PER_SEC - NS_PER_MS);
	load_profile_free(&profile);
}

static void workers_are_staggered_evenly(void **state)
{
	struct load_profile profile;
	struct load_pacer pacers[4];

	(void)state;
	make_constant(&profile, 1000, NS_NEVER);
	for (unsigned i = 0; i < 4; i++) {
		load_pacer_init(&pacers[i], &profile, i, 4, START, NO_LAG);
	}
	for (unsigned k = 0; k < 4000; k++) {
		struct load_pacer *pacer = &pacers[k % 4];

		assert_true(load_pacer_next(pacer) == START + k * NS_PER_MS);
		assert_int_equal(load_pacer_due(pacer, START + k * NS_PER_MS, 1), 1);
		load_pacer_take(pacer);
	}
	load_profile_free(&profile);
}

static void deadlines_do_not_drift_at_any_rate(void **state)
{
	static const double rates[] = {1, 3, 7.5, 1000, 33333, 1e6 / 3, 1e6, 9999991, 1e7};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct load_profile profile;
		struct load_pacer pacer;

		make_constant(&profile, rates[i], NS_NEVER);
		load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
		for (uint64_t k = 0; k < 1000000; k++) {
			ns_t expected = START + (ns_t)((long double)k * 1e9L / (long double)rates[i]);
			ns_t next = load_pacer_next(&pacer);

			assert_true(next + 1 >= expected && next <= expected + 1);
			load_pacer_due(&pacer, next, 1);
			load_pacer_take(&pacer);
		}
		load_profile_free(&profile);
	}
}

// No rounding brings the query that is due at the end of a second into it.
static void whole_rates_send_so_many_a_second(void **state)
{
	static const uint64_t rates[] = {3, 7, 77777, 300000, 333333, 999983};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct load_profile profile;
		struct load_pacer pacer;

		make_constant(&profile, (double)rates[i], NS_NEVER);
		load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
		for (ns_t second = 1; second <= 3; second++) {
			ns_t end = START + second * NS_PER_SEC;
			uint64_t count = 0;

			while (load_pacer_next(&pacer) < end) {
				assert_int_equal(load_pacer_due(&pacer, end - 1, 1), 1);
				load_pacer_take(&pacer);
				count++;
			}
			assert_int_equal(count, rates[i]);
		}
		load_profile_free(&profile);
	}
}

// 10^10 steps of 3 workers' schedule at 10 M q/s, as multiples: the step is what the pacer adds, so its error
// is what adds up.
static void ten_thousand_million_queries_do_not_drift(void **state)
{
	static const double rates[] = {10e6, 9999991, 7777777, 3};
	const uint64_t queries = UINT64_C(10000000000);

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct load_profile profile;
		struct load_pacer pacer;
		unsigned __int128 step, sum;
		long double exact = (long double)queries * 1e9L / (long double)rates[i];

		make_constant(&profile, rates[i], NS_NEVER);
		load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
		step = (unsigned __int128)pacer.step.ns << 64 | pacer.step.fraction;
		sum = (step >> 32) * queries >>
		      32; // 32 of the 64 fractional bits: a bound from above on the error
		assert_true(fabsl((long double)(uint64_t)sum - exact) <= 4);
		load_profile_free(&profile);
	}
}

static void long_stall_is_skipped_and_counted_instead_of_sent(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2, 0);
	for (int round = 0; round < 100; round++) {
		unsigned workers = 1 + (unsigned)random_below(&random, 3);
		const ns_t max_lag = 10 * NS_PER_MS;
		struct load_profile profile;
		struct load_pacer pacers[3];
		ns_t latest[3] = {0};
		uint64_t passed = 0;

		random_profile(&profile, &random);
		for (unsigned i = 0; i < workers; i++) {
			load_pacer_init(&pacers[i], &profile, i, workers, START, max_lag);
		}
		for (ns_t t = 0; t < 5 * NS_PER_SEC;) {
			bool stall = random_below(&random, 50) == 0;

			t += stall ? random_below(&random, NS_PER_SEC) : random_below(&random, 5 * NS_PER_MS);
			passed = 0;
			for (unsigned i = 0; i < workers; i++) {
				drain(&pacers[i], START + t, &latest[i]);
				passed += load_pacer_taken(&pacers[i]) + load_pacer_skipped(&pacers[i]);
			}
			assert_count(&profile, passed, t);
		}
		load_profile_free(&profile);
	}
}

static void no_burst_follows_a_stall(void **state)
{
	static const double rates[] = {100, 10000, 100000, 1000000};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const ns_t max_lag = 5 * NS_PER_MS;
		struct load_profile profile;
		struct load_pacer pacer;
		ns_t latest = 0, stalled = START + 10 * NS_PER_SEC;

		make_constant(&profile, rates[i], NS_NEVER);
		load_pacer_init(&pacer, &profile, 0, 1, START, max_lag);
		drain(&pacer, START, &latest);
		assert_in_range(drain(&pacer, stalled, &latest), 0, 1);
		assert_in_range(load_pacer_skipped(&pacer), 10 * rates[i] - 2, 10 * rates[i]);
		// From then on it keeps to the rate at once.
		assert_in_range(drain(&pacer, stalled + NS_PER_MS, &latest), rates[i] / 1000 - 1,
		                rates[i] / 1000 + 1);
		load_profile_free(&profile);
	}
}

static void nothing_late_is_left_after_a_skip(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 3, 0);
	for (int round = 0; round < 1000; round++) {
		unsigned workers = 1 + (unsigned)random_below(&random, 8);
		ns_t stalled = START + NS_PER_SEC + random_below(&random, NS_PER_SEC);
		struct load_profile profile;
		struct load_pacer pacer;

		make_constant(&profile, 1000, NS_NEVER);
		load_pacer_init(&pacer, &profile, (unsigned)random_below(&random, workers), workers, START,
		                20 * NS_PER_MS);
		load_pacer_due(&pacer, stalled, 1);
		assert_true(load_pacer_next(&pacer) + 1 >= stalled);
		assert_true(load_pacer_next(&pacer) <= stalled + workers * NS_PER_MS);
		load_profile_free(&profile);
	}
}

static void short_stall_is_made_good(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	ns_t latest = 0;

	(void)state;
	make_constant(&profile, 10000, NS_NEVER);
	load_pacer_init(&pacer, &profile, 0, 1, START, 10 * NS_PER_MS);
	drain(&pacer, START, &latest);
	assert_int_equal(drain(&pacer, START + 9 * NS_PER_MS, &latest), 90);
	assert_int_equal(load_pacer_skipped(&pacer), 0);
	load_profile_free(&profile);
}

static void due_never_exceeds_what_was_asked_for(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;

	(void)state;
	make_constant(&profile, 1e6, NS_NEVER);
	load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
	assert_int_equal(load_pacer_due(&pacer, START + NS_PER_SEC, 7), 7);
	assert_int_equal(load_pacer_due(&pacer, START + NS_PER_SEC, 1000), LOAD_BURST_MAX);
	assert_int_equal(load_pacer_due(&pacer, START + NS_PER_SEC, 0), 0);
	load_profile_free(&profile);
}

static void unlimited_segment_is_always_due_until_it_ends(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	struct error error = {0};
	ns_t latest = 0;

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "1s 10, 1s max, 1s 10", "", &error), 0);
	load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
	assert_int_equal(drain(&pacer, START + 999 * NS_PER_MS, &latest), 10);
	assert_true(load_pacer_next(&pacer) == START + NS_PER_SEC);
	assert_int_equal(load_pacer_due(&pacer, START + 999 * NS_PER_MS, 32), 0);
	for (unsigned i = 0; i < 100; i++) {
		ns_t now = START + NS_PER_SEC + i * NS_PER_MS;

		assert_int_equal(load_pacer_due(&pacer, now, 32), 32);
		assert_true(load_pacer_take(&pacer) == now);
		assert_true(load_pacer_next(&pacer) == now);
	}
	latest = 0;
	assert_int_equal(load_pacer_due(&pacer, START + 2 * NS_PER_SEC, 32), 1);
	assert_int_equal(drain(&pacer, START + 10 * NS_PER_SEC, &latest), 10);
	assert_int_equal(load_pacer_taken(&pacer), 120);
	assert_true(load_pacer_next(&pacer) == NS_NEVER);
	load_profile_free(&profile);
}

static void repeated_unlimited_segment_comes_back_every_round(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	struct error error = {0};

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "1s max, 1s 0, repeat", "", &error), 0);
	load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
	for (unsigned i = 0; i < 1000; i++) {
		bool on = i % 20 < 10;

		assert_int_equal(load_pacer_due(&pacer, START + i * 100 * NS_PER_MS, 8), on ? 8 : 0);
		assert_true(on || load_pacer_next(&pacer) == START + (i / 20 + 1) * 2 * NS_PER_SEC);
	}
	assert_int_equal(load_pacer_due(&pacer, START + 7777 * NS_PER_SEC - 1, 8), 8);
	load_profile_free(&profile);
}

static void stall_over_a_whole_unlimited_segment_is_harmless(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	struct error error = {0};
	ns_t latest = 0;

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "1s 10, 1s max, 10s 10", "", &error), 0);
	load_pacer_init(&pacer, &profile, 0, 1, START, 10 * NS_PER_MS);
	drain(&pacer, START, &latest);
	assert_int_equal(drain(&pacer, START + 4050 * NS_PER_MS, &latest), 0);
	assert_int_equal(load_pacer_taken(&pacer) + load_pacer_skipped(&pacer), 10 + 21);
	load_profile_free(&profile);
}

static void profile_without_queries_is_never_due(void **state)
{
	static const char *const texts[] = {"10s 0, repeat", "0", "10s 0"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct load_profile profile;
		struct load_pacer pacer;
		struct error error = {0};

		assert_int_equal(load_profile_parse(&profile, texts[i], "", &error), 0);
		load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
		assert_true(load_pacer_next(&pacer) == NS_NEVER);
		assert_int_equal(load_pacer_due(&pacer, NS_NEVER - 1, 32), 0);
		load_profile_free(&profile);
	}
}

static void rare_queries_of_a_repeated_profile_are_found_at_once(void **state)
{
	struct load_profile profile;
	struct load_pacer pacer;
	struct error error = {0};

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "1us 0.001, repeat", "", &error), 0);
	load_pacer_init(&pacer, &profile, 0, 1, START, NO_LAG);
	load_pacer_due(&pacer, START, 1);
	load_pacer_take(&pacer);
	assert_in_range(load_pacer_next(&pacer), START + 999 * NS_PER_SEC, START + 1001 * NS_PER_SEC);
	load_profile_free(&profile);
}

static void burst_is_scaled_to_the_rate(void **state)
{
	(void)state;
	assert_int_equal(load_pacer_burst(0), 1);
	assert_int_equal(load_pacer_burst(10000), 1);
	assert_int_equal(load_pacer_burst(19999), 1);
	assert_int_equal(load_pacer_burst(100000), 10);
	assert_int_equal(load_pacer_burst(320000), 32);
	assert_int_equal(load_pacer_burst(1e7), 32);
	assert_int_equal(load_pacer_burst(LOAD_UNLIMITED), 32);
}

// What is taken by the burst is what is taken one by one: over all kinds of segments, stalls and bursts.
static void a_burst_is_taken_as_one_by_one(void **state)
{
	static const char *const texts[] = {"20ms 50k, 1ms max, 30ms 1k 90k, repeat", "1s 20M",
	                                    "10ms 3M, 5ms 0, 10ms 333.3, repeat"};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct load_pacer one, all;
		struct load_profile profile;
		struct error error = {0};
		struct random random;
		ns_t now = START, late[LOAD_BURST_MAX];

		assert_int_equal(load_profile_parse(&profile, texts[i], "", &error), 0);
		load_pacer_init(&one, &profile, 1, 3, START, NS_PER_MS);
		load_pacer_init(&all, &profile, 1, 3, START, NS_PER_MS);
		random_seed(&random, i, 7);
		for (unsigned step = 0; step < 200000; step++) {
			unsigned max = 1 + (unsigned)random_below(&random, LOAD_BURST_MAX), due, count;

			now += random_below(&random, random_below(&random, 50) == 0 ? 3 * NS_PER_MS : 2000);
			due = load_pacer_due(&one, now, max);
			assert_int_equal(load_pacer_due(&all, now, max), due);
			count = (unsigned)random_below(&random, due + 1);
			load_pacer_take_late(&all, count, now, late);
			for (unsigned k = 0; k < count; k++) {
				assert_true(now - load_pacer_take(&one) == late[k]);
			}
			assert_true(load_pacer_next(&one) == load_pacer_next(&all));
		}
		assert_true(load_pacer_taken(&one) > 100 && load_pacer_skipped(&one) > 0);
		assert_true(load_pacer_taken(&one) == load_pacer_taken(&all));
		assert_true(load_pacer_skipped(&one) == load_pacer_skipped(&all));
		load_profile_free(&profile);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(workers_together_keep_the_integral_of_any_profile),
	        cmocka_unit_test(finished_profile_has_sent_exactly_its_integral),
	        cmocka_unit_test(workers_are_staggered_evenly),
	        cmocka_unit_test(deadlines_do_not_drift_at_any_rate),
	        cmocka_unit_test(whole_rates_send_so_many_a_second),
	        cmocka_unit_test(ten_thousand_million_queries_do_not_drift),
	        cmocka_unit_test(long_stall_is_skipped_and_counted_instead_of_sent),
	        cmocka_unit_test(no_burst_follows_a_stall),
	        cmocka_unit_test(nothing_late_is_left_after_a_skip),
	        cmocka_unit_test(short_stall_is_made_good),
	        cmocka_unit_test(due_never_exceeds_what_was_asked_for),
	        cmocka_unit_test(unlimited_segment_is_always_due_until_it_ends),
	        cmocka_unit_test(repeated_unlimited_segment_comes_back_every_round),
	        cmocka_unit_test(stall_over_a_whole_unlimited_segment_is_harmless),
	        cmocka_unit_test(profile_without_queries_is_never_due),
	        cmocka_unit_test(rare_queries_of_a_repeated_profile_are_found_at_once),
	        cmocka_unit_test(a_burst_is_taken_as_one_by_one),
	        cmocka_unit_test(burst_is_scaled_to_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

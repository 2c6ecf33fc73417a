#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "load/search.h"

static const struct load_search_options usual = {
        .low_qps = 100, .high_qps = 1e7, .max_loss = 0.001, .precision = 0.02, .min_achieved = 0.98};

// A service that answers `capacity` queries a second, and a sender that reaches `limit`.
static void run(struct load_search *search, double capacity, double limit)
{
	while (load_search_rate(search) > 0) {
		double rate = fmin(load_search_rate(search), limit);
		uint64_t sent = (uint64_t)(rate * 1000);

		assert_true(search->trials < 100);
		load_search_result(search, rate, sent,
		                   rate > capacity ? (uint64_t)((rate - capacity) * 1000) : 0);
	}
}

static void search_finds_the_capacity_within_its_precision(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int round = 0; round < 500; round++) {
		double capacity = 100 * pow(10, random_double(&random) * 4.9);
		struct load_search search;
		struct error error = {0};

		assert_int_equal(load_search_init(&search, &usual, &error), 0);
		run(&search, capacity, INFINITY);
		assert_int_equal(search.end, LOAD_SEARCH_FOUND);
		// The bound itself lets 0.1 % through.
		assert_true(search.passed_qps <= capacity * 1.0011);
		assert_true(search.passed_qps >= capacity / 1.0201);
		assert_true(search.passed_loss <= 0.001);
		assert_true(search.trials < 30);
	}
}

static void search_tells_why_there_is_no_answer(void **state)
{
	struct load_search search;
	struct error error = {0};

	(void)state;
	load_search_init(&search, &usual, &error);
	run(&search, 50, INFINITY);
	assert_int_equal(search.end, LOAD_SEARCH_BELOW);
	assert_true(search.passed_qps == 0);
	load_search_init(&search, &usual, &error);
	run(&search, 1e9, INFINITY);
	assert_int_equal(search.end, LOAD_SEARCH_ABOVE);
	assert_true(search.passed_qps == 1e7);
	load_search_init(&search, &usual, &error);
	run(&search, 1e9, 30000);
	assert_int_equal(search.end, LOAD_SEARCH_FELL_BEHIND);
	assert_true(search.passed_qps > 29000 && search.passed_qps <= 30000);
	load_search_init(&search, &usual, &error);
	load_search_result(&search, 0, 0, 0);
	assert_int_equal(search.end, LOAD_SEARCH_BELOW);
	assert_true(load_search_rate(&search) == 0);
}

static void noisy_results_still_end_the_search(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2, 0);
	for (int round = 0; round < 500; round++) {
		struct load_search search;
		struct error error = {0};

		load_search_init(&search, &usual, &error);
		while (load_search_rate(&search) > 0) {
			assert_true(search.trials < 40);
			load_search_result(&search, load_search_rate(&search), 1000,
			                   random_below(&random, 3));
		}
		assert_int_not_equal(search.end, LOAD_SEARCH_RUNNING);
	}
}

static void bad_options_are_refused(void **state)
{
	struct load_search_options cases[6];
	struct load_search search;

	(void)state;
	for (int i = 0; i < 6; i++) {
		cases[i] = usual;
	}
	cases[0].low_qps = 0;
	cases[1].high_qps = 100;
	cases[2].max_loss = 1;
	cases[3].precision = 0;
	cases[4].min_achieved = NAN;
	cases[5].high_qps = INFINITY;
	for (int i = 0; i < 6; i++) {
		struct error error = {0};

		assert_int_equal(load_search_init(&search, &cases[i], &error), -EINVAL);
		assert_non_null(strstr(error.text, "capacity search"));
	}
}

static void ramp_reports_the_best_bucket_within_the_bound(void **state)
{
	struct load_ramp ramp;

	(void)state;
	load_ramp_init(&ramp, 0.10);
	load_ramp_bucket(&ramp, 100, 0.5, 50, 50);
	load_ramp_bucket(&ramp, 200, 0.5, 100, 100);
	load_ramp_bucket(&ramp, 400, 0.5, 200,
	                 180); // resperf: "Maximum throughput: 360 qps", "Lost at that point: 10.00%"
	load_ramp_bucket(&ramp, 800, 0.5, 400, 200);
	load_ramp_bucket(&ramp, 900, 0.5, 0, 0);
	load_ramp_bucket(&ramp, 1600, 0.5, 800, 210);
	assert_true(ramp.maximum_qps == 360);
	assert_true(ramp.lost_at_maximum == 0.1);
	assert_true(ramp.target_at_maximum == 400);
	assert_int_equal(ramp.buckets, 5);
	assert_int_equal(ramp.failed_in_a_row, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(search_finds_the_capacity_within_its_precision),
	        cmocka_unit_test(search_tells_why_there_is_no_answer),
	        cmocka_unit_test(noisy_results_still_end_the_search),
	        cmocka_unit_test(bad_options_are_refused),
	        cmocka_unit_test(ramp_reports_the_best_bucket_within_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

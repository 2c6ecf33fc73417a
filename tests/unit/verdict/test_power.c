#include "expect.h"

#include "base/random.h"
#include "verdict/interval.h"
#include "verdict/power.h"
#include "verdict/timeout.h"

// Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, table A.4 (without the correction).
static void group_sizes_match_the_formula_and_its_inverse(void **state)
{
	(void)state;
	assert_near(verdict_power_trials(0.6, 0.5, 0.95, 0.8, 1), 388, 1);
	assert_near(verdict_power_trials(0.5, 0.6, 0.95, 0.8, 3), 3 * 387.3, 2);
	assert_true(isinf(verdict_power_trials(0.5, 0.5, 0.95, 0.8, 1)));
	for (double p = 0.001; p < 0.4; p *= 3) {
		assert_near(verdict_power_of(p, 2 * p, verdict_power_trials(p, 2 * p, 0.99, 0.9, 1), 0.99),
		            0.9, 0.01);
	}
}

static void promised_power_is_kept(void **state)
{
	struct random random;
	uint64_t trials = (uint64_t)verdict_power_trials(0.02, 0.06, 0.95, 0.8, 1);
	int seen = 0;

	(void)state;
	random_seed(&random, 1, 0);
	for (int i = 0; i < 1500; i++) {
		uint64_t lost[2] = {0, 0};

		for (uint64_t n = 0; n < trials; n++) {
			lost[0] += random_double(&random) < 0.02;
			lost[1] += random_double(&random) < 0.06;
		}
		seen += verdict_difference_test(lost[0], trials, lost[1], trials) < 0.05;
	}
	assert_near(seen / 1500.0, 0.8, 0.05);
}

static void one_loss_is_seen_after_the_rule_of_three(void **state)
{
	(void)state;
	assert_near(verdict_power_any(0.001, 0.95), 2995, 1);
	assert_true(isinf(verdict_power_any(0, 0.95)));
	assert_near(verdict_power_any(1, 0.95), 1, 0);
}

static double mean_reach(double granularity, double servers, uint64_t count)
{
	static struct verdict_age ages[100000];
	struct verdict_timeout_options options = {.hz = granularity > 10 ? 1000 : 100};
	double sum = 0;

	assert_true(count <= 100000);
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct verdict_timeout found;
		struct random random;

		random_seed(&random, seed, 9);
		for (uint64_t i = 0; i < count; i++) {
			double age = 150 + 300 * random_double(&random);
			double expiry = 300 + granularity * (1 - random_double(&random));

			ages[i] = (struct verdict_age){age, age, 1,
			                               age < expiry && random_double(&random) * servers < 1};
		}
		assert_int_equal(verdict_timeout_estimate(ages, count, &options, &found), 0);
		sum += fmax(found.timeout.high - 300, 300 - found.timeout.low) / 300;
	}
	return sum / 40;
}

static void a_timeout_is_found_as_closely_as_planned(void **state)
{
	(void)state;
	for (double servers = 2; servers < 6; servers += 2) {
		for (double granularity = 5.12; granularity < 40; granularity += 27.648) {
			double tuples = verdict_power_timeout(300, granularity, servers, 0.5, 0.04);
			double reach = mean_reach(granularity, servers, (uint64_t)tuples);
			assert_true(reach < 0.04);
			assert_true(reach > 0.015);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(group_sizes_match_the_formula_and_its_inverse),
	        cmocka_unit_test(promised_power_is_kept),
	        cmocka_unit_test(one_loss_is_seen_after_the_rule_of_three),
	        cmocka_unit_test(a_timeout_is_found_as_closely_as_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

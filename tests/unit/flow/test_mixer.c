#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>

#include "base/random.h"
#include "flow/mixer.h"

static void shares_are_exact_within_one_turn(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int round = 0; round < 200; round++) {
		unsigned count = 1 + (unsigned)random_below(&random, round % 10 == 0 ? FLOW_COHORTS_MAX : 5);
		double shares[FLOW_COHORTS_MAX], sum = 0;
		uint64_t turns[FLOW_COHORTS_MAX] = {0};
		struct flow_mixer mixer;
		struct error error = {0};

		for (unsigned i = 0; i < count; i++) {
			shares[i] = random_below(&random, 2) ? 1 + (double)random_below(&random, 100)
			                                     : 1e-3 + random_double(&random) * 1e3;
			sum += shares[i];
		}
		assert_int_equal(flow_mixer_init(&mixer, shares, count, &error), 0);
		for (uint64_t turn = 1; turn <= 5000; turn++) {
			turns[flow_mixer_next(&mixer)]++;
			flow_mixer_take(&mixer);
			for (unsigned i = 0; i < count; i++) {
				assert_true(fabs((double)turns[i] - (double)turn * shares[i] / sum) <
				            1 + 1e-4);
			}
		}
	}
}

static void one_round_of_small_shares_has_each_share_exactly(void **state)
{
	const double shares[] = {1, 2, 3};
	struct flow_mixer mixer;
	struct error error = {0};
	unsigned counts[3] = {0};

	(void)state;
	assert_int_equal(flow_mixer_init(&mixer, shares, 3, &error), 0);
	for (unsigned i = 0; i < 6; i++) {
		uint32_t cohort = flow_mixer_next(&mixer);

		assert_int_equal(flow_mixer_next(&mixer), cohort);
		counts[cohort]++;
		flow_mixer_take(&mixer);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(counts[i], i + 1);
	}
}

static void passed_turn_goes_to_another_and_is_not_caught_up(void **state)
{
	const double shares[] = {1, 1, 2};
	unsigned sent[3] = {0};
	struct flow_mixer mixer;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_mixer_init(&mixer, shares, 3, &error), 0);
	for (unsigned turn = 0; turn < 4000; turn++) {
		if (flow_mixer_next(&mixer) == 2) {
			flow_mixer_pass(&mixer); // cohort 2 can't send for a while
		}
		assert_int_not_equal(flow_mixer_next(&mixer), 2);
		sent[flow_mixer_next(&mixer)]++;
		flow_mixer_take(&mixer);
	}
	assert_int_equal(sent[0] + sent[1], 4000);
	for (unsigned turn = 0; turn < 40; turn++) {
		sent[flow_mixer_next(&mixer)]++;
		flow_mixer_take(&mixer);
	}
	assert_in_range(sent[2], 19, 21);
}

static void mixer_says_when_all_have_passed(void **state)
{
	const double shares[] = {5, 1};
	struct flow_mixer mixer;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_mixer_init(&mixer, shares, 2, &error), 0);
	flow_mixer_pass(&mixer);
	flow_mixer_pass(&mixer);
	assert_int_equal(flow_mixer_next(&mixer), FLOW_MIXER_NONE);
	flow_mixer_pass(&mixer);
	flow_mixer_take(&mixer);
	assert_int_not_equal(flow_mixer_next(&mixer), FLOW_MIXER_NONE);
}

static void bad_shares_are_refused(void **state)
{
	const double bad[] = {0, -1, NAN, INFINITY};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct flow_mixer mixer;
		struct error error = {0};

		assert_int_equal(flow_mixer_init(&mixer, &bad[i], 1, &error), -EINVAL);
		error.code = 0;
		assert_int_equal(flow_mixer_init(&mixer, bad, 0, &error), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(shares_are_exact_within_one_turn),
	        cmocka_unit_test(one_round_of_small_shares_has_each_share_exactly),
	        cmocka_unit_test(passed_turn_goes_to_another_and_is_not_caught_up),
	        cmocka_unit_test(mixer_says_when_all_have_passed),
	        cmocka_unit_test(bad_shares_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

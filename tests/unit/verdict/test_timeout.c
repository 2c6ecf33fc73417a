#include "expect.h"

#include "base/random.h"
#include "verdict/model.h"
#include "verdict/timeout.h"

#include <errno.h>
#include <stdlib.h>

struct truth {
	double timeout;
	double granularity;
	double servers;
	double base;
};

/** Sweep-like data: each tuple probed once at an age uniform in [low, high]. */
static void sweep(struct random *random, const struct truth *truth, double low, double high,
                  struct verdict_age *ages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double age = low + (high - low) * random_double(random);
		double expiry = truth->timeout + truth->granularity * (1 - random_double(random));
		int dead = random_double(random) * truth->servers < 1 && age < expiry;

		ages[i] = (struct verdict_age){age, age, 1, dead || random_double(random) < truth->base};
	}
}

static struct truth draw_truth(struct random *random)
{
	const double hz[] = {100, 250, 1000};
	double timeout = 2 * exp(random_double(random) * log(150));

	return (struct truth){
	        .timeout = timeout,
	        .granularity = verdict_model_granularity(timeout, hz[random_below(random, 3)]),
	        .servers = 2 + (double)random_below(random, 4),
	        .base = 0.01 * random_double(random),
	};
}

static void coverage_of(size_t count, int rounds, uint64_t seed, double low, double high)
{
	struct verdict_age *ages = calloc(count, sizeof(*ages));
	struct verdict_timeout_options options = {0};
	int covered = 0;
	int steps = 0;
	int above = 0;
	double width = 0;

	assert_non_null(ages);
	for (int i = 0; i < rounds; i++) {
		struct random random;
		struct truth truth;
		struct verdict_timeout found;

		random_seed(&random, seed, (uint64_t)i);
		truth = draw_truth(&random);
		sweep(&random, &truth, truth.timeout * (0.3 + 0.4 * random_double(&random)),
		      truth.timeout * (1.3 + random_double(&random)), ages, count);
		assert_int_equal(verdict_timeout_estimate(ages, count, &options, &found), 0);
		if (found.answer == VERDICT_TIMEOUT_STEP) {
			steps++;
			covered += found.timeout.low <= truth.timeout && truth.timeout <= found.timeout.high;
			above += found.timeout.low > truth.timeout;
			width += (found.timeout.high - found.timeout.low) / truth.timeout;
		}
	}
	print_message("%zu samples: %d of %d steps, coverage %.4f, truth below %.4f, mean width %.4f\n",
	              count, steps, rounds, (double)covered / steps, (double)above / steps, width / steps);
	assert_true(steps > rounds * 9 / 10);
	assert_true(covered >= low * steps && covered <= high * steps);
	free(ages);
}

static void interval_holds_the_timeout_as_often_as_it_says(void **state)
{
	(void)state;
	coverage_of(300, 400, 1, 0.93, 0.975);
	coverage_of(1000, 400, 2, 0.93, 0.97);
	coverage_of(5000, 200, 3, 0.93, 0.97);
	coverage_of(20000, 120, 4, 0.93, 0.97);
}

static struct verdict_timeout estimate(const struct verdict_age *ages, size_t count,
                                       struct verdict_timeout_options options)
{
	struct verdict_timeout found;

	assert_int_equal(verdict_timeout_estimate(ages, count, &options, &found), 0);
	return found;
}

/** One sweep over [low, high] with the options given. */
static struct verdict_timeout swept(uint64_t seed, struct truth truth, double low, double high, size_t count,
                                    struct verdict_timeout_options options)
{
	struct verdict_age *ages = calloc(count, sizeof(*ages));
	struct verdict_timeout found;
	struct random random;

	assert_non_null(ages);
	random_seed(&random, seed, 77);
	sweep(&random, &truth, low, high, ages, count);
	found = estimate(ages, count, options);
	free(ages);
	return found;
}

// Two seconds are 500 ticks of 250 Hz, four short of the level where the granule is 64 of them.
static void sharp_step_is_found_to_the_spacing_of_the_samples(void **state)
{
	double width = 0;
	int covered = 0;
	int named = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct verdict_timeout found = swept(seed, (struct truth){2, 0.032, 2, 0.002}, 1, 3, 2000,
		                                     (struct verdict_timeout_options){0});

		assert_int_equal(found.answer, VERDICT_TIMEOUT_STEP);
		covered += found.timeout.low <= 2 && 2 <= found.timeout.high;
		named += found.hz == 250;
		width += (found.timeout.high - found.timeout.low) / 200;
	}
	assert_true(covered >= 184);
	assert_true(named >= 100);
	assert_true(width < 0.05);
}

static void wide_granule_names_the_kernels_tick_and_the_servers(void **state)
{
	int named = 0;
	int counted = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct verdict_timeout found = swept(seed, (struct truth){300, 32.768, 3, 0.002}, 150, 450,
		                                     5000, (struct verdict_timeout_options){0});

		assert_int_equal(found.answer, VERDICT_TIMEOUT_STEP);
		named += found.hz == 1000 && found.hz_probability > 0.9;
		counted += found.servers.low <= 3 && 3 <= found.servers.high;
	}
	assert_true(named >= 80);
	assert_true(counted >= 88);
}

static void known_tick_narrows_the_interval(void **state)
{
	double known = 0;
	double unknown = 0;
	int covered = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct truth truth = {300, 16.384, 2, 0.002};
		struct verdict_timeout with =
		        swept(seed, truth, 150, 450, 800, (struct verdict_timeout_options){.hz = 250});
		struct verdict_timeout without =
		        swept(seed, truth, 150, 450, 800, (struct verdict_timeout_options){0});

		known += with.timeout.high - with.timeout.low;
		unknown += without.timeout.high - without.timeout.low;
		covered += with.timeout.low <= 300 && 300 <= with.timeout.high;
	}
	assert_true(known < unknown);
	assert_true(covered >= 88);
}

static void level_loss_has_no_step(void **state)
{
	int steps = 0;
	int low_steps = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct truth level = {1e9, 0, 2, 0};
		struct truth quiet = {1e-9, 0, 2, 0.01};

		steps += swept(seed, level, 1, 60, 1000, (struct verdict_timeout_options){0}).answer ==
		         VERDICT_TIMEOUT_STEP;
		low_steps += swept(seed, quiet, 1, 60, 1000, (struct verdict_timeout_options){0}).answer !=
		             VERDICT_TIMEOUT_NONE;
	}
	assert_true(steps <= 2);
	assert_true(low_steps <= 3);
}

static void ages_below_the_timeout_say_at_least(void **state)
{
	int wrong = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct verdict_timeout found = swept(seed, (struct truth){300, 5.12, 2, 0.001}, 10, 100, 400,
		                                     (struct verdict_timeout_options){0});

		assert_int_equal(found.answer, VERDICT_TIMEOUT_AT_LEAST);
		assert_true(found.timeout.low > 75 && found.timeout.low <= 100);
		assert_true(isnan(found.timeout.high));
		// The same with a control in place of the assumed limit.
		found = swept(seed, (struct truth){300, 5.12, 2, 0.001}, 10, 100, 400,
		              (struct verdict_timeout_options){.control_sent = 1000, .control_lost = 1});
		assert_int_equal(found.answer, VERDICT_TIMEOUT_AT_LEAST);
		wrong += found.timeout.low > 300;
	}
	assert_int_equal(wrong, 0);
}

static void at_least_is_rarely_wrong_when_the_timeout_is_just_inside(void **state)
{
	int wrong = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct verdict_timeout found = swept(seed, (struct truth){98, 0, 2, 0.001}, 10, 100, 300,
		                                     (struct verdict_timeout_options){0});

		wrong += found.answer == VERDICT_TIMEOUT_AT_LEAST && found.timeout.low > 98;
		wrong += found.answer == VERDICT_TIMEOUT_STEP &&
		         (found.timeout.low > 98 || found.timeout.high < 98);
	}
	assert_true(wrong <= 400 * 0.08);
}

static void ages_above_the_timeout_say_at_most_when_a_loss_was_due(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct truth truth = {5, 0.04, 2, 0.001};
		struct verdict_timeout found = swept(seed, truth, 20, 100, 400,
		                                     (struct verdict_timeout_options){.expected_loss = 0.5});

		assert_int_equal(found.answer, VERDICT_TIMEOUT_AT_MOST);
		assert_true(found.timeout.high >= 5 && found.timeout.high < 35);
		found = swept(seed, truth, 20, 100, 400, (struct verdict_timeout_options){0});
		assert_int_equal(found.answer, VERDICT_TIMEOUT_NONE);
	}
}

static void few_queries_are_not_enough(void **state)
{
	(void)state;
	assert_int_equal(
	        swept(1, (struct truth){30, 0, 2, 0}, 1, 60, 29, (struct verdict_timeout_options){0}).answer,
	        VERDICT_TIMEOUT_NOT_ENOUGH);
	assert_int_equal(estimate(NULL, 0, (struct verdict_timeout_options){0}).answer,
	                 VERDICT_TIMEOUT_NOT_ENOUGH);
}

/** Gather points into bins of `width`. */
static size_t gather(const struct verdict_age *ages, size_t count, double width, struct verdict_age *bins,
                     size_t size)
{
	for (size_t i = 0; i < size; i++) {
		bins[i] = (struct verdict_age){(double)i * width, (double)(i + 1) * width, 0, 0};
	}
	for (size_t i = 0; i < count; i++) {
		struct verdict_age *bin = &bins[(size_t)(ages[i].low / width)];

		bin->sent += ages[i].sent;
		bin->lost += ages[i].lost;
	}
	return size;
}

static void bins_hold_the_timeout_to_their_width(void **state)
{
	static struct verdict_age ages[4000];
	static struct verdict_age bins[150];
	int covered = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct truth truth;
		struct verdict_timeout found;
		struct random random;

		random_seed(&random, seed, 5);
		truth = (struct truth){50 + 60 * random_double(&random), 5.12, 2, 0.005};
		sweep(&random, &truth, 10, 149, ages, 4000);
		found = estimate(bins, gather(ages, 4000, 1, bins, 150), (struct verdict_timeout_options){0});
		assert_int_equal(found.answer, VERDICT_TIMEOUT_STEP);
		covered += found.timeout.low <= truth.timeout && truth.timeout <= found.timeout.high;
		assert_true(found.timeout.high - found.timeout.low < 9);
	}
	assert_true(covered >= 188);
}

static void a_design_effect_widens_the_interval(void **state)
{
	struct truth truth = {30, 0.64, 2, 0.01};
	struct verdict_timeout plain = swept(1, truth, 10, 60, 2000, (struct verdict_timeout_options){0});
	struct verdict_timeout robust =
	        swept(1, truth, 10, 60, 2000, (struct verdict_timeout_options){.design_effect = 8});

	(void)state;
	assert_true(robust.timeout.high - robust.timeout.low > plain.timeout.high - plain.timeout.low);
	assert_near(robust.ratio, plain.ratio / 8, 0.05 * plain.ratio);
}

static void bad_observations_are_refused(void **state)
{
	const struct verdict_age overlap[] = {{1, 3, 9, 1}, {2, 4, 9, 1}};
	const struct verdict_age more[] = {{1, 1, 1, 2}};
	const struct verdict_age backwards[] = {{3, 1, 5, 2}};
	struct verdict_timeout_options options = {0};
	struct verdict_timeout out;

	(void)state;
	assert_int_equal(verdict_timeout_estimate(overlap, 2, &options, &out), -EINVAL);
	assert_int_equal(verdict_timeout_estimate(more, 1, &options, &out), -EINVAL);
	assert_int_equal(verdict_timeout_estimate(backwards, 1, &options, &out), -EINVAL);
	options.confidence = 1;
	assert_int_equal(verdict_timeout_estimate(NULL, 0, &options, &out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(interval_holds_the_timeout_as_often_as_it_says),
	        cmocka_unit_test(sharp_step_is_found_to_the_spacing_of_the_samples),
	        cmocka_unit_test(wide_granule_names_the_kernels_tick_and_the_servers),
	        cmocka_unit_test(known_tick_narrows_the_interval),
	        cmocka_unit_test(level_loss_has_no_step),
	        cmocka_unit_test(ages_below_the_timeout_say_at_least),
	        cmocka_unit_test(at_least_is_rarely_wrong_when_the_timeout_is_just_inside),
	        cmocka_unit_test(ages_above_the_timeout_say_at_most_when_a_loss_was_due),
	        cmocka_unit_test(few_queries_are_not_enough),
	        cmocka_unit_test(bins_hold_the_timeout_to_their_width),
	        cmocka_unit_test(a_design_effect_widens_the_interval),
	        cmocka_unit_test(bad_observations_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "expect.h"

#include "base/random.h"
#include "verdict/model.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DAY 86400.0

/** The worked numbers of docs: two servers, the 28,232 ports of a Linux client, and a loss that is rounded as
 * printed. */
struct worked {
	double rate;
	double timeout;
	double loss, loss_digits;
	double kept, kept_digits;
	double lazy, lazy_digits;
	double e_fold, e_fold_digits; ///< 0 digits: never
};

static const struct worked table[] = {
        {100e3, 300, 0.50, 5e-3, 14.99e6, 5e3, 14116, 0.5, 0, 0},
        {100e3, 10, 0.50, 5e-3, 486e3, 500, 14116, 0.5, 0, 0},
        {20, 300, 0.096, 5e-4, 297, 0.5, 277, 0.5, 108, 0.5},
        {20, 10, 0.0035, 5e-5, 0.35, 5e-3, 0.35, 5e-3, 1.5, 0.05},
        {1000, 300, 0.50, 5e-3, 136e3, 500, 14112, 0.5, 13 * DAY, 0.5 * DAY},
        {1000, 10, 0.149, 5e-4, 790, 0.5, 702, 0.5, 4.6, 0.05},
};

static struct verdict_model model_of(double rate, double timeout, enum verdict_mechanism mechanism)
{
	return (struct verdict_model){
	        .tuples = 28232,
	        .rate = rate,
	        .timeout = timeout,
	        .servers = 2,
	        .mechanism = mechanism,
	};
}

static void worked_numbers_come_out(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct worked *row = &table[i];
		struct verdict_model kept = model_of(row->rate, row->timeout, VERDICT_NODEST_KEPT);
		struct verdict_model lazy = model_of(row->rate, row->timeout, VERDICT_LAZY);
		struct verdict_model zero = model_of(row->rate, row->timeout, VERDICT_WEIGHT_ZERO);

		assert_near(verdict_model_loss(&kept, 0), row->loss, row->loss_digits);
		assert_near(verdict_model_loss(&lazy, 0), row->loss, row->loss_digits);
		assert_near(verdict_model_loss(&zero, 0), row->loss, row->loss_digits);
		assert_near(verdict_model_lost(&kept, INFINITY), row->kept, row->kept_digits);
		assert_near(verdict_model_lost(&lazy, INFINITY), row->lazy, row->lazy_digits);
		if (row->e_fold_digits > 0) {
			assert_near(verdict_model_e_fold(&zero), row->e_fold, row->e_fold_digits);
		} else {
			// "Never": a million years and more.
			assert_true(verdict_model_e_fold(&zero) > 1e6 * 365 * DAY);
		}
	}
}

static void a_dig_loop_sends_6000_queries_in_one_timeout(void **state)
{
	struct verdict_model kept = model_of(20, 300, VERDICT_NODEST_KEPT);

	(void)state;
	assert_near(verdict_model_share(&kept, 300) * 6000, 297, 0.5);
}

static void lazy_losses_are_over_in_a_second_at_100k(void **state)
{
	struct verdict_model lazy = model_of(100e3, 300, VERDICT_LAZY);

	(void)state;
	assert_true(verdict_model_lost(&lazy, 1) > 0.97 * 14116);
}

static void other_root_solves_its_equation_everywhere(void **state)
{
	const double ys[] = {1e-12,     1e-6,   0.01,   0.2125, 0.5, 0.9, 0.99, 0.9985, 0.9995, 0.9999999, 1,
	                     1.0000001, 1.0005, 1.0015, 1.01,   1.1, 2,   5,    35.4,   200,    700};

	(void)state;
	for (unsigned i = 0; i < sizeof(ys) / sizeof(ys[0]); i++) {
		double x = verdict_model_other_root(ys[i]);

		assert_true(ys[i] < 1 ? x > 1 : ys[i] > 1 ? x < 1 : x == 1);
		// Relative to the terms' size; at huge y the logarithm of x is the quantity with digits.
		assert_near(log(x) - x, log(ys[i]) - ys[i], 1e-11 * (1 + fabs(log(ys[i]) - ys[i])));
		// The other root of the other root is where one came from.
		assert_close(verdict_model_other_root(x), ys[i], fabs(ys[i] - 1) < 1e-2 ? 1e-7 : 1e-9);
	}
	assert_true(verdict_model_other_root(1e5) == 0);
}

static void granularity_follows_the_timer_wheel(void **state)
{
	(void)state;
	assert_near(verdict_model_granularity(10, 100), 0.64, 1e-12);
	assert_near(verdict_model_granularity(10, 250), 0.256, 1e-12);
	assert_near(verdict_model_granularity(10, 1000), 0.512, 1e-12);
	assert_near(verdict_model_granularity(45, 100), 5.12, 1e-12);
	assert_near(verdict_model_granularity(300, 100), 5.12, 1e-12);
	assert_near(verdict_model_granularity(300, 250), 16.384, 1e-12);
	assert_near(verdict_model_granularity(300, 1000), 32.768, 1e-12);
	assert_near(verdict_model_granularity(0.5, 100), 0.01, 1e-12);
}

static struct verdict_model sequential(double rate, double timeout, double granularity,
                                       enum verdict_mechanism mechanism)
{
	return (struct verdict_model){.tuples = 200,
	                              .rate = rate,
	                              .timeout = timeout,
	                              .granularity = granularity,
	                              .servers = 2,
	                              .reuse = VERDICT_REUSE_SEQUENTIAL,
	                              .mechanism = mechanism};
}

// Measured on ip_vs.ko 6.1: P = 200, k = 2; sequential reuse lost 0.50 until 4.0 s, then nothing; weight 0 a
// flat 0.50, and nothing when the reuse interval is above the timeout.
static void sequential_reuse_ends_at_the_floor_of_the_timeout(void **state)
{
	struct verdict_model kept = sequential(100, 4.5, 0, VERDICT_NODEST_KEPT);

	(void)state;
	assert_near(verdict_model_loss(&kept, 0), 0.5, 0);
	assert_near(verdict_model_loss(&kept, 3.99), 0.5, 0);
	assert_near(verdict_model_loss(&kept, 4), 0, 0);
	assert_near(verdict_model_lost(&kept, INFINITY), 200, 1e-9);
	assert_near(verdict_model_lost(&kept, 1), 50, 1e-9);
	// tau = 2 s: ages of 4 s meet T = 4 exactly.
	kept.timeout = 4;
	assert_near(verdict_model_loss(&kept, 3.9), 0.5, 0);
}

static void sequential_weight_zero_lasts_for_ever_or_not_at_all(void **state)
{
	struct verdict_model zero = sequential(200, 4, 0, VERDICT_WEIGHT_ZERO);

	(void)state;
	assert_near(verdict_model_loss(&zero, 1e9), 0.5, 0);
	assert_true(isinf(verdict_model_e_fold(&zero)));
	assert_near(verdict_model_share(&zero, INFINITY), 0.5, 0);
	zero.timeout = 0.5;
	assert_near(verdict_model_loss(&zero, 0), 0, 0);
	assert_near(verdict_model_lost(&zero, INFINITY), 0, 0);
	assert_near(verdict_model_e_fold(&zero), 0, 0);
}

static void sequential_lazy_loses_the_first_round_only(void **state)
{
	struct verdict_model lazy = sequential(100, 5, 0, VERDICT_LAZY);

	(void)state;
	assert_near(verdict_model_loss(&lazy, 1.9), 0.5, 0);
	assert_near(verdict_model_loss(&lazy, 2.1), 0, 0);
	assert_near(verdict_model_lost(&lazy, INFINITY), 100, 1e-9);
	lazy.timeout = 1.9;
	assert_near(verdict_model_lost(&lazy, INFINITY), 0, 0);
}

static double numeric_lost(const struct verdict_model *model, double t)
{
	const int steps = 400000;
	double sum = 0;

	for (int i = 0; i < steps; i++) {
		sum += verdict_model_loss(model, t * (i + 0.5) / steps);
	}
	return sum * t / steps * model->rate;
}

static void lost_is_the_integral_of_the_loss(void **state)
{
	(void)state;
	for (int reuse = VERDICT_REUSE_RANDOM; reuse <= VERDICT_REUSE_SEQUENTIAL; reuse++) {
		for (int mechanism = VERDICT_NODEST_KEPT; mechanism <= VERDICT_DEAD_LISTED; mechanism++) {
			for (double y = 0.05; y < 60; y *= 6) {
				struct verdict_model model = {
				        .tuples = 1000,
				        .rate = 100 * y,
				        .timeout = 10,
				        .granularity = reuse == VERDICT_REUSE_RANDOM ? 0 : 0.64,
				        .servers = 3,
				        .reuse = (enum verdict_reuse)reuse,
				        .mechanism = (enum verdict_mechanism)mechanism,
				        .flush_delay = 0.5,
				        .service_time = 0.01};

				for (double t = 0.3; t < 200; t *= 5) {
					assert_near(verdict_model_lost(&model, t), numeric_lost(&model, t),
					            1e-4 * model.rate * t *
					                    (1e-3 + verdict_model_share(&model, t)));
				}
			}
		}
	}
}

static void the_ramp_averages_over_the_granule(void **state)
{
	(void)state;
	for (int reuse = VERDICT_REUSE_RANDOM; reuse <= VERDICT_REUSE_SEQUENTIAL; reuse++) {
		for (int mechanism = VERDICT_NODEST_KEPT; mechanism <= VERDICT_LAZY; mechanism++) {
			struct verdict_model ramp = {.tuples = 1000,
			                             .rate = 300,
			                             .timeout = 10,
			                             .granularity = 2,
			                             .servers = 2,
			                             .reuse = (enum verdict_reuse)reuse,
			                             .mechanism = (enum verdict_mechanism)mechanism};
			struct verdict_model sharp = ramp;

			sharp.granularity = 0;
			for (double t = 0; t < 13; t += 0.71) {
				const int steps = 2000;
				double loss = 0;
				double lost = 0;

				for (int i = 0; i < steps; i++) {
					sharp.timeout = ramp.timeout + ramp.granularity * (i + 0.5) / steps;
					loss += verdict_model_loss(&sharp, t) / steps;
					lost += verdict_model_lost(&sharp, t) / steps;
				}
				assert_near(verdict_model_loss(&ramp, t), loss, 1e-3);
				assert_near(verdict_model_lost(&ramp, t), lost, 1e-3 * ramp.tuples);
			}
		}
	}
}

static void tails_join_without_a_step(void **state)
{
	(void)state;
	for (double y = 0.02; y < 30; y *= 1.37) {
		struct verdict_model zero = {.tuples = 1000,
		                             .rate = 100 * y,
		                             .timeout = 10,
		                             .servers = 2,
		                             .mechanism = VERDICT_WEIGHT_ZERO};
		double before = verdict_model_loss(&zero, 80 - 1e-6);
		double after = verdict_model_loss(&zero, 80 + 1e-6);

		assert_near(after, before, 1e-5 * before + 1e-9);
		// And the whole sum: per tuple (e^y - 1 - y)/k.
		if (y < 5) {
			assert_close(verdict_model_lost(&zero, 1e7), verdict_model_lost(&zero, INFINITY),
			             1e-4);
		}
	}
}

static void variance_of_one_loss_a_flow_is_binomial(void **state)
{
	struct verdict_model lazy = model_of(100e3, 300, VERDICT_LAZY);

	(void)state;
	assert_close(verdict_model_variance(&lazy, INFINITY), 28232 * 0.25, 1e-6);
}

static void bounds_widen_with_confidence_and_hold_the_mean(void **state)
{
	(void)state;
	for (int mechanism = VERDICT_NODEST_KEPT; mechanism <= VERDICT_DEAD_LISTED; mechanism++) {
		for (double rate = 0.5; rate < 1e6; rate *= 30) {
			struct verdict_model model = model_of(rate, 10, (enum verdict_mechanism)mechanism);
			double low[2];
			double high[2];
			double mean = verdict_model_lost(&model, 20);

			verdict_model_bounds(&model, 20, 0.95, &low[0], &high[0]);
			verdict_model_bounds(&model, 20, 0.999, &low[1], &high[1]);
			assert_true(low[1] <= low[0] && low[0] <= mean && mean <= high[0] &&
			            high[0] <= high[1]);
		}
	}
}

static double spread_out(struct random *random, double least, double most)
{
	return least * exp(random_double(random) * log(most / least));
}

static void extreme_models_stay_within_reason(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int i = 0; i < 20000; i++) {
		struct verdict_model model = {
		        .tuples = spread_out(&random, 1, 1e9),
		        .rate = spread_out(&random, 1e-3, 1e8),
		        .timeout = spread_out(&random, 1e-2, 1e5),
		        .granularity = random_below(&random, 2) ? spread_out(&random, 1e-3, 1) : 0,
		        .servers = 1 + (double)random_below(&random, 50),
		        .reuse = (enum verdict_reuse)random_below(&random, 2),
		        .mechanism = (enum verdict_mechanism)random_below(&random, 5),
		        .flush_delay = random_double(&random),
		        .service_time = random_double(&random),
		};
		double t = spread_out(&random, 1e-3, 1e6);
		struct error error = {0};
		double loss;
		double lost;

		model.granularity *= model.timeout;
		assert_int_equal(verdict_model_check(&model, &error), 0);
		loss = verdict_model_loss(&model, t);
		lost = verdict_model_lost(&model, t);
		assert_true(loss >= 0 && loss * model.servers <= 1 + 1e-9);
		assert_true(lost >= 0 && lost <= model.rate * t / model.servers * (1 + 1e-6));
		assert_true(verdict_model_lost(&model, 1.1 * t) >= lost * (1 - 1e-6));
		assert_true(verdict_model_lost(&model, INFINITY) >= lost * (1 - 1e-6));
		assert_true(verdict_model_variance(&model, t) >= 0);
		assert_true(verdict_model_share(&model, INFINITY) >= 0);
		assert_true(verdict_model_connections(&model) <= model.tuples);
	}
}

static void a_model_out_of_range_is_refused_by_name(void **state)
{
	struct verdict_model model = model_of(0, 10, VERDICT_LAZY);
	struct error error = {0};

	(void)state;
	assert_int_equal(verdict_model_check(&model, &error), -EINVAL);
	assert_non_null(strstr(error.text, "rate"));
	model.rate = 1;
	error = (struct error){0};
	assert_int_equal(verdict_model_check(&model, &error), 0);
	model.timeout = NAN;
	assert_int_equal(verdict_model_check(&model, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(worked_numbers_come_out),
	        cmocka_unit_test(a_dig_loop_sends_6000_queries_in_one_timeout),
	        cmocka_unit_test(lazy_losses_are_over_in_a_second_at_100k),
	        cmocka_unit_test(other_root_solves_its_equation_everywhere),
	        cmocka_unit_test(granularity_follows_the_timer_wheel),
	        cmocka_unit_test(sequential_reuse_ends_at_the_floor_of_the_timeout),
	        cmocka_unit_test(sequential_weight_zero_lasts_for_ever_or_not_at_all),
	        cmocka_unit_test(sequential_lazy_loses_the_first_round_only),
	        cmocka_unit_test(lost_is_the_integral_of_the_loss),
	        cmocka_unit_test(the_ramp_averages_over_the_granule),
	        cmocka_unit_test(tails_join_without_a_step),
	        cmocka_unit_test(variance_of_one_loss_a_flow_is_binomial),
	        cmocka_unit_test(bounds_widen_with_confidence_and_hold_the_mean),
	        cmocka_unit_test(extreme_models_stay_within_reason),
	        cmocka_unit_test(a_model_out_of_range_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

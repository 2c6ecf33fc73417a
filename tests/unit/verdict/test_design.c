#include "expect.h"

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "verdict/design.h"
#include "verdict/interval.h"

// The worked numbers' case: k = 2, Linux's 28,232 default ports, 100,000 queries a second, T = 300 s.
static struct verdict_design_options worked(enum verdict_goal goal)
{
	return (struct verdict_design_options){
	        .goal = goal,
	        .model = {.tuples = 28232,
	                  .rate = 100e3,
	                  .timeout = 300,
	                  .servers = 2,
	                  .service_time = 0.0002,
	                  .flush_delay = 0.01},
	        .confidence = 0.95,
	        .power = 0.9,
	        .within = 0.02,
	};
}

static struct verdict_design design(const struct verdict_design_options *options)
{
	struct verdict_design out;
	struct error error = {0};

	if (verdict_design(options, &out, &error) != 0) {
		fail_msg("%s", error.text);
	}
	return out;
}

static void the_worked_numbers_come_out(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_KEPT);
	struct verdict_design kept = design(&options), lazy, weight;

	(void)state;
	assert_near(kept.interval, 0.28232, 1e-9);
	assert_near(kept.loss, 0.5, 1e-9);
	assert_close(kept.lost, 15.0e6, 2e-3);
	assert_true(kept.low < kept.lost && kept.lost < kept.high);
	assert_true(kept.after > 300 && kept.after < 301);
	assert_string_equal(kept.policy, "sequential");
	options.goal = VERDICT_SHOW_LAZY;
	lazy = design(&options);
	assert_near(lazy.lost, 14116, 1);
	assert_true(lazy.after < 1);
	options.goal = VERDICT_SHOW_WEIGHT_ZERO;
	weight = design(&options);
	assert_close(weight.lost, 0.5 * 100e3 * weight.after, 1e-3);
	assert_true(weight.after >= 600);
}

static void too_many_tuples_show_nothing(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_KEPT);
	struct verdict_design out;

	(void)state;
	options.model.rate = 20; // the loop of digs: a port rests 1412 s
	out = design(&options);
	assert_near(out.most, 6000, 1e-6);
	assert_near(out.power, 0, 0.03);
	assert_near(out.lost, 0, 1e-6);
	options.model.tuples = 60;
	out = design(&options);
	assert_true(out.power > 0.99);
	assert_near(out.interval, 3, 1e-9);
}

// Losses of a control and of a treatment whose tuples were on one of k servers, drawn and tested.
static void the_tuples_asked_for_have_the_power_promised(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_LAZY);
	struct random random;
	unsigned seen = 0, runs = 2000;

	(void)state;
	options.model.servers = 20;
	options.background = 0.01;
	random_seed(&random, 3, 0);
	for (unsigned run = 0; run < runs; run++) {
		uint64_t tuples = (uint64_t)design(&options).needed, lost[2] = {0, 0};

		for (uint64_t i = 0; i < tuples; i++) {
			bool moved = random_double(&random) < 1 / options.model.servers;

			lost[0] += moved || random_double(&random) < options.background;
			lost[1] += random_double(&random) < options.background;
		}
		seen += verdict_difference_test(lost[0], tuples, lost[1], tuples) < 0.05;
	}
	assert_near(seen / (double)runs, 0.9, 0.04);
}

static void a_flush_is_shown_by_the_rate(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_FLUSH);
	struct verdict_design out = design(&options);

	(void)state;
	// ln(10) * 2 / 10.2 ms
	assert_close(out.needed, 451.49, 1e-3);
	options.model.rate = out.needed;
	assert_near(design(&options).power, 0.9, 1e-6);
}

static void a_sweep_covers_the_timeout(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_TIMEOUT);
	struct verdict_design out;

	(void)state;
	options.model.granularity = 32.8;
	out = design(&options);
	assert_string_equal(out.policy, "sweep");
	assert_true(out.reuse_low < 300 && out.reuse_high > 332.8);
	assert_true(out.needed > 100 && out.needed < 1e6);
	assert_near(out.most, 100e3 * out.reuse_low, 1e-3);
	options.within = 0.5;
	assert_int_equal(verdict_design(&options, &out, &(struct error){0}), -EINVAL);
}

static void nonsense_is_refused(void **state)
{
	struct verdict_design_options options = worked(VERDICT_SHOW_KEPT);
	struct verdict_design out;

	(void)state;
	options.power = 1;
	assert_int_equal(verdict_design(&options, &out, &(struct error){0}), -EINVAL);
	options = worked(VERDICT_SHOW_KEPT);
	options.model.servers = 0.5;
	assert_int_equal(verdict_design(&options, &out, &(struct error){0}), -EINVAL);
	options = worked(VERDICT_GOALS);
	assert_int_equal(verdict_design(&options, &out, &(struct error){0}), -EINVAL);
}

static void every_goal_has_a_name_and_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VERDICT_GOALS; i++) {
		struct verdict_design_options options = worked((enum verdict_goal)i);
		struct verdict_design out = design(&options);

		assert_non_null(verdict_goal_name((enum verdict_goal)i));
		assert_non_null(verdict_goal_text((enum verdict_goal)i));
		assert_true(out.after > 0 && out.needed > 0 && out.low <= out.high);
	}
	assert_null(verdict_goal_name(VERDICT_GOALS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_worked_numbers_come_out),
	        cmocka_unit_test(too_many_tuples_show_nothing),
	        cmocka_unit_test(the_tuples_asked_for_have_the_power_promised),
	        cmocka_unit_test(a_flush_is_shown_by_the_rate),
	        cmocka_unit_test(a_sweep_covers_the_timeout),
	        cmocka_unit_test(nonsense_is_refused),
	        cmocka_unit_test(every_goal_has_a_name_and_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

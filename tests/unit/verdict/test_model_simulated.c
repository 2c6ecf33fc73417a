#include "expect.h"

#include "base/random.h"
#include "verdict/model.h"

#include <stdbool.h>

// The model against tuples that live by the rules of ip_vs itself: each use meets a connection or makes one,
// and every arming of the timer draws its own granule.

#define ROUNDS 1500

struct tuple {
	double expires; ///< when its connection does; the past: none
	bool dead;      ///< on the removed server
};

static double gap(struct random *random, const struct verdict_model *model)
{
	double mean = model->tuples / model->rate;

	return model->reuse == VERDICT_REUSE_RANDOM ? -mean * log1p(-random_double(random)) : mean;
}

static double armed(struct random *random, const struct verdict_model *model, double now)
{
	return now + model->timeout + model->granularity * (1 - random_double(random));
}

/** One use after the removal: true when the query is lost. */
static bool use(struct random *random, const struct verdict_model *model, struct tuple *tuple, double now)
{
	bool lost;

	if (now > tuple->expires) {
		tuple->dead =
		        model->mechanism == VERDICT_DEAD_LISTED && random_double(random) * model->servers < 1;
		tuple->expires = armed(random, model, now);
		return tuple->dead;
	}
	lost = tuple->dead;
	if (lost && model->mechanism == VERDICT_LAZY) {
		tuple->expires = -1;
	} else if (!lost || model->mechanism != VERDICT_NODEST_KEPT) {
		tuple->expires = armed(random, model, now);
	}
	return lost;
}

static double simulate(struct random *random, const struct verdict_model *model, double horizon)
{
	double lost = 0;

	for (int i = 0; i < (int)model->tuples; i++) {
		struct tuple tuple = {.dead = random_double(random) * model->servers < 1};
		double last = model->reuse == VERDICT_REUSE_RANDOM
		                      ? -gap(random, model)
		                      : -random_double(random) * gap(random, model);

		tuple.expires = armed(random, model, last);
		if (tuple.expires < 0) {
			tuple.dead = false;
		}
		for (double now = model->reuse == VERDICT_REUSE_RANDOM ? gap(random, model)
		                                                       : last + gap(random, model);
		     now < horizon; now += gap(random, model)) {
			lost += use(random, model, &tuple, now);
		}
	}
	return lost;
}

static void expect_agreement(const struct verdict_model *model, double horizon, uint64_t seed, double slack)
{
	double mean = verdict_model_lost(model, horizon);
	double variance = verdict_model_variance(model, horizon);
	struct random random;
	double sum = 0;
	double squares = 0;
	double low;
	double high;
	int outside = 0;

	random_seed(&random, seed, 0);
	verdict_model_bounds(model, horizon, 0.99, &low, &high);
	for (int i = 0; i < ROUNDS; i++) {
		double lost = simulate(&random, model, horizon);

		sum += lost;
		squares += (lost - mean) * (lost - mean);
		outside += lost < low || lost > high;
	}
	assert_near(sum / ROUNDS, mean, 4.5 * sqrt(variance / ROUNDS) + slack * mean + 1e-9);
	if (mean > 5) {
		assert_near(squares / ROUNDS, variance,
		            (4.5 * sqrt(3.0 / ROUNDS) + 2 * slack) * variance + 1e-9);
	}
	assert_true(outside <= ROUNDS * 0.025);
}

static void random_reuse_agrees_in_mean_and_variance(void **state)
{
	uint64_t seed = 0;

	(void)state;
	for (int mechanism = VERDICT_NODEST_KEPT; mechanism <= VERDICT_DEAD_LISTED; mechanism++) {
		for (double y = 0.3; y < 7; y *= 4) {
			for (double granularity = 0; granularity < 2; granularity += 1.2) {
				struct verdict_model model = {.tuples = 60,
				                              .rate = 6 * y,
				                              .timeout = 10,
				                              .granularity = granularity,
				                              .servers = 3,
				                              .mechanism = (enum verdict_mechanism)mechanism};

				if (mechanism == VERDICT_FLUSH) {
					continue;
				}
				expect_agreement(&model, 6, ++seed, 0);
				expect_agreement(&model, 10.5, ++seed,
				                 mechanism == VERDICT_WEIGHT_ZERO ? 0.01 : 0);
				expect_agreement(&model, 45, ++seed,
				                 mechanism == VERDICT_WEIGHT_ZERO ? 0.01 : 0);
			}
		}
	}
}

static void sequential_reuse_agrees_in_mean_and_variance(void **state)
{
	const double intervals[] = {0.9, 2.3, 9.7, 10.4, 12};
	uint64_t seed = 1000;

	(void)state;
	for (int mechanism = VERDICT_NODEST_KEPT; mechanism <= VERDICT_DEAD_LISTED; mechanism++) {
		for (unsigned i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
			struct verdict_model model = {.tuples = 60,
			                              .rate = 60 / intervals[i],
			                              .timeout = 10,
			                              .granularity = 0.8,
			                              .servers = 3,
			                              .reuse = VERDICT_REUSE_SEQUENTIAL,
			                              .mechanism = (enum verdict_mechanism)mechanism};

			if (mechanism == VERDICT_FLUSH) {
				continue;
			}
			expect_agreement(&model, 7, ++seed, 0);
			expect_agreement(&model, 31, ++seed, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_reuse_agrees_in_mean_and_variance),
	        cmocka_unit_test(sequential_reuse_agrees_in_mean_and_variance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

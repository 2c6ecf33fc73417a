// Predictions against numbers worked out by hand.
#include "support.h"

#include <math.h>

#include "config/predict.h"

static void one_cohort_comes_round_after_tuples_over_rate(void **state)
{
	struct plan *plan =
	        support_plan("{\"load\": {\"rate\": \"100k\", \"timeouts\": \"1s\", \"duration\": \"60s\"}}");
	struct predict predict =
	        config_predict(plan, &(struct predict_input){.query_length = 33, .reply_length = 49});

	(void)state;
	assert_true(predict.rate == 100000);
	assert_true(predict.tuples == 28232 && predict.cohorts[0].tuples == 28232);
	assert_true(fabs(predict.cohorts[0].reuse_interval - 0.28232) < 1e-9);
	assert_true(predict.cohorts[0].depth >= 4); // 100,000 in flight over 28,232 tuples are 3.5 each
	assert_true(predict.flow_memory > 28232 * 80);
	assert_true(predict.match_memory > 28232 * 16);
	assert_true(predict.stats_memory > 0);
	plan_free(plan);
}

static void cohorts_take_their_share_of_the_rate(void **state)
{
	struct plan *plan = support_plan(
	        "{\"load\": {\"rate\": 1000}, \"cohorts\": [{\"share\": 9, \"addresses\": \"10.0.0.1\"},"
	        "{\"share\": 1, \"addresses\": \"10.0.0.2\", \"ports\": \"1000-1099\"}]}");
	struct predict predict =
	        config_predict(plan, &(struct predict_input){.query_length = 33, .reply_length = 49});

	(void)state;
	assert_true(fabs(predict.cohorts[0].rate - 900) < 1e-9);
	assert_true(fabs(predict.cohorts[1].rate - 100) < 1e-9);
	assert_true(fabs(predict.cohorts[1].reuse_interval - 1) < 1e-9);
	plan_free(plan);
}

// IPv4: 14 + 20 + 8 before the message, 24 around the frame. 33 octets of message: 99 on the wire.
static void frames_have_their_size_on_the_wire(void **state)
{
	struct plan *plan = support_plan("{\"load\": {\"rate\": \"1M\"}}");
	struct predict_input input = {.query_length = 33, .reply_length = 49, .link_bps = 1000000000};
	struct predict predict = config_predict(plan, &input);

	(void)state;
	assert_true(predict.query_frame == 99 && predict.reply_frame == 115);
	assert_true(predict.query_bps == 792e6 && predict.reply_bps == 920e6);
	assert_false(predict.reply_link_is_full);
	input.reply_length = 150;
	assert_true(config_predict(plan, &input).reply_link_is_full);
	input.query_length = 12;
	assert_true(config_predict(plan, &input).query_frame == 84); // the smallest Ethernet frame
	plan_free(plan);
	plan = support_plan("{\"service\": {\"address\": \"fd00::53\"}, \"port\": {\"vlan\": 5}}");
	input.query_length = 33;
	assert_true(config_predict(plan, &input).query_frame == 99 + 20 + 4);
	plan_free(plan);
}

static void what_is_not_known_beforehand_is_zero(void **state)
{
	static const char *const loads[] = {"{\"load\": {\"rate\": \"max\"}}",
	                                    "{\"load\": {\"window\": 100}}"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct plan *plan = support_plan(loads[i]);
		struct predict predict =
		        config_predict(plan, &(struct predict_input){.query_length = 33, .reply_length = 49});

		assert_true(predict.rate == 0 && predict.query_bps == 0 &&
		            predict.cohorts[0].reuse_interval == 0);
		assert_true(predict.link_replies == 0 && !predict.reply_link_is_full);
		assert_true(predict.match_memory > 0);
		plan_free(plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_cohort_comes_round_after_tuples_over_rate),
	        cmocka_unit_test(cohorts_take_their_share_of_the_rate),
	        cmocka_unit_test(frames_have_their_size_on_the_wire),
	        cmocka_unit_test(what_is_not_known_beforehand_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "flow/policy.h"

static void names_and_numbers_agree(void **state)
{
	struct error error = {0};

	(void)state;
	for (int i = 0; i < FLOW_POLICY_COUNT; i++) {
		enum flow_policy kind = FLOW_POLICY_COUNT;

		assert_int_equal(flow_policy_parse(flow_policy_name((enum flow_policy)i), &kind, &error), 0);
		assert_int_equal(kind, i);
	}
	enum flow_policy kind;
	assert_int_equal(flow_policy_parse("roundrobin", &kind, &error), -EINVAL);
	assert_non_null(strstr(error.text, "choose sequential"));
}

static void promise_tells_how_many_tuples_it_needs(void **state)
{
	const struct flow_policy_options interval = {.kind = FLOW_POLICY_INTERVAL,
	                                             .reuse_low = 300 * NS_PER_SEC};
	const struct flow_policy_options sticky = {
	        .kind = FLOW_POLICY_STICKY, .reuse_low = 300 * NS_PER_SEC, .queries_per_use = 10};
	struct error error = {0};

	(void)state;
	assert_true(flow_policy_tuples(&interval, 1000) == 300000);
	assert_true(flow_policy_tuples(&interval, 0.001) == 1);
	assert_true(flow_policy_tuples(&sticky, 1000) == 30001);
	assert_int_equal(flow_policy_check(&interval, 300000, 1000, &error), 0);
	assert_int_equal(flow_policy_check(&interval, 28232, 1000, &error), -ENOSPC);
	assert_string_equal(error.text,
	                    "policy interval with a reuse time of 300s needs 300000 tuples at 1000 q/s and "
	                    "has 28232; add "
	                    "addresses or ports, choose a shorter time, or send at most 94.1067 q/s");
}

static void unknown_rate_checks_the_options_only(void **state)
{
	const struct flow_policy_options fresh = {.kind = FLOW_POLICY_FRESH, .reuse_low = 300 * NS_PER_SEC};
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_policy_check(&fresh, 1, 0, &error), 0);
	assert_int_equal(flow_policy_check(&fresh, 1, INFINITY, &error), 0);
	assert_int_equal(flow_policy_check(&fresh, 0, 0, &error), -ENOSPC);
}

static void allowed_rate_of_the_error_is_allowed(void **state)
{
	struct flow_policy_options options = {.reuse_low = 7 * NS_PER_SEC, .queries_per_use = 3};
	static const enum flow_policy kinds[] = {FLOW_POLICY_INTERVAL, FLOW_POLICY_FRESH, FLOW_POLICY_STICKY};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		options.kind = kinds[k];
		for (uint32_t tuples = 3; tuples < 200; tuples++) {
			double uses = k == 2 ? (tuples - 1) * 3.0 + 1 : tuples;
			struct error error = {0};

			assert_int_equal(flow_policy_check(&options, tuples, uses / 7, &error), 0);
			assert_int_equal(flow_policy_check(&options, tuples, uses / 7 * 1.0001, &error),
			                 -ENOSPC);
		}
	}
}

static void senseless_options_are_refused(void **state)
{
	static const struct {
		struct flow_policy_options options;
		const char *part;
	} cases[] = {
	        {{.kind = FLOW_POLICY_INTERVAL}, "above 0"},
	        {{.kind = FLOW_POLICY_FRESH}, "above 0"},
	        {{.kind = FLOW_POLICY_FRESH, .reuse_low = NS_NEVER}, "above 0"},
	        {{.kind = FLOW_POLICY_STICKY, .reuse_low = 5}, "1 is the least"},
	        {{.kind = FLOW_POLICY_SWEEP, .reuse_low = 5, .reuse_high = 5}, "must be above"},
	        {{.kind = FLOW_POLICY_INTERVAL, .reuse_low = 5, .reuse_high = 4}, "not below"},
	        {{.kind = FLOW_POLICY_COUNT}, "does not exist"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};
		struct flow_picker *picker;
		struct flow_sent sent[10] = {0};

		assert_int_equal(flow_policy_check(&cases[i].options, 10, 1, &error), -EINVAL);
		assert_non_null(strstr(error.text, cases[i].part));
		assert_int_equal(flow_picker_create(&picker, &cases[i].options, 0, 10, sent, 1, &error),
		                 -EINVAL);
		assert_null(picker);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_and_numbers_agree),
	        cmocka_unit_test(promise_tells_how_many_tuples_it_needs),
	        cmocka_unit_test(unknown_rate_checks_the_options_only),
	        cmocka_unit_test(allowed_rate_of_the_error_is_allowed),
	        cmocka_unit_test(senseless_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

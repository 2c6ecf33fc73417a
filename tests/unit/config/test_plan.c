// What settings become in the plan.
#include "support.h"

static void no_settings_but_the_model_and_a_file_make_a_plan(void **state)
{
	struct plan *plan = support_plan("{}");

	(void)state;
	assert_int_equal(plan->port.driver, PLAN_DRIVER_DIRECTOR);
	assert_null(plan->port.device);
	assert_int_equal(plan->service.port, 53);
	assert_int_equal(plan->service.address.family, ADDRESS_IPV4);
	assert_int_equal(plan->cohort_count, 1);
	assert_string_equal(plan->cohorts[0].name, "default");
	assert_int_equal(plan->cohorts[0].policy.kind, FLOW_POLICY_LINUX);
	assert_int_equal(plan->cohorts[0].ports.count, 28232);
	assert_int_equal(plan->cohorts[0].range_count, 1);
	assert_int_equal(plan->load.timeout_count, 1);
	assert_true(plan->load.timeouts[0] == 5 * NS_PER_SEC);
	assert_true(plan->load.drain == 5 * NS_PER_SEC);
	assert_true(plan->load.duration == NS_NEVER);
	assert_true(plan->load.query_limit == UINT64_MAX);
	assert_true(load_profile_peak(&plan->load.profile) == 1000);
	assert_int_equal(plan->director.backend_count, 2);
	assert_string_equal(plan->director.backends[1].name, "coredns-b");
	assert_string_equal(plan->director.backends[1].nsid, "coredns-b");
	assert_int_equal(plan->director.backends[1].port, 53);
	assert_true(plan->director.ipvs.udp_timeout == 300 * NS_PER_SEC);
	plan_free(plan);
}

static void a_run_needs_no_configuration_file(void **state)
{
	struct config_builder *builder = config_begin();
	struct plan *plan;

	(void)state;
	support_set(builder, "iface", "eth1");
	support_set(builder, "s", "10.96.0.10");
	support_set(builder, "d", "queries.txt");
	support_set(builder, "Q", "100k");
	support_set(builder, "l", "60");
	assert_true(config_needs_address(builder));
	assert_string_equal(config_peek(builder, "port.interface"), "eth1");
	assert_string_equal(config_peek(builder, "service.address"), "10.96.0.10");
	support_set(builder, "a", "10.0.0.5");
	assert_false(config_needs_address(builder));
	plan = support_finish(builder);
	assert_int_equal(plan->port.driver, PLAN_DRIVER_AF_PACKET);
	assert_string_equal(plan->port.device, "eth1");
	assert_string_equal(plan->queries.file, "queries.txt");
	assert_true(load_profile_peak(&plan->load.profile) == 100000);
	assert_true(plan->load.size_rate == 100000);
	assert_true(plan->load.duration == 60 * NS_PER_SEC);
	assert_int_equal(plan->cohorts[0].ranges[0].count, 1);
	assert_int_equal(flow_space_tuples(plan->cohorts, 1), 28232);
	assert_false(plan->director.present);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_settings_but_the_model_and_a_file_make_a_plan),
	        cmocka_unit_test(a_run_needs_no_configuration_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

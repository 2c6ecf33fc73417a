// What settings become in the plan.
#include "support.h"

#include <stdio.h>

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

static void timeouts_are_sorted_and_kept_as_given(void **state)
{
	struct plan *plan = support_plan("{\"load\": {\"timeouts\": [\"500ms\", 2, \"1s\"]}}");

	(void)state;
	assert_int_equal(plan->load.timeout_count, 3);
	assert_true(plan->load.timeouts[0] == 2 * NS_PER_SEC);
	assert_true(plan->load.timeouts[1] == NS_PER_SEC);
	assert_true(plan->load.timeouts[2] == NS_PER_SEC / 2);
	assert_true(plan->load.timeouts_given[0] == NS_PER_SEC / 2);
	assert_true(plan->load.drain == 2 * NS_PER_SEC);
	plan_free(plan);
}

static void the_earlier_of_duration_and_profile_ends_the_run(void **state)
{
	struct plan *plan =
	        support_plan("{\"load\": {\"rate\": \"10s 0 100k, 20s 100k\", \"duration\": \"60s\"}}");

	(void)state;
	assert_true(plan->load.duration == 30 * NS_PER_SEC);
	assert_true(plan->load.size_rate == 100000);
	plan_free(plan);
	plan = support_plan("{\"load\": {\"rate\": \"10s 0 100k, 20s 100k\", \"duration\": \"5s\"}}");
	assert_true(plan->load.duration == 5 * NS_PER_SEC);
	plan_free(plan);
}

static void a_closed_loop_needs_no_rate_and_bounds_the_tables(void **state)
{
	struct plan *plan = support_plan("{\"load\": {\"window\": 100, \"timeouts\": \"2s\"}}");

	(void)state;
	assert_int_equal(plan->load.profile.count, 0);
	assert_true(plan->load.window == 100);
	assert_false(plan->load.slots);
	assert_int_equal(plan->cohorts[0].queries_in_flight, 0);
	assert_true(plan->load.size_rate == 50);
	plan_free(plan);
	plan = support_plan("{\"load\": {\"slots\": \"1k\", \"rate\": 10}}");
	assert_true(plan->load.window == 1000 && plan->load.slots);
	assert_int_equal(plan->cohorts[0].queries_in_flight, 1);
	assert_true(plan->load.size_rate == 10);
	plan_free(plan);
}

static void an_unlimited_rate_sizes_tables_by_its_own_setting(void **state)
{
	struct plan *plan = support_plan("{\"load\": {\"rate\": \"max\"}}");

	(void)state;
	assert_true(plan->load.profile.count == 1);
	assert_true(plan->load.size_rate == 1e6);
	plan_free(plan);
}

static void queries_come_from_text_binary_or_a_generator(void **state)
{
	struct plan *plan = support_plan("{\"queries\": {\"options\": [\"10:0123456789abcdef\", \"65001:\"],"
	                                 "\"client_subnet\": \"203.0.113.0/24\", \"nsid\": true}}");

	(void)state;
	assert_int_equal(plan->queries.source, PLAN_QUERIES_TEXT);
	assert_int_equal(plan->queries.options.option_count, 2);
	assert_int_equal(plan->queries.options.options[0].code, 10);
	assert_int_equal(plan->queries.options.options[0].length, 8);
	assert_true(plan->queries.options.client_subnet.present);
	assert_int_equal(plan->queries.options.client_subnet.prefix_length, 24);
	assert_true(plan->queries.options.nsid && plan->queries.options.recursion_desired);
	plan_free(plan);
	plan = support_plan("{\"queries\": {\"binary\": true}}");
	assert_int_equal(plan->queries.source, PLAN_QUERIES_BINARY);
	plan_free(plan);
	plan = support_finish(
	        support_load("{\"port\": {\"driver\": \"director\"}, \"queries\": {\"generate\": "
	                     "{\"zone\": \"example.com\", \"labels\": \"counting\"}}}"));
	assert_int_equal(plan->queries.source, PLAN_QUERIES_GENERATED);
	assert_int_equal(plan->queries.generated, DNS_GENERATED_COUNTING);
	assert_int_equal(plan->queries.label_length, 12);
	assert_null(plan->queries.file);
	plan_free(plan);
}

static void cohorts_take_their_policies(void **state)
{
	struct plan *plan = support_plan("{\"cohorts\": [{\"addresses\": [\"10.0.0.0/24\", \"10.0.1.1\"], "
	                                 "\"policy\": \"sweep\", \"reuse\": \"1s..300s\"},"
	                                 "{\"addresses\": \"10.0.2.1\", \"policy\": \"sticky\", \"reuse\": "
	                                 "2, \"queries_per_use\": 5, \"share\": 0.5}]}");

	(void)state;
	assert_int_equal(plan->cohort_count, 2);
	assert_int_equal(plan->cohorts[0].range_count, 2);
	assert_int_equal(plan->cohorts[0].ranges[0].count, 254);
	assert_true(plan->cohorts[0].policy.reuse_low == NS_PER_SEC);
	assert_true(plan->cohorts[0].policy.reuse_high == 300 * NS_PER_SEC);
	assert_string_equal(plan->cohorts[1].name, "cohort2");
	assert_int_equal(plan->cohorts[1].policy.kind, FLOW_POLICY_STICKY);
	assert_int_equal(plan->cohorts[1].policy.queries_per_use, 5);
	assert_true(plan->cohorts[1].policy.reuse_low == 2 * NS_PER_SEC);
	assert_true(plan->cohorts[1].share == 0.5);
	assert_true(plan->cohorts[0].policy.seed != plan->cohorts[1].policy.seed);
	plan_free(plan);
}

static void the_seed_alone_changes_what_is_drawn(void **state)
{
	struct plan *a = support_plan("{\"seed\": 1}"),
	            *b = support_plan("{\"seed\": \"18446744073709551615\"}");
	struct plan *c = support_plan("{}");

	(void)state;
	assert_true(a->seed == 1 && b->seed == UINT64_MAX);
	assert_true(a->cohorts[0].policy.seed != b->cohorts[0].policy.seed);
	assert_true(a->cohorts[0].policy.seed == c->cohorts[0].policy.seed);
	assert_true(a->digest == c->digest && a->digest != b->digest);
	plan_free(a);
	plan_free(b);
	plan_free(c);
}

static void names_and_outputs_do_not_change_the_digest(void **state)
{
	struct plan *a = support_plan("{}");
	struct plan *b =
	        support_plan("{\"name\": \"x\", \"description\": \"y\", \"output\": {\"json\": \"-\"}}");

	(void)state;
	assert_true(a->digest == b->digest);
	assert_string_not_equal(a->json, b->json);
	plan_free(a);
	plan_free(b);
}

static void an_ipv6_service_gets_an_ipv6_model(void **state)
{
	struct plan *plan = support_plan("{\"service\": {\"address\": \"fd00::53\", \"family\": \"inet6\"}}");

	(void)state;
	assert_int_equal(plan->cohorts[0].ranges[0].first.family, ADDRESS_IPV6);
	assert_int_equal(plan->director.backends[0].address.family, ADDRESS_IPV6);
	plan_free(plan);
}

static void as_many_real_servers_as_allowed_get_addresses(void **state)
{
	char json[16384] = "{\"director\": {\"backends\": [";
	struct plan *plan;
	size_t used = strlen(json);

	(void)state;
	for (unsigned i = 0; i < STATS_BACKENDS; i++) {
		used += (size_t)snprintf(json + used, sizeof(json) - used, "%s{\"name\": \"b%u\"}",
		                         i > 0 ? "," : "", i);
	}
	snprintf(json + used, sizeof(json) - used, "]}}");
	plan = support_plan(json);
	assert_int_equal(plan->director.backend_count, STATS_BACKENDS);
	plan_free(plan);
}

static void events_are_sorted_and_rolling_updates_come_apart(void **state)
{
	struct plan *plan =
	        support_plan("{\"scenario\": [{\"at\": 20, \"do\": \"set-expire-nodest\"}, {\"at\": \"1s\", "
	                     "\"do\": \"roll\"},"
	                     "{\"at\": \"10s\", \"do\": \"remove\", \"backend\": \"coredns-a#2\"},"
	                     "{\"at\": \"30s\", \"do\": \"set-timeout\", \"timeout\": \"10s\"},"
	                     "{\"at\": \"40s\", \"do\": \"exec\", \"command\": \"true\"}]}");
	struct scenario scenario;
	struct error error = {0};

	(void)state;
	assert_int_equal(plan->scenario.count, 5);
	assert_int_equal(plan->scenario.events[0].kind, SCENARIO_ROLL);
	assert_true(plan->scenario.events[0].roll.lameduck == 5 * NS_PER_SEC);
	assert_true(plan->scenario.events[2].value == 1);
	assert_true(plan->scenario.events[3].value == 10 * NS_PER_SEC);
	assert_string_equal(plan->scenario.events[4].command, "true");
	assert_int_equal(plan_scenario(plan, &scenario, &error), 0);
	assert_true(scenario.count > 8);
	for (size_t i = 0; i < scenario.count; i++) {
		assert_int_not_equal(scenario.events[i].kind, SCENARIO_ROLL);
	}
	scenario_clear(&scenario);
	assert_int_equal(plan->scenario.count, 5);
	plan_free(plan);
}

static void a_later_file_wins_key_by_key(void **state)
{
	struct config_builder *builder = support_load(SUPPORT_BASE);
	const char *second = "{\"queries\": {\"nsid\": true}, \"service\": {\"port\": 5353}}";
	const char *third = "{\"service\": {\"port\": 5354}}";
	struct error error = {0};
	struct plan *plan;

	(void)state;
	assert_int_equal(config_load_text(builder, "second", second, strlen(second), &error), 0);
	assert_int_equal(config_load_text(builder, "third", third, strlen(third), &error), 0);
	plan = support_finish(builder);
	assert_string_equal(plan->queries.file, "q.txt");
	assert_true(plan->queries.options.nsid);
	assert_int_equal(plan->service.port, 5354);
	plan_free(plan);
}

static void a_file_that_is_refused_leaves_the_builder_as_it_was(void **state)
{
	struct config_builder *builder = support_load(SUPPORT_BASE);
	const char *bad = "{\"service\": {\"port\": 5353}, \"seed\": -1}";
	struct error error = {0};
	struct plan *plan;

	(void)state;
	assert_true(config_load_text(builder, "bad", bad, strlen(bad), &error) < 0);
	plan = support_finish(builder);
	assert_int_equal(plan->service.port, 53);
	plan_free(plan);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct config_builder *builder = config_begin();
	struct error error = {0};
	char text[1300];

	(void)state;
	assert_true(config_load_file(builder, "/nonexistent/run.json", &error) < 0);
	error_format(&error, text, sizeof(text));
	assert_string_equal(text, "/nonexistent/run.json: can't be opened: No such file or directory");
	config_end(builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(no_settings_but_the_model_and_a_file_make_a_plan),
	        cmocka_unit_test(a_run_needs_no_configuration_file),
	        cmocka_unit_test(timeouts_are_sorted_and_kept_as_given),
	        cmocka_unit_test(the_earlier_of_duration_and_profile_ends_the_run),
	        cmocka_unit_test(a_closed_loop_needs_no_rate_and_bounds_the_tables),
	        cmocka_unit_test(an_unlimited_rate_sizes_tables_by_its_own_setting),
	        cmocka_unit_test(queries_come_from_text_binary_or_a_generator),
	        cmocka_unit_test(cohorts_take_their_policies),
	        cmocka_unit_test(the_seed_alone_changes_what_is_drawn),
	        cmocka_unit_test(names_and_outputs_do_not_change_the_digest),
	        cmocka_unit_test(an_ipv6_service_gets_an_ipv6_model),
	        cmocka_unit_test(as_many_real_servers_as_allowed_get_addresses),
	        cmocka_unit_test(events_are_sorted_and_rolling_updates_come_apart),
	        cmocka_unit_test(a_later_file_wins_key_by_key),
	        cmocka_unit_test(a_file_that_is_refused_leaves_the_builder_as_it_was),
	        cmocka_unit_test(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

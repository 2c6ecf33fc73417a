// Options: dnsperf's letters, what they win over, what they act on.
#include "support.h"

#include <stdio.h>

static struct config_builder *with_base(void)
{
	return support_load(SUPPORT_BASE);
}

static void options_win_over_the_file_in_either_order(void **state)
{
	const char *json = "{\"load\": {\"rate\": 5}, \"service\": {\"port\": 5353}}";
	struct error error = {0};

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct config_builder *builder = with_base();
		struct plan *plan;

		if (first == 0) {
			support_set(builder, "Q", "7");
		}
		assert_int_equal(config_load_text(builder, "f", json, strlen(json), &error), 0);
		if (first == 1) {
			support_set(builder, "Q", "7");
		}
		plan = support_finish(builder);
		assert_true(load_profile_peak(&plan->load.profile) == 7);
		assert_int_equal(plan->service.port, 5353);
		plan_free(plan);
	}
}

static void an_option_takes_back_its_rival_in_the_file(void **state)
{
	static const struct {
		const char *json, *option, *value;
	} cases[] = {
	        {"{\"load\": {\"window\": 5}}", "c", "6"},
	        {"{\"load\": {\"slots\": 5}}", "q", "6"},
	        {"{\"load\": {\"profile\": \"p.txt\"}}", "Q", "6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_builder *builder = with_base();
		struct error error = {0};

		assert_int_equal(config_load_text(builder, "f", cases[i].json, strlen(cases[i].json), &error),
		                 0);
		support_set(builder, cases[i].option, cases[i].value);
		plan_free(support_finish(builder));
	}
}

static void an_interface_takes_the_place_of_the_model_and_back(void **state)
{
	struct config_builder *builder = with_base();
	struct plan *plan;

	(void)state;
	support_set(builder, "iface", "eth1");
	support_set(builder, "s", "10.0.0.9");
	support_set(builder, "a", "10.0.0.1");
	support_set(builder, "generate", "example.com,AAAA,counting");
	plan = support_finish(builder);
	assert_int_equal(plan->port.driver, PLAN_DRIVER_AF_PACKET);
	assert_int_equal(plan->queries.source, PLAN_QUERIES_GENERATED);
	assert_string_equal(plan->queries.type, "AAAA");
	plan_free(plan);

	builder = support_load("{\"port\": {\"interface\": \"eth1\"}, \"queries\": {\"file\": \"q.txt\"}}");
	support_set(builder, "director", NULL);
	plan = support_finish(builder);
	assert_int_equal(plan->port.driver, PLAN_DRIVER_DIRECTOR);
	assert_null(plan->port.device);
	plan_free(plan);
}

static void letters_mean_what_they_mean_to_dnsperf(void **state)
{
	struct config_builder *builder = config_begin();
	struct plan *plan;

	(void)state;
	support_set(builder, "director", NULL);
	support_set(builder, "s", "10.96.0.11");
	support_set(builder, "p", "5353");
	support_set(builder, "d", "-");
	support_set(builder, "t", "0.5,1000ms");
	support_set(builder, "q", "50");
	support_set(builder, "l", "30");
	support_set(builder, "n", "2");
	support_set(builder, "S", "5");
	support_set(builder, "e", NULL);
	support_set(builder, "D", NULL);
	support_set(builder, "E", "10:00");
	support_set(builder, "E", "11:0102");
	support_set(builder, "a", "10.0.0.0/30,10.0.1.1");
	support_set(builder, "x", "1000-1999");
	support_set(builder, "f", "inet");
	support_set(builder, "v", NULL);
	plan = support_finish(builder);
	assert_int_equal(plan->service.port, 5353);
	assert_string_equal(plan->queries.file, "-");
	assert_int_equal(plan->load.timeout_count, 2);
	assert_true(plan->load.timeouts[0] == NS_PER_SEC && plan->load.timeouts[1] == NS_PER_SEC / 2);
	assert_true(plan->load.window == 50 && !plan->load.slots);
	assert_true(plan->load.duration == 30 * NS_PER_SEC);
	assert_true(plan->load.runs == 2);
	assert_true(plan->output.progress == 5 * NS_PER_SEC);
	assert_true(plan->queries.options.edns && plan->queries.options.dnssec_ok);
	assert_int_equal(plan->queries.options.option_count, 2);
	assert_int_equal(plan->queries.options.options[1].code, 11);
	assert_int_equal(plan->cohorts[0].range_count, 2);
	assert_int_equal(plan->cohorts[0].ports.count, 1000);
	assert_true(plan->output.verbose);
	plan_free(plan);
}

static void long_options_reach_cohort_and_output(void **state)
{
	struct config_builder *builder = with_base();
	struct plan *plan;

	(void)state;
	support_set(builder, "policy", "sticky");
	support_set(builder, "reuse", "1s");
	support_set(builder, "queries-per-use", "4");
	support_set(builder, "nsid", NULL);
	support_set(builder, "subnet", "2001:db8::/56");
	support_set(builder, "count", "1M");
	support_set(builder, "json", "-");
	support_set(builder, "seed", "99");
	support_set(builder, "senders", "2");
	support_set(builder, "memory", "64");
	support_set(builder, "huge", "off");
	support_set(builder, "vlan", "12");
	support_set(builder, "eal", "--log-level=8 --no-pci");
	support_set(builder, "max-lag", "2ms");
	support_set(builder, "interval", "100ms");
	plan = support_finish(builder);
	assert_int_equal(plan->cohorts[0].policy.kind, FLOW_POLICY_STICKY);
	assert_int_equal(plan->cohorts[0].policy.queries_per_use, 4);
	assert_true(plan->load.query_limit == 1000000);
	assert_string_equal(plan->output.json, "-");
	assert_true(plan->seed == 99);
	assert_int_equal(plan->lcores.senders, 2);
	assert_int_equal(plan->lcores.hugepages, PLAN_PAGES_OFF);
	assert_int_equal(plan->port.vlan, 12);
	assert_string_equal(plan->lcores.eal, "--log-level=8 --no-pci");
	assert_true(plan->load.max_lag == 2 * NS_PER_MS);
	assert_true(plan->output.interval == 100 * NS_PER_MS);
	plan_free(plan);
}

static void source_addresses_fill_in_all_automatic_cohorts(void **state)
{
	struct config_builder *builder =
	        support_load("{\"port\": {\"interface\": \"eth1\"}, \"service\": {\"address\": "
	                     "\"10.0.0.9\"}, \"queries\": {\"file\": \"q\"},"
	                     "\"cohorts\": [{\"ports\": \"1000-1999\"}, {\"ports\": \"2000-2999\", "
	                     "\"addresses\": \"auto\"},"
	                     "{\"addresses\": \"10.0.0.3\"}]}");
	struct plan *plan;

	(void)state;
	assert_true(config_needs_address(builder));
	support_set(builder, "a", "10.0.0.1");
	assert_false(config_needs_address(builder));
	plan = support_finish(builder);
	assert_true(address_equal(&plan->cohorts[0].ranges[0].first, &plan->cohorts[1].ranges[0].first));
	assert_false(address_equal(&plan->cohorts[0].ranges[0].first, &plan->cohorts[2].ranges[0].first));
	plan_free(plan);
}

static void peek_gives_values_defaults_and_nothing(void **state)
{
	struct config_builder *builder = with_base();

	(void)state;
	assert_string_equal(config_peek(builder, "port.driver"), "director");
	assert_string_equal(config_peek(builder, "output.verbose"), "false");
	assert_null(config_peek(builder, "service.address"));
	assert_null(config_peek(builder, "no.such.key"));
	support_set(builder, "v", NULL);
	assert_string_equal(config_peek(builder, "output.verbose"), "true");
	config_end(builder);
}

static void every_option_takes_some_value_or_says_why_not(void **state)
{
	struct config_option option;

	(void)state;
	for (unsigned i = 0; config_option_at(i, &option); i++) {
		struct config_builder *builder = config_begin();
		struct error error = {0};
		int rc = config_set_option(builder, option.name, option.argument != NULL ? "\x01" : NULL,
		                           &error);

		assert_true(rc == 0 ? !error_is_set(&error) : error.source[0] == '-');
		if (option.argument != NULL) {
			struct error missing = {0};

			assert_true(config_set_option(builder, option.name, NULL, &missing) < 0);
		}
		config_end(builder);
	}
}

static void a_director_uses_its_own_settings_of_a_run(void **state)
{
	struct config_builder *builder = config_begin();
	const char *json = "{\"name\": \"both ends\", \"port\": {\"driver\": \"director\", \"vlan\": 7},"
	                   "\"queries\": {\"file\": \"q\"}, \"cohorts\": [{\"share\": 3}, {\"share\": 4}],"
	                   "\"load\": {\"description\": \"-\", \"rate\": 5, \"duration\": \"9s\"},"
	                   "\"scenario\": [{\"at\": \"20s\", \"do\": \"kill\", \"backend\": \"b\"}],"
	                   "\"director\": {\"backends\": [{\"name\": \"a\"}, {\"name\": \"b\"}]}}";
	struct error error = {0};
	struct plan *plan;
	char unused[128];

	(void)state;
	config_set_role(builder, CONFIG_DIRECTOR);
	assert_int_equal(config_load_text(builder, "f", json, strlen(json), &error), 0);
	support_set(builder, "iface", "eth1");
	config_unused(builder, unused, sizeof(unused));
	assert_string_equal(unused, "port.vlan, queries, cohorts, load.rate, load.duration");
	plan = support_finish(builder);
	assert_int_equal(plan->port.driver, PLAN_DRIVER_AF_PACKET);
	assert_true(plan->load.duration == NS_NEVER);
	assert_int_equal(plan->director.backend_count, 2);
	assert_int_equal(plan->director.begin, PLAN_BEGIN_QUERY);
	assert_int_equal(plan->scenario.count, 1);
	assert_null(strstr(plan->json, "cohorts"));
	assert_null(strstr(plan->json, "vlan"));
	assert_non_null(strstr(plan->json, "\"load\":{\"size_rate\""));
	plan_free(plan);
}

static void a_director_needs_nothing_but_a_port(void **state)
{
	struct config_builder *builder = config_begin();
	struct plan *plan;

	(void)state;
	config_set_role(builder, CONFIG_DIRECTOR);
	support_set(builder, "device", "net_memif0,role=server");
	support_set(builder, "l", "3");
	plan = support_finish(builder);
	assert_int_equal(plan->port.driver, PLAN_DRIVER_DEVICE);
	assert_true(plan->load.duration == 3 * NS_PER_SEC);
	assert_true(plan->director.present);
	assert_int_equal(plan->director.backend_count, 2);
	assert_int_equal(plan->service.address.family, ADDRESS_IPV4);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(options_win_over_the_file_in_either_order),
	        cmocka_unit_test(an_option_takes_back_its_rival_in_the_file),
	        cmocka_unit_test(an_interface_takes_the_place_of_the_model_and_back),
	        cmocka_unit_test(letters_mean_what_they_mean_to_dnsperf),
	        cmocka_unit_test(long_options_reach_cohort_and_output),
	        cmocka_unit_test(source_addresses_fill_in_all_automatic_cohorts),
	        cmocka_unit_test(peek_gives_values_defaults_and_nothing),
	        cmocka_unit_test(every_option_takes_some_value_or_says_why_not),
	        cmocka_unit_test(a_director_uses_its_own_settings_of_a_run),
	        cmocka_unit_test(a_director_needs_nothing_but_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

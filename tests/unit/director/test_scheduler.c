// The schedulers, against sequences measured on or read from the kernel's.
#include "lab.h"

#include "base/random.h"

static struct lab open_with(enum ipvs_scheduler scheduler, const char *letters)
{
	struct ipvs_service_options service = {.scheduler = scheduler};
	struct ipvs_options options = lab_options();
	struct lab lab;

	options.connections = 20000;
	lab_open_service(&lab, &options, &service, letters);
	return lab;
}

static void names_and_schedulers_match_both_ways(void **state)
{
	struct error error = {0};

	(void)state;
	for (unsigned i = 0; i < IPVS_SCHEDULERS; i++) {
		enum ipvs_scheduler scheduler;

		assert_int_equal(
		        ipvs_scheduler_parse(ipvs_scheduler_name((enum ipvs_scheduler)i), &scheduler, &error),
		        0);
		assert_int_equal(scheduler, i);
	}
	assert_true(ipvs_scheduler_parse("fastest", &(enum ipvs_scheduler){0}, &error) < 0);
	assert_non_null(strstr(error.text, "rr, wrr, lc, wlc, sh"));
}

static void weighted_round_robin_is_as_measured(void **state)
{
	struct lab lab = open_with(IPVS_WRR, "");

	(void)state;
	lab_add(&lab, 0, 'A', 2);
	lab_add(&lab, 0, 'B', 1);
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 9), "BAABAABAA");
	lab_close(&lab);
}

static void weighted_round_robin_keeps_to_the_weights(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 9, 0);
	for (int round = 0; round < 200; round++) {
		unsigned weights[4], counts[4] = {0}, sum = 0;
		struct lab lab = open_with(IPVS_WRR, "");

		for (unsigned i = 0; i < 4; i++) {
			weights[i] = (unsigned)random_below(&random, 7);
			sum += weights[i];
			lab_add(&lab, 0, (char)('A' + i), weights[i]);
		}
		for (unsigned i = 0; i < 10 * sum; i++) {
			counts[lab_ask(&lab, 0, (uint16_t)i) - 'A']++;
		}
		for (unsigned i = 0; i < 4; i++) {
			// The first turn may begin below the highest weight.
			assert_in_range(counts[i] + 7, weights[i] * 10, weights[i] * 10 + 14);
		}
		if (sum == 0) {
			assert_int_equal(lab_ask(&lab, 0, 1), 'r');
		}
		lab_close(&lab);
	}
}

static void weighted_round_robin_passes_over_full_servers(void **state)
{
	struct lab lab = open_with(IPVS_WRR, "");

	(void)state;
	lab_add(&lab, 0, 'A', 5);
	lab_add(&lab, 0, 'B', 1);
	assert_int_equal(ipvs_server_set_thresholds(lab.ipvs, 0, lab.service, lab.servers[0], 2, 0), 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 2000, 5), "BAABB");
	assert_int_equal(ipvs_server_set_thresholds(lab.ipvs, 0, lab.service, lab.servers[1], 4, 0), 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 3000, 3), "Brr");
	lab_close(&lab);
}

static void least_connections_favours_a_newcomer_until_it_is_level(void **state)
{
	struct lab lab = open_with(IPVS_LC, "AB");

	(void)state;
	lab_ask_ports(&lab, 0, 1000, 20);
	lab_add(&lab, 1, 'C', 1);
	assert_string_equal(lab_ask_ports(&lab, 1, 2000, 10), "CCCCCCCCCC");
	lab_ask_ports(&lab, 1, 3000, 30);
	for (unsigned i = 0; i < 3; i++) {
		struct ipvs_server_state server;

		ipvs_server_state(lab.ipvs, lab.service, lab.servers[i], &server);
		assert_int_equal(server.connections, 20);
	}
	lab_close(&lab);
}

static void least_connections_counts_expiry(void **state)
{
	struct lab lab = open_with(IPVS_LC, "AB");

	(void)state;
	lab_ask_ports(&lab, 0, 1000, 10);
	// Only A's five live on; a new flow goes to B until B has caught up.
	for (int i = 1; i <= 3; i++) {
		for (uint16_t port = 1000; port < 1010; port++) {
			if ((port & 1) == 1) {
				assert_int_equal(lab_ask(&lab, i * 15, port), 'A');
			}
		}
	}
	assert_int_equal(lab_count(&lab, 45), 5);
	assert_string_equal(lab_ask_ports(&lab, 45, 2000, 5), "BBBBB");
	lab_close(&lab);
}

static void weighted_least_connections_fills_in_proportion(void **state)
{
	struct lab lab = open_with(IPVS_WLC, "");
	struct ipvs_server_state a;

	(void)state;
	lab_add(&lab, 0, 'A', 3);
	lab_add(&lab, 0, 'B', 1);
	lab_ask_ports(&lab, 0, 1000, 200);
	ipvs_server_state(lab.ipvs, lab.service, lab.servers[0], &a);
	assert_in_range(a.connections, 149, 151);
	lab_close(&lab);
}

static void source_hashing_pins_a_client_whatever_its_port(void **state)
{
	struct lab lab = open_with(IPVS_SH, "ABC");
	unsigned counts[3] = {0};

	(void)state;
	for (unsigned i = 1; i < 240; i++) {
		char client[32], first;

		snprintf(client, sizeof(client), "192.0.2.%u", i);
		first = lab_ask_from(&lab, 0, client, 1);
		counts[first - 'A']++;
		for (uint16_t port = 2; port < 20; port++) {
			assert_int_equal(lab_ask_from(&lab, 0, client, port), first);
		}
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_true(counts[i] > 40);
	}
	lab_close(&lab);
}

static void source_hashing_with_ports_spreads_and_with_fallback_never_refuses(void **state)
{
	struct ipvs_service_options service = {.scheduler = IPVS_SH, .hash_port = true};
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open_service(&lab, &options, &service, "AB");
	assert_non_null(strchr(lab_ask_ports(&lab, 0, 1000, 50), 'A'));
	assert_non_null(strchr(lab_ask_ports(&lab, 0, 1000, 50), 'B'));
	// Weight 0 keeps its one bucket in turn: flows that hash there are refused without the fallback.
	assert_int_equal(ipvs_server_set_thresholds(lab.ipvs, 0, lab.service, lab.servers[1], 1, 0), 0);
	lab_ask_ports(&lab, 1, 3000, 50);
	assert_non_null(strchr(lab_ask_ports(&lab, 1, 4000, 50), 'r'));
	lab_close(&lab);
	service.hash_fallback = true;
	lab_open_service(&lab, &options, &service, "AB");
	assert_int_equal(ipvs_server_set_thresholds(lab.ipvs, 0, lab.service, lab.servers[1], 1, 0), 0);
	lab_ask_ports(&lab, 1, 3000, 50);
	assert_null(strchr(lab_ask_ports(&lab, 1, 4000, 50), 'r'));
	lab_close(&lab);
}

static void removal_in_the_middle_of_a_round_keeps_the_order(void **state)
{
	struct lab lab = open_with(IPVS_RR, "ABCD");

	(void)state;
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "DC");
	lab_remove(&lab, 0, 'C');
	assert_string_equal(lab_ask_ports(&lab, 0, 2000, 4), "BADB");
	lab_add(&lab, 0, 'E', 1);
	assert_string_equal(lab_ask_ports(&lab, 0, 3000, 4), "AEDB");
	lab_weight(&lab, 0, 'D', 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 4000, 4), "AEBA");
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_and_schedulers_match_both_ways),
	        cmocka_unit_test(weighted_round_robin_is_as_measured),
	        cmocka_unit_test(weighted_round_robin_keeps_to_the_weights),
	        cmocka_unit_test(weighted_round_robin_passes_over_full_servers),
	        cmocka_unit_test(least_connections_favours_a_newcomer_until_it_is_level),
	        cmocka_unit_test(least_connections_counts_expiry),
	        cmocka_unit_test(weighted_least_connections_fills_in_proportion),
	        cmocka_unit_test(source_hashing_pins_a_client_whatever_its_port),
	        cmocka_unit_test(source_hashing_with_ports_spreads_and_with_fallback_never_refuses),
	        cmocka_unit_test(removal_in_the_middle_of_a_round_keeps_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

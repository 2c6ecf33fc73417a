// The conformance list of IPVS and UDP: each test bears the number of its item.
#include "lab.h"

static void item_1_round_robin_starts_with_the_server_added_last(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
	lab_close(&lab);
	lab_open(&lab, &options, "ABC");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "CBAC");
	lab_close(&lab);
}

static void item_2_a_port_stays_with_its_server(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(lab_ask(&lab, i, 1000), 'B');
	}
	assert_int_equal(lab_count(&lab, 4), 1);
	lab_close(&lab);
}

static void item_3_one_port_of_two_clients_is_two_connections(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask_from(&lab, 0, "192.0.2.1", 1000), 'B');
	assert_int_equal(lab_ask_from(&lab, 0, "192.0.2.2", 1000), 'A');
	assert_int_equal(lab_count(&lab, 0), 2);
	lab_close(&lab);
}

static void item_4_queries_keep_a_connection_to_a_mute_server(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(2);
	lab_open(&lab, &options, "AB");
	for (int i = 0; i <= 4; i++) {
		assert_int_equal(lab_ask(&lab, i, 1000), 'B');
		assert_int_equal(lab_count(&lab, i), 1);
	}
	assert_int_equal(lab_count(&lab, 5.9), 1);
	assert_int_equal(lab_count(&lab, 6.5), 0);
	lab_close(&lab);
}

static void item_5_packets_of_the_server_keep_a_connection(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(2);
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	for (int i = 1; i <= 4; i++) {
		assert_true(lab_push(&lab, i, 'B', 1000));
	}
	assert_int_equal(lab_count(&lab, 4), 1);
	lab_close(&lab);
}

static void item_6_after_expiry_a_server_sends_from_its_own_address(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(2);
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	assert_false(lab_push(&lab, 2.5, 'B', 1000));
	assert_int_equal(ipvs_counters(lab.ipvs)->untranslated, 1);
	lab_close(&lab);
}

static void item_7_weight_zero_keeps_old_ports_and_takes_no_new_ones(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
	lab_weight(&lab, 1, 'B', 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 4), "BABA");
	assert_string_equal(lab_ask_ports(&lab, 2, 2000, 4), "AAAA");
	lab_close(&lab);
}

/** Items 8 and 9: a port that is used more often than the timeout stays with a weight-0 server, one that
 * rests leaves it. */
static void check_weight_zero(bool expire_nodest_conn)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	options.udp_timeout = seconds(3);
	options.expire_nodest_conn = expire_nodest_conn;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_weight(&lab, 0.5, 'B', 0);
	for (int i = 1; i <= 6; i++) {
		assert_int_equal(lab_ask(&lab, i, 1000), 'B');
	}
	assert_int_equal(lab_ask(&lab, 6 + 3.3, 1000), 'A');
	lab_close(&lab);
}

static void item_8_a_used_port_stays_with_a_weight_zero_server(void **state)
{
	(void)state;
	check_weight_zero(false);
}

static void item_9_weight_zero_is_not_flushed(void **state)
{
	(void)state;
	check_weight_zero(true);
}

static void item_10_removed_server_is_silent_until_the_timeout(void **state)
{
	struct ipvs_options options = lab_options();
	double left = 3;
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(3);
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
	lab_remove(&lab, 0.01, 'B');
	for (int i = 1; i <= 5; i++) {
		double now_left = lab_left(&lab, i * 0.5, 1000);

		assert_string_equal(lab_ask_ports(&lab, i * 0.5, 1000, 4), "-A-A");
		assert_true(now_left < left);
		left = now_left;
		// Dropped packets refresh nothing.
		assert_true(fabs(lab_left(&lab, i * 0.5, 1000) - left) < 1e-9);
	}
	// 64 jiffies of granularity do not apply below 5.04 s at HZ 100: eight do.
	assert_string_equal(lab_ask_ports(&lab, 3.1, 1000, 4), "AAAA");
	assert_int_equal(ipvs_counters(lab.ipvs)->reasons[IPVS_REASON_DELETED], 10);
	lab_close(&lab);
}

static void item_11_removal_with_expire_nodest_flushes(void **state)
{
	struct ipvs_options options = lab_options();
	struct ipvs_server_state b;
	struct lab lab;

	(void)state;
	options.expire_nodest_conn = true;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 10), "BABABABABA");
	lab_remove(&lab, 1, 'B');
	assert_int_equal(lab_count(&lab, 1.1), 5);
	assert_int_equal(ipvs_server_state(lab.ipvs, lab.service, lab.servers[1], &b), 0);
	assert_int_equal(b.connections, 0);
	assert_int_equal(ipvs_counters(lab.ipvs)->flushed, 5);
	assert_string_equal(lab_ask_ports(&lab, 1.1, 1000, 10), "AAAAAAAAAA");
	lab_close(&lab);
}

static void item_12_late_expire_nodest_loses_nothing_without_conntrack(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 1, 'B');
	assert_int_equal(lab_ask(&lab, 2, 1000), '-');
	ipvs_set_expire_nodest_conn(lab.ipvs, seconds(2.5), true);
	assert_int_equal(lab_ask(&lab, 3, 1000), 'A');
	assert_int_equal(lab_count(&lab, 3.05), 1);
	assert_int_equal(lab_ask(&lab, 4, 1000), 'A');
	lab_close(&lab);
}

static void item_13_confirmed_conntrack_loses_the_first_packet(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.conntrack = true;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 1, 'B');
	ipvs_set_expire_nodest_conn(lab.ipvs, seconds(2.5), true);
	assert_int_equal(lab_ask(&lab, 3, 1000), '-');
	assert_int_equal(lab_ask(&lab, 3.5, 1000), 'A');
	assert_int_equal(ipvs_counters(lab.ipvs)->reasons[IPVS_REASON_LAZY], 1);
	lab_close(&lab);
}

static void item_13_holds_between_a_removal_and_its_flush(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	for (int conntrack = 0; conntrack <= 1; conntrack++) {
		options.expire_nodest_conn = true;
		options.conntrack = conntrack;
		options.flush_delay = seconds(0.5);
		lab_open(&lab, &options, "AB");
		assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
		lab_remove(&lab, 1, 'B');
		assert_string_equal(lab_ask_ports(&lab, 1.1, 1000, 2), conntrack ? "-A" : "AA");
		assert_string_equal(lab_ask_ports(&lab, 1.2, 1000, 2), "AA");
		// The flush frees the ports that were not tried, without a loss.
		assert_string_equal(lab_ask_ports(&lab, 1.6, 1000, 4), "AAAA");
		lab_close(&lab);
	}
}

static void item_14_conntrack_that_aged_out_loses_nothing(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.conntrack = true;
	options.udp_timeout = seconds(300);
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 1, 'B');
	ipvs_set_expire_nodest_conn(lab.ipvs, seconds(2.5), true);
	assert_int_equal(lab_ask(&lab, 31, 1000), 'A');
	lab_close(&lab);
}

static void item_15_without_vs_conntrack_nothing_is_lost(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.conntrack = false;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	lab_remove(&lab, 1, 'B');
	ipvs_set_expire_nodest_conn(lab.ipvs, seconds(2.5), true);
	assert_string_equal(lab_ask_ports(&lab, 3, 1000, 2), "AA");
	lab_close(&lab);
}

static void item_16_a_server_added_again_gets_its_ports_back(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
	lab_remove(&lab, 1, 'B');
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 4), "-A-A");
	lab_add(&lab, 3, 'B', 1);
	assert_string_equal(lab_ask_ports(&lab, 4, 1000, 4), "BABA");
	lab_close(&lab);
}

static void item_17_after_a_flush_ports_are_rescheduled(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.expire_nodest_conn = true;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BABA");
	lab_remove(&lab, 1, 'B');
	lab_add(&lab, 2, 'B', 1);
	// The last choice was A, now the last of the list: B is next for the first port, A for the third.
	assert_string_equal(lab_ask_ports(&lab, 3, 1000, 4), "BAAA");
	lab_close(&lab);
}

static void item_18_a_deleted_service_resumes_its_ports(void **state)
{
	struct ipvs_options options = lab_options();
	struct ipvs_service_options rr = {.scheduler = IPVS_RR};
	struct address other = address_of("10.96.0.11");
	struct error error = {0};
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_true(ipvs_service_add(lab.ipvs, 0, &other, 53, &rr, &error) > 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	assert_int_equal(ipvs_service_delete(lab.ipvs, seconds(1), lab.service), 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 2), "--");
	assert_string_equal(lab_ask_ports(&lab, 2, 2000, 2), "rr");
	lab_service(&lab, 3);
	lab_add(&lab, 3, 'A', 1);
	lab_add(&lab, 3, 'B', 1);
	assert_string_equal(lab_ask_ports(&lab, 4, 1000, 2), "BA");
	lab_close(&lab);
}

static void item_19_without_any_service_all_is_refused(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	assert_int_equal(ipvs_service_delete(lab.ipvs, seconds(1), lab.service), 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 4), "rrrr");
	assert_false(lab_push(&lab, 2, 'B', 1000));
	assert_int_equal(ipvs_counters(lab.ipvs)->decisions[IPVS_LOCAL], 4);
	lab_close(&lab);
}

static void item_20_without_weights_only_old_ports_are_answered(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	lab_weight(&lab, 1, 'A', 0);
	lab_weight(&lab, 1, 'B', 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 4), "BArr");
	assert_int_equal(ipvs_counters(lab.ipvs)->decisions[IPVS_REFUSE], 2);
	assert_int_equal(lab_count(&lab, 2), 2);
	lab_close(&lab);
	lab_open(&lab, &options, "");
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 2), "rr");
	assert_int_equal(lab_count(&lab, 2), 0);
	lab_close(&lab);
}

static void item_21_a_reply_in_flight_shows_the_flush(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.expire_nodest_conn = true;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 0.3, 'B');
	assert_false(lab_push(&lab, 0.6, 'B', 1000));
	lab_close(&lab);
	options.expire_nodest_conn = false;
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 0.3, 'B');
	assert_true(lab_push(&lab, 0.6, 'B', 1000));
	assert_true(fabs(lab_left(&lab, 0.6, 1000) - 30) < 0.011);
	lab_close(&lab);
}

static void item_22_replies_of_a_removed_server_keep_its_connection(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(4);
	lab_open(&lab, &options, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	lab_remove(&lab, 0.1, 'B');
	for (int i = 1; i <= 4; i++) {
		assert_true(lab_push(&lab, i * 1.5, 'B', 1000));
	}
	assert_int_equal(lab_count(&lab, 9.5), 1);
	assert_int_equal(lab_ask(&lab, 9.5, 1000), '-');
	lab_close(&lab);
}

static void item_23_a_new_timeout_waits_for_the_next_packet(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	ipvs_set_udp_timeout(lab.ipvs, seconds(1), seconds(5));
	assert_true(lab_left(&lab, 1, 1000) > 28.9 && lab_left(&lab, 1, 1001) > 28.9);
	lab_ask(&lab, 2, 1000);
	assert_true(fabs(lab_left(&lab, 2, 1000) - 5) < 0.011);
	assert_true(lab_left(&lab, 2, 1001) > 27.9);
	ipvs_set_udp_timeout(lab.ipvs, seconds(3), 0);
	lab_ask(&lab, 3, 1000);
	assert_true(fabs(lab_left(&lab, 3, 1000) - 5) < 0.011);
	lab_close(&lab);
}

/** Lateness of a connection's end: it is there just before `ipvs_next` and gone at it. */
static double measure_lateness(unsigned hz, double timeout, uint64_t first_jiffy, double start)
{
	struct ipvs_options options = lab_options();
	struct lab lab;
	ns_t end;

	options.hz = hz;
	options.udp_timeout = seconds(timeout);
	options.first_jiffy = first_jiffy;
	lab_open(&lab, &options, "AB");
	lab_ask(&lab, start, 1000);
	end = ipvs_next(lab.ipvs);
	ipvs_expire(lab.ipvs, end - 1);
	assert_int_equal(ipvs_table_count(lab.ipvs), 1);
	ipvs_expire(lab.ipvs, end);
	assert_int_equal(ipvs_table_count(lab.ipvs), 0);
	lab_close(&lab);
	return ns_to_seconds(end) - start - timeout;
}

static void check_granularity(unsigned hz, double timeout, double granularity, unsigned tries)
{
	double least = 1e9, most = 0;

	for (unsigned i = 0; i < tries; i++) {
		double late = measure_lateness(hz, timeout, 12345 + i * 7919, i * 0.0137);

		assert_true(late > 0 && late <= granularity + 1.0 / hz);
		least = fmin(least, late);
		most = fmax(most, late);
	}
	// The whole range occurs, not only a part.
	assert_true(least < granularity * 0.1 && most > granularity * 0.9);
}

static void item_24_expiry_is_late_by_the_granularity_of_the_wheel(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	check_granularity(100, 10, 0.64, 200);
	check_granularity(100, 45, 5.12, 200);
	options.udp_timeout = seconds(45);
	options.first_jiffy = 4000;
	lab_open(&lab, &options, "AB");
	lab_ask(&lab, 0, 1000);
	assert_true(lab_left(&lab, 45.05, 1000) == 0);
	assert_int_equal(lab_ask(&lab, 45.05, 1000), 'B');
	assert_true(lab_left(&lab, 45.05, 1000) > 44.9);
	lab_close(&lab);
}

static void item_25_one_packet_scheduling_keeps_nothing(void **state)
{
	struct ipvs_service_options service = {.scheduler = IPVS_RR, .one_packet = true};
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open_service(&lab, &options, &service, "AB");
	assert_int_equal(lab_ask(&lab, 0, 1000), 'B');
	assert_false(lab_push(&lab, 0, 'B', 1000));
	assert_int_equal(lab_ask(&lab, 1, 1000), 'A');
	assert_int_equal(lab_ask(&lab, 2, 1000), 'B');
	assert_int_equal(lab_ask(&lab, 3, 1000), 'A');
	assert_int_equal(lab_count(&lab, 3), 0);
	lab_close(&lab);
}

static void item_26_persistence_pins_a_client(void **state)
{
	struct ipvs_service_options service = {.scheduler = IPVS_RR, .persistence = seconds(20)};
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open_service(&lab, &options, &service, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 4), "BBBB");
	lab_weight(&lab, 1, 'B', 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 2000, 2), "BB");
	ipvs_set_expire_quiescent_template(lab.ipvs, seconds(3), true);
	assert_string_equal(lab_ask_ports(&lab, 3, 3000, 2), "AA");
	assert_string_equal(lab_ask_ports(&lab, 3, 1000, 2), "BB");
	lab_close(&lab);
}

static void item_26_a_template_in_use_waits_for_another_minute(void **state)
{
	struct ipvs_service_options service = {.scheduler = IPVS_RR, .persistence = seconds(2)};
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.udp_timeout = seconds(10);
	lab_open_service(&lab, &options, &service, "AB");
	lab_ask(&lab, 0, 1000);
	assert_int_equal(lab_count(&lab, 0), 2);
	assert_true(lab_left(&lab, 2.5, 0) > 59);
	assert_int_equal(lab_count(&lab, 11), 1);
	assert_int_equal(lab_count(&lab, 70), 0);
	lab_close(&lab);
}

static void item_27_drop_packet_drops_every_third_new_flow(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.drop_rate = 3;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 12), "-BA-BA-BA-BA");
	assert_string_equal(lab_ask_ports(&lab, 1, 1001, 2), "BA");
	lab_close(&lab);
}

static void item_27_an_upper_threshold_turns_new_flows_away(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_int_equal(ipvs_server_set_thresholds(lab.ipvs, 0, lab.service, lab.servers[1], 2, 1), 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 8), "BABAAAAA");
	lab_close(&lab);
}

static void item_28_a_rolling_update_moves_half_then_three_quarters(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.expire_nodest_conn = true;
	lab_open(&lab, &options, "AB");
	lab_ask_ports(&lab, 0, 1000, 120);
	lab_add(&lab, 1, 'C', 1);
	lab_remove(&lab, 1, 'A');
	lab_ask_ports(&lab, 2, 1000, 120);
	assert_int_equal(ipvs_counters(lab.ipvs)->flushed, 60);
	lab_add(&lab, 3, 'D', 1);
	lab_remove(&lab, 3, 'B');
	lab_ask_ports(&lab, 4, 1000, 120);
	assert_int_equal(ipvs_counters(lab.ipvs)->flushed, 60 + 90);
	lab_close(&lab);
}

static void item_29_an_old_kernel_loses_the_first_packet_of_each_port(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.expire_nodest_conn = true;
	options.lazy = true;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 6), "BABABA");
	lab_remove(&lab, 1, 'B');
	assert_int_equal(lab_count(&lab, 5), 6);
	assert_string_equal(lab_ask_ports(&lab, 5, 1000, 6), "-A-A-A");
	assert_string_equal(lab_ask_ports(&lab, 6, 1000, 6), "AAAAAA");
	lab_close(&lab);
}

static void item_30_a_thousand_hertz_make_a_ramp_of_33_seconds(void **state)
{
	(void)state;
	check_granularity(1000, 300, 32.768, 400);
}

static void granularity_is_as_the_table_says(void **state)
{
	(void)state;
	check_granularity(100, 300, 5.12, 200);
	check_granularity(250, 10, 0.256, 200);
	check_granularity(250, 300, 16.384, 400);
	check_granularity(1000, 10, 0.512, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(item_1_round_robin_starts_with_the_server_added_last),
	        cmocka_unit_test(item_2_a_port_stays_with_its_server),
	        cmocka_unit_test(item_3_one_port_of_two_clients_is_two_connections),
	        cmocka_unit_test(item_4_queries_keep_a_connection_to_a_mute_server),
	        cmocka_unit_test(item_5_packets_of_the_server_keep_a_connection),
	        cmocka_unit_test(item_6_after_expiry_a_server_sends_from_its_own_address),
	        cmocka_unit_test(item_7_weight_zero_keeps_old_ports_and_takes_no_new_ones),
	        cmocka_unit_test(item_8_a_used_port_stays_with_a_weight_zero_server),
	        cmocka_unit_test(item_9_weight_zero_is_not_flushed),
	        cmocka_unit_test(item_10_removed_server_is_silent_until_the_timeout),
	        cmocka_unit_test(item_11_removal_with_expire_nodest_flushes),
	        cmocka_unit_test(item_12_late_expire_nodest_loses_nothing_without_conntrack),
	        cmocka_unit_test(item_13_confirmed_conntrack_loses_the_first_packet),
	        cmocka_unit_test(item_13_holds_between_a_removal_and_its_flush),
	        cmocka_unit_test(item_14_conntrack_that_aged_out_loses_nothing),
	        cmocka_unit_test(item_15_without_vs_conntrack_nothing_is_lost),
	        cmocka_unit_test(item_16_a_server_added_again_gets_its_ports_back),
	        cmocka_unit_test(item_17_after_a_flush_ports_are_rescheduled),
	        cmocka_unit_test(item_18_a_deleted_service_resumes_its_ports),
	        cmocka_unit_test(item_19_without_any_service_all_is_refused),
	        cmocka_unit_test(item_20_without_weights_only_old_ports_are_answered),
	        cmocka_unit_test(item_21_a_reply_in_flight_shows_the_flush),
	        cmocka_unit_test(item_22_replies_of_a_removed_server_keep_its_connection),
	        cmocka_unit_test(item_23_a_new_timeout_waits_for_the_next_packet),
	        cmocka_unit_test(item_24_expiry_is_late_by_the_granularity_of_the_wheel),
	        cmocka_unit_test(item_25_one_packet_scheduling_keeps_nothing),
	        cmocka_unit_test(item_26_persistence_pins_a_client),
	        cmocka_unit_test(item_26_a_template_in_use_waits_for_another_minute),
	        cmocka_unit_test(item_27_drop_packet_drops_every_third_new_flow),
	        cmocka_unit_test(item_27_an_upper_threshold_turns_new_flows_away),
	        cmocka_unit_test(item_28_a_rolling_update_moves_half_then_three_quarters),
	        cmocka_unit_test(item_29_an_old_kernel_loses_the_first_packet_of_each_port),
	        cmocka_unit_test(item_30_a_thousand_hertz_make_a_ramp_of_33_seconds),
	        cmocka_unit_test(granularity_is_as_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The director as a device: frames in, frames out. Each test drives it with a virtual clock.
#include "device.h"

static void queries_are_answered_by_the_servers_in_turn(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	assert_true(director_next(device.director) == NS_NEVER);
	assert_string_equal(ask_ports(&device, 1, 1000, 4), "baba");
	ask(&device, 2, 1000);
	assert_true(director_next(device.director) == seconds(2) + NS_PER_MS);
	assert_string_equal(replies(&device, 2.0009), "");
	assert_string_equal(replies(&device, 2.001), "b");
	check_balance(&device);
	device_close(&device);
}

static void ipv6_and_vlans_work_alike(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.client = "2001:db8::1";
	device.vlan = 7;
	device.service.address = address_of("fd00::a");
	device.backends[0] = make_backend("a", "fd01::1");
	device.backends[1] = make_backend("b", "fd01::2");
	device_open(&device);
	assert_string_equal(ask_ports(&device, 1, 1000, 4), "baba");
	apply(&device, 2, SCENARIO_CLOSE, "b");
	apply(&device, 2, SCENARIO_VANISH, "a");
	assert_string_equal(ask_ports(&device, 2, 1000, 2), "r");
	assert_string_equal(replies(&device, 5.2), "h");
	device_close(&device);
}

static void frames_of_the_client_are_never_written_to(void **state)
{
	uint8_t before[256];
	struct rte_mbuf *mbuf;
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	for (int i = 0; i < 4; i++) {
		mbuf = make_query(&device, 1000);
		memcpy(before, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->pkt_len);
		rte_mbuf_refcnt_update(mbuf, 1);
		director_receive(device.director, seconds(i), &mbuf, 1);
		replies(&device, i + 0.5);
		assert_memory_equal(before, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->pkt_len);
		assert_int_equal(rte_mbuf_refcnt_read(mbuf), 1);
		rte_pktmbuf_free(mbuf);
		if (i == 1) {
			apply(&device, 1.9, SCENARIO_CLOSE, "b");
		}
	}
	device_close(&device);
}

static void item_8_a_closed_port_refuses_from_the_service(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.ipvs.udp_timeout = seconds(3);
	device_open(&device);
	assert_string_equal(ask_ports(&device, 0, 1000, 1), "b");
	apply(&device, 0.5, SCENARIO_DRAIN, "b");
	apply(&device, 0.5, SCENARIO_CLOSE, "b");
	for (int i = 1; i <= 6; i++) {
		assert_string_equal(ask_ports(&device, i, 1000, 1), "r");
	}
	assert_string_equal(ask_ports(&device, 6 + 3.3, 1000, 1), "a");
	check_balance(&device);
	device_close(&device);
}

static void item_10_and_16_a_removed_server_is_silent_and_comes_back(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	assert_string_equal(ask_ports(&device, 0, 1000, 4), "baba");
	apply(&device, 1, SCENARIO_REMOVE, "b");
	assert_string_equal(ask_ports(&device, 2, 1000, 4), "aa");
	assert_int_equal(drops(&device, DIRECTOR_DROP_DELETED), 2);
	apply(&device, 3, SCENARIO_RESTORE, "b");
	assert_string_equal(ask_ports(&device, 4, 1000, 4), "baba");
	check_balance(&device);
	device_close(&device);
}

static void item_21_a_reply_in_flight_betrays_the_flush(void **state)
{
	struct device device;

	(void)state;
	for (int nodest = 0; nodest <= 1; nodest++) {
		device_prepare(&device);
		device.options.ipvs.expire_nodest_conn = nodest;
		device.backends[1].service_time = seconds(0.6);
		device_open(&device);
		ask(&device, 1, 1000);
		apply(&device, 1.3, SCENARIO_REMOVE, "b");
		assert_string_equal(replies(&device, 2), nodest ? "B" : "b");
		assert_int_equal(director_counters(device.director)->own_source, nodest);
		check_balance(&device);
		device_close(&device);
	}
}

static void an_error_after_the_flush_comes_from_the_real_server(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.ipvs.expire_nodest_conn = true;
	device_open(&device);
	apply(&device, 0, SCENARIO_VANISH, "b");
	ask(&device, 1, 1000);
	apply(&device, 2, SCENARIO_REMOVE, "b");
	// Neither end of it is the service: the client's socket does not know it.
	assert_string_equal(replies(&device, 5), "x");
	device_close(&device);
}

static void a_gone_host_is_told_after_three_seconds(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	apply(&device, 0, SCENARIO_VANISH, "b");
	apply(&device, 0, SCENARIO_REMOVE, "a");
	ask(&device, 1, 1000);
	ask(&device, 3, 1001);
	assert_string_equal(replies(&device, 4.09), "");
	assert_string_equal(replies(&device, 4.1), "hh");
	ask(&device, 5, 1001);
	assert_true(director_next(device.director) == seconds(8.1));
	check_balance(&device);
	device_close(&device);
}

static void a_server_that_dies_takes_its_queries_with_it(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.backends[1].service_time = seconds(1);
	device_open(&device);
	ask(&device, 0, 1000);
	apply(&device, 0.5, SCENARIO_KILL, "b");
	ask(&device, 0.6, 1000);
	apply(&device, 0.7, SCENARIO_RESTORE, "b");
	ask(&device, 0.8, 1000);
	assert_string_equal(replies(&device, 1.79), "");
	assert_string_equal(replies(&device, 1.8), "b");
	assert_int_equal(drops(&device, DIRECTOR_DROP_BACKEND_DIED), 1);
	assert_int_equal(drops(&device, DIRECTOR_DROP_BACKEND_DEAD), 1);
	check_balance(&device);
	device_close(&device);
}

static void a_lameduck_still_answers(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	apply(&device, 0, SCENARIO_LAMEDUCK, "b");
	assert_string_equal(ask_ports(&device, 1, 1000, 4), "baba");
	device_close(&device);
}

static void without_servers_or_at_another_port_queries_are_refused(void **state)
{
	struct rte_mbuf *mbuf;
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	apply(&device, 0, SCENARIO_REMOVE, "a");
	apply(&device, 0, SCENARIO_REMOVE, "b");
	assert_string_equal(ask_ports(&device, 1, 1000, 2), "rr");
	// Port 54 of the service's address: UDP checksum left out, as IPv4 allows.
	mbuf = make_query(&device, 1000);
	packet_write16(rte_pktmbuf_mtod(mbuf, uint8_t *) + 36, 54);
	packet_write16(rte_pktmbuf_mtod(mbuf, uint8_t *) + 40, 0);
	director_receive(device.director, seconds(2), &mbuf, 1);
	assert_int_equal(strlen(replies(&device, 2)), 1);
	assert_int_equal(director_counters(device.director)->refused, 3);
	check_balance(&device);
	device_close(&device);
}

static void bad_events_are_refused_with_the_names_that_exist(void **state)
{
	const struct {
		enum scenario_kind kind;
		const char *backend, *reason;
	} cases[] = {
	        {SCENARIO_KILL, "c", "no real server \"c\" to kill; known are a, b"},
	        {SCENARIO_REMOVE, "b", "real server b is not listed"},
	        {SCENARIO_ROLL, "", "must be expanded"},
	};
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	apply(&device, 0, SCENARIO_REMOVE, "b");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario_event event = {.kind = cases[i].kind};
		struct error error = {0};

		snprintf(event.backend, sizeof(event.backend), "%s", cases[i].backend);
		assert_true(director_apply(device.director, 0, &event, &error) < 0);
		assert_non_null(strstr(error.text, cases[i].reason));
	}
	apply(&device, 0, SCENARIO_MARK, "");
	device_close(&device);
}

static void bad_options_are_refused_with_a_reason(void **state)
{
	struct device device;
	struct error error;

	(void)state;
	device_prepare(&device);
	device.options.faults.loss_in = 1.5;
	error = (struct error){0};
	assert_int_equal(director_create(&device.director, &device.options, director_pool, &error), -ERANGE);
	assert_non_null(strstr(error.text, "between 0 and 1"));
	device_prepare(&device);
	device.backends[1].address = device.backends[0].address;
	error = (struct error){0};
	assert_int_equal(director_create(&device.director, &device.options, director_pool, &error), -EEXIST);
	assert_non_null(strstr(error.text, "10.1.0.1 port 53 exists already"));
	device_prepare(&device);
	device.backends[1] = make_backend("b", "fd00::1");
	error = (struct error){0};
	assert_int_equal(director_create(&device.director, &device.options, director_pool, &error), -EINVAL);
	assert_non_null(strstr(error.text, "address family of real server b"));
	device_prepare(&device);
	device.options.mtu = 9000;
	error = (struct error){0};
	assert_int_equal(director_create(&device.director, &device.options, director_pool, &error), -EINVAL);
	device_prepare(&device);
	device.options.ipvs.hz = 128;
	error = (struct error){0};
	assert_int_equal(director_create(&device.director, &device.options, director_pool, &error), -EINVAL);
	assert_non_null(strstr(error.text, "100, 250, 300 or 1000"));
}

static void neighbours_and_pings_are_answered(void **state)
{
	struct packet_station own = {.vlan = PACKET_VLAN_NONE, .address = address_of("192.0.2.1")};
	struct address service = address_of("10.96.0.10"), gateway = address_of("192.0.2.254");
	struct device device;

	(void)state;
	memcpy(own.mac, client_mac, 6);
	// For the service only; for any address; for its own, which the gateway's is here.
	for (int way = 0; way < 3; way++) {
		device_prepare(&device);
		device.options.proxy_neighbours = way == 1;
		device.options.own = way == 2 ? gateway : device.options.own;
		device_open(&device);
		for (int i = 0; i < 2; i++) {
			struct rte_mbuf *mbuf = rte_pktmbuf_alloc(client_pool);
			struct packet_view view;
			size_t length = packet_arp_request(rte_pktmbuf_mtod(mbuf, uint8_t *), &own,
			                                   i == 0 ? &service : &gateway);

			mbuf->data_len = (uint16_t)length;
			mbuf->pkt_len = (uint32_t)length;
			director_receive(device.director, 0, &mbuf, 1);
			if (i == 1 && way == 0) {
				assert_int_equal(director_transmit(device.director, 0, &mbuf, 1), 0);
				continue;
			}
			assert_int_equal(director_transmit(device.director, 0, &mbuf, 1), 1);
			assert_int_equal(
			        packet_parse(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->pkt_len, &view),
			        PACKET_ARP_REPLY);
			assert_memory_equal(view.neighbour.mac, device.options.mac, 6);
			rte_pktmbuf_free(mbuf);
		}
		assert_int_equal(director_counters(device.director)->neighbours, 1 + (way > 0));
		device_close(&device);
	}
}

static void an_unfinished_checksum_is_taken_or_refused(void **state)
{
	struct packet_view view;
	struct rte_mbuf *mbuf;
	struct device device;

	(void)state;
	for (int refuse = 0; refuse <= 1; refuse++) {
		device_prepare(&device);
		device.options.refuse_partial = refuse;
		device_open(&device);
		mbuf = make_query(&device, 1000);
		packet_parse(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->pkt_len, &view);
		// The pseudo-header's sum alone (udp_set_csum).
		packet_write16(rte_pktmbuf_mtod(mbuf, uint8_t *) + 40,
		               packet_fold(packet_sum(view.source, 4) + packet_sum(view.destination, 4) + 17 +
		                           view.transport_length));
		director_receive(device.director, 0, &mbuf, 1);
		assert_int_equal(drops(&device, DIRECTOR_DROP_CHECKSUM), refuse);
		assert_string_equal(replies(&device, 1), refuse ? "" : "b");
		device_close(&device);
	}
}

static void the_table_is_remembered_at_its_fullest(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.ipvs.udp_timeout = seconds(2);
	device_open(&device);
	ask_ports(&device, 0, 1000, 5);
	ask_ports(&device, 10, 2000, 3);
	assert_int_equal(ipvs_table_count(director_ipvs(device.director)), 3);
	assert_int_equal(ipvs_counters(director_ipvs(device.director))->most, 5);
	director_settle(device.director, seconds(20));
	assert_int_equal(ipvs_table_count(director_ipvs(device.director)), 0);
	device_close(&device);
}

static void a_listing_says_how_a_server_stands(void **state)
{
	struct ipvs_server_state listing;
	struct device device;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	ask_ports(&device, 0, 1000, 5);
	assert_int_equal(director_listing(device.director, 1, 0, &listing), 0);
	assert_true(listing.listed && listing.weight == 1 && listing.connections == 3);
	apply(&device, 1, SCENARIO_REMOVE, "b");
	apply(&device, 1, SCENARIO_DRAIN, "a");
	assert_int_equal(director_listing(device.director, 1, 0, &listing), 0);
	assert_true(!listing.listed && listing.connections == 3);
	assert_int_equal(director_listing(device.director, 0, 0, &listing), 0);
	assert_true(listing.listed && listing.weight == 0);
	assert_int_equal(director_listing(device.director, 2, 0, &listing), -ENOENT);
	assert_string_equal(backend_state_name(director_backend(device.director, 0)->state), "alive");
	device_close(&device);
}

static void a_port_step_answers_through_an_ethdev(void **state)
{
	struct rte_eth_conf conf = {0};
	struct rte_mbuf *mbuf;
	struct device device;
	uint16_t port;

	(void)state;
	// A port of one ring: what is sent is received.
	if (rte_eth_dev_get_port_by_name("net_ring0", &port) != 0) {
		skip();
	}
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, director_pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	device_prepare(&device);
	device_open(&device);
	assert_int_equal(director_port_step(device.director, port, 1, 0), 0);
	mbuf = make_query(&device, 1000);
	assert_int_equal(rte_eth_tx_burst(port, 0, &mbuf, 1), 1);
	assert_int_equal(director_port_step(device.director, port, 1, seconds(1)), 1);
	assert_int_equal(director_port_step(device.director, port, 1, seconds(1.1)), 1);
	assert_int_equal(rte_eth_rx_burst(port, 0, &mbuf, 1), 1);
	assert_int_equal(mbuf->pool == director_pool, true);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(director_counters(device.director)->answered, 1);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(queries_are_answered_by_the_servers_in_turn),
	        cmocka_unit_test(ipv6_and_vlans_work_alike),
	        cmocka_unit_test(frames_of_the_client_are_never_written_to),
	        cmocka_unit_test(item_8_a_closed_port_refuses_from_the_service),
	        cmocka_unit_test(item_10_and_16_a_removed_server_is_silent_and_comes_back),
	        cmocka_unit_test(item_21_a_reply_in_flight_betrays_the_flush),
	        cmocka_unit_test(an_error_after_the_flush_comes_from_the_real_server),
	        cmocka_unit_test(a_gone_host_is_told_after_three_seconds),
	        cmocka_unit_test(a_server_that_dies_takes_its_queries_with_it),
	        cmocka_unit_test(a_lameduck_still_answers),
	        cmocka_unit_test(without_servers_or_at_another_port_queries_are_refused),
	        cmocka_unit_test(bad_events_are_refused_with_the_names_that_exist),
	        cmocka_unit_test(bad_options_are_refused_with_a_reason),
	        cmocka_unit_test(an_unfinished_checksum_is_taken_or_refused),
	        cmocka_unit_test(the_table_is_remembered_at_its_fullest),
	        cmocka_unit_test(a_listing_says_how_a_server_stands),
	        cmocka_unit_test(neighbours_and_pings_are_answered),
	        cmocka_unit_test(a_port_step_answers_through_an_ethdev),
	};

	return cmocka_run_group_tests(tests, device_set_up, device_tear_down);
}

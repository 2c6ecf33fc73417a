// What goes wrong on purpose, and the accounts of it.
#include "device.h"

static void overload_loses_what_exceeds_the_capacity(void **state)
{
	const struct director_counters *c;
	struct device device;

	(void)state;
	device_prepare(&device);
	for (int i = 0; i < 2; i++) {
		device.backends[i].concurrency = 4;
		device.backends[i].service_time = 8 * NS_PER_MS;
		device.backends[i].queue = 10;
	}
	device_open(&device);
	// Two servers of 500 q/s each are asked for 2000 q/s.
	for (unsigned i = 0; i < 20000; i++) {
		ask(&device, i / 2000.0, (uint16_t)(i % 100));
		replies(&device, i / 2000.0);
	}
	replies(&device, 20);
	c = director_counters(device.director);
	assert_in_range(c->answered, 10000, 10000 + 2 * 14);
	assert_int_equal(c->drops[DIRECTOR_DROP_BACKEND_QUEUE], 20000 - c->answered);
	check_balance(&device);
	device_close(&device);
}

static void below_capacity_a_queue_loses_nothing(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	for (int i = 0; i < 2; i++) {
		device.backends[i].concurrency = 4;
		device.backends[i].service_time = 4 * NS_PER_MS;
		device.backends[i].distribution = i == 0 ? BACKEND_EXPONENTIAL : BACKEND_UNIFORM;
		device.backends[i].queue = 200;
	}
	device_open(&device);
	for (unsigned i = 0; i < 20000; i++) {
		ask(&device, i / 1200.0, (uint16_t)(i % 100));
		replies(&device, i / 1200.0);
	}
	replies(&device, 60);
	assert_int_equal(director_counters(device.director)->answered, 20000);
	device_close(&device);
}

static void icmp_limits_make_most_refusals_silent(void **state)
{
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.icmp_ratelimit = NS_PER_SEC;
	device_open(&device);
	apply(&device, 0, SCENARIO_CLOSE, "a");
	apply(&device, 0, SCENARIO_CLOSE, "b");
	for (unsigned i = 0; i < 1000; i++) {
		ask(&device, i / 100.0, 1000);
	}
	replies(&device, 20);
	// A burst of six, then one a second.
	assert_in_range(director_counters(device.director)->refused, 14, 16);
	check_balance(&device);
	device_close(&device);
	device_prepare(&device);
	device.options.icmp_msgs_per_sec = 1000;
	device_open(&device);
	apply(&device, 0, SCENARIO_CLOSE, "a");
	apply(&device, 0, SCENARIO_CLOSE, "b");
	for (unsigned i = 0; i < 40000; i++) {
		ask(&device, i / 10000.0, (uint16_t)(i % 500));
		replies(&device, i / 10000.0);
	}
	replies(&device, 20);
	assert_in_range(director_counters(device.director)->refused, 3900, 4060);
	check_balance(&device);
	device_close(&device);
}

/** Whatever faults and events happen, each query has one end, and buffers are neither lost nor freed twice.
 */
static void every_query_is_accounted_for(void **state)
{
	static const enum scenario_kind kinds[] = {SCENARIO_REMOVE,  SCENARIO_DRAIN,  SCENARIO_KILL,
	                                           SCENARIO_CLOSE,   SCENARIO_VANISH, SCENARIO_LAMEDUCK,
	                                           SCENARIO_RESTORE, SCENARIO_RESTORE};
	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct random random;
		struct device device;
		double t = 0;

		random_seed(&random, seed, 0);
		device_prepare(&device);
		device.options.seed = seed;
		device.options.ipvs.udp_timeout = seconds(2);
		device.options.ipvs.expire_nodest_conn = seed & 1;
		device.options.ipvs.lazy = seed & 2;
		device.options.ipvs.conntrack = seed & 4;
		device.options.ipvs.connections = (seed & 8) != 0 ? 20 : 1000;
		device.options.pending = (seed & 16) != 0 ? 16 : 1000;
		device.options.faults = (struct director_faults){.loss_in = 0.05,
		                                                 .loss_out = 0.05,
		                                                 .duplicate_in = 0.1,
		                                                 .corrupt_in = 0.05,
		                                                 .jitter_in = seed % 3 * NS_PER_MS,
		                                                 .duplicate_out = 0.1,
		                                                 .jitter_out = seed % 5 * NS_PER_MS};
		device.backends[0].loss = 0.1;
		device.backends[1].concurrency = 2;
		device.backends[1].queue = 2;
		device.backends[1].service_time = 20 * NS_PER_MS;
		device_open(&device);
		for (unsigned i = 0; i < 4000; i++) {
			t += 0.01 * random_double(&random);
			ask(&device, t, (uint16_t)random_below(&random, 50));
			if (random_below(&random, 3) == 0) {
				replies(&device, t);
			}
			if (random_below(&random, 100) == 0) {
				struct scenario_event event = {.kind = kinds[random_below(&random, 8)]};
				struct error error = {0};

				event.backend[0] = random_below(&random, 2) == 0 ? 'a' : 'b';
				director_apply(device.director, seconds(t), &event, &error);
			}
			check_balance(&device);
		}
		replies(&device, t + 10);
		assert_int_equal(director_pending(device.director), 0);
		assert_true(director_next(device.director) == NS_NEVER);
		check_balance(&device);
		device_close(&device);
	}
}

static void faults_on_the_way_out_happen_as_often_as_asked(void **state)
{
	const struct director_counters *c;
	struct rte_mbuf *frames[BURST];
	struct device device;
	unsigned got = 0;

	(void)state;
	device_prepare(&device);
	device.options.faults = (struct director_faults){.loss_out = 0.1,
	                                                 .duplicate_out = 0.1,
	                                                 .corrupt_out = 0.1,
	                                                 .truncate_out = 0.1,
	                                                 .wrong_source_out = 0.1,
	                                                 .jitter_out = 5 * NS_PER_MS};
	device_open(&device);
	for (unsigned i = 0; i < 10000; i++) {
		unsigned count;

		ask(&device, i / 1000.0, (uint16_t)(i % 500));
		count = director_transmit(device.director, seconds(i / 1000.0), frames, BURST);
		got += count;
		rte_pktmbuf_free_bulk(frames, count);
	}
	for (unsigned count; (count = director_transmit(device.director, seconds(20), frames, BURST)) > 0;
	     got += count) {
		rte_pktmbuf_free_bulk(frames, count);
	}
	c = director_counters(device.director);
	assert_int_equal(got, c->answered + c->own_source + c->duplicated);
	// Four standard deviations of 10000 (or 9000) trials at 10 %.
	assert_in_range(c->drops[DIRECTOR_DROP_FAULT_LOSS_OUT], 880, 1120);
	assert_in_range(c->duplicated, 785, 1015);
	assert_in_range(c->corrupted, 785, 1015);
	assert_in_range(c->truncated, 785, 1015);
	assert_in_range(c->own_source, 785, 1015);
	check_balance(&device);
	device_close(&device);
}

static void rubbish_is_counted_and_harms_nothing(void **state)
{
	struct random random;
	struct device device;

	(void)state;
	random_seed(&random, 3, 0);
	device_prepare(&device);
	device.options.proxy_neighbours = true;
	device.options.verify_checksums = false;
	device_open(&device);
	for (unsigned i = 0; i < 50000; i++) {
		struct rte_mbuf *mbuf = make_query(&device, (uint16_t)i);
		uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

		for (uint64_t flips = random_below(&random, 6); flips > 0; flips--) {
			frame[random_below(&random, mbuf->data_len)] = (uint8_t)random_next(&random);
		}
		if (random_below(&random, 4) == 0) {
			rte_pktmbuf_trim(mbuf, (uint16_t)random_below(&random, mbuf->data_len));
		}
		director_receive(device.director, i * NS_PER_MS, &mbuf, 1);
		while (director_transmit(device.director, i * NS_PER_MS, &mbuf, 1) > 0) {
			rte_pktmbuf_free(mbuf);
		}
		check_balance(&device);
	}
	assert_true(drops(&device, DIRECTOR_DROP_MALFORMED) > 0 &&
	            drops(&device, DIRECTOR_DROP_FOREIGN) > 0 &&
	            drops(&device, DIRECTOR_DROP_BACKEND_QUERY) > 0);
	device_close(&device);
}

static void bad_checksums_are_dropped(void **state)
{
	struct device device;
	struct rte_mbuf *mbuf;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	mbuf = make_query(&device, 1000);
	rte_pktmbuf_mtod(mbuf, uint8_t *)[60] ^= 1;
	director_receive(device.director, 0, &mbuf, 1);
	assert_int_equal(drops(&device, DIRECTOR_DROP_CHECKSUM), 1);
	device_close(&device);
}

// As a NIC's driver or a sender at the other end of a ring marks what it verified or wrote; one of the two
// marks says nothing.
static void a_good_mark_stands_for_a_checksum_if_asked(void **state)
{
	static const uint64_t both = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	static const struct {
		bool unmarked;
		uint64_t marks;
		bool taken;
	} cases[] = {{false, both, false},
	             {true, both, true},
	             {true, 0, false},
	             {true, RTE_MBUF_F_RX_IP_CKSUM_GOOD, false},
	             {true, RTE_MBUF_F_RX_L4_CKSUM_GOOD, false},
	             {true, RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_NONE, false},
	             {true, RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct device device;
		struct rte_mbuf *mbuf;

		device_prepare(&device);
		device.options.verify_unmarked = cases[i].unmarked;
		device_open(&device);
		mbuf = make_query(&device, 1000);
		rte_pktmbuf_mtod(mbuf, uint8_t *)[40] ^= 1;
		mbuf->ol_flags = cases[i].marks;
		director_receive(device.director, 0, &mbuf, 1);
		assert_int_equal(drops(&device, DIRECTOR_DROP_CHECKSUM), !cases[i].taken);
		assert_string_equal(replies(&device, 1), cases[i].taken ? "b" : "");
		check_balance(&device);
		device_close(&device);
	}
}

static void an_exhausted_pool_is_counted(void **state)
{
	struct rte_mbuf *taken[8192];
	struct device device;
	unsigned count = 0;

	(void)state;
	device_prepare(&device);
	device_open(&device);
	while (count < 8192 && (taken[count] = rte_pktmbuf_alloc(director_pool)) != NULL) {
		count++;
	}
	assert_string_equal(ask_ports(&device, 0, 1000, 3), "");
	assert_int_equal(drops(&device, DIRECTOR_DROP_NO_MBUF), 3);
	rte_pktmbuf_free_bulk(taken, count);
	assert_string_equal(ask_ports(&device, 1, 1000, 3), "bab");
	check_balance(&device);
	device_close(&device);
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
	uint64_t sums[2] = {0};

	(void)state;
	for (int run = 0; run < 2; run++) {
		struct device device;

		device_prepare(&device);
		device.options.seed = 42;
		device.options.faults = (struct director_faults){.loss_in = 0.1,
		                                                 .duplicate_out = 0.1,
		                                                 .corrupt_out = 0.1,
		                                                 .jitter_out = 3 * NS_PER_MS};
		device.backends[0].distribution = BACKEND_EXPONENTIAL;
		device_open(&device);
		for (unsigned i = 0; i < 2000; i++) {
			struct rte_mbuf *mbuf;

			ask(&device, i / 1000.0, (uint16_t)(i % 100));
			while (director_transmit(device.director, seconds(i / 1000.0), &mbuf, 1) > 0) {
				for (uint32_t j = 0; j < mbuf->pkt_len; j++) {
					sums[run] =
					        random_mix(sums[run] ^ rte_pktmbuf_mtod(mbuf, uint8_t *)[j]);
				}
				rte_pktmbuf_free(mbuf);
			}
		}
		device_close(&device);
	}
	assert_true(sums[0] != 0 && sums[0] == sums[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(overload_loses_what_exceeds_the_capacity),
	        cmocka_unit_test(below_capacity_a_queue_loses_nothing),
	        cmocka_unit_test(icmp_limits_make_most_refusals_silent),
	        cmocka_unit_test(every_query_is_accounted_for),
	        cmocka_unit_test(faults_on_the_way_out_happen_as_often_as_asked),
	        cmocka_unit_test(rubbish_is_counted_and_harms_nothing),
	        cmocka_unit_test(bad_checksums_are_dropped),
	        cmocka_unit_test(a_good_mark_stands_for_a_checksum_if_asked),
	        cmocka_unit_test(an_exhausted_pool_is_counted),
	        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, device_set_up, device_tear_down);
}

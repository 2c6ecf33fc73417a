// The director as a device: frames in, frames out. Each test drives it with a virtual clock.
#include "lab.h"

#include "base/random.h"
#include "director/director.h"
#include "packet/craft.h"
#include "packet/neighbour.h"
#include "packet/parse.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <errno.h>

#define BURST 64

static struct rte_mempool *client_pool, *director_pool;

static const uint8_t client_mac[6] = {0x02, 0, 0, 0, 0, 9};

/** "example.com A IN" with an OPT record that asks for the NSID. */
static const uint8_t query_wire[44] = "\0\0\1\0\0\1\0\0\0\0\0\1"
                                      "\7example\3com\0\0\1\0\1"
                                      "\0\0\51\4\320\0\0\0\0\0\4\0\3\0\0";

static struct backend_options make_backend(const char *name, const char *address)
{
	struct backend_options options = {.weight = 1, .service_time = NS_PER_MS};

	snprintf(options.name, sizeof(options.name), "%s", name);
	options.address = address_of(address);
	return options;
}

struct device {
	struct director *director;
	struct director_options options;
	struct director_service service;
	struct backend_options backends[2];
	const char *client;
	uint16_t vlan;
	uint16_t id;
};

static void device_prepare(struct device *device)
{
	*device = (struct device){
	        .options = director_options_default(), .client = "192.0.2.1", .vlan = PACKET_VLAN_NONE};
	device->service = (struct director_service){.address = address_of("10.96.0.10"), .port = 53};
	device->backends[0] = make_backend("a", "10.1.0.1");
	device->backends[1] = make_backend("b", "10.1.0.2");
	device->options.ipvs = lab_options();
	device->options.services = &device->service;
	device->options.service_count = 1;
	device->options.backends = device->backends;
	device->options.backend_count = 2;
}

static void device_open(struct device *device)
{
	struct error error = {0};

	director_create(&device->director, &device->options, director_pool, &error);
	assert_string_equal(error.text, "");
}

static void device_close(struct device *device)
{
	director_destroy(device->director);
	assert_int_equal(rte_mempool_in_use_count(director_pool), 0);
	assert_int_equal(rte_mempool_in_use_count(client_pool), 0);
}

static struct rte_mbuf *make_query(struct device *device, uint16_t port)
{
	struct packet_header_options options = {
	        .vlan = device->vlan, .destination = device->service.address, .destination_port = 53};
	struct packet_payload payload = {.wire = query_wire,
	                                 .length = sizeof(query_wire),
	                                 .sum = packet_sum(query_wire, sizeof(query_wire))};
	struct address address = address_of(device->client);
	struct packet_source source = packet_source_address(&address, port);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(client_pool);
	struct packet_header header;
	struct error error = {0};
	size_t length;

	assert_non_null(mbuf);
	memcpy(options.source_mac, client_mac, 6);
	memcpy(options.destination_mac, device->options.mac, 6);
	assert_int_equal(packet_header_prepare(&header, &options, &error), 0);
	length = packet_craft(rte_pktmbuf_mtod(mbuf, uint8_t *), &header, &source, &payload, device->id++);
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	return mbuf;
}

static void ask(struct device *device, double t, uint16_t port)
{
	struct rte_mbuf *mbuf = make_query(device, port);

	director_receive(device->director, seconds(t), &mbuf, 1);
}

/**
 * What came back by `t`, as one string: the name of the real server ('a', 'b') for an answer from the
 * service, its capital for one from the server's own address, 'r' for port and 'h' for host unreachable from
 * the service, 'x' for anything else.
 */
static const char *replies(struct device *device, double t)
{
	static char text[4096];
	struct rte_mbuf *frames[BURST];
	unsigned count, used = 0;

	while ((count = director_transmit(device->director, seconds(t), frames, BURST)) > 0) {
		for (unsigned i = 0; i < count; i++) {
			struct packet_view view;
			struct address source;
			char letter = 'x';

			packet_parse(rte_pktmbuf_mtod(frames[i], uint8_t *), frames[i]->pkt_len, &view);
			assert_int_not_equal(view.kind, PACKET_MALFORMED);
			assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_GOOD);
			assert_memory_equal(view.frame, client_mac, 6);
			assert_int_equal(view.vlan, device->vlan);
			source = packet_address(&view, view.source);
			if (view.kind == PACKET_UDP && view.payload_length > 12) {
				// The NSID is the last octet of the message.
				letter = (char)view.payload[view.payload_length - 1];
				assert_int_equal(view.source_port, 53);
				if (!address_equal(&source, &device->service.address)) {
					letter = (char)(letter - 'a' + 'A');
				}
			} else if (view.kind == PACKET_ICMP_UNREACHABLE) {
				struct address inner = packet_address(&view, view.quote.destination);

				if (address_equal(&source, &device->service.address) &&
				    address_equal(&inner, &device->service.address) &&
				    view.quote.destination_port == 53 && view.quote.has_id) {
					letter = view.quote.reason == PACKET_UNREACHABLE_PORT   ? 'r'
					         : view.quote.reason == PACKET_UNREACHABLE_HOST ? 'h'
					                                                        : 'x';
				}
			}
			text[used++] = letter;
			rte_pktmbuf_free(frames[i]);
		}
	}
	text[used] = 0;
	return text;
}

/** Everything by its letter, at one time and the answers a little later. */
static const char *ask_ports(struct device *device, double t, uint16_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ask(device, t, (uint16_t)(first + i));
	}
	return replies(device, t + 0.005);
}

static void apply(struct device *device, double t, enum scenario_kind kind, const char *backend)
{
	struct scenario_event event = {.at = seconds(t), .kind = kind, .weight = 1};
	struct error error = {0};

	snprintf(event.backend, sizeof(event.backend), "%s", backend);
	director_apply(device->director, seconds(t), &event, &error);
	assert_string_equal(error.text, "");
}

static uint64_t drops(const struct device *device, enum director_drop drop)
{
	return director_counters(device->director)->drops[drop];
}

/** Every query that came in is accounted for once. */
static void check_balance(const struct device *device)
{
	const struct director_counters *c = director_counters(device->director);
	uint64_t ends = c->answered + c->own_source + c->refused + c->unreachable +
	                director_pending(device->director);

	for (unsigned i = DIRECTOR_DROP_DELETED; i < DIRECTOR_DROPS; i++) {
		ends += c->drops[i];
	}
	assert_int_equal(ends, c->queries);
}

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

static void a_rolling_update_hits_half_then_three_quarters_of_the_ports(void **state)
{
	struct scenario_event roll = {.at = seconds(10),
	                              .kind = SCENARIO_ROLL,
	                              .roll = {.kube_proxy_delay = seconds(1),
	                                       .lameduck = seconds(5),
	                                       .pod_start = seconds(10),
	                                       .max_surge = 1}};
	struct scenario_backend fleet[2] = {{.name = "a", .weight = 1}, {.name = "b", .weight = 1}};
	const struct scenario_event *event;
	struct scenario scenario = {0};
	struct error error = {0};
	uint64_t flushed[2] = {0}, removals = 0;
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.ipvs.udp_timeout = seconds(300);
	device.options.ipvs.expire_nodest_conn = true;
	device_open(&device);
	for (int i = 0; i < 2; i++) {
		fleet[i].address = device.backends[i].address;
	}
	assert_int_equal(scenario_add(&scenario, &roll, &error), 0);
	assert_int_equal(scenario_expand(&scenario, fleet, 2, &error), 0);
	for (int t = 0; t < 60; t++) {
		while ((event = scenario_pop(&scenario, seconds(t))) != NULL) {
			assert_int_equal(director_apply(device.director, event->at, event, &error), 0);
			if (event->kind == SCENARIO_REMOVE) {
				ipvs_expire((struct ipvs *)(uintptr_t)director_ipvs(device.director),
				            event->at + seconds(0.5));
				flushed[removals++] = ipvs_counters(director_ipvs(device.director))->flushed;
			}
		}
		assert_int_equal(strlen(ask_ports(&device, t + 0.6, 1000, 120)), 120);
	}
	assert_int_equal(removals, 2);
	assert_int_equal(flushed[0], 60);
	assert_int_equal(flushed[1] - flushed[0], 90);
	assert_string_equal(director_backend(device.director, 3)->options.name, "b#2");
	assert_true(director_backend(device.director, 3)->answered > 0);
	assert_null(director_backend(device.director, 4));
	check_balance(&device);
	scenario_clear(&scenario);
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

static void neighbours_and_pings_are_answered(void **state)
{
	struct packet_station own = {.vlan = PACKET_VLAN_NONE, .address = address_of("192.0.2.1")};
	struct address service = address_of("10.96.0.10"), gateway = address_of("192.0.2.254");
	struct device device;

	(void)state;
	memcpy(own.mac, client_mac, 6);
	for (int proxy = 0; proxy <= 1; proxy++) {
		device_prepare(&device);
		device.options.proxy_neighbours = proxy;
		device_open(&device);
		for (int i = 0; i < 2; i++) {
			struct rte_mbuf *mbuf = rte_pktmbuf_alloc(client_pool);
			struct packet_view view;
			size_t length = packet_arp_request(rte_pktmbuf_mtod(mbuf, uint8_t *), &own,
			                                   i == 0 ? &service : &gateway);

			mbuf->data_len = (uint16_t)length;
			mbuf->pkt_len = (uint32_t)length;
			director_receive(device.director, 0, &mbuf, 1);
			if (i == 1 && !proxy) {
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
		assert_int_equal(director_counters(device.director)->neighbours, 1 + proxy);
		device_close(&device);
	}
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

static int set_up(void **state)
{
	static char words[][16] = {"test",        "--no-huge",      "--no-pci", "-m", "128",
	                           "--no-shconf", "--no-telemetry", "-l",       "0",  "--log-level",
	                           "4",           "--vdev",         "net_ring0"};
	char *arguments[sizeof(words) / sizeof(words[0])];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		arguments[i] = words[i];
	}
	if (rte_eal_init(sizeof(words) / sizeof(words[0]), arguments) < 0) {
		return -1;
	}
	client_pool =
	        rte_pktmbuf_pool_create("client", 255, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	director_pool =
	        rte_pktmbuf_pool_create("director", 4095, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	return client_pool != NULL && director_pool != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rte_eal_cleanup();
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
	        cmocka_unit_test(overload_loses_what_exceeds_the_capacity),
	        cmocka_unit_test(below_capacity_a_queue_loses_nothing),
	        cmocka_unit_test(icmp_limits_make_most_refusals_silent),
	        cmocka_unit_test(a_rolling_update_hits_half_then_three_quarters_of_the_ports),
	        cmocka_unit_test(bad_events_are_refused_with_the_names_that_exist),
	        cmocka_unit_test(bad_options_are_refused_with_a_reason),
	        cmocka_unit_test(every_query_is_accounted_for),
	        cmocka_unit_test(faults_on_the_way_out_happen_as_often_as_asked),
	        cmocka_unit_test(neighbours_and_pings_are_answered),
	        cmocka_unit_test(rubbish_is_counted_and_harms_nothing),
	        cmocka_unit_test(bad_checksums_are_dropped),
	        cmocka_unit_test(an_exhausted_pool_is_counted),
	        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
	        cmocka_unit_test(a_port_step_answers_through_an_ethdev),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

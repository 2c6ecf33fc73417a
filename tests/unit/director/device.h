#pragma once
// A director as a device with two real servers, and a client that asks it frame by frame.
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

static inline struct backend_options make_backend(const char *name, const char *address)
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

static inline void device_prepare(struct device *device)
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

static inline void device_open(struct device *device)
{
	struct error error = {0};

	director_create(&device->director, &device->options, director_pool, &error);
	assert_string_equal(error.text, "");
}

static inline void device_close(struct device *device)
{
	director_destroy(device->director);
	assert_int_equal(rte_mempool_in_use_count(director_pool), 0);
	assert_int_equal(rte_mempool_in_use_count(client_pool), 0);
}

static inline struct rte_mbuf *make_query(struct device *device, uint16_t port)
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

static inline void ask(struct device *device, double t, uint16_t port)
{
	struct rte_mbuf *mbuf = make_query(device, port);

	director_receive(device->director, seconds(t), &mbuf, 1);
}

/**
 * What came back by `t`, as one string: the name of the real server ('a', 'b') for an answer from the
 * service, its capital for one from the server's own address, 'r' for port and 'h' for host unreachable from
 * the service, 'x' for anything else.
 */
static inline const char *replies(struct device *device, double t)
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
static inline const char *ask_ports(struct device *device, double t, uint16_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ask(device, t, (uint16_t)(first + i));
	}
	return replies(device, t + 0.005);
}

static inline void apply(struct device *device, double t, enum scenario_kind kind, const char *backend)
{
	struct scenario_event event = {.at = seconds(t), .kind = kind, .weight = 1};
	struct error error = {0};

	snprintf(event.backend, sizeof(event.backend), "%s", backend);
	director_apply(device->director, seconds(t), &event, &error);
	assert_string_equal(error.text, "");
}

static inline uint64_t drops(const struct device *device, enum director_drop drop)
{
	return director_counters(device->director)->drops[drop];
}

/** Every query that came in is accounted for once. */
static inline void check_balance(const struct device *device)
{
	const struct director_counters *c = director_counters(device->director);
	uint64_t ends = c->answered + c->own_source + c->refused + c->unreachable +
	                director_pending(device->director);

	for (unsigned i = DIRECTOR_DROP_DELETED; i < DIRECTOR_DROPS; i++) {
		ends += c->drops[i];
	}
	assert_int_equal(ends, c->queries);
}

static inline int device_set_up(void **state)
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

static inline int device_tear_down(void **state)
{
	(void)state;
	return rte_eal_cleanup();
}

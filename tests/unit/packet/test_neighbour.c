// Frames of ARP, neighbour discovery and ping, and the resolver, on a clock of the test's own.

#include "frames.h"
#include "sample.h"

#include "packet/neighbour.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 0xfe};

static struct packet_station station(const char *address, uint16_t vlan)
{
	struct packet_station own = {.mac = {2, 0, 0, 0, 0, 1}, .vlan = vlan};

	assert_int_equal(address_parse(address, &own.address), 0);
	return own;
}

static struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static void an_arp_request_has_the_bytes_of_rfc_826(void **state)
{
	// clang-format off
	static const uint8_t expected[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06,
		0, 1, 0x08, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 254,
	};
	// clang-format on
	struct packet_station own = station("192.0.2.1", PACKET_VLAN_NONE);
	struct address target = address_of("192.0.2.254");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];

	(void)state;
	assert_int_equal(packet_arp_request(frame, &own, &target), sizeof(expected));
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void an_arp_reply_answers_the_request(void **state)
{
	struct packet_station own = station("192.0.2.1", 7);
	struct address target = address_of("192.0.2.254"), told;
	uint8_t request[PACKET_NEIGHBOUR_FRAME_MAX], reply[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view asked, answered;
	size_t length = packet_arp_request(request, &own, &target);

	(void)state;
	assert_int_equal(length, 46);
	assert_int_equal(packet_parse(request, length, &asked), PACKET_ARP_REQUEST);
	assert_memory_equal(asked.neighbour.target, target.bytes, 4);
	length = packet_arp_reply(reply, &asked, gateway_mac);
	assert_int_equal(packet_parse(reply, length, &answered), PACKET_ARP_REPLY);
	assert_memory_equal(reply, own.mac, 6);
	assert_int_equal(answered.vlan, 7);
	told = packet_address(&answered, answered.neighbour.target);
	assert_true(address_equal(&told, &target));
	assert_memory_equal(answered.neighbour.mac, gateway_mac, 6);
	assert_memory_equal(answered.destination, own.address.bytes, 4);
}

static void broken_arp_is_named(void **state)
{
	struct packet_station own = station("192.0.2.1", PACKET_VLAN_NONE);
	struct address target = address_of("192.0.2.254");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view view;
	size_t length = packet_arp_request(frame, &own, &target);

	(void)state;
	for (size_t cut = 14; cut < length; cut++) {
		assert_int_equal(packet_parse(frame, cut, &view), PACKET_MALFORMED);
		assert_int_equal(view.reason, PACKET_BAD_ARP_TRUNCATED);
	}
	frame[22] |= 1;
	assert_int_equal(packet_parse(frame, length, &view), PACKET_MALFORMED);
	assert_int_equal(view.reason, PACKET_BAD_ARP_SENDER);
	frame[15] = 6; // IEEE 802 networks
	assert_int_equal(packet_parse(frame, length, &view), PACKET_OTHER);
}

static void a_solicitation_goes_to_the_solicited_node_group(void **state)
{
	static const uint8_t group_mac[6] = {0x33, 0x33, 0xff, 0xcd, 0xef, 0x01};
	struct packet_station own = station("2001:db8::1", 9);
	struct address target = address_of("2001:db8::abcd:ef01"), group = address_of("ff02::1:ffcd:ef01");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view view;
	size_t length = packet_nd_solicit(frame, &own, &target);

	(void)state;
	assert_int_equal(length, PACKET_NEIGHBOUR_FRAME_MAX);
	assert_int_equal(packet_parse(frame, length, &view), PACKET_ND_SOLICIT);
	assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_GOOD);
	assert_memory_equal(frame, group_mac, 6);
	assert_memory_equal(view.destination, group.bytes, 16);
	assert_memory_equal(view.source, own.address.bytes, 16);
	assert_memory_equal(view.neighbour.target, target.bytes, 16);
	assert_memory_equal(view.neighbour.mac, own.mac, 6);
	assert_int_equal(view.hop_limit, 255);
	assert_int_equal(view.vlan, 9);
}

static void an_advertisement_answers_the_solicitation(void **state)
{
	struct packet_station own = station("2001:db8::1", PACKET_VLAN_NONE);
	struct address target = address_of("2001:db8::fe");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX], answer[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view asked, answered;
	size_t length = packet_nd_solicit(frame, &own, &target);

	(void)state;
	assert_int_equal(packet_parse(frame, length, &asked), PACKET_ND_SOLICIT);
	length = packet_nd_advert(answer, &asked, gateway_mac);
	assert_int_equal(packet_parse(answer, length, &answered), PACKET_ND_ADVERT);
	assert_int_equal(packet_checksum_verify(&answered), PACKET_CHECKSUM_GOOD);
	assert_memory_equal(answer, own.mac, 6);
	assert_memory_equal(answered.source, target.bytes, 16);
	assert_memory_equal(answered.destination, own.address.bytes, 16);
	assert_memory_equal(answered.neighbour.mac, gateway_mac, 6);
	assert_int_equal(answered.transport[4], 0x60);
}

// Duplicate address detection (RFC 4862, 5.4.2): no source, no option; the answer goes to all nodes.
static void a_probe_without_a_source_is_answered_to_all_nodes(void **state)
{
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct address target = address_of("2001:db8::fe"), all_nodes = address_of("ff02::1");
	// clang-format off
	uint8_t frame[14 + 40 + 24] = {
		0x33, 0x33, 0xff, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 24, 58, 255, [38] = 0xff, 2, [49] = 1, 0xff, 0, 0, 0xfe, 135,
	};
	// clang-format on
	uint8_t answer[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view asked, answered;
	size_t length;

	(void)state;
	memcpy(frame + 62, target.bytes, 16);
	assert_int_equal(packet_parse(frame, sizeof(frame), &asked), PACKET_ND_SOLICIT);
	assert_null(asked.neighbour.mac);
	length = packet_nd_advert(answer, &asked, gateway_mac);
	assert_int_equal(packet_parse(answer, length, &answered), PACKET_ND_ADVERT);
	assert_int_equal(packet_checksum_verify(&answered), PACKET_CHECKSUM_GOOD);
	assert_memory_equal(answer, all_nodes_mac, 6);
	assert_memory_equal(answered.destination, all_nodes.bytes, 16);
	assert_int_equal(answered.transport[4], 0x20);
}

// RFC 4861, 7.1.1: each clause by itself.
static void a_solicitation_that_rfc_4861_forbids_is_malformed(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum packet_malformed reason;
	} cases[] = {
	        {21, 254, PACKET_BAD_ND_HOP_LIMIT}, {55, 1, PACKET_BAD_ND_FIELD},
	        {62, 0xff, PACKET_BAD_ND_FIELD},    {79, 0, PACKET_BAD_ND_OPTION},
	        {79, 2, PACKET_BAD_ND_OPTION},      {19, 20, PACKET_BAD_ND_LENGTH},
	        {19, 7, PACKET_BAD_ICMP_TRUNCATED},
	};
	struct packet_station own = station("2001:db8::1", PACKET_VLAN_NONE);
	struct address target = address_of("2001:db8::fe");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view view;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = packet_nd_solicit(frame, &own, &target);

		frame[cases[i].at] = cases[i].value;
		assert_int_equal(packet_parse(frame, length, &view), PACKET_MALFORMED);
		assert_string_equal(packet_malformed_text(view.reason),
		                    packet_malformed_text(cases[i].reason));
	}
	// A source that is a group: its answer would be solicited and multicast, which 7.1.2 forbids.
	assert_int_equal(packet_nd_solicit(frame, &own, &target), 86);
	frame[22] = 0xff;
	assert_int_equal(packet_parse(frame, 86, &view), PACKET_MALFORMED);
	assert_int_equal(view.reason, PACKET_BAD_ND_FIELD);
	// A source link-layer option from the unspecified address.
	assert_int_equal(packet_nd_solicit(frame, &own, &target), 86);
	memset(frame + 22, 0, 16);
	assert_int_equal(packet_parse(frame, 86, &view), PACKET_MALFORMED);
	assert_int_equal(view.reason, PACKET_BAD_ND_FIELD);
}

static void a_ping_is_answered_with_its_own_data(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 20, 0);
	for (int round = 0; round < 2000; round++) {
		bool ipv4 = random_below(&random, 2);
		size_t data = random_below(&random, 100), length, at = ipv4 ? 34 : 54;
		const uint8_t old[] = {FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(0, 1, 0, 0)};
		const uint8_t young[] = {FRAME_ETHERNET(0x86, 0xdd), FRAME_IPV6(0, 58, 64)};
		uint8_t ping[300], pong[300];
		struct packet_view asked, answered;
		uint8_t type = ipv4 ? 8 : 128;

		memcpy(ping, ipv4 ? old : young, at);
		packet_write16(ping + (ipv4 ? 16 : 18), (uint16_t)(8 + data + (ipv4 ? 20 : 0)));
		sample_bytes(&random, ping + at, 8 + data);
		ping[at] = type;
		ping[at + 1] = 0;
		length = at + 8 + data;
		assert_int_equal(packet_parse(ping, length, &asked), PACKET_ICMP_ECHO_REQUEST);
		assert_int_equal(packet_echo_reply(pong, length - 1, &asked, gateway_mac), 0);
		assert_int_equal(packet_echo_reply(pong, length, &asked, gateway_mac), length);
		assert_memory_equal(pong, ping + 6, 6);
		assert_memory_equal(pong + 6, gateway_mac, 6);
		assert_memory_equal(pong + at + 4, ping + at + 4, 4 + data);
		assert_int_equal(pong[at], ipv4 ? 0 : 129);
		// Make a request of it to have its checksum verified: undo the type in the sum.
		pong[at] = type;
		packet_write16(pong + at + 2,
		               packet_checksum_update(packet_read16(pong + at + 2), ipv4 ? 0 : 129 << 8,
		                                      (uint16_t)(type << 8)));
		assert_int_equal(packet_parse(pong, length, &answered), PACKET_ICMP_ECHO_REQUEST);
		assert_int_equal(packet_checksum_verify(&answered), PACKET_CHECKSUM_GOOD);
		assert_memory_equal(answered.source, asked.destination, ipv4 ? 4 : 16);
		assert_memory_equal(answered.destination, asked.source, ipv4 ? 4 : 16);
	}
}

static void a_ping_to_a_group_is_not_answered(void **state)
{
	uint8_t ping[] = {FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(28, 1, 0, 0), 8, 0, 0, 0, 0, 1, 0, 1},
	        pong[64];
	struct packet_view view;

	(void)state;
	assert_int_equal(packet_parse(ping, sizeof(ping), &view), PACKET_ICMP_ECHO_REQUEST);
	assert_int_equal(packet_echo_reply(pong, sizeof(pong), &view, gateway_mac), sizeof(ping));
	ping[30] = 224;
	assert_int_equal(packet_echo_reply(pong, sizeof(pong), &view, gateway_mac), 0);
}

static struct packet_neighbour started(const char *own, const char *target, ns_t now)
{
	struct packet_neighbour_options options = {.own = station(own, PACKET_VLAN_NONE),
	                                           .target = address_of(target)};
	struct packet_neighbour neighbour;

	assert_int_equal(packet_neighbour_start(&neighbour, &options, now, NULL), 0);
	return neighbour;
}

static void a_silent_neighbour_is_probed_ever_slower_and_given_up_after_three_seconds(void **state)
{
	static const ns_t due_ms[] = {0, 100, 300, 700, 1500, 2500, 3000};
	struct packet_neighbour neighbour = started("192.0.2.1", "192.0.2.254", 5 * NS_PER_SEC);
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct error error = {0};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		ns_t due = 5 * NS_PER_SEC + due_ms[i] * NS_PER_MS;

		assert_int_equal(packet_neighbour_due(&neighbour), due);
		if (i > 0) {
			assert_int_equal(packet_neighbour_step(&neighbour, due - 1, frame, &error), 0);
		}
		assert_int_equal(packet_neighbour_step(&neighbour, due, frame, &error), 42);
		assert_int_equal(packet_neighbour_step(&neighbour, due, frame, &error), 0);
	}
	assert_int_equal(packet_neighbour_due(&neighbour), 8 * NS_PER_SEC);
	assert_false(error_is_set(&error));
	assert_int_equal(packet_neighbour_step(&neighbour, 8 * NS_PER_SEC, frame, &error), -EHOSTUNREACH);
	assert_int_equal(neighbour.state, PACKET_NEIGHBOUR_FAILED);
	assert_non_null(strstr(error.text, "192.0.2.254 did not answer 6 ARP requests in 3.0 s"));
	assert_int_equal(packet_neighbour_due(&neighbour), NS_NEVER);
}

static void an_answer_resolves_the_neighbour_and_a_later_one_may_move_it(void **state)
{
	static const char *const ends[2][2] = {{"192.0.2.1", "192.0.2.254"}, {"2001:db8::1", "2001:db8::fe"}};
	static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 0xfd};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct packet_neighbour neighbour = started(ends[i][0], ends[i][1], 0);
		uint8_t probe[PACKET_NEIGHBOUR_FRAME_MAX], answer[PACKET_NEIGHBOUR_FRAME_MAX];
		struct packet_view asked, answered;
		int length = packet_neighbour_step(&neighbour, 0, probe, NULL);
		size_t (*reply)(uint8_t *, const struct packet_view *, const uint8_t *) =
		        i == 0 ? packet_arp_reply : packet_nd_advert;

		assert_true(length > 0);
		packet_parse(probe, (size_t)length, &asked);
		assert_false(
		        packet_neighbour_received(&neighbour, &asked)); // our own probe says nothing of it
		packet_parse(answer, reply(answer, &asked, gateway_mac), &answered);
		assert_true(packet_neighbour_received(&neighbour, &answered));
		assert_int_equal(neighbour.state, PACKET_NEIGHBOUR_RESOLVED);
		assert_memory_equal(neighbour.mac, gateway_mac, 6);
		assert_false(packet_neighbour_received(&neighbour, &answered));
		assert_int_equal(packet_neighbour_step(&neighbour, NS_PER_SEC, probe, NULL), 0);
		assert_int_equal(packet_neighbour_due(&neighbour), NS_NEVER);
		packet_parse(answer, reply(answer, &asked, other_mac), &answered);
		assert_true(packet_neighbour_received(&neighbour, &answered));
		assert_memory_equal(neighbour.mac, other_mac, 6);
	}
}

static void a_request_of_the_neighbours_own_resolves_it(void **state)
{
	struct packet_neighbour neighbour = started("192.0.2.1", "192.0.2.254", 0);
	struct packet_station gateway = station("192.0.2.254", PACKET_VLAN_NONE);
	struct address third = address_of("192.0.2.77");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view view;

	(void)state;
	packet_parse(frame, packet_arp_request(frame, &gateway, &third), &view);
	assert_true(packet_neighbour_received(&neighbour, &view));
	assert_memory_equal(neighbour.mac, gateway.mac, 6);
}

static void frames_about_others_or_damaged_ones_teach_nothing(void **state)
{
	struct packet_neighbour neighbour = started("2001:db8::1", "2001:db8::fe", 0);
	struct packet_station own = station("2001:db8::1", PACKET_VLAN_NONE);
	struct address third = address_of("2001:db8::77");
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX], answer[PACKET_NEIGHBOUR_FRAME_MAX];
	struct packet_view asked, answered;
	size_t length;

	(void)state;
	packet_parse(frame, packet_nd_solicit(frame, &own, &third), &asked);
	packet_parse(answer, packet_nd_advert(answer, &asked, gateway_mac), &answered);
	assert_false(packet_neighbour_received(&neighbour, &answered));
	packet_parse(frame, packet_nd_solicit(frame, &own, &neighbour.options.target), &asked);
	length = packet_nd_advert(answer, &asked, gateway_mac);
	answer[length - 1] ^= 1;
	assert_int_equal(packet_parse(answer, length, &answered), PACKET_ND_ADVERT);
	assert_false(packet_neighbour_received(&neighbour, &answered));
	asked.vlan = 3;
	packet_parse(answer, packet_nd_advert(answer, &asked, gateway_mac), &answered);
	assert_false(packet_neighbour_received(&neighbour, &answered));
	assert_int_equal(neighbour.state, PACKET_NEIGHBOUR_PROBING);
}

static void options_that_can_not_be_resolved_are_refused_with_a_reason(void **state)
{
	const struct packet_neighbour_options good = {.own = station("192.0.2.1", PACKET_VLAN_NONE),
	                                              .target = address_of("192.0.2.254")};
	struct packet_neighbour_options bad[6] = {good, good, good, good, good, good};
	static const char *const says[6] = {"own MAC",     "VLAN 4095", "other IPv6",
	                                    "own address", "unicast",   "interval"};
	struct packet_neighbour neighbour;

	(void)state;
	memset(bad[0].own.mac, 0xff, 6);
	bad[1].own.vlan = 4095;
	bad[2].target = address_of("2001:db8::1");
	bad[3].target = bad[3].own.address;
	bad[4].target = address_of("0.0.0.0");
	bad[5].first_interval = 2 * NS_PER_SEC;
	for (int i = 0; i < 6; i++) {
		struct error error = {0};

		assert_int_equal(packet_neighbour_start(&neighbour, &bad[i], 0, &error), -EINVAL);
		assert_non_null(strstr(error.text, says[i]));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_arp_request_has_the_bytes_of_rfc_826),
	        cmocka_unit_test(an_arp_reply_answers_the_request),
	        cmocka_unit_test(broken_arp_is_named),
	        cmocka_unit_test(a_solicitation_goes_to_the_solicited_node_group),
	        cmocka_unit_test(an_advertisement_answers_the_solicitation),
	        cmocka_unit_test(a_probe_without_a_source_is_answered_to_all_nodes),
	        cmocka_unit_test(a_solicitation_that_rfc_4861_forbids_is_malformed),
	        cmocka_unit_test(a_ping_is_answered_with_its_own_data),
	        cmocka_unit_test(a_ping_to_a_group_is_not_answered),
	        cmocka_unit_test(a_silent_neighbour_is_probed_ever_slower_and_given_up_after_three_seconds),
	        cmocka_unit_test(an_answer_resolves_the_neighbour_and_a_later_one_may_move_it),
	        cmocka_unit_test(a_request_of_the_neighbours_own_resolves_it),
	        cmocka_unit_test(frames_about_others_or_damaged_ones_teach_nothing),
	        cmocka_unit_test(options_that_can_not_be_resolved_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Parsing: what was crafted comes back, what is broken is named, and nothing is read beyond the end.

#include "frames.h"
#include "sample.h"

#include "packet/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_was_crafted_is_parsed_back(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1024];

	(void)state;
	random_seed(&random, 10, 0);
	for (int round = 0; round < 20000; round++) {
		uint16_t id = (uint16_t)random_next(&random);
		struct address address;
		size_t length;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		length = packet_craft(frame, &sample.header, &sample.source, &sample.payload, id);
		memset(frame + length, 0xa5, 20); // what padding there is must not matter
		assert_int_equal(packet_parse(frame, length + random_below(&random, 20), &view), PACKET_UDP);
		assert_int_equal(view.kind, PACKET_UDP);
		assert_int_equal(view.vlan, sample.options.vlan);
		address = packet_address(&view, view.source);
		assert_true(address_equal(&address, &sample.source_address));
		address = packet_address(&view, view.destination);
		assert_true(address_equal(&address, &sample.options.destination));
		assert_int_equal(view.source_port, sample.source.port);
		assert_int_equal(view.destination_port, sample.options.destination_port);
		assert_int_equal(view.payload_length, sample.payload.length);
		assert_ptr_equal(view.payload, frame + sample.header.length);
		assert_int_equal(packet_read16(view.payload), id);
		assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_GOOD);
	}
}

static void a_flipped_bit_is_seen_by_the_checksum(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1024];

	(void)state;
	random_seed(&random, 11, 0);
	for (int round = 0; round < 2000; round++) {
		size_t length, at;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		length = packet_craft(frame, &sample.header, &sample.source, &sample.payload, 1);
		at = sample.header.length + random_below(&random, length - sample.header.length);
		frame[at] ^= (uint8_t)(1u << random_below(&random, 8));
		assert_int_equal(packet_parse(frame, length, &view), PACKET_UDP);
		assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_BAD);
	}
}

// What udp_set_csum() leaves for an offload equals what we leave for ours.
static void a_checksum_left_for_an_offload_is_partial(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1024];

	(void)state;
	random_seed(&random, 12, 0);
	for (int round = 0; round < 2000; round++) {
		size_t length;
		uint16_t right;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		packet_craft(frame, &sample.header, &sample.source, &sample.payload, 1);
		right = packet_read16(frame + sample.header.transport_offset + 6);
		sample.options.offload_udp_checksum = true;
		assert_int_equal(packet_header_prepare(&sample.header, &sample.options, NULL), 0);
		length = packet_craft(frame, &sample.header, &sample.source, &sample.payload, 1);
		assert_int_equal(packet_parse(frame, length, &view), PACKET_UDP);
		assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_PARTIAL);
		frame[sample.header.transport_offset + 6] ^= 1;
		if (packet_read16(frame + sample.header.transport_offset + 6) != right) {
			assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_BAD);
		}
		memset(frame + sample.header.transport_offset + 6, 0, 2);
		assert_int_equal(packet_checksum_verify(&view),
		                 view.family == ADDRESS_IPV4 ? PACKET_CHECKSUM_NONE : PACKET_CHECKSUM_BAD);
	}
}

// 10.0.0.1 -> 10.0.0.2, UDP length 20: 0x0a00 + 1 + 0x0a00 + 2 + 17 + 20 = 0x1428, worked out by hand.
static void the_partial_checksum_of_a_known_frame_is_1428(void **state)
{
	// clang-format off
	uint8_t frame[] = {
		FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(40, 17, 0, 0), 0, 53, 0x30, 0x39, 0, 20, 0x14,
		0x28, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	// clang-format on
	struct packet_view view;

	(void)state;
	frame_finish_ipv4(frame + 14);
	assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_UDP);
	assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_PARTIAL);
}

static void a_bad_ipv4_header_checksum_is_bad(void **state)
{
	uint8_t frame[] = {FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(28, 17, 0, 0), 0, 53, 0, 54, 0, 8, 0, 0};
	struct packet_view view;

	(void)state;
	assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_UDP);
	assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_BAD);
	frame_finish_ipv4(frame + 14);
	assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_NONE);
}

static void every_truncation_of_a_query_is_malformed_and_read_within_bounds(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1024];

	(void)state;
	random_seed(&random, 13, 0);
	for (int round = 0; round < 20; round++) {
		size_t length;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		length = packet_craft(frame, &sample.header, &sample.source, &sample.payload, 1);
		for (size_t cut = 0; cut < length; cut++) {
			uint8_t *copy = malloc(cut > 0 ? cut : 1);

			assert_non_null(copy);
			memcpy(copy, frame, cut);
			assert_int_equal(packet_parse(copy, cut, &view), PACKET_MALFORMED);
			assert_int_not_equal(view.reason, PACKET_WELL_FORMED);
			packet_checksum_verify(&view);
			free(copy);
		}
	}
}

static void assert_rejected(const uint8_t *frame, size_t length, enum packet_malformed reason)
{
	struct packet_view view;

	assert_int_equal(packet_parse(frame, length, &view), PACKET_MALFORMED);
	assert_string_equal(packet_malformed_text(view.reason), packet_malformed_text(reason));
}

static void each_way_to_break_ipv4_and_udp_has_its_name(void **state)
{
	// clang-format off
	const uint8_t good[] = {
		FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(28, 17, 0, 0), 0, 53, 0, 54, 0, 8, 0, 0,
	};
	// clang-format on
	uint8_t frame[sizeof(good)];
	static const struct {
		uint8_t at, value;
		enum packet_malformed reason;
	} cases[] = {
	        {14, 0x65, PACKET_BAD_IPV4_VERSION},    {14, 0x44, PACKET_BAD_IPV4_IHL},
	        {14, 0x4f, PACKET_BAD_IPV4_IHL},        {17, 19, PACKET_BAD_IPV4_TOTAL_LENGTH},
	        {17, 29, PACKET_BAD_IPV4_TOTAL_LENGTH}, {17, 27, PACKET_BAD_UDP_TRUNCATED},
	        {39, 7, PACKET_BAD_UDP_LENGTH},         {39, 9, PACKET_BAD_UDP_LENGTH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(frame, good, sizeof(good));
		frame[cases[i].at] = cases[i].value;
		assert_rejected(frame, sizeof(frame), cases[i].reason);
	}
	assert_rejected(good, 13, PACKET_BAD_ETHERNET);
	assert_rejected(good, 33, PACKET_BAD_IPV4_TRUNCATED);
}

static void ipv4_options_are_walked_and_broken_ones_named(void **state)
{
	// clang-format off
	uint8_t frame[] = {
		FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(36, 17, 0, 0), 1, 7, 4, 4, 0, 0, 0xff, 0xff, 0,
		53, 0, 54, 0, 8, 0, 0,
	};
	// clang-format on
	struct packet_view view;

	(void)state;
	frame[14] = 0x47;
	assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_UDP);
	assert_int_equal(view.source_port, 53);
	assert_int_equal(view.network_length, 28);
	frame[36] = 1;
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV4_OPTIONS);
	frame[36] = 8;
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV4_OPTIONS);
}

static void fragments_are_a_kind_of_their_own(void **state)
{
	uint8_t ipv4[] = {FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(28, 17, 0x20, 0), 0, 53, 0, 54, 0, 8, 0, 0};
	// clang-format off
	uint8_t ipv6[] = {
		FRAME_ETHERNET(0x86, 0xdd), FRAME_IPV6(16, 44, 64), 17, 0, 0, 1, 0, 0, 0, 9, 0, 53, 0, 54,
		0, 8, 1, 2,
	};
	// clang-format on
	struct packet_view view;

	(void)state;
	assert_int_equal(packet_parse(ipv4, sizeof(ipv4), &view), PACKET_FRAGMENT);
	assert_non_null(view.source);
	ipv4[20] = 0, ipv4[21] = 1;
	assert_int_equal(packet_parse(ipv4, sizeof(ipv4), &view), PACKET_FRAGMENT);
	assert_int_equal(packet_parse(ipv6, sizeof(ipv6), &view), PACKET_FRAGMENT);
	ipv6[57] = 8;
	assert_int_equal(packet_parse(ipv6, sizeof(ipv6), &view), PACKET_FRAGMENT);
	ipv6[57] = 0; // atomic, RFC 6946
	assert_int_equal(packet_parse(ipv6, sizeof(ipv6), &view), PACKET_UDP);
}

static void ipv6_extension_headers_are_walked_within_bounds(void **state)
{
	// clang-format off
	uint8_t frame[] = {
		FRAME_ETHERNET(0x86, 0xdd), FRAME_IPV6(40, 0, 64), 60, 0, 1, 4, 0, 0, 0, 0, 43, 0, 1, 4,
		0, 0, 0, 0, 17, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 53, 0, 54, 0, 8, 1, 2,
	};
	// clang-format on
	struct packet_view view;

	(void)state;
	packet_write16(frame + 18, 40);
	assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_UDP);
	assert_int_equal(view.destination_port, 54);
	assert_int_equal(view.network_length, 72);
	frame[73] = 1; // segments left
	assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_OTHER);
	frame[73] = 0;
	frame[71] = 9; // beyond the payload
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV6_EXTENSION);
	frame[71] = 1;
	frame[62] = 0; // hop-by-hop options that are not first
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV6_EXTENSION);
	frame[14] = 0x40;
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV6_VERSION);
	assert_rejected(frame, 53, PACKET_BAD_IPV6_TRUNCATED);
}

static void a_chain_of_too_many_extension_headers_is_refused(void **state)
{
	uint8_t frame[14 + 40 + 9 * 8 + 8] = {FRAME_ETHERNET(0x86, 0xdd), FRAME_IPV6(80, 60, 64)};

	(void)state;
	for (int i = 0; i < 9; i++) {
		frame[54 + 8 * i] = 60;
	}
	frame[54 + 8 * 8] = 17;
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV6_EXTENSION);
	frame[19] = 81;
	assert_rejected(frame, sizeof(frame), PACKET_BAD_IPV6_LENGTH);
}

static void random_bytes_never_crash_and_malformed_always_has_a_reason(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1400];

	(void)state;
	random_seed(&random, 18, 0);
	for (int round = 0; round < 50000; round++) {
		size_t length;
		uint8_t *copy;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		length = frame_icmp_error(frame, &sample, 7, 3, 3, 60);
		for (uint64_t flips = random_below(&random, 6); flips > 0; flips--) {
			frame[random_below(&random, 80)] = (uint8_t)random_next(&random);
		}
		length -= random_below(&random, length / 2);
		copy = malloc(length);
		assert_non_null(copy);
		memcpy(copy, frame, length);
		packet_parse(copy, length, &view);
		assert_int_equal(view.kind == PACKET_MALFORMED, view.reason != PACKET_WELL_FORMED);
		packet_checksum_verify(&view);
		free(copy);
	}
}

static void every_value_has_a_text(void **state)
{
	(void)state;
	for (int i = 0; i < PACKET_KIND_COUNT; i++) {
		assert_string_not_equal(packet_kind_text((enum packet_kind)i), "unknown");
	}
	for (int i = 0; i < PACKET_MALFORMED_COUNT; i++) {
		assert_string_not_equal(packet_malformed_text((enum packet_malformed)i), "unknown");
	}
	for (int i = 0; i < PACKET_UNREACHABLE_COUNT; i++) {
		assert_string_not_equal(packet_unreachable_text((enum packet_unreachable)i), "unknown");
	}
	for (int i = 0; i < PACKET_CHECKSUM_COUNT; i++) {
		assert_string_not_equal(packet_checksum_text((enum packet_checksum)i), "unknown");
	}
	assert_string_equal(packet_kind_text(PACKET_KIND_COUNT), "unknown");
}

// A tag makes a frame take the long way: any octets after it must be seen as they are without it.
static void the_short_way_of_plain_udp_sees_what_the_long_way_does(void **state)
{
	const uint8_t plain[] = {FRAME_ETHERNET(0x08, 0x00), FRAME_IPV4(0, IPPROTO_UDP, 0, 0)};
	uint8_t frame[80] = {0}, tagged[84];
	struct packet_view view, long_way;
	unsigned udp = 0, other = 0;
	struct random random;

	(void)state;
	random_seed(&random, 21, 0);
	for (int round = 0; round < 200000; round++) {
		size_t length = 20 + random_below(&random, sizeof(frame) - 19);
		unsigned flips = (unsigned)random_below(&random, 4);

		memcpy(frame, plain, sizeof(plain));
		packet_write16(frame + 16, (uint16_t)(length - 14 + random_below(&random, 4) - 2));
		packet_write16(frame + 38, (uint16_t)(length - 34 + random_below(&random, 4) - 2));
		for (unsigned i = 0; i < flips; i++) {
			frame[14 + random_below(&random, 28)] = (uint8_t)random_next(&random);
		}
		memcpy(tagged, frame, 12);
		memcpy(tagged + 12, (const uint8_t[]){0x81, 0x00, 0, 7}, 4);
		memcpy(tagged + 16, frame + 12, length - 12);
		packet_parse(frame, length, &view);
		packet_parse(tagged, length + 4, &long_way);
		assert_int_equal(view.kind, long_way.kind);
		assert_int_equal(view.reason, long_way.reason);
		assert_int_equal(view.family, long_way.family);
		if (view.kind != PACKET_UDP) {
			other++;
			continue;
		}
		udp++;
		assert_int_equal(view.protocol, long_way.protocol);
		assert_int_equal(view.hop_limit, long_way.hop_limit);
		assert_int_equal(view.source_port, long_way.source_port);
		assert_int_equal(view.destination_port, long_way.destination_port);
		assert_int_equal(view.payload_length, long_way.payload_length);
		assert_int_equal(view.network_length, long_way.network_length);
		assert_int_equal(view.transport_length, long_way.transport_length);
		assert_int_equal(view.network - frame, long_way.network - tagged - 4);
		assert_int_equal(view.source - frame, long_way.source - tagged - 4);
		assert_int_equal(view.destination - frame, long_way.destination - tagged - 4);
		assert_int_equal(view.transport - frame, long_way.transport - tagged - 4);
		assert_int_equal(view.payload - frame, long_way.payload - tagged - 4);
	}
	assert_true(udp > 1000 && other > 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_crafted_is_parsed_back),
	        cmocka_unit_test(a_flipped_bit_is_seen_by_the_checksum),
	        cmocka_unit_test(a_checksum_left_for_an_offload_is_partial),
	        cmocka_unit_test(the_partial_checksum_of_a_known_frame_is_1428),
	        cmocka_unit_test(a_bad_ipv4_header_checksum_is_bad),
	        cmocka_unit_test(every_truncation_of_a_query_is_malformed_and_read_within_bounds),
	        cmocka_unit_test(each_way_to_break_ipv4_and_udp_has_its_name),
	        cmocka_unit_test(ipv4_options_are_walked_and_broken_ones_named),
	        cmocka_unit_test(fragments_are_a_kind_of_their_own),
	        cmocka_unit_test(ipv6_extension_headers_are_walked_within_bounds),
	        cmocka_unit_test(a_chain_of_too_many_extension_headers_is_refused),
	        cmocka_unit_test(random_bytes_never_crash_and_malformed_always_has_a_reason),
	        cmocka_unit_test(the_short_way_of_plain_udp_sees_what_the_long_way_does),
	        cmocka_unit_test(every_value_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Crafted and patched frames against DPDK's structures and checksums.

#include "sample.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf_core.h>
#include <rte_udp.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 20000

// What DPDK says of the checksums of a frame, by its own structures.
static void assert_checksums(const struct sample *sample, const uint8_t *frame)
{
	uint8_t copy[1024];
	size_t length = (size_t)sample->header.length + sample->payload.length;
	uint8_t *network = copy + sample->header.network_offset;
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(copy + sample->header.transport_offset);
	struct rte_ipv4_hdr *ipv4 = (struct rte_ipv4_hdr *)network;
	struct rte_ipv6_hdr *ipv6 = (struct rte_ipv6_hdr *)network;
	uint16_t sent, expected;

	memcpy(copy, frame, length);
	sent = udp->dgram_cksum;
	udp->dgram_cksum = 0;
	if (sample->header.family == ADDRESS_IPV4) {
		uint16_t header_sent = ipv4->hdr_checksum;

		ipv4->hdr_checksum = 0;
		expected = sample->options.offload_ip_checksum ? 0 : rte_ipv4_cksum(ipv4);
		assert_int_equal(header_sent, expected);
		expected = sample->options.offload_udp_checksum ? rte_ipv4_phdr_cksum(ipv4, 0)
		                                                : rte_ipv4_udptcp_cksum(ipv4, udp);
	} else {
		expected = sample->options.offload_udp_checksum ? rte_ipv6_phdr_cksum(ipv6, 0)
		                                                : rte_ipv6_udptcp_cksum(ipv6, udp);
	}
	assert_int_equal(sent, expected);
}

static void assert_fields(const struct sample *sample, const uint8_t *frame, uint16_t id)
{
	const struct packet_header_options *options = &sample->options;
	const uint8_t *network = frame + sample->header.network_offset;
	const uint8_t *transport = frame + sample->header.transport_offset;
	uint16_t datagram = (uint16_t)(sample->payload.length + 8);
	uint8_t ttl = options->ttl != 0 ? options->ttl : 64;

	assert_memory_equal(frame, options->destination_mac, 6);
	assert_memory_equal(frame + 6, options->source_mac, 6);
	if (options->vlan != PACKET_VLAN_NONE) {
		assert_int_equal(packet_read16(frame + 12), RTE_ETHER_TYPE_VLAN);
		assert_int_equal(packet_read16(frame + 14), options->vlan);
	}
	if (options->destination.family == ADDRESS_IPV4) {
		const struct rte_ipv4_hdr *ipv4 = (const struct rte_ipv4_hdr *)network;

		assert_int_equal(packet_read16(network - 2), RTE_ETHER_TYPE_IPV4);
		assert_int_equal(ipv4->version_ihl, 0x45);
		assert_int_equal(ipv4->type_of_service >> 2, options->dscp);
		assert_int_equal(rte_be_to_cpu_16(ipv4->total_length), datagram + 20);
		assert_int_equal(ipv4->packet_id, 0);
		assert_int_equal(ipv4->fragment_offset, rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG));
		assert_int_equal(ipv4->time_to_live, ttl);
		assert_int_equal(ipv4->next_proto_id, 17);
		assert_memory_equal(&ipv4->src_addr, sample->source_address.bytes, 4);
		assert_memory_equal(&ipv4->dst_addr, options->destination.bytes, 4);
	} else {
		const struct rte_ipv6_hdr *ipv6 = (const struct rte_ipv6_hdr *)network;

		assert_int_equal(packet_read16(network - 2), RTE_ETHER_TYPE_IPV6);
		assert_int_equal(rte_be_to_cpu_32(ipv6->vtc_flow),
		                 0x60000000u | (uint32_t)options->dscp << 22);
		assert_int_equal(rte_be_to_cpu_16(ipv6->payload_len), datagram);
		assert_int_equal(ipv6->proto, 17);
		assert_int_equal(ipv6->hop_limits, ttl);
		assert_memory_equal(network + 8, sample->source_address.bytes, 16);
		assert_memory_equal(network + 24, options->destination.bytes, 16);
	}
	assert_int_equal(packet_read16(transport), sample->source.port);
	assert_int_equal(packet_read16(transport + 2), options->destination_port);
	assert_int_equal(packet_read16(transport + 4), datagram);
	assert_int_equal(packet_read16(transport + 8), id);
	assert_memory_equal(transport + 10, sample->wire + 2, sample->payload.length - 2);
}

static void crafted_frames(bool offload)
{
	struct random random;
	struct sample sample;

	random_seed(&random, 4, offload);
	for (int round = 0; round < ROUNDS; round++) {
		uint16_t id = (uint16_t)random_next(&random);
		size_t length;
		uint8_t *frame;

		assert_int_equal(sample_draw(&sample, &random, offload), 0);
		length = (size_t)sample.header.length + sample.payload.length;
		frame = malloc(length); // exact, so that the sanitizers see a write beyond it
		assert_non_null(frame);
		assert_int_equal(packet_craft(frame, &sample.header, &sample.source, &sample.payload, id),
		                 length);
		assert_fields(&sample, frame, id);
		assert_checksums(&sample, frame);
		free(frame);
	}
}

static void a_crafted_frame_says_what_was_asked_and_dpdk_agrees_on_its_checksums(void **state)
{
	(void)state;
	crafted_frames(false);
}

static void an_offloaded_frame_holds_the_pseudo_header_sum_that_dpdk_expects(void **state)
{
	(void)state;
	crafted_frames(true);
}

static void a_frame_patched_again_and_again_equals_one_crafted_anew(void **state)
{
	struct random random;
	struct sample sample;
	uint8_t resident[1024], fresh[1024];

	(void)state;
	random_seed(&random, 5, 0);
	for (int round = 0; round < ROUNDS / 100; round++) {
		size_t length;

		assert_int_equal(sample_draw(&sample, &random, true), 0);
		length = packet_craft(resident, &sample.header, &sample.source, &sample.payload, 0);
		for (int patch = 0; patch < 100; patch++) {
			uint16_t id = (uint16_t)random_next(&random);

			sample_source(&sample, &random);
			packet_patch(resident, &sample.header, &sample.source, &sample.payload, id, 0);
			packet_craft(fresh, &sample.header, &sample.source, &sample.payload, id);
			assert_memory_equal(resident, fresh, length);
		}
	}
}

static void labels_at_odd_and_even_offsets_keep_the_checksum_right(void **state)
{
	struct random random;
	struct sample sample;
	uint8_t frame[1024], label[63];

	(void)state;
	random_seed(&random, 6, 0);
	for (int round = 0; round < ROUNDS / 20; round++) {
		size_t length, offset;

		assert_int_equal(sample_draw(&sample, &random, true), 0);
		sample_payload(&sample, &random, (uint16_t)(80 + random_below(&random, 100)));
		length = 1 + random_below(&random, sizeof(label));
		offset = PACKET_PAYLOAD_MIN +
		         random_below(&random, sample.payload.length - PACKET_PAYLOAD_MIN - length);
		memset(sample.wire + offset, 0, length);
		sample.payload.sum = packet_sum(sample.wire, sample.payload.length);
		packet_craft(frame, &sample.header, &sample.source, &sample.payload, 0);
		for (int patch = 0; patch < 20; patch++) {
			uint16_t id = (uint16_t)random_next(&random);

			sample_bytes(&random, label, length);
			memcpy(frame + sample.header.length + offset, label, length);
			sample_source(&sample, &random);
			packet_patch(frame, &sample.header, &sample.source, &sample.payload, id,
			             packet_sum_combine(0, packet_sum(label, length), offset));
			assert_checksums(&sample, frame);
			assert_int_equal(packet_read16(frame + sample.header.length), id);
		}
	}
}

static void both_ways_to_make_a_source_agree(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 7, 0);
	for (int round = 0; round < 1000; round++) {
		struct address address = sample_address(&random, ADDRESS_IPV4);
		uint32_t number =
		        (uint32_t)packet_read16(address.bytes) << 16 | packet_read16(address.bytes + 2);
		struct packet_source a = packet_source_address(&address, 7),
		                     b = packet_source_ipv4(number, 7);

		assert_int_equal(a.ipv4, b.ipv4);
		assert_int_equal(packet_fold(a.sum), packet_fold(b.sum));
		assert_int_equal(a.port, b.port);
	}
}

// An id that makes the sum 0xffff, the checksum of which would be the 0 that says "none".
static void a_checksum_that_comes_to_zero_is_sent_as_ffff(void **state)
{
	struct random random;
	struct sample sample;
	uint8_t frame[1024];

	(void)state;
	random_seed(&random, 8, 0);
	for (int round = 0; round < 200; round++) {
		uint8_t *checksum;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		packet_craft(frame, &sample.header, &sample.source, &sample.payload, 0);
		checksum = frame + sample.header.transport_offset + 6;
		packet_patch(frame, &sample.header, &sample.source, &sample.payload, packet_read16(checksum),
		             0);
		assert_int_equal(packet_read16(checksum), 0xffff);
		assert_checksums(&sample, frame);
	}
}

static void the_longest_payloads_do_not_overflow_a_sum(void **state)
{
	static uint8_t wire[65527], frame[66000];
	struct random random;
	struct sample sample;

	(void)state;
	random_seed(&random, 9, 0);
	memset(wire + 2, 0xff, sizeof(wire) - 2);
	for (int round = 0; round < 20; round++) {
		uint32_t sum = 0;
		uint16_t length;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		length = packet_payload_max(&sample.header);
		for (size_t i = 0; i < length; i++) {
			sum += (uint32_t)wire[i]
			       << (i % 2 == 0 ? 8 : 0); // not folded: the largest sum there can be
		}
		sample.payload = (struct packet_payload){wire, length, sum};
		assert_int_equal(packet_craft(frame, &sample.header, &sample.source, &sample.payload, 0xffff),
		                 (size_t)sample.header.length + length);
		sum = packet_sum(frame + sample.header.transport_offset, (size_t)length + 8) + 17 +
		      (uint32_t)(length + 8) + sample.source.sum +
		      packet_sum(sample.options.destination.bytes, address_length(sample.header.family));
		assert_int_equal(packet_fold(sum), 0xffff);
	}
}

static void the_offloads_name_the_flags_and_lengths_for_the_mbuf(void **state)
{
	struct packet_header_options options = {
	        .source_mac = {2, 0, 0, 0, 0, 1},
	        .destination_mac = {2, 0, 0, 0, 0, 2},
	        .vlan = 7,
	        .destination_port = 53,
	};
	struct packet_header header;

	(void)state;
	address_parse("192.0.2.1", &options.destination);
	assert_int_equal(packet_header_prepare(&header, &options, NULL), 0);
	assert_int_equal(header.offload.flags, 0);
	options.offload_ip_checksum = options.offload_udp_checksum = true;
	assert_int_equal(packet_header_prepare(&header, &options, NULL), 0);
	assert_int_equal(header.offload.flags,
	                 RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM);
	assert_int_equal(header.offload.l2_length, 18);
	assert_int_equal(header.offload.l3_length, 20);
	address_parse("2001:db8::1", &options.destination);
	options.vlan = PACKET_VLAN_NONE;
	assert_int_equal(packet_header_prepare(&header, &options, NULL), 0);
	assert_int_equal(header.offload.flags, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM);
	assert_int_equal(header.offload.l2_length, 14);
	assert_int_equal(header.offload.l3_length, 40);
	options.offload_udp_checksum = false;
	assert_int_equal(packet_header_prepare(&header, &options, NULL), 0);
	assert_int_equal(header.offload.flags, 0);
}

static void options_that_no_frame_can_carry_are_refused_with_a_reason(void **state)
{
	const struct packet_header_options good = {
	        .source_mac = {2, 0, 0, 0, 0, 1},
	        .destination_mac = {2, 0, 0, 0, 0, 2},
	        .vlan = PACKET_VLAN_NONE,
	        .destination = {.family = ADDRESS_IPV4, .bytes = {192, 0, 2, 1}},
	        .destination_port = 53,
	};
	struct packet_header_options bad[7] = {good, good, good, good, good, good, good};
	static const char *const says[7] = {"source MAC", "destination MAC", "VLAN 4095", "'224.0.0.1'",
	                                    "'none'",     "port 0",          "DSCP 64"};
	struct packet_header header;

	(void)state;
	assert_int_equal(packet_header_prepare(&header, &good, NULL), 0);
	memset(bad[0].source_mac, 0, 6);
	memset(bad[1].destination_mac, 0xff, 6);
	bad[2].vlan = 4095;
	address_parse("224.0.0.1", &bad[3].destination);
	bad[4].destination.family = ADDRESS_NONE;
	bad[5].destination_port = 0;
	bad[6].dscp = 64;
	for (int i = 0; i < 7; i++) {
		struct error error = {0};

		assert_int_equal(packet_header_prepare(&header, &bad[i], &error), -EINVAL);
		assert_non_null(strstr(error.text, says[i]));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_crafted_frame_says_what_was_asked_and_dpdk_agrees_on_its_checksums),
	        cmocka_unit_test(an_offloaded_frame_holds_the_pseudo_header_sum_that_dpdk_expects),
	        cmocka_unit_test(a_frame_patched_again_and_again_equals_one_crafted_anew),
	        cmocka_unit_test(labels_at_odd_and_even_offsets_keep_the_checksum_right),
	        cmocka_unit_test(both_ways_to_make_a_source_agree),
	        cmocka_unit_test(a_checksum_that_comes_to_zero_is_sent_as_ffff),
	        cmocka_unit_test(the_longest_payloads_do_not_overflow_a_sum),
	        cmocka_unit_test(the_offloads_name_the_flags_and_lengths_for_the_mbuf),
	        cmocka_unit_test(options_that_no_frame_can_carry_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

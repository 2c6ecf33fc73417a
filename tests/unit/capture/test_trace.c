// Captures made by libpcap, read back as traces.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/trace.h"
#include "packet/craft.h"

static const uint8_t message[] = {0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 1, 'b', 0, 0, 1, 0, 1};

struct dump {
	char path[32];
	pcap_t *pcap;
	pcap_dumper_t *dumper;
};

static void dump_open(struct dump *dump, int link)
{
	strcpy(dump->path, "/tmp/test_trace_XXXXXX");
	close(mkstemp(dump->path));
	dump->pcap = pcap_open_dead_with_tstamp_precision(link, 65535, PCAP_TSTAMP_PRECISION_NANO);
	dump->dumper = pcap_dump_open(dump->pcap, dump->path);
	assert_non_null(dump->dumper);
}

static void dump_add(struct dump *dump, uint64_t time, const uint8_t *bytes, size_t length, size_t captured)
{
	struct pcap_pkthdr head = {
	        .ts = {.tv_sec = (time_t)(time / NS_PER_SEC), .tv_usec = (long)(time % NS_PER_SEC)},
	        .caplen = (bpf_u_int32)captured,
	        .len = (bpf_u_int32)length};

	pcap_dump((u_char *)dump->dumper, &head, bytes);
}

static void dump_close(struct dump *dump)
{
	pcap_dump_close(dump->dumper);
	pcap_close(dump->pcap);
}

// A frame from 192.0.2.<host> to a server; returns its length.
static size_t frame_of(uint8_t *frame, uint8_t host, uint16_t port, uint16_t destination, uint16_t vlan,
                       const uint8_t *wire, size_t length)
{
	struct packet_header_options options = {
	        .source_mac = {2, 0, 0, 0, 0, 1},
	        .destination_mac = {2, 0, 0, 0, 0, 2},
	        .vlan = vlan,
	        .destination = {.family = ADDRESS_IPV4, .bytes = {10, 96, 0, 10}},
	        .destination_port = destination};
	struct packet_source source = packet_source_ipv4(UINT32_C(0xc0000200) + host, port);
	struct packet_payload payload = {.wire = wire, .length = (uint16_t)length};
	struct packet_header header;
	struct error error = {0};

	assert_int_equal(packet_header_prepare(&header, &options, &error), 0);
	return packet_craft(frame, &header, &source, &payload, 7);
}

static void queries_are_taken_and_the_rest_is_counted(void **state)
{
	struct capture_trace trace;
	struct error error = {0};
	uint8_t frame[256], reply[sizeof(message)], other[sizeof(message)];
	struct dump dump;
	size_t length;

	(void)state;
	memcpy(reply, message, sizeof(message));
	reply[2] |= 0x80;
	memcpy(other, message, sizeof(message));
	other[13] = 'x';
	dump_open(&dump, DLT_EN10MB);
	length = frame_of(frame, 1, 40000, 53, PACKET_VLAN_NONE, message, sizeof(message));
	dump_add(&dump, UINT64_C(1700000000000000005), frame, length, length);
	length = frame_of(frame, 2, 40001, 53, 7, other, sizeof(other)); // earlier, though later in the file
	dump_add(&dump, UINT64_C(1700000000000000001), frame, length, length);
	length = frame_of(frame, 1, 40000, 54, PACKET_VLAN_NONE, message, sizeof(message));
	dump_add(&dump, UINT64_C(1700000000000000006), frame, length, length);
	length = frame_of(frame, 1, 40000, 53, PACKET_VLAN_NONE, reply, sizeof(reply));
	dump_add(&dump, UINT64_C(1700000000000000007), frame, length, length);
	length = frame_of(frame, 1, 40000, 53, PACKET_VLAN_NONE, message, sizeof(message));
	dump_add(&dump, UINT64_C(1700000000000000008), frame, length, length - 5);
	dump_add(&dump, UINT64_C(1700000000000000009), frame, length, length);
	dump_close(&dump);
	assert_int_equal(capture_trace_read(&trace, dump.path, ADDRESS_IPV4, &error), 0);
	assert_int_equal(trace.packets, 6);
	assert_int_equal(trace.count, 3);
	assert_int_equal(trace.message_count, 2);
	assert_int_equal(trace.other, 1);
	assert_int_equal(trace.malformed, 1);
	assert_int_equal(trace.first_malformed, 4);
	assert_int_equal(trace.cut, 1);
	assert_int_equal(trace.queries[0].at, 0);
	assert_int_equal(trace.queries[0].packet, 2);
	assert_int_equal(trace.queries[0].port, 40001);
	assert_int_equal(trace.queries[0].source.bytes[3], 2);
	assert_int_equal(trace.queries[1].at, 4);
	assert_int_equal(trace.queries[2].at, 8);
	assert_int_equal(trace.queries[1].message, trace.queries[2].message);
	assert_int_equal(trace.messages[1], sizeof(message));
	assert_int_equal(trace.messages[2] | trace.messages[3], 0); // the id
	assert_memory_equal(trace.messages + 4, message + 2, sizeof(message) - 2);
	capture_trace_release(&trace);
	assert_int_equal(capture_trace_read(&trace, dump.path, ADDRESS_IPV6, &error), -EINVAL);
	capture_trace_release(&trace);
	unlink(dump.path);
}

static void expect_link(int link, const uint8_t *head, size_t head_length)
{
	struct capture_trace trace;
	struct error error = {0};
	uint8_t frame[256], packet[256] = {0};
	size_t length = frame_of(frame, 9, 1024, 53, PACKET_VLAN_NONE, message, sizeof(message)) - 14;
	struct dump dump;

	if (head_length > 0) {
		memcpy(packet, head, head_length);
	}
	memcpy(packet + head_length, frame + 14, length);
	dump_open(&dump, link);
	dump_add(&dump, NS_PER_SEC, packet, head_length + length, head_length + length);
	dump_close(&dump);
	if (capture_trace_read(&trace, dump.path, ADDRESS_IPV4, &error) != 0) {
		fail_msg("%s", error.text);
	}
	assert_int_equal(trace.count, 1);
	assert_int_equal(trace.queries[0].port, 1024);
	capture_trace_release(&trace);
	unlink(dump.path);
}

static void other_link_types_are_read(void **state)
{
	static const uint8_t sll[16] = {0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0};
	static const uint8_t sll2[20] = {8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 4, 6};

	(void)state;
	expect_link(DLT_LINUX_SLL, sll, sizeof(sll));
	expect_link(DLT_LINUX_SLL2, sll2, sizeof(sll2));
	expect_link(DLT_RAW, NULL, 0);
}

static void many_messages_are_told_apart(void **state)
{
	struct capture_trace trace;
	struct error error = {0};
	struct dump dump;
	uint8_t wire[sizeof(message)], frame[256];

	(void)state;
	memcpy(wire, message, sizeof(message));
	dump_open(&dump, DLT_EN10MB);
	for (unsigned i = 0; i < 20000; i++) {
		size_t length;

		wire[13] = (uint8_t)(i % 100);
		wire[15] = (uint8_t)(i / 100 % 50);
		length = frame_of(frame, (uint8_t)(i % 3), (uint16_t)(1024 + i), 53, PACKET_VLAN_NONE, wire,
		                  sizeof(wire));
		dump_add(&dump, i, frame, length, length);
	}
	dump_close(&dump);
	assert_int_equal(capture_trace_read(&trace, dump.path, ADDRESS_IPV4, &error), 0);
	assert_int_equal(trace.count, 20000);
	assert_int_equal(trace.message_count, 5000);
	for (uint64_t i = 0; i < trace.count; i++) {
		const uint8_t *wanted = trace.messages + trace.queries[i].message * (2 + sizeof(message));

		assert_int_equal(wanted[2 + 13], i % 100);
		assert_int_equal(wanted[2 + 15], i / 100 % 50);
		assert_int_equal(trace.queries[i].at, i);
	}
	capture_trace_release(&trace);
	unlink(dump.path);
}

static void a_link_type_that_is_none_is_refused(void **state)
{
	struct capture_trace trace;
	struct error error = {0};
	struct dump dump;

	(void)state;
	dump_open(&dump, DLT_IEEE802_11);
	dump_close(&dump);
	assert_int_equal(capture_trace_read(&trace, dump.path, ADDRESS_IPV4, &error), -EINVAL);
	assert_non_null(strstr(error.text, "IEEE802_11"));
	capture_trace_release(&trace);
	unlink(dump.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(queries_are_taken_and_the_rest_is_counted),
	        cmocka_unit_test(other_link_types_are_read),
	        cmocka_unit_test(many_messages_are_told_apart),
	        cmocka_unit_test(a_link_type_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

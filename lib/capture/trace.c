#include "capture/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "packet/parse.h"

#define ETHERNET_HEADER 14
#define SLL_PROTOCOL    14 ///< offset of the protocol in DLT_LINUX_SLL
#define DNS_HEADER      12
#define DNS_NAME_MAX    255
#define MESSAGE_MAX     65535

struct reading {
	struct capture_trace *trace;
	const char *path;
	struct error *error;
	uint8_t family;
	int link;
	uint64_t query_capacity;
	size_t message_capacity;
	size_t *places; ///< of the messages, by number
	uint32_t place_capacity;
	uint32_t *index; ///< open addressing: message number + 1
	uint32_t index_mask;
	uint8_t frame[ETHERNET_HEADER + UINT16_MAX];
};

static int no_memory(struct reading *reading)
{
	return error_set(reading->error, -ENOMEM, "no memory for the queries of '%s'", reading->path);
}

// ---- Messages

// One question, well-formed, in a query: what a query set takes.
static bool is_query(const uint8_t *message, size_t length)
{
	size_t at = DNS_HEADER;

	if (length < DNS_HEADER + 5 || (message[2] & 0x80) != 0 || message[4] != 0 || message[5] != 1) {
		return false;
	}
	while (at < length && message[at] != 0) {
		if (message[at] > 63) {
			return false; // a pointer has nowhere to point to yet
		}
		at += (size_t)message[at] + 1;
	}
	return at + 5 <= length && at - DNS_HEADER < DNS_NAME_MAX;
}

static uint64_t message_hash(const uint8_t *message, size_t length)
{
	uint64_t hash = random_mix(length);

	for (size_t i = 2; i < length; i++) {
		hash = (hash ^ message[i]) * UINT64_C(0x100000001b3);
	}
	return random_mix(hash);
}

static bool message_equals(const struct reading *reading, uint32_t number, const uint8_t *message,
                           size_t length)
{
	const uint8_t *known = reading->trace->messages + reading->places[number];

	return ((size_t)known[0] << 8 | known[1]) == length &&
	       memcmp(known + 4, message + 2, length - 2) == 0;
}

static size_t message_length(const struct reading *reading, uint32_t number)
{
	const uint8_t *known = reading->trace->messages + reading->places[number];

	return (size_t)known[0] << 8 | known[1];
}

static bool index_grow(struct reading *reading)
{
	uint32_t mask = reading->index_mask == 0 ? 1023 : reading->index_mask * 2 + 1;
	uint32_t *grown = (uint32_t *)calloc((size_t)mask + 1, sizeof(*grown));

	if (grown == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < reading->trace->message_count; i++) {
		const uint8_t *message = reading->trace->messages + reading->places[i] + 2;
		uint32_t place = (uint32_t)message_hash(message, message_length(reading, i)) & mask;

		while (grown[place] != 0) {
			place = (place + 1) & mask;
		}
		grown[place] = i + 1;
	}
	free(reading->index);
	reading->index = grown;
	reading->index_mask = mask;
	return true;
}

static bool message_append(struct reading *reading, const uint8_t *message, size_t length)
{
	struct capture_trace *trace = reading->trace;
	uint8_t *to;

	if (trace->message_count == reading->place_capacity) {
		uint32_t capacity = reading->place_capacity * 2 + 1024;
		size_t *grown = (size_t *)realloc(reading->places, capacity * sizeof(*grown));

		if (grown == NULL) {
			return false;
		}
		reading->places = grown;
		reading->place_capacity = capacity;
	}
	if (trace->messages_size + 2 + length > reading->message_capacity) {
		size_t capacity = reading->message_capacity * 2 + 2 + MESSAGE_MAX;
		uint8_t *grown = (uint8_t *)realloc(trace->messages, capacity);

		if (grown == NULL) {
			return false;
		}
		trace->messages = grown;
		reading->message_capacity = capacity;
	}
	to = trace->messages + trace->messages_size;
	to[0] = (uint8_t)(length >> 8);
	to[1] = (uint8_t)length;
	to[2] = to[3] = 0; // the id: each query gets its own
	memcpy(to + 4, message + 2, length - 2);
	reading->places[trace->message_count++] = trace->messages_size;
	trace->messages_size += 2 + length;
	return true;
}

// The message's number; UINT32_MAX without memory.
static uint32_t message_number(struct reading *reading, const uint8_t *message, size_t length)
{
	uint32_t place;

	if (reading->trace->message_count * UINT64_C(2) >= reading->index_mask && !index_grow(reading)) {
		return UINT32_MAX;
	}
	place = (uint32_t)message_hash(message, length) & reading->index_mask;
	for (; reading->index[place] != 0; place = (place + 1) & reading->index_mask) {
		if (message_equals(reading, reading->index[place] - 1, message, length)) {
			return reading->index[place] - 1;
		}
	}
	if (!message_append(reading, message, length)) {
		return UINT32_MAX;
	}
	reading->index[place] = reading->trace->message_count;
	return reading->trace->message_count - 1;
}

// ---- Packets

// The packet as an Ethernet frame, which packet_parse() takes; other link types get a header made up.
static size_t as_ethernet(struct reading *reading, const struct pcap_pkthdr *head, const uint8_t *bytes,
                          const uint8_t **frame)
{
	size_t skip = reading->link == DLT_RAW          ? 0
	              : reading->link == DLT_LINUX_SLL2 ? SLL2_HDR_LEN
	                                                : SLL_HDR_LEN;
	size_t length = head->caplen;
	uint8_t *to = reading->frame;

	if (reading->link == DLT_EN10MB) {
		*frame = bytes;
		return length;
	}
	if (length <= skip || length - skip > UINT16_MAX) {
		return 0;
	}
	memset(to, 0, ETHERNET_HEADER);
	to[6] = 2; // a unicast address of nobody
	if (reading->link == DLT_RAW) {
		bool ipv6 = bytes[0] >> 4 == 6;

		to[12] = ipv6 ? 0x86 : 0x08;
		to[13] = ipv6 ? 0xdd : 0x00;
	} else {
		memcpy(to + 12, bytes + (reading->link == DLT_LINUX_SLL2 ? 0 : SLL_PROTOCOL), 2);
	}
	memcpy(to + ETHERNET_HEADER, bytes + skip, length - skip);
	*frame = to;
	return ETHERNET_HEADER + length - skip;
}

static int add_query(struct reading *reading, const struct pcap_pkthdr *head, const struct packet_view *view)
{
	struct capture_trace *trace = reading->trace;
	// With PCAP_TSTAMP_PRECISION_NANO the microseconds are nanoseconds.
	uint64_t time = (uint64_t)head->ts.tv_sec * NS_PER_SEC + (uint64_t)head->ts.tv_usec;
	uint32_t message = message_number(reading, view->payload, view->payload_length);

	if (message == UINT32_MAX) {
		return no_memory(reading);
	}
	if (trace->count == reading->query_capacity) {
		uint64_t capacity = reading->query_capacity * 2 + 4096;
		struct capture_trace_query *grown =
		        (struct capture_trace_query *)realloc(trace->queries, capacity * sizeof(*grown));

		if (grown == NULL) {
			return no_memory(reading);
		}
		trace->queries = grown;
		reading->query_capacity = capacity;
	}
	trace->queries[trace->count++] = (struct capture_trace_query){
	        .at = time, // since 1970, until all are known
	        .source = packet_address(view, view->source),
	        .port = view->source_port,
	        .message = message,
	        .packet = trace->packets,
	};
	return 0;
}

static int take_packet(struct reading *reading, const struct pcap_pkthdr *head, const uint8_t *bytes)
{
	struct capture_trace *trace = reading->trace;
	const uint8_t *frame = NULL;
	struct packet_view view;
	size_t length;

	trace->packets++;
	length = as_ethernet(reading, head, bytes, &frame);
	if (length == 0) {
		trace->other++;
		return 0;
	}
	if (packet_parse(frame, length, &view) != PACKET_UDP) {
		// A datagram that the snap length cut off looks malformed.
		trace->cut += view.kind == PACKET_MALFORMED && head->caplen < head->len;
		trace->other += !(view.kind == PACKET_MALFORMED && head->caplen < head->len);
		return 0;
	}
	if (view.destination_port != CAPTURE_TRACE_PORT) {
		trace->other++;
		return 0;
	}
	if (view.family != reading->family) {
		trace->other_family++;
		return 0;
	}
	if (view.source_port == 0 || !is_query(view.payload, view.payload_length)) {
		trace->malformed++;
		trace->first_malformed =
		        trace->first_malformed != 0 ? trace->first_malformed : trace->packets;
		return 0;
	}
	return add_query(reading, head, &view);
}

// ---- The file

static int by_time(const void *a, const void *b)
{
	const struct capture_trace_query *x = (const struct capture_trace_query *)a;
	const struct capture_trace_query *y = (const struct capture_trace_query *)b;

	return x->at != y->at ? (x->at < y->at ? -1 : 1) : (x->packet > y->packet) - (x->packet < y->packet);
}

static int read_packets(struct reading *reading, pcap_t *pcap)
{
	struct capture_trace *trace = reading->trace;
	struct pcap_pkthdr *head;
	const u_char *bytes;
	int result, rc = 0;

	while (rc == 0 && (result = pcap_next_ex(pcap, &head, &bytes)) == 1) {
		rc = take_packet(reading, head, bytes);
	}
	if (rc == 0 && result == PCAP_ERROR) {
		return error_set_at(reading->error, -EINVAL, reading->path, 0, 0,
		                    "packet %" PRIu64
		                    " can't be read: %s; 'editcap' can save what is before it",
		                    trace->packets + 1, pcap_geterr(pcap));
	}
	return rc;
}

static int finish(struct reading *reading)
{
	struct capture_trace *trace = reading->trace;

	if (trace->count == 0) {
		return error_set_at(
		        reading->error, -EINVAL, reading->path, 0, 0,
		        "none of the %" PRIu64 " packets is a DNS query over %s to UDP port %d (%" PRIu64
		        " over the other IP version, %" PRIu64 " cut off, %" PRIu64
		        " malformed, the first is packet %" PRIu64 ")",
		        trace->packets, reading->family == ADDRESS_IPV6 ? "IPv6" : "IPv4", CAPTURE_TRACE_PORT,
		        trace->other_family, trace->cut, trace->malformed, trace->first_malformed);
	}
	qsort(trace->queries, trace->count, sizeof(trace->queries[0]), by_time);
	for (uint64_t i = trace->count; i > 0; i--) {
		trace->queries[i - 1].at -= trace->queries[0].at;
	}
	return 0;
}

int capture_trace_read(struct capture_trace *trace, const char *path, uint8_t family, struct error *error)
{
	struct reading *reading = (struct reading *)calloc(1, sizeof(*reading));
	char reason[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap;
	int rc;

	memset(trace, 0, sizeof(*trace));
	if (reading == NULL) {
		return error_set(error, -ENOMEM, "no memory for the capture");
	}
	reading->trace = trace;
	reading->path = path;
	reading->error = error;
	reading->family = family;
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (pcap == NULL) {
		rc = error_set_at(error, -EINVAL, path, 0, 0, "%s; give a pcap or pcapng file", reason);
		goto free_reading;
	}
	reading->link = pcap_datalink(pcap);
	if (reading->link != DLT_EN10MB && reading->link != DLT_LINUX_SLL &&
	    reading->link != DLT_LINUX_SLL2 && reading->link != DLT_RAW) {
		rc = error_set_at(
		        error, -EINVAL, path, 0, 0,
		        "its packets are of link type %s; Ethernet, Linux's any device and raw IP are "
		        "understood",
		        pcap_datalink_val_to_name(reading->link) != NULL
		                ? pcap_datalink_val_to_name(reading->link)
		                : "unknown");
		goto close;
	}
	rc = read_packets(reading, pcap);
	if (rc == 0) {
		rc = finish(reading);
	}
close:
	pcap_close(pcap);
free_reading:
	free(reading->places);
	free(reading->index);
	free(reading);
	return rc;
}

void capture_trace_release(struct capture_trace *trace)
{
	free(trace->queries);
	free(trace->messages);
	memset(trace, 0, sizeof(*trace));
}

// What a query costs to make: resident patch, patch with a label, full craft, and a copy with DPDK's full
// checksums, over IPv4 and IPv6, each into a ring of frames as large as a worker's pool slice. The ways
// alternate within each round, so that a noisy machine slows them alike; medians over the rounds and their
// ratios are printed. Times are printed, never asserted.

#include "base/random.h"
#include "packet/craft.h"

#include <rte_ip.h>
#include <rte_udp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAMES     512
#define STRIDE     2304 // an mbuf with its headroom
#define ROUNDS     31
#define PASSES     400
#define LABEL_AT   13
#define LABEL_SIZE 12
#define WAYS       4

static const char *const way_names[WAYS] = {"resident patch", "patch + 12 octet label", "full craft",
                                            "copy + DPDK checksums"};
static uint8_t *frames;

struct job {
	struct packet_header header;
	struct packet_payload payload;
	struct address source;
	uint8_t wire[44];
};

static void prepare(struct job *job, bool ipv4)
{
	struct packet_header_options options = {
	        .source_mac = {2, 0, 0, 0, 0, 1},
	        .destination_mac = {2, 0, 0, 0, 0, 2},
	        .vlan = PACKET_VLAN_NONE,
	        .destination_port = 53,
	};
	struct error error = {0};

	address_parse(ipv4 ? "192.0.2.53" : "2001:db8::53", &options.destination);
	address_parse(ipv4 ? "198.51.100.1" : "2001:db8:1::1", &job->source);
	if (packet_header_prepare(&job->header, &options, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	job->wire[2] = 1;
	job->wire[5] = 1;
	job->wire[12] = LABEL_SIZE;
	job->payload = (struct packet_payload){job->wire, sizeof(job->wire),
	                                       packet_sum(job->wire, sizeof(job->wire))};
}

static struct packet_source source_of(const struct job *job, uint32_t index)
{
	uint16_t port = (uint16_t)(1024 + (index & 0x7fff));

	if (job->header.family == ADDRESS_IPV4) {
		return packet_source_ipv4(0xc6336401u + (index & 0xf), port);
	}
	return packet_source_address(&job->source, port);
}

static void copy_and_sum(uint8_t *frame, const struct job *job, const struct packet_source *source,
                         uint16_t id)
{
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(frame + job->header.transport_offset);
	uint16_t datagram = (uint16_t)(sizeof(*udp) + job->payload.length);
	uint8_t *network = frame + job->header.network_offset;

	memcpy(frame, job->header.bytes, job->header.length);
	memcpy(frame + job->header.length, job->payload.wire, job->payload.length);
	packet_write16(frame + job->header.length, id);
	udp->src_port = packet_be16(source->port);
	udp->dgram_len = packet_be16(datagram);
	if (job->header.family == ADDRESS_IPV4) {
		struct rte_ipv4_hdr *ipv4 = (struct rte_ipv4_hdr *)network;

		ipv4->total_length = packet_be16((uint16_t)(datagram + sizeof(*ipv4)));
		ipv4->src_addr = source->ipv4;
		ipv4->hdr_checksum = rte_ipv4_cksum(ipv4);
		udp->dgram_cksum = rte_ipv4_udptcp_cksum(ipv4, udp);
	} else {
		struct rte_ipv6_hdr *ipv6 = (struct rte_ipv6_hdr *)network;

		ipv6->payload_len = packet_be16(datagram);
		memcpy(network + 8, source->ipv6, 16);
		udp->dgram_cksum = rte_ipv6_udptcp_cksum(ipv6, udp);
	}
}

static void make(const struct job *job, int way, uint32_t index)
{
	uint8_t *frame = frames + (size_t)(index % FRAMES) * STRIDE;
	struct packet_source source = source_of(job, index);
	uint16_t id = (uint16_t)index;

	if (way == 0) {
		packet_patch(frame, &job->header, &source, &job->payload, id, 0);
	} else if (way == 1) {
		// A label's worth of octets and their sum, so that what is measured is the placing, not a
		// generator.
		uint64_t low = index * UINT64_C(0x9e3779b97f4a7c15);
		uint32_t high = (uint32_t)(low >> 32), sum;
		uint8_t *label = frame + job->header.length + LABEL_AT;

		memcpy(label, &low, sizeof(low));
		memcpy(label + sizeof(low), &high, sizeof(high));
		sum = packet_sum_combine(0, packet_sum(label, LABEL_SIZE), LABEL_AT);
		packet_patch(frame, &job->header, &source, &job->payload, id, sum);
	} else if (way == 2) {
		packet_craft(frame, &job->header, &source, &job->payload, id);
	} else {
		copy_and_sum(frame, job, &source, id);
	}
}

static double measure(const struct job *job, int way)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	// One loop a way: the choice must not be taken for each packet.
	switch (way) {
	case 0:
		for (uint32_t i = 0; i < FRAMES * PASSES; i++) {
			make(job, 0, i);
		}
		break;
	case 1:
		for (uint32_t i = 0; i < FRAMES * PASSES; i++) {
			make(job, 1, i);
		}
		break;
	case 2:
		for (uint32_t i = 0; i < FRAMES * PASSES; i++) {
			make(job, 2, i);
		}
		break;
	default:
		for (uint32_t i = 0; i < FRAMES * PASSES; i++) {
			make(job, 3, i);
		}
		break;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       (FRAMES * PASSES);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void bench(bool ipv4)
{
	static double times[WAYS][ROUNDS];
	struct job job = {0};

	prepare(&job, ipv4);
	for (uint32_t i = 0; i < FRAMES; i++) {
		make(&job, 2, i);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int turn = 0; turn < WAYS; turn++) {
			int way = (round + turn) % WAYS;

			if (way == 0) { // a resident frame holds header and payload
				measure(&job, 2);
			}
			times[way][round] = measure(&job, way);
		}
	}
	printf("IPv%d, %u octet frames\n", ipv4 ? 4 : 6, job.header.length + (unsigned)job.payload.length);
	for (int way = 0; way < WAYS; way++) {
		qsort(times[way], ROUNDS, sizeof(double), ascending);
		printf("  %-24s %6.2f ns  %7.1f Mpps  cost %5.2f x resident patch\n", way_names[way],
		       times[way][ROUNDS / 2], 1e3 / times[way][ROUNDS / 2],
		       times[way][ROUNDS / 2] / times[0][ROUNDS / 2]);
	}
}

int main(void)
{
	frames = calloc(FRAMES, STRIDE);
	if (frames == NULL) {
		return 1;
	}
	bench(true);
	bench(false);
	free(frames);
	return 0;
}

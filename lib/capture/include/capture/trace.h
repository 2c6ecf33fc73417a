#pragma once
// Reading the DNS queries of a packet capture (pcap or pcapng, by libpcap): when, from which source, what.
// The caller owns the trace. One thread.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"

#include <stddef.h>
#include <stdint.h>

/** The port that queries go to. */
#define CAPTURE_TRACE_PORT 53

struct capture_trace_query {
	ns_t at; ///< since the trace's first query
	struct address source;
	uint16_t port;
	uint32_t message; ///< number of its message, from 0
	uint64_t packet;  ///< number in the file, from 1
};

struct capture_trace {
	struct capture_trace_query *queries; ///< in the order of time
	uint64_t count;

	/** The different messages, ids apart: {16-bit big-endian length, message with id 0} again and again,
	 * as dnsperf's -B takes them. */
	uint8_t *messages;
	size_t messages_size;
	uint32_t message_count;

	// What else was in the file.
	uint64_t packets;         ///< in all
	uint64_t other;           ///< no UDP to port 53
	uint64_t other_family;    ///< queries over the other IP version
	uint64_t cut;             ///< queries that the capture's snap length cut off
	uint64_t malformed;       ///< to port 53, but no DNS query with one well-formed question
	uint64_t first_malformed; ///< packet number of the first of them; 0: none
};

/**
 * Read the queries over `family` (enum address_family) from a file, "-" for standard input. Ethernet (with a
 * VLAN tag or without), Linux's "any" device (SLL, SLL2) and raw IP are understood. Returns 0, or an error
 * that names the file and, where there is one, the packet: -ENOENT and the like, -EINVAL for a file that is
 * no capture, breaks off in the middle of a packet, has another link type or holds no query, -ENOMEM. Release
 * in either case.
 */
int capture_trace_read(struct capture_trace *trace, const char *path, uint8_t family, struct error *error);

void capture_trace_release(struct capture_trace *trace);

#pragma once
// Frames by hand for the tests of the room: headers as lists of octets, and ICMP errors about a sample.

#include "sample.h"

#include <netinet/in.h>

#define FRAME_ETHERNET(type_high, type_low) 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, type_high, type_low
/** 10.0.0.1 -> 10.0.0.2, TTL 64, header checksum 0. */
#define FRAME_IPV4(total, protocol, fragment_high, fragment_low)                                             \
	0x45, 0, 0, total, 0, 0, fragment_high, fragment_low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2
/** 2001:db8::1 -> 2001:db8::2. */
#define FRAME_IPV6(length, next, hop_limit)                                                                  \
	0x60, 0, 0, 0, 0, length, next, hop_limit, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,  \
	        0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2

/** Fill in the checksum of a 20-octet IPv4 header. */
static inline void frame_finish_ipv4(uint8_t *network)
{
	packet_write16(network + 10, 0);
	packet_write16(network + 10, packet_checksum_finish(packet_sum(network, 20)));
}

/** An ICMP error from the sample's destination that quotes `quoted` octets of its datagram. Returns the
 * frame's length. */
static inline size_t frame_icmp_error(uint8_t *frame, const struct sample *sample, uint16_t id, uint8_t type,
                                      uint8_t code, size_t quoted)
{
	const uint8_t ethernet[] = {FRAME_ETHERNET(0x08, 0x00)};
	const uint8_t ipv4[] = {FRAME_IPV4(0, IPPROTO_ICMP, 0, 0)};
	const uint8_t ipv6[] = {FRAME_IPV6(0, IPPROTO_ICMPV6, 64)};
	bool old = sample->header.family == ADDRESS_IPV4;
	size_t network = old ? sizeof(ipv4) : sizeof(ipv6);
	uint8_t query[1024], *icmp = frame + sizeof(ethernet) + network;
	size_t length = packet_craft(query, &sample->header, &sample->source, &sample->payload, id);
	uint32_t sum = 0;

	if (quoted > length - sample->header.network_offset) {
		quoted = length - sample->header.network_offset;
	}
	memcpy(frame, ethernet, sizeof(ethernet));
	memcpy(frame + sizeof(ethernet), old ? ipv4 : ipv6, network);
	if (old) {
		packet_write16(frame + 14 + 2, (uint16_t)(network + 8 + quoted));
		frame_finish_ipv4(frame + 14);
	} else {
		packet_write16(frame + 12, 0x86dd);
		packet_write16(frame + 14 + 4, (uint16_t)(8 + quoted));
		sum = packet_sum(frame + 14 + 8, 32) + IPPROTO_ICMPV6 + (uint32_t)(8 + quoted);
	}
	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 8, query + sample->header.network_offset, quoted);
	packet_write16(icmp + 2, packet_checksum_finish(sum + packet_sum(icmp, 8 + quoted)));
	return sizeof(ethernet) + network + 8 + quoted;
}

#pragma once
// packet_parse() for the data path: nearly every frame on a line-rate port is untagged IPv4 without options,
// a whole UDP datagram, and is seen to be that without a call. Pure functions, any thread.

#include "packet/parse.h"

/** Where the parts of such a frame begin. */
#define PACKET_PLAIN_NETWORK   14
#define PACKET_PLAIN_TRANSPORT 34
#define PACKET_PLAIN_PAYLOAD   42

/** The long way, for every frame. */
enum packet_kind packet_parse_any(const uint8_t *frame, size_t length, struct packet_view *out);

/**
 * A plain frame: the same view as the long way gives, by one look at each field; false leaves it to the long
 * way, which finds out what else it is.
 */
static inline bool packet_parse_plain(const uint8_t *frame, size_t length, struct packet_view *out)
{
	const uint8_t *ip = frame + PACKET_PLAIN_NETWORK, *udp = frame + PACKET_PLAIN_TRANSPORT;
	uint16_t total, datagram;

	// EtherType IPv4; version 4, five words; UDP (17); neither offset nor more fragments.
	if (length < PACKET_PLAIN_PAYLOAD || packet_read16(frame + 12) != 0x0800 || ip[0] != 0x45 ||
	    ip[9] != 17 || (packet_read16(ip + 6) & 0x3fff) != 0) {
		return false;
	}
	total = packet_read16(ip + 2);
	datagram = packet_read16(udp + 4);
	if (total > length - PACKET_PLAIN_NETWORK ||
	    datagram < PACKET_PLAIN_PAYLOAD - PACKET_PLAIN_TRANSPORT ||
	    datagram + (PACKET_PLAIN_TRANSPORT - PACKET_PLAIN_NETWORK) > total) {
		return false;
	}
	// Field by field: the union belongs to other kinds, and to clear it would cost as much as all the
	// rest.
	out->kind = PACKET_UDP;
	out->reason = PACKET_WELL_FORMED;
	out->family = ADDRESS_IPV4;
	out->protocol = 17;
	out->hop_limit = ip[8];
	out->vlan = PACKET_VLAN_NONE;
	out->source_port = packet_read16(udp);
	out->destination_port = packet_read16(udp + 2);
	out->payload_length = (uint16_t)(datagram - (PACKET_PLAIN_PAYLOAD - PACKET_PLAIN_TRANSPORT));
	out->network_length = PACKET_PLAIN_TRANSPORT - PACKET_PLAIN_NETWORK;
	out->transport_length = datagram;
	out->frame = frame;
	out->network = ip;
	out->source = ip + 12;
	out->destination = ip + 16;
	out->transport = udp;
	out->payload = frame + PACKET_PLAIN_PAYLOAD;
	return true;
}

/** packet_parse(), inline. */
static inline enum packet_kind packet_parse_inline(const uint8_t *frame, size_t length,
                                                   struct packet_view *out)
{
	return packet_parse_plain(frame, length, out) ? PACKET_UDP : packet_parse_any(frame, length, out);
}

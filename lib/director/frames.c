#include "frames.h"

#include "packet/checksum.h"
#include "packet/craft.h"

#include <string.h>

#define IPV4_LENGTH 20
#define IPV6_LENGTH 40
#define UDP_LENGTH  8
#define ICMP_LENGTH 8

enum protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
};

static size_t network_offset(const struct frame_path *path)
{
	return path->vlan != PACKET_VLAN_NONE ? 18 : 14;
}

static size_t network_length(const struct frame_path *path)
{
	return path->destination.family == ADDRESS_IPV6 ? IPV6_LENGTH : IPV4_LENGTH;
}

size_t frames_udp_header_length(const struct frame_path *path)
{
	return network_offset(path) + network_length(path) + UDP_LENGTH;
}

size_t frames_icmp_header_length(const struct frame_path *path)
{
	return network_offset(path) + network_length(path) + ICMP_LENGTH;
}

static void write_ethernet(uint8_t *frame, const struct frame_path *path)
{
	uint16_t type = path->destination.family == ADDRESS_IPV6 ? 0x86dd : 0x0800;

	memcpy(frame, path->peer_mac, 6);
	memcpy(frame + 6, path->own_mac, 6);
	if (path->vlan != PACKET_VLAN_NONE) {
		packet_write16(frame + 12, 0x8100);
		packet_write16(frame + 14, path->vlan);
	}
	packet_write16(frame + network_offset(path) - 2, type);
}

/** Write the IP header. Returns the sum of the pseudo-header. */
static uint32_t write_network(uint8_t *frame, const struct frame_path *path, uint8_t protocol, size_t length)
{
	uint8_t *at = frame + network_offset(path);
	size_t octets = address_length(path->destination.family);

	write_ethernet(frame, path);
	memset(at, 0, network_length(path));
	if (path->destination.family == ADDRESS_IPV6) {
		at[0] = 0x60;
		packet_write16(at + 4, (uint16_t)length);
		at[6] = protocol;
		at[7] = PACKET_TTL_DEFAULT - 1;
		memcpy(at + 8, path->source.bytes, octets);
		memcpy(at + 24, path->destination.bytes, octets);
	} else {
		at[0] = 0x45;
		packet_write16(at + 2, (uint16_t)(length + IPV4_LENGTH));
		at[6] = 0x40; // don't fragment
		at[8] = PACKET_TTL_DEFAULT - 1;
		at[9] = protocol;
		memcpy(at + 12, path->source.bytes, octets);
		memcpy(at + 16, path->destination.bytes, octets);
		packet_write16(at + 10, packet_checksum_finish(packet_sum(at, IPV4_LENGTH)));
	}
	return packet_sum(path->source.bytes, octets) + packet_sum(path->destination.bytes, octets) +
	       protocol + (uint32_t)length;
}

size_t frames_write_udp(uint8_t *frame, const struct frame_path *path, size_t payload_length)
{
	size_t length = payload_length + UDP_LENGTH;
	uint32_t sum = write_network(frame, path, PROTOCOL_UDP, length);
	uint8_t *at = frame + network_offset(path) + network_length(path);

	packet_write16(at, path->source_port);
	packet_write16(at + 2, path->destination_port);
	packet_write16(at + 4, (uint16_t)length);
	packet_write16(at + 6, 0);
	packet_write16(at + 6, packet_checksum_finish_udp(sum + packet_sum(at, length)));
	return frames_udp_header_length(path) + payload_length;
}

size_t frames_quote_length(const struct packet_view *query)
{
	size_t whole = (size_t)query->network_length + query->transport_length;
	size_t most = query->family == ADDRESS_IPV6 ? FRAMES_ICMP6_MAX - IPV6_LENGTH - ICMP_LENGTH
	                                            : FRAMES_ICMP4_MAX - IPV4_LENGTH - ICMP_LENGTH;

	return whole < most ? whole : most;
}

size_t frames_write_unreachable(uint8_t *frame, const struct frame_path *path, bool host, size_t quote_length)
{
	bool ipv6 = path->destination.family == ADDRESS_IPV6;
	size_t length = quote_length + ICMP_LENGTH;
	uint32_t sum = write_network(frame, path, ipv6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP, length);
	uint8_t *at = frame + network_offset(path) + network_length(path);

	memset(at, 0, ICMP_LENGTH);
	// Port and host (in IPv6: address) unreachable: RFC 792; RFC 4443, 3.1.
	at[0] = ipv6 ? 1 : 3;
	at[1] = ipv6 ? (host ? 3 : 4) : (host ? 1 : 3);
	packet_write16(at + 2, packet_checksum_finish((ipv6 ? sum : 0) + packet_sum(at, length)));
	return frames_icmp_header_length(path) + quote_length;
}

void frames_redirect_quote(uint8_t *quote, size_t length, const struct address *destination, uint16_t port)
{
	size_t header = destination->family == ADDRESS_IPV6 ? IPV6_LENGTH : (size_t)(quote[0] & 0xf) * 4;
	size_t octets = address_length(destination->family);

	if (length < header + UDP_LENGTH) {
		return;
	}
	if (destination->family == ADDRESS_IPV6) {
		memcpy(quote + 24, destination->bytes, octets);
	} else {
		memcpy(quote + 16, destination->bytes, octets);
		packet_write16(quote + 10, 0);
		packet_write16(quote + 10, packet_checksum_finish(packet_sum(quote, header)));
	}
	packet_write16(quote + header + 2, port);
}

#include "frames.h"

#include "packet/checksum.h"
#include "packet/craft.h"

#include <string.h>

#define TTL (PACKET_TTL_DEFAULT - 1) ///< the real server's, one hop on

enum protocol {
	PROTOCOL_ICMP = 1,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMP6 = 58,
};

static inline size_t network_length(uint8_t family)
{
	return family == ADDRESS_IPV6 ? FRAMES_IPV6_LENGTH : FRAMES_IPV4_LENGTH;
}

static uint8_t *network_of(uint8_t *frame, struct frame_layout layout)
{
	return frame + layout.header - FRAMES_TRANSPORT_LENGTH - network_length(layout.family);
}

/** The sum of both addresses of an IP header: they end it, the source before the destination. */
static inline uint32_t sum_addresses(const uint8_t *network, uint8_t family)
{
	return family == ADDRESS_IPV6 ? packet_sum(network + 8, 32) : packet_sum(network + 12, 8);
}

static inline uint8_t *write_ethernet(uint8_t *frame, const struct packet_view *query, const uint8_t mac[6])
{
	uint8_t *at = frame + 12;

	memcpy(frame, query->frame + 6, 6);
	memcpy(frame + 6, mac, 6);
	if (query->vlan != PACKET_VLAN_NONE) {
		packet_write16(at, 0x8100);
		packet_write16(at + 2, query->vlan);
		at += 4;
	}
	packet_write16(at, query->family == ADDRESS_IPV6 ? 0x86dd : 0x0800);
	return at + 2;
}

/** Write the IP header's constant fields and its addresses, the query's the other way round. */
static inline void write_network(uint8_t *at, const struct packet_view *query, uint8_t protocol)
{
	if (query->family == ADDRESS_IPV6) {
		memcpy(at, "\x60\0\0\0", 4);
		at[6] = protocol;
		at[7] = TTL;
		memcpy(at + 8, query->destination, 16);
		memcpy(at + 24, query->source, 16);
	} else {
		memcpy(at, "\x45\0", 2);
		memcpy(at + 4, "\0\0\x40\0", 4); // don't fragment
		at[8] = TTL;
		at[9] = protocol;
		memcpy(at + 12, query->destination, 4);
		memcpy(at + 16, query->source, 4);
	}
}

/** Set the length of the IP header and its checksum; `addresses` is the sum of its addresses. */
static inline void finish_network(uint8_t *at, uint8_t family, uint32_t addresses, uint8_t protocol,
                                  size_t length)
{
	if (family == ADDRESS_IPV6) {
		packet_write16(at + 4, (uint16_t)length);
	} else {
		uint32_t constant = 0x4500 + 0x4000 + (TTL << 8 | protocol);

		length += FRAMES_IPV4_LENGTH;
		packet_write16(at + 2, (uint16_t)length);
		packet_write16(at + 10, packet_checksum_finish(constant + addresses + (uint16_t)length));
	}
}

/** Set the UDP header's length and checksum; `sum` is that of the addresses and ports. */
static inline size_t finish_udp(uint8_t *frame, struct frame_layout layout, uint32_t sum,
                                size_t payload_length)
{
	uint8_t *at = frame + layout.header - FRAMES_TRANSPORT_LENGTH;
	uint16_t length = (uint16_t)(payload_length + FRAMES_TRANSPORT_LENGTH);

	// The length counts twice, in the header and in the pseudo-header.
	sum += PROTOCOL_UDP + 2u * length + packet_sum(frame + layout.header, payload_length);
	packet_write16(at + 4, length);
	packet_write16(at + 6, packet_checksum_finish_udp(sum));
	return layout.header + payload_length;
}

size_t frames_write_reply(uint8_t *frame, struct frame_layout layout, const struct packet_view *query,
                          const uint8_t mac[6], size_t payload_length)
{
	uint32_t addresses = sum_addresses(query->network, query->family);
	uint8_t *at = write_ethernet(frame, query, mac);

	write_network(at, query, PROTOCOL_UDP);
	finish_network(at, query->family, addresses, PROTOCOL_UDP, payload_length + FRAMES_TRANSPORT_LENGTH);
	at += network_length(query->family);
	packet_write16(at, query->destination_port);
	packet_write16(at + 2, query->source_port);
	return finish_udp(frame, layout, addresses + query->destination_port + query->source_port,
	                  payload_length);
}

/** Put an address into the IP header as the source. */
static void move_source(uint8_t *network, const struct address *source)
{
	bool ipv6 = source->family == ADDRESS_IPV6;

	memcpy(network + (ipv6 ? 8 : 12), source->bytes, ipv6 ? 16 : 4);
}

void frames_move_reply(uint8_t *frame, struct frame_layout layout, const struct address *source,
                       uint16_t port)
{
	move_source(network_of(frame, layout), source);
	packet_write16(frame + layout.header - FRAMES_TRANSPORT_LENGTH, port);
}

size_t frames_finish_reply(uint8_t *frame, struct frame_layout layout, size_t payload_length)
{
	uint8_t *network = network_of(frame, layout);
	uint32_t addresses = sum_addresses(network, layout.family);
	uint32_t ports = packet_sum(frame + layout.header - FRAMES_TRANSPORT_LENGTH, 4);

	finish_network(network, layout.family, addresses, PROTOCOL_UDP,
	               payload_length + FRAMES_TRANSPORT_LENGTH);
	return finish_udp(frame, layout, addresses + ports, payload_length);
}

size_t frames_quote_length(const struct packet_view *query)
{
	size_t whole = (size_t)query->network_length + query->transport_length;
	size_t headers = network_length(query->family) + FRAMES_TRANSPORT_LENGTH;
	size_t most = (query->family == ADDRESS_IPV6 ? FRAMES_ICMP6_MAX : FRAMES_ICMP4_MAX) - headers;

	return whole < most ? whole : most;
}

/** Set the lengths and checksums of an ICMP error. */
static size_t finish_icmp(uint8_t *frame, struct frame_layout layout, size_t quote_length)
{
	bool ipv6 = layout.family == ADDRESS_IPV6;
	uint8_t protocol = ipv6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP;
	uint8_t *network = network_of(frame, layout), *at = network + network_length(layout.family);
	uint32_t addresses = sum_addresses(network, layout.family);
	size_t length = quote_length + FRAMES_TRANSPORT_LENGTH;
	uint32_t pseudo = ipv6 ? addresses + protocol + (uint32_t)length : 0;

	finish_network(network, layout.family, addresses, protocol, length);
	packet_write16(at + 2, 0);
	packet_write16(at + 2, packet_checksum_finish(pseudo + packet_sum(at, length)));
	return layout.header + quote_length;
}

size_t frames_write_unreachable(uint8_t *frame, struct frame_layout layout, const struct packet_view *query,
                                const uint8_t mac[6], bool host, size_t quote_length)
{
	bool ipv6 = query->family == ADDRESS_IPV6;
	uint8_t *at = write_ethernet(frame, query, mac);

	write_network(at, query, ipv6 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP);
	at += network_length(query->family);
	memset(at, 0, FRAMES_TRANSPORT_LENGTH);
	// Port and host (in IPv6: address) unreachable: RFC 792; RFC 4443, 3.1.
	at[0] = ipv6 ? 1 : 3;
	at[1] = ipv6 ? (host ? 3 : 4) : (host ? 1 : 3);
	return finish_icmp(frame, layout, quote_length);
}

/** Make a quote name another destination, as the datagram looks behind the NAT. */
static void redirect_quote(uint8_t *quote, size_t length, const struct address *destination, uint16_t port)
{
	bool ipv6 = destination->family == ADDRESS_IPV6;
	size_t header = ipv6 ? FRAMES_IPV6_LENGTH : (size_t)(quote[0] & 0xf) * 4;

	if (length < header + FRAMES_TRANSPORT_LENGTH) {
		return;
	}
	if (ipv6) {
		memcpy(quote + 24, destination->bytes, 16);
	} else {
		memcpy(quote + 16, destination->bytes, 4);
		packet_write16(quote + 10, 0);
		packet_write16(quote + 10, packet_checksum_finish(packet_sum(quote, header)));
	}
	packet_write16(quote + header + 2, port);
}

void frames_move_unreachable(uint8_t *frame, struct frame_layout layout, const struct address *server,
                             uint16_t port, size_t quote_length)
{
	move_source(network_of(frame, layout), server);
	redirect_quote(frame + layout.header, quote_length, server, port);
	finish_icmp(frame, layout, quote_length);
}

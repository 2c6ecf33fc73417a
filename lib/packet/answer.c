// Builders of the frames that keep a station reachable: ARP, neighbour discovery, echo replies.

#include "packet/neighbour.h"
#include "wire.h"

_Static_assert(ETHERNET_LENGTH + ETHERNET_TAG + IPV6_LENGTH + ND_LENGTH + 8 == PACKET_NEIGHBOUR_FRAME_MAX,
               "longest frame");

static size_t write_arp(uint8_t *at, uint16_t operation, const uint8_t sender_mac[6], const uint8_t sender[4],
                        const uint8_t target_mac[6], const uint8_t target[4])
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 0x08, 0x00, 6, 4};

	memcpy(at, ethernet_ipv4, sizeof(ethernet_ipv4));
	packet_write16(at + 6, operation);
	memcpy(at + 8, sender_mac, 6);
	memcpy(at + 14, sender, 4);
	memcpy(at + 18, target_mac, 6);
	memcpy(at + 24, target, 4);
	return ARP_LENGTH;
}

size_t packet_arp_request(uint8_t *frame, const struct packet_station *own, const struct address *target)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t unknown[6];
	size_t at = wire_ethernet(frame, broadcast, own->mac, own->vlan, ETHERTYPE_ARP);

	return at + write_arp(frame + at, 1, own->mac, own->address.bytes, unknown, target->bytes);
}

size_t packet_arp_reply(uint8_t *frame, const struct packet_view *request, const uint8_t mac[6])
{
	size_t at = wire_ethernet(frame, request->neighbour.mac, mac, request->vlan, ETHERTYPE_ARP);

	return at + write_arp(frame + at, 2, mac, request->neighbour.target, request->neighbour.mac,
	                      request->source);
}

// The message proper, its one option and the checksum over both; `icmp` follows the IPv6 header that the sum
// is about.
static size_t write_nd(uint8_t *icmp, uint8_t type, uint8_t flags, const uint8_t target[16], uint8_t option,
                       const uint8_t mac[6])
{
	const uint8_t *network = icmp - IPV6_LENGTH;
	size_t length = ND_LENGTH + 8;
	uint32_t sum = wire_pseudo_sum(network + 8, network + 24, 16, PROTOCOL_ICMPV6, (uint32_t)length);

	memset(icmp, 0, 8);
	icmp[0] = type;
	icmp[4] = flags;
	memcpy(icmp + 8, target, 16);
	icmp[24] = option;
	icmp[25] = 1; // in units of 8 octets
	memcpy(icmp + 26, mac, 6);
	packet_write16(icmp + 2, packet_checksum_finish(sum + packet_sum(icmp, length)));
	return length;
}

size_t packet_nd_solicit(uint8_t *frame, const struct packet_station *own, const struct address *target)
{
	uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	uint8_t group_mac[6] = {0x33, 0x33, 0xff}; // RFC 2464, 7
	size_t at;

	memcpy(group + 13, target->bytes + 13, 3);
	memcpy(group_mac + 3, target->bytes + 13, 3);
	at = wire_ethernet(frame, group_mac, own->mac, own->vlan, ETHERTYPE_IPV6);
	at += wire_ipv6(frame + at, own->address.bytes, group, PROTOCOL_ICMPV6, ND_HOP_LIMIT, ND_LENGTH + 8);
	return at + write_nd(frame + at, ICMPV6_ND_SOLICIT, 0, target->bytes, ND_OPTION_SOURCE_MAC, own->mac);
}

size_t packet_nd_advert(uint8_t *frame, const struct packet_view *solicit, const uint8_t mac[6])
{
	static const uint8_t unspecified[16];
	static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	bool nameless = memcmp(solicit->source, unspecified, sizeof(unspecified)) == 0;
	const uint8_t *to = solicit->neighbour.mac != NULL ? solicit->neighbour.mac : solicit->frame + 6;
	uint8_t flags = nameless ? 0x20 : 0x60; // override; solicited
	size_t at;

	at = wire_ethernet(frame, nameless ? all_nodes_mac : to, mac, solicit->vlan, ETHERTYPE_IPV6);
	at += wire_ipv6(frame + at, solicit->neighbour.target, nameless ? all_nodes : solicit->source,
	                PROTOCOL_ICMPV6, ND_HOP_LIMIT, ND_LENGTH + 8);
	return at + write_nd(frame + at, ICMPV6_ND_ADVERT, flags, solicit->neighbour.target,
	                     ND_OPTION_TARGET_MAC, mac);
}

size_t packet_echo_reply(uint8_t *frame, size_t room, const struct packet_view *request, const uint8_t mac[6])
{
	bool ipv4 = request->family == ADDRESS_IPV4;
	struct address source = packet_address(request, request->source);
	struct address destination = packet_address(request, request->destination);
	size_t ethernet = ETHERNET_LENGTH + (request->vlan != PACKET_VLAN_NONE ? ETHERNET_TAG : 0);
	size_t at = ethernet + (ipv4 ? IPV4_LENGTH : IPV6_LENGTH);
	uint8_t *icmp = frame + at;
	uint32_t sum = 0;

	if (at + request->transport_length > room || !address_is_unicast(&source) ||
	    !address_is_unicast(&destination)) {
		return 0;
	}
	wire_ethernet(frame, request->frame + 6, mac, request->vlan, ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	if (ipv4) {
		wire_ipv4(frame + ethernet, request->destination, request->source, PROTOCOL_ICMP,
		          PACKET_TTL_DEFAULT, request->transport_length);
	} else {
		wire_ipv6(frame + ethernet, request->destination, request->source, PROTOCOL_ICMPV6,
		          PACKET_TTL_DEFAULT, request->transport_length);
		sum = wire_pseudo_sum(request->source, request->destination, 16, PROTOCOL_ICMPV6,
		                      request->transport_length);
	}
	memcpy(icmp, request->transport, request->transport_length);
	icmp[0] = ipv4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
	packet_write16(icmp + 2, 0);
	packet_write16(icmp + 2, packet_checksum_finish(sum + packet_sum(icmp, request->transport_length)));
	return at + request->transport_length;
}

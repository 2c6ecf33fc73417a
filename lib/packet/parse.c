#include "packet/parse.h"

#include "packet/plain.h"
#include "parse_internal.h"
#include "wire.h"

enum packet_kind parse_malformed(struct packet_view *view, enum packet_malformed reason)
{
	view->reason = reason;
	return PACKET_MALFORMED;
}

// RFC 791, 3.1: walk the options for their lengths; what they ask for is a router's business.
static bool ipv4_options_fit(const uint8_t *options, size_t length)
{
	size_t at = 0;

	while (at < length && options[at] != 0) {
		if (options[at] == 1) {
			at++;
			continue;
		}
		if (length - at < 2 || options[at + 1] < 2 || options[at + 1] > length - at) {
			return false;
		}
		at += options[at + 1];
	}
	return true;
}

enum packet_malformed parse_ipv4(const uint8_t *at, size_t length, bool quoted, struct parse_datagram *out)
{
	size_t header, total;
	uint16_t fragment;

	if (length < IPV4_LENGTH) {
		return PACKET_BAD_IPV4_TRUNCATED;
	}
	if (at[0] >> 4 != 4) {
		return PACKET_BAD_IPV4_VERSION;
	}
	header = (size_t)(at[0] & 0xf) * 4;
	if (header < IPV4_LENGTH || header > length) {
		return PACKET_BAD_IPV4_IHL;
	}
	total = packet_read16(at + 2);
	if (total < header || (total > length && !quoted)) {
		return PACKET_BAD_IPV4_TOTAL_LENGTH;
	}
	if (!ipv4_options_fit(at + IPV4_LENGTH, header - IPV4_LENGTH)) {
		return PACKET_BAD_IPV4_OPTIONS;
	}
	fragment = packet_read16(at + 6);
	*out = (struct parse_datagram){
	        .source = at + 12,
	        .destination = at + 16,
	        .transport = at + header,
	        .length = (total < length ? total : length) - header,
	        .hop_limit = at[8],
	        .protocol = at[9],
	        .fragment = (fragment & (IPV4_MORE | IPV4_OFFSET)) != 0,
	        .later_fragment = (fragment & IPV4_OFFSET) != 0,
	};
	return PACKET_WELL_FORMED;
}

// One extension header at the start of what is left. Returns its length; 0 when it does not fit or is out of
// place.
static size_t ipv6_extension(struct parse_datagram *datagram, bool first)
{
	const uint8_t *at = datagram->transport;
	uint16_t fragment;
	size_t length;

	if (datagram->length < 8 || (datagram->protocol == PROTOCOL_HOP_BY_HOP && !first)) {
		return 0;
	}
	length = datagram->protocol == PROTOCOL_FRAGMENT ? 8 : ((size_t)at[1] + 1) * 8;
	if (length > datagram->length) {
		return 0;
	}
	if (datagram->protocol == PROTOCOL_FRAGMENT) {
		// Offset and more-bit zero: an atomic fragment, which is whole (RFC 6946).
		fragment = packet_read16(at + 2);
		datagram->fragment |= (fragment & 0xfff9) != 0;
		datagram->later_fragment |= (fragment & 0xfff8) != 0;
	}
	if (datagram->protocol == PROTOCOL_ROUTING && at[3] != 0) {
		datagram->underway = true;
	}
	datagram->protocol = at[0];
	datagram->transport += length;
	datagram->length -= length;
	return length;
}

enum packet_malformed parse_ipv6(const uint8_t *at, size_t length, bool quoted, struct parse_datagram *out)
{
	size_t payload;

	if (length < IPV6_LENGTH) {
		return PACKET_BAD_IPV6_TRUNCATED;
	}
	if (at[0] >> 4 != 6) {
		return PACKET_BAD_IPV6_VERSION;
	}
	payload = packet_read16(at + 4);
	length -= IPV6_LENGTH;
	if (payload > length && !quoted) {
		return PACKET_BAD_IPV6_LENGTH;
	}
	*out = (struct parse_datagram){
	        .source = at + 8,
	        .destination = at + 24,
	        .transport = at + IPV6_LENGTH,
	        .length = payload < length ? payload : length,
	        .hop_limit = at[7],
	        .protocol = at[6],
	};
	for (int count = 0; out->protocol == PROTOCOL_HOP_BY_HOP || out->protocol == PROTOCOL_ROUTING ||
	                    out->protocol == PROTOCOL_DESTINATION || out->protocol == PROTOCOL_FRAGMENT;
	     count++) {
		if (count == PARSE_EXTENSIONS_MAX || ipv6_extension(out, count == 0) == 0) {
			return PACKET_BAD_IPV6_EXTENSION;
		}
		if (out->later_fragment) {
			break; // what follows is the middle of something
		}
	}
	return PACKET_WELL_FORMED;
}

static enum packet_kind parse_udp(struct packet_view *view)
{
	const uint8_t *udp = view->transport;
	uint16_t length;

	if (view->transport_length < UDP_LENGTH) {
		return parse_malformed(view, PACKET_BAD_UDP_TRUNCATED);
	}
	length = packet_read16(udp + 4);
	if (length < UDP_LENGTH || length > view->transport_length) {
		return parse_malformed(view, PACKET_BAD_UDP_LENGTH);
	}
	view->source_port = packet_read16(udp);
	view->destination_port = packet_read16(udp + 2);
	view->transport_length = length;
	view->payload = udp + UDP_LENGTH;
	view->payload_length = (uint16_t)(length - UDP_LENGTH);
	return PACKET_UDP;
}

static enum packet_kind parse_ip(const uint8_t *at, size_t length, uint8_t family, struct packet_view *view)
{
	struct parse_datagram datagram;
	enum packet_malformed reason = family == ADDRESS_IPV4 ? parse_ipv4(at, length, false, &datagram)
	                                                      : parse_ipv6(at, length, false, &datagram);

	if (reason != PACKET_WELL_FORMED) {
		return parse_malformed(view, reason);
	}
	view->family = family;
	view->network = at;
	view->network_length = (uint16_t)(datagram.transport - at);
	view->source = datagram.source;
	view->destination = datagram.destination;
	view->transport = datagram.transport;
	view->transport_length = (uint16_t)datagram.length;
	view->protocol = datagram.protocol;
	view->hop_limit = datagram.hop_limit;
	if (datagram.fragment) {
		return PACKET_FRAGMENT;
	}
	if (datagram.underway) {
		return PACKET_OTHER; // the pseudo-header's destination is still in the routing header
	}
	if (view->protocol == PROTOCOL_UDP) {
		return parse_udp(view);
	}
	if (view->protocol == (family == ADDRESS_IPV4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6)) {
		return parse_icmp(view);
	}
	return PACKET_OTHER;
}

// RFC 826, for Ethernet and IPv4 only.
static enum packet_kind parse_arp(const uint8_t *at, size_t length, struct packet_view *view)
{
	static const uint8_t expected[6] = {0, 1, 0x08, 0x00, 6, 4};
	static const uint8_t zero[6];
	uint16_t operation;

	if (length < 8) {
		return parse_malformed(view, PACKET_BAD_ARP_TRUNCATED);
	}
	if (memcmp(at, expected, sizeof(expected)) != 0) {
		return PACKET_OTHER;
	}
	if (length < ARP_LENGTH) {
		return parse_malformed(view, PACKET_BAD_ARP_TRUNCATED);
	}
	operation = packet_read16(at + 6);
	if (operation != 1 && operation != 2) {
		return PACKET_OTHER;
	}
	if ((at[8] & 1) != 0 || memcmp(at + 8, zero, sizeof(zero)) == 0) {
		return parse_malformed(view, PACKET_BAD_ARP_SENDER);
	}
	view->family = ADDRESS_IPV4;
	view->network = at;
	view->source = at + 14;
	view->destination = at + 24;
	view->neighbour.mac = at + 8;
	// A reply advertises its sender, a request asks for its target.
	view->neighbour.target = operation == 1 ? at + 24 : at + 14;
	return operation == 1 ? PACKET_ARP_REQUEST : PACKET_ARP_REPLY;
}

enum packet_kind packet_parse_any(const uint8_t *frame, size_t length, struct packet_view *out)
{
	size_t at = ETHERNET_LENGTH;
	uint16_t type;

	*out = (struct packet_view){.frame = frame, .vlan = PACKET_VLAN_NONE};
	if (length < at) {
		return out->kind = parse_malformed(out, PACKET_BAD_ETHERNET);
	}
	type = packet_read16(frame + 12);
	if (type == ETHERTYPE_VLAN) {
		if (length < at + ETHERNET_TAG) {
			return out->kind = parse_malformed(out, PACKET_BAD_ETHERNET);
		}
		out->vlan = packet_read16(frame + 14) & 0xfff;
		type = packet_read16(frame + 16);
		at += ETHERNET_TAG;
	}
	if (type == ETHERTYPE_IPV4) {
		out->kind = parse_ip(frame + at, length - at, ADDRESS_IPV4, out);
	} else if (type == ETHERTYPE_IPV6) {
		out->kind = parse_ip(frame + at, length - at, ADDRESS_IPV6, out);
	} else if (type == ETHERTYPE_ARP) {
		out->kind = parse_arp(frame + at, length - at, out);
	}
	return out->kind;
}

enum packet_kind packet_parse(const uint8_t *frame, size_t length, struct packet_view *out)
{
	return packet_parse_inline(frame, length, out);
}

struct address packet_address(const struct packet_view *view, const uint8_t *bytes)
{
	struct address address = {.family = ADDRESS_NONE};

	if (bytes != NULL) {
		address.family = view->family;
		memcpy(address.bytes, bytes, address_length(view->family));
	}
	return address;
}

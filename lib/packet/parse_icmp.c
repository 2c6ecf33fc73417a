// ICMP (RFC 792, RFC 4884), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861).

#include "parse_internal.h"
#include "wire.h"

static enum packet_unreachable unreachable_ipv4(uint8_t type, uint8_t code)
{
	// RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1
	static const uint8_t reasons[16] = {
	        [0] = PACKET_UNREACHABLE_NETWORK, [1] = PACKET_UNREACHABLE_HOST,
	        [3] = PACKET_UNREACHABLE_PORT,    [4] = PACKET_UNREACHABLE_TOO_BIG,
	        [6] = PACKET_UNREACHABLE_NETWORK, [7] = PACKET_UNREACHABLE_HOST,
	        [8] = PACKET_UNREACHABLE_HOST,    [9] = PACKET_UNREACHABLE_ADMIN,
	        [10] = PACKET_UNREACHABLE_ADMIN,  [11] = PACKET_UNREACHABLE_NETWORK,
	        [12] = PACKET_UNREACHABLE_HOST,   [13] = PACKET_UNREACHABLE_ADMIN,
	        [14] = PACKET_UNREACHABLE_ADMIN,  [15] = PACKET_UNREACHABLE_ADMIN,
	};

	if (type == ICMP_TIME_EXCEEDED) {
		return code == 0 ? PACKET_UNREACHABLE_HOPS : PACKET_UNREACHABLE_OTHER;
	}
	return code < 16 ? (enum packet_unreachable)reasons[code] : PACKET_UNREACHABLE_OTHER;
}

static enum packet_unreachable unreachable_ipv6(uint8_t type, uint8_t code)
{
	// RFC 4443, 3.1
	static const uint8_t reasons[7] = {
	        [0] = PACKET_UNREACHABLE_NETWORK, [1] = PACKET_UNREACHABLE_ADMIN,
	        [3] = PACKET_UNREACHABLE_HOST,    [4] = PACKET_UNREACHABLE_PORT,
	        [5] = PACKET_UNREACHABLE_ADMIN,   [6] = PACKET_UNREACHABLE_ADMIN,
	};

	if (type == ICMPV6_TIME_EXCEEDED) {
		return code == 0 ? PACKET_UNREACHABLE_HOPS : PACKET_UNREACHABLE_OTHER;
	}
	if (type == ICMPV6_TOO_BIG) {
		return PACKET_UNREACHABLE_TOO_BIG;
	}
	return code < 7 ? (enum packet_unreachable)reasons[code] : PACKET_UNREACHABLE_OTHER;
}

// The quoted octets. RFC 4884: a length in 32- or 64-bit words ends them where extensions follow; old senders
// leave it 0.
static size_t quote_length(const struct packet_view *view)
{
	const uint8_t *icmp = view->transport;
	size_t length = view->transport_length - ICMP_LENGTH, told = 0;

	if (view->family == ADDRESS_IPV4) {
		told = (size_t)icmp[5] * 4;
	} else if (icmp[0] != ICMPV6_TOO_BIG) { // which has an MTU there
		told = (size_t)icmp[4] * 8;
	}
	return told != 0 && told < length ? told : length;
}

static enum packet_kind parse_error(struct packet_view *view)
{
	const uint8_t *icmp = view->transport;
	struct packet_quote *quote = &view->quote;
	struct parse_datagram inner;
	enum packet_malformed reason;

	reason = view->family == ADDRESS_IPV4
	                 ? parse_ipv4(icmp + ICMP_LENGTH, quote_length(view), true, &inner)
	                 : parse_ipv6(icmp + ICMP_LENGTH, quote_length(view), true, &inner);
	if (reason != PACKET_WELL_FORMED) {
		return parse_malformed(view, PACKET_BAD_ICMP_QUOTE);
	}
	if (inner.protocol != PROTOCOL_UDP || inner.later_fragment) {
		return PACKET_OTHER; // not about a query of ours
	}
	if (inner.length < 4) {
		return parse_malformed(view, PACKET_BAD_ICMP_QUOTE);
	}
	*quote = (struct packet_quote){
	        .reason = view->family == ADDRESS_IPV4 ? unreachable_ipv4(icmp[0], icmp[1])
	                                               : unreachable_ipv6(icmp[0], icmp[1]),
	        .type = icmp[0],
	        .code = icmp[1],
	        .source = inner.source,
	        .destination = inner.destination,
	        .source_port = packet_read16(inner.transport),
	        .destination_port = packet_read16(inner.transport + 2),
	        .has_id = inner.length >= UDP_LENGTH + 2,
	};
	if (quote->has_id) {
		quote->id = packet_read16(inner.transport + UDP_LENGTH);
	}
	return PACKET_ICMP_UNREACHABLE;
}

// RFC 4861, 4.6: find the link-layer address option of `type`. False when an option is broken.
static bool nd_option(const uint8_t *at, size_t length, uint8_t type, const uint8_t **mac)
{
	while (length > 0) {
		size_t size;

		if (length < 8 || at[1] == 0 || (size = (size_t)at[1] * 8) > length) {
			return false;
		}
		if (at[0] == type && size == 8) {
			*mac = at + 2;
		}
		at += size;
		length -= size;
	}
	return true;
}

// RFC 4861, 7.1.1 and 7.1.2: what a valid message looks like, its checksum apart.
static bool nd_fields_agree(const struct packet_view *view, bool solicit)
{
	static const uint8_t unspecified[16];
	static const uint8_t solicited_node[13] = {0xff, 2, [11] = 1, [12] = 0xff};
	const uint8_t *icmp = view->transport;

	// That the source is no group is not said there, but an answer to one would break the rule for
	// advertisements.
	if (icmp[1] != 0 || icmp[8] == 0xff || view->source[0] == 0xff) {
		return false;
	}
	if (!solicit) {
		return view->destination[0] != 0xff || (icmp[4] & 0x40) == 0;
	}
	if (memcmp(view->source, unspecified, sizeof(unspecified)) == 0) {
		return view->neighbour.mac == NULL &&
		       memcmp(view->destination, solicited_node, sizeof(solicited_node)) == 0;
	}
	return true;
}

static enum packet_kind parse_nd(struct packet_view *view)
{
	const uint8_t *icmp = view->transport;
	bool solicit = icmp[0] == ICMPV6_ND_SOLICIT;

	if (view->hop_limit != ND_HOP_LIMIT) {
		return parse_malformed(view, PACKET_BAD_ND_HOP_LIMIT);
	}
	if (view->transport_length < ND_LENGTH) {
		return parse_malformed(view, PACKET_BAD_ND_LENGTH);
	}
	view->neighbour = (struct packet_neighbour_view){.target = icmp + 8};
	if (!nd_option(icmp + ND_LENGTH, view->transport_length - (size_t)ND_LENGTH,
	               solicit ? ND_OPTION_SOURCE_MAC : ND_OPTION_TARGET_MAC, &view->neighbour.mac)) {
		return parse_malformed(view, PACKET_BAD_ND_OPTION);
	}
	if (!nd_fields_agree(view, solicit)) {
		return parse_malformed(view, PACKET_BAD_ND_FIELD);
	}
	return solicit ? PACKET_ND_SOLICIT : PACKET_ND_ADVERT;
}

enum packet_kind parse_icmp(struct packet_view *view)
{
	bool ipv4 = view->family == ADDRESS_IPV4;
	uint8_t type;

	if (view->transport_length < ICMP_LENGTH) {
		return parse_malformed(view, PACKET_BAD_ICMP_TRUNCATED);
	}
	type = view->transport[0];
	if (ipv4 ? type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED
	         : type == ICMPV6_UNREACHABLE || type == ICMPV6_TOO_BIG || type == ICMPV6_TIME_EXCEEDED) {
		return parse_error(view);
	}
	if (ipv4 ? type == ICMP_ECHO_REQUEST : type == ICMPV6_ECHO_REQUEST) {
		return view->transport[1] == 0 ? PACKET_ICMP_ECHO_REQUEST : PACKET_OTHER;
	}
	if (!ipv4 && (type == ICMPV6_ND_SOLICIT || type == ICMPV6_ND_ADVERT)) {
		return parse_nd(view);
	}
	return PACKET_OTHER;
}

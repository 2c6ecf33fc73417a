// Software checks of received checksums, and the words for everything that parsing can find.

#include "packet/parse.h"
#include "wire.h"

static enum packet_checksum verify_udp(const struct packet_view *view)
{
	uint32_t pseudo = wire_pseudo_sum(view->source, view->destination, address_length(view->family),
	                                  PROTOCOL_UDP, view->transport_length);
	uint16_t field = packet_read16(view->transport + 6);

	if (field == 0) {
		return view->family == ADDRESS_IPV4 ? PACKET_CHECKSUM_NONE
		                                    : PACKET_CHECKSUM_BAD; // RFC 8200, 8.1
	}
	if (packet_fold(pseudo + packet_sum(view->transport, view->transport_length)) == 0xffff) {
		return PACKET_CHECKSUM_GOOD;
	}
	return field == packet_fold(pseudo) ? PACKET_CHECKSUM_PARTIAL : PACKET_CHECKSUM_BAD;
}

enum packet_checksum packet_checksum_verify(const struct packet_view *view)
{
	uint32_t sum = 0;

	if (view->network == NULL || view->transport == NULL) {
		return PACKET_CHECKSUM_GOOD; // ARP, and frames that never reached IP
	}
	if (view->family == ADDRESS_IPV4 && packet_sum(view->network, view->network_length) != 0xffff) {
		return PACKET_CHECKSUM_BAD;
	}
	switch (view->kind) {
	case PACKET_UDP:
		return verify_udp(view);
	case PACKET_ND_SOLICIT:
	case PACKET_ND_ADVERT:
	case PACKET_ICMP_UNREACHABLE:
	case PACKET_ICMP_ECHO_REQUEST:
		if (view->family == ADDRESS_IPV6) {
			sum = wire_pseudo_sum(view->source, view->destination, 16, PROTOCOL_ICMPV6,
			                      view->transport_length);
		}
		sum += packet_sum(view->transport, view->transport_length);
		return packet_fold(sum) == 0xffff ? PACKET_CHECKSUM_GOOD : PACKET_CHECKSUM_BAD;
	default:
		return PACKET_CHECKSUM_GOOD;
	}
}

#define TEXT(table, index)                                                                                   \
	((size_t)(index) < sizeof(table) / sizeof((table)[0]) && (table)[index] != NULL ? (table)[index]     \
	                                                                                : "unknown")

const char *packet_kind_text(enum packet_kind kind)
{
	static const char *const texts[PACKET_KIND_COUNT] = {
	        [PACKET_OTHER] = "other",
	        [PACKET_UDP] = "UDP",
	        [PACKET_ICMP_UNREACHABLE] = "ICMP error",
	        [PACKET_ICMP_ECHO_REQUEST] = "ICMP echo request",
	        [PACKET_ARP_REQUEST] = "ARP request",
	        [PACKET_ARP_REPLY] = "ARP reply",
	        [PACKET_ND_SOLICIT] = "neighbour solicitation",
	        [PACKET_ND_ADVERT] = "neighbour advertisement",
	        [PACKET_FRAGMENT] = "fragment",
	        [PACKET_MALFORMED] = "malformed",
	};

	return TEXT(texts, kind);
}

const char *packet_malformed_text(enum packet_malformed reason)
{
	static const char *const texts[PACKET_MALFORMED_COUNT] = {
	        [PACKET_WELL_FORMED] = "well-formed",
	        [PACKET_BAD_ETHERNET] = "truncated Ethernet header",
	        [PACKET_BAD_IPV4_TRUNCATED] = "truncated IPv4 header",
	        [PACKET_BAD_IPV4_VERSION] = "IPv4 frame with another IP version",
	        [PACKET_BAD_IPV4_IHL] = "IPv4 header length out of range",
	        [PACKET_BAD_IPV4_TOTAL_LENGTH] = "IPv4 total length out of range",
	        [PACKET_BAD_IPV4_OPTIONS] = "broken IPv4 option",
	        [PACKET_BAD_IPV6_TRUNCATED] = "truncated IPv6 header",
	        [PACKET_BAD_IPV6_VERSION] = "IPv6 frame with another IP version",
	        [PACKET_BAD_IPV6_LENGTH] = "IPv6 payload length beyond the frame",
	        [PACKET_BAD_IPV6_EXTENSION] = "broken chain of IPv6 extension headers",
	        [PACKET_BAD_UDP_TRUNCATED] = "truncated UDP header",
	        [PACKET_BAD_UDP_LENGTH] = "UDP length out of range",
	        [PACKET_BAD_ICMP_TRUNCATED] = "truncated ICMP message",
	        [PACKET_BAD_ICMP_QUOTE] = "ICMP error with a broken quote",
	        [PACKET_BAD_ARP_TRUNCATED] = "truncated ARP message",
	        [PACKET_BAD_ARP_SENDER] = "ARP sender that is no station",
	        [PACKET_BAD_ND_LENGTH] = "truncated neighbour discovery message",
	        [PACKET_BAD_ND_HOP_LIMIT] = "neighbour discovery from beyond the link",
	        [PACKET_BAD_ND_FIELD] = "contradictory neighbour discovery message",
	        [PACKET_BAD_ND_OPTION] = "broken neighbour discovery option",
	};

	return TEXT(texts, reason);
}

const char *packet_unreachable_text(enum packet_unreachable reason)
{
	static const char *const texts[PACKET_UNREACHABLE_COUNT] = {
	        [PACKET_UNREACHABLE_OTHER] = "unreachable",
	        [PACKET_UNREACHABLE_NETWORK] = "network unreachable",
	        [PACKET_UNREACHABLE_HOST] = "host unreachable",
	        [PACKET_UNREACHABLE_PORT] = "port unreachable",
	        [PACKET_UNREACHABLE_ADMIN] = "administratively prohibited",
	        [PACKET_UNREACHABLE_TOO_BIG] = "packet too big",
	        [PACKET_UNREACHABLE_HOPS] = "hop limit exceeded",
	};

	return TEXT(texts, reason);
}

const char *packet_checksum_text(enum packet_checksum checksum)
{
	static const char *const texts[PACKET_CHECKSUM_COUNT] = {
	        [PACKET_CHECKSUM_GOOD] = "good",
	        [PACKET_CHECKSUM_BAD] = "bad",
	        [PACKET_CHECKSUM_NONE] = "none",
	        [PACKET_CHECKSUM_PARTIAL] = "partial",
	};

	return TEXT(texts, checksum);
}

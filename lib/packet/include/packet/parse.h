#pragma once
// Parsing received frames: what is it, whose is it, and if it is broken, how. The view points into the frame
// and is valid as long as the frame is. Nothing is read beyond `length`, at any alignment. Pure functions,
// any thread.

#include "base/address.h"
#include "packet/craft.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a frame is. Each kind says which fields of the view it fills beyond the addresses. */
enum packet_kind {
	PACKET_OTHER,             ///< well-formed as far as it was read, and nothing of ours
	PACKET_UDP,               ///< ports, payload
	PACKET_ICMP_UNREACHABLE,  ///< an ICMP error that quotes a UDP datagram: quote
	PACKET_ICMP_ECHO_REQUEST, ///< transport: the ICMP message
	PACKET_ARP_REQUEST,       ///< neighbour; source and destination are the protocol addresses
	PACKET_ARP_REPLY,
	PACKET_ND_SOLICIT, ///< neighbour
	PACKET_ND_ADVERT,
	PACKET_FRAGMENT,  ///< of an IP datagram; only the addresses are known
	PACKET_MALFORMED, ///< reason
	PACKET_KIND_COUNT,
};

/** Why a frame was rejected. */
enum packet_malformed {
	PACKET_WELL_FORMED,
	PACKET_BAD_ETHERNET,          ///< shorter than its Ethernet header or tag
	PACKET_BAD_IPV4_TRUNCATED,    ///< shorter than an IPv4 header
	PACKET_BAD_IPV4_VERSION,      ///< EtherType IPv4, version not 4
	PACKET_BAD_IPV4_IHL,          ///< header length below 20 octets or beyond the frame
	PACKET_BAD_IPV4_TOTAL_LENGTH, ///< total length below the header's or beyond the frame
	PACKET_BAD_IPV4_OPTIONS,      ///< an option of length below 2 or beyond the header
	PACKET_BAD_IPV6_TRUNCATED,
	PACKET_BAD_IPV6_VERSION,
	PACKET_BAD_IPV6_LENGTH,    ///< payload length beyond the frame
	PACKET_BAD_IPV6_EXTENSION, ///< an extension header beyond the payload, out of place, or too many of
	                           ///< them
	PACKET_BAD_UDP_TRUNCATED,
	PACKET_BAD_UDP_LENGTH, ///< UDP length below 8 or beyond the IP payload
	PACKET_BAD_ICMP_TRUNCATED,
	PACKET_BAD_ICMP_QUOTE, ///< an ICMP error whose quoted datagram is broken or stops short of the ports
	PACKET_BAD_ARP_TRUNCATED,
	PACKET_BAD_ARP_SENDER, ///< the sender's hardware address is a multicast address or zero
	PACKET_BAD_ND_LENGTH,
	PACKET_BAD_ND_HOP_LIMIT, ///< not 255: it came through a router (RFC 4861, 7.1)
	PACKET_BAD_ND_FIELD,  ///< code not 0, multicast target, or a contradiction that RFC 4861, 7.1 forbids
	PACKET_BAD_ND_OPTION, ///< an option of length 0 or beyond the message
	PACKET_MALFORMED_COUNT,
};

/** What an ICMP error says of the query that it quotes. */
enum packet_unreachable {
	PACKET_UNREACHABLE_OTHER,
	PACKET_UNREACHABLE_NETWORK,
	PACKET_UNREACHABLE_HOST,
	PACKET_UNREACHABLE_PORT,
	PACKET_UNREACHABLE_ADMIN,   ///< prohibited, by policy or a filter
	PACKET_UNREACHABLE_TOO_BIG, ///< did not fit the MTU of a hop
	PACKET_UNREACHABLE_HOPS,    ///< the TTL ran out: a routing loop or too low a TTL
	PACKET_UNREACHABLE_COUNT,
};

/** The quoted datagram of an ICMP error: our query as the reporter saw it. */
struct packet_quote {
	enum packet_unreachable reason;
	uint8_t type, code; ///< of the ICMP message
	bool has_id;        ///< the quote reaches the DNS id
	uint16_t id;
	uint16_t source_port, destination_port;
	const uint8_t *source, *destination; ///< of the view's family
};

/** What ARP and ND say of a station. */
struct packet_neighbour_view {
	const uint8_t *target; ///< the address asked for or advertised, of the view's family
	const uint8_t
	        *mac; ///< the hardware address told: ARP sender, ND source/target option; NULL: none was
};

enum packet_checksum {
	PACKET_CHECKSUM_GOOD,
	PACKET_CHECKSUM_BAD,
	PACKET_CHECKSUM_NONE,    ///< IPv4 UDP sent without one
	PACKET_CHECKSUM_PARTIAL, ///< holds the pseudo-header's sum only, for an offload that never happened
	PACKET_CHECKSUM_COUNT,
};

struct packet_view {
	enum packet_kind kind;
	enum packet_malformed reason; ///< of PACKET_MALFORMED
	uint8_t family;               ///< enum address_family; ADDRESS_NONE: the frame didn't reach one
	uint8_t protocol;             ///< of `transport`
	uint8_t hop_limit;            ///< TTL or hop limit
	uint16_t vlan;                ///< PACKET_VLAN_NONE: untagged
	uint16_t source_port, destination_port;
	uint16_t payload_length;
	uint16_t network_length;   ///< IPv4 header with options; IPv6 header with extensions
	uint16_t transport_length; ///< octets of the datagram from `transport` on, Ethernet padding left out
	const uint8_t *frame;      ///< destination MAC address, then the source's at +6
	const uint8_t *network;
	const uint8_t *source, *destination; ///< of `family`, in network order
	const uint8_t *transport;
	const uint8_t *payload;
	union {
		struct packet_quote quote;
		struct packet_neighbour_view neighbour;
	};
};

/**
 * Parse one Ethernet frame, at most one 802.1Q tag, ARP, IPv4 with options, IPv6 with hop-by-hop options,
 * routing, destination options and an atomic fragment header. Fills `out` whatever the outcome, of
 * the union what belongs to the kind. Checksums are
 * not looked at: packet_checksum_verify() is for ports that don't. Returns out->kind.
 */
enum packet_kind packet_parse(const uint8_t *frame, size_t length, struct packet_view *out);

/**
 * Check in software the IPv4 header checksum and the checksum of UDP, ICMP or ICMPv6. PARTIAL is what Linux
 * leaves in the field of a CHECKSUM_PARTIAL skb that crosses a veth (udp_set_csum(): the folded, not
 * complemented pseudo-header sum): a caller should take it from software ports only. GOOD for kinds that have
 * no checksum.
 */
enum packet_checksum packet_checksum_verify(const struct packet_view *view);

/** The address at `bytes` (view->source, view->quote.destination ...) as a value; ADDRESS_NONE when `bytes`
 * is NULL. */
struct address packet_address(const struct packet_view *view, const uint8_t *bytes);

/** Texts for people and reports; "unknown" outside the enum. */
const char *packet_kind_text(enum packet_kind kind);
const char *packet_malformed_text(enum packet_malformed reason);
const char *packet_unreachable_text(enum packet_unreachable reason);
const char *packet_checksum_text(enum packet_checksum checksum);

#pragma once
// Private to the room: what the parsers of the layers share.

#include "packet/parse.h"

/** More extension headers than anybody has use for (RFC 8504, 5.3 lets a receiver limit them). */
#define PARSE_EXTENSIONS_MAX 8

/** An IP datagram, received or quoted. */
struct parse_datagram {
	const uint8_t *source, *destination;
	const uint8_t *transport;
	size_t length; ///< of what is there from `transport` on
	uint8_t protocol;
	uint8_t hop_limit;
	bool fragment;
	bool later_fragment; ///< one without a transport header
	bool underway;       ///< its routing header names further hops
};

/** Note why a frame is rejected. Returns PACKET_MALFORMED. */
enum packet_kind parse_malformed(struct packet_view *view, enum packet_malformed reason);

/** Parse an IP header. A `quoted` datagram may be cut short. */
enum packet_malformed parse_ipv4(const uint8_t *at, size_t length, bool quoted, struct parse_datagram *out);
enum packet_malformed parse_ipv6(const uint8_t *at, size_t length, bool quoted, struct parse_datagram *out);

/** Parse ICMP or ICMPv6 at view->transport. */
enum packet_kind parse_icmp(struct packet_view *view);

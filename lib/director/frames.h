#pragma once
// The frames that leave the director: UDP replies and ICMP errors. Private to the director; pure functions of
// their arguments.

#include "base/address.h"
#include "packet/parse.h"

#include <stddef.h>
#include <stdint.h>

/** Linux quotes what fits into this many octets of IP datagram (RFC 1812, 4.3.2.3; RFC 4443, 3.1). */
#define FRAMES_ICMP4_MAX 576
#define FRAMES_ICMP6_MAX 1280
/** Room for Ethernet, a tag and the longest IP and ICMP headers before the quote. */
#define FRAMES_ICMP_HEADERS 66

/** The two ends of a frame and what lies between: who it goes to is who the query came from. */
struct frame_path {
	uint8_t own_mac[6];
	uint8_t peer_mac[6];
	uint16_t vlan; ///< or PACKET_VLAN_NONE
	struct address source;
	struct address destination;
	uint16_t source_port;
	uint16_t destination_port;
};

/** Octets before the payload of a UDP frame on this path. */
size_t frames_udp_header_length(const struct frame_path *path);

/** Write the headers of a UDP frame before its payload, which already lies behind them. Returns the frame's
 * length. */
size_t frames_write_udp(uint8_t *frame, const struct frame_path *path, size_t payload_length);

/** Octets of the query's IP datagram that an ICMP error quotes. */
size_t frames_quote_length(const struct packet_view *query);

/** Octets before the quote of an ICMP error on this path. */
size_t frames_icmp_header_length(const struct frame_path *path);

/**
 * Write the headers of an ICMP destination unreachable before its quote, which already lies behind them.
 * `host` says host instead of port unreachable. Returns the frame's length.
 */
size_t frames_write_unreachable(uint8_t *frame, const struct frame_path *path, bool host,
                                size_t quote_length);

/** Make a quote name another destination, as the datagram looks behind the NAT. */
void frames_redirect_quote(uint8_t *quote, size_t length, const struct address *destination, uint16_t port);

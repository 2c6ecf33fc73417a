#pragma once
// The frames that leave the director: UDP replies and ICMP errors. They are written when the real server
// takes the query, from the query's own headers, as they leave if the director translates them; what turns
// out otherwise when they do leave is changed then. Private to the director; pure functions of their
// arguments.

#include "base/address.h"
#include "packet/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Linux quotes what fits into this many octets of IP datagram (RFC 1812, 4.3.2.3; RFC 4443, 3.1). */
#define FRAMES_ICMP4_MAX 576
#define FRAMES_ICMP6_MAX 1280
/** Room for Ethernet, a tag and the longest IP and ICMP headers before the quote. */
#define FRAMES_ICMP_HEADERS 66

#define FRAMES_IPV4_LENGTH 20
#define FRAMES_IPV6_LENGTH 40
/** Of UDP's header and of ICMP's alike. */
#define FRAMES_TRANSPORT_LENGTH 8

/** Where the layers of a frame of the director's lie. */
struct frame_layout {
	uint8_t family;
	uint8_t header; ///< octets before the payload or quote
};

/** The layout of what answers a query: tagged as it is, and without its IP options. */
static inline struct frame_layout frames_layout(const struct packet_view *query)
{
	size_t ethernet = (size_t)(query->network - query->frame);
	size_t network = query->family == ADDRESS_IPV6 ? FRAMES_IPV6_LENGTH : FRAMES_IPV4_LENGTH;

	return (struct frame_layout){query->family, (uint8_t)(ethernet + network + FRAMES_TRANSPORT_LENGTH)};
}

/** An address of this family from a header. */
static inline struct address frames_address(uint8_t family, const uint8_t *bytes)
{
	struct address address = {.family = family};

	if (family == ADDRESS_IPV6) {
		memcpy(address.bytes, bytes, 16);
	} else {
		memcpy(address.bytes, bytes, 4);
	}
	return address;
}

/** Is it this address? */
static inline bool frames_is_address(const struct address *address, uint8_t family, const uint8_t *bytes)
{
	// Of sizes that the compiler does without a call.
	return address->family == family && memcmp(address->bytes, bytes, 4) == 0 &&
	       (family != ADDRESS_IPV6 || (memcmp(address->bytes + 4, bytes + 4, 4) == 0 &&
	                                   memcmp(address->bytes + 8, bytes + 8, 8) == 0));
}

/** Who a frame goes to: the client. */
static inline struct address frames_client(const uint8_t *frame, struct frame_layout layout)
{
	// The destination ends the IP header.
	size_t end = layout.header - FRAMES_TRANSPORT_LENGTH;

	return frames_address(layout.family, frame + end - (layout.family == ADDRESS_IPV6 ? 16 : 4));
}

/**
 * Write the headers of the reply to a query before its payload, which already lies behind them: from the
 * service that the query went to, by the station `mac`. Returns the frame's length.
 */
size_t frames_write_reply(uint8_t *frame, struct frame_layout layout, const struct packet_view *query,
                          const uint8_t mac[6], size_t payload_length);

/** Make a reply that was written come from another address and port. frames_finish_reply() ends it. */
void frames_move_reply(uint8_t *frame, struct frame_layout layout, const struct address *source,
                       uint16_t port);

/** Set the lengths and checksums of a reply that was changed. Returns the frame's length. */
size_t frames_finish_reply(uint8_t *frame, struct frame_layout layout, size_t payload_length);

/** Octets of the query's IP datagram that an ICMP error quotes. */
size_t frames_quote_length(const struct packet_view *query);

/**
 * Write the headers of an ICMP destination unreachable before its quote, which already lies behind them, as
 * frames_write_reply() does. `host` says host instead of port unreachable. Returns the frame's length.
 */
size_t frames_write_unreachable(uint8_t *frame, struct frame_layout layout, const struct packet_view *query,
                                const uint8_t mac[6], bool host, size_t quote_length);

/** Make an ICMP error that was written look as it does behind the NAT: from the real server, and with a quote
 * that went to it. */
void frames_move_unreachable(uint8_t *frame, struct frame_layout layout, const struct address *server,
                             uint16_t port, size_t quote_length);

#pragma once
// Neighbours on the link: frames that ask for and tell hardware addresses (ARP, RFC 826; neighbour discovery,
// RFC 4861), the answer to a ping, and a small state machine that resolves the next hop. Builders write into
// the caller's buffer and return the frame's length, unpadded; whether an address is ours is the caller's
// knowledge. Pure functions, any thread; one owner a resolver.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"
#include "packet/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for any frame of this module but an echo reply: Ethernet, one tag, IPv6, a solicitation with one
 * option. */
#define PACKET_NEIGHBOUR_FRAME_MAX 90

/** Who we are on the link. */
struct packet_station {
	uint8_t mac[6];
	uint16_t vlan; ///< 0..PACKET_VLAN_MAX, or PACKET_VLAN_NONE
	struct address address;
};

/** "Who has `target`", broadcast. With `target` our own address it is an announcement (RFC 5227, 3). IPv4
 * only. */
size_t packet_arp_request(uint8_t *frame, const struct packet_station *own, const struct address *target);

/** The reply to a PACKET_ARP_REQUEST, saying that its target is at `mac`. `frame` is not the request's. */
size_t packet_arp_reply(uint8_t *frame, const struct packet_view *request, const uint8_t mac[6]);

/** A solicitation to the solicited-node multicast address of `target` (RFC 4291, 2.7.1), with our address as
 * option. */
size_t packet_nd_solicit(uint8_t *frame, const struct packet_station *own, const struct address *target);

/**
 * The advertisement that answers a PACKET_ND_SOLICIT, saying that its target is at `mac`: solicited and
 * overriding, or to all nodes when the solicitor has no address yet (RFC 4861, 7.2.4). `frame` is not the
 * solicitation's.
 */
size_t packet_nd_advert(uint8_t *frame, const struct packet_view *solicit, const uint8_t mac[6]);

/**
 * The answer to a PACKET_ICMP_ECHO_REQUEST of either family, with `mac` as source. `frame` is not the
 * request's and holds `room` octets. Returns 0 when it doesn't fit, or when either end is no unicast address
 * (RFC 1122, 3.2.2.6).
 */
size_t packet_echo_reply(uint8_t *frame, size_t room, const struct packet_view *request,
                         const uint8_t mac[6]);

struct packet_neighbour_options {
	struct packet_station own;
	struct address target; ///< the next hop; of own.address's family
	ns_t first_interval;   ///< between the first two probes, doubled after each; 0: 100 ms
	ns_t longest_interval; ///< where the doubling ends; 0: 1 s
	ns_t timeout;          ///< from the start until it is given up; 0: 3 s
};

enum packet_neighbour_state {
	PACKET_NEIGHBOUR_PROBING,
	PACKET_NEIGHBOUR_RESOLVED,
	PACKET_NEIGHBOUR_FAILED,
};

/** The resolution of one next hop. Read its fields; only the functions below write them. */
struct packet_neighbour {
	struct packet_neighbour_options options; ///< the defaults filled in
	enum packet_neighbour_state state;
	unsigned tries; ///< probes made so far
	ns_t started;
	ns_t interval;  ///< to the probe after the next
	ns_t next;      ///< when the next probe is due
	uint8_t mac[6]; ///< of the target, when resolved
};

/**
 * Begin to resolve. Sends nothing: the first step does. Returns 0, or -EINVAL with the reason in `error`:
 * mixed families, an address or MAC address that no single station can have, the target is our own address, a
 * first interval above the longest.
 */
int packet_neighbour_start(struct packet_neighbour *neighbour, const struct packet_neighbour_options *options,
                           ns_t now, struct error *error);

/**
 * Do what is due. Returns the length of a probe that was written to `frame` (PACKET_NEIGHBOUR_FRAME_MAX
 * octets) and is to be sent, 0 when nothing is due, or -EHOSTUNREACH once the time is up, with a text for the
 * user in `error`.
 */
int packet_neighbour_step(struct packet_neighbour *neighbour, ns_t now, uint8_t *frame, struct error *error);

/** When the next step has something to do; NS_NEVER when it never will. */
ns_t packet_neighbour_due(const struct packet_neighbour *neighbour);

/**
 * Learn from a received frame: a reply or advertisement, or a request of the target's own, which names its
 * address too. Frames of other VLANs and ND messages with a bad checksum teach nothing. Returns true when
 * neighbour->mac was learned or has changed (a next hop may fail over to another station at any time),
 * whatever the state was.
 */
bool packet_neighbour_received(struct packet_neighbour *neighbour, const struct packet_view *view);

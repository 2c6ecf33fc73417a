#pragma once
// Crafting DNS queries: all that is the same in every query to one destination is compiled once into a struct
// packet_header; a packet is then a copy (or, in a buffer that already holds header and payload, nothing), a
// handful of stores and two sums. Headers and payloads are read-only after their preparation and shared by
// all threads; frames belong to the caller.

#include "base/address.h"
#include "base/error.h"
#include "packet/checksum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** No 802.1Q tag. */
#define PACKET_VLAN_NONE 0xffff
/** The highest VLAN identifier; 4095 is reserved (IEEE 802.1Q, 9.6). 0 is a tag without a VLAN (priority
 * tag). */
#define PACKET_VLAN_MAX 4094
/** TTL or hop limit when none is asked for (IANA's recommendation, RFC 1700). */
#define PACKET_TTL_DEFAULT 64
/** Room for the longest header: Ethernet, one tag, IPv6, UDP. */
#define PACKET_HEADER_MAX 66
/** The shortest payload: a DNS header (RFC 1035, 4.1.1). */
#define PACKET_PAYLOAD_MIN 12

struct packet_header_options {
	uint8_t source_mac[6];
	uint8_t destination_mac[6]; ///< of the next hop
	uint16_t vlan;              ///< 0..PACKET_VLAN_MAX, or PACKET_VLAN_NONE
	struct address destination;
	uint16_t destination_port; ///< host order, 1..65535
	uint8_t ttl;               ///< 0: PACKET_TTL_DEFAULT
	uint8_t dscp;              ///< 0..63
	bool offload_ip_checksum;  ///< the port fills the IPv4 header checksum in (no effect on IPv6)
	bool offload_udp_checksum; ///< the port fills the UDP checksum in
};

/** What a packet needs in its mbuf for the offloads that its header was prepared for. */
struct packet_offload {
	uint64_t flags; ///< RTE_MBUF_F_TX_*; 0: nothing is offloaded
	uint16_t l2_length;
	uint16_t l3_length;
};

/** A prepared header. Read its fields; only packet_header_prepare() writes them. Numbers are in host order.
 */
struct packet_header {
	uint16_t length;          ///< octets before the payload
	uint8_t network_offset;   ///< of the IP header
	uint8_t transport_offset; ///< of the UDP header
	uint8_t family;           ///< enum address_family
	uint8_t ttl;
	bool offload_ip_checksum; ///< never set for IPv6, which has no such checksum
	bool offload_udp_checksum;
	uint32_t network_sum; ///< of the IPv4 header, its source, the payload's length and the checksum left
	                      ///< out
	uint32_t transport_sum; ///< of pseudo-header and UDP header, source, payload and its length left out
	struct packet_offload offload;
	uint8_t bytes[PACKET_HEADER_MAX]; ///< the header with zeroes where it varies
};

/**
 * A DNS message as lib/dns delivers it: id 0, and the big-endian word sum of it. A part that is written anew
 * for each packet (a label) counts as zeroes in the sum, and what is written there comes to packet_patch() as
 * a sum of its own.
 */
struct packet_payload {
	const uint8_t *wire;
	uint16_t length; ///< PACKET_PAYLOAD_MIN..packet_payload_max()
	uint32_t sum;    ///< below 2^31, folded or not
};

/**
 * Where a query comes from. Made by packet_source_ipv4() or packet_source_address(). Each family has a field
 * of its own: with a union gcc 12 makes a patch up to 2.7 times as slow (tests/bench/bench_craft.c), clang 14
 * does not care.
 */
struct packet_source {
	uint32_t ipv4; ///< network order
	uint32_t sum;  ///< of the address
	uint16_t port; ///< host order
	uint8_t ipv6[16];
};

/** A source with an IPv4 address in *host* order: cheap enough for every packet. */
static inline struct packet_source packet_source_ipv4(uint32_t address, uint16_t port)
{
	return (struct packet_source){
	        .ipv4 = packet_be32(address),
	        .sum = (address >> 16) + (address & 0xffff),
	        .port = port,
	};
}

/** A source with an address of either family. */
static inline struct packet_source packet_source_address(const struct address *address, uint16_t port)
{
	struct packet_source source = {.port = port,
	                               .sum = packet_sum(address->bytes, address_length(address->family))};

	if (address->family == ADDRESS_IPV4) {
		memcpy(&source.ipv4, address->bytes, sizeof(source.ipv4));
	} else {
		memcpy(source.ipv6, address->bytes, sizeof(source.ipv6));
	}
	return source;
}

/**
 * Compile the header. Returns 0, or -EINVAL with the reason in `error`: a MAC address that no single station
 * can have, a VLAN above PACKET_VLAN_MAX, a destination that is no unicast address, port 0, a DSCP above 63.
 */
int packet_header_prepare(struct packet_header *header, const struct packet_header_options *options,
                          struct error *error);

/** The longest payload that a datagram with this header can carry, whatever the MTU: 65507 over IPv4, 65527
 * over IPv6. */
uint16_t packet_payload_max(const struct packet_header *header);

/** packet_patch()'s part of an IPv4 header: TTL, protocol and checksum lie together and are one store. The
 * source has its own: a common one of eight octets makes gcc 12 load the source from where it was just stored
 * in halves, which stalls. */
static inline void packet_patch_network(uint8_t *network, const struct packet_header *header,
                                        const struct packet_source *source, uint16_t payload_length)
{
	uint32_t word = (uint32_t)header->ttl << 24 | 17u << 16;

	if (!header->offload_ip_checksum) {
		word |= packet_checksum_finish(header->network_sum + source->sum + payload_length);
	}
	word = packet_be32(word);
	memcpy(network + 8, &word, sizeof(word));
	memcpy(network + 12, &source->ipv4, sizeof(source->ipv4));
}

/**
 * Rewrite what varies in a frame that already holds this header and this payload (a resident template):
 * source address and port, DNS id and checksums. `label_sum` is the sum of what the caller wrote into the
 * payload since (below 2^24; 0: nothing), as it counts at its place: one at an odd offset of the payload goes
 * through packet_sum_combine() first.
 *
 * With offload the checksum fields hold what a port expects to find: 0 in the IPv4 header, the sum of the
 * pseudo-header, not complemented, in UDP (as rte_ipv4_phdr_cksum() has it).
 */
static inline void packet_patch(uint8_t *frame, const struct packet_header *header,
                                const struct packet_source *source, const struct packet_payload *payload,
                                uint16_t id, uint32_t label_sum)
{
	uint8_t *network = frame + header->network_offset;
	uint8_t *transport = frame + header->transport_offset;
	uint32_t sum = header->transport_sum + source->sum + payload->length;
	uint16_t port = packet_be16(source->port);
	uint16_t checksum;
	uint32_t tail;

	if (header->family == ADDRESS_IPV4) {
		packet_patch_network(network, header, source, payload->length);
	} else {
		memcpy(network + 8, source->ipv6, sizeof(source->ipv6));
	}
	if (header->offload_udp_checksum) {
		checksum = packet_fold(sum);
	} else {
		// The length counts twice: in the pseudo-header and in the UDP header.
		sum += payload->length + payload->sum + source->port + id + label_sum;
		checksum = packet_checksum_finish_udp(sum);
	}
	tail = packet_be32((uint32_t)checksum << 16 | id);
	memcpy(transport, &port, sizeof(port));
	memcpy(transport + 6, &tail,
	       sizeof(tail)); // the UDP checksum and the first two octets of the payload
}

/**
 * Write a whole frame of header, payload, source and id. `frame` has room for header->length +
 * payload->length octets and no more is touched. Returns that length; padding to Ethernet's minimum is the
 * port's business. When the payload has a part to be written for each packet, write it next and call
 * packet_patch() with its sum.
 */
static inline size_t packet_craft(uint8_t *frame, const struct packet_header *header,
                                  const struct packet_source *source, const struct packet_payload *payload,
                                  uint16_t id)
{
	uint16_t datagram = (uint16_t)(payload->length + 8);

	// Two copies of constant size that overlap cover every header (42 to 66 octets) without a call or a
	// loop.
	memcpy(frame, header->bytes, 40);
	memcpy(frame + header->length - 32, header->bytes + header->length - 32, 32);
	if (header->family == ADDRESS_IPV4) {
		packet_write16(frame + header->network_offset + 2, (uint16_t)(datagram + 20));
	} else {
		packet_write16(frame + header->network_offset + 4, datagram);
	}
	packet_write16(frame + header->transport_offset + 4, datagram);
	memcpy(frame + header->length, payload->wire, payload->length);
	packet_patch(frame, header, source, payload, id, 0);
	return (size_t)header->length + payload->length;
}

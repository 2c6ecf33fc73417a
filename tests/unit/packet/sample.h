#pragma once
// Random headers, sources and payloads for the tests of the room.

#include "base/random.h"
#include "packet/craft.h"

#define SAMPLE_PAYLOAD_MAX 600

struct sample {
	struct packet_header_options options;
	struct packet_header header;
	struct packet_source source;
	struct address source_address;
	uint8_t wire[SAMPLE_PAYLOAD_MAX];
	struct packet_payload payload;
};

static inline void sample_bytes(struct random *random, uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		data[i] = (uint8_t)random_next(random);
	}
}

static inline struct address sample_address(struct random *random, uint8_t family)
{
	struct address address = {.family = family};

	do {
		sample_bytes(random, address.bytes, address_length(family));
	} while (!address_is_unicast(&address));
	return address;
}

static inline void sample_mac(struct random *random, uint8_t mac[6])
{
	sample_bytes(random, mac, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2); // locally administered, unicast
}

static inline void sample_source(struct sample *sample, struct random *random)
{
	sample->source_address = sample_address(random, sample->header.family);
	sample->source = packet_source_address(&sample->source_address, (uint16_t)random_next(random));
}

/** A payload of `length` random octets, its id 0. */
static inline void sample_payload(struct sample *sample, struct random *random, uint16_t length)
{
	sample_bytes(random, sample->wire, length);
	sample->wire[0] = sample->wire[1] = 0;
	sample->payload = (struct packet_payload){sample->wire, length, packet_sum(sample->wire, length)};
}

/** Draw everything at random. Returns what packet_header_prepare() returned. */
static inline int sample_draw(struct sample *sample, struct random *random, bool offload)
{
	struct packet_header_options *options = &sample->options;
	int rc;

	*options = (struct packet_header_options){
	        .vlan = random_below(random, 2) ? PACKET_VLAN_NONE
	                                        : (uint16_t)random_below(random, PACKET_VLAN_MAX + 1),
	        .destination = sample_address(random, random_below(random, 2) ? ADDRESS_IPV4 : ADDRESS_IPV6),
	        .destination_port = (uint16_t)(1 + random_below(random, 65535)),
	        .ttl = (uint8_t)random_next(random),
	        .dscp = (uint8_t)random_below(random, 64),
	        .offload_ip_checksum = offload && random_below(random, 2),
	        .offload_udp_checksum = offload && random_below(random, 2),
	};
	sample_mac(random, options->source_mac);
	sample_mac(random, options->destination_mac);
	rc = packet_header_prepare(&sample->header, options, NULL);
	sample_source(sample, random);
	sample_payload(sample, random,
	               (uint16_t)(PACKET_PAYLOAD_MIN +
	                          random_below(random, SAMPLE_PAYLOAD_MAX - PACKET_PAYLOAD_MIN)));
	return rc;
}

#pragma once
// The shortest way to a query's frame: packet_patch() for a run in which all frames carry one payload over
// IPv4 with checksums in software. What is the same in all of them is worked out once; what is left to a
// frame is the source, the id and two checksums, three stores. Sums are of 16-bit words as they lie in
// memory, which is as good as network order (RFC 1071, 2(B)) and needs no turning. A stamp is immutable after
// packet_stamp_prepare(); any thread.

#include "packet/craft.h"

struct packet_stamp {
	uint32_t network_sum; ///< of the IPv4 header but for the source
	uint32_t
	        transport_sum; ///< of the pseudo-header, the UDP header and the payload but for source and id
	uint16_t ttl_protocol; ///< these two octets as they lie in memory
	uint16_t network_offset;
};

/** Make a stamp for frames of this header and payload. False when they need packet_patch(): IPv6, or
 * checksums that the port computes. */
static inline bool packet_stamp_prepare(struct packet_stamp *stamp, const struct packet_header *header,
                                        const struct packet_payload *payload)
{
	uint32_t transport = header->transport_sum + 2u * payload->length + packet_fold(payload->sum);

	if (header->family != ADDRESS_IPV4 || header->offload_ip_checksum || header->offload_udp_checksum) {
		return false;
	}
	*stamp = (struct packet_stamp){
	        .network_sum = packet_be16(packet_fold(header->network_sum + payload->length)),
	        .transport_sum = packet_be16(packet_fold(transport)),
	        .network_offset = header->network_offset,
	};
	memcpy(&stamp->ttl_protocol, (const uint8_t[]){header->ttl, 17}, sizeof(stamp->ttl_protocol));
	return true;
}

/** Write source (`address` in network order, `port` in host order), id and checksums into a frame that holds
 * the rest. */
static inline void packet_stamp_apply(uint8_t *frame, const struct packet_stamp *stamp, uint32_t address,
                                      uint16_t port, uint16_t id)
{
	uint8_t *network = frame + stamp->network_offset;
	uint32_t source = (address & 0xffff) + (address >> 16);
	uint16_t port_word = packet_be16(port), id_word = packet_be16(id);
	uint16_t network_checksum = packet_checksum_finish(stamp->network_sum + source);
	uint16_t checksum = packet_checksum_finish_udp(stamp->transport_sum + source + port_word + id_word);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t middle = stamp->ttl_protocol | (uint32_t)network_checksum << 16 | (uint64_t)address << 32;
	uint32_t tail = checksum | (uint32_t)id_word << 16;
#else
	uint64_t middle = (uint64_t)stamp->ttl_protocol << 48 | (uint64_t)network_checksum << 32 | address;
	uint32_t tail = (uint32_t)checksum << 16 | id_word;
#endif

	memcpy(network + 8, &middle, sizeof(middle));
	memcpy(network + 20, &port_word, sizeof(port_word));
	memcpy(network + 26, &tail, sizeof(tail)); // UDP checksum, DNS id
}

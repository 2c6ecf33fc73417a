#include "packet/craft.h"

#include "wire.h"

#include <rte_mbuf_core.h>

#include <errno.h>

// The overlapping copies of packet_craft() need a header of 40 to 72 octets.
_Static_assert(ETHERNET_LENGTH + IPV4_LENGTH + UDP_LENGTH >= 40, "shortest header");
_Static_assert(ETHERNET_LENGTH + ETHERNET_TAG + IPV6_LENGTH + UDP_LENGTH == PACKET_HEADER_MAX,
               "longest header");
_Static_assert(PACKET_HEADER_MAX <= 40 + 32, "two copies cover the longest header");

static int check_options(const struct packet_header_options *options, struct error *error)
{
	char text[ADDRESS_TEXT_SIZE];
	int rc = wire_check_mac(options->source_mac, "source", error);

	if (rc == 0) {
		rc = wire_check_mac(options->destination_mac, "destination", error);
	}
	if (rc == 0) {
		rc = wire_check_vlan(options->vlan, error);
	}
	if (rc < 0) {
		return rc;
	}
	if (!address_is_unicast(&options->destination)) {
		return error_set(error, -EINVAL,
		                 "destination '%s' is not a unicast address; give the address of one service "
		                 "or server",
		                 address_format(&options->destination, text));
	}
	if (options->destination_port == 0) {
		return error_set(error, -EINVAL,
		                 "destination port 0 can't be sent to; give 1 to 65535 (DNS listens on 53)");
	}
	if (options->dscp > 63) {
		return error_set(error, -EINVAL, "DSCP %u does not fit its six bits; give 0 to 63",
		                 options->dscp);
	}
	return 0;
}

static void prepare_ipv4(struct packet_header *header, const struct packet_header_options *options)
{
	static const uint8_t any[4];
	uint8_t *network = header->bytes + header->network_offset;

	// Identification 0 and DF: an atomic datagram needs no id (RFC 6864, 4.1).
	wire_ipv4(network, any, options->destination.bytes, PROTOCOL_UDP, header->ttl, UDP_LENGTH);
	network[1] = (uint8_t)(options->dscp << 2);
	packet_write16(network + 10, 0);
	header->network_sum = packet_sum(network, IPV4_LENGTH);
	packet_write16(network + 2, 0);
	header->offload_ip_checksum = options->offload_ip_checksum;
}

static void prepare_ipv6(struct packet_header *header, const struct packet_header_options *options)
{
	static const uint8_t any[16];
	uint8_t *network = header->bytes + header->network_offset;

	wire_ipv6(network, any, options->destination.bytes, PROTOCOL_UDP, header->ttl, 0);
	network[0] = (uint8_t)(0x60 | options->dscp >> 2);
	network[1] = (uint8_t)(options->dscp << 6);
}

static void prepare_offload(struct packet_header *header)
{
	bool ipv4 = header->family == ADDRESS_IPV4;

	if (!header->offload_ip_checksum && !header->offload_udp_checksum) {
		return;
	}
	header->offload = (struct packet_offload){
	        .flags = ipv4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6,
	        .l2_length = header->network_offset,
	        .l3_length = (uint16_t)(header->transport_offset - header->network_offset),
	};
	if (header->offload_ip_checksum) {
		header->offload.flags |= RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (header->offload_udp_checksum) {
		header->offload.flags |= RTE_MBUF_F_TX_UDP_CKSUM;
	}
}

int packet_header_prepare(struct packet_header *header, const struct packet_header_options *options,
                          struct error *error)
{
	static const uint8_t any[16];
	bool ipv4 = options->destination.family == ADDRESS_IPV4;
	uint8_t *transport;
	int rc = check_options(options, error);

	if (rc < 0) {
		return rc;
	}
	memset(header, 0, sizeof(*header));
	header->family = options->destination.family;
	header->ttl = options->ttl != 0 ? options->ttl : PACKET_TTL_DEFAULT;
	header->offload_udp_checksum = options->offload_udp_checksum;
	header->network_offset =
	        (uint8_t)wire_ethernet(header->bytes, options->destination_mac, options->source_mac,
	                               options->vlan, ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	header->transport_offset = (uint8_t)(header->network_offset + (ipv4 ? IPV4_LENGTH : IPV6_LENGTH));
	header->length = (uint16_t)(header->transport_offset + UDP_LENGTH);
	if (ipv4) {
		prepare_ipv4(header, options);
	} else {
		prepare_ipv6(header, options);
	}
	transport = header->bytes + header->transport_offset;
	packet_write16(transport + 2, options->destination_port);
	header->transport_sum = wire_pseudo_sum(any, options->destination.bytes,
	                                        address_length(header->family), PROTOCOL_UDP, UDP_LENGTH);
	if (!header->offload_udp_checksum) {
		header->transport_sum += (uint32_t)options->destination_port + UDP_LENGTH;
	}
	header->transport_sum = packet_fold(header->transport_sum);
	prepare_offload(header);
	return 0;
}

uint16_t packet_payload_max(const struct packet_header *header)
{
	// IPv4 counts its own header in its 16 bits of length, IPv6 does not.
	return header->family == ADDRESS_IPV4 ? UINT16_MAX - IPV4_LENGTH - UDP_LENGTH
	                                      : UINT16_MAX - UDP_LENGTH;
}

#include "wire.h"

#include "packet/craft.h"

#include <errno.h>

size_t wire_ethernet(uint8_t *frame, const uint8_t destination[6], const uint8_t source[6], uint16_t vlan,
                     uint16_t type)
{
	// Both addresses may lie in the frame that is being overwritten.
	uint8_t addresses[12];
	size_t at = sizeof(addresses);

	memcpy(addresses, destination, 6);
	memcpy(addresses + 6, source, 6);
	memcpy(frame, addresses, sizeof(addresses));
	if (vlan != PACKET_VLAN_NONE) {
		packet_write16(frame + at, ETHERTYPE_VLAN);
		packet_write16(frame + at + 2, vlan);
		at += ETHERNET_TAG;
	}
	packet_write16(frame + at, type);
	return at + 2;
}

size_t wire_ipv4(uint8_t *at, const uint8_t source[4], const uint8_t destination[4], uint8_t protocol,
                 uint8_t ttl, uint16_t length)
{
	memset(at, 0, IPV4_LENGTH);
	at[0] = 0x45;
	packet_write16(at + 2, (uint16_t)(IPV4_LENGTH + length));
	packet_write16(at + 6, IPV4_DONT_FRAGMENT);
	at[8] = ttl;
	at[9] = protocol;
	memcpy(at + 12, source, 4);
	memcpy(at + 16, destination, 4);
	packet_write16(at + 10, packet_checksum_finish(packet_sum(at, IPV4_LENGTH)));
	return IPV4_LENGTH;
}

size_t wire_ipv6(uint8_t *at, const uint8_t source[16], const uint8_t destination[16], uint8_t protocol,
                 uint8_t hop_limit, uint16_t length)
{
	memset(at, 0, IPV6_LENGTH);
	at[0] = 0x60;
	packet_write16(at + 4, length);
	at[6] = protocol;
	at[7] = hop_limit;
	memcpy(at + 8, source, 16);
	memcpy(at + 24, destination, 16);
	return IPV6_LENGTH;
}

uint32_t wire_pseudo_sum(const uint8_t *source, const uint8_t *destination, size_t address_length,
                         uint8_t protocol, uint32_t length)
{
	return packet_sum(source, address_length) + packet_sum(destination, address_length) + protocol +
	       (length >> 16) + (length & 0xffff);
}

int wire_check_mac(const uint8_t mac[6], const char *whose, struct error *error)
{
	static const uint8_t zero[6];

	if ((mac[0] & 1) != 0 || memcmp(mac, zero, sizeof(zero)) == 0) {
		return error_set(error, -EINVAL,
		                 "%s MAC address %02x:%02x:%02x:%02x:%02x:%02x belongs to no single station; "
		                 "give one whose "
		                 "first octet is even and that is not all zero",
		                 whose, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	}
	return 0;
}

int wire_check_vlan(uint16_t vlan, struct error *error)
{
	if (vlan > PACKET_VLAN_MAX && vlan != PACKET_VLAN_NONE) {
		return error_set(error, -EINVAL, "VLAN %u does not exist; give 0 to %u", vlan,
		                 PACKET_VLAN_MAX);
	}
	return 0;
}

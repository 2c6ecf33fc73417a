#pragma once
// Private to the room: the numbers of the wire formats, and writers for the headers that several modules
// build.

#include "base/error.h"
#include "packet/checksum.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ETHERNET_LENGTH    14
#define ETHERNET_TAG       4
#define ETHERTYPE_IPV4     0x0800
#define ETHERTYPE_ARP      0x0806
#define ETHERTYPE_VLAN     0x8100
#define ETHERTYPE_IPV6     0x86dd
#define IPV4_LENGTH        20
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE          0x2000
#define IPV4_OFFSET        0x1fff
#define IPV6_LENGTH        40
#define UDP_LENGTH         8
#define ICMP_LENGTH        8
#define ARP_LENGTH         28

#define PROTOCOL_HOP_BY_HOP  0
#define PROTOCOL_ICMP        1
#define PROTOCOL_UDP         17
#define PROTOCOL_ROUTING     43
#define PROTOCOL_FRAGMENT    44
#define PROTOCOL_ICMPV6      58
#define PROTOCOL_DESTINATION 60

#define ICMP_ECHO_REPLY    0
#define ICMP_UNREACHABLE   3
#define ICMP_ECHO_REQUEST  8
#define ICMP_TIME_EXCEEDED 11

#define ICMPV6_UNREACHABLE   1
#define ICMPV6_TOO_BIG       2
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_ECHO_REQUEST  128
#define ICMPV6_ECHO_REPLY    129
#define ICMPV6_ND_SOLICIT    135
#define ICMPV6_ND_ADVERT     136

#define ND_LENGTH            24
#define ND_OPTION_SOURCE_MAC 1
#define ND_OPTION_TARGET_MAC 2
#define ND_HOP_LIMIT         255

/** Write an Ethernet header, tagged unless `vlan` is PACKET_VLAN_NONE. Returns its length. */
size_t wire_ethernet(uint8_t *frame, const uint8_t destination[6], const uint8_t source[6], uint16_t vlan,
                     uint16_t type);

/** Write an IPv4 header for `length` octets that follow, checksum included. Returns IPV4_LENGTH. */
size_t wire_ipv4(uint8_t *at, const uint8_t source[4], const uint8_t destination[4], uint8_t protocol,
                 uint8_t ttl, uint16_t length);

/** Write an IPv6 header for `length` octets that follow. Returns IPV6_LENGTH. */
size_t wire_ipv6(uint8_t *at, const uint8_t source[16], const uint8_t destination[16], uint8_t protocol,
                 uint8_t hop_limit, uint16_t length);

/** The sum of the pseudo-header of two addresses of `address_length` octets (RFC 768; RFC 8200, 8.1). */
uint32_t wire_pseudo_sum(const uint8_t *source, const uint8_t *destination, size_t address_length,
                         uint8_t protocol, uint32_t length);

/** 0 for a MAC address that a single station can have, else -EINVAL; `whose` begins the text. */
int wire_check_mac(const uint8_t mac[6], const char *whose, struct error *error);

/** 0 for a VLAN that exists and for PACKET_VLAN_NONE, else -EINVAL. */
int wire_check_vlan(uint16_t vlan, struct error *error);

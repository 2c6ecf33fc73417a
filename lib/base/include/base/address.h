#pragma once
// IP addresses and contiguous ranges of them, IPv4 and IPv6 alike. Values, no ownership; pure functions, any
// thread.

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for any address or prefix as text, terminator included. */
#define ADDRESS_TEXT_SIZE 64

enum address_family {
	ADDRESS_NONE = 0,
	ADDRESS_IPV4 = 4,
	ADDRESS_IPV6 = 6,
};

/** An address in network byte order. IPv4 uses the first four bytes; the rest are zero, so memcmp compares.
 */
struct address {
	uint8_t family; ///< enum address_family
	uint8_t bytes[16];
};

/** `count` addresses from `first` on. `count` is capped at 2^32: a tuple space can't use more. */
struct address_range {
	struct address first;
	uint64_t count;
};

/** Octets of an address of this family: 4 or 16; 0 for ADDRESS_NONE. */
static inline size_t address_length(uint8_t family)
{
	return family == ADDRESS_IPV4 ? 4 : family == ADDRESS_IPV6 ? 16 : 0;
}

/** Parse an IPv4 or IPv6 address; an IPv6 one may stand in brackets. Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *out);

/** Write an address as RFC 5952 text. Returns `buffer`, which holds ADDRESS_TEXT_SIZE bytes. */
const char *address_format(const struct address *address, char *buffer);

bool address_equal(const struct address *a, const struct address *b);

/** `address` + `offset`; wraps within its family. */
struct address address_add(const struct address *address, uint64_t offset);

/**
 * `address` - `first` when both have one family, address >= first and the difference is below 2^64. Returns
 * true and the difference, else false.
 */
bool address_subtract(const struct address *address, const struct address *first, uint64_t *difference);

/**
 * Parse "192.0.2.7", "192.0.2.0/24", "2001:db8::/96" or "192.0.2.10-192.0.2.20" into a range. Of an IPv4
 * prefix up to /30 the network and broadcast addresses are left out when `hosts_only` is set (they can't be a
 * host's source, RFC 1122 3.2.1.3); of an IPv6 prefix up to /126 the subnet-router anycast address is (RFC
 * 4291 2.6.1). Returns 0, or -EINVAL with the reason in `error` (text only; the caller adds the place),
 * -ERANGE above 2^32 addresses.
 */
int address_range_parse(const char *text, bool hosts_only, struct address_range *out, struct error *error);

/** Parse "address/length" into an address (host bits kept) and a prefix length. No slash: the full length. 0
 * or -EINVAL. */
int address_prefix_parse(const char *text, struct address *out, uint8_t *length);

/** True when both addresses lie in the same prefix of `length` bits. */
bool address_same_prefix(const struct address *a, const struct address *b, uint8_t length);

/** True for an address that one host may own and send from: not unspecified, multicast or broadcast. */
bool address_is_unicast(const struct address *address);

#pragma once
// What the kernel knows about a network interface: its addresses, its link and the way to a destination.
// Read-only; main thread.

#include "base/address.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define INTERFACE_ADDRESSES 32

struct interface_address {
	struct address address;
	uint8_t prefix_length;
};

struct interface {
	char name[32];
	unsigned index;
	bool up;      ///< administratively
	bool carrier; ///< the link has a peer
	unsigned mtu;
	uint8_t mac[6];
	uint64_t speed_mbps;                                     ///< 0 when the driver does not say
	struct interface_address addresses[INTERFACE_ADDRESSES]; ///< global ones first
	unsigned address_count;
};

/**
 * Look an interface up. Returns 0, or -ENODEV with an error that lists the interfaces there are.
 */
int interface_read(const char *name, struct interface *out, struct error *error);

/**
 * The next hop to `destination` out of this interface: the gateway, or the destination itself when it is
 * on-link. Returns 0, or -ENETUNREACH with an error that says what to give instead.
 */
int interface_next_hop(const struct interface *interface, const struct address *destination,
                       struct address *out, struct error *error);

/** The interface's own address to send from to `destination`: same family, same prefix first. NULL when it
 * has none. */
const struct interface_address *interface_source(const struct interface *interface,
                                                 const struct address *destination);

/** Names of all interfaces, comma-separated, for error texts. */
void interface_list(char *buffer, unsigned long size);

#pragma once
// Linux's limits on the ICMP errors that it sends (net/ipv4/icmp.c: icmp_global_allow; net/ipv4/inetpeer.c:
// inet_peer_xrlim_allow). Private to the director.

#include "base/address.h"
#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>

/** Peers that are remembered; one that was pushed out has its burst again. */
#define LIMITER_PEERS 4096

struct limiter_peer {
	struct address address;
	ns_t last;
	ns_t tokens;
};

struct limiter {
	ns_t interval;       ///< icmp_ratelimit; 0: off
	uint32_t per_second; ///< icmp_msgs_per_sec; 0: off
	uint32_t credit;
	ns_t stamp;
	struct limiter_peer *peers; ///< LIMITER_PEERS of them, when `interval` is set
};

/** Prepare. Returns 0 or -ENOMEM. */
int limiter_init(struct limiter *limiter, ns_t interval, uint32_t per_second);

void limiter_free(struct limiter *limiter);

/** May an ICMP error go to `peer` now? */
bool limiter_allow(struct limiter *limiter, ns_t now, const struct address *peer);

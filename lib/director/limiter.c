#include "limiter.h"

#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PEER_BURST   6  // XRLIM_BURST_FACTOR
#define GLOBAL_BURST 50 // icmp_msgs_burst
// The global bucket is refilled no oftener than this.
#define REFILL_AFTER (NS_PER_SEC / 50)

int limiter_init(struct limiter *limiter, ns_t interval, uint32_t per_second)
{
	*limiter = (struct limiter){.interval = interval, .per_second = per_second, .credit = GLOBAL_BURST};
	if (interval > 0) {
		limiter->peers = calloc(LIMITER_PEERS, sizeof(*limiter->peers));
		if (limiter->peers == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

void limiter_free(struct limiter *limiter)
{
	free(limiter->peers);
	limiter->peers = NULL;
}

static bool allow_global(struct limiter *limiter, ns_t now)
{
	ns_t passed = now - limiter->stamp;

	if (limiter->per_second == 0) {
		return true;
	}
	if (passed >= REFILL_AFTER) {
		uint64_t more =
		        (passed < NS_PER_SEC ? passed : NS_PER_SEC) * limiter->per_second / NS_PER_SEC;

		if (more > 0) {
			limiter->stamp = now;
			limiter->credit =
			        (uint32_t)(limiter->credit + more < GLOBAL_BURST ? limiter->credit + more
			                                                         : GLOBAL_BURST);
		}
	}
	if (limiter->credit == 0) {
		return false;
	}
	limiter->credit--;
	return true;
}

static bool allow_peer(struct limiter *limiter, ns_t now, const struct address *address)
{
	struct limiter_peer *peer;
	uint64_t low, high;

	if (limiter->interval == 0) {
		return true;
	}
	memcpy(&low, address->bytes, sizeof(low));
	memcpy(&high, address->bytes + 8, sizeof(high));
	peer = &limiter->peers[random_mix(low ^ random_mix(high)) % LIMITER_PEERS];
	if (!address_equal(&peer->address, address)) {
		*peer = (struct limiter_peer){
		        .address = *address, .last = now, .tokens = PEER_BURST * limiter->interval};
	}
	peer->tokens += now - peer->last;
	peer->last = now;
	if (peer->tokens > PEER_BURST * limiter->interval) {
		peer->tokens = PEER_BURST * limiter->interval;
	}
	if (peer->tokens < limiter->interval) {
		return false;
	}
	peer->tokens -= limiter->interval;
	return true;
}

bool limiter_allow(struct limiter *limiter, ns_t now, const struct address *peer)
{
	// icmpv4_global_allow first, then icmpv4_xrlim_allow.
	return allow_global(limiter, now) && allow_peer(limiter, now, peer);
}

#pragma once
// A scripted DNS peer at the other end of a pair of rings: answers each query, with faults as told. Virtual
// time, one thread. It counts what it did, so that a test can compare.

#include "base/random.h"
#include "base/units.h"

#include <rte_mempool.h>
#include <stdint.h>

#define PEER_HELD 65536

/** Chances of faults, each 0..1. */
struct peer_faults {
	double drop;        ///< no reply
	double duplicate;   ///< the reply comes twice
	double delay_share; ///< the reply comes after `delay`
	ns_t delay;
	double truncate;     ///< the frame is cut short
	double corrupt;      ///< one octet is flipped
	double spoof;        ///< a reply with another id comes as well
	double wrong_source; ///< the reply comes from another address
	double refuse;       ///< ICMP port unreachable in place of a reply
	double requestion;   ///< the reply has another question
};

struct peer {
	uint16_t port, queue_count;
	struct rte_mempool *pool;
	struct random random;
	struct peer_faults faults;
	uint64_t received, answered, dropped, refused, malformed_queries;
	struct {
		struct rte_mbuf *mbuf;
		ns_t due;
	} held[PEER_HELD];
	unsigned held_count;
};

/** Open the pair of ring ports (once a process) and a pool. Needs EAL. */
void peer_open(struct peer *peer, uint16_t *generator_port, unsigned queues);

/** Read queries, write replies. */
void peer_step(struct peer *peer, ns_t now);

/** When a held reply is due; NS_NEVER. */
ns_t peer_next(const struct peer *peer);

/** Free what is held and what lies in the generator's queues. */
void peer_flush(struct peer *peer);

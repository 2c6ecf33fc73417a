#pragma once
// The receiving side: from frame to outcome. One receiver belongs to one RX lcore, which alone calls
// its functions. It polls its queues of the port, ends the queries of the senders it serves, and
// writes their side of the in-flight tables, the tuples' `flow_answered` records, its log of losses and its
// stats_receiver. A frame for another receiver's tuple goes to that one over a ring, with its time of
// arrival.

#include "base/address.h"
#include "base/units.h"
#include "capture/capture.h"
#include "dns/query.h"
#include "dns/reply.h"
#include "flow/ledger.h"
#include "flow/space.h"
#include "flow/spells.h"
#include "match/table.h"
#include "packet/parse.h"
#include "stats/counters.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Frames of one receive burst. */
#define WORKER_RECEIVE_BURST 64

/** Replies put aside while their query is being sent: a burst of every sender, twice. */
#define WORKER_EARLY 256

/** Which received checksums are checked in software. */
enum worker_verify {
	WORKER_VERIFY_OFF,      ///< the port checks, or nobody does
	WORKER_VERIFY_STRICT,   ///< a wrong checksum is a broken frame
	WORKER_VERIFY_PARTIAL,  ///< as strict, but a kernel's unfinished checksum on a software port is taken
	WORKER_VERIFY_UNMARKED, ///< as strict, but a frame whose mbuf is marked good is believed
};

/** One sender that a receiver serves. */
struct worker_link {
	struct match_table *table;
	unsigned answered; ///< RX only: queries that were answered and are not in `completed` yet
	_Atomic uint64_t completed
	        __attribute__((aligned(64))); ///< queries that ended; the sender's closed loop reads it
};

/** A frame that is not done with, and when it came: put aside, or on its way to another receiver. */
struct worker_frame {
	struct rte_mbuf *mbuf;
	ns_t arrived;
};

/** How far another receiver may lie behind until nothing is ended as lost, since its answers may lie there.
 */
#define WORKER_LAG_MAX (NS_PER_SEC / 2)

/** Another receiver, as this one sees it. Each ring has one producer and one consumer. */
struct worker_peer {
	uint32_t first_tuple, tuple_count; ///< that it serves
	struct rte_ring *to;               ///< of struct worker_frame
	struct rte_ring *from;
	const _Atomic ns_t *drained; ///< see struct worker_receiver
};

struct worker_receiver {
	// Read-only after creation.
	uint16_t port;
	uint16_t first_queue, queue_count;
	enum worker_verify verify;
	uint64_t checksum_flags; ///< RTE_MBUF_F_RX_*_CKSUM_BAD that the port may set
	struct address service;
	uint16_t service_port;
	bool want_nsid;
	uint8_t mac[6];
	const struct flow_space *space;
	const struct dns_query_set *queries;
	struct flow_answered *ledger; ///< indexed by tuple
	struct flow_spells *spells;   ///< where losses are logged
	struct worker_link *links;    ///< the senders it serves
	unsigned link_count;
	uint32_t first_tuple, tuple_count; ///< of those senders together
	struct worker_peer *peers;         ///< the other receivers
	unsigned peer_count;
	struct rte_mempool *control_pool;
	struct rte_ring *control; ///< to the sender that sends our answers to ARP, ND and echo
	struct stats_receiver *stats;
	struct capture *capture; ///< NULL: none

	// This lcore only.
	unsigned early_count;
	struct worker_frame early[WORKER_EARLY];
	struct stats_answers answers; ///< of a burst: counted together at its end

	/** What its queues held at this time has been handled or handed over. It writes, the others read. */
	_Atomic ns_t drained __attribute__((aligned(64)));
};

/**
 * Poll one of the receiver's queues (0..queue_count-1): up to WORKER_RECEIVE_BURST frames, to be handed to
 * worker_receiver_handle() with a time read after this call. A thread that loses its CPU between the clock
 * and the poll would otherwise date replies back, to before their queries.
 */
static inline unsigned worker_receiver_poll(const struct worker_receiver *receiver, uint16_t queue,
                                            struct rte_mbuf **frames)
{
	return rte_eth_rx_burst(receiver->port, (uint16_t)(receiver->first_queue + queue), frames,
	                        WORKER_RECEIVE_BURST);
}

/** Handle frames that had arrived at `now`, and free them. */
void worker_receiver_handle(struct worker_receiver *receiver, struct rte_mbuf **frames, unsigned count,
                            ns_t now);

/**
 * With other receivers: every queue was polled empty, by a clock read at `at`, before. What they read of it
 * lets them end queries as lost.
 */
static inline void worker_receiver_drained(struct worker_receiver *receiver, ns_t at)
{
	atomic_store_explicit(&receiver->drained, at, memory_order_release);
}

/**
 * Until when all receivers have handled or handed over what came: queries may be ended as lost at this time,
 * after what was handed over by then is taken. At most `now`; 0 when some receiver lies too far behind.
 */
ns_t worker_receiver_horizon(const struct worker_receiver *receiver, ns_t now);

/** Take and handle what the others handed over. Returns how many frames; sets `more` where more may wait. */
unsigned worker_receiver_take(struct worker_receiver *receiver, bool *more);

/** End as lost what has expired at `now`. */
void worker_receiver_expire(struct worker_receiver *receiver, ns_t now);

/** When the next query expires, NS_NEVER with none in flight. */
ns_t worker_receiver_next(const struct worker_receiver *receiver, ns_t now);

/** Settle what was handed over, and free what was put aside. After the last step of all receivers. */
void worker_receiver_finish(struct worker_receiver *receiver);

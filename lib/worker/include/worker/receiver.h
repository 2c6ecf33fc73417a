#pragma once
// The receiving side: from frame to outcome. One receiver belongs to one RX lcore, which alone calls
// its functions. It polls its queues of the port, ends the queries of the senders it serves, and
// writes their side of the in-flight tables, the tuples' `flow_answered` records and its stats_receiver.

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
	WORKER_VERIFY_OFF,     ///< the port checks, or nobody does
	WORKER_VERIFY_STRICT,  ///< a wrong checksum is a broken frame
	WORKER_VERIFY_PARTIAL, ///< as strict, but a kernel's unfinished checksum on a software port is taken
};

/** One sender that a receiver serves. */
struct worker_link {
	struct match_table *table;
	_Atomic uint64_t completed
	        __attribute__((aligned(64))); ///< queries that ended; the sender's closed loop reads it
};

struct worker_early {
	struct rte_mbuf *mbuf;
	ns_t arrived;
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
	struct worker_link *links;    ///< indexed by worker number
	unsigned link_count;
	struct rte_mempool *control_pool;
	struct rte_ring *control; ///< to the sender that sends our answers to ARP, ND and echo
	struct stats_receiver *stats;
	struct capture *capture; ///< NULL: none

	// This lcore only.
	unsigned early_count;
	struct worker_early early[WORKER_EARLY];
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

/** End as lost what has expired at `now`. */
void worker_receiver_expire(struct worker_receiver *receiver, ns_t now);

/** All of these at one moment: for a virtual clock. Returns how many frames were received. */
unsigned worker_receiver_step(struct worker_receiver *receiver, ns_t now);

/** When the next query expires, NS_NEVER with none in flight. */
ns_t worker_receiver_next(const struct worker_receiver *receiver, ns_t now);

/** Free what was put aside. After the last step. */
void worker_receiver_finish(struct worker_receiver *receiver);

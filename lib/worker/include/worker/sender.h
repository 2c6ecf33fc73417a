#pragma once
// The sending side of a worker: from due time to wire. One sender belongs to one TX lcore, which alone calls
// worker_sender_step(); the main lcore creates and frees it and may call worker_sender_stop() from outside. A
// sender writes its tuples' `flow_sent` records, its side of the in-flight table and its stats_sender; it
// reads the receiver's `completed`.

#include "base/error.h"
#include "base/random.h"
#include "base/units.h"
#include "dns/query.h"
#include "flow/ledger.h"
#include "flow/mixer.h"
#include "flow/policy.h"
#include "flow/space.h"
#include "load/pacer.h"
#include "match/send.h"
#include "packet/stamp.h"
#include "stats/counters.h"
#include "worker/trace.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** Frames of one burst, at the most: a ring's and a NIC's usual batch. */
#define WORKER_BURST 32

/** How many tuples a sender tries for one query before it waits: a full tuple must not cost unbounded time.
 */
#define WORKER_TUPLE_TRIES 16

/** Hands frames to a port, as DPDK's eth_tx_burst_t does: returns how many of them the port took. */
typedef uint16_t (*worker_transmit)(void *queue, struct rte_mbuf **frames, uint16_t count);

/** One cohort on one sender. */
struct worker_cohort {
	struct flow_picker *picker;
	uint32_t in_flight_limit; ///< per tuple, 0: as the table's depth allows
	bool done;                ///< its policy has no further query (a sweep that ended)
};

/** A query that was crafted and staged, and that the port has not accepted yet. */
struct worker_pending {
	ns_t last_sent; ///< the tuple's last use before this query, to undo it
	uint32_t tuple;
	uint32_t question;
	uint32_t length; ///< of the frame; of stamped ones the sender's stamped_length says it
	uint16_t cohort, age_class, id;
};

/** Why a sender has nothing more to send. */
enum worker_sender_state {
	WORKER_SENDING,
	WORKER_STOPPED,  ///< asked to stop
	WORKER_FINISHED, ///< duration or number of queries reached, or every cohort is done
};

struct worker_sender {
	// Read-only after creation.
	uint16_t port, queue;
	worker_transmit transmit; ///< sends queries in the port's place; NULL: the port does
	void *transmit_queue;
	unsigned number; ///< worker number, 0..
	bool resident;   ///< the pool's frames hold header and payload already: only what varies is written
	uint32_t stamped_length; ///< resident, and this long, and written by `stamp` alone; 0: not so
	struct packet_stamp stamp;
	uint64_t marks; ///< flags of all frames: to whoever gets the buffers themselves
	struct rte_mempool *pool;
	struct rte_ring
	        *control; ///< frames that the receiver wants sent (ARP, ND, echo); NULL: another sender's job
	const struct flow_space *space;
	const struct dns_query_set *queries;
	const struct packet_header *header;
	struct match_table *table;
	struct flow_sent *ledger; ///< indexed by tuple
	struct stats_sender *stats;
	struct worker_cohort *cohorts;
	unsigned cohort_count;
	uint64_t window;                 ///< closed loop: queries in flight at most; 0: open loop
	bool paced;                      ///< a rate applies
	unsigned burst;                  ///< frames handed over at once, at most: 1 at low rates
	uint64_t query_limit;            ///< this sender's share, UINT64_MAX: none
	uint32_t question_stride;        ///< workers take every n-th line of the query file
	uint32_t first_question;         ///< from this one on
	ns_t end;                        ///< no query is sent from then on
	ns_t max_lag;                    ///< lateness that a trace makes good; more is skipped
	const struct worker_step *steps; ///< of a trace, in place of pacer and policies; NULL: none
	uint64_t step_count;
	ns_t patience;                     ///< how long frames may wait for a port that takes none
	const _Atomic uint64_t *completed; ///< queries of this sender that ended, written by the receiver
	const _Atomic bool *stop;

	// Hot, this lcore only.
	struct load_pacer pacer __attribute__((aligned(64)));
	struct flow_mixer mixer;
	uint64_t sent;
	uint64_t step;     ///< of the trace, the next one
	uint64_t leftover; ///< queries due before the end that were too late to be sent
	uint32_t question;
	bool blocked; ///< the query that is due was counted as throttled already
	uint32_t pending_count;
	ns_t pending_since;
	struct rte_mbuf *frames[WORKER_BURST]; ///< of pending[]
	struct worker_pending pending[WORKER_BURST];

	_Atomic int state __attribute__((aligned(64))); ///< enum worker_sender_state
};

/** Write what all queries have in common into the pool's frames, and choose the way to write the rest. Once,
 * after pool, header and queries are set. */
void worker_sender_prepare_frames(struct worker_sender *sender);

/**
 * Do what is due at `now`: send up to WORKER_BURST queries. Returns how many frames the port took. `now`
 * never goes back.
 */
unsigned worker_sender_step(struct worker_sender *sender, ns_t now);

/** When worker_sender_step() has something to do next, as far as the sender knows; NS_NEVER when only a reply
 * can tell. */
ns_t worker_sender_next(const struct worker_sender *sender, ns_t now);

/** Whether worker_sender_step() may have something to do because of what the receiver did: a reply ends what
 * it waits for, a request is to be answered. */
static inline bool worker_sender_waits(const struct worker_sender *sender)
{
	return sender->blocked || sender->window > 0 ||
	       (sender->control != NULL && !rte_ring_empty(sender->control));
}

/** Whether worker_sender_step() may have something to do at `now` after others did what they had to: a place
 * may be free again, a request be answered. */
bool worker_sender_has_work(const struct worker_sender *sender, ns_t now);

/** After the last step: withdraw what never left. The sender's lcore, or the main one when that has ended. */
void worker_sender_finish(struct worker_sender *sender);

static inline enum worker_sender_state worker_sender_state(const struct worker_sender *sender)
{
	return (enum worker_sender_state)atomic_load_explicit(&sender->state, memory_order_acquire);
}

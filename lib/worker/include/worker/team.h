#pragma once
// A team: all senders and receivers of one run with what they share (tuple space, ledger, in-flight
// tables, counters), made from plain options. Each receiver serves neighbouring senders, which are its own
// alone. The main lcore creates, snapshots and frees a team; the steps
// are called by whoever runs them: lcores in real time, one thread under a virtual clock, or a test.

#include "worker/receiver.h"
#include "worker/sender.h"

#include "load/profile.h"
#include "stats/snapshot.h"

#include <stdatomic.h>
#include <stdbool.h>

struct worker_team_options {
	const struct flow_cohort_options *cohorts;
	unsigned cohort_count;
	unsigned senders;                    ///< TX lcores, 1..FLOW_WORKERS_MAX
	const struct dns_query_set *queries; ///< borrowed for the team's life
	bool want_nsid;
	struct packet_header_options header;
	const struct load_profile *profile; ///< borrowed; NULL: no rate (closed loop only)
	uint64_t window;      ///< closed loop: queries in flight at most, over all senders; 0: open loop
	uint64_t query_limit; ///< queries to send, over all senders; UINT64_MAX: no limit
	double size_rate;     ///< queries/s that tables are sized for
	const ns_t *timeouts;
	unsigned timeout_count;
	ns_t start;    ///< epoch of the run, > 0: nothing is sent before
	ns_t duration; ///< NS_NEVER: until stopped
	ns_t interval; ///< of the time line
	ns_t max_lag;  ///< lateness that is made good; more is skipped
	ns_t patience; ///< how long frames may wait for a port that takes none
	uint64_t seed;

	uint16_t port;
	worker_transmit transmit;     ///< sends queries in the port's place; NULL: the port does
	void *const *transmit_queues; ///< of it, one a sender
	uint16_t first_queue;         ///< senders use queues first_queue, first_queue + 1, ...
	unsigned receivers;           ///< RX lcores, 1..senders
	uint16_t receive_queues;      ///< shared out among the receivers; some may have none
	unsigned dispatch_size;       ///< frames on their way from one receiver to another, at most
	enum worker_verify verify;
	bool mark_checksums; ///< whoever gets the frames' own buffers may believe their checksums: a model's
	                     ///< ring
	uint64_t checksum_flags;          ///< see struct worker_receiver
	struct rte_mempool *const *pools; ///< one a sender, its own
	struct rte_mempool *control_pool;
	const struct worker_trace_query *trace; ///< replayed in place of profile and policies; NULL: none
	uint64_t trace_count;
	struct capture *captures; ///< [receivers], what is unusual goes there; borrowed; NULL: nowhere
};

/** The first of `queues` receive queues that a receiver polls; of the number of receivers: the number of
 * queues. Who gives queues their frames asks here, too. */
static inline unsigned worker_first_queue(unsigned queues, unsigned receivers, unsigned receiver)
{
	return receiver * queues / receivers;
}

/** Parts of a team's memory in bytes. */
struct worker_memory {
	uint64_t space, ledger, tables, pickers, counters;
};

struct worker_team {
	struct flow_space *space;
	struct flow_ledger ledger;
	struct stats_shape shape;
	struct packet_header header;
	struct packet_header wire_header; ///< the same with all checksums, as frames look on the wire
	unsigned sender_count;
	struct worker_sender *senders;
	struct match_table *tables;
	struct worker_steps steps; ///< of a trace; zeroed without one
	struct stats_sender *sender_stats;
	struct worker_link *links; ///< [sender_count]
	unsigned receiver_count;
	struct worker_receiver *receivers;
	struct stats_receiver *receiver_stats; ///< [receiver_count]
	struct flow_spells *spells;            ///< [receiver_count]
	_Atomic bool stop;
};

/**
 * Predict what worker_team_create() will allocate, frames and query file left out. Needs no DPDK. Returns 0
 * or a negative errno with the error that creation would give for the same options.
 */
int worker_team_memory(const struct worker_team_options *options, struct worker_memory *out,
                       struct error *error);

/** Make a team. Returns 0 or a negative errno with a reason for the user. */
int worker_team_create(struct worker_team **out, const struct worker_team_options *options,
                       struct error *error);
void worker_team_free(struct worker_team *team);

/** Ask all senders to stop; they do at their next step. Any thread. */
void worker_team_stop(struct worker_team *team);

/** True when no sender sends any more. */
bool worker_team_is_done(const struct worker_team *team);

/**
 * One moment of all receivers, for a virtual clock: all poll, then all take what was handed over, then all
 * end what has expired, so that it makes no difference how many there are. Returns how many frames were
 * received.
 */
unsigned worker_team_receive(struct worker_team *team, ns_t now);

/** When the next query expires, NS_NEVER with none in flight. Nobody steps. */
ns_t worker_team_next_expiry(const struct worker_team *team, ns_t now);

/** After the last step: withdraw what never left, settle or free what was put aside. Nobody steps. */
void worker_team_finish(struct worker_team *team);

/** A counter of all receivers together. Any thread. */
uint64_t worker_team_received(const struct worker_team *team, enum stats_receiver_counter counter);

/** What answered last on a tuple, or was known as `backend` when it did; NULL when that is
 * FLOW_BACKEND_NONE. Any thread. */
const char *worker_team_backend(const struct worker_team *team, uint32_t tuple, uint16_t backend);

/** Queries in flight by the senders' and the receivers' running counts. Exact once no sender sends any more.
 */
uint64_t worker_team_in_flight(const struct worker_team *team);

/**
 * The source of the query that a sender sends after `skip` others (at most FLOW_PICKER_AHEAD), and what its
 * reply will be looked up in on its way into the cache: for virtual time, where queries come one by one and
 * nothing else says what is next. False when it can't be told. The sender's and receiver's thread.
 */
bool worker_team_foresee(const struct worker_team *team, unsigned sender, unsigned skip,
                         struct flow_source *source);

/** Sum the counters of all lcores at `now`; see stats_snapshot_take. */
void worker_team_snapshot(const struct worker_team *team, struct stats_snapshot *snapshot, ns_t now);

/**
 * Write the frame of a query again, octet for octet as it left (offloaded checksums filled in). Returns its
 * length, 0 when `size` is too small or the query none of this team's. Any thread.
 */
size_t worker_team_frame(const struct worker_team *team, const struct match_query *query, uint8_t *frame,
                         size_t size);

/** Queries in flight, counted entry by entry. Exact when nobody steps. */
uint64_t worker_team_outstanding(const struct worker_team *team);

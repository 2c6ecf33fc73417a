#pragma once
// A session: all that one run needs, made from a plan and taken down in reverse order: queries, DPDK
// environment, ports, frame pools, next hop, director model, team. The main thread owns it; while lcores run
// it only reads snapshots and talks to the director through events.

#include "capture/capture.h"
#include "clock.h"
#include "config/plan.h"
#include "director/director.h"
#include "environment.h"
#include "interface.h"
#include "port.h"
#include "trace.h"
#include "worker/team.h"

/** When the first query is due: the lcores are at work by then. */
#define SESSION_START (CLOCK_EPOCH + 2 * NS_PER_MS)

struct session {
	const struct plan *plan;
	struct dns_query_set *queries;
	struct environment environment;
	bool environment_started;
	struct port port;          ///< the generator's
	struct port director_port; ///< the model's end of the pair
	bool port_opened, director_port_opened;
	struct rte_mempool **pools; ///< one a sender
	struct rte_mempool *control_pool, *receive_pool, *director_pool;
	uint8_t next_hop[6];
	struct director *director;
	struct worker_team *team;
	struct trace trace;     ///< that the run replays; zeroed without one
	struct capture capture; ///< of the plan's capture file; zeroed without one
	struct stats_snapshot snapshot;
	struct clock clock;
};

/** Which way the session is going to run. */
enum session_kind {
	SESSION_REAL,    ///< lcores and the TSC
	SESSION_VIRTUAL, ///< one thread and a virtual clock
};

/**
 * Set everything up, to the point where the first step may be made. Returns 0, or a negative errno with the
 * reason for the user; session_close() is to be called in either case.
 */
int session_open(struct session *session, const struct plan *plan, enum session_kind kind,
                 struct error *error);

void session_close(struct session *session);

/** The team's options as the plan and what the session found out give them; used by `check` too, which opens
 * nothing. */
void session_team_options(const struct session *session, struct worker_team_options *out);

/** Load the plan's queries. */
int session_load_queries(struct session *session, struct error *error);

/** What the plan says of its port. */
void session_port_options(const struct plan *plan, struct port_options *out);

/** Frames that the receive queues of the plan's port take. */
unsigned session_receive_frames(const struct plan *plan);

/** Bytes that the frame pools and rings of this plan take in the DPDK heap. */
uint64_t session_frame_memory(const struct plan *plan);

/** MiB to reserve for the DPDK heap: what the plan says, and more where its frames need more. */
unsigned session_heap_mib(const struct plan *plan);

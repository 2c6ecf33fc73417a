#pragma once
// A session: all that one run needs, made from a plan and taken down in reverse order: queries, DPDK
// environment, ports, frame pools, next hop, director model, team. The main thread owns it; while lcores run
// it only reads snapshots and talks to the director through events.

#include "capture/capture.h"
#include "clock.h"
#include "config/plan.h"
#include "director/director.h"
#include "egress.h"
#include "environment.h"
#include "interface.h"
#include "lcore.h"
#include "pools.h"
#include "port.h"
#include "steering.h"
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
	struct pools pools;
	struct egress egress;
	uint8_t next_hop[6];
	struct director *director;
	struct worker_team *team;
	struct steering steering; ///< of replies to the team's receivers
	struct trace trace;       ///< that the run replays; zeroed without one
	struct capture *captures; ///< [receivers], of the plan's capture file; NULL without one
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

/** The roles that this plan has for lcores. */
struct lcore_shape session_lcores(const struct plan *plan);

/** CPUs that lcores have to themselves: those of the process, without those that polling threads take. */
unsigned session_lcore_cpus(const struct session *session);

/** Bytes that records on their way to the capture file take. */
uint64_t session_capture_memory(const struct plan *plan);

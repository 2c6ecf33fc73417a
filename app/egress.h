#pragma once
// How a session's queries leave: by its port, or beside it as live frames (app/live.h). The main thread makes
// and ends it; while lcores run, each queue is its sender's.

#include "config/plan.h"
#include "environment.h"
#include "flow/space.h"
#include "live.h"
#include "worker/sender.h"

struct egress {
	worker_transmit transmit; ///< sends queries in the port's place; NULL: the port does
	void *queues[FLOW_WORKERS_MAX];
	struct live *live;
};

/** Threads that poll besides the lcores, and want a CPU each. */
unsigned egress_threads(const struct plan *plan);

/** Make what the plan needs, for frames of up to `longest` octets. Returns 0, or a negative errno with the
 * reason. Close in either case. */
int egress_open(struct egress *egress, const struct plan *plan, unsigned longest, struct error *error);

/** Start the threads, if there are any, on CPUs that no lcore polls on; where there are none, on that of the
 * main lcore, which sleeps. */
int egress_start(struct egress *egress, const struct environment *environment, struct error *error);

/** Queries that left, if it was not the port that sent them; else what the port counted. */
uint64_t egress_sent(const struct egress *egress, uint64_t port_sent);

void egress_close(struct egress *egress);

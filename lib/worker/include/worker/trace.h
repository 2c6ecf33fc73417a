#pragma once
// Replaying a trace: each query has its own time, source and question, in place of a pacer and a reuse
// policy. The main thread splits the trace over the senders, since a tuple belongs to one of them; each
// sender then walks its own steps.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"
#include "flow/space.h"

#include <stdint.h>

/** One query of a trace, in the order of time. */
struct worker_trace_query {
	ns_t at; ///< since the start of the run
	struct address source;
	uint16_t port;
	uint32_t question;
};

/** One query as its sender has it. */
struct worker_step {
	ns_t due;
	uint32_t tuple;
	uint32_t question;
};

/** All steps, sender by sender. */
struct worker_steps {
	struct worker_step *steps; ///< [firsts[senders]]
	uint64_t *firsts;          ///< [senders + 1]
	uint32_t depth;            ///< queries of one tuple within the timeout, at the most
	uint32_t flight;           ///< queries of one sender within the timeout, at the most
};

/**
 * Split a trace over the senders of a space, and find what the in-flight tables must hold when every query
 * waits for `timeout`. Returns 0, -EINVAL when a query's source is not in the space, or -ENOMEM. Release in
 * either case.
 */
int worker_steps_make(struct worker_steps *steps, const struct flow_space *space, unsigned senders,
                      const struct worker_trace_query *queries, uint64_t count, ns_t start, ns_t timeout,
                      struct error *error);

void worker_steps_release(struct worker_steps *steps);

#pragma once
// The lcores: each runs a loop over its roles (senders, receivers, the embedded director) until told to
// leave. Roles are spread over the lcores that poll; on a box with few CPUs one lcore takes several in turn,
// which is better than threads that preempt each other.

#include "base/error.h"
#include "clock.h"
#include "worker/team.h"

#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LCORE_SENDERS 64

/** A step function of something else that polls: the embedded director. Returns how much it did. */
typedef unsigned (*lcore_step)(void *context, ns_t now);

/** What one lcore does. Read-only once it runs, but for the last two fields. */
struct lcore_roles {
	unsigned lcore;
	const struct clock *clock;
	struct worker_sender *senders[LCORE_SENDERS];
	unsigned sender_count;
	struct worker_receiver *receivers[LCORE_SENDERS];
	unsigned receiver_count;
	lcore_step other;
	void *other_context;
	bool yields; ///< gives the CPU up when idle: it shares it with others that poll
	const _Atomic bool *leave;
	uint64_t loops, idle_loops; ///< written by this lcore, read after it has left
};

struct lcore_plan {
	struct lcore_roles roles[RTE_MAX_LCORE];
	unsigned count; ///< lcores with roles
	bool oversubscribed;
	_Atomic bool leave;
};

/** How many roles there are. */
struct lcore_shape {
	unsigned senders, receivers;
	bool combined;    ///< a receiver has its sender's lcore
	bool other;       ///< the embedded director
	unsigned threads; ///< besides lcores, that poll and want a CPU each
};

/** Which of the lcores that poll, 0.., each role has. */
struct lcore_places {
	unsigned other;
	unsigned senders[FLOW_WORKERS_MAX], receivers[FLOW_WORKERS_MAX];
};

/** How many lcores, main included, a run uses on `cpus` CPUs when the user does not say. */
unsigned lcore_count(const struct lcore_shape *shape, unsigned cpus);

/** Spread the roles over `lcores` that poll. */
void lcore_place(const struct lcore_shape *shape, unsigned lcores, struct lcore_places *out);

/** Spread the roles over the lcores that EAL started, main left out. */
int lcore_assign(struct lcore_plan *plan, struct worker_team *team, bool combined, lcore_step other,
                 void *other_context, const struct clock *clock, unsigned cpus, struct error *error);

/** Launch all. */
int lcore_launch(struct lcore_plan *plan, struct error *error);

/** Tell all to leave, and wait for them. */
void lcore_leave(struct lcore_plan *plan);

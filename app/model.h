#pragma once
// The director model of a plan: made from its settings, for the place that it has in its network. Main
// thread.

#include "base/error.h"
#include "config/plan.h"
#include "director/director.h"

#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

/** Where the model stands. */
struct model_place {
	struct rte_mempool *pool; ///< of its own frames
	uint16_t mtu;             ///< 0: Linux's
	uint32_t connections;     ///< that there can be at the most; 0: as the plan says
	unsigned hops;      ///< ways of the plan's delay from the query's arrival to the answer's leaving
	struct address own; ///< see struct director_options, these too
	bool proxy_neighbours;
	bool verify_checksums;
	bool verify_unmarked;
	bool refuse_partial;
};

/** Make the plan's model, which answers from `mac`. Returns 0, or a negative errno with the reason. */
int model_make(struct director **out, const struct plan *plan, const uint8_t mac[6],
               const struct model_place *place, struct error *error);

/** True when the plan's model is behind a port within this process. */
static inline bool model_is_embedded(const struct plan *plan)
{
	return plan->port.driver == PLAN_DRIVER_DIRECTOR;
}

/** Replies that the plan's model may hold; more are dropped and counted. */
uint32_t model_pending(const struct plan *plan);

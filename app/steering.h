#pragma once
// Steering: flow rules in the port that bring each receiver's replies to a queue of its own, where there are
// several receivers and the port takes such rules; else receivers hand replies over to each other
// (worker/dispatch.c). The main thread makes the rules before the first query and removes them after the
// last.

#include "base/error.h"
#include "config/plan.h"
#include "port.h"
#include "worker/team.h"

enum steering_way {
	STEERING_NONE, ///< one receiver
	STEERING_SOFTWARE,
	STEERING_FLOW,
};

struct steering {
	enum steering_way way;
	uint16_t port;
	unsigned rules;    ///< in force
	char refused[512]; ///< why there are none although they were wanted; "" otherwise
};

/**
 * Choose the way by the plan and by what the started port takes. Returns 0, or a negative errno with the
 * driver's own words when the plan insists on flow rules and there are none.
 */
int steering_start(struct steering *steering, const struct plan *plan, const struct port *port,
                   const struct worker_team *team, struct error *error);

/** Remove the rules. Before the port is stopped. Zeroed is allowed. */
void steering_stop(struct steering *steering);

#pragma once
// The director model as a device of its own: behind a port, on one lcore, for clients of other processes and
// other boxes. The main thread owns it; while its lcore runs, main only hands it events.

#include "clock.h"
#include "config/plan.h"
#include "environment.h"
#include "events.h"
#include "port.h"

#include <rte_mempool.h>
#include <stdatomic.h>
#include <stdbool.h>

struct device {
	const struct plan *plan;
	struct environment environment;
	bool environment_started;
	struct port port;
	bool port_opened;
	struct rte_mempool *pool, *receive_pool;
	struct clock clock;
	struct events_seat seat;  ///< the model's
	ns_t busy;                ///< when it last had something to do; its lcore's own
	_Atomic ns_t first_query; ///< written by its lcore once; NS_NEVER until then
	ns_t ready, ended;        ///< when it began to answer, and when it stopped
	bool interrupted;         ///< before the plan's end
};

/** Set everything up. Returns 0, or a negative errno with the reason for the user; device_close() in either
 * case. */
int device_open(struct device *device, const struct plan *plan, struct error *error);

/** Make the device's events; their time line begins as the plan says. */
int device_events(struct device *device, struct events *events, struct error *error);

/** Answer until the plan's end or a signal. Returns 0, or a negative errno when it could not start. */
int device_run(struct device *device, struct events *events, struct error *error);

void device_close(struct device *device);

/** Write the reports. Returns 0, or as output_finish() does. */
int device_report(const struct device *device, const struct events *events, struct error *error);

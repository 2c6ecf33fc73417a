#pragma once
// The events of a run as it goes: marks are noted, commands started beside the data path, the director model
// told what to do. Main thread. The model may live on another lcore: then an event is laid into a box that
// its lcore empties between two bursts.

#include "base/units.h"
#include "command.h"
#include "config/plan.h"
#include "director/director.h"
#include "scenario/scenario.h"

#include <stdatomic.h>
#include <stdbool.h>

/** One event on its way to the model's lcore. */
struct events_box {
	_Atomic(const struct scenario_event *)
	        event;      ///< main lays it in, the model's lcore takes it out when done
	struct error error; ///< written by the model's lcore before it empties the box
	ns_t done_at;
};

/** The model and its lcore: a role of an lcore. */
struct events_seat {
	struct director *director;
	uint16_t port, queues;
	struct events_box box;
};

struct events {
	struct scenario scenario; ///< expanded
	struct scenario_record *records;
	struct command *commands; ///< parallel to records
	unsigned count;
	ns_t start;               ///< events count from here
	bool simulated;           ///< the model is stepped by the main thread
	const char *not_run;      ///< why commands are not run; NULL: they are
	struct events_seat *seat; ///< NULL: no model
	bool waiting;             ///< an event lies in the box
};

/** Make the run's events. `seat` NULL: marks and commands only. */
int events_open(struct events *events, const struct plan *plan, struct events_seat *seat, ns_t start,
                bool simulated, struct error *error);
void events_close(struct events *events);

/** Do what is due, collect what has ended. */
void events_step(struct events *events, ns_t now);

/** When the next event is due; NS_NEVER. */
ns_t events_next(const struct events *events);

/** How long the main thread may wait for the next event: `most`, or less. */
ns_t events_wait(const struct events *events, ns_t now, ns_t most);

/** End of the run: commands that still run get `grace` to end by themselves, then are ended. */
void events_finish(struct events *events, ns_t grace);

/** The model's turn: take an event from the box, move frames. An lcore's role (lcore_step). */
unsigned events_seat_step(void *seat, ns_t now);

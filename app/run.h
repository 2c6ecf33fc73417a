#pragma once
// The two ways to run a session: in real time on lcores, and under a virtual clock in one thread. Both leave
// a snapshot of everything that was measured, whatever ended them. Main thread.

#include "events.h"
#include "output.h"
#include "session.h"

/** What a run leaves besides the session's snapshot. */
struct run_result {
	ns_t started; ///< when the first query could leave, on the session's clock
	ns_t stopped; ///< when the last sender stopped
	ns_t ended;   ///< when receiving ended
	bool interrupted;
	bool oversubscribed;
	unsigned lcores;      ///< that polled
	uint64_t outstanding; ///< queries in flight at the end, counted entry by entry
};

/** Run in real time until the plan's end or a signal. Returns 0, or a negative errno when it could not start.
 */
int run_real(struct session *session, struct events *events, struct output *output, struct events_seat *seat,
             struct run_result *result, struct error *error);

/** Run under a virtual clock. Deterministic: the same plan gives the same numbers. */
int run_virtual(struct session *session, struct events *events, struct output *output,
                struct events_seat *seat, struct run_result *result, struct error *error);

#pragma once
// What a run writes: interval lines while it goes, and the reports at its end. A file that can't be written is said once and does not
// end the run: what could be written stays valid. Main thread.

#include "base/error.h"
#include "base/units.h"
#include "config/plan.h"
#include "events.h"
#include "report/report.h"
#include "session.h"

#include <stdbool.h>
#include <stdio.h>

struct run_result;

struct output {
	const struct plan *plan;
	FILE *jsonl;
	bool jsonl_failed;
	bool terminal;         ///< standard error is one: a status line is shown
	bool progress_shown;
	bool simulated;
	ns_t start;
	ns_t next_interval;    ///< when the next interval line is due
	ns_t next_progress;
	unsigned events_written;
	uint64_t wall_start;
	struct stats_snapshot previous; ///< at the last interval line
	bool previous_ready;
};

/** Open what is written while the run goes; checks that the other files can be written too. */
int output_open(struct output *output, const struct plan *plan, ns_t start, bool simulated, struct error *error);

/** Interval lines and the status line, when due. */
void output_step(struct output *output, struct session *session, struct events *events, ns_t now);

/** When output_step() has something to do. */
ns_t output_next(const struct output *output);

/**
 * Write all reports. Returns 0; -EPROTO when the accounts contradict each other; or the first write error, with every report that
 * could be written written.
 */
int output_finish(struct output *output, struct session *session, struct events *events, const struct run_result *result,
		  struct error *error);

void output_close(struct output *output);

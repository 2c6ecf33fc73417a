#pragma once
// What a run writes: interval lines while it goes, and the reports at its end. A file that can't be written
// any more is said once and does not end the run: what was written stays valid. Main thread.

#include "base/error.h"
#include "base/units.h"
#include "config/plan.h"
#include "events.h"
#include "judge.h"
#include "recorder.h"
#include "report/report.h"
#include "session.h"

#include <stdbool.h>
#include <stdio.h>

struct run_result;

/** A rhythm of looks at the counters, each compared with the one before. */
struct output_rhythm {
	ns_t every; ///< 0: never
	ns_t next;
	struct stats_snapshot looks[2];
	unsigned turn;
	bool first;
};

struct output {
	const struct plan *plan;
	FILE *jsonl;
	bool jsonl_failed;
	bool started; ///< the header line was written
	bool simulated;
	ns_t start;
	struct output_rhythm intervals; ///< of JSON lines
	struct output_rhythm progress;  ///< of the status line; only on a terminal
	bool progress_shown;
	unsigned events_written;
	struct recorder recorder;
	struct judge judge;
	struct report_plan report_plan;
	struct report_cohort *cohorts;
};

/** Open what is written while the run goes; finds out that the other files can be written too. */
int output_open(struct output *output, const struct session *session, ns_t start, bool simulated,
                struct error *error);

/** Interval lines, event lines and the status line, when due. */
void output_step(struct output *output, struct session *session, struct events *events, ns_t now);

/** When output_step() has something to do. */
ns_t output_next(const struct output *output);

/**
 * Write all reports. Returns 0; -EPROTO when the accounts contradict each other; or the first write error,
 * with every report that could be written written.
 */
int output_finish(struct output *output, struct session *session, struct events *events,
                  const struct run_result *result, struct error *error);

void output_close(struct output *output);

/** A port's own counters, as far as it has any. */
void output_read_port(uint16_t port, struct report_box *box);

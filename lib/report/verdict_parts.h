#pragma once
// Private to the room: what the verdict's text and its JSON share. A change is known by its number, as the
// evidence counts them.

#include "report/report.h"

#define VERDICT_BINS 24
#define CONFIDENCE   0.95

/** Room for a verdict's text. */
#define VERDICT_TEXT_SIZE 1280

/** Probes by age: one bin of the curve. */
struct verdict_bin {
	double low, high;
	uint64_t sent, lost;
};

/** The reuse-age curve; returns how many bins are used. */
unsigned verdict_curve(const struct evidence *evidence, struct verdict_bin bins[VERDICT_BINS]);

const char *verdict_overall_name(const struct report_input *input, unsigned number);
const char *verdict_state_name(enum verdict_state state);
bool verdict_is_timeout_known(const struct verdict *verdict);

/** Seconds since the run's start. */
double verdict_changed_at(const struct report_input *input, unsigned number);

/** The user's event before the change; NULL: none. */
const struct scenario_record *verdict_mark_of(const struct report_input *input, unsigned number);

/** The verdict in words, with the number of real servers where it is known. Returns the buffer. */
const char *verdict_text(const struct report_input *input, unsigned number, char *buffer, size_t size);

#pragma once
// The numbers behind every table and object, worked out once for all back-ends. Private to the room.

#include "report/report.h"

#include "verdict/interval.h"

/** The confidence of every interval in a report. */
#define REPORT_CONFIDENCE 0.95

/** Outcomes of some queries at one timeout. */
struct report_row {
	ns_t timeout;
	struct stats_totals totals;   ///< as a run with this timeout alone would have them
	struct verdict_interval loss; ///< of the queries that ended; NAN throughout when none did
};

/** `part` of `whole` in percent; 0 when there is no whole. */
double report_percent(uint64_t part, uint64_t whole);

/** `count` a second; 0 when no time passed. */
double report_rate(uint64_t count, ns_t time);

/** What became of `totals` at the timeout that the user gave as number `given`. */
struct report_row report_at_timeout(const struct report_input *input, const struct stats_totals *totals,
                                    unsigned given);

/** Check the accounts. Returns 0 or -EPROTO. */
int report_accounts_check(const struct report_input *input, struct error *error);

/** The intervals up to the last in which something was sent. */
uint32_t report_intervals(const struct stats_snapshot *snapshot);

/** When an interval begins and ends, since the start. The last one of the shape has no end but the sending's.
 */
ns_t report_interval_since(const struct report_input *input, uint32_t interval);
ns_t report_interval_until(const struct report_input *input, uint32_t interval);

/** Add up totals. */
void report_totals_add(struct stats_totals *into, const struct stats_totals *from);

/** True when a row has traffic. */
static inline bool report_totals_used(const struct stats_totals *totals)
{
	return totals->sent > 0;
}

/** A cohort's name, written into `buffer` when it has none. */
const char *report_cohort_name(const struct report_input *input, unsigned cohort, char *buffer, size_t size);

/** A response code's name; number STATS_RCODES is all others. `buffer` holds REPORT_RCODE_TEXT_SIZE bytes. */
const char *report_rcode_name(const struct report_input *input, unsigned rcode, char *buffer);

/** Queries due that were not crafted, for all reasons. */
uint64_t report_throttled(const struct stats_snapshot *snapshot);

/** Frames counted as sent that the port's own counters don't know; 0 when there are none. */
uint64_t report_port_missing(const struct report_input *input);

/** Whether a port with flow rules keeps them, judged by where its replies came to. */
enum report_rules {
	REPORT_RULES_UNKNOWN, ///< no rules, or too few replies
	REPORT_RULES_KEPT,
	REPORT_RULES_BROKEN,
};

/** Frames that came to another receiver's queue against the rules, and what follows from it. */
uint64_t report_rules_misses(const struct report_input *input);
enum report_rules report_rules(const struct report_input *input);

/** "none", "flow" or "software". */
const char *report_steering_name(enum report_steering steering);

/** True when the box itself dropped, delayed or missed something. */
bool report_box_faults(const struct report_input *input);

/** A rate that was asked for: finite and above 0. */
bool report_rate_asked(const struct report_input *input);

/** The end of a reuse age class. */
ns_t report_age_high(unsigned class);

/** The number of readable rows of reuse ages. */
unsigned report_ages(void);

/** The readable row of a class. A class that holds a round age goes to the row that begins there. */
unsigned report_age_row(unsigned class);

/** The bounds of a readable row: [low, high), NS_NEVER without an end; row 0 is first use. */
void report_age_bounds(unsigned row, ns_t *low, ns_t *high);

/**
 * What was recorded between two states of one histogram (`before` NULL: since the start). Count, sum and
 * squares are exact; extremes are those of the buckets, within the later state's.
 */
void report_histogram_since(const struct stats_histogram *before, const struct stats_histogram *after,
                            struct stats_histogram *out);

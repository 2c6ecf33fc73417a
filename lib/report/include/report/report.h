#pragma once
// Reports: what a run's numbers say, as text, JSON, JSON lines and CSV. Pure functions of a struct
// report_input, which the caller fills and owns throughout; nothing is kept, no clock is read, and equal
// input gives equal bytes. Every count comes from the snapshot. Any thread. docs/report.md tells how to read
// them, docs/result.schema.json is the JSON document's schema.

#include "base/error.h"
#include "base/units.h"
#include "evidence/evidence.h"
#include "scenario/scenario.h"
#include "stats/snapshot.h"
#include "verdict/interval.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Version of the JSON document and of the JSON lines. */
#define REPORT_SCHEMA 1
/** Room for a response code's name, terminator included. */
#define REPORT_RCODE_TEXT_SIZE 32
/** Room that holds any status line, terminator included. */
#define REPORT_PROGRESS_SIZE 256

/** Runs side by side, at the most. */
#define REPORT_RUNS 63

/** What is said about a cohort besides its numbers. */
struct report_cohort {
	const char *name;
	const char *policy; ///< name of its reuse policy
	bool control;
	uint64_t tuples; ///< 0: not known
	/** How its losses at the largest timeout fall on its tuples; all 0: not known. */
	struct verdict_clusters clusters;
};

/** What is said about the plan. Strings may be NULL. */
struct report_plan {
	const char *name;
	const char *description;
	const char *json;     ///< all settings as JSON; becomes "plan" as it stands
	uint64_t digest;      ///< equal for runs that do the same
	const ns_t *timeouts; ///< those of the snapshot's shape, in the order the user gave; NULL: as the
	                      ///< shape has them
	const struct report_cohort *cohorts; ///< [snapshot->shape.cohorts]; NULL: numbered
	bool histogram;                      ///< print kubernetes/perf-tests' "#histogram" lines
};

/** How replies got to their receivers. */
enum report_steering {
	REPORT_STEERING_NONE,     ///< there was one receiver
	REPORT_STEERING_FLOW,     ///< by flow rules in the port
	REPORT_STEERING_SOFTWARE, ///< by the port's hash, then handed over
};

/** The box that ran. */
struct report_box {
	unsigned lcores;  ///< that polled
	unsigned cpus;    ///< that they ran on
	unsigned senders; ///< of the lcores
	unsigned receivers;
	enum report_steering steering;
	unsigned steering_rules;      ///< flow rules in force
	const char *steering_refused; ///< why the port has none although they were wanted; NULL: no reason
	bool oversubscribed;          ///< lcores shared a CPU
	bool hugepages;
	const char *driver; ///< may be NULL
	const char *device; ///< may be NULL
	bool port_counters_known;
	uint64_t port_tx_packets; ///< the port's own counters, over the run
	uint64_t port_tx_errors;
	uint64_t port_rx_packets;
	uint64_t port_rx_missed;
	uint64_t port_rx_errors;
	uint64_t port_rx_nombuf;
};

/** A name and a count: what the director model knows to be true. */
struct report_count {
	const char *name;
	uint64_t count;
};

/** All that a report is made of. */
struct report_input {
	const struct report_plan *plan;
	const struct stats_snapshot *snapshot;
	/** Queries that the in-flight tables hold, counted slot by slot; UINT64_MAX while the lcores run. */
	uint64_t in_flight;
	uint64_t wall_start_ns; ///< when the run began, ns since 1970-01-01 UTC; 0: no such time (simulated)
	ns_t elapsed;           ///< from the start to the end of the drain
	ns_t sending;           ///< from the start to the last query
	double requested_qps;   ///< mean rate asked for; 0 or not finite: closed loop, or as fast as possible
	unsigned header_octets; ///< of a frame before its DNS message: Ethernet, VLAN tag, IP, UDP
	bool interrupted;       ///< by the user, before the plan's end
	bool simulated;         ///< under a virtual clock
	struct report_box box;
	const struct scenario_record *records; ///< in the order in which they were done
	unsigned record_count;
	/** Name of a response code, as dns_rcode_name() has it; NULL: numbers. */
	const char *(*rcode_name)(uint16_t rcode, char *buffer);
	const struct evidence_changes *changes; ///< NULL: no evidence was gathered, and there is no verdict
	const struct verdict *verdicts;         ///< [changes->count]
	const struct report_count *director;    ///< NULL: there was none
	unsigned director_count;
};

// The reports of a whole run. They check the accounts first (stats_snapshot_check). When those contradict
// each other the report is still written, says so at its top, and -EPROTO is returned with the contradiction
// in `error`. Else they return 0, -EIO when writing failed, or -ENOMEM.

/**
 * Write the report for a person: dnsperf's statistics in dnsperf's words and layout, then what dnsperf can't
 * say. In dnsperf's part a refused query counts as lost, for dnsperf knows no refusals: completed + lost +
 * interrupted = sent.
 */
int report_text(const struct report_input *input, FILE *file, struct error *error);

/** Write the JSON document (docs/result.schema.json), indented, with a newline at its end. */
int report_json_write(const struct report_input *input, FILE *file, struct error *error);

/** Write the time line as CSV: a header row, then one row an interval. Times are in seconds. */
int report_csv(const struct report_input *input, FILE *file, struct error *error);

/** The JSON document as a new reference, NULL without memory. A contradiction stands in "accounts". */
json_t *report_json(const struct report_input *input);

// JSON lines: the header first, then intervals and events as they come, the summary last. Each is a valid
// object by itself that says what it is ("type") and which run it belongs to ("runid"). New references; NULL
// without memory.

/** The first line. Of the snapshot only its shape is read. */
json_t *report_header_line(const struct report_input *input);

/**
 * What happened between `previous` (NULL: the start) and the input's snapshot, and the totals so far.
 * Outcomes count when they come, not when their query was sent. sent = answered + refused + lost +
 * outstanding holds in "totals".
 */
json_t *report_interval_line(const struct report_input *input, const struct stats_snapshot *previous);

/** An event of the scenario, done. */
json_t *report_event_line(const struct report_input *input, const struct scenario_record *record);

/** The last line: the totals of the run and whether its accounts are consistent. */
json_t *report_summary_line(const struct report_input *input);

/** Write one line and flush it. Takes `line` over; NULL is allowed and fails. Returns 0, -EIO or -ENOMEM. */
int report_line_write(json_t *line, FILE *file);

/**
 * Write one status line, without a newline: time, rate asked and achieved since `previous` (NULL: the start),
 * answers, losses, queries in flight. Returns as snprintf does; REPORT_PROGRESS_SIZE bytes hold it.
 */
int report_progress(const struct report_input *input, const struct stats_snapshot *previous, char *buffer,
                    size_t size);

// ---- Results read back

/**
 * Check that a document is a result of this program's with a schema version that it knows and every key that
 * docs/result.schema.json requires. `source` is its file name for errors. Returns 0, or -EINVAL with the JSON
 * path of the first fault in `error`.
 */
int report_json_check(const json_t *result, const char *source, struct error *error);

/**
 * Write runs side by side: rows sent, completed and lost for each timeout, one column a run. `results` have
 * passed report_json_check(). Returns 0, -E2BIG above REPORT_RUNS runs, -EIO or -ENOMEM.
 */
int report_side_by_side(const json_t *const *results, const char *const *titles, unsigned count, FILE *file);

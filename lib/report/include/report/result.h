#pragma once
// Results read back from their JSON documents, and several boxes' results added up into one. A result owns
// all that its report_input points to; the caller releases it. No clock is read, nothing is written. Any
// thread, one owner at a time.

#include "report/report.h"

#include <jansson.h>

/** A result that report_json_write() and its kind can write again. */
struct report_result {
	struct report_input input; ///< `header_octets` is 0: the document does not say
	struct report_plan plan;
	struct stats_snapshot snapshot;

	// Private to the room.
	struct report_cohort *cohorts;
	ns_t timeouts[STATS_TIMEOUTS];
	struct scenario_record *records;
	struct report_count *director;
	json_t *texts; ///< keeps the strings that the fields above point to
	char *plan_json;
};

/** Names of response codes, as dns_rcode_name() has them. */
typedef const char *(*report_rcode_name_of)(uint16_t rcode, char *buffer);

/**
 * Read a document. It is checked as report_json_check() does, then value by value, and at last its accounts
 * (stats_snapshot_check). `source` is its file name for errors; `rcode_name` gives the names that the
 * program wrote. Returns 0, -EINVAL with the JSON path of the first fault, or -ENOMEM. Release in either
 * case.
 */
int report_result_read(struct report_result *out, const json_t *document, const char *source,
                       report_rcode_name_of rcode_name, struct error *error);

/**
 * Add up the results of boxes that ran side by side: counters, histograms, age classes and intervals exactly,
 * interval 0 to interval 0; requested rates, CPUs and port counters too; durations are the longest. The
 * boxes' plans stand in "plan.merged". Refused with -EINVAL, and what differs: documents that have not the
 * same timeouts, interval, cohorts (names, policies, control) or kind (simulated or not). Release in either
 * case.
 */
int report_result_merge(struct report_result *out, const json_t *const *documents, const char *const *sources,
                        unsigned count, report_rcode_name_of rcode_name, struct error *error);

void report_result_release(struct report_result *result);

/**
 * Write the comparison of runs: report_side_by_side(), the intervals of each loss, whether the later runs'
 * losses differ from the first's by more than chance, and what makes the runs hard to compare. `documents`
 * have passed report_json_check(). Returns 0, -EIO or -ENOMEM.
 */
int report_compare(const json_t *const *documents, const char *const *titles, unsigned count, FILE *file);

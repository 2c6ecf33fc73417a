#pragma once
// Values of a JSON document, read with the first fault remembered: a value that is not there or not as it
// must be is 0, and the error says which. Private to the room.

#include "report/result.h"

#include "base/units.h"

/** Where values are read from. `error` is sticky: check it at the end. */
struct report_reader {
	const char *source;
	struct error *error;
};

/** Record that `key` (NULL: the object itself) of the object at path `at` is not `wanted`. */
void report_read_fault(const struct report_reader *reader, const char *at, const char *key,
                       const char *wanted);

/** An integer of 0 or more. */
uint64_t report_read_count(const struct report_reader *reader, const json_t *object, const char *at,
                           const char *key);

/** A time of 0 or more in multiples of `unit`; null is `absent`. */
ns_t report_read_time(const struct report_reader *reader, const json_t *object, const char *at,
                      const char *key, ns_t unit, ns_t absent);

/** true or false. */
bool report_read_bool(const struct report_reader *reader, const json_t *object, const char *at,
                      const char *key);

/** How losses fall on tuples, of a cohort's object; all 0 when it does not say. */
void report_read_clusters(const struct report_reader *reader, const json_t *cohort, const char *at,
                          struct verdict_clusters *out);

/** A string that lives as long as the document; NULL when it is null or missing. */
const char *report_read_text(const json_t *object, const char *key);

/**
 * Read all counts of a document into `snapshot`, which is initialized to `shape` and empty. `given` are the
 * shape's timeouts in the document's order.
 */
void report_read_snapshot(const struct report_reader *reader, const json_t *document,
                          report_rcode_name_of rcode_name, struct stats_snapshot *snapshot);

/** The shape of a document; `given` receives the timeouts in its order. `intervals` 0: as many as it needs.
 */
int report_read_shape(const struct report_reader *reader, const json_t *document, uint32_t intervals,
                      struct stats_shape *shape, ns_t *given);

/** report_result_read() for a given number of intervals; 0: as many as the document needs. */
int report_result_read_as(struct report_result *out, const json_t *document, const char *source,
                          report_rcode_name_of rcode_name, uint32_t intervals, struct error *error);

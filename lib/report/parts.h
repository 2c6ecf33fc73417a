#pragma once
// Objects that the JSON document and the JSON lines share. Private to the room. NULL without memory.

#include "json.h"

/** Every counter by its name, and the outcomes of all queries. */
json_t *report_object_totals(const struct report_input *input);

/** Outcomes as {"sent", "answered", "refused", "lost", "late", "outstanding"}, into `object`. */
void report_object_outcomes(json_t **object, const struct stats_totals *totals);

/** Outcomes at each timeout, in the order given. */
json_t *report_object_timeouts(const struct report_input *input, const struct stats_totals *totals);

/** {"NOERROR": n, ...}: those above `before` (NULL: above 0). */
json_t *report_object_rcodes(const struct report_input *input, const uint64_t *before);

/** A histogram with all that merging needs. */
json_t *report_object_histogram(const struct stats_histogram *histogram);

/** An event of the scenario, into `object`. */
void report_object_event(json_t **object, const struct scenario_record *record);

/** The events of a scenario that came, as a list. */
json_t *report_object_events(const struct scenario_record *records, unsigned count);

/** Who wrote a document: name and version. */
json_t *report_object_generator(void);

/** The settings, parsed; null when there are none. */
json_t *report_object_plan(const struct report_plan *plan);

/** The port's own counters; null when it has none. */
json_t *report_object_port(const struct report_box *box);

/** Write a whole document and give it up; NULL is no memory. Returns 0, -EIO or -ENOMEM. */
int report_document_write(json_t *document, FILE *file, struct error *error);

/** {"consistent": true} or {"consistent": false, "error": text}. */
json_t *report_object_accounts(const struct report_input *input);

/** {"requested_qps", "achieved_qps", "error_p99_us"}. */
json_t *report_object_rate(const struct report_input *input);

/** "verdict": what the evidence says, null when there is none. */
json_t *report_object_verdict(const struct report_input *input);

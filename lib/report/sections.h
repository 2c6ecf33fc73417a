#pragma once
// The parts of the text report below dnsperf's block, each a table or a few lines; a part with nothing to say
// prints nothing. Private to the room. Return 0, -EIO or -ENOMEM.

#include "report/report.h"

#include "table.h"

int report_section_verdict(const struct report_input *input, FILE *file);
int report_section_backends(const struct report_input *input, FILE *file);
int report_section_timeline(const struct report_input *input, FILE *file);
int report_section_refusals(const struct report_input *input, FILE *file);
int report_section_events(const struct report_input *input, FILE *file);
int report_section_rate(const struct report_input *input, FILE *file);
int report_section_director(const struct report_input *input, FILE *file);
int report_section_box(const struct report_input *input, FILE *file);

/** Those of the counts that are above 0, below a heading if there are any. */
int report_section_counts(const char *heading, const struct report_count *list, unsigned count, FILE *file);

/**
 * The end of a text: flush it. `failed` is 0 or what went wrong on the way, `contradiction` what the accounts
 * gave. Returns as report_text() does.
 */
int report_section_end(FILE *file, int failed, const struct error *contradiction, struct error *error);

/** The cells sent, answered, refused, lost, loss, late. */
void report_section_outcomes(struct report_table *table, const struct stats_totals *totals);

/** The cell of a quantile; "-" when empty. */
void report_section_quantile(struct report_table *table, const struct stats_histogram *histogram,
                             double fraction);

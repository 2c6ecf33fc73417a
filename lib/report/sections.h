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

/** The cells sent, answered, refused, lost, loss, late. */
void report_section_outcomes(struct report_table *table, const struct stats_totals *totals);

/** The cell of a quantile; "-" when empty. */
void report_section_quantile(struct report_table *table, const struct stats_histogram *histogram,
                             double fraction);

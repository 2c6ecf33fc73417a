#pragma once
// dnsperf's statistics in dnsperf's words and layout (dnsperf 2.10.0, print_statistics()). Private to the
// room.

#include "report/report.h"

/** Write the block, and "#histogram" lines when the plan asks for them. */
void report_block(const struct report_input *input, FILE *file);

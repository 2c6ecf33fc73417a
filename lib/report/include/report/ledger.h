#pragma once
// The ledger as a file: one row a tuple that was used, as CSV or as JSON lines. The caller walks its tuples
// and owns the FILE; nothing is kept. Any thread.

#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum report_ledger_format {
	REPORT_LEDGER_CSV,
	REPORT_LEDGER_JSONL,
};

/** What happened on one tuple. Times are ns since the start of the run; NS_NEVER: it never happened. */
struct report_tuple {
	const char *source; ///< "192.0.2.7:40000", "[2001:db8::7]:40000"
	const char *cohort;
	uint64_t sent, answered, refused;
	uint64_t lost;              ///< nothing within the largest timeout
	uint64_t late;              ///< of the lost: answered after all
	ns_t first_lost, last_lost; ///< when those queries were sent
	uint64_t longest_lost;      ///< the longest run of queries lost or refused, stops at 65535
	ns_t last_sent;
	ns_t last_answered;  ///< arrival
	const char *backend; ///< who answered last, as far as answers said; NULL: not known
};

/** JSON lines when the name ends in ".jsonl", else CSV. */
enum report_ledger_format report_ledger_format_of(const char *path);

/** Write what comes before the rows: the names of the columns, for CSV. */
void report_ledger_head(enum report_ledger_format format, FILE *file);

/** Write one row. Look at ferror() after the last. */
void report_ledger_row(enum report_ledger_format format, const struct report_tuple *tuple, FILE *file);

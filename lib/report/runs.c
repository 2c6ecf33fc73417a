#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "table.h"

// Timeouts told apart over all runs, at the most; report_json_check() sees to STATS_TIMEOUTS a run.
#define RUNS_TIMEOUTS (REPORT_RUNS * STATS_TIMEOUTS)

// One column is the rows' names.
_Static_assert(REPORT_RUNS < REPORT_TABLE_COLUMNS, "all runs fit a table");

static uint64_t get_count(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

// Every timeout of every run, in descending order.
static unsigned collect_timeouts(const json_t *const *results, unsigned count, double *timeouts)
{
	unsigned known = 0;

	for (unsigned run = 0; run < count; run++) {
		const json_t *list = json_object_get(results[run], "timeouts");

		for (size_t i = 0; i < json_array_size(list); i++) {
			double timeout =
			        json_number_value(json_object_get(json_array_get(list, i), "timeout_ms"));
			unsigned place = 0;

			while (place < known && timeouts[place] > timeout) {
				place++;
			}
			if ((place < known && timeouts[place] == timeout) || known == RUNS_TIMEOUTS) {
				continue;
			}
			for (unsigned move = known++; move > place; move--) {
				timeouts[move] = timeouts[move - 1];
			}
			timeouts[place] = timeout;
		}
	}
	return known;
}

static const json_t *find_timeout(const json_t *result, double timeout)
{
	const json_t *list = json_object_get(result, "timeouts");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		if (json_number_value(json_object_get(row, "timeout_ms")) == timeout) {
			return row;
		}
	}
	return NULL;
}

static void sent_row(struct report_table *table, const json_t *const *results, unsigned count)
{
	report_table_text(table, "sent");
	for (unsigned run = 0; run < count; run++) {
		report_table_count(table, get_count(json_object_get(results[run], "totals"), "sent"));
	}
}

// One number of each run at one timeout; with `loss` the share of it too.
static void timeout_row(struct report_table *table, const json_t *const *results, unsigned count,
                        double timeout, const char *label, const char *key)
{
	report_table_format(table, "%s in %g ms", label, timeout);
	for (unsigned run = 0; run < count; run++) {
		const json_t *row = find_timeout(results[run], timeout);
		const json_t *loss = json_object_get(row, "loss");
		char percent[REPORT_TABLE_NUMBER];

		if (row == NULL) {
			report_table_text(table, "-");
		} else if (key[0] == 'l' && json_is_number(loss)) {
			report_table_format(table, "%" PRIu64 " (%s)", get_count(row, key),
			                    report_table_write_percent(json_number_value(loss), percent));
		} else {
			report_table_count(table, get_count(row, key));
		}
	}
}

static bool any_refused(const json_t *const *results, unsigned count, double timeout)
{
	for (unsigned run = 0; run < count; run++) {
		if (get_count(find_timeout(results[run], timeout), "refused") > 0) {
			return true;
		}
	}
	return false;
}

int report_side_by_side(const json_t *const *results, const char *const *titles, unsigned count, FILE *file)
{
	const char *headings[REPORT_TABLE_COLUMNS + 1] = {"<"};
	double timeouts[RUNS_TIMEOUTS];
	struct report_table table;
	unsigned timeout_count;

	if (count > REPORT_RUNS) {
		return -E2BIG;
	}
	for (unsigned run = 0; run < count; run++) {
		headings[run + 1] = titles[run];
	}
	timeout_count = collect_timeouts(results, count, timeouts);
	report_table_init(&table, headings);
	sent_row(&table, results, count);
	for (unsigned i = 0; i < timeout_count; i++) {
		timeout_row(&table, results, count, timeouts[i], "completed", "answered");
		if (any_refused(results, count, timeouts[i])) {
			timeout_row(&table, results, count, timeouts[i], "refused", "refused");
		}
		timeout_row(&table, results, count, timeouts[i], "lost", "lost");
	}
	return report_table_print(&table, 0, file);
}

#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "rows.h"

static void write_header(const struct report_input *input, FILE *file)
{
	char number[32];

	fputs("since_s,until_s,sent,answered,refused,lost,late,outstanding", file);
	for (unsigned i = 0; i < input->snapshot->shape.timeouts; i++) {
		struct report_row row = report_at_timeout(input, &input->snapshot->total, i);

		units_format_duration(row.timeout, number, sizeof(number));
		fprintf(file, ",answered_%s,refused_%s,lost_%s", number, number, number);
	}
	fputc('\n', file);
}

static void write_row(const struct report_input *input, uint32_t interval, FILE *file)
{
	struct stats_totals totals = stats_snapshot_interval(input->snapshot, -1, interval);

	fprintf(file, "%.9g,%.9g", ns_to_seconds(report_interval_since(input, interval)),
	        ns_to_seconds(report_interval_until(input, interval)));
	fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, totals.sent,
	        totals.answered, totals.refused, totals.lost, totals.late, totals.outstanding);
	for (unsigned i = 0; i < input->snapshot->shape.timeouts; i++) {
		struct report_row row = report_at_timeout(input, &totals, i);

		fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, row.totals.answered, row.totals.refused,
		        row.totals.lost);
	}
	fputc('\n', file);
}

int report_csv(const struct report_input *input, FILE *file, struct error *error)
{
	uint32_t intervals = report_intervals(input->snapshot);

	write_header(input, file);
	for (uint32_t i = 0; i < intervals; i++) {
		write_row(input, i, file);
	}
	if (fflush(file) != 0 || ferror(file)) {
		return error_set(error, -EIO, "the CSV file could not be written: %s", strerror(errno));
	}
	return report_accounts_check(input, error);
}

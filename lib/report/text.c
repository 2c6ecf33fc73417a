#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "block.h"
#include "rows.h"
#include "sections.h"

// ---- Loss

static const char *write_range(struct verdict_interval loss, char *buffer, size_t size)
{
	char low[REPORT_TABLE_NUMBER], high[REPORT_TABLE_NUMBER];

	if (isnan(loss.estimate)) {
		return "-";
	}
	snprintf(buffer, size, "%s .. %s", report_table_write_percent(loss.low, low),
	         report_table_write_percent(loss.high, high));
	return buffer;
}

static int write_timeouts(const struct report_input *input, FILE *file)
{
	static const char *const headings[] = {"timeout", "sent", "answered",      "refused",
	                                       "lost",    "loss", "95 % interval", NULL};
	struct report_table table;

	fputs("Loss at each timeout:\n", file);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < input->snapshot->shape.timeouts; i++) {
		struct report_row row = report_at_timeout(input, &input->snapshot->total, i);
		char text[2 * REPORT_TABLE_NUMBER + 8];

		units_format_duration(row.timeout, text, sizeof(text));
		report_table_text(&table, text);
		report_table_count(&table, row.totals.sent);
		report_table_count(&table, row.totals.answered);
		report_table_count(&table, row.totals.refused);
		report_table_count(&table, row.totals.lost);
		report_table_percent(&table, row.loss.estimate);
		report_table_text(&table, write_range(row.loss, text, sizeof(text)));
	}
	return report_table_print(&table, 2, file);
}

static int write_cohorts(const struct report_input *input, FILE *file)
{
	static const char *const headings[] = {"<cohort", "<policy", "sent", "answered", "refused", "lost",
	                                       "loss",    "late",    "p50",  "p99",      NULL};
	const struct stats_snapshot *snapshot = input->snapshot;
	struct report_table table;

	if (snapshot->shape.cohorts < 2) {
		return 0;
	}
	fputs("\nBy cohort:\n", file);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		const struct report_cohort *cohort =
		        input->plan->cohorts != NULL ? &input->plan->cohorts[i] : NULL;
		char text[REPORT_TABLE_NUMBER];
		const char *name = report_cohort_name(input, i, text, sizeof(text));

		report_table_format(&table, "%s%s", name,
		                    cohort != NULL && cohort->control ? " (control)" : "");
		report_table_text(&table, cohort != NULL && cohort->policy != NULL ? cohort->policy : "-");
		report_section_outcomes(&table, &snapshot->cohorts[i]);
		report_section_quantile(&table, &snapshot->latency[i], 0.5);
		report_section_quantile(&table, &snapshot->latency[i], 0.99);
	}
	return report_table_print(&table, 2, file);
}

static const char *write_age(unsigned row, char *buffer, size_t size)
{
	char low_text[REPORT_TABLE_NUMBER], high_text[REPORT_TABLE_NUMBER];
	ns_t low, high;

	report_age_bounds(row, &low, &high);
	units_format_duration(low, low_text, sizeof(low_text));
	units_format_duration(high, high_text, sizeof(high_text));
	if (row == 0) {
		return "first use";
	}
	if (high == NS_NEVER) {
		snprintf(buffer, size, "%s or more", low_text);
	} else if (low == 0) {
		snprintf(buffer, size, "below %s", high_text);
	} else {
		snprintf(buffer, size, "%s .. %s", low_text, high_text);
	}
	return buffer;
}

static int write_ages(const struct report_input *input, FILE *file)
{
	static const char *const headings[] = {"<age", "sent", "answered", "refused",
	                                       "lost", "loss", "late",     NULL};
	struct report_table table;

	fputs("\nBy reuse age (how long the source port had rested):\n", file);
	report_table_init(&table, headings);
	for (unsigned row = 0, class = 0; row < report_ages(); row++) {
		unsigned first = class;
		struct stats_totals totals;
		char text[2 * REPORT_TABLE_NUMBER + 8];

		while (class < STATS_AGE_CLASSES && report_age_row(class) == row) {
			class ++;
		}
		if (class == first) {
			continue;
		}
		totals = stats_snapshot_ages(input->snapshot, -1, first, class - 1);
		if (report_totals_used(&totals)) {
			report_table_text(&table, write_age(row, text, sizeof(text)));
			report_section_outcomes(&table, &totals);
		}
	}
	return report_table_print(&table, 2, file);
}

// ---- The whole

static void write_contradiction(const struct error *contradiction, FILE *file)
{
	fprintf(file,
	        "*** THE ACCOUNTS OF THIS RUN CONTRADICT EACH OTHER: DO NOT TRUST THE NUMBERS BELOW ***\n"
	        "*** %s ***\n\n",
	        contradiction->text);
}

static void write_heading(const struct report_input *input, FILE *file)
{
	const struct report_plan *plan = input->plan;

	if (plan->name != NULL && plan->name[0] != '\0') {
		report_table_write_line(plan->name, file);
		fputs(plan->description != NULL && plan->description[0] != '\0' ? ": " : "", file);
		report_table_write_line(plan->description != NULL ? plan->description : "", file);
		fputc('\n', file);
	}
	if (input->simulated) {
		fputs("Simulated: the director is a model and time is virtual.\n", file);
	}
	if (input->interrupted) {
		fputs("Interrupted: the run ended before its plan did.\n", file);
	}
	if (input->snapshot->total.refused > 0) {
		fprintf(file,
		        "\"Queries lost\" above holds %" PRIu64
		        " refused queries (ICMP); below they are counted apart.\n",
		        input->snapshot->total.refused);
	}
	fputc('\n', file);
}

int report_section_end(FILE *file, int failed, const struct error *contradiction, struct error *error)
{
	if (failed == 0 && (fflush(file) != 0 || ferror(file))) {
		failed = -EIO;
	}
	if (failed != 0) {
		return error_set(error, failed, "the report could not be written: %s", strerror(-failed));
	}
	return error_is_set(contradiction) ? error_set(error, contradiction->code, "%s", contradiction->text)
	                                   : 0;
}

int report_text(const struct report_input *input, FILE *file, struct error *error)
{
	static int (*const sections[])(const struct report_input *, FILE *) = {
	        write_timeouts,          report_section_verdict,
	        write_cohorts,           write_ages,
	        report_section_backends, report_section_timeline,
	        report_section_refusals, report_section_events,
	        report_section_rate,     report_section_director,
	        report_section_box,
	};
	struct error contradiction = {0};
	int failed = 0;

	if (report_accounts_check(input, &contradiction) != 0) {
		write_contradiction(&contradiction, file);
	}
	report_block(input, file);
	write_heading(input, file);
	for (unsigned i = 0; failed == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
		failed = input->snapshot->total.sent > 0 || i == 0 ||
		                         i + 1 == sizeof(sections) / sizeof(sections[0])
		                 ? sections[i](input, file)
		                 : 0;
	}
	return report_section_end(file, failed, &contradiction, error);
}

#include "verdict/signature.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sections.h"
#include "verdict_parts.h"

// The reuse-age curve: bins an octave, from the youngest age that is told apart.
#define CURVE_STEPS 2
#define CURVE_LOW   0.0625

#define PERCENT 100.0

// A wider interval of k says too little: this many times its lower end.
#define SERVERS_WIDEST 2.0

// So large a part of the tuples that lost a query may as well have lost it by the change before: one in five.
#define SHARED_ONE_IN 5

unsigned verdict_curve(const struct evidence *evidence, struct verdict_bin bins[VERDICT_BINS])
{
	unsigned used = 0;

	memset(bins, 0, VERDICT_BINS * sizeof(*bins));
	for (size_t i = 0; i < evidence->verdict.since_use_count; i++) {
		const struct verdict_age *age = &evidence->verdict.since_use[i];
		double steps = age->low > CURVE_LOW ? floor(log2(age->low / CURVE_LOW) * CURVE_STEPS) + 1 : 0;
		unsigned bin = steps < VERDICT_BINS - 1 ? (unsigned)steps : VERDICT_BINS - 1;

		bins[bin].sent += age->sent;
		bins[bin].lost += age->lost;
	}
	for (unsigned i = 0; i < VERDICT_BINS; i++) {
		if (bins[i].sent > 0) {
			bins[used] = bins[i];
			bins[used].low = i == 0 ? 0 : CURVE_LOW * exp2((i - 1.0) / CURVE_STEPS);
			bins[used].high =
			        i + 1 == VERDICT_BINS ? INFINITY : CURVE_LOW * exp2((double)i / CURVE_STEPS);
			used++;
		}
	}
	return used;
}

static bool is_blurred(const struct evidence *evidence)
{
	return SHARED_ONE_IN * evidence->shared > evidence->affected;
}

// Two changes too near each other for each tuple's loss to be one's, and not the same by name.
static bool is_mixed(const struct report_input *input, unsigned number)
{
	const struct verdict *verdict = &input->verdicts[number];

	for (unsigned i = 0; i < VERDICT_SIGNATURES && is_blurred(&input->changes->each[number]); i++) {
		bool here = verdict->findings[i].state == VERDICT_SHOWN;

		if (number > 0 && here != (input->verdicts[number - 1].findings[i].state == VERDICT_SHOWN)) {
			return true;
		}
	}
	return false;
}

const char *verdict_overall_name(const struct report_input *input, unsigned number)
{
	const struct verdict *verdict = &input->verdicts[number];
	unsigned shown = 0;

	switch (verdict->overall) {
	case VERDICT_UNTRUSTED:
		return "untrusted";
	case VERDICT_NOT_ENOUGH:
		return "not enough data";
	case VERDICT_NO_LOSS:
		return "no loss";
	case VERDICT_NONE_OF_THESE:
		return "none of these";
	case VERDICT_NAMED:
		break;
	}
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		shown += verdict->findings[i].state == VERDICT_SHOWN;
	}
	return shown == 1 && !is_mixed(input, number) ? "named" : "mixed";
}

const char *verdict_state_name(enum verdict_state state)
{
	static const char *const names[] = {[VERDICT_NOT_TESTED] = "not tested",
	                                    [VERDICT_UNDECIDED] = "undecided",
	                                    [VERDICT_RULED_OUT] = "ruled out",
	                                    [VERDICT_SHOWN] = "shown"};

	return names[state];
}

bool verdict_is_timeout_known(const struct verdict *verdict)
{
	return verdict->timeout.answer == VERDICT_TIMEOUT_STEP;
}

double verdict_changed_at(const struct report_input *input, unsigned number)
{
	return ns_to_seconds(input->changes->each[number].changed_at - input->snapshot->shape.start);
}

const struct scenario_record *verdict_mark_of(const struct report_input *input, unsigned number)
{
	int mark = input->changes->each[number].mark;

	return mark >= 0 && (unsigned)mark < input->record_count ? &input->records[mark] : NULL;
}

// What became of one of k real servers, by the only signature that is shown; NULL: it says nothing of k.
static const char *fate_of(const struct verdict *verdict)
{
	static const char *const fates[VERDICT_SIGNATURES] = {
	        [VERDICT_ENTRIES_KEPT] = "was removed",
	        [VERDICT_DEAD_WEIGHT] = "has weight 0 and is dead",
	        [VERDICT_LAZY_EXPIRY] = "was removed",
	        [VERDICT_STILL_LISTED] = "is dead and still listed"};
	const char *fate = NULL;

	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		if (verdict->findings[i].state == VERDICT_SHOWN) {
			if (fate != NULL || fates[i] == NULL) {
				return NULL;
			}
			fate = fates[i];
		}
	}
	return verdict->overall == VERDICT_NAMED ? fate : NULL;
}

// Flows are dealt evenly to the real servers until the first change; then k is one over a server's share.
static bool is_k_known(const struct report_input *input, unsigned number)
{
	const struct verdict_interval *servers = &input->changes->each[number].servers;

	return number == 0 && fate_of(&input->verdicts[number]) != NULL &&
	       servers->high <= SERVERS_WIDEST * servers->low;
}

const char *verdict_text(const struct report_input *input, unsigned number, char *buffer, size_t size)
{
	const struct evidence *evidence = &input->changes->each[number];
	const struct verdict *verdict = &input->verdicts[number];
	int length = snprintf(buffer, size, "%s", verdict->text);

	if (is_k_known(input, number)) {
		length += snprintf(buffer + length, size - (size_t)length,
		                   " Of about %.1f real servers (95 %%: %.1f to %.1f) one %s.",
		                   evidence->servers.estimate, evidence->servers.low, evidence->servers.high,
		                   fate_of(verdict));
	}
	if (is_blurred(evidence)) {
		snprintf(buffer + length, size - (size_t)length,
		         " Of the source ports that lost their first query %.0f %% had not been used since "
		         "before "
		         "the change at %.3f s: what they lost may be of that one.",
		         (double)evidence->shared / (double)evidence->affected * PERCENT,
		         verdict_changed_at(input, number - 1));
	}
	return buffer;
}

static void write_moment(const struct report_input *input, unsigned number, FILE *file)
{
	const struct scenario_record *mark = verdict_mark_of(input, number);

	fprintf(file, "%.3f s", verdict_changed_at(input, number));
	if (mark != NULL) {
		fprintf(file, ", %.3f s after \"",
		        verdict_changed_at(input, number) - ns_to_seconds(mark->done_at));
		report_table_write_line(mark->text, file);
		fputc('"', file);
	}
}

static void write_counts(const struct evidence *evidence, FILE *file)
{
	fprintf(file,
	        "  Of %" PRIu64 " source ports used before it and again after, %" PRIu64
	        " lost their first query;\n  of %" PRIu64 " first used after it, %" PRIu64 ".\n",
	        evidence->stale, evidence->affected, evidence->clean, evidence->clean_lost);
}

static void write_change(const struct report_input *input, FILE *file)
{
	unsigned main = input->changes->main;

	if (input->changes->each[main].change == EVIDENCE_CHANGE_NONE) {
		return;
	}
	fputs("  Compared before and after ", file);
	write_moment(input, main, file);
	fputs(".\n", file);
	write_counts(&input->changes->each[main], file);
}

static void write_timeout(const struct verdict *verdict, FILE *file)
{
	const struct verdict_timeout *timeout = &verdict->timeout;

	if (!verdict_is_timeout_known(verdict)) {
		return;
	}
	fprintf(file,
	        "  Entries of the load balancer live %.4g s (95 %%: %.4g to %.4g): --ipvs-udp-timeout is "
	        "about "
	        "%.3g s.\n",
	        timeout->timeout.estimate, timeout->timeout.low, timeout->timeout.high,
	        timeout->timeout.estimate);
}

static void write_differences(const struct report_input *input, FILE *file)
{
	const struct evidence *evidence = &input->changes->each[input->changes->main];

	for (unsigned i = 0; i < evidence->cohort_count && input->plan->cohorts != NULL; i++) {
		const struct evidence_cohort *cohort = &evidence->cohorts[i];

		if (!isnan(cohort->difference.estimate)) {
			fprintf(file,
			        "  Cohort %s loses %.3g percentage points more than the control (95 %%, by "
			        "source "
			        "port: %.3g to %.3g; p = %.2g).\n",
			        input->plan->cohorts[i].name, cohort->difference.estimate * PERCENT,
			        cohort->difference.low * PERCENT, cohort->difference.high * PERCENT,
			        cohort->p_value);
		}
	}
}

static int write_signatures(const struct verdict *verdict, FILE *file)
{
	static const char *const headings[] = {"<signature", "<", "effect", "95 % interval", "p", NULL};
	struct report_table table;

	report_table_init(&table, headings);
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		const struct verdict_finding *finding = &verdict->findings[i];

		report_table_text(&table, verdict_signature_name(finding->signature));
		report_table_text(&table, verdict_state_name(finding->state));
		if (finding->state == VERDICT_NOT_TESTED || isnan(finding->effect.estimate)) {
			report_table_text(&table, "-");
			report_table_text(&table, "-");
			report_table_text(&table, "-");
			continue;
		}
		report_table_format(&table, "%.2f %%", finding->effect.estimate * PERCENT);
		report_table_format(&table, "%.2f .. %.2f %%", finding->effect.low * PERCENT,
		                    finding->effect.high * PERCENT);
		report_table_format(&table, "%.2g", finding->adjusted);
	}
	return report_table_print(&table, 4, file);
}

static int write_curve(const struct evidence *evidence, FILE *file)
{
	static const char *const headings[] = {"<since last use", "queries", "lost", "loss",
	                                       "95 % interval",   NULL};
	struct verdict_bin bins[VERDICT_BINS];
	unsigned count = verdict_curve(evidence, bins);
	struct report_table table;

	if (count == 0 || evidence->affected == 0) {
		return 0;
	}
	fputs(evidence->verdict.since_use_drawn
	              ? "  Of the source ports that lost queries, still dead so long after their last use:\n"
	              : "  First queries after it, by the time since the source port's last use:\n",
	      file);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < count; i++) {
		struct verdict_interval loss =
		        verdict_wilson((double)bins[i].lost, (double)bins[i].sent, CONFIDENCE);

		if (isfinite(bins[i].high)) {
			report_table_format(&table, "%.3g .. %.3g s", bins[i].low, bins[i].high);
		} else {
			report_table_format(&table, "%.3g s or more", bins[i].low);
		}
		report_table_count(&table, bins[i].sent);
		report_table_some(&table, bins[i].lost);
		report_table_percent(&table, loss.estimate);
		report_table_format(&table, "%.2f .. %.2f %%", loss.low * PERCENT, loss.high * PERCENT);
	}
	return report_table_print(&table, 4, file);
}

// The changes besides the main one, a paragraph each.
static void write_others(const struct report_input *input, FILE *file)
{
	const struct evidence_changes *changes = input->changes;
	char text[VERDICT_TEXT_SIZE];

	if (changes->count < 2) {
		return;
	}
	fprintf(file,
	        "  That change befell most source ports of %u. The other%s, judged from the change before to "
	        "the next one:\n",
	        changes->count, changes->count > 2 ? "s" : "");
	for (unsigned i = 0; i < changes->count; i++) {
		if (i == changes->main) {
			continue;
		}
		fputs("\n  At ", file);
		write_moment(input, i, file);
		fprintf(file, ": %s\n  %s\n", verdict_overall_name(input, i),
		        verdict_text(input, i, text, sizeof(text)));
		write_counts(&changes->each[i], file);
	}
	if (changes->omitted > 0) {
		fputs("  There were more changes, which befell fewer.\n", file);
	}
	fputc('\n', file);
}

int report_section_verdict(const struct report_input *input, FILE *file)
{
	const struct evidence *evidence;
	const struct verdict *verdict;
	char text[VERDICT_TEXT_SIZE];
	int failed;

	if (input->changes == NULL || input->verdicts == NULL) {
		return 0;
	}
	evidence = &input->changes->each[input->changes->main];
	verdict = &input->verdicts[input->changes->main];
	fprintf(file, "\nVerdict: %s\n  %s\n", verdict_overall_name(input, input->changes->main),
	        verdict_text(input, input->changes->main, text, sizeof(text)));
	write_change(input, file);
	write_timeout(verdict, file);
	write_others(input, file);
	write_differences(input, file);
	if (input->box.oversubscribed) {
		fputs("  Lcores shared CPUs in this run: a loss may be the generator's own.\n", file);
	}
	if (evidence->omitted > 0) {
		fprintf(file, "  %" PRIu64 " losses found no room in the log and are not in the evidence.\n",
		        evidence->omitted);
	}
	if (evidence->dropped_looks > 0) {
		fprintf(file, "  %u events were not looked at: too many for the memory.\n",
		        evidence->dropped_looks);
	}
	failed = write_curve(evidence, file);
	return failed != 0 ? failed : write_signatures(verdict, file);
}

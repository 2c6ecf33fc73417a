#include "verdict/signature.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "parts.h"
#include "sections.h"

// The reuse-age curve: bins an octave, from the youngest age that is told apart.
#define CURVE_BINS  24
#define CURVE_STEPS 2
#define CURVE_LOW   0.0625

#define CONFIDENCE 0.95
#define PERCENT    100.0

/** Probes by age: one bin of the curve. */
struct curve_bin {
	double low, high;
	uint64_t sent, lost;
};

static unsigned curve(const struct evidence *evidence, struct curve_bin bins[CURVE_BINS])
{
	unsigned used = 0;

	memset(bins, 0, CURVE_BINS * sizeof(*bins));
	for (size_t i = 0; i < evidence->verdict.since_use_count; i++) {
		const struct verdict_age *age = &evidence->verdict.since_use[i];
		double steps = age->low > CURVE_LOW ? floor(log2(age->low / CURVE_LOW) * CURVE_STEPS) + 1 : 0;
		unsigned bin = steps < CURVE_BINS - 1 ? (unsigned)steps : CURVE_BINS - 1;

		bins[bin].sent += age->sent;
		bins[bin].lost += age->lost;
	}
	for (unsigned i = 0; i < CURVE_BINS; i++) {
		if (bins[i].sent > 0) {
			bins[used] = bins[i];
			bins[used].low = i == 0 ? 0 : CURVE_LOW * exp2((i - 1.0) / CURVE_STEPS);
			bins[used].high =
			        i + 1 == CURVE_BINS ? INFINITY : CURVE_LOW * exp2((double)i / CURVE_STEPS);
			used++;
		}
	}
	return used;
}

static const char *overall_name(const struct verdict *verdict)
{
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
	return shown == 1 ? "named" : "mixed";
}

static const char *state_name(enum verdict_state state)
{
	static const char *const names[] = {[VERDICT_NOT_TESTED] = "not tested",
	                                    [VERDICT_UNDECIDED] = "undecided",
	                                    [VERDICT_RULED_OUT] = "ruled out",
	                                    [VERDICT_SHOWN] = "shown"};

	return names[state];
}

static const char *change_name(enum evidence_change change)
{
	static const char *const names[] = {[EVIDENCE_CHANGE_NONE] = "none",
	                                    [EVIDENCE_CHANGE_LOSSES] = "losses",
	                                    [EVIDENCE_CHANGE_SOURCE] = "wrong source",
	                                    [EVIDENCE_CHANGE_MARK] = "event"};

	return names[change];
}

static bool is_timeout_known(const struct verdict *verdict)
{
	return verdict->timeout.answer == VERDICT_TIMEOUT_STEP;
}

static double changed_at(const struct report_input *input)
{
	return ns_to_seconds(input->evidence->changed_at - input->snapshot->shape.start);
}

static const struct scenario_record *mark_of(const struct report_input *input)
{
	int mark = input->evidence->mark;

	return mark >= 0 && (unsigned)mark < input->record_count ? &input->records[mark] : NULL;
}

// ---- JSON

static json_t *interval_of(struct verdict_interval interval)
{
	json_t *object = json_object();

	if (isnan(interval.estimate)) {
		json_decref(object);
		return json_null();
	}
	report_json_set(&object, "estimate", report_json_number(interval.estimate));
	report_json_set(&object, "low", report_json_number(interval.low));
	report_json_set(&object, "high", report_json_number(interval.high));
	return object;
}

static json_t *signatures(const struct verdict *verdict)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		const struct verdict_finding *finding = &verdict->findings[i];
		json_t *object = json_object();

		report_json_set(&object, "name",
		                report_json_text(verdict_signature_name(finding->signature)));
		report_json_set(&object, "state", report_json_text(state_name(finding->state)));
		report_json_set(&object, "null_hypothesis",
		                report_json_text(verdict_signature_null(finding->signature)));
		report_json_set(&object, "p", report_json_number(finding->p_value));
		report_json_set(&object, "p_adjusted", report_json_number(finding->adjusted));
		report_json_set(&object, "effect", interval_of(finding->effect));
		report_json_set(&object, "statement", report_json_text(finding->statement));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *timeout_of(const struct verdict *verdict)
{
	const struct verdict_timeout *timeout = &verdict->timeout;
	json_t *object;

	if (!is_timeout_known(verdict)) {
		return json_null();
	}
	object = json_object();
	report_json_set(&object, "timeout_s", interval_of(timeout->timeout));
	report_json_set(&object, "granularity_s", report_json_number(timeout->granularity));
	report_json_set(&object, "hz", report_json_number(timeout->hz));
	report_json_set(&object, "hz_probability", report_json_number(timeout->hz_probability));
	report_json_set(&object, "loss_young", interval_of(timeout->young));
	report_json_set(&object, "loss_old", interval_of(timeout->old));
	return object;
}

static json_t *curve_of(const struct evidence *evidence)
{
	struct curve_bin bins[CURVE_BINS];
	unsigned count = curve(evidence, bins);
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++) {
		json_t *object = json_object();

		report_json_set(&object, "from_s", report_json_number(bins[i].low));
		report_json_set(&object, "to_s", report_json_number(bins[i].high));
		report_json_set(&object, "sent", report_json_count(bins[i].sent));
		report_json_set(&object, "lost", report_json_count(bins[i].lost));
		report_json_set(
		        &object, "loss",
		        interval_of(verdict_wilson((double)bins[i].lost, (double)bins[i].sent, CONFIDENCE)));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *cohorts_of(const struct report_input *input)
{
	const struct evidence *evidence = input->evidence;
	json_t *list = json_array();

	for (unsigned i = 0; i < evidence->cohort_count; i++) {
		const struct evidence_cohort *cohort = &evidence->cohorts[i];
		json_t *object = json_object();

		report_json_set(
		        &object, "name",
		        report_json_text(input->plan->cohorts != NULL ? input->plan->cohorts[i].name : NULL));
		report_json_set(&object, "control", json_boolean(cohort->control));
		report_json_set(&object, "loss", interval_of(cohort->loss));
		report_json_set(&object, "difference", interval_of(cohort->difference));
		report_json_set(&object, "p", report_json_number(cohort->p_value));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *change_of(const struct report_input *input)
{
	const struct evidence *evidence = input->evidence;
	const struct scenario_record *mark = mark_of(input);
	json_t *object = json_object();

	report_json_set(&object, "found_from", report_json_text(change_name(evidence->change)));
	if (evidence->change != EVIDENCE_CHANGE_NONE) {
		report_json_set(&object, "at_s", report_json_number(changed_at(input)));
		report_json_set(&object, "event", report_json_text(mark != NULL ? mark->text : NULL));
		report_json_set(&object, "used_before", report_json_count(evidence->stale));
		report_json_set(&object, "used_before_lost", report_json_count(evidence->affected));
		report_json_set(&object, "first_used_after", report_json_count(evidence->clean));
		report_json_set(&object, "first_used_after_lost", report_json_count(evidence->clean_lost));
		report_json_set(&object, "queries_lost", report_json_count(evidence->spell_lost));
		report_json_set(&object, "servers", interval_of(evidence->servers));
	}
	return object;
}

json_t *report_object_verdict(const struct report_input *input)
{
	json_t *object;

	if (input->verdict == NULL || input->evidence == NULL) {
		return json_null();
	}
	object = json_object();
	report_json_set(&object, "overall", report_json_text(overall_name(input->verdict)));
	report_json_set(&object, "text", report_json_text(input->verdict->text));
	report_json_set(&object, "queries_needed", report_json_number(input->verdict->needed));
	report_json_set(&object, "excess", interval_of(input->verdict->excess));
	report_json_set(&object, "change", change_of(input));
	report_json_set(&object, "signatures", signatures(input->verdict));
	report_json_set(&object, "ipvs_timeout", timeout_of(input->verdict));
	report_json_set(&object, "age_curve", curve_of(input->evidence));
	report_json_set(&object, "age_curve_lost_tuples_only",
	                json_boolean(input->evidence->verdict.since_use_drawn));
	report_json_set(&object, "cohorts", cohorts_of(input));
	report_json_set(&object, "losses_not_logged", report_json_count(input->evidence->omitted));
	report_json_set(&object, "looks_dropped", report_json_count(input->evidence->dropped_looks));
	return object;
}

// ---- Text

static void write_change(const struct report_input *input, FILE *file)
{
	const struct evidence *evidence = input->evidence;
	const struct scenario_record *mark = mark_of(input);

	if (evidence->change == EVIDENCE_CHANGE_NONE) {
		return;
	}
	fprintf(file, "  Compared before and after %.3f s", changed_at(input));
	if (mark != NULL) {
		fprintf(file, ", %.3f s after \"", changed_at(input) - ns_to_seconds(mark->done_at));
		report_table_write_line(mark->text, file);
		fputc('"', file);
	}
	fprintf(file,
	        ".\n  Of %" PRIu64 " source ports used before it and again after, %" PRIu64
	        " lost their first query;\n  of %" PRIu64 " first used after it, %" PRIu64 ".\n",
	        evidence->stale, evidence->affected, evidence->clean, evidence->clean_lost);
}

static void write_timeout(const struct verdict *verdict, FILE *file)
{
	const struct verdict_timeout *timeout = &verdict->timeout;

	if (!is_timeout_known(verdict)) {
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
	for (unsigned i = 0; i < input->evidence->cohort_count && input->plan->cohorts != NULL; i++) {
		const struct evidence_cohort *cohort = &input->evidence->cohorts[i];

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
		report_table_text(&table, state_name(finding->state));
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
	struct curve_bin bins[CURVE_BINS];
	unsigned count = curve(evidence, bins);
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

int report_section_verdict(const struct report_input *input, FILE *file)
{
	int failed;

	if (input->verdict == NULL || input->evidence == NULL) {
		return 0;
	}
	fprintf(file, "\nVerdict: %s\n  %s\n", overall_name(input->verdict), input->verdict->text);
	write_change(input, file);
	write_timeout(input->verdict, file);
	write_differences(input, file);
	if (input->box.oversubscribed) {
		fputs("  Lcores shared CPUs in this run: a loss may be the generator's own.\n", file);
	}
	if (input->evidence->omitted > 0) {
		fprintf(file, "  %" PRIu64 " losses found no room in the log and are not in the evidence.\n",
		        input->evidence->omitted);
	}
	if (input->evidence->dropped_looks > 0) {
		fprintf(file, "  %u events were not looked at: too many for the memory.\n",
		        input->evidence->dropped_looks);
	}
	failed = write_curve(input->evidence, file);
	return failed != 0 ? failed : write_signatures(input->verdict, file);
}

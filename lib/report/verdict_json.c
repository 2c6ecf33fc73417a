#include "verdict/signature.h"

#include <math.h>

#include "json.h"
#include "parts.h"
#include "verdict_parts.h"

static const char *change_name(enum evidence_change change)
{
	static const char *const names[] = {[EVIDENCE_CHANGE_NONE] = "none",
	                                    [EVIDENCE_CHANGE_LOSSES] = "losses",
	                                    [EVIDENCE_CHANGE_SOURCE] = "wrong source",
	                                    [EVIDENCE_CHANGE_MARK] = "event"};

	return names[change];
}

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
		report_json_set(&object, "state", report_json_text(verdict_state_name(finding->state)));
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

	if (!verdict_is_timeout_known(verdict)) {
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
	struct verdict_bin bins[VERDICT_BINS];
	unsigned count = verdict_curve(evidence, bins);
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
	const struct evidence *evidence = &input->changes->each[input->changes->main];
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

static json_t *change_of(const struct report_input *input, unsigned number)
{
	const struct evidence *evidence = &input->changes->each[number];
	const struct scenario_record *mark = verdict_mark_of(input, number);
	json_t *object = json_object();

	report_json_set(&object, "found_from", report_json_text(change_name(evidence->change)));
	if (evidence->change != EVIDENCE_CHANGE_NONE) {
		report_json_set(&object, "at_s", report_json_number(verdict_changed_at(input, number)));
		report_json_set(&object, "event", report_json_text(mark != NULL ? mark->text : NULL));
		report_json_set(&object, "used_before", report_json_count(evidence->stale));
		report_json_set(&object, "used_before_lost", report_json_count(evidence->affected));
		report_json_set(&object, "first_used_after", report_json_count(evidence->clean));
		report_json_set(&object, "first_used_after_lost", report_json_count(evidence->clean_lost));
		report_json_set(&object, "used_before_shared", report_json_count(evidence->shared));
		report_json_set(&object, "queries_lost", report_json_count(evidence->spell_lost));
		report_json_set(&object, "servers", interval_of(evidence->servers));
	}
	return object;
}

// What is said of each change.
static void set_change(json_t **object, const struct report_input *input, unsigned number)
{
	const struct evidence *evidence = &input->changes->each[number];
	const struct verdict *verdict = &input->verdicts[number];
	char text[VERDICT_TEXT_SIZE];

	report_json_set(object, "overall", report_json_text(verdict_overall_name(input, number)));
	report_json_set(object, "text", report_json_text(verdict_text(input, number, text, sizeof(text))));
	report_json_set(object, "queries_needed", report_json_number(verdict->needed));
	report_json_set(object, "excess", interval_of(verdict->excess));
	report_json_set(object, "change", change_of(input, number));
	report_json_set(object, "signatures", signatures(verdict));
	report_json_set(object, "ipvs_timeout", timeout_of(verdict));
	report_json_set(object, "age_curve", curve_of(evidence));
	report_json_set(object, "age_curve_lost_tuples_only",
	                json_boolean(evidence->verdict.since_use_drawn));
}

static json_t *changes_of(const struct report_input *input)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < input->changes->count; i++) {
		json_t *object = json_object();

		report_json_set(&object, "main", json_boolean(i == input->changes->main));
		set_change(&object, input, i);
		report_json_append(&list, object);
	}
	return list;
}

json_t *report_object_verdict(const struct report_input *input)
{
	const struct evidence *evidence;
	json_t *object;

	if (input->changes == NULL || input->verdicts == NULL) {
		return json_null();
	}
	evidence = &input->changes->each[input->changes->main];
	object = json_object();
	set_change(&object, input, input->changes->main);
	report_json_set(&object, "changes", changes_of(input));
	report_json_set(&object, "more_changes", json_boolean(input->changes->omitted > 0));
	report_json_set(&object, "cohorts", cohorts_of(input));
	report_json_set(&object, "losses_not_logged", report_json_count(evidence->omitted));
	report_json_set(&object, "looks_dropped", report_json_count(evidence->dropped_looks));
	return object;
}

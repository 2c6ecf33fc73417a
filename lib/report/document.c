#include "report/report.h"

#include <errno.h>
#include <string.h>

#include "parts.h"
#include "rows.h"

// ---- Lists

// Rows by the thousand hold, for each timeout in the order given, one number in place of an object.
static void put_columns(const struct report_input *input, json_t **object, const struct stats_totals *totals)
{
	json_t *answered = json_array(), *refused = json_array(), *lost = json_array();

	report_object_outcomes(object, totals);
	for (unsigned i = 0; i < input->snapshot->shape.timeouts; i++) {
		struct report_row row = report_at_timeout(input, totals, i);

		report_json_append(&answered, report_json_count(row.totals.answered));
		report_json_append(&refused, report_json_count(row.totals.refused));
		report_json_append(&lost, report_json_count(row.totals.lost));
	}
	report_json_set(object, "answered_at", answered);
	report_json_set(object, "refused_at", refused);
	report_json_set(object, "lost_at", lost);
}

static json_t *clusters(const struct verdict_clusters *clusters)
{
	json_t *object = json_object();

	report_json_set(&object, "tuples", report_json_count(clusters->clusters));
	report_json_set(&object, "queries", report_json_count(clusters->trials));
	report_json_set(&object, "lost", report_json_count(clusters->events));
	report_json_set(&object, "queries_squared", report_json_count(clusters->trials_squared));
	report_json_set(&object, "lost_squared", report_json_count(clusters->events_squared));
	report_json_set(&object, "products", report_json_count(clusters->products));
	return object;
}

static json_t *cohorts(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	json_t *list = json_array();

	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		const struct report_cohort *cohort =
		        input->plan->cohorts != NULL ? &input->plan->cohorts[i] : NULL;
		json_t *object = json_object();
		char name[32];

		report_json_set(&object, "name",
		                report_json_text(report_cohort_name(input, i, name, sizeof(name))));
		report_json_set(&object, "control", json_boolean(cohort != NULL && cohort->control));
		report_json_set(&object, "policy", report_json_text(cohort != NULL ? cohort->policy : NULL));
		if (cohort != NULL && cohort->tuples > 0) {
			report_json_set(&object, "tuples", report_json_count(cohort->tuples));
		}
		if (cohort != NULL && cohort->clusters.clusters > 0) {
			report_json_set(&object, "clusters", clusters(&cohort->clusters));
		}
		report_object_outcomes(&object, &snapshot->cohorts[i]);
		report_json_set(&object, "timeouts", report_object_timeouts(input, &snapshot->cohorts[i]));
		report_json_set(&object, "latency_us", report_object_histogram(&snapshot->latency[i]));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *reuse_ages(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	json_t *list = json_array();

	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		for (unsigned class = 0; class < STATS_AGE_CLASSES; class ++) {
			struct stats_totals totals = stats_snapshot_ages(snapshot, (int)i, class, class);
			bool first = class == STATS_AGE_FIRST;
			json_t *object;
			char name[32];

			if (!report_totals_used(&totals)) {
				continue;
			}
			object = json_object();
			report_json_set(&object, "cohort",
			                report_json_text(report_cohort_name(input, i, name, sizeof(name))));
			report_json_set(&object, "age_low_s",
			                first ? json_null() : report_json_seconds(stats_age_low(class)));
			report_json_set(&object, "age_high_s",
			                first ? json_null() : report_json_seconds(report_age_high(class)));
			report_json_set(&object, "first_use", json_boolean(first));
			put_columns(input, &object, &totals);
			report_json_append(&list, object);
		}
	}
	return list;
}

static json_t *backends(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	ns_t start = snapshot->shape.start;
	json_t *list = json_array();

	for (unsigned i = 0; i < snapshot->backend_count; i++) {
		const struct stats_backend *backend = &snapshot->backends[i];
		json_t *object = json_object();

		report_json_set(&object, "name", report_json_text(backend->name));
		report_json_set(&object, "by_address", json_boolean(backend->by_address));
		report_json_set(&object, "answered", report_json_count(backend->answered));
		report_json_set(&object, "wrong_source", report_json_count(backend->wrong_source));
		report_json_set(&object, "lost", report_json_count(backend->lost));
		report_json_set(
		        &object, "first_seen_s",
		        report_json_seconds(backend->first_seen > start ? backend->first_seen - start : 0));
		report_json_set(
		        &object, "last_seen_s",
		        report_json_seconds(backend->last_seen > start ? backend->last_seen - start : 0));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *timeline(const struct report_input *input)
{
	uint32_t intervals = report_intervals(input->snapshot);
	json_t *list = json_array();

	for (uint32_t i = 0; list != NULL && i < intervals; i++) {
		struct stats_totals totals = stats_snapshot_interval(input->snapshot, -1, i);
		json_t *object = json_object(), *each = json_array();

		report_json_set(&object, "since_s", report_json_seconds(report_interval_since(input, i)));
		report_json_set(&object, "until_s", report_json_seconds(report_interval_until(input, i)));
		put_columns(input, &object, &totals);
		for (unsigned cohort = 0; cohort < input->snapshot->shape.cohorts; cohort++) {
			json_t *one = json_object();

			totals = stats_snapshot_interval(input->snapshot, (int)cohort, i);
			put_columns(input, &one, &totals);
			report_json_append(&each, one);
		}
		report_json_set(&object, "cohorts", each);
		report_json_append(&list, object);
	}
	return list;
}

static void put_steering(const struct report_input *input, json_t **object)
{
	const struct report_box *b = &input->box;
	enum report_rules rules = report_rules(input);

	report_json_set(object, "steering", json_string(report_steering_name(b->steering)));
	report_json_set(object, "steering_rules", json_integer(b->steering_rules));
	report_json_set(object, "steering_kept",
	                rules == REPORT_RULES_UNKNOWN ? json_null()
	                                              : json_boolean(rules == REPORT_RULES_KEPT));
	report_json_set(object, "steering_refused", report_json_text(b->steering_refused));
}

static json_t *box(const struct report_input *input)
{
	const struct report_box *b = &input->box;
	json_t *object = json_object();

	report_json_set(&object, "lcores", json_integer(b->lcores));
	report_json_set(&object, "cpus", json_integer(b->cpus));
	report_json_set(&object, "senders", json_integer(b->senders));
	report_json_set(&object, "receivers", json_integer(b->receivers));
	put_steering(input, &object);
	report_json_set(&object, "oversubscribed", json_boolean(b->oversubscribed));
	report_json_set(&object, "hugepages", json_boolean(b->hugepages));
	report_json_set(&object, "driver", report_json_text(b->driver));
	report_json_set(&object, "device", report_json_text(b->device));
	report_json_set(&object, "port", report_object_port(b));
	report_json_set(&object, "dropped_nothing", json_boolean(!report_box_faults(input)));
	return object;
}

static json_t *director(const struct report_input *input)
{
	json_t *object;

	if (input->director == NULL) {
		return json_null();
	}
	object = json_object();
	for (unsigned i = 0; i < input->director_count; i++) {
		report_json_set(&object, input->director[i].name,
		                report_json_count(input->director[i].count));
	}
	return object;
}

// ---- The document

json_t *report_json(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	json_t *result = json_object();

	report_json_set(&result, "schema", json_integer(REPORT_SCHEMA));
	report_json_set(&result, "generator", report_object_generator());
	report_json_set(&result, "accounts", report_object_accounts(input));
	report_json_set(&result, "name", report_json_text(input->plan->name));
	report_json_set(&result, "description", report_json_text(input->plan->description));
	report_json_set(&result, "plan_digest", report_json_hex(input->plan->digest));
	report_json_set(&result, "plan", report_object_plan(input->plan));
	report_json_set(&result, "box", box(input));
	report_json_set(&result, "simulated", json_boolean(input->simulated));
	report_json_set(&result, "interrupted", json_boolean(input->interrupted));
	report_json_set(&result, "started_ns",
	                input->wall_start_ns > 0 ? report_json_count(input->wall_start_ns) : json_null());
	report_json_set(&result, "duration_s", report_json_seconds(input->elapsed));
	report_json_set(&result, "sending_s", report_json_seconds(input->sending));
	report_json_set(&result, "interval_s", report_json_seconds(snapshot->shape.interval));
	report_json_set(&result, "rate", report_object_rate(input));
	report_json_set(&result, "totals", report_object_totals(input));
	report_json_set(&result, "timeouts", report_object_timeouts(input, &snapshot->total));
	report_json_set(&result, "rcodes", report_object_rcodes(input, NULL));
	report_json_set(&result, "latency_us", report_object_histogram(&snapshot->latency_all));
	report_json_set(&result, "pacing_us", report_object_histogram(&snapshot->pacing));
	report_json_set(&result, "cohorts", cohorts(input));
	report_json_set(&result, "reuse_age", reuse_ages(input));
	report_json_set(&result, "backends", backends(input));
	report_json_set(&result, "timeline", timeline(input));
	report_json_set(&result, "events", report_object_events(input->records, input->record_count));
	report_json_set(&result, "director", director(input));
	report_json_set(&result, "verdict", report_object_verdict(input));
	return result;
}

int report_document_write(json_t *document, FILE *file, struct error *error)
{
	int failed;

	if (document == NULL) {
		return error_set(error, -ENOMEM, "no memory for the JSON document; use a longer interval");
	}
	failed = json_dumpf(document, file, JSON_INDENT(1) | REPORT_PRECISION) != 0 ||
	         fputc('\n', file) == EOF || fflush(file) != 0;
	json_decref(document);
	if (failed) {
		return error_set(error, -EIO, "the JSON document could not be written: %s", strerror(errno));
	}
	return 0;
}

int report_json_write(const struct report_input *input, FILE *file, struct error *error)
{
	int rc = report_document_write(report_json(input), file, error);

	return rc < 0 ? rc : report_accounts_check(input, error);
}

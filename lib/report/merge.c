// Several boxes' results as one. The counts add up by stats_snapshot_sum; what is said about the runs is put
// together here, and what can't be is refused before anything is added.
#include "report/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "json.h"
#include "read.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int check_shapes(const struct report_result *first, const struct report_result *other,
                        const char *source, struct error *error)
{
	const struct stats_shape *a = &first->snapshot.shape, *b = &other->snapshot.shape;

	if (a->timeouts != b->timeouts || memcmp(a->timeout, b->timeout, sizeof(a->timeout)) != 0) {
		return error_set_path(
		        error, -EINVAL, source, "$.timeouts",
		        "the timeouts differ from the first result's; run all boxes with the same");
	}
	if (a->interval != b->interval) {
		return error_set_path(error, -EINVAL, source, "$.interval_s",
		                      "found %g s, the first result has %g s; run all boxes with the same",
		                      ns_to_seconds(b->interval), ns_to_seconds(a->interval));
	}
	if (a->cohorts != b->cohorts) {
		return error_set_path(error, -EINVAL, source, "$.cohorts",
		                      "found %u cohorts, the first result has %u", b->cohorts, a->cohorts);
	}
	return 0;
}

static int check_cohorts(const struct report_result *first, const struct report_result *other,
                         const char *source, struct error *error)
{
	for (unsigned i = 0; i < first->snapshot.shape.cohorts; i++) {
		const struct report_cohort *a = &first->cohorts[i], *b = &other->cohorts[i];
		char path[64];

		if (same_text(a->name, b->name) && same_text(a->policy, b->policy) &&
		    a->control == b->control) {
			continue;
		}
		snprintf(path, sizeof(path), "$.cohorts[%u]", i);
		return error_set_path(
		        error, -EINVAL, source, path,
		        "found cohort %s with policy %s%s, the first result has %s with %s%s", b->name,
		        b->policy != NULL ? b->policy : "unknown", b->control ? " (control)" : "", a->name,
		        a->policy != NULL ? a->policy : "unknown", a->control ? " (control)" : "");
	}
	return 0;
}

static int check_same_kind(const struct report_result *first, const struct report_result *other,
                           const char *source, struct error *error)
{
	int rc = check_shapes(first, other, source, error);

	if (rc == 0) {
		rc = check_cohorts(first, other, source, error);
	}
	if (rc == 0 && first->input.simulated != other->input.simulated) {
		return error_set_path(error, -EINVAL, source, "$.simulated",
		                      "a simulated run and a real one can't be added up");
	}
	return rc;
}

// As many intervals as the longest document needs. One that used up its intervals holds in its last what
// came later: it can only be added to others of that length.
static int common_intervals(const json_t *const *documents, const char *const *sources, unsigned count,
                            uint32_t *out, struct error *error)
{
	struct stats_shape shape;
	ns_t given[STATS_TIMEOUTS];

	*out = 0;
	for (unsigned i = 0; i < count; i++) {
		struct report_reader reader = {sources[i], error};
		int rc = report_json_check(documents[i], sources[i], error);

		if (rc == 0) {
			rc = report_read_shape(&reader, documents[i], 0, &shape, given);
		}
		if (rc < 0) {
			return rc;
		}
		*out = shape.intervals > *out ? shape.intervals : *out;
	}
	for (unsigned i = 0; i < count; i++) {
		struct report_reader reader = {sources[i], error};
		size_t rows = json_array_size(json_object_get(documents[i], "timeline"));

		report_read_shape(&reader, documents[i], 0, &shape, given);
		if (rows > 0 && shape.intervals == rows && rows < *out) {
			return error_set_path(
			        error, -EINVAL, sources[i], "$.timeline",
			        "its last interval holds all that was sent later, and another result "
			        "has more intervals; run all boxes for the same time");
		}
	}
	return 0;
}

static void add_box(struct report_box *into, const struct report_box *from)
{
	into->lcores += from->lcores;
	into->cpus += from->cpus;
	into->senders += from->senders;
	into->receivers += from->receivers;
	// Of boxes that did otherwise, the way that keeps fewer promises: none, flow, software.
	into->steering = from->steering > into->steering ? from->steering : into->steering;
	into->steering_rules += from->steering_rules;
	if (into->steering_refused == NULL) {
		into->steering_refused = from->steering_refused;
	}
	into->oversubscribed = into->oversubscribed || from->oversubscribed;
	into->hugepages = into->hugepages && from->hugepages;
	into->driver = same_text(into->driver, from->driver) ? into->driver : "several";
	into->device = same_text(into->device, from->device) ? into->device : "several";
	into->port_counters_known = into->port_counters_known && from->port_counters_known;
	into->port_tx_packets += from->port_tx_packets;
	into->port_tx_errors += from->port_tx_errors;
	into->port_rx_packets += from->port_rx_packets;
	into->port_rx_missed += from->port_rx_missed;
	into->port_rx_errors += from->port_rx_errors;
	into->port_rx_nombuf += from->port_rx_nombuf;
}

// Every box marks the same moment: one mark says it. What a command did is each box's own.
static bool has_event(const struct report_result *into, const struct scenario_record *event)
{
	for (unsigned i = 0; i < into->input.record_count; i++) {
		const struct scenario_record *known = &into->records[i];

		if (event->kind != SCENARIO_EXEC && known->kind == event->kind &&
		    known->planned_at == event->planned_at && strcmp(known->text, event->text) == 0) {
			return true;
		}
	}
	return false;
}

static int add_events(struct report_result *into, const struct report_result *from, struct error *error)
{
	unsigned count = into->input.record_count;
	struct scenario_record *grown = (struct scenario_record *)realloc(
	        into->records, (count + from->input.record_count + 1) * sizeof(*grown));

	if (grown == NULL) {
		return error_set(error, -ENOMEM, "no memory for the events");
	}
	into->records = grown;
	into->input.records = grown;
	for (unsigned i = 0; i < from->input.record_count; i++) {
		unsigned place = into->input.record_count;

		if (has_event(into, &from->records[i])) {
			continue;
		}
		while (place > 0 && grown[place - 1].done_at > from->records[i].done_at) {
			grown[place] = grown[place - 1];
			place--;
		}
		grown[place] = from->records[i];
		into->input.record_count++;
	}
	return 0;
}

static int add_director(struct report_result *into, const struct report_result *from, const char *source,
                        struct error *error)
{
	if (into->input.director_count != from->input.director_count) {
		return error_set_path(error, -EINVAL, source, "$.director",
		                      "the first result has %u counters of the model, this one %u",
		                      into->input.director_count, from->input.director_count);
	}
	for (unsigned i = 0; i < into->input.director_count; i++) {
		if (!same_text(into->director[i].name, from->director[i].name)) {
			return error_set_path(error, -EINVAL, source, "$.director",
			                      "found counter %s, the first result has %s there",
			                      from->director[i].name, into->director[i].name);
		}
		into->director[i].count += from->director[i].count;
	}
	return 0;
}

// Strings of `from` outlive it: its document is kept.
static int keep_texts(struct report_result *into, struct report_result *from, struct error *error)
{
	if (json_array_append(into->texts, from->texts) != 0) {
		return error_set(error, -ENOMEM, "no memory for the results");
	}
	return 0;
}

// Boxes send from tuples of their own, so their sums add up; unknown in one is unknown in all.
static void add_clusters(struct verdict_clusters *into, const struct verdict_clusters *from)
{
	if (into->clusters == 0 || from->clusters == 0) {
		memset(into, 0, sizeof(*into));
	} else {
		verdict_clusters_merge(into, from);
	}
}

static int add(struct report_result *into, struct report_result *from, const char *source,
               struct error *error)
{
	struct report_input *a = &into->input;
	const struct report_input *b = &from->input;
	int rc = keep_texts(into, from, error);

	if (rc == 0) {
		rc = add_events(into, from, error);
	}
	if (rc == 0) {
		rc = add_director(into, from, source, error);
	}
	if (rc < 0) {
		return rc;
	}
	stats_snapshot_sum(&into->snapshot, &from->snapshot); // their shapes were compared
	for (unsigned i = 0; i < into->snapshot.shape.cohorts; i++) {
		bool known = into->cohorts[i].tuples > 0 && from->cohorts[i].tuples > 0;

		into->cohorts[i].tuples = known ? into->cohorts[i].tuples + from->cohorts[i].tuples : 0;
		add_clusters(&into->cohorts[i].clusters, &from->cohorts[i].clusters);
	}
	add_box(&a->box, &b->box);
	a->in_flight = into->snapshot.total.outstanding;
	a->wall_start_ns = b->wall_start_ns < a->wall_start_ns ? b->wall_start_ns : a->wall_start_ns;
	a->elapsed = b->elapsed > a->elapsed ? b->elapsed : a->elapsed;
	a->sending = b->sending > a->sending ? b->sending : a->sending;
	a->requested_qps =
	        a->requested_qps > 0 && b->requested_qps > 0 ? a->requested_qps + b->requested_qps : 0;
	a->interrupted = a->interrupted || b->interrupted;
	into->plan.digest += random_mix(from->plan.digest); // whatever the order
	into->plan.name = same_text(into->plan.name, from->plan.name) ? into->plan.name : "merged";
	into->plan.description =
	        same_text(into->plan.description, from->plan.description) ? into->plan.description : NULL;
	return 0;
}

// What each box was to do, and the name of the file that says what it did.
static int write_plans(struct report_result *result, const json_t *const *documents,
                       const char *const *sources, unsigned count, struct error *error)
{
	json_t *list = json_array(), *plan = json_object();
	bool failed = false;

	for (unsigned i = 0; i < count; i++) {
		failed = json_array_append_new(
		                 list, json_pack("{s:o, s:O, s:O, s:O}", "file", report_json_text(sources[i]),
		                                 "name", json_object_get(documents[i], "name"), "plan_digest",
		                                 json_object_get(documents[i], "plan_digest"), "plan",
		                                 json_object_get(documents[i], "plan"))) != 0 ||
		         failed;
	}
	failed = json_object_set_new(plan, "merged", list) != 0 || failed;
	free(result->plan_json);
	result->plan_json = json_dumps(plan, JSON_COMPACT | JSON_REAL_PRECISION(17));
	result->plan.json = result->plan_json;
	json_decref(plan);
	return failed || result->plan_json == NULL ? error_set(error, -ENOMEM, "no memory for the plans") : 0;
}

// The first result becomes the sum: its texts are a list from now on.
static int begin(struct report_result *out, struct error *error)
{
	json_t *list = json_array();

	if (list == NULL || json_array_append_new(list, out->texts) != 0) {
		return error_set(error, -ENOMEM, "no memory for the results");
	}
	out->texts = list;
	out->plan.digest = random_mix(out->plan.digest);
	return 0;
}

int report_result_merge(struct report_result *out, const json_t *const *documents, const char *const *sources,
                        unsigned count, report_rcode_name_of rcode_name, struct error *error)
{
	uint32_t intervals;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = common_intervals(documents, sources, count, &intervals, error);
	if (rc == 0) {
		rc = report_result_read_as(out, documents[0], sources[0], rcode_name, intervals, error);
	}
	if (rc == 0) {
		rc = begin(out, error);
	}
	for (unsigned i = 1; rc == 0 && i < count; i++) {
		struct report_result one;

		rc = report_result_read_as(&one, documents[i], sources[i], rcode_name, intervals, error);
		if (rc == 0) {
			rc = check_same_kind(out, &one, sources[i], error);
		}
		if (rc == 0) {
			rc = add(out, &one, sources[i], error);
		}
		report_result_release(&one);
	}
	if (rc == 0) {
		rc = write_plans(out, documents, sources, count, error);
	}
	return rc;
}

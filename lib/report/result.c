// A result read back: the counts by read.c, and here what is said about the run besides them.
#include "report/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"
#include "rows.h"

static int no_memory(struct error *error)
{
	return error_set(error, -ENOMEM, "no memory for the results");
}

// A result from before there was steering has none.
static void read_steering(const struct report_reader *reader, const json_t *object, struct report_box *box)
{
	const char *name = report_read_text(object, "steering");
	unsigned way = REPORT_STEERING_NONE;

	if (name == NULL) {
		return;
	}
	while (way < REPORT_STEERING_SOFTWARE &&
	       strcmp(name, report_steering_name((enum report_steering)way)) != 0) {
		way++;
	}
	if (strcmp(name, report_steering_name((enum report_steering)way)) != 0) {
		report_read_fault(reader, "$.box", "steering", "none, flow or software");
	}
	box->steering = (enum report_steering)way;
	box->steering_rules = (unsigned)report_read_count(reader, object, "$.box", "steering_rules");
	box->steering_refused = report_read_text(object, "steering_refused");
}

static void read_box(const struct report_reader *reader, const json_t *document, struct report_box *box)
{
	const json_t *object = json_object_get(document, "box"), *port = json_object_get(object, "port");

	box->lcores = (unsigned)report_read_count(reader, object, "$.box", "lcores");
	box->cpus = (unsigned)report_read_count(reader, object, "$.box", "cpus");
	box->senders = (unsigned)report_read_count(reader, object, "$.box", "senders");
	box->receivers = (unsigned)report_read_count(reader, object, "$.box", "receivers");
	read_steering(reader, object, box);
	box->oversubscribed = report_read_bool(reader, object, "$.box", "oversubscribed");
	box->hugepages = report_read_bool(reader, object, "$.box", "hugepages");
	box->driver = report_read_text(object, "driver");
	box->device = report_read_text(object, "device");
	box->port_counters_known = json_is_object(port);
	if (box->port_counters_known) {
		box->port_tx_packets = report_read_count(reader, port, "$.box.port", "tx_packets");
		box->port_tx_errors = report_read_count(reader, port, "$.box.port", "tx_errors");
		box->port_rx_packets = report_read_count(reader, port, "$.box.port", "rx_packets");
		box->port_rx_missed = report_read_count(reader, port, "$.box.port", "rx_missed");
		box->port_rx_errors = report_read_count(reader, port, "$.box.port", "rx_errors");
		box->port_rx_nombuf = report_read_count(reader, port, "$.box.port", "rx_nombuf");
	}
}

static void read_cohorts(const struct report_reader *reader, const json_t *document,
                         struct report_cohort *cohorts)
{
	const json_t *list = json_object_get(document, "cohorts");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *object = json_array_get(list, i);

		cohorts[i].name = report_read_text(object, "name");
		cohorts[i].policy = report_read_text(object, "policy");
		cohorts[i].control = json_is_true(json_object_get(object, "control"));
		if (json_object_get(object, "tuples") != NULL) {
			cohorts[i].tuples = report_read_count(reader, object, "$.cohorts[]", "tuples");
		}
		report_read_clusters(reader, object, "$.cohorts[].clusters", &cohorts[i].clusters);
	}
}

static void read_events(const struct report_reader *reader, const json_t *document,
                        struct scenario_record *records)
{
	const json_t *list = json_object_get(document, "events");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *object = json_array_get(list, i);
		const char *kind = report_read_text(object, "kind"), *text = report_read_text(object, "text");
		char at[64];

		snprintf(at, sizeof(at), "$.events[%zu]", i);
		records[i].planned_at = report_read_time(reader, object, at, "at_s", NS_PER_SEC, 0);
		records[i].done_at = report_read_time(reader, object, at, "done_s", NS_PER_SEC, 0);
		if (kind == NULL || scenario_kind_parse(kind, &records[i].kind, &(struct error){0}) < 0) {
			report_read_fault(reader, at, "kind", "the kind of an event");
		}
		snprintf(records[i].text, sizeof(records[i].text), "%s", text != NULL ? text : "");
		records[i].exit_code = (int)json_integer_value(json_object_get(object, "exit_code"));
		records[i].output = (char *)(uintptr_t)report_read_text(object, "output");
	}
}

static void read_director(const struct report_reader *reader, const json_t *document,
                          struct report_count *counts)
{
	json_t *object = json_object_get(document, "director"), *value;
	const char *name;
	size_t i = 0;

	json_object_foreach (object, name, value) {
		counts[i++] =
		        (struct report_count){name, report_read_count(reader, object, "$.director", name)};
	}
}

static void read_plan(const struct report_reader *reader, const json_t *document, struct report_result *out)
{
	const char *digest = report_read_text(document, "plan_digest");
	const json_t *plan = json_object_get(document, "plan");
	char *end = NULL;

	out->plan.name = report_read_text(document, "name");
	out->plan.description = report_read_text(document, "description");
	out->plan.digest = digest != NULL ? strtoull(digest, &end, 16) : 0;
	if (end == NULL || *end != '\0' || end - digest != 16) {
		report_read_fault(reader, "$", "plan_digest", "16 hexadecimal digits");
	}
	if (json_is_object(plan)) {
		out->plan_json = json_dumps(plan, JSON_COMPACT | JSON_REAL_PRECISION(17));
	}
	out->plan.json = out->plan_json;
	out->plan.timeouts = out->timeouts;
	out->plan.cohorts = out->cohorts;
}

static void read_input(const struct report_reader *reader, const json_t *document,
                       report_rcode_name_of rcode_name, struct report_result *out)
{
	struct report_input *input = &out->input;
	const json_t *rate = json_object_get(json_object_get(document, "rate"), "requested_qps");
	const json_t *started = json_object_get(document, "started_ns");

	input->plan = &out->plan;
	input->snapshot = &out->snapshot;
	input->in_flight = out->snapshot.total.outstanding;
	input->wall_start_ns =
	        json_is_null(started) ? 0 : report_read_count(reader, document, "$", "started_ns");
	input->elapsed = report_read_time(reader, document, "$", "duration_s", NS_PER_SEC, 0);
	input->sending = report_read_time(reader, document, "$", "sending_s", NS_PER_SEC, 0);
	input->requested_qps = json_number_value(rate);
	input->interrupted = report_read_bool(reader, document, "$", "interrupted");
	input->simulated = report_read_bool(reader, document, "$", "simulated");
	read_box(reader, document, &input->box);
	input->records = out->records;
	input->record_count = (unsigned)json_array_size(json_object_get(document, "events"));
	input->rcode_name = rcode_name;
	input->director_count = (unsigned)json_object_size(json_object_get(document, "director"));
	input->director = input->director_count > 0 ? out->director : NULL;
}

static int check_accounts(const struct report_reader *reader, const json_t *document)
{
	const json_t *accounts = json_object_get(document, "accounts");
	const char *why = report_read_text(accounts, "error");

	if (json_is_true(json_object_get(accounts, "consistent"))) {
		return 0;
	}
	return error_set_path(reader->error, -EINVAL, reader->source, "$.accounts",
	                      "the run's accounts contradict each other, so its numbers can't be used%s%s",
	                      why != NULL ? ": " : "", why != NULL ? why : "");
}

static int read_counts(const struct report_reader *reader, const json_t *document,
                       report_rcode_name_of rcode_name, const struct stats_shape *shape,
                       struct report_result *out)
{
	struct stats_snapshot raw;
	struct error reason = {0};
	int rc = stats_snapshot_init(&raw, shape, reader->error);

	if (rc == 0) {
		rc = stats_snapshot_init(&out->snapshot, shape, reader->error);
	}
	if (rc == 0) {
		report_read_snapshot(reader, document, rcode_name, &raw);
		stats_snapshot_sum(&out->snapshot, &raw); // which also makes the totals
		if (stats_snapshot_check(&out->snapshot, out->snapshot.total.outstanding, &reason) < 0) {
			error_set_path(reader->error, -EINVAL, reader->source, "$",
			               "the accounts contradict each other: %s", reason.text);
		}
		rc = reader->error->code;
	}
	stats_snapshot_release(&raw);
	return rc;
}

int report_result_read_as(struct report_result *out, const json_t *document, const char *source,
                          report_rcode_name_of rcode_name, uint32_t intervals, struct error *error)
{
	struct report_reader reader = {source, error};
	struct stats_shape shape;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = report_json_check(document, source, error);
	if (rc == 0) {
		rc = check_accounts(&reader, document);
	}
	if (rc == 0) {
		rc = report_read_shape(&reader, document, intervals, &shape, out->timeouts);
	}
	if (rc < 0) {
		return rc;
	}
	out->texts = json_deep_copy(document);
	out->cohorts = (struct report_cohort *)calloc(shape.cohorts, sizeof(*out->cohorts));
	out->records = (struct scenario_record *)calloc(
	        json_array_size(json_object_get(document, "events")) + 1, sizeof(*out->records));
	out->director = (struct report_count *)calloc(
	        json_object_size(json_object_get(document, "director")) + 1, sizeof(*out->director));
	if (out->texts == NULL || out->cohorts == NULL || out->records == NULL || out->director == NULL) {
		return no_memory(error);
	}
	rc = read_counts(&reader, out->texts, rcode_name, &shape, out);
	if (rc < 0) {
		return rc;
	}
	read_cohorts(&reader, out->texts, out->cohorts);
	read_events(&reader, out->texts, out->records);
	read_director(&reader, out->texts, out->director);
	read_plan(&reader, out->texts, out);
	read_input(&reader, out->texts, rcode_name, out);
	return error->code;
}

int report_result_read(struct report_result *out, const json_t *document, const char *source,
                       report_rcode_name_of rcode_name, struct error *error)
{
	return report_result_read_as(out, document, source, rcode_name, 0, error);
}

void report_result_release(struct report_result *result)
{
	stats_snapshot_release(&result->snapshot);
	free(result->cohorts);
	free(result->records);
	free(result->director);
	free(result->plan_json);
	json_decref(result->texts);
	memset(result, 0, sizeof(*result));
}

#include "report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "parts.h"
#include "rows.h"

// Keys are those of DNS-OARC's dns-metrics (dns-metrics.schema.json) where they mean the same: runid,
// since/until, timeouts, response_rcodes, response_latency, conn_info. Times in them are whole nanoseconds.

static json_t *line_begin(const struct report_input *input, const char *type)
{
	json_t *line = json_object();
	char runid[40];

	snprintf(runid, sizeof(runid), "%016" PRIx64 "-%" PRIx64, input->plan->digest, input->wall_start_ns);
	report_json_set(&line, "type", json_string(type));
	report_json_set(&line, "schema", json_integer(REPORT_SCHEMA));
	report_json_set(&line, "runid", json_string(runid));
	return line;
}

// While lcores count, a histogram's sums may be some values ahead of its buckets, and its 128 bits of squares
// be read between their halves: keep what is derived from them within what was measured.
static json_t *nanoseconds(double value, ns_t low, ns_t high)
{
	return value <= (double)low    ? report_json_count(low)
	       : value >= (double)high ? report_json_count(high)
	                               : report_json_count((uint64_t)llround(value));
}

static json_t *latency(const struct stats_histogram *histogram)
{
	json_t *object = json_object(), *buckets = json_array();

	if (histogram->count > 0) {
		report_json_set(&object, "avg",
		                nanoseconds(stats_histogram_mean(histogram), histogram->min, histogram->max));
		report_json_set(&object, "min", report_json_count(histogram->min));
		report_json_set(&object, "max", report_json_count(histogram->max));
		report_json_set(&object, "stddev",
		                nanoseconds(stats_histogram_deviation(histogram), 0, histogram->max));
	}
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		if (histogram->buckets[i] > 0) {
			json_t *bucket = json_array();

			report_json_append(&bucket, report_json_count(stats_bucket_low(i)));
			report_json_append(&bucket, report_json_count(stats_bucket_low(i + 1) - 1));
			report_json_append(&bucket, report_json_count(histogram->buckets[i]));
			report_json_append(&buckets, bucket);
		}
	}
	report_json_set(&object, "buckets", buckets);
	return object;
}

static void put_times(const struct report_input *input, json_t **line, ns_t since, ns_t until)
{
	report_json_set(line, "since", report_json_count(input->wall_start_ns + since));
	report_json_set(line, "until", report_json_count(input->wall_start_ns + until));
	report_json_set(line, "since_s", report_json_seconds(since));
	report_json_set(line, "until_s", report_json_seconds(until));
}

static json_t *packets(uint64_t sent, uint64_t received)
{
	json_t *object = json_object();

	report_json_set(&object, "type", json_string("udp"));
	report_json_set(&object, "packets_sent", report_json_count(sent));
	report_json_set(&object, "packets_received", report_json_count(received));
	return object;
}

// Late replies, duplicates and strangers: DNS that nobody waited for.
static uint64_t unexpected(const struct stats_snapshot *snapshot)
{
	return snapshot->total.late + snapshot->receiver[STATS_DUPLICATE] +
	       snapshot->receiver[STATS_WRONG_SOURCE] + snapshot->receiver[STATS_MISMATCH] +
	       snapshot->receiver[STATS_UNEXPECTED];
}

static uint64_t discarded(const struct stats_snapshot *snapshot)
{
	return snapshot->receiver[STATS_MALFORMED_DNS] + snapshot->receiver[STATS_MALFORMED_FRAME] +
	       snapshot->receiver[STATS_BAD_CHECKSUM] + snapshot->receiver[STATS_FRAGMENT];
}

json_t *report_header_line(const struct report_input *input)
{
	const struct stats_shape *shape = &input->snapshot->shape;
	json_t *line = line_begin(input, "header"), *timeouts = json_array();

	report_json_set(&line, "generator", json_string("staleflow"));
	report_json_set(&line, "generator_version", json_string(STALEFLOW_VERSION));
	report_json_set(&line, "version", json_string(STALEFLOW_VERSION));
	report_json_set(&line, "time_units_per_sec", report_json_count(NS_PER_SEC));
	report_json_set(&line, "stats_interval", report_json_seconds(shape->interval));
	report_json_set(&line, "timeout", report_json_seconds(shape->timeout[0]));
	for (unsigned i = 0; i < shape->timeouts; i++) {
		struct report_row row = report_at_timeout(input, &input->snapshot->total, i);

		report_json_append(&timeouts, report_json_milliseconds(row.timeout));
	}
	report_json_set(&line, "timeouts_ms", timeouts);
	report_json_set(&line, "plan_digest", report_json_hex(input->plan->digest));
	report_json_set(&line, "name", report_json_text(input->plan->name));
	report_json_set(&line, "simulated", json_boolean(input->simulated));
	report_json_set(&line, "started_ns",
	                input->wall_start_ns > 0 ? report_json_count(input->wall_start_ns) : json_null());
	return line;
}

static struct stats_totals totals_since(const struct stats_totals *before, const struct stats_totals *after)
{
	struct stats_totals delta = *after;

	if (before != NULL) {
		delta.sent -= before->sent;
		delta.answered -= before->answered;
		delta.refused -= before->refused;
		delta.lost -= before->lost;
		delta.late -= before->late;
	}
	return delta;
}

json_t *report_interval_line(const struct report_input *input, const struct stats_snapshot *previous)
{
	const struct stats_snapshot *current = input->snapshot;
	ns_t start = current->shape.start;
	struct stats_totals delta = totals_since(previous != NULL ? &previous->total : NULL, &current->total);
	struct stats_histogram histogram;
	json_t *line = line_begin(input, "interval"), *totals = json_object();

	put_times(input, &line, previous != NULL && previous->at > start ? previous->at - start : 0,
	          current->at > start ? current->at - start : 0);
	report_object_outcomes(&line, &delta);
	report_json_set(&line, "timeouts", report_json_count(delta.lost));
	report_json_set(
	        &line, "unexpected",
	        report_json_count(unexpected(current) - (previous != NULL ? unexpected(previous) : 0)));
	report_json_set(&line, "discarded",
	                report_json_count(discarded(current) - (previous != NULL ? discarded(previous) : 0)));
	report_json_set(&line, "response_rcodes",
	                report_object_rcodes(input, previous != NULL ? previous->rcodes : NULL));
	report_histogram_since(previous != NULL ? &previous->latency_all : NULL, &current->latency_all,
	                       &histogram);
	report_json_set(&line, "response_latency", latency(&histogram));
	report_json_set(
	        &line, "conn_info",
	        packets(delta.sent, current->receiver[STATS_RECEIVED] -
	                                    (previous != NULL ? previous->receiver[STATS_RECEIVED] : 0)));
	report_object_outcomes(&totals, &current->total);
	report_json_set(&line, "totals", totals);
	return line;
}

json_t *report_event_line(const struct report_input *input, const struct scenario_record *record)
{
	json_t *line = line_begin(input, "event");

	report_json_set(&line, "msg", report_json_text(record->text));
	report_json_set(&line, "msg_type", report_json_text(scenario_kind_name(record->kind)));
	report_object_event(&line, record);
	return line;
}

json_t *report_summary_line(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	json_t *line = line_begin(input, "summary");

	put_times(input, &line, 0, input->elapsed);
	report_object_outcomes(&line, &snapshot->total);
	report_json_set(&line, "timeouts", report_json_count(snapshot->total.lost));
	report_json_set(&line, "interrupted", report_json_count(snapshot->total.outstanding));
	report_json_set(&line, "unexpected", report_json_count(unexpected(snapshot)));
	report_json_set(&line, "discarded", report_json_count(discarded(snapshot)));
	report_json_set(&line, "response_rcodes", report_object_rcodes(input, NULL));
	report_json_set(&line, "response_latency", latency(&snapshot->latency_all));
	report_json_set(&line, "conn_info",
	                packets(snapshot->total.sent, snapshot->receiver[STATS_RECEIVED]));
	report_json_set(&line, "totals", report_object_totals(input));
	report_json_set(&line, "by_timeout", report_object_timeouts(input, &snapshot->total));
	report_json_set(&line, "rate", report_object_rate(input));
	report_json_set(&line, "accounts", report_object_accounts(input));
	return line;
}

int report_line_write(json_t *line, FILE *file)
{
	bool failed;

	if (line == NULL) {
		return -ENOMEM;
	}
	failed = json_dumpf(line, file, JSON_COMPACT | REPORT_PRECISION) != 0 || fputc('\n', file) == EOF ||
	         fflush(file) != 0;
	json_decref(line);
	return failed ? -EIO : 0;
}

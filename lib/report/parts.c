#include "parts.h"

#include <inttypes.h>
#include <math.h>

#include "rows.h"

void report_object_outcomes(json_t **object, const struct stats_totals *totals)
{
	report_json_set(object, "sent", report_json_count(totals->sent));
	report_json_set(object, "answered", report_json_count(totals->answered));
	report_json_set(object, "refused", report_json_count(totals->refused));
	report_json_set(object, "lost", report_json_count(totals->lost));
	report_json_set(object, "late", report_json_count(totals->late));
	report_json_set(object, "outstanding", report_json_count(totals->outstanding));
}

json_t *report_object_totals(const struct report_input *input)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	json_t *totals = json_object();

	report_object_outcomes(&totals, &snapshot->total);
	// STATS_SENT is in the outcomes: frames that the port accepted are the queries sent.
	for (unsigned i = 0; i < STATS_SENDER_COUNTERS; i++) {
		if (i != STATS_SENT) {
			report_json_set(&totals, stats_sender_counter_name((enum stats_sender_counter)i),
			                report_json_count(snapshot->sender[i]));
		}
	}
	report_json_set(&totals, "throttled", report_json_count(report_throttled(snapshot)));
	for (unsigned i = 0; i < STATS_RECEIVER_COUNTERS; i++) {
		report_json_set(&totals, stats_receiver_counter_name((enum stats_receiver_counter)i),
		                report_json_count(snapshot->receiver[i]));
	}
	report_json_set(&totals, "malformed",
	                report_json_count(snapshot->receiver[STATS_MALFORMED_FRAME] +
	                                  snapshot->receiver[STATS_MALFORMED_DNS]));
	return totals;
}

json_t *report_object_timeouts(const struct report_input *input, const struct stats_totals *totals)
{
	json_t *timeouts = json_array();

	for (unsigned i = 0; i < input->snapshot->shape.timeouts; i++) {
		struct report_row row = report_at_timeout(input, totals, i);
		json_t *object = json_object();

		report_json_set(&object, "timeout_ms", report_json_milliseconds(row.timeout));
		report_json_set(&object, "answered", report_json_count(row.totals.answered));
		report_json_set(&object, "refused", report_json_count(row.totals.refused));
		report_json_set(&object, "lost", report_json_count(row.totals.lost));
		report_json_set(&object, "outstanding", report_json_count(row.totals.outstanding));
		report_json_set(&object, "loss", report_json_number(row.loss.estimate));
		report_json_set(&object, "loss_low", report_json_number(row.loss.low));
		report_json_set(&object, "loss_high", report_json_number(row.loss.high));
		report_json_append(&timeouts, object);
	}
	return timeouts;
}

json_t *report_object_rcodes(const struct report_input *input, const uint64_t *before)
{
	json_t *rcodes = json_object();

	for (unsigned i = 0; i <= STATS_RCODES; i++) {
		uint64_t count = input->snapshot->rcodes[i] - (before != NULL ? before[i] : 0);
		char name[REPORT_RCODE_TEXT_SIZE];

		if (count > 0) {
			report_json_set(&rcodes, report_rcode_name(input, i, name), report_json_count(count));
		}
	}
	return rcodes;
}

static json_t *histogram_quantile(const struct stats_histogram *histogram, double fraction)
{
	return histogram->count > 0 ? report_json_microseconds(stats_histogram_quantile(histogram, fraction))
	                            : json_null();
}

json_t *report_object_histogram(const struct stats_histogram *histogram)
{
	bool empty = histogram->count == 0;
	json_t *object = json_object(), *buckets = json_array(), *squares;
	char text[33];

	report_json_set(&object, "count", report_json_count(histogram->count));
	report_json_set(&object, "min", empty ? json_null() : report_json_microseconds(histogram->min));
	report_json_set(&object, "mean",
	                empty ? json_null()
	                      : report_json_number(stats_histogram_mean(histogram) / (double)NS_PER_US));
	report_json_set(&object, "stddev",
	                empty ? json_null()
	                      : report_json_number(stats_histogram_deviation(histogram) / (double)NS_PER_US));
	report_json_set(&object, "p50", histogram_quantile(histogram, 0.5));
	report_json_set(&object, "p90", histogram_quantile(histogram, 0.9));
	report_json_set(&object, "p99", histogram_quantile(histogram, 0.99));
	report_json_set(&object, "p999", histogram_quantile(histogram, 0.999));
	report_json_set(&object, "max", empty ? json_null() : report_json_microseconds(histogram->max));
	report_json_set(&object, "sum_ns", report_json_count(histogram->sum));
	snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, histogram->square_high,
	         histogram->square_low);
	squares = json_string(text);
	report_json_set(&object, "squares_ns2", squares);
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		if (histogram->buckets[i] > 0) {
			json_t *pair = json_array();

			report_json_append(&pair, report_json_microseconds(stats_bucket_low(i)));
			report_json_append(&pair, report_json_count(histogram->buckets[i]));
			report_json_append(&buckets, pair);
		}
	}
	report_json_set(&object, "histogram", buckets);
	return object;
}

void report_object_event(json_t **object, const struct scenario_record *record)
{
	report_json_set(object, "at_s", report_json_seconds(record->planned_at));
	report_json_set(object, "done_s", report_json_seconds(record->done_at));
	report_json_set(object, "kind", report_json_text(scenario_kind_name(record->kind)));
	report_json_set(object, "text", report_json_text(record->text));
	report_json_set(object, "exit_code", json_integer(record->exit_code));
	report_json_set(object, "output", report_json_text(record->output));
}

json_t *report_object_events(const struct scenario_record *records, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++) {
		json_t *object = json_object();

		report_object_event(&object, &records[i]);
		report_json_append(&list, object);
	}
	return list;
}

json_t *report_object_generator(void)
{
	json_t *object = json_object();

	report_json_set(&object, "name", json_string("staleflow"));
	report_json_set(&object, "version", json_string(STALEFLOW_VERSION));
	return object;
}

json_t *report_object_plan(const struct report_plan *plan)
{
	json_error_t error;
	json_t *parsed;

	if (plan->json == NULL) {
		return json_null();
	}
	parsed = json_loads(plan->json, 0, &error);
	return parsed != NULL || json_error_code(&error) == json_error_out_of_memory ? parsed : json_null();
}

json_t *report_object_port(const struct report_box *box)
{
	json_t *port;

	if (!box->port_counters_known) {
		return json_null();
	}
	port = json_object();
	report_json_set(&port, "tx_packets", report_json_count(box->port_tx_packets));
	report_json_set(&port, "tx_errors", report_json_count(box->port_tx_errors));
	report_json_set(&port, "rx_packets", report_json_count(box->port_rx_packets));
	report_json_set(&port, "rx_missed", report_json_count(box->port_rx_missed));
	report_json_set(&port, "rx_errors", report_json_count(box->port_rx_errors));
	report_json_set(&port, "rx_nombuf", report_json_count(box->port_rx_nombuf));
	return port;
}

json_t *report_object_accounts(const struct report_input *input)
{
	struct error error = {0};
	bool consistent = report_accounts_check(input, &error) == 0;
	json_t *accounts = json_object();

	report_json_set(&accounts, "consistent", json_boolean(consistent));
	if (!consistent) {
		report_json_set(&accounts, "error", report_json_text(error.text));
	}
	return accounts;
}

json_t *report_object_rate(const struct report_input *input)
{
	const struct stats_histogram *pacing = &input->snapshot->pacing;
	json_t *rate = json_object();

	report_json_set(&rate, "requested_qps",
	                report_rate_asked(input) ? report_json_number(input->requested_qps) : json_null());
	report_json_set(&rate, "achieved_qps",
	                report_json_number(report_rate(input->snapshot->total.sent, input->sending)));
	report_json_set(&rate, "answered_qps",
	                report_json_number(report_rate(input->snapshot->total.answered, input->sending)));
	report_json_set(&rate, "error_p99_us", histogram_quantile(pacing, 0.99));
	return rate;
}

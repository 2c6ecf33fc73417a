#include "sections.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "rows.h"

// Rows of the time line that a person still reads.
#define TIMELINE_ROWS 40

void report_section_outcomes(struct report_table *table, const struct stats_totals *totals)
{
	uint64_t ended = totals->answered + totals->refused + totals->lost;

	report_table_count(table, totals->sent);
	report_table_count(table, totals->answered);
	report_table_some(table, totals->refused);
	report_table_some(table, totals->lost);
	report_table_percent(table, ended > 0 ? (double)totals->lost / (double)ended : (double)NAN);
	report_table_some(table, totals->late);
}

void report_section_quantile(struct report_table *table, const struct stats_histogram *histogram,
                             double fraction)
{
	char buffer[REPORT_TABLE_NUMBER];

	report_table_text(table, histogram->count == 0
	                                 ? "-"
	                                 : report_table_write_time(
	                                           stats_histogram_quantile(histogram, fraction), buffer));
}

// ---- Backends

static ns_t since_start(const struct report_input *input, ns_t at)
{
	ns_t start = input->snapshot->shape.start;

	return at > start ? at - start : 0;
}

static void backend_row(struct report_table *table, const struct report_input *input,
                        const struct stats_backend *backend)
{
	report_table_text(table, backend->name);
	if (backend->by_address) {
		report_table_count(table, backend->wrong_source);
	} else {
		report_table_count(table, backend->answered);
		report_table_some(table, backend->lost);
	}
	report_table_format(table, "%.3f s", ns_to_seconds(since_start(input, backend->first_seen)));
	report_table_format(table, "%.3f s", ns_to_seconds(since_start(input, backend->last_seen)));
}

static int backend_table(const struct report_input *input, bool by_address, FILE *file)
{
	static const char *const named[] = {"<backend",   "answered",  "lost on its tuples",
	                                    "first seen", "last seen", NULL};
	static const char *const wrong[] = {"<address", "replies", "first seen", "last seen", NULL};
	const struct stats_snapshot *snapshot = input->snapshot;
	struct report_table table;

	report_table_init(&table, by_address ? wrong : named);
	for (unsigned i = 0; i < snapshot->backend_count; i++) {
		if (snapshot->backends[i].by_address == by_address) {
			backend_row(&table, input, &snapshot->backends[i]);
		}
	}
	return report_table_print(&table, 2, file);
}

int report_section_backends(const struct report_input *input, FILE *file)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	unsigned named = 0, wrong = 0;
	int failed = 0;

	for (unsigned i = 0; i < snapshot->backend_count; i++) {
		const struct stats_backend *backend = &snapshot->backends[i];

		// "(none)" stands for answers without a name: alone it says nothing.
		named += !backend->by_address && strcmp(backend->name, "(none)") != 0;
		wrong += backend->by_address;
	}
	if (named > 0) {
		fputs("\nBy backend (NSID; lost: on tuples whose last answer came from it):\n", file);
		failed = backend_table(input, false, file);
	}
	if (failed == 0 && wrong > 0) {
		fputs("\nReplies from addresses other than the service's:\n", file);
		failed = backend_table(input, true, file);
	}
	return failed;
}

// ---- Time line

static void event_notes(struct report_table *table, const struct report_input *input, unsigned *next,
                        ns_t before)
{
	for (; *next < input->record_count && input->records[*next].done_at < before; (*next)++) {
		const struct scenario_record *record = &input->records[*next];
		char text[sizeof(record->text) + 64], result[32] = "";

		if (record->exit_code != 0) {
			snprintf(result, sizeof(result), " (exit code %d)", record->exit_code);
		}
		snprintf(text, sizeof(text), "---- %.3f s: %s%s", ns_to_seconds(record->done_at),
		         record->text, result);
		report_table_note(table, text);
	}
}

int report_section_timeline(const struct report_input *input, FILE *file)
{
	static const char *const headings[] = {"from", "to",   "sent", "answered", "refused",
	                                       "lost", "loss", "late", NULL};
	uint32_t intervals = report_intervals(input->snapshot);
	uint32_t each = intervals / TIMELINE_ROWS + (intervals % TIMELINE_ROWS > 0);
	unsigned event = 0;
	struct report_table table;

	if (intervals < 2 && input->record_count == 0) {
		return 0;
	}
	fputs("\nOver time (by when a query was sent, seconds):\n", file);
	report_table_init(&table, headings);
	for (uint32_t first = 0; first < intervals; first += each) {
		uint32_t end = intervals - first > each ? first + each : intervals;
		struct stats_totals totals = {0};

		for (uint32_t i = first; i < end; i++) {
			struct stats_totals one = stats_snapshot_interval(input->snapshot, -1, i);

			report_totals_add(&totals, &one);
		}
		event_notes(&table, input, &event, report_interval_until(input, end - 1));
		report_table_format(&table, "%.3f", ns_to_seconds(report_interval_since(input, first)));
		report_table_format(&table, "%.3f", ns_to_seconds(report_interval_until(input, end - 1)));
		report_section_outcomes(&table, &totals);
	}
	event_notes(&table, input, &event, NS_NEVER);
	return report_table_print(&table, 2, file);
}

// ---- Counters

int report_section_counts(const char *heading, const struct report_count *list, unsigned count, FILE *file)
{
	static const char *const headings[] = {"", "<", NULL};
	struct report_table table;
	bool any = false;

	report_table_init(&table, headings);
	for (unsigned i = 0; i < count; i++) {
		if (list[i].count > 0) {
			report_table_count(&table, list[i].count);
			report_table_text(&table, list[i].name);
			any = true;
		}
	}
	if (!any) {
		return report_table_drop(&table);
	}
	fputs(heading, file);
	return report_table_print(&table, 2, file);
}

int report_section_refusals(const struct report_input *input, FILE *file)
{
	const uint64_t *receiver = input->snapshot->receiver;
	const struct report_count list[] = {
	        {"port unreachable", receiver[STATS_REFUSED_PORT]},
	        {"host or network unreachable", receiver[STATS_REFUSED_HOST]},
	        {"administratively prohibited", receiver[STATS_REFUSED_ADMIN]},
	        {"other ICMP errors", receiver[STATS_REFUSED_OTHER]},
	};

	return report_section_counts("\nRefused, by the ICMP error that came:\n", list,
	                             sizeof(list) / sizeof(list[0]), file);
}

int report_section_events(const struct report_input *input, FILE *file)
{
	const uint64_t *receiver = input->snapshot->receiver;
	const struct report_count list[] = {
	        {"answers that came after the largest timeout (late; those queries are lost)",
	         input->snapshot->total.late},
	        {"answers that were truncated (TC)", receiver[STATS_TRUNCATED]},
	        {"replies or refusals to queries that had ended (duplicate)", receiver[STATS_DUPLICATE]},
	        {"replies from another address or port than the service's (wrong source)",
	         receiver[STATS_WRONG_SOURCE]},
	        {"replies with the id of a query but another question (mismatch)", receiver[STATS_MISMATCH]},
	        {"replies to a tuple of ours that no query waited for (unexpected)",
	         receiver[STATS_UNEXPECTED]},
	        {"replies that were malformed DNS", receiver[STATS_MALFORMED_DNS]},
	        {"frames that were malformed", receiver[STATS_MALFORMED_FRAME]},
	        {"frames with a bad checksum", receiver[STATS_BAD_CHECKSUM]},
	        {"IP fragments, not reassembled", receiver[STATS_FRAGMENT]},
	        {"frames to addresses or ports that are none of ours", receiver[STATS_FOREIGN]},
	        {"ICMP errors that quote no query in flight", receiver[STATS_ICMP_UNMATCHED]},
	        {"replies that came to another queue than their worker's", receiver[STATS_RX_WRONG_QUEUE]},
	        {"frames of other protocols", receiver[STATS_OTHER]},
	};

	return report_section_counts("\nOther events:\n", list, sizeof(list) / sizeof(list[0]), file);
}

int report_section_director(const struct report_input *input, FILE *file)
{
	return report_section_counts("\nWhat the director model counted:\n", input->director,
	                             input->director != NULL ? input->director_count : 0, file);
}

// ---- Rate

int report_section_rate(const struct report_input *input, FILE *file)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	const struct stats_histogram *pacing = &snapshot->pacing;
	double achieved = report_rate(snapshot->total.sent, input->sending);
	char p50[REPORT_TABLE_NUMBER], p99[REPORT_TABLE_NUMBER], max[REPORT_TABLE_NUMBER];

	fputs("\nRate:\n", file);
	if (report_rate_asked(input)) {
		fprintf(file, "  asked for %.1f q/s, sent %.1f q/s (%.2f %%)\n", input->requested_qps,
		        achieved, 100 * achieved / input->requested_qps);
	} else {
		fprintf(file, "  no rate asked for, sent %.1f q/s\n", achieved);
	}
	if (pacing->count > 0) {
		fprintf(file, "  queries left after they were due: p50 %s, p99 %s, max %s\n",
		        report_table_write_time(stats_histogram_quantile(pacing, 0.5), p50),
		        report_table_write_time(stats_histogram_quantile(pacing, 0.99), p99),
		        report_table_write_time(pacing->max, max));
	}
	return 0;
}

// ---- The box

static int write_faults(const struct report_input *input, FILE *file)
{
	const uint64_t *sender = input->snapshot->sender;
	const struct report_box *box = &input->box;
	bool known = box->port_counters_known;
	const struct report_count list[] = {
	        {"queries dropped: the port took no frames for too long (tx_dropped)",
	         sender[STATS_TX_DROPPED]},
	        {"times a query was due but the reuse policy allowed no tuple (throttled_tuple)",
	         sender[STATS_THROTTLED_TUPLE]},
	        {"times a query was due but every slot of its tuples was in flight (throttled_flight)",
	         sender[STATS_THROTTLED_FLIGHT]},
	        {"times a query was due but the in-flight table was full (throttled_table)",
	         sender[STATS_THROTTLED_TABLE]},
	        {"times a query was due but no frame was free (throttled_memory)",
	         sender[STATS_THROTTLED_MEMORY]},
	        {"queries left out since the sender was too late (skipped)", sender[STATS_SKIPPED]},
	        {"answers to ARP, ND or ping that found no room (control_dropped)",
	         input->snapshot->receiver[STATS_CONTROL_DROPPED]},
	        {"frames on the way to another receiver that found no room (dispatch_dropped)",
	         input->snapshot->receiver[STATS_DISPATCH_DROPPED]},
	        {"frames that the port missed since nobody took them in time (rx_missed)",
	         known ? box->port_rx_missed : 0},
	        {"frames that the port received with errors (rx_errors)", known ? box->port_rx_errors : 0},
	        {"frames that the port had no memory for (rx_nombuf)", known ? box->port_rx_nombuf : 0},
	        {"frames that the port failed to send (tx_errors)", known ? box->port_tx_errors : 0},
	        {"frames counted as sent that the port says it never sent", report_port_missing(input)},
	};

	return report_section_counts("", list, sizeof(list) / sizeof(list[0]), file);
}

static void write_steering(const struct report_input *input, FILE *file)
{
	const struct report_box *box = &input->box;
	const char *why = box->steering_refused;

	switch (box->steering) {
	case REPORT_STEERING_NONE:
		return;
	case REPORT_STEERING_SOFTWARE:
		fprintf(file, "  replies to other receivers are handed over by software%s%s\n",
		        why != NULL ? ", since the port took no flow rules: " : "", why != NULL ? why : "");
		return;
	case REPORT_STEERING_FLOW:
		fprintf(file, "  replies are brought to their receivers by %u flow rules in the port\n",
		        box->steering_rules);
	}
	if (report_rules(input) == REPORT_RULES_BROKEN) {
		fprintf(file,
		        "  the port does not keep its flow rules: %" PRIu64 " of %" PRIu64
		        " replies came to another receiver's queue\n",
		        report_rules_misses(input),
		        input->snapshot->total.answered + input->snapshot->total.late);
	}
}

int report_section_box(const struct report_input *input, FILE *file)
{
	const struct report_box *box = &input->box;
	int failed;

	fprintf(file, "\nThis box: lcores %u, senders %u, receivers %u, CPUs %u%s%s%s%s, hugepages %s\n",
	        box->lcores, box->senders, box->receivers, box->cpus, box->driver != NULL ? ", " : "",
	        box->driver != NULL ? box->driver : "", box->device != NULL ? ", " : "",
	        box->device != NULL ? box->device : "", box->hugepages ? "yes" : "no");
	failed = write_faults(input, file);
	if (failed != 0) {
		return failed;
	}
	if (!report_box_faults(input)) {
		fputs("  the box itself dropped nothing\n", file);
	}
	write_steering(input, file);
	if (box->oversubscribed) {
		fputs("  lcores shared CPUs: latencies and pacing hold waiting for the CPU\n", file);
	}
	if (!box->port_counters_known && !input->simulated) {
		fputs("  the port has no counters of its own: drops in it would not be seen\n", file);
	}
	return 0;
}

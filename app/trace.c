#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/trace.h"

/** A client of the capture, and the address that takes its place. */
struct client {
	struct address from, to;
	bool assigned;
};

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct address));
}

static bool find_in_ranges(const struct flow_cohort_options *cohort, const struct address *address)
{
	for (unsigned i = 0; i < cohort->range_count; i++) {
		uint64_t offset;

		if (address_subtract(address, &cohort->ranges[i].first, &offset) &&
		    offset < cohort->ranges[i].count) {
			return true;
		}
	}
	return false;
}

static struct address nth_address(const struct flow_cohort_options *cohort, uint64_t n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < cohort->range_count; i++) {
		total += cohort->ranges[i].count;
	}
	n %= total;
	for (unsigned i = 0; i < cohort->range_count; i++) {
		if (n < cohort->ranges[i].count) {
			return address_add(&cohort->ranges[i].first, n);
		}
		n -= cohort->ranges[i].count;
	}
	return cohort->ranges[0].first;
}

// The different sources of a capture, sorted.
static struct client *list_clients(const struct capture_trace *capture, uint64_t *count)
{
	struct client *clients = (struct client *)calloc(capture->count, sizeof(*clients));
	uint64_t kept = 0;

	for (uint64_t i = 0; clients != NULL && i < capture->count; i++) {
		clients[i].from = capture->queries[i].source;
	}
	if (clients != NULL) {
		qsort(clients, capture->count, sizeof(*clients), by_address);
	}
	for (uint64_t i = 0; clients != NULL && i < capture->count; i++) {
		if (kept == 0 || !address_equal(&clients[kept - 1].from, &clients[i].from)) {
			clients[kept++] = clients[i];
		}
	}
	*count = kept;
	return clients;
}

static int rewrite(struct trace *trace, const struct capture_trace *capture, uint64_t *client_count,
                   struct error *error)
{
	uint64_t next = 0;
	struct client *clients = list_clients(capture, client_count);

	if (clients == NULL) {
		return error_set(error, -ENOMEM, "no memory for the clients of the trace");
	}
	for (uint64_t i = 0; i < capture->count; i++) {
		struct client *client = (struct client *)bsearch(&capture->queries[i].source, clients,
		                                                 *client_count, sizeof(*clients), by_address);

		if (!client->assigned) {
			client->assigned = true;
			client->to = find_in_ranges(&trace->cohort, &client->from)
			                     ? client->from
			                     : nth_address(&trace->cohort, next++);
		}
		trace->queries[i].source = client->to;
	}
	free(clients);
	return 0;
}

static int take_ports(struct trace *trace, const struct capture_trace *capture, struct error *error)
{
	int rc = 0;

	flow_ports_clear(&trace->cohort.ports);
	for (uint64_t i = 0; rc == 0 && i < capture->count; i++) {
		uint16_t port = capture->queries[i].port;

		if (!flow_ports_has(&trace->cohort.ports, port)) {
			rc = flow_ports_add(&trace->cohort.ports, port, port, error);
		}
	}
	return rc;
}

static double peak_rate(const struct trace *trace, ns_t span)
{
	uint64_t oldest = 0, most = 1;

	for (uint64_t i = 0; i < trace->count; i++) {
		while (trace->queries[oldest].at + span < trace->queries[i].at) {
			oldest++;
		}
		most = i - oldest + 1 > most ? i - oldest + 1 : most;
	}
	return (double)most / ns_to_seconds(span);
}

static void say(const struct trace *trace, const struct plan *plan, const struct capture_trace *capture,
                uint64_t clients)
{
	fprintf(stderr,
	        "staleflow: --trace: %" PRIu64 " queries of %" PRIu64 " clients from %u ports, %" PRIu32
	        " different, in %.6g s at speed %g\n",
	        trace->count, clients, trace->cohort.ports.count, capture->message_count,
	        ns_to_seconds(trace->duration), plan->queries.trace_speed);
	if (capture->other + capture->other_family + capture->cut + capture->malformed > 0) {
		fprintf(stderr,
		        "staleflow: --trace: left out of %" PRIu64 " packets: %" PRIu64
		        " no queries to port %d, %" PRIu64 " over the other IP version, %" PRIu64
		        " cut off by the snap length, %" PRIu64 " malformed (the first is packet %" PRIu64
		        ")\n",
		        capture->packets, capture->other, CAPTURE_TRACE_PORT, capture->other_family,
		        capture->cut, capture->malformed, capture->first_malformed);
	}
}

static int convert(struct trace *trace, const struct plan *plan, const struct capture_trace *capture,
                   struct error *error)
{
	uint64_t clients;
	int rc;

	trace->queries = (struct worker_trace_query *)calloc(capture->count, sizeof(*trace->queries));
	if (trace->queries == NULL) {
		return error_set(error, -ENOMEM, "no memory for %" PRIu64 " queries", capture->count);
	}
	trace->count = capture->count;
	trace->cohort = plan->cohorts[0];
	trace->cohort.policy = (struct flow_policy_options){.kind = FLOW_POLICY_SEQUENTIAL}; // never asked
	for (uint64_t i = 0; i < trace->count; i++) {
		trace->queries[i].at =
		        (ns_t)llround((double)capture->queries[i].at / plan->queries.trace_speed);
		trace->queries[i].port = capture->queries[i].port;
		trace->queries[i].question = capture->queries[i].message;
	}
	rc = take_ports(trace, capture, error);
	if (rc == 0) {
		rc = rewrite(trace, capture, &clients, error);
	}
	if (rc < 0) {
		return rc;
	}
	// The end lies past the last query, however late it may be sent.
	trace->duration = trace->queries[trace->count - 1].at + plan->load.max_lag + NS_PER_MS;
	trace->peak_rate = peak_rate(trace, plan->load.timeouts[0]);
	say(trace, plan, capture, clients);
	return 0;
}

int trace_load(struct trace *trace, const struct plan *plan, struct dns_query_set **set, struct error *error)
{
	struct capture_trace capture;
	int rc = capture_trace_read(&capture, plan->queries.trace, plan->service.address.family, error);

	memset(trace, 0, sizeof(*trace));
	if (rc == 0) {
		rc = dns_query_set_parse_binary(set, plan->queries.trace, capture.messages,
		                                capture.messages_size, error);
	}
	if (rc == 0) {
		rc = convert(trace, plan, &capture, error);
	}
	capture_trace_release(&capture);
	return rc;
}

void trace_release(struct trace *trace)
{
	free(trace->queries);
	memset(trace, 0, sizeof(*trace));
}

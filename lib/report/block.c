#include "block.h"

#include <inttypes.h>
#include <math.h>

#include "rows.h"

static void write_queries(const struct stats_totals *total, FILE *file)
{
	uint64_t lost = total->lost + total->refused;

	fprintf(file, "  Queries sent:         %" PRIu64 "\n", total->sent);
	fprintf(file, "  Queries completed:    %" PRIu64 " (%.2f%%)\n", total->answered,
	        report_percent(total->answered, total->sent));
	fprintf(file, "  Queries lost:         %" PRIu64 " (%.2f%%)\n", lost,
	        report_percent(lost, total->sent));
	if (total->outstanding > 0) {
		fprintf(file, "  Queries interrupted:  %" PRIu64 " (%.2f%%)\n", total->outstanding,
		        report_percent(total->outstanding, total->sent));
	}
}

static void write_rcodes(const struct report_input *input, FILE *file)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	const char *separator = "";

	fputs("  Response codes:       ", file);
	for (unsigned i = 0; i <= STATS_RCODES; i++) {
		char name[REPORT_RCODE_TEXT_SIZE];

		if (snapshot->rcodes[i] > 0) {
			fprintf(file, "%s%s %" PRIu64 " (%.2f%%)", separator,
			        report_rcode_name(input, i, name), snapshot->rcodes[i],
			        report_percent(snapshot->rcodes[i], snapshot->total.answered));
			separator = ", ";
		}
	}
	fputc('\n', file);
}

static void write_sizes(const struct report_input *input, FILE *file)
{
	const struct stats_snapshot *snapshot = input->snapshot;
	uint64_t sent = snapshot->sender[STATS_SENT], frames = snapshot->sender[STATS_SENT_BYTES];
	uint64_t headers = sent * input->header_octets;
	uint64_t request = sent > 0 && frames > headers ? (frames - headers) / sent : 0;
	uint64_t answered = snapshot->total.answered;

	fprintf(file, "  Average packet size:  request %" PRIu64 ", response %" PRIu64 "\n", request,
	        answered > 0 ? snapshot->receiver[STATS_REPLY_BYTES] / answered : 0);
}

static double seconds(double ns)
{
	return ns / (double)NS_PER_SEC;
}

static void write_latency(const struct stats_histogram *latency, FILE *file)
{
	double count = (double)latency->count;

	fprintf(file, "  Average Latency (s):  %.6f (min %.6f, max %.6f)\n",
	        seconds(stats_histogram_mean(latency)), latency->count > 0 ? ns_to_seconds(latency->min) : 0,
	        ns_to_seconds(latency->max));
	// dnsperf's is the sample's standard deviation, so there is none of a single answer.
	if (latency->count > 1) {
		fprintf(file, "  Latency StdDev (s):   %.6f\n",
		        seconds(stats_histogram_deviation(latency) * sqrt(count / (count - 1))));
	}
	fputc('\n', file);
}

static void write_histogram(const struct stats_histogram *latency, FILE *file)
{
	uint64_t pending = 0;
	ns_t current = 0;

	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		ns_t milliseconds = stats_bucket_low(i) / NS_PER_MS;

		if (latency->buckets[i] == 0) {
			continue;
		}
		if (pending > 0 && milliseconds != current) {
			fprintf(file, "#histogram %" PRIu64 " %" PRIu64 "\n", current, pending);
			pending = 0;
		}
		current = milliseconds;
		pending += latency->buckets[i];
	}
	if (pending > 0) {
		fprintf(file, "#histogram %" PRIu64 " %" PRIu64 "\n", current, pending);
	}
	if (latency->count > 0) {
		fputc('\n', file);
	}
}

void report_block(const struct report_input *input, FILE *file)
{
	const struct stats_snapshot *snapshot = input->snapshot;

	fputs("Statistics:\n\n", file);
	write_queries(&snapshot->total, file);
	fputc('\n', file);
	write_rcodes(input, file);
	write_sizes(input, file);
	fprintf(file, "  Run time (s):         %.6f\n", ns_to_seconds(input->sending));
	fprintf(file, "  Queries per second:   %.6f\n",
	        report_rate(snapshot->total.answered, input->sending));
	fputc('\n', file);
	write_latency(&snapshot->latency_all, file);
	if (input->plan->histogram) {
		write_histogram(&snapshot->latency_all, file);
	}
}

#include "director_parts.h"

#include <inttypes.h>
#include <string.h>

#include "rows.h"
#include "sections.h"

static void write_heading(const struct report_director *input, const struct error *contradiction, FILE *file)
{
	const struct report_plan *plan = input->plan;

	if (error_is_set(contradiction)) {
		fprintf(file, "*** DO NOT TRUST THE NUMBERS BELOW: %s ***\n\n", contradiction->text);
	}
	if (plan->name != NULL && plan->name[0] != '\0') {
		report_table_write_line(plan->name, file);
		fputs(plan->description != NULL && plan->description[0] != '\0' ? ": " : "", file);
		report_table_write_line(plan->description != NULL ? plan->description : "", file);
		fputc('\n', file);
	}
	fprintf(file, "Director for %s port %u: ran %.3f s%s", input->address, input->port,
	        ns_to_seconds(input->elapsed), input->interrupted ? ", interrupted" : "");
	if (input->first_query != NS_NEVER) {
		fprintf(file, ", the first query came after %.3f s\n", ns_to_seconds(input->first_query));
	} else {
		fputs(", no query came\n", file);
	}
}

static int write_queries(const struct report_director *input, FILE *file)
{
	static const char *const headings[] = {"", "", "<", NULL};
	const struct report_count list[] = {
	        {"answered", input->answered},
	        {"answered from the real server's own address", input->own_source},
	        {"refused (ICMP port unreachable)", input->refused},
	        {"unreachable (ICMP host unreachable)", input->unreachable},
	        {"lost", report_director_lost(input)},
	        {"on their way at the end", input->pending},
	};
	struct report_table table;

	fprintf(file, "\nQueries received: %" PRIu64 "\n", input->queries);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i].count > 0) {
			report_table_count(&table, list[i].count);
			report_table_format(&table, "%.2f %%", report_percent(list[i].count, input->queries));
			report_table_text(&table, list[i].name);
		}
	}
	return report_table_print(&table, 2, file);
}

static int write_lost(const struct report_director *input, FILE *file)
{
	return report_section_counts("\nLost, by the reason:\n", input->lost, input->lost_count, file);
}

static int write_backends(const struct report_director *input, FILE *file)
{
	static const char *const headings[] = {"<real server", "<address", "<state",      "<listed", "weight",
	                                       "forwarded",    "answered", "connections", NULL};
	struct report_table table;

	fputs("\nReal servers:\n", file);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < input->backend_count; i++) {
		const struct report_director_backend *backend = &input->backends[i];
		bool ipv6 = strchr(backend->address, ':') != NULL;

		report_table_text(&table, backend->name);
		report_table_format(&table, "%s%s%s:%u", ipv6 ? "[" : "", backend->address, ipv6 ? "]" : "",
		                    backend->port);
		report_table_text(&table, backend->state);
		report_table_text(&table, backend->listed ? "yes" : "removed");
		report_table_count(&table, backend->weight);
		report_table_count(&table, backend->forwarded);
		report_table_count(&table, backend->answered);
		report_table_count(&table, backend->connections);
	}
	return report_table_print(&table, 2, file);
}

static int write_table(const struct report_director *input, FILE *file)
{
	fprintf(file,
	        "\nConnection table: %" PRIu64 " entries now, %" PRIu64 " at most, room for %" PRIu64
	        "; %" PRIu64 " made, %" PRIu64 " expired, %" PRIu64 " flushed\n",
	        input->table, input->most, input->room, input->made, input->expired, input->flushed);
	return 0;
}

static int write_events(const struct report_director *input, FILE *file)
{
	static const char *const headings[] = {"planned", "done", "<event", "<", NULL};
	struct report_table table;

	if (input->record_count == 0) {
		return 0;
	}
	fputs("\nEvents:\n", file);
	report_table_init(&table, headings);
	for (unsigned i = 0; i < input->record_count; i++) {
		const struct scenario_record *record = &input->records[i];

		report_table_format(&table, "%.3f s", ns_to_seconds(record->planned_at));
		report_table_format(&table, "%.3f s", ns_to_seconds(record->done_at));
		report_table_text(&table, record->text);
		report_table_text(&table, record->output != NULL ? record->output : "");
	}
	return report_table_print(&table, 2, file);
}

static int write_ignored(const struct report_director *input, FILE *file)
{
	return report_section_counts("\nFrames that were no queries for the service:\n", input->ignored,
	                             input->ignored_count, file);
}

static int write_faults(const struct report_director *input, FILE *file)
{
	const struct report_count list[] = {
	        {"replies doubled", input->duplicated},
	        {"replies corrupted", input->corrupted},
	        {"replies cut short", input->truncated},
	};

	return report_section_counts("\nFaults, as asked for:\n", list, sizeof(list) / sizeof(list[0]), file);
}

static int write_box(const struct report_director *input, FILE *file)
{
	const struct report_box *box = &input->box;
	bool known = box->port_counters_known;
	const struct report_count list[] = {
	        {"replies that the port did not take (port_dropped)", input->port_dropped},
	        {"frames that the port missed since nobody took them in time (rx_missed)",
	         known ? box->port_rx_missed : 0},
	        {"frames that the port received with errors (rx_errors)", known ? box->port_rx_errors : 0},
	        {"frames that the port had no memory for (rx_nombuf)", known ? box->port_rx_nombuf : 0},
	        {"frames that the port failed to send (tx_errors)", known ? box->port_tx_errors : 0},
	};

	fprintf(file, "\nThis box: CPUs %u, %s, %s, MAC address %s, hugepages %s\n", box->cpus,
	        box->driver != NULL ? box->driver : "-", box->device != NULL ? box->device : "-", input->mac,
	        box->hugepages ? "yes" : "no");
	fprintf(file,
	        "  frames received %" PRIu64 "; ARP, neighbour and echo requests answered %" PRIu64 "\n",
	        input->frames, input->neighbours);
	return report_section_counts("", list, sizeof(list) / sizeof(list[0]), file);
}

int report_director_text(const struct report_director *input, FILE *file, struct error *error)
{
	static int (*const sections[])(const struct report_director *,
	                               FILE *) = {write_queries, write_lost,    write_backends, write_table,
	                                          write_events,  write_ignored, write_faults,   write_box};
	struct error contradiction = {0};
	int failed = 0;

	report_director_check(input, &contradiction);
	write_heading(input, &contradiction, file);
	for (unsigned i = 0; failed == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
		failed = sections[i](input, file);
	}
	return report_section_end(file, failed, &contradiction, error);
}

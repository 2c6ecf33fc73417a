// What a device knows at its end, for the report.
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "output.h"
#include "report/director.h"

/** The report's lists, and the texts that it points to. */
struct lists {
	struct report_count lost[DIRECTOR_DROPS], ignored[DIRECTOR_DROPS];
	struct report_director_backend *backends;
	char (*addresses)[ADDRESS_TEXT_SIZE];
	char service[ADDRESS_TEXT_SIZE], mac[RTE_ETHER_ADDR_FMT_SIZE];
};

static void fill_drops(struct report_director *out, struct lists *lists, const struct director_counters *from)
{
	for (unsigned i = 0; i < DIRECTOR_DROP_PORT; i++) {
		const struct report_count count = {director_drop_name((enum director_drop)i), from->drops[i]};

		if (i < DIRECTOR_DROP_DELETED) {
			lists->ignored[out->ignored_count++] = count;
		} else {
			lists->lost[out->lost_count++] = count;
		}
	}
	out->lost = lists->lost;
	out->ignored = lists->ignored;
	out->port_dropped = from->drops[DIRECTOR_DROP_PORT];
}

static void fill_counters(struct report_director *out, const struct director *director)
{
	const struct director_counters *from = director_counters(director);
	const struct ipvs *ipvs = director_ipvs(director);
	const struct ipvs_counters *table = ipvs_counters(ipvs);

	out->frames = from->received;
	out->queries = from->queries;
	out->answered = from->answered;
	out->own_source = from->own_source;
	out->refused = from->refused;
	out->unreachable = from->unreachable;
	out->pending = director_pending(director);
	out->neighbours = from->neighbours;
	out->duplicated = from->duplicated;
	out->corrupted = from->corrupted;
	out->truncated = from->truncated;
	out->table = ipvs_table_count(ipvs);
	out->most = table->most;
	out->made = table->scheduled;
	out->expired = table->expired;
	out->flushed = table->flushed;
}

static int fill_backends(struct report_director *out, struct lists *lists, const struct director *director)
{
	const struct backend *backend;
	unsigned count = 0;

	while (director_backend(director, count) != NULL) {
		count++;
	}
	lists->backends = (struct report_director_backend *)calloc(count + 1, sizeof(*lists->backends));
	lists->addresses = (char(*)[ADDRESS_TEXT_SIZE])calloc(count + 1, sizeof(*lists->addresses));
	if (lists->backends == NULL || lists->addresses == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < count; i++) {
		struct ipvs_server_state listing = {0};

		backend = director_backend(director, i);
		(void)director_listing(director, i, 0, &listing);
		lists->backends[i] = (struct report_director_backend){
		        .name = backend->options.name,
		        .address = address_format(&backend->options.address, lists->addresses[i]),
		        .state = backend_state_name(backend->state),
		        .port = backend->options.port != 0 ? backend->options.port : out->port,
		        .listed = listing.listed,
		        .weight = listing.weight,
		        .connections = listing.connections,
		        .forwarded = backend->received,
		        .answered = backend->answered,
		};
	}
	out->backends = lists->backends;
	out->backend_count = count;
	return 0;
}

static int fill(struct report_director *out, struct lists *lists, const struct report_plan *named,
                const struct device *device, const struct events *events)
{
	const struct plan *plan = device->plan;
	ns_t first_query = atomic_load_explicit(&device->first_query, memory_order_acquire);

	rte_ether_format_addr(lists->mac, sizeof(lists->mac),
	                      (const struct rte_ether_addr *)device->port.mac);
	*out = (struct report_director){
	        .plan = named,
	        .address = address_format(&plan->service.address, lists->service),
	        .port = plan->service.port,
	        .mac = lists->mac,
	        .wall_start_ns = device->clock.wall_ns + (device->ready - CLOCK_EPOCH),
	        .elapsed = device->ended - device->ready,
	        .first_query = first_query != NS_NEVER ? first_query - device->ready : NS_NEVER,
	        .interrupted = device->interrupted,
	        .box = {.lcores = 1,
	                .cpus = device->environment.cpus,
	                .hugepages = device->environment.huge,
	                .driver = plan_driver_name(plan->port.driver),
	                .device = plan->port.device},
	        .room = plan->director.ipvs.connections,
	        .records = events->records,
	        .record_count = events->count,
	};
	output_read_port(device->port.id, &out->box);
	fill_counters(out, device->seat.director);
	fill_drops(out, lists, director_counters(device->seat.director));
	return fill_backends(out, lists, device->seat.director);
}

static void write_json(const struct report_director *report, const char *path, struct error *error)
{
	FILE *file = file_open("--json", path, "we", error);

	if (file == NULL) {
		return;
	}
	report_director_json_write(report, file, error);
	if (error_is_set(error) && error->source[0] == '\0') {
		snprintf(error->source, sizeof(error->source), "%s", path);
	}
	file_close(file, path, error);
}

int device_report(const struct device *device, const struct events *events, struct error *error)
{
	const struct plan *plan = device->plan;
	const struct report_plan named = {.name = plan->name,
	                                  .description = plan->description,
	                                  .json = plan->json,
	                                  .digest = plan->digest};
	const char *path = plan->output.json;
	struct report_director report;
	struct lists lists = {0};

	if (fill(&report, &lists, &named, device, events) < 0) {
		error_set(error, -ENOMEM, "no memory for the report");
	} else {
		if (path != NULL) {
			write_json(&report, path, error);
		}
		// Standard output holds one document.
		if (path == NULL || strcmp(path, "-") != 0) {
			report_director_text(&report, stdout, error);
		}
	}
	free(lists.backends);
	free(lists.addresses);
	return error->code;
}

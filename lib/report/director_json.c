#include "director_parts.h"

#include <errno.h>
#include <string.h>

#include "parts.h"

uint64_t report_director_lost(const struct report_director *input)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < input->lost_count; i++) {
		lost += input->lost[i].count;
	}
	return lost;
}

int report_director_check(const struct report_director *input, struct error *error)
{
	uint64_t ended = input->answered + input->own_source + input->refused + input->unreachable +
	                 report_director_lost(input) + input->pending;

	if (ended == input->queries) {
		return 0;
	}
	return error_set(
	        error, -EPROTO,
	        "the accounts contradict each other: %llu queries came and %llu ended or are on their "
	        "way; this is an error of the program, not of the network: please report it",
	        (unsigned long long)input->queries, (unsigned long long)ended);
}

static json_t *accounts(const struct report_director *input)
{
	struct error error = {0};
	bool consistent = report_director_check(input, &error) == 0;
	json_t *object = json_object();

	report_json_set(&object, "consistent", json_boolean(consistent));
	if (!consistent) {
		report_json_set(&object, "error", report_json_text(error.text));
	}
	return object;
}

static json_t *box(const struct report_director *input)
{
	const struct report_box *b = &input->box;
	json_t *object = json_object();

	report_json_set(&object, "lcores", json_integer(b->lcores));
	report_json_set(&object, "cpus", json_integer(b->cpus));
	report_json_set(&object, "hugepages", json_boolean(b->hugepages));
	report_json_set(&object, "driver", report_json_text(b->driver));
	report_json_set(&object, "device", report_json_text(b->device));
	report_json_set(&object, "mac", report_json_text(input->mac));
	report_json_set(&object, "port", report_object_port(b));
	return object;
}

static json_t *service(const struct report_director *input)
{
	json_t *object = json_object();

	report_json_set(&object, "address", report_json_text(input->address));
	report_json_set(&object, "port", json_integer(input->port));
	return object;
}

static json_t *counts(const struct report_count *list, unsigned count)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < count; i++) {
		report_json_set(&object, list[i].name, report_json_count(list[i].count));
	}
	return object;
}

static json_t *totals(const struct report_director *input)
{
	const struct report_count list[] = {
	        {"frames", input->frames},
	        {"queries", input->queries},
	        {"answered", input->answered},
	        {"own_source", input->own_source},
	        {"refused", input->refused},
	        {"unreachable", input->unreachable},
	        {"lost", report_director_lost(input)},
	        {"pending", input->pending},
	        {"neighbours", input->neighbours},
	        {"duplicated", input->duplicated},
	        {"corrupted", input->corrupted},
	        {"truncated", input->truncated},
	        {"port_dropped", input->port_dropped},
	};

	return counts(list, sizeof(list) / sizeof(list[0]));
}

static json_t *backends(const struct report_director *input)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < input->backend_count; i++) {
		const struct report_director_backend *backend = &input->backends[i];
		json_t *object = json_object();

		report_json_set(&object, "name", report_json_text(backend->name));
		report_json_set(&object, "address", report_json_text(backend->address));
		report_json_set(&object, "port", json_integer(backend->port));
		report_json_set(&object, "state", report_json_text(backend->state));
		report_json_set(&object, "listed", json_boolean(backend->listed));
		report_json_set(&object, "weight", json_integer(backend->weight));
		report_json_set(&object, "forwarded", report_json_count(backend->forwarded));
		report_json_set(&object, "answered", report_json_count(backend->answered));
		report_json_set(&object, "connections", json_integer(backend->connections));
		report_json_append(&list, object);
	}
	return list;
}

static json_t *table(const struct report_director *input)
{
	const struct report_count list[] = {{"now", input->table},       {"most", input->most},
	                                    {"room", input->room},       {"made", input->made},
	                                    {"expired", input->expired}, {"flushed", input->flushed}};

	return counts(list, sizeof(list) / sizeof(list[0]));
}

static json_t *document(const struct report_director *input)
{
	json_t *result = json_object();

	report_json_set(&result, "schema", json_integer(REPORT_DIRECTOR_SCHEMA));
	report_json_set(&result, "generator", report_object_generator());
	report_json_set(&result, "accounts", accounts(input));
	report_json_set(&result, "name", report_json_text(input->plan->name));
	report_json_set(&result, "description", report_json_text(input->plan->description));
	report_json_set(&result, "plan_digest", report_json_hex(input->plan->digest));
	report_json_set(&result, "plan", report_object_plan(input->plan));
	report_json_set(&result, "box", box(input));
	report_json_set(&result, "service", service(input));
	report_json_set(&result, "interrupted", json_boolean(input->interrupted));
	report_json_set(&result, "started_ns", report_json_count(input->wall_start_ns));
	report_json_set(&result, "duration_s", report_json_seconds(input->elapsed));
	report_json_set(&result, "first_query_s",
	                input->first_query != NS_NEVER ? report_json_seconds(input->first_query)
	                                               : json_null());
	report_json_set(&result, "totals", totals(input));
	report_json_set(&result, "lost", counts(input->lost, input->lost_count));
	report_json_set(&result, "ignored", counts(input->ignored, input->ignored_count));
	report_json_set(&result, "table", table(input));
	report_json_set(&result, "backends", backends(input));
	report_json_set(&result, "events", report_object_events(input->records, input->record_count));
	return result;
}

int report_director_json_write(const struct report_director *input, FILE *file, struct error *error)
{
	int rc = report_document_write(document(input), file, error);

	return rc < 0 ? rc : report_director_check(input, error);
}

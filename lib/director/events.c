// What a scenario does to the director.
#include "director/director.h"

#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/** The port that a backend has in a service. */
static uint16_t port_of(const struct director *director, const struct backend *backend, unsigned service)
{
	return backend->options.port != 0 ? backend->options.port : director->services[service].port;
}

/** The id of a backend in a service of the IPVS model, or -ENOENT when it never was there. */
static int find_server(const struct director *director, unsigned index, unsigned service,
                       struct ipvs_server_state *state)
{
	const struct backend *backend = &director->backends[index];

	for (unsigned server = 0; server < director->server_count; server++) {
		if (director->backend_of[server] == index &&
		    ipvs_server_state(director->ipvs, (uint16_t)service, (uint16_t)server, state) == 0 &&
		    state->port == port_of(director, backend, service)) {
			return (int)server;
		}
	}
	return -ENOENT;
}

int director_listing(const struct director *director, unsigned index, unsigned service,
                     struct ipvs_server_state *state)
{
	int server = find_server(director, index, service, state);

	return server < 0 ? server : 0;
}

/** Remove a backend from the IPVS model, or change its weight there. -ENOENT when it is listed nowhere. */
static int change_listing(struct director *director, ns_t now, unsigned index, bool remove, uint32_t weight)
{
	int result = -ENOENT;

	for (unsigned i = 0; i < director->options.service_count; i++) {
		struct ipvs_server_state state;
		int server = find_server(director, index, i, &state);

		if (server < 0 || !state.listed) {
			continue;
		}
		result = remove ? ipvs_server_remove(director->ipvs, now, (uint16_t)i, (uint16_t)server)
		                : ipvs_server_set_weight(director->ipvs, now, (uint16_t)i, (uint16_t)server,
		                                         weight);
		if (result != 0) {
			return result;
		}
	}
	return result;
}

/** Answering again, and listed with its weight. */
static int restore(struct director *director, ns_t now, unsigned index, uint32_t weight, struct error *error)
{
	backend_set_state(&director->backends[index], BACKEND_ALIVE);
	if (change_listing(director, now, index, false, weight) == 0) {
		return 0;
	}
	return director_list_backend(director, now, index, weight, error);
}

static int apply_to_backend(struct director *director, ns_t now, unsigned index,
                            const struct scenario_event *event, struct error *error)
{
	struct backend *backend = &director->backends[index];
	int result = 0;

	switch (event->kind) {
	case SCENARIO_REMOVE:
		result = change_listing(director, now, index, true, 0);
		break;
	case SCENARIO_DRAIN:
		result = change_listing(director, now, index, false, 0);
		break;
	case SCENARIO_SET_WEIGHT:
		result = change_listing(director, now, index, false, event->weight);
		break;
	case SCENARIO_KILL:
		backend_set_state(backend, BACKEND_DEAD);
		break;
	case SCENARIO_CLOSE:
		backend_set_state(backend, BACKEND_CLOSED);
		break;
	case SCENARIO_VANISH:
		backend_set_state(backend, BACKEND_GONE);
		break;
	case SCENARIO_LAMEDUCK:
		backend_set_state(backend, BACKEND_LAMEDUCK);
		break;
	case SCENARIO_RESTORE:
		return restore(director, now, index, backend->options.weight, error);
	case SCENARIO_ADD:
		return restore(director, now, index, event->weight, error);
	default:
		return error_set(error, -EINVAL, "a %s event befalls no real server",
		                 scenario_kind_name(event->kind));
	}
	if (result == -ENOENT) {
		return error_set(error, -ENOENT,
		                 "real server %s is not listed at the director; restore or add it first",
		                 backend->options.name);
	}
	if (result != 0) {
		return error_set(error, result, "a weight of %u is not below 2^31", event->weight);
	}
	return 0;
}

/** The names that exist, for an error. */
static int refuse_name(const struct director *director, const struct scenario_event *event,
                       struct error *error)
{
	char known[384] = "";
	size_t used = 0;

	for (unsigned i = 0; i < director->backend_count && used < sizeof(known); i++) {
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
		                         director->backends[i].options.name);
	}
	return error_set(error, -ENOENT, "there is no real server \"%s\" to %s; known are %s", event->backend,
	                 scenario_kind_name(event->kind), known);
}

/** Length of a name without the number that a rolling update gave it. */
static size_t base_length(const char *name)
{
	const char *mark = strrchr(name, '#');

	return mark != NULL ? (size_t)(mark - name) : strlen(name);
}

/** A new real server, otherwise like the one that it replaces, or else like the first of its family. */
static int add_backend(struct director *director, ns_t now, const struct scenario_event *event,
                       struct error *error)
{
	struct backend_options options = {0};
	bool found = false;
	int index;

	for (unsigned i = 0; i < director->backend_count; i++) {
		const struct backend_options *like = &director->backends[i].options;
		size_t length = base_length(like->name);

		if (like->address.family != event->address.family) {
			continue;
		}
		if (length == base_length(event->backend) &&
		    memcmp(like->name, event->backend, length) == 0) {
			options = *like;
			found = true;
			break;
		}
		if (!found) {
			options = *like;
			found = true;
		}
	}
	memcpy(options.name, event->backend, sizeof(options.name));
	memcpy(options.nsid, event->backend, sizeof(options.nsid));
	options.address = event->address;
	options.port = event->port;
	options.weight = event->weight;
	index = director_add_backend(director, &options, error);
	return index < 0 ? index
	                 : director_list_backend(director, now, (unsigned)index, event->weight, error);
}

int director_apply(struct director *director, ns_t now, const struct scenario_event *event,
                   struct error *error)
{
	bool found = false;
	int result = 0;

	director_advance(director, now);
	switch (event->kind) {
	case SCENARIO_MARK:
	case SCENARIO_EXEC:
		return 0;
	case SCENARIO_SET_TIMEOUT:
		ipvs_set_udp_timeout(director->ipvs, now, event->value);
		return 0;
	case SCENARIO_SET_EXPIRE_NODEST:
		ipvs_set_expire_nodest_conn(director->ipvs, now, event->value != 0);
		return 0;
	case SCENARIO_ROLL:
		return error_set(error, -EINVAL,
		                 "a roll event must be expanded before it reaches the director");
	default:
		break;
	}
	// A dual-stack server is two of one name.
	for (unsigned i = 0; i < director->backend_count && result == 0; i++) {
		const struct backend_options *options = &director->backends[i].options;

		if (strcmp(options->name, event->backend) == 0 &&
		    (event->kind != SCENARIO_ADD || event->address.family == ADDRESS_NONE ||
		     address_equal(&event->address, &options->address))) {
			found = true;
			result = apply_to_backend(director, now, i, event, error);
		}
	}
	if (found) {
		return result;
	}
	if (event->kind == SCENARIO_ADD && event->address.family != ADDRESS_NONE) {
		return add_backend(director, now, event, error);
	}
	return refuse_name(director, event, error);
}

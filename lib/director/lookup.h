#pragma once
// Finding a connection in the table, which every packet does: inline. Private to the director.

#include "base/random.h"
#include "table.h"

#include <string.h>

/**
 * The bucket of a client's address and port. The address is scattered, and the ports lie beside each other
 * from there: a client's flows, one a port, fill cache lines of heads instead of one line a flow.
 */
static inline uint32_t lookup_hash(const struct ipvs *ipvs, const struct address *client,
                                   uint16_t client_port)
{
	uint64_t low, high;

	memcpy(&low, client->bytes, sizeof(low));
	memcpy(&high, client->bytes + 8, sizeof(high));
	low = random_mix(low ^ ipvs->options.seed);
	if (client->family == ADDRESS_IPV6) {
		low = random_mix(low ^ high);
	}
	return ((uint32_t)low + client_port) & ipvs->mask;
}

/** Is a connection this client's? */
static inline bool lookup_is_client(const struct connection *c, const struct address *client,
                                    uint16_t client_port)
{
	// In halves, which the compiler compares without a call.
	return c->client_port == client_port && memcmp(c->client, client->bytes, 8) == 0 &&
	       memcmp(c->client + 8, client->bytes + 8, 8) == 0 && c->family == client->family;
}

/** Find a connection or template of a client; TABLE_NONE when there is none. */
static inline uint32_t table_find(const struct ipvs *ipvs, const struct address *client, uint16_t client_port,
                                  uint16_t service, bool is_template)
{
	uint32_t i = ipvs->heads[lookup_hash(ipvs, client, client_port)];

	for (; i != TABLE_NONE; i = ipvs->connections[i].hash_next) {
		const struct connection *c = &ipvs->connections[i];

		if (lookup_is_client(c, client, client_port) && c->service == service &&
		    c->is_template == is_template && !c->invalid) {
			break;
		}
	}
	return i;
}

/** Find the connection that a packet from `server` to a client belongs to. */
static inline uint32_t table_find_reply(const struct ipvs *ipvs, const struct address *client,
                                        uint16_t client_port, uint16_t server)
{
	uint32_t i = ipvs->heads[lookup_hash(ipvs, client, client_port)];

	for (; i != TABLE_NONE; i = ipvs->connections[i].hash_next) {
		const struct connection *c = &ipvs->connections[i];

		if (!c->is_template && ipvs->destinations[c->destination]->server == server &&
		    lookup_is_client(c, client, client_port)) {
			break;
		}
	}
	return i;
}

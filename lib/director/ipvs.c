// The path of a packet, after ip_vs_core.c.
#include "director/ipvs.h"

#include "lookup.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// How long conntrack waits before it takes two-way UDP traffic for a stream (nf_conntrack_proto_udp.c).
#define STREAM_AFTER (2 * NS_PER_SEC)

static const char *const reason_names[IPVS_REASONS] = {
        [IPVS_REASON_NONE] = "forwarded",
        [IPVS_REASON_DELETED] = "its real server is deleted",
        [IPVS_REASON_LAZY] = "its real server is deleted, it expires now",
        [IPVS_REASON_OVERLOAD] = "overload defence",
        [IPVS_REASON_MEMORY] = "no room for a connection",
        [IPVS_REASON_NO_SERVER] = "no real server available",
        [IPVS_REASON_NO_SERVICE] = "no such virtual service",
};

const char *ipvs_reason_name(enum ipvs_reason reason)
{
	return (unsigned)reason < IPVS_REASONS ? reason_names[reason] : "unknown";
}

/** Keep conntrack's entry of a packet alive, or start one when the packet goes through. */
static void track(struct ipvs *ipvs, uint32_t index, bool reply)
{
	struct conntrack *ct = &ipvs->conntracks[index];
	ns_t timeout = ipvs->options.conntrack_timeout;

	if (!ipvs->options.conntrack) {
		return;
	}
	if (ipvs->now >= ct->until) {
		*ct = (struct conntrack){.stream_from = ipvs->now + STREAM_AFTER};
	}
	ct->replied |= reply;
	if (ct->replied && ipvs->now > ct->stream_from) {
		timeout = ipvs->options.conntrack_stream_timeout;
	}
	ct->until = ipvs->now + timeout;
}

/** Forward on an existing connection: ip_vs_set_state and ip_vs_conn_put. */
static struct ipvs_result forward(struct ipvs *ipvs, uint32_t index)
{
	struct connection *c = &ipvs->connections[index];

	c->timeout = (uint32_t)ipvs->timeout;
	table_arm(ipvs, index);
	track(ipvs, index, false);
	return (struct ipvs_result){.decision = IPVS_FORWARD,
	                            .server = ipvs->destinations[c->destination]->server};
}

/**
 * A hit on a connection of a deleted destination. Returns true when that decides the packet's fate, false
 * when it is scheduled as if it were new.
 */
static bool hit_deleted(struct ipvs *ipvs, uint32_t index, struct ipvs_result *result)
{
	bool confirmed = ipvs->options.conntrack && ipvs->now < ipvs->conntracks[index].until;

	*result = (struct ipvs_result){.decision = IPVS_DROP, .reason = IPVS_REASON_DELETED};
	if (confirmed) {
		track(ipvs, index, false);
	}
	if (!ipvs->options.expire_nodest_conn) {
		return true;
	}
	table_expire_now(ipvs, index);
	result->reason = IPVS_REASON_LAZY;
	return ipvs->options.lazy || confirmed;
}

/** ip_vs_check_template: may new connections still use it? */
static bool is_template_valid(const struct ipvs *ipvs, const struct connection *template)
{
	const struct destination *d = ipvs->destinations[template->destination];

	return d->listed && !(ipvs->options.expire_quiescent_template && d->weight == 0);
}

static struct address mask_client(const struct address *client, uint8_t length)
{
	struct address masked = *client;
	size_t octets = address_length(client->family);

	for (size_t i = 0; length > 0 && i < octets; i++) {
		unsigned bits = length > i * 8 ? length - (unsigned)i * 8 : 0;

		masked.bytes[i] &= bits >= 8 ? 0xff : (uint8_t)(0xff00u >> bits);
	}
	return masked;
}

/** ip_vs_sched_persist: the destination of the client's template, made when there is none. TABLE_NONE: none
 * available. */
static uint32_t find_template(struct ipvs *ipvs, const struct ipvs_key *key, bool *full)
{
	struct service *service = ipvs->services[key->service];
	struct ipvs_key pinned = {.client = mask_client(&key->client, service->options.persistence_length),
	                          .service = key->service};
	uint32_t index = table_find(ipvs, &pinned.client, 0, key->service, true);
	struct destination *d;

	*full = false;
	if (index != TABLE_NONE && is_template_valid(ipvs, &ipvs->connections[index])) {
		return index;
	}
	if (index != TABLE_NONE) {
		table_invalidate(ipvs, index);
	}
	d = scheduler_pick(service, &key->client, key->client_port);
	if (d == NULL) {
		return TABLE_NONE;
	}
	index = table_create(ipvs, &pinned, d, true);
	if (index == TABLE_NONE) {
		*full = true;
		return TABLE_NONE;
	}
	ipvs->connections[index].timeout = (uint32_t)table_jiffies(ipvs, service->options.persistence);
	return index;
}

static struct ipvs_result refuse(enum ipvs_decision decision, enum ipvs_reason reason)
{
	return (struct ipvs_result){.decision = decision, .reason = reason};
}

/** ip_vs_todrop: every n-th. */
static bool is_overloaded(struct ipvs *ipvs)
{
	if (ipvs->options.drop_rate == 0 || --ipvs->drop_counter > 0) {
		return false;
	}
	ipvs->drop_counter = ipvs->options.drop_rate;
	return true;
}

/** udp_conn_schedule and ip_vs_schedule: a packet that no connection knows. */
static struct ipvs_result schedule(struct ipvs *ipvs, const struct ipvs_key *key)
{
	struct service *service = key->service < ipvs->service_count ? ipvs->services[key->service] : NULL;
	uint32_t template = TABLE_NONE;
	struct destination *d;
	struct ipvs_result result;
	uint32_t index;
	bool full = false;

	if (service == NULL || !service->listed) {
		return refuse(IPVS_LOCAL, IPVS_REASON_NO_SERVICE);
	}
	if (is_overloaded(ipvs)) {
		return refuse(IPVS_DROP, IPVS_REASON_OVERLOAD);
	}
	if (service->options.persistence > 0) {
		template = find_template(ipvs, key, &full);
		d = template != TABLE_NONE ? ipvs->destinations[ipvs->connections[template].destination]
		                           : NULL;
	} else {
		d = scheduler_pick(service, &key->client, key->client_port);
	}
	if (d == NULL) {
		return full ? refuse(IPVS_DROP, IPVS_REASON_MEMORY)
		            : refuse(IPVS_REFUSE, IPVS_REASON_NO_SERVER);
	}
	if (service->options.one_packet) {
		// Never hashed, and gone with the packet.
		if (template != TABLE_NONE) {
			table_arm(ipvs, template);
		}
		ipvs->counters.scheduled++;
		return (struct ipvs_result){.decision = IPVS_FORWARD, .server = d->server, .scheduled = true};
	}
	index = table_create(ipvs, key, d, false);
	if (template != TABLE_NONE) {
		if (index != TABLE_NONE) {
			ipvs->connections[index].control = template;
			ipvs->connections[template].controls++;
		}
		table_arm(ipvs, template);
	}
	if (index == TABLE_NONE) {
		return refuse(IPVS_DROP, IPVS_REASON_MEMORY);
	}
	ipvs->counters.scheduled++;
	result = forward(ipvs, index);
	result.scheduled = true;
	return result;
}

static struct ipvs_result decide(struct ipvs *ipvs, const struct ipvs_key *key)
{
	struct ipvs_result result;
	uint32_t index;

	// Without any service of its family the hooks are unregistered, and connections are not looked at.
	if (!table_is_hooked(ipvs, key->client.family)) {
		return refuse(IPVS_LOCAL, IPVS_REASON_NO_SERVICE);
	}
	index = table_find(ipvs, &key->client, key->client_port, key->service, false);
	if (index == TABLE_NONE) {
		return schedule(ipvs, key);
	}
	if (ipvs->destinations[ipvs->connections[index].destination]->listed) {
		return forward(ipvs, index);
	}
	if (hit_deleted(ipvs, index, &result)) {
		return result;
	}
	return schedule(ipvs, key);
}

struct ipvs_result ipvs_packet_in(struct ipvs *ipvs, ns_t now, const struct ipvs_key *key)
{
	struct ipvs_result result;

	table_advance(ipvs, now);
	result = decide(ipvs, key);
	ipvs->counters.packets_in++;
	ipvs->counters.decisions[result.decision]++;
	ipvs->counters.reasons[result.reason]++;
	return result;
}

bool ipvs_packet_out(struct ipvs *ipvs, ns_t now, const struct address *client, uint16_t client_port,
                     uint16_t server, uint16_t *service)
{
	uint32_t index = TABLE_NONE;
	struct connection *c;

	table_advance(ipvs, now);
	ipvs->counters.packets_out++;
	if (table_is_hooked(ipvs, client->family)) {
		index = table_find_reply(ipvs, client, client_port, server);
	}
	if (index == TABLE_NONE) {
		ipvs->counters.untranslated++;
		return false;
	}
	c = &ipvs->connections[index];
	c->timeout = (uint32_t)ipvs->timeout;
	table_arm(ipvs, index);
	track(ipvs, index, true);
	*service = c->service;
	ipvs->counters.translated++;
	return true;
}

bool ipvs_find_reply(struct ipvs *ipvs, ns_t now, const struct address *client, uint16_t client_port,
                     uint16_t server, uint16_t *service)
{
	uint32_t index = TABLE_NONE;

	table_advance(ipvs, now);
	if (table_is_hooked(ipvs, client->family)) {
		index = table_find_reply(ipvs, client, client_port, server);
	}
	if (index != TABLE_NONE) {
		*service = ipvs->connections[index].service;
	}
	return index != TABLE_NONE;
}

void ipvs_expire(struct ipvs *ipvs, ns_t now)
{
	table_advance(ipvs, now);
}

ns_t ipvs_next(const struct ipvs *ipvs)
{
	return ipvs->due;
}

uint32_t ipvs_table_count(const struct ipvs *ipvs)
{
	return ipvs->count;
}

const struct ipvs_counters *ipvs_counters(const struct ipvs *ipvs)
{
	return &ipvs->counters;
}

void ipvs_table_foreach(const struct ipvs *ipvs, bool (*visit)(void *context, const struct ipvs_entry *entry),
                        void *context)
{
	for (uint32_t i = 0; i < ipvs->top; i++) {
		const struct connection *c = &ipvs->connections[i];
		struct ipvs_entry entry;

		if (!c->used) {
			continue;
		}
		entry = (struct ipvs_entry){
		        .client.family = c->family,
		        .client_port = c->client_port,
		        .service = c->service,
		        .server = ipvs->destinations[c->destination]->server,
		        .left = c->expires > ipvs->jiffies ? (c->expires - ipvs->jiffies) * ipvs->jiffy_length
		                                           : 0,
		};
		memcpy(entry.client.bytes, c->client, sizeof(c->client));
		if (!visit(context, &entry)) {
			return;
		}
	}
}

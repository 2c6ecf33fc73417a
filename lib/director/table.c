// The connection table and its timers, after ip_vs_conn.c.
#include "table.h"

#include "lookup.h"

#include <string.h>

// ip_vs_conn_expire: a connection that is still needed is looked at again after this time.
#define REARM_SECONDS 60

uint64_t table_jiffies(const struct ipvs *ipvs, ns_t duration)
{
	uint64_t jiffies = fixed_scale(duration, ipvs->per_jiffy);

	// fixed_scale may be one short.
	while ((jiffies + 1) * ipvs->jiffy_length <= duration) {
		jiffies++;
	}
	return jiffies;
}

static ns_t jiffy_start(const struct ipvs *ipvs, uint64_t jiffy)
{
	return (jiffy - ipvs->options.first_jiffy) * ipvs->jiffy_length;
}

void table_update_due(struct ipvs *ipvs)
{
	ns_t timers = ipvs->wheel.next == UINT64_MAX ? NS_NEVER : jiffy_start(ipvs, ipvs->wheel.next);

	ipvs->due = timers < ipvs->flush_at ? timers : ipvs->flush_at;
}

void ipvs_foresee(struct ipvs *ipvs, const struct address *client, uint16_t client_port)
{
	uint32_t *place = &ipvs->foreseen[ipvs->foreseen_count++ % TABLE_FORESEEN];
	uint32_t connection = ipvs->heads[*place];

	if (connection != TABLE_NONE) {
		__builtin_prefetch(&ipvs->connections[connection], 1);
	}
	*place = lookup_hash(ipvs, client, client_port);
	__builtin_prefetch(&ipvs->heads[*place]);
}

void destination_bind(struct destination *destination, bool is_template)
{
	if (is_template) {
		destination->templates++;
	} else {
		destination->connections++;
	}
	if (destination->upper != 0 && destination->connections >= destination->upper) {
		destination->overload = true;
	}
}

void destination_unbind(struct destination *destination, bool is_template)
{
	uint64_t connections;

	if (is_template) {
		destination->templates--;
	} else {
		destination->connections--;
	}
	connections = destination->connections;
	if (destination->lower != 0) {
		if (connections < destination->lower) {
			destination->overload = false;
		}
	} else if (connections * 4 < (uint64_t)destination->upper * 3 || destination->upper == 0) {
		destination->overload = false;
	}
}

uint32_t table_create(struct ipvs *ipvs, const struct ipvs_key *key, struct destination *destination,
                      bool is_template)
{
	uint32_t index = ipvs->free != TABLE_NONE ? ipvs->free : ipvs->top;
	uint32_t *head = &ipvs->heads[lookup_hash(ipvs, &key->client, key->client_port)];
	struct connection *c;

	if (index == ipvs->options.connections) {
		return TABLE_NONE;
	}
	c = &ipvs->connections[index];
	if (index == ipvs->top) {
		ipvs->top++;
	} else {
		ipvs->free = c->hash_next;
	}
	*c = (struct connection){
	        .timer.bucket = WHEEL_NONE,
	        // At the head: a new connection hides an expiring one of the same key.
	        .hash_next = *head,
	        .control = TABLE_NONE,
	        .timeout = (uint32_t)ipvs->timeout,
	        .client_port = key->client_port,
	        .service = key->service,
	        .destination = destination->index,
	        .family = key->client.family,
	        .is_template = is_template,
	        .used = true,
	};
	memcpy(c->client, key->client.bytes, sizeof(c->client));
	if (ipvs->tracked) {
		ipvs->conntracks[index] = (struct conntrack){0};
	}
	*head = index;
	ipvs->count++;
	if (ipvs->count > ipvs->counters.most) {
		ipvs->counters.most = ipvs->count;
	}
	destination_bind(destination, is_template);
	return index;
}

void table_expire_now(struct ipvs *ipvs, uint32_t index)
{
	struct connection *c = &ipvs->connections[index];

	if (c->expires > ipvs->jiffies) {
		c->expires = ipvs->jiffies;
		wheel_arm(&ipvs->wheel, index, c->expires, ipvs->jiffies);
		table_update_due(ipvs);
	}
}

void table_invalidate(struct ipvs *ipvs, uint32_t index)
{
	ipvs->connections[index].invalid = true;
}

static void destroy(struct ipvs *ipvs, uint32_t index)
{
	struct connection *c = &ipvs->connections[index];
	struct address client = {.family = c->family};
	uint32_t *link;

	memcpy(client.bytes, c->client, sizeof(client.bytes));
	link = &ipvs->heads[lookup_hash(ipvs, &client, c->client_port)];
	while (*link != index) {
		link = &ipvs->connections[*link].hash_next;
	}
	*link = c->hash_next;
	destination_unbind(ipvs->destinations[c->destination], c->is_template);
	if (c->control != TABLE_NONE) {
		ipvs->connections[c->control].controls--;
	}
	c->used = false;
	c->hash_next = ipvs->free;
	ipvs->free = index;
	ipvs->count--;
}

/** ip_vs_expire_nodest_conn_flush: forget what refers to a deleted destination, and templates that this sets
 * free. */
static void flush(struct ipvs *ipvs)
{
	for (uint32_t i = 0; i < ipvs->top; i++) {
		const struct connection *c = &ipvs->connections[i];
		uint32_t control = c->control;

		if (!c->used || ipvs->destinations[c->destination]->listed || c->controls > 0) {
			continue;
		}
		wheel_disarm(&ipvs->wheel, i);
		destroy(ipvs, i);
		ipvs->counters.flushed++;
		if (control != TABLE_NONE && ipvs->connections[control].controls == 0) {
			wheel_disarm(&ipvs->wheel, control);
			destroy(ipvs, control);
			ipvs->counters.flushed++;
		}
	}
}

void table_schedule_flush(struct ipvs *ipvs)
{
	if (!ipvs->options.expire_nodest_conn || ipvs->options.lazy || ipvs->flush_at != NS_NEVER) {
		return;
	}
	// queue_delayed_work(..., 1): a timer of one jiffy.
	ipvs->flush_at = ipvs->options.flush_delay > 0
	                         ? ipvs->now + ipvs->options.flush_delay
	                         : jiffy_start(ipvs, wheel_fires_at(ipvs->jiffies + 1, ipvs->jiffies + 1));
	table_update_due(ipvs);
}

/** ip_vs_conn_expire for every timer that is due. */
static void run_timers(struct ipvs *ipvs, uint64_t jiffies)
{
	uint64_t at;
	uint32_t index;

	while ((index = wheel_pop(&ipvs->wheel, jiffies, &at)) != WHEEL_NONE) {
		struct connection *c = &ipvs->connections[index];

		if (c->controls > 0) {
			c->timeout = REARM_SECONDS * ipvs->options.hz;
			c->expires = at + c->timeout;
			wheel_arm(&ipvs->wheel, index, c->expires, at - 1);
			continue;
		}
		destroy(ipvs, index);
		ipvs->counters.expired++;
	}
}

void table_run_timers(struct ipvs *ipvs, ns_t now)
{
	if (now >= ipvs->jiffy_end) {
		ipvs->jiffies = ipvs->options.first_jiffy + table_jiffies(ipvs, now);
		ipvs->jiffy_end = jiffy_start(ipvs, ipvs->jiffies + 1);
	}
	ipvs->now = now;
	if (now < ipvs->due) {
		return;
	}
	if (ipvs->flush_at <= now) {
		// Timers of the time before the flush come first.
		run_timers(ipvs, ipvs->options.first_jiffy + table_jiffies(ipvs, ipvs->flush_at));
		ipvs->flush_at = NS_NEVER;
		flush(ipvs);
	}
	run_timers(ipvs, ipvs->jiffies);
	table_update_due(ipvs);
}

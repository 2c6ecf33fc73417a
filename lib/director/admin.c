// What ipvsadm and sysctl do, after ip_vs_ctl.c.
#include "director/ipvs.h"

#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_MAX 4096

int ipvs_service_find(const struct ipvs *ipvs, const struct address *address, uint16_t port)
{
	for (uint16_t i = 0; i < ipvs->service_count; i++) {
		if (ipvs->services[i]->port == port && address_equal(&ipvs->services[i]->address, address)) {
			return i;
		}
	}
	return -ENOENT;
}

int ipvs_service_address(const struct ipvs *ipvs, uint16_t service, struct address *address, uint16_t *port)
{
	if (service >= ipvs->service_count) {
		return -ENOENT;
	}
	*address = ipvs->services[service]->address;
	*port = ipvs->services[service]->port;
	return 0;
}

static int make_service(struct ipvs *ipvs, const struct address *address, uint16_t port, struct error *error)
{
	struct service **grown;
	struct service *service;

	if (ipvs->service_count >= SERVICES_MAX) {
		return error_set(error, -ENOSPC, "the director model holds %d services", SERVICES_MAX);
	}
	grown = realloc(ipvs->services, (ipvs->service_count + 1u) * sizeof(struct service *));
	if (grown == NULL) {
		return error_set(error, -ENOMEM, "no memory for a service");
	}
	ipvs->services = grown;
	service = calloc(1, sizeof(*service));
	if (service == NULL) {
		return error_set(error, -ENOMEM, "no memory for a service");
	}
	service->address = *address;
	service->port = port;
	grown[ipvs->service_count] = service;
	return ipvs->service_count++;
}

/** How many services of its family are listed. */
static uint16_t *listed_services(struct ipvs *ipvs, const struct service *service)
{
	return service->address.family == ADDRESS_IPV6 ? &ipvs->listed_ipv6 : &ipvs->listed_ipv4;
}

int ipvs_service_add(struct ipvs *ipvs, ns_t now, const struct address *address, uint16_t port,
                     const struct ipvs_service_options *options, struct error *error)
{
	int id = ipvs_service_find(ipvs, address, port);
	char text[ADDRESS_TEXT_SIZE];
	struct service *service;

	table_advance(ipvs, now);
	if (address->family == ADDRESS_NONE || port == 0 || (unsigned)options->scheduler >= IPVS_SCHEDULERS ||
	    options->persistence / NS_PER_SEC >= TIMEOUT_JIFFIES_MAX / ipvs->options.hz ||
	    options->persistence_length > address_length(address->family) * 8) {
		return error_set(error, -EINVAL,
		                 "a virtual service needs an address, a port, a scheduler, and a persistence "
		                 "below %u s",
		                 (unsigned)(TIMEOUT_JIFFIES_MAX / ipvs->options.hz));
	}
	if (id < 0) {
		id = make_service(ipvs, address, port, error);
		if (id < 0) {
			return id;
		}
	}
	service = ipvs->services[id];
	if (service->listed) {
		return error_set(error, -EEXIST, "the service %s port %u exists already",
		                 address_format(address, text), port);
	}
	service->listed = true;
	service->options = *options;
	scheduler_bind(service);
	*listed_services(ipvs, service) += 1;
	return id;
}

/** __ip_vs_unlink_dest and __ip_vs_del_dest: off the list, kept for its connections. */
static void unlink_destination(struct ipvs *ipvs, struct destination *destination)
{
	struct service *service = ipvs->services[destination->service];

	destination->listed = false;
	destination->prev->next = destination->next;
	destination->next->prev = destination->prev;
	scheduler_removed(service, destination);
	table_schedule_flush(ipvs);
}

int ipvs_service_delete(struct ipvs *ipvs, ns_t now, uint16_t service)
{
	struct service *s;

	table_advance(ipvs, now);
	if (service >= ipvs->service_count || !ipvs->services[service]->listed) {
		return -ENOENT;
	}
	s = ipvs->services[service];
	while (s->head.next != &s->head) {
		unlink_destination(ipvs, s->head.next);
	}
	s->listed = false;
	*listed_services(ipvs, s) -= 1;
	return 0;
}

/** The id of an address and port, made when it is new. */
static int make_server(struct ipvs *ipvs, const struct address *address, uint16_t port, struct error *error)
{
	for (uint32_t i = 0; i < ipvs->server_count; i++) {
		if (ipvs->servers[i].port == port && address_equal(&ipvs->servers[i].address, address)) {
			return (int)i;
		}
	}
	if (ipvs->server_count >= SERVERS_MAX) {
		return error_set(error, -ENOSPC, "the director model holds %d real servers", SERVERS_MAX);
	}
	if (ipvs->server_count == ipvs->server_room) {
		uint32_t room = ipvs->server_room > 0 ? ipvs->server_room * 2 : 16;
		struct server *grown = realloc(ipvs->servers, room * sizeof(*grown));

		if (grown == NULL) {
			return error_set(error, -ENOMEM, "no memory for a real server");
		}
		ipvs->servers = grown;
		ipvs->server_room = room;
	}
	ipvs->servers[ipvs->server_count] = (struct server){.address = *address, .port = port};
	return (int)ipvs->server_count++;
}

static struct destination *find_destination(const struct ipvs *ipvs, uint16_t service, uint16_t server)
{
	for (uint32_t i = 0; i < ipvs->destination_count; i++) {
		if (ipvs->destinations[i]->service == service && ipvs->destinations[i]->server == server) {
			return ipvs->destinations[i];
		}
	}
	return NULL;
}

static struct destination *make_destination(struct ipvs *ipvs, uint16_t service, uint16_t server)
{
	struct destination *destination;

	if (ipvs->destination_count >= SERVERS_MAX) {
		return NULL;
	}
	if (ipvs->destination_count == ipvs->destination_room) {
		uint32_t room = ipvs->destination_room > 0 ? ipvs->destination_room * 2 : 16;
		struct destination **grown = realloc(ipvs->destinations, room * sizeof(struct destination *));

		if (grown == NULL) {
			return NULL;
		}
		ipvs->destinations = grown;
		ipvs->destination_room = room;
	}
	destination = calloc(1, sizeof(*destination));
	if (destination != NULL) {
		destination->index = (uint16_t)ipvs->destination_count;
		destination->service = service;
		destination->server = server;
		ipvs->destinations[ipvs->destination_count++] = destination;
	}
	return destination;
}

int ipvs_server_add(struct ipvs *ipvs, ns_t now, uint16_t service, const struct address *address,
                    uint16_t port, uint32_t weight, struct error *error)
{
	struct destination *destination;
	char text[ADDRESS_TEXT_SIZE];
	struct service *s;
	int server;

	table_advance(ipvs, now);
	if (service >= ipvs->service_count || !ipvs->services[service]->listed) {
		return error_set(error, -ENOENT, "a real server needs a virtual service");
	}
	if (address->family == ADDRESS_NONE || port == 0 || weight > INT32_MAX) {
		return error_set(error, -EINVAL,
		                 "a real server needs an address, a port and a weight below 2^31");
	}
	server = make_server(ipvs, address, port, error);
	if (server < 0) {
		return server;
	}
	// ip_vs_trash_get_dest: one that connections still refer to comes back with them.
	destination = find_destination(ipvs, service, (uint16_t)server);
	if (destination == NULL) {
		destination = make_destination(ipvs, service, (uint16_t)server);
	}
	if (destination == NULL) {
		return error_set(error, -ENOMEM, "no memory for a real server");
	}
	if (destination->listed) {
		return error_set(error, -EEXIST, "the real server %s port %u exists already",
		                 address_format(address, text), port);
	}
	s = ipvs->services[service];
	destination->listed = true;
	destination->overload = false;
	destination->weight = weight;
	destination->upper = 0;
	destination->lower = 0;
	destination->prev = &s->head;
	destination->next = s->head.next;
	s->head.next->prev = destination;
	s->head.next = destination;
	scheduler_changed(s);
	return server;
}

static struct destination *find_listed(struct ipvs *ipvs, uint16_t service, uint16_t server)
{
	struct destination *destination = find_destination(ipvs, service, server);

	return destination != NULL && destination->listed ? destination : NULL;
}

int ipvs_server_remove(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server)
{
	struct destination *destination;

	table_advance(ipvs, now);
	destination = find_listed(ipvs, service, server);
	if (destination == NULL) {
		return -ENOENT;
	}
	unlink_destination(ipvs, destination);
	return 0;
}

int ipvs_server_set_weight(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server, uint32_t weight)
{
	struct destination *destination;

	table_advance(ipvs, now);
	destination = find_listed(ipvs, service, server);
	if (destination == NULL) {
		return -ENOENT;
	}
	if (weight > INT32_MAX) {
		return -EINVAL;
	}
	destination->weight = weight;
	scheduler_changed(ipvs->services[service]);
	return 0;
}

int ipvs_server_set_thresholds(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server, uint32_t upper,
                               uint32_t lower)
{
	struct destination *destination;

	table_advance(ipvs, now);
	destination = find_listed(ipvs, service, server);
	if (destination == NULL) {
		return -ENOENT;
	}
	// __ip_vs_update_dest
	if (destination->upper == 0 || destination->upper > upper) {
		destination->overload = false;
	}
	destination->upper = upper;
	destination->lower = lower;
	return 0;
}

int ipvs_server_state(const struct ipvs *ipvs, uint16_t service, uint16_t server,
                      struct ipvs_server_state *state)
{
	const struct destination *destination = find_destination(ipvs, service, server);

	if (destination == NULL) {
		return -ENOENT;
	}
	*state = (struct ipvs_server_state){
	        .address = ipvs->servers[server].address,
	        .port = ipvs->servers[server].port,
	        .listed = destination->listed,
	        .weight = destination->weight,
	        .connections = destination->connections,
	};
	return 0;
}

void ipvs_set_udp_timeout(struct ipvs *ipvs, ns_t now, ns_t timeout)
{
	uint64_t jiffies;

	table_advance(ipvs, now);
	jiffies = table_jiffies(ipvs, timeout);
	if (jiffies > 0) {
		ipvs->options.udp_timeout = timeout;
		ipvs->timeout = jiffies < TIMEOUT_JIFFIES_MAX ? jiffies : TIMEOUT_JIFFIES_MAX;
	}
}

void ipvs_set_expire_nodest_conn(struct ipvs *ipvs, ns_t now, bool on)
{
	table_advance(ipvs, now);
	ipvs->options.expire_nodest_conn = on;
}

void ipvs_set_expire_quiescent_template(struct ipvs *ipvs, ns_t now, bool on)
{
	table_advance(ipvs, now);
	ipvs->options.expire_quiescent_template = on;
}

void ipvs_set_conntrack(struct ipvs *ipvs, ns_t now, bool on)
{
	table_advance(ipvs, now);
	ipvs->options.conntrack = on;
	ipvs->tracked |= on;
}

void ipvs_set_drop_rate(struct ipvs *ipvs, ns_t now, uint32_t rate)
{
	table_advance(ipvs, now);
	ipvs->options.drop_rate = rate;
}

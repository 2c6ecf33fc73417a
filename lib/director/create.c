// Making and freeing the IPVS model.
#include "director/ipvs.h"

#include "base/pages.h"
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ipvs_options ipvs_options_default(void)
{
	return (struct ipvs_options){
	        .udp_timeout = 300 * NS_PER_SEC,
	        .hz = 250,
	        .conntrack_timeout = 30 * NS_PER_SEC,
	        .conntrack_stream_timeout = 120 * NS_PER_SEC,
	        .connections = 1u << 20,
	};
}

static int check_options(const struct ipvs_options *options, struct error *error)
{
	if (options->hz != 100 && options->hz != 250 && options->hz != 300 && options->hz != 1000) {
		return error_set(error, -EINVAL, "a kernel's HZ is 100, 250, 300 or 1000, not %u",
		                 options->hz);
	}
	if (options->udp_timeout < NS_PER_SEC ||
	    options->udp_timeout / NS_PER_SEC >= TIMEOUT_JIFFIES_MAX / options->hz) {
		return error_set(error, -ERANGE, "the UDP timeout must lie between 1 s and %u s at HZ %u",
		                 (unsigned)(TIMEOUT_JIFFIES_MAX / options->hz), options->hz);
	}
	if (options->connections == 0 || options->connections > UINT32_MAX / 4) {
		return error_set(error, -ERANGE,
		                 "the connection table must hold between 1 and %u connections",
		                 UINT32_MAX / 4);
	}
	return 0;
}

uint64_t ipvs_memory(const struct ipvs_options *options, uint64_t flows)
{
	uint64_t used = flows < options->connections ? flows : options->connections;

	return fixed_power_of_two(options->connections) * sizeof(uint32_t) +
	       used * (sizeof(struct connection) + (options->conntrack ? sizeof(struct conntrack) : 0));
}

int ipvs_create(struct ipvs **out, const struct ipvs_options *options, struct error *error)
{
	struct ipvs *ipvs;
	uint64_t buckets;
	int result = check_options(options, error);

	if (result != 0) {
		return result;
	}
	ipvs = calloc(1, sizeof(*ipvs));
	if (ipvs == NULL) {
		return error_set(error, -ENOMEM, "no memory for a director");
	}
	buckets = fixed_power_of_two(options->connections);
	ipvs->options = *options;
	ipvs->flush_at = NS_NEVER;
	ipvs->due = NS_NEVER;
	ipvs->mask = (uint32_t)(buckets - 1);
	ipvs->jiffy_length = NS_PER_SEC / options->hz;
	ipvs->per_jiffy = fixed_ratio(1, ipvs->jiffy_length);
	ipvs->jiffies = options->first_jiffy;
	ipvs->jiffy_end = ipvs->jiffy_length;
	ipvs->timeout = table_jiffies(ipvs, options->udp_timeout);
	ipvs->tracked = options->conntrack;
	// A connection takes memory when it is made.
	ipvs->heads = pages_reserve(buckets * sizeof(*ipvs->heads));
	ipvs->connections = pages_reserve(options->connections * sizeof(*ipvs->connections));
	ipvs->conntracks = pages_reserve(options->connections * sizeof(*ipvs->conntracks));
	if (ipvs->connections == NULL || ipvs->conntracks == NULL || ipvs->heads == NULL) {
		ipvs_destroy(ipvs);
		return error_set(error, -ENOMEM, "no memory for a table of %u connections",
		                 options->connections);
	}
	wheel_init(&ipvs->wheel, &ipvs->connections->timer, options->first_jiffy + 1);
	memset(ipvs->heads, 0xff, buckets * sizeof(*ipvs->heads));
	ipvs->free = TABLE_NONE;
	*out = ipvs;
	return 0;
}

void ipvs_destroy(struct ipvs *ipvs)
{
	if (ipvs == NULL) {
		return;
	}
	for (uint16_t i = 0; i < ipvs->service_count; i++) {
		free(ipvs->services[i]);
	}
	for (uint32_t i = 0; i < ipvs->destination_count; i++) {
		free(ipvs->destinations[i]);
	}
	free(ipvs->services);
	free(ipvs->destinations);
	free(ipvs->servers);
	pages_free(ipvs->heads, ((uint64_t)ipvs->mask + 1) * sizeof(*ipvs->heads));
	pages_free(ipvs->connections, ipvs->options.connections * sizeof(*ipvs->connections));
	pages_free(ipvs->conntracks, ipvs->options.connections * sizeof(*ipvs->conntracks));
	free(ipvs);
}

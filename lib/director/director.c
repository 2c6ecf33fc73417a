#include "director/director.h"

#include "base/fixed.h"
#include "state.h"

#include <rte_mbuf.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MTU_MIN     576
#define PENDING_MAX (1u << 24)

static const char *const drop_names[DIRECTOR_DROPS] = {
        [DIRECTOR_DROP_MALFORMED] = "broken frame",
        [DIRECTOR_DROP_CHECKSUM] = "bad checksum",
        [DIRECTOR_DROP_FOREIGN] = "for another station",
        [DIRECTOR_DROP_IGNORED] = "of no interest",
        [DIRECTOR_DROP_NEIGHBOUR] = "no room for an ARP, ND or echo answer",
        [DIRECTOR_DROP_DELETED] = "real server deleted",
        [DIRECTOR_DROP_LAZY] = "real server deleted, connection expires",
        [DIRECTOR_DROP_OVERLOAD] = "overload defence",
        [DIRECTOR_DROP_TABLE_FULL] = "connection table full",
        [DIRECTOR_DROP_BACKEND_DEAD] = "real server dead",
        [DIRECTOR_DROP_BACKEND_DIED] = "real server died with it",
        [DIRECTOR_DROP_BACKEND_LOSS] = "lost by the real server",
        [DIRECTOR_DROP_BACKEND_QUEUE] = "real server's queue full",
        [DIRECTOR_DROP_BACKEND_QUERY] = "not a DNS query",
        [DIRECTOR_DROP_FAULT_LOSS_IN] = "fault: lost on the way in",
        [DIRECTOR_DROP_FAULT_CORRUPT_IN] = "fault: corrupted on the way in",
        [DIRECTOR_DROP_FAULT_LOSS_OUT] = "fault: lost on the way out",
        [DIRECTOR_DROP_ICMP_LIMIT] = "ICMP rate limit",
        [DIRECTOR_DROP_NO_MBUF] = "no packet buffer",
        [DIRECTOR_DROP_PENDING] = "too many replies on their way",
        [DIRECTOR_DROP_OUTPUT] = "replies not fetched",
        [DIRECTOR_DROP_PORT] = "not taken by the port",
};

const char *director_drop_name(enum director_drop drop)
{
	return (unsigned)drop < DIRECTOR_DROPS ? drop_names[drop] : "unknown";
}

struct director_options director_options_default(void)
{
	return (struct director_options){
	        .ipvs = ipvs_options_default(),
	        .mac = {0x02, 0x53, 0x46, 0, 0, 1},
	        .verify_checksums = true,
	        .mtu = 1500,
	        .pending = 1u << 16,
	};
}

static int check_options(const struct director_options *options, const struct rte_mempool *pool,
                         struct error *error)
{
	const struct director_faults *f = &options->faults;
	const double chances[] = {f->loss_in,    f->loss_out,    f->duplicate_in, f->duplicate_out,
	                          f->corrupt_in, f->corrupt_out, f->truncate_out, f->wrong_source_out};

	if (options->service_count == 0) {
		return error_set(error, -EINVAL, "a director needs at least one virtual service");
	}
	for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++) {
		if (!(chances[i] >= 0 && chances[i] <= 1)) {
			return error_set(error, -ERANGE,
			                 "the probability of a fault must lie between 0 and 1, not at %g",
			                 chances[i]);
		}
	}
	if (options->mtu < MTU_MIN || rte_pktmbuf_data_room_size((struct rte_mempool *)(uintptr_t)pool) <
	                                      RTE_PKTMBUF_HEADROOM + options->mtu + FRAMES_ICMP_HEADERS) {
		return error_set(error, -EINVAL, "an MTU of %u must be %u or more and fit the pool's buffers",
		                 options->mtu, MTU_MIN);
	}
	if (options->pending == 0 || options->pending > PENDING_MAX) {
		return error_set(error, -ERANGE, "replies on their way must number between 1 and %u",
		                 PENDING_MAX);
	}
	if ((options->mac[0] & 1) != 0) {
		return error_set(error, -EINVAL, "the director's MAC address is a group address");
	}
	return 0;
}

int director_add_backend(struct director *director, const struct backend_options *options,
                         struct error *error)
{
	struct backend *grown =
	        realloc(director->backends, (director->backend_count + 1) * sizeof(*director->backends));
	int result;

	if (grown == NULL) {
		return error_set(error, -ENOMEM, "no memory for a real server");
	}
	director->backends = grown;
	result = backend_init(&grown[director->backend_count], options, director->options.seed, error);
	return result != 0 ? result : (int)director->backend_count++;
}

/** Remember which backend a server of the IPVS model is. */
static int bind_server(struct director *director, uint16_t server, unsigned index, struct error *error)
{
	if (server >= director->server_count) {
		uint16_t *grown = realloc(director->backend_of, (server + 1u) * sizeof(*grown));

		if (grown == NULL) {
			return error_set(error, -ENOMEM, "no memory for a real server");
		}
		director->backend_of = grown;
		director->server_count = server + 1u;
	}
	director->backend_of[server] = (uint16_t)index;
	return 0;
}

int director_list_backend(struct director *director, ns_t now, unsigned index, uint32_t weight,
                          struct error *error)
{
	const struct backend_options *backend = &director->backends[index].options;
	bool listed = false;

	for (unsigned i = 0; i < director->options.service_count; i++) {
		const struct director_service *service = &director->services[i];
		uint16_t port = backend->port != 0 ? backend->port : service->port;
		int server;

		if (service->address.family != backend->address.family) {
			continue;
		}
		server = ipvs_server_add(director->ipvs, now, (uint16_t)i, &backend->address, port, weight,
		                         error);
		if (server < 0) {
			return server;
		}
		if (bind_server(director, (uint16_t)server, index, error) != 0) {
			return -ENOMEM;
		}
		listed = true;
	}
	return listed ? 0
	              : error_set(error, -EINVAL,
	                          "no virtual service has the address family of real server %s",
	                          backend->name);
}

static int set_up(struct director *director, const struct director_options *options, struct error *error)
{
	uint64_t outputs = fixed_power_of_two(options->pending);
	int result = ipvs_create(&director->ipvs, &options->ipvs, error);

	if (result != 0) {
		return result;
	}
	director->output_mask = (uint32_t)(outputs - 1);
	director->outputs = calloc(outputs, sizeof(*director->outputs));
	director->transits = calloc(options->pending, sizeof(*director->transits));
	director->services = calloc(options->service_count, sizeof(*director->services));
	if (queue_init(&director->queue, options->pending) != 0 || director->outputs == NULL ||
	    director->transits == NULL || director->services == NULL ||
	    limiter_init(&director->limiter, options->icmp_ratelimit, options->icmp_msgs_per_sec) != 0) {
		return error_set(error, -ENOMEM, "no memory for %u replies on their way", options->pending);
	}
	for (unsigned i = 0; i < options->service_count && result >= 0; i++) {
		director->services[i] = options->services[i];
		result = ipvs_service_add(director->ipvs, 0, &options->services[i].address,
		                          options->services[i].port, &options->services[i].options, error);
	}
	for (unsigned i = 0; i < options->backend_count && result >= 0; i++) {
		result = director_add_backend(director, &options->backends[i], error);
		if (result >= 0) {
			result = director_list_backend(director, 0, (unsigned)result,
			                               options->backends[i].weight, error);
		}
	}
	return result < 0 ? result : 0;
}

int director_create(struct director **out, const struct director_options *options, struct rte_mempool *pool,
                    struct error *error)
{
	struct director *director;
	int result = check_options(options, pool, error);

	if (result != 0) {
		return result;
	}
	director = calloc(1, sizeof(*director));
	if (director == NULL) {
		return error_set(error, -ENOMEM, "no memory for a director");
	}
	director->options = *options;
	director->pool = pool;
	random_seed(&director->random, options->seed, 0);
	director->disturbs_in = options->faults.loss_in > 0 || options->faults.duplicate_in > 0 ||
	                        options->faults.corrupt_in > 0 || options->faults.jitter_in > 0;
	director->disturbs_out = options->faults.loss_out > 0 || options->faults.duplicate_out > 0 ||
	                         options->faults.corrupt_out > 0 || options->faults.truncate_out > 0 ||
	                         options->faults.wrong_source_out > 0 || options->faults.jitter_out > 0;
	result = set_up(director, options, error);
	if (result != 0) {
		director_destroy(director);
		return result;
	}
	// What was borrowed is not kept.
	director->options.services = director->services;
	director->options.backends = NULL;
	*out = director;
	return 0;
}

void director_destroy(struct director *director)
{
	struct queue_entry entry;

	if (director == NULL) {
		return;
	}
	while (queue_pop(&director->queue, NS_NEVER, &entry)) {
		rte_pktmbuf_free(director->transits[entry.slot].mbuf);
	}
	while (director->output_head != director->output_tail) {
		rte_pktmbuf_free(director->outputs[director->output_head++ & director->output_mask].mbuf);
	}
	for (unsigned i = 0; i < director->backend_count; i++) {
		backend_free(&director->backends[i]);
	}
	free(director->backends);
	free(director->backend_of);
	free(director->services);
	free(director->transits);
	free(director->outputs);
	queue_free(&director->queue);
	limiter_free(&director->limiter);
	ipvs_destroy(director->ipvs);
	free(director);
}

const struct director_counters *director_counters(const struct director *director)
{
	return &director->counters;
}

unsigned director_pending(const struct director *director)
{
	return queue_count(&director->queue);
}

const struct ipvs *director_ipvs(const struct director *director)
{
	return director->ipvs;
}

const struct backend *director_backend(const struct director *director, unsigned index)
{
	return index < director->backend_count ? &director->backends[index] : NULL;
}

void director_settle(struct director *director, ns_t now)
{
	director_advance(director, now);
	ipvs_expire(director->ipvs, now);
}

ns_t director_next(const struct director *director)
{
	return director->output_head != director->output_tail ? director->now : queue_next(&director->queue);
}

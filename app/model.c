#include "model.h"

#include <errno.h>
#include <rte_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/random.h"

// The model holds at most this many replies; more are dropped and counted.
#define PENDING_MAX 262144

// Replies that the model may hold: what is on its way at the rate, twice over, and what waits in the real
// servers' queues.
uint32_t model_pending(const struct plan *plan)
{
	double held = 0;

	for (unsigned i = 0; i < plan->director.backend_count; i++) {
		const struct plan_backend *backend = &plan->director.backends[i];

		held += plan->load.size_rate *
		                ns_to_seconds(backend->service_time + 4 * plan->director.delay) * 2 +
		        backend->queue;
	}
	held += 4.0 * plan->port.ring_size;
	return held > PENDING_MAX ? PENDING_MAX : (uint32_t)fixed_power_of_two((uint64_t)held);
}

static void fill_backend(struct backend_options *to, const struct plan_backend *from, ns_t delay)
{
	static const enum backend_distribution distributions[] = {[PLAN_CONSTANT] = BACKEND_CONSTANT,
	                                                          [PLAN_EXPONENTIAL] = BACKEND_EXPONENTIAL,
	                                                          [PLAN_UNIFORM] = BACKEND_UNIFORM};

	*to = (struct backend_options){
	        .address = from->address,
	        .port = from->port,
	        .weight = from->weight,
	        .distribution = distributions[from->distribution],
	        .service_time = from->service_time,
	        .delay = delay,
	        .concurrency = from->concurrency,
	        .queue = from->queue,
	        .loss = from->loss,
	        .answers = from->answers,
	        .answer_count = from->answer_count,
	        .ttl = from->ttl,
	        .rcode = from->rcode,
	};
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->nsid, from->nsid, sizeof(to->nsid));
}

static struct director_options fill_options(const struct plan *plan, const uint8_t mac[6],
                                            const struct model_place *place)
{
	const struct plan_director *model = &plan->director;
	struct director_options options = director_options_default();

	options.ipvs = model->ipvs;
	if (place->connections > 0) {
		options.ipvs.connections = RTE_MIN(options.ipvs.connections, place->connections);
	}
	if (options.ipvs.first_jiffy == 0) {
		// A kernel's timer wheel has any phase when a run begins: the lateness of expiry differs by
		// the seed.
		options.ipvs.first_jiffy = random_mix(plan->seed) >> 32;
	}
	options.mtu = place->mtu > 0 ? place->mtu : options.mtu;
	options.own = place->own;
	options.proxy_neighbours = place->proxy_neighbours;
	options.verify_checksums = place->verify_checksums;
	options.verify_unmarked = place->verify_unmarked;
	options.refuse_partial = place->refuse_partial;
	options.pending = model_pending(plan);
	options.faults = model->faults;
	options.icmp_ratelimit = model->icmp_ratelimit;
	options.icmp_msgs_per_sec = model->icmp_msgs_per_sec;
	options.seed = plan->seed;
	memcpy(options.mac, mac, sizeof(options.mac));
	return options;
}

int model_make(struct director **out, const struct plan *plan, const uint8_t mac[6],
               const struct model_place *place, struct error *error)
{
	const struct plan_director *model = &plan->director;
	const struct director_service service = {plan->service.address, plan->service.port, model->service};
	struct director_options options = fill_options(plan, mac, place);
	struct backend_options *backends =
	        (struct backend_options *)calloc(model->backend_count, sizeof(*backends));
	int rc;

	if (backends == NULL) {
		return error_set(error, -ENOMEM, "no memory for %u real servers", model->backend_count);
	}
	for (unsigned i = 0; i < model->backend_count; i++) {
		fill_backend(&backends[i], &model->backends[i], place->hops * model->delay);
	}
	options.services = &service;
	options.service_count = 1;
	options.backends = backends;
	options.backend_count = model->backend_count;
	rc = director_create(out, &options, place->pool, error);
	free(backends);
	return rc;
}

#include "pools.h"

#include <errno.h>
#include <rte_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "port.h"
#include "worker/team.h"

// Frames: a send ring full, a burst on the way and the caches of the lcores that allocate and free.
#define SPARE_FRAMES   1024
#define CONTROL_FRAMES 511

// An XDP socket's memory is the receive pool: its fill, completion and both packet rings, and the copies that
// it sends.
#define AF_XDP_FRAMES 16384

// DPDK's heap holds devices besides frames, and its free memory comes in pieces.
#define DEVICE_MEMORY (8u << 20)
#define HEAP_SLACK    (24u << 20)

// By the driver, or by the device string of one with other arguments than the driver's usual ones.
static bool is_driver(const struct plan *plan, enum plan_driver driver, const char *name)
{
	return plan->port.driver == driver || (plan->port.driver == PLAN_DRIVER_DEVICE &&
	                                       strncmp(plan->port.device, name, strlen(name)) == 0);
}

static bool is_af_xdp(const struct plan *plan)
{
	return is_driver(plan, PLAN_DRIVER_AF_XDP, "net_af_xdp") || plan->port.driver == PLAN_DRIVER_XDP_LIVE;
}

// A socket, or a file of a tap, both sends and receives: the kernel spreads what arrives over all of them,
// and what comes to one that nobody polls is stranded there. The members of a bond may be such.
static bool has_queue_pairs(const struct plan *plan)
{
	return is_driver(plan, PLAN_DRIVER_AF_PACKET, "net_af_packet") || is_af_xdp(plan) ||
	       is_driver(plan, PLAN_DRIVER_TAP, "net_tap") ||
	       is_driver(plan, PLAN_DRIVER_DEVICE, "net_bonding");
}

unsigned pools_receive_queues(const struct plan *plan)
{
	// The model answers by the queue that a query came from.
	if (model_is_embedded(plan)) {
		return plan->lcores.senders;
	}
	return has_queue_pairs(plan) ? RTE_MAX(plan->lcores.senders, plan->port.receive_queues)
	                             : plan->port.receive_queues;
}

unsigned pools_send_queues(const struct plan *plan)
{
	// A tap has as many of both.
	return is_driver(plan, PLAN_DRIVER_TAP, "net_tap") ? pools_receive_queues(plan)
	                                                   : plan->lcores.senders;
}

unsigned pools_first_queue(const struct plan *plan, unsigned receiver)
{
	return worker_first_queue(pools_receive_queues(plan), plan->lcores.receivers, receiver);
}

// Frames that a queue of the port holds. A packet socket's ring holds copies.
static unsigned queue_frames(const struct plan *plan)
{
	return plan->port.driver == PLAN_DRIVER_AF_PACKET ? 0 : plan->port.ring_size;
}

static unsigned sender_frames(const struct plan *plan)
{
	return queue_frames(plan) + SPARE_FRAMES;
}

unsigned pools_receive_frames(const struct plan *plan, unsigned receiver)
{
	unsigned queues = pools_first_queue(plan, receiver + 1) - pools_first_queue(plan, receiver);
	unsigned per_queue = queue_frames(plan);

	if (is_af_xdp(plan)) {
		per_queue += AF_XDP_FRAMES;
	}
	return queues * per_queue + (plan->lcores.receivers - 1) * plan->port.ring_size + SPARE_FRAMES;
}

unsigned pools_model_frames(const struct plan *plan)
{
	return model_pending(plan) + pools_receive_queues(plan) * plan->port.ring_size + SPARE_FRAMES;
}

// An eighth more: caches, the ends of pages.
static uint64_t heap_of(uint64_t frames)
{
	return frames + frames / 8 + DEVICE_MEMORY;
}

uint64_t pools_memory(const struct plan *plan)
{
	uint64_t peers = (uint64_t)plan->lcores.receivers * (plan->lcores.receivers - 1);
	uint64_t bytes = plan->lcores.senders * port_pool_memory(sender_frames(plan)) +
	                 port_pool_memory(CONTROL_FRAMES) +
	                 peers * fixed_power_of_two(plan->port.ring_size + 1) * sizeof(struct worker_frame);

	for (unsigned i = 0; i < plan->lcores.receivers; i++) {
		bytes += port_pool_memory(pools_receive_frames(plan, i));
	}
	if (model_is_embedded(plan)) {
		bytes += port_pool_memory(pools_model_frames(plan));
	}
	return heap_of(bytes);
}

static unsigned to_reserve(const struct plan *plan, uint64_t heap)
{
	unsigned needed = (unsigned)((heap + HEAP_SLACK) >> 20);

	return RTE_MAX(plan->lcores.memory_mib, needed);
}

unsigned pools_heap_mib(const struct plan *plan)
{
	return to_reserve(plan, pools_memory(plan));
}

unsigned pools_device_heap_mib(const struct plan *plan)
{
	return to_reserve(plan, heap_of(port_pool_memory(pools_model_frames(plan)) +
	                                port_pool_memory(pools_receive_frames(plan, 0))));
}

int pools_make(struct pools *pools, const struct plan *plan, int socket, struct error *error)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned queues = pools_receive_queues(plan);

	pools->senders = (struct rte_mempool **)calloc(plan->lcores.senders, sizeof(*pools->senders));
	pools->receivers = (struct rte_mempool **)calloc(plan->lcores.receivers, sizeof(*pools->receivers));
	pools->queues = (struct rte_mempool **)calloc(queues, sizeof(*pools->queues));
	if (pools->senders == NULL || pools->receivers == NULL || pools->queues == NULL) {
		return error_set(error, -ENOMEM, "no memory for the frame pools");
	}
	pools->sender_count = plan->lcores.senders;
	pools->receiver_count = plan->lcores.receivers;
	for (unsigned i = 0; i < pools->sender_count; i++) {
		snprintf(name, sizeof(name), "sender%u", i);
		pools->senders[i] = port_pool(name, sender_frames(plan), POOLS_CACHE, socket, error);
	}
	for (unsigned i = 0; i < pools->receiver_count; i++) {
		snprintf(name, sizeof(name), "receiver%u", i);
		pools->receivers[i] =
		        port_pool(name, pools_receive_frames(plan, i), POOLS_CACHE, socket, error);
		for (unsigned k = pools_first_queue(plan, i); k < pools_first_queue(plan, i + 1); k++) {
			pools->queues[k] = pools->receivers[i];
		}
	}
	pools->control = port_pool("control", CONTROL_FRAMES, 0, socket, error);
	if (model_is_embedded(plan)) {
		pools->director = port_pool("director", pools_model_frames(plan), POOLS_CACHE, 0, error);
	}
	return error->code;
}

void pools_release(struct pools *pools)
{
	for (unsigned i = 0; i < pools->sender_count; i++) {
		rte_mempool_free(pools->senders[i]);
	}
	for (unsigned i = 0; i < pools->receiver_count; i++) {
		rte_mempool_free(pools->receivers[i]);
	}
	rte_mempool_free(pools->control);
	rte_mempool_free(pools->director);
	free(pools->queues);
	free(pools->receivers);
	free(pools->senders);
	memset(pools, 0, sizeof(*pools));
}

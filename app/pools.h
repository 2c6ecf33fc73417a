#pragma once
// The pools that frames come from, one an owner: each sender, each receiver's queues, the control path and
// the embedded director. How many frames each holds follows from the plan alone, so that `check` can say it.
// The main thread makes and frees them.

#include "base/error.h"
#include "config/plan.h"

#include <rte_mempool.h>
#include <stdint.h>

/** Frames that an lcore keeps of a pool for itself. */
#define POOLS_CACHE 256

struct pools {
	struct rte_mempool **senders;   ///< [plan->lcores.senders]
	struct rte_mempool **receivers; ///< [plan->lcores.receivers]
	struct rte_mempool **queues;    ///< by receive queue of the port, whose of `receivers` it is
	struct rte_mempool *control;
	struct rte_mempool *director; ///< NULL without one
	unsigned sender_count, receiver_count;
};

/** Make them on the NUMA node `socket`. Returns 0 or a negative errno; release in either case. */
int pools_make(struct pools *pools, const struct plan *plan, int socket, struct error *error);
void pools_release(struct pools *pools);

/** Bytes that the pools and rings of this plan take in the DPDK heap. */
uint64_t pools_memory(const struct plan *plan);

/** MiB to reserve for the DPDK heap: what the plan says, and more where its frames need more. */
unsigned pools_heap_mib(const struct plan *plan);

/** The same for a director that is a process of its own: its model's frames and those of its receive queues.
 */
unsigned pools_device_heap_mib(const struct plan *plan);

/** Queues of the port: as the plan says, and more where the driver has them in pairs. */
unsigned pools_receive_queues(const struct plan *plan);
unsigned pools_send_queues(const struct plan *plan);

/** The first receive queue that a receiver polls; of the number of receivers: the number of queues. */
unsigned pools_first_queue(const struct plan *plan, unsigned receiver);

/** Frames for a receiver: those in its queues, and those that it has handed to the others. */
unsigned pools_receive_frames(const struct plan *plan, unsigned receiver);

/** Frames for the director model: replies on their way, and those in its end's queues. */
unsigned pools_model_frames(const struct plan *plan);

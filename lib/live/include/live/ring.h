#pragma once
// The ring of frames that a TX lcore shares with the kernel: the memory of a BPF map. The lcore writes frames
// into slots (live_ring_put), the programs of live/program.h take them in the kernel, hand them to the
// driver, and give back the slots of those that it took. One lcore puts, one kernel thread takes; whoever
// mapped the memory owns it. Nothing here waits, allocates or makes a system call.

#include <rte_mbuf.h>
#include <stddef.h>
#include <stdint.h>

/** Slots of a ring, at the most. */
#define LIVE_SLOTS_MAX 4096

/** Frames between bpf_redirect() and the driver, at the most: the kernel's batch (64 by default) is less. A
 * power of two. */
#define LIVE_FLIGHT 256

/** Octets of a map's value that a process may map: KMALLOC_MAX_SIZE (mm/slab.h) on all architectures. */
#define LIVE_RING_OCTETS_MAX (4u << 20)

/** A frame. Slots follow each other at a distance of a power of two. */
struct live_slot {
	uint32_t length; ///< octets of the frame; 0: the slot is free
	uint32_t unused;
	uint8_t octets[];
};

/** The shared memory. The counters never go back; what they count is found at counter mod size. */
struct live_ring {
	// The lcore writes.
	uint64_t tail __attribute__((aligned(64))); ///< slots filled so far

	// The kernel's programs write.
	uint64_t head __attribute__((aligned(64))); ///< slots taken so far
	uint64_t flight_head, flight_tail;          ///< of flight[]
	uint64_t again_head, again_tail;            ///< of again[]
	uint64_t task;    ///< who runs the programs, as bpf_get_current_pid_tgid() says; 0: not known yet
	uint64_t sent;    ///< frames that the driver took
	uint64_t refused; ///< frames that it did not; each was tried again
	int64_t error;    ///< why it refused the last one, a negative errno; 0: its queue was full

	uint32_t flight[LIVE_FLIGHT]; ///< slots whose frames were redirected and did not reach the driver yet
	uint32_t again[LIVE_SLOTS_MAX]; ///< slots whose frames the driver refused: they go first

	uint8_t slots[] __attribute__((aligned(64)));
};

/** Sizes of a ring. */
struct live_shape {
	uint32_t slots;   ///< a power of two
	uint32_t shift;   ///< a slot takes 2^shift octets
	uint32_t longest; ///< frame that a slot holds
	uint32_t octets;  ///< of the whole ring
};

/** The lcore's end. */
struct live_end {
	struct live_ring *ring;
	struct live_shape shape;
	uint64_t tail; ///< as in the ring, which the kernel reads meanwhile
};

/** The sizes of a ring of about `slots` slots for frames of up to `longest` octets. */
struct live_shape live_shape_of(unsigned slots, unsigned longest);

/** The slot of that number, which may count round. */
static inline struct live_slot *live_slot_at(struct live_ring *ring, const struct live_shape *shape,
                                             uint64_t number)
{
	return (struct live_slot *)(ring->slots + ((number & (shape->slots - 1)) << shape->shift));
}

/**
 * Put frames into the ring, as DPDK's eth_tx_burst_t does with `end` as its queue: returns how many found a
 * free slot; these are copied and their buffers go back to their pool, which all of a call have in common.
 */
uint16_t live_ring_put(void *end, struct rte_mbuf **frames, uint16_t count);

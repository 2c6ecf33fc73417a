#pragma once
// A ring of fixed-size records from one thread to another, for what is written to a file by neither of the
// lcores that see it. One producer, one consumer, no lock; a full ring drops the record and counts it. The
// creator owns the memory and frees it when both have ended.

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct capture_ring {
	// Read-only after creation.
	uint8_t *records;
	size_t size; ///< of one record
	uint64_t mask;

	// The producer writes.
	_Atomic uint64_t tail __attribute__((aligned(64))); ///< records committed
	_Atomic uint64_t dropped;                           ///< records that found no room
	uint64_t head_seen;                                 ///< the last `head` that it looked up

	// The consumer writes.
	_Atomic uint64_t head __attribute__((aligned(64))); ///< records released
};

/** Allocate `count` (rounded up to a power of two) records of `size` octets, and touch them all. Returns 0 or
 * -ENOMEM. */
int capture_ring_init(struct capture_ring *ring, uint64_t count, size_t size, struct error *error);

/** Free the records; a zeroed ring may be released. */
void capture_ring_release(struct capture_ring *ring);

/** Producer: the place of the next record, to be filled and committed; NULL when the ring is full, which is
 * counted. */
static inline void *capture_ring_reserve(struct capture_ring *ring)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail - ring->head_seen > ring->mask) {
		ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
		if (tail - ring->head_seen > ring->mask) {
			atomic_store_explicit(&ring->dropped,
			                      atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1,
			                      memory_order_relaxed);
			return NULL;
		}
	}
	return ring->records + (tail & ring->mask) * ring->size;
}

/** Producer: the reserved record is complete. */
static inline void capture_ring_commit(struct capture_ring *ring)
{
	atomic_store_explicit(&ring->tail, atomic_load_explicit(&ring->tail, memory_order_relaxed) + 1,
	                      memory_order_release);
}

/** Consumer: the oldest record, NULL when there is none. It stays valid until it is released. */
static inline const void *capture_ring_peek(const struct capture_ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head == atomic_load_explicit(&ring->tail, memory_order_acquire)) {
		return NULL;
	}
	return ring->records + (head & ring->mask) * ring->size;
}

/** Consumer: done with the oldest record. */
static inline void capture_ring_pop(struct capture_ring *ring)
{
	atomic_store_explicit(&ring->head, atomic_load_explicit(&ring->head, memory_order_relaxed) + 1,
	                      memory_order_release);
}

/** Records that found no room. Any thread. */
static inline uint64_t capture_ring_dropped(const struct capture_ring *ring)
{
	return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}

#pragma once
// What is on its way in the director, by time, first in first out at equal times. What is due no earlier than
// what came before it, as with a constant service time, waits in a ring; the rest in a heap. Private to the
// director.

#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>

/** An entry; `slot` is the caller's. */
struct queue_entry {
	ns_t at;
	uint64_t order;
	uint32_t slot;
};

struct queue {
	struct queue_entry *ring; ///< in the order of their times
	struct queue_entry *heap;
	uint32_t *free; ///< stack of unused slots
	uint32_t free_count;
	uint32_t ring_mask;
	uint32_t ring_head;
	uint32_t ring_tail;
	uint32_t heap_count;
	ns_t next;      ///< time of the first entry, NS_NEVER when there is none
	ns_t ring_last; ///< time of the entry that came last into the ring
	uint64_t order;
};

/** Prepare for `size` entries. Returns 0 or -ENOMEM. */
int queue_init(struct queue *queue, uint32_t size);

void queue_free(struct queue *queue);

/** Take a slot for an entry at `at`. Returns false when none is left. */
bool queue_push(struct queue *queue, ns_t at, uint32_t *slot);

/** Take the first entry if its time has come by `now`. Its slot stays taken until queue_release(). */
bool queue_pop(struct queue *queue, ns_t now, struct queue_entry *out);

void queue_release(struct queue *queue, uint32_t slot);

/** Time of the first entry, NS_NEVER when there is none. */
static inline ns_t queue_next(const struct queue *queue)
{
	return queue->next;
}

/** Entries on their way. */
static inline uint32_t queue_count(const struct queue *queue)
{
	return queue->ring_tail - queue->ring_head + queue->heap_count;
}

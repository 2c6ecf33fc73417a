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

/** Put an entry into the heap. */
void queue_push_late(struct queue *queue, const struct queue_entry *entry);

/** Take the first entry of ring and heap; the heap is not empty. */
void queue_pop_first(struct queue *queue, struct queue_entry *out);

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

/** Take a slot for an entry at `at`. Returns false when none is left. */
static inline bool queue_push(struct queue *queue, ns_t at, uint32_t *slot)
{
	struct queue_entry entry = {.at = at, .order = queue->order};

	if (queue->free_count == 0) {
		return false;
	}
	queue->order++;
	entry.slot = queue->free[--queue->free_count];
	if (queue->ring_head == queue->ring_tail || at >= queue->ring_last) {
		queue->ring[queue->ring_tail++ & queue->ring_mask] = entry;
		queue->ring_last = at;
	} else {
		queue_push_late(queue, &entry);
	}
	queue->next = at < queue->next ? at : queue->next;
	*slot = entry.slot;
	return true;
}

/** Take the first entry if its time has come by `now`. Its slot stays taken until queue_release(). */
static inline bool queue_pop(struct queue *queue, ns_t now, struct queue_entry *out)
{
	if (queue->next > now || queue_count(queue) == 0) {
		return false;
	}
	if (queue->heap_count > 0) {
		queue_pop_first(queue, out);
		return true;
	}
	*out = queue->ring[queue->ring_head++ & queue->ring_mask];
	queue->next = queue->ring_head != queue->ring_tail
	                      ? queue->ring[queue->ring_head & queue->ring_mask].at
	                      : NS_NEVER;
	return true;
}

static inline void queue_release(struct queue *queue, uint32_t slot)
{
	queue->free[queue->free_count++] = slot;
}

#pragma once
// What is on its way in the director: a heap by time, first in first out at equal times. Private to the
// director.

#include "base/units.h"

#include <stdbool.h>
#include <stdint.h>

/** An entry of the heap; `slot` is the caller's. */
struct queue_entry {
	ns_t at;
	uint64_t order;
	uint32_t slot;
};

struct queue {
	struct queue_entry *entries;
	uint32_t *free; ///< stack of unused slots
	uint32_t free_count;
	uint32_t count;
	uint32_t size;
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
	return queue->count > 0 ? queue->entries[0].at : NS_NEVER;
}

#include "queue.h"

#include "base/fixed.h"

#include <errno.h>
#include <stdlib.h>

int queue_init(struct queue *queue, uint32_t size)
{
	uint64_t ring = fixed_power_of_two(size);

	*queue = (struct queue){.free_count = size, .ring_mask = (uint32_t)(ring - 1), .next = NS_NEVER};
	queue->ring = malloc(ring * sizeof(*queue->ring));
	queue->heap = malloc(size * sizeof(*queue->heap));
	queue->free = malloc(size * sizeof(*queue->free));
	if (queue->ring == NULL || queue->heap == NULL || queue->free == NULL) {
		queue_free(queue);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < size; i++) {
		queue->free[i] = size - 1 - i;
	}
	return 0;
}

void queue_free(struct queue *queue)
{
	free(queue->ring);
	free(queue->heap);
	free(queue->free);
	*queue = (struct queue){.next = NS_NEVER};
}

static bool is_before(const struct queue_entry *a, const struct queue_entry *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void heap_push(struct queue *queue, const struct queue_entry *entry)
{
	uint32_t i;

	for (i = queue->heap_count++; i > 0; i = (i - 1) / 2) {
		struct queue_entry *parent = &queue->heap[(i - 1) / 2];

		if (is_before(parent, entry)) {
			break;
		}
		queue->heap[i] = *parent;
	}
	queue->heap[i] = *entry;
}

static void heap_pop(struct queue *queue)
{
	struct queue_entry last = queue->heap[--queue->heap_count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < queue->heap_count &&
		    is_before(&queue->heap[child + 1], &queue->heap[child])) {
			child++;
		}
		if (child >= queue->heap_count || !is_before(&queue->heap[child], &last)) {
			break;
		}
		queue->heap[i] = queue->heap[child];
		i = child;
	}
	queue->heap[i] = last;
}

bool queue_push(struct queue *queue, ns_t at, uint32_t *slot)
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
		heap_push(queue, &entry);
	}
	queue->next = at < queue->next ? at : queue->next;
	*slot = entry.slot;
	return true;
}

/** The first entry, at the head of the ring or of the heap; NULL when there is none. */
static const struct queue_entry *find_first(const struct queue *queue)
{
	const struct queue_entry *ring = &queue->ring[queue->ring_head & queue->ring_mask];

	if (queue->ring_head == queue->ring_tail) {
		return queue->heap_count > 0 ? queue->heap : NULL;
	}
	return queue->heap_count > 0 && is_before(queue->heap, ring) ? queue->heap : ring;
}

bool queue_pop(struct queue *queue, ns_t now, struct queue_entry *out)
{
	const struct queue_entry *first = find_first(queue);

	if (first == NULL || first->at > now) {
		return false;
	}
	*out = *first;
	if (first == queue->heap) {
		heap_pop(queue);
	} else {
		queue->ring_head++;
	}
	first = find_first(queue);
	queue->next = first != NULL ? first->at : NS_NEVER;
	return true;
}

void queue_release(struct queue *queue, uint32_t slot)
{
	queue->free[queue->free_count++] = slot;
}

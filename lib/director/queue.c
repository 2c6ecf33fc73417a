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

void queue_push_late(struct queue *queue, const struct queue_entry *entry)
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

void queue_pop_first(struct queue *queue, struct queue_entry *out)
{
	const struct queue_entry *ring = &queue->ring[queue->ring_head & queue->ring_mask];
	ns_t next = NS_NEVER;

	if (queue->ring_head == queue->ring_tail || is_before(queue->heap, ring)) {
		*out = queue->heap[0];
		heap_pop(queue);
	} else {
		*out = *ring;
		queue->ring_head++;
	}
	if (queue->ring_head != queue->ring_tail) {
		next = queue->ring[queue->ring_head & queue->ring_mask].at;
	}
	queue->next = queue->heap_count > 0 && queue->heap[0].at < next ? queue->heap[0].at : next;
}

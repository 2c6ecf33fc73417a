#include "queue.h"

#include <errno.h>
#include <stdlib.h>

int queue_init(struct queue *queue, uint32_t size)
{
	*queue = (struct queue){.size = size, .free_count = size};
	queue->entries = malloc(size * sizeof(*queue->entries));
	queue->free = malloc(size * sizeof(*queue->free));
	if (queue->entries == NULL || queue->free == NULL) {
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
	free(queue->entries);
	free(queue->free);
	*queue = (struct queue){0};
}

static bool is_before(const struct queue_entry *a, const struct queue_entry *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

bool queue_push(struct queue *queue, ns_t at, uint32_t *slot)
{
	struct queue_entry entry = {.at = at, .order = queue->order};
	uint32_t i;

	if (queue->free_count == 0) {
		return false;
	}
	queue->order++;
	entry.slot = queue->free[--queue->free_count];
	for (i = queue->count++; i > 0; i = (i - 1) / 2) {
		struct queue_entry *parent = &queue->entries[(i - 1) / 2];

		if (is_before(parent, &entry)) {
			break;
		}
		queue->entries[i] = *parent;
	}
	queue->entries[i] = entry;
	*slot = entry.slot;
	return true;
}

bool queue_pop(struct queue *queue, ns_t now, struct queue_entry *out)
{
	struct queue_entry last;
	uint32_t i = 0;

	if (queue->count == 0 || queue->entries[0].at > now) {
		return false;
	}
	*out = queue->entries[0];
	last = queue->entries[--queue->count];
	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < queue->count &&
		    is_before(&queue->entries[child + 1], &queue->entries[child])) {
			child++;
		}
		if (child >= queue->count || !is_before(&queue->entries[child], &last)) {
			break;
		}
		queue->entries[i] = queue->entries[child];
		i = child;
	}
	queue->entries[i] = last;
	return true;
}

void queue_release(struct queue *queue, uint32_t slot)
{
	queue->free[queue->free_count++] = slot;
}

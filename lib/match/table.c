#include "match/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fixed.h"
#include "slot.h"

// Every run passes the wrap of sequences early, as Linux's jiffies do.
#define FIRST_SEQUENCE (UINT32_MAX - 4095)

uint32_t match_depth(double rate, ns_t timeout, uint32_t tuples, bool random, uint32_t limit)
{
	double mean = rate * ns_to_seconds(timeout) / (double)(tuples > 0 ? tuples : 1);
	// The largest of n Poisson variables of this mean stays below mean + s sqrt(mean) + s / 2 with s =
	// sqrt(2 ln n) + 2.
	double spread = sqrt(2 * log((double)tuples + 1)) + 2;
	double need = random ? mean + spread * sqrt(mean) + spread / 2 : ceil(mean) + 1;
	uint64_t depth;

	if (need > MATCH_DEPTH_MAX) {
		need = MATCH_DEPTH_MAX;
	}
	depth = fixed_power_of_two(need < 2 ? 2 : (uint64_t)ceil(need));
	if (limit > 0 && depth > fixed_power_of_two(limit)) {
		depth = fixed_power_of_two(limit);
	}
	return depth < 2 ? 2 : (uint32_t)depth;
}

uint32_t match_capacity(double rate, ns_t timeout)
{
	double need = rate * ns_to_seconds(timeout) * 1.125 + 1024;

	if (need > (double)MATCH_CAPACITY_MAX) {
		need = (double)MATCH_CAPACITY_MAX;
	}
	return (uint32_t)fixed_power_of_two((uint64_t)need);
}

uint64_t match_table_memory(uint32_t tuples, uint32_t depth, uint32_t capacity)
{
	return (uint64_t)tuples * depth * sizeof(struct match_slot) + (uint64_t)capacity * sizeof(uint32_t);
}

static void *map_zeroed(size_t size)
{
	void *memory =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		return NULL;
	}
	// A random tuple costs one TLB miss a page: with 2 MiB pages the table's translations fit the TLB.
	(void)madvise(memory, size, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
	(void)madvise(memory, size, MADV_POPULATE_WRITE); // now, so that the data path never faults
#endif
	return memory;
}

int match_table_init(struct match_table *table, uint32_t first, uint32_t count, uint32_t depth,
                     uint32_t capacity, ns_t timeout, struct error *error)
{
	memset(table, 0, sizeof(*table));
	if (count == 0 || depth == 0 || (depth & (depth - 1)) != 0 || depth > MATCH_DEPTH_MAX ||
	    capacity < 2 || capacity > MATCH_CAPACITY_MAX || (capacity & (capacity - 1)) != 0) {
		return error_set(error, -EINVAL,
		                 "an in-flight table of %" PRIu32 " tuples, depth %" PRIu32 " and %" PRIu32
		                 " entries can't be made; tuples are 1 or more, depth is a power of two up "
		                 "to %d, entries are one of 2 to %" PRIu32,
		                 count, depth, capacity, MATCH_DEPTH_MAX, MATCH_CAPACITY_MAX);
	}
	if (timeout == 0 || timeout > MATCH_TIMEOUT_MAX) {
		return error_set(error, -EINVAL,
		                 "a timeout of %.3f s is out of range; allowed is up to %.0f s",
		                 ns_to_seconds(timeout), ns_to_seconds(MATCH_TIMEOUT_MAX));
	}
	table->slot_count = (uint64_t)count * depth;
	if (table->slot_count > UINT32_MAX) {
		return error_set(error, -EINVAL,
		                 "%" PRIu32 " tuples with %" PRIu32
		                 " queries in flight each are more than 2^32; "
		                 "use fewer tuples, a lower rate or a shorter timeout",
		                 count, depth);
	}
	table->first_tuple = first;
	table->tuple_count = count;
	table->depth_shift = (uint8_t)fixed_log2(depth);
	table->fifo_mask = capacity - 1;
	table->timeout = timeout;
	table->slots = (struct match_slot *)map_zeroed(table->slot_count * sizeof(struct match_slot));
	table->fifo = (uint32_t *)map_zeroed((size_t)capacity * sizeof(uint32_t));
	if (table->slots == NULL || table->fifo == NULL) {
		match_table_release(table);
		return error_set(error, -ENOMEM,
		                 "no memory for %" PRIu32 " tuples x %" PRIu32
		                 " queries in flight; use fewer "
		                 "tuples, a lower rate or a shorter timeout",
		                 count, depth);
	}
	table->tail = FIRST_SEQUENCE;
	table->head_seen = FIRST_SEQUENCE;
	table->published_seen = FIRST_SEQUENCE;
	atomic_init(&table->published, FIRST_SEQUENCE);
	atomic_init(&table->head, FIRST_SEQUENCE);
	return 0;
}

void match_table_release(struct match_table *table)
{
	if (table->slots != NULL) {
		munmap(table->slots, table->slot_count * sizeof(struct match_slot));
	}
	if (table->fifo != NULL) {
		munmap(table->fifo, ((size_t)table->fifo_mask + 1) * sizeof(uint32_t));
	}
	table->slots = NULL;
	table->fifo = NULL;
}

uint64_t match_outstanding(const struct match_table *table)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);
	uint64_t count = 0;

	for (uint64_t i = 0; i < table->slot_count; i++) {
		const struct match_slot *slot = &table->slots[i];

		count += word_state(atomic_load_explicit(&slot->word, memory_order_relaxed)) == MATCH_SENT &&
		         (int32_t)(atomic_load_explicit(&slot->sequence, memory_order_relaxed) - published) <
		                 0;
	}
	return count;
}

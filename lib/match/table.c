#include "match/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fixed.h"
#include "base/pages.h"
#include "match/send.h"
#include "past.h"

// The head steps over so many queries at once, and over no more than such a part of the log.
#define HEAD_BEHIND 256
#define HEAD_SHARE  256

// At low rates memory is no concern, and late replies are told apart for longer.
#define CAPACITY_LEAST 65536

// The marks of tuples (match/send.h) have 15 bits of a sequence. They must tell a query in flight from one
// that has ended, so half of what they span is more than the log holds; and the longer they span, the longer
// a tuple may rest before its mark does not tell. A block of a tuple takes as many queries of the whole table
// as half the index has places, if all are used alike: 64 such blocks are told apart.
static uint32_t mark_shift(uint32_t capacity, uint64_t places)
{
	uint64_t unit = capacity >> 13 > places >> 9 ? capacity >> 13 : places >> 9;
	uint32_t shift = unit > 1 ? fixed_log2(fixed_power_of_two(unit)) : 0;

	// Sequences wrap at 2^32: with more than 17 bits less, marks would not wrap at 2^15.
	return shift < 17 ? shift : 17;
}

uint32_t match_capacity(double rate, ns_t timeout)
{
	double need = rate * ns_to_seconds(timeout) * 1.25 + 1024;

	need = need < CAPACITY_LEAST ? CAPACITY_LEAST : need;
	return need > (double)MATCH_CAPACITY_MAX ? MATCH_CAPACITY_MAX
	                                         : (uint32_t)fixed_power_of_two((uint64_t)need);
}

uint32_t match_depth(double rate, ns_t timeout, uint32_t tuples, bool random, uint32_t limit)
{
	double mean = rate * ns_to_seconds(timeout) / (double)(tuples > 0 ? tuples : 1);
	// The largest of n Poisson variables of this mean stays below mean + s sqrt(mean) + s / 2 with s =
	// sqrt(2 ln n) + 2.
	double spread = sqrt(2 * log((double)tuples + 1)) + 2;
	double need = random ? mean + spread * sqrt(mean) + spread / 2 : ceil(mean) + 1;
	// Nearly all blocks, of half the depth, should take longer than a timeout, so that marks tell.
	double block = random ? mean + 4 * sqrt(mean) + 2 : ceil(1.25 * mean) + 1;
	uint64_t depth;

	need = need < 2 * block ? 2 * block : need;

	if (need > MATCH_DEPTH_MAX) {
		need = MATCH_DEPTH_MAX;
	}
	depth = fixed_power_of_two(need < 2 ? 2 : (uint64_t)ceil(need));
	if (limit > 0 && depth > fixed_power_of_two(limit)) {
		depth = fixed_power_of_two(limit);
	}
	return depth < 2 ? 2 : (uint32_t)depth;
}

uint64_t match_table_memory(uint64_t tuples, uint32_t depth, uint32_t capacity, bool remember)
{
	return tuples * depth * (sizeof(uint32_t) + (remember ? sizeof(struct match_past) : 0)) +
	       (uint64_t)capacity * sizeof(struct match_entry);
}

static int error_no_memory(struct error *error, uint32_t tuples, uint32_t depth)
{
	return error_set(error, -ENOMEM,
	                 "no memory for %" PRIu32 " tuples x %" PRIu32 " queries in flight; use fewer "
	                 "tuples, a lower rate or a shorter timeout",
	                 tuples, depth);
}

int match_table_init(struct match_table *table, uint32_t first, uint32_t count, uint32_t depth,
                     uint32_t capacity, ns_t timeout, struct error *error)
{
	memset(table, 0, sizeof(*table));
	if (count == 0 || depth < 2 || (depth & (depth - 1)) != 0 || depth > MATCH_DEPTH_MAX ||
	    capacity < 2 || capacity > MATCH_CAPACITY_MAX || (capacity & (capacity - 1)) != 0) {
		return error_set(
		        error, -EINVAL,
		        "an in-flight table of %" PRIu32 " tuples, depth %" PRIu32 " and %" PRIu32
		        " entries can't be made; tuples are 1 or more, depth is a power of two from 2 "
		        "to %d, entries are one of 2 to %" PRIu32,
		        count, depth, capacity, MATCH_DEPTH_MAX, MATCH_CAPACITY_MAX);
	}
	if (timeout == 0 || timeout > MATCH_TIMEOUT_MAX) {
		return error_set(error, -EINVAL,
		                 "a timeout of %.3f s is out of range; allowed is up to %.0f s",
		                 ns_to_seconds(timeout), ns_to_seconds(MATCH_TIMEOUT_MAX));
	}
	table->place_count = (uint64_t)count * depth;
	if (table->place_count > UINT32_MAX) {
		return error_set(error, -EINVAL,
		                 "%" PRIu32 " tuples with %" PRIu32
		                 " queries in flight each are more than 2^32; "
		                 "use fewer tuples, a lower rate or a shorter timeout",
		                 count, depth);
	}
	table->first_tuple = first;
	table->tuple_count = count;
	table->depth_shift = fixed_log2(depth);
	table->log_mask = capacity - 1;
	table->mark_shift = mark_shift(capacity, table->place_count);
	table->head_behind = capacity / HEAD_SHARE < HEAD_BEHIND ? capacity / HEAD_SHARE : HEAD_BEHIND;
	table->timeout = timeout;
	table->log = (struct match_entry *)pages_allocate((uint64_t)capacity * sizeof(*table->log));
	table->index = (_Atomic uint32_t *)pages_allocate(table->place_count * sizeof(*table->index));
	if (table->log == NULL || table->index == NULL) {
		match_table_release(table);
		return error_no_memory(error, count, depth);
	}
	for (uint64_t i = 0; i < table->place_count; i++) {
		atomic_init(&table->index[i], MATCH_FIRST_SEQUENCE - 1); // its entry is empty
	}
	table->tail = MATCH_FIRST_SEQUENCE;
	table->head_seen = MATCH_FIRST_SEQUENCE;
	table->wanted_seen = MATCH_FIRST_SEQUENCE;
	atomic_init(&table->published, MATCH_FIRST_SEQUENCE);
	atomic_init(&table->head, MATCH_FIRST_SEQUENCE);
	atomic_init(&table->indexed, MATCH_FIRST_SEQUENCE);
	atomic_init(&table->wanted, MATCH_FIRST_SEQUENCE);
	return 0;
}

int match_table_remember(struct match_table *table, struct error *error)
{
	table->past = (struct match_past *)pages_allocate(table->place_count * sizeof(*table->past));
	return table->past != NULL
	               ? 0
	               : error_no_memory(error, table->tuple_count, UINT32_C(1) << table->depth_shift);
}

void match_table_release(struct match_table *table)
{
	pages_free(table->log, ((uint64_t)table->log_mask + 1) * sizeof(*table->log));
	pages_free((void *)(uintptr_t)table->index, table->place_count * sizeof(*table->index));
	pages_free(table->past, table->place_count * sizeof(*table->past));
	table->log = NULL;
	table->index = NULL;
	table->past = NULL;
}

uint64_t match_outstanding(const struct match_table *table)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);
	uint64_t count = 0;

	for (uint32_t sequence = atomic_load_explicit(&table->head, memory_order_acquire);
	     sequence != published; sequence++) {
		count += word_state(atomic_load_explicit(&table->log[sequence & table->log_mask].word,
		                                         memory_order_relaxed)) == MATCH_SENT;
	}
	return count;
}

#include "match/table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fixed.h"

// word: bits 63..28 sent time in units of 16 ns, 27..12 query id, 11..3 age class, 2..0 state.
#define TIME_SHIFT     28
#define TIME_UNIT_LOG2 4
#define TIME_MASK      ((UINT64_C(1) << 36) - 1)
#define ID_SHIFT       12
#define AGE_SHIFT      3
#define STATE_MASK     UINT64_C(7)

_Static_assert(sizeof(struct match_slot) == 16, "a query in flight takes 16 bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "slots are published by plain stores");
_Static_assert(offsetof(struct match_table, published) % 64 == 0, "TX's line");
_Static_assert(offsetof(struct match_table, head) % 64 == 0, "RX's line");

static inline uint64_t word_make(ns_t sent_at, uint16_t id, uint16_t age_class, enum match_state state)
{
	return (sent_at >> TIME_UNIT_LOG2) << TIME_SHIFT | (uint64_t)id << ID_SHIFT | (uint64_t)age_class << AGE_SHIFT |
	       (uint64_t)state;
}

static inline enum match_state word_state(uint64_t word)
{
	return (enum match_state)(word & STATE_MASK);
}

static inline uint16_t word_id(uint64_t word)
{
	return (uint16_t)(word >> ID_SHIFT);
}

// Time since the slot was stamped, modulo 2^40 ns. A stamp up to 2^39 ns ahead of `now` (the other core's clock was read a little
// later) counts as no time at all.
static inline ns_t word_age(uint64_t word, ns_t now)
{
	uint64_t age = ((now >> TIME_UNIT_LOG2) - (word >> TIME_SHIFT)) & TIME_MASK;

	return age > TIME_MASK / 2 ? 0 : age << TIME_UNIT_LOG2;
}

static inline uint64_t slot_number(const struct match_table *table, uint32_t tuple, uint16_t id)
{
	return ((uint64_t)(tuple - table->first_tuple) << table->depth_shift) |
	       (id & ((UINT32_C(1) << table->depth_shift) - 1));
}

static void query_from(struct match_query *query, uint32_t tuple, uint64_t word, uint32_t question, ns_t now)
{
	query->tuple = tuple;
	query->question = question;
	query->id = word_id(word);
	query->age_class = (uint16_t)((word >> AGE_SHIFT) & (MATCH_AGE_CLASSES - 1));
	query->sent_at = now - word_age(word, now);
}

uint32_t match_depth(double rate, ns_t timeout, uint32_t tuples, bool random, uint32_t limit)
{
	double mean = rate * ns_to_seconds(timeout) / (double)(tuples > 0 ? tuples : 1);
	// The largest of n Poisson variables of this mean stays below mean + s sqrt(mean) + s with s = sqrt(2 ln n) + 2.
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

	if (need > (double)(UINT32_C(1) << 30)) {
		need = (double)(UINT32_C(1) << 30);
	}
	return (uint32_t)fixed_power_of_two((uint64_t)need);
}

uint64_t match_table_memory(uint32_t tuples, uint32_t depth, uint32_t capacity)
{
	return (uint64_t)tuples * depth * sizeof(struct match_slot) + (uint64_t)capacity * sizeof(uint32_t);
}

static void *map_zeroed(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		return NULL;
	}
	// A random tuple costs one TLB miss a page: with 2 MiB pages the table's translations fit the TLB.
	(void)madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

int match_table_init(struct match_table *table, uint32_t first, uint32_t count, uint32_t depth, uint32_t capacity,
		     ns_t timeout, struct error *error)
{
	memset(table, 0, sizeof(*table));
	if (count == 0 || depth == 0 || (depth & (depth - 1)) != 0 || depth > MATCH_DEPTH_MAX || capacity < 2 ||
	    (capacity & (capacity - 1)) != 0) {
		return error_set(error, -EINVAL, "an in-flight table of %" PRIu32 " tuples, depth %" PRIu32 " and %" PRIu32
				 " entries can't be made; depth and entries are powers of two", count, depth, capacity);
	}
	if (timeout == 0 || timeout > MATCH_TIMEOUT_MAX) {
		return error_set(error, -EINVAL, "a timeout of %.3f s is out of range; allowed is up to %.0f s",
				 ns_to_seconds(timeout), ns_to_seconds(MATCH_TIMEOUT_MAX));
	}
	table->slot_count = (uint64_t)count * depth;
	if (table->slot_count > UINT32_MAX) {
		return error_set(error, -EINVAL, "%" PRIu32 " tuples with %" PRIu32 " queries in flight each are more than 2^32; "
				 "use fewer tuples, a lower rate or a shorter timeout", count, depth);
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
		return error_set(error, -ENOMEM, "no memory for %" PRIu32 " tuples x %" PRIu32 " queries in flight; use fewer "
				 "tuples, a lower rate or a shorter timeout", count, depth);
	}
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

// ---- TX side

static bool fifo_is_full(struct match_table *table)
{
	if (table->tail - table->head_seen <= table->fifo_mask) {
		return false;
	}
	table->head_seen = atomic_load_explicit(&table->head, memory_order_acquire);
	return table->tail - table->head_seen > table->fifo_mask;
}

static uint32_t tuple_in_flight(const struct match_table *table, uint32_t tuple)
{
	const struct match_slot *slot = &table->slots[slot_number(table, tuple, 0)];
	uint32_t count = 0;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		count += word_state(atomic_load_explicit(&slot[i].word, memory_order_acquire)) == MATCH_SENT;
	}
	return count;
}

enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;

	if (fifo_is_full(table)) {
		return MATCH_TABLE_FULL;
	}
	if (limit > 0 && limit < depth && tuple_in_flight(table, tuple) >= limit) {
		return MATCH_TUPLE_FULL;
	}
	// Ids count up, so the slot tried first is the one that was used longest ago: late replies stay recognisable longest.
	for (uint32_t i = 0; i < depth; i++) {
		uint16_t candidate = (uint16_t)(*id + i);
		const struct match_slot *slot = &table->slots[slot_number(table, tuple, candidate)];

		if (word_state(atomic_load_explicit(&slot->word, memory_order_acquire)) != MATCH_SENT) {
			*id = candidate;
			return MATCH_ROOM;
		}
	}
	return MATCH_TUPLE_FULL;
}

void match_stage(struct match_table *table, uint32_t tuple, uint16_t id, uint16_t age_class, uint32_t question, ns_t now)
{
	uint64_t number = slot_number(table, tuple, id);
	struct match_slot *slot = &table->slots[number];

	// The state goes last and with release: whoever sees MATCH_SENT sees this query's sequence and question.
	atomic_store_explicit(&slot->word, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&slot->sequence, table->tail, memory_order_relaxed);
	atomic_store_explicit(&slot->question, question, memory_order_relaxed);
	atomic_store_explicit(&slot->word, word_make(now, id, age_class, MATCH_SENT), memory_order_release);
	table->fifo[table->tail & table->fifo_mask] = (uint32_t)number;
	table->tail++;
}

struct match_query match_staged_query(const struct match_table *table, uint32_t k, ns_t now)
{
	uint32_t sequence = atomic_load_explicit(&table->published, memory_order_relaxed) + k;
	uint32_t number = table->fifo[sequence & table->fifo_mask];
	const struct match_slot *slot = &table->slots[number];
	struct match_query query;

	query_from(&query, table->first_tuple + (number >> table->depth_shift),
		   atomic_load_explicit(&slot->word, memory_order_relaxed),
		   atomic_load_explicit(&slot->question, memory_order_relaxed), now);
	return query;
}

void match_restamp(struct match_table *table, uint32_t k, ns_t now)
{
	uint32_t sequence = atomic_load_explicit(&table->published, memory_order_relaxed) + k;

	for (; sequence != table->tail; sequence++) {
		struct match_slot *slot = &table->slots[table->fifo[sequence & table->fifo_mask]];
		uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);

		word = word_make(now, 0, 0, MATCH_FREE) | (word & ((UINT64_C(1) << TIME_SHIFT) - 1));
		atomic_store_explicit(&slot->word, word, memory_order_release);
	}
}

void match_publish(struct match_table *table, uint32_t count)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_relaxed);

	atomic_store_explicit(&table->published, published + count, memory_order_release);
}

void match_withdraw(struct match_table *table)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_relaxed);

	for (uint32_t sequence = published; sequence != table->tail; sequence++) {
		struct match_slot *slot = &table->slots[table->fifo[sequence & table->fifo_mask]];

		atomic_store_explicit(&slot->word, 0, memory_order_release);
	}
	table->tail = published;
}

// ---- RX side

// A consistent copy of a slot that TX may be writing: read until the word stands still around the other two fields.
static uint64_t slot_read(const struct match_slot *slot, uint32_t *sequence, uint32_t *question)
{
	uint64_t before, after;

	do {
		before = atomic_load_explicit(&slot->word, memory_order_acquire);
		*sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);
		*question = atomic_load_explicit(&slot->question, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&slot->word, memory_order_relaxed);
	} while (before != after);
	return before;
}

static bool is_published(struct match_table *table, uint32_t sequence)
{
	if ((int32_t)(sequence - table->published_seen) < 0) {
		return true;
	}
	table->published_seen = atomic_load_explicit(&table->published, memory_order_acquire);
	return (int32_t)(sequence - table->published_seen) < 0;
}

static void slot_end(struct match_slot *slot, uint64_t word, enum match_state state)
{
	atomic_store_explicit(&slot->word, (word & ~STATE_MASK) | (uint64_t)state, memory_order_release);
}

enum match_result match_reply(struct match_table *table, uint32_t tuple, uint16_t id, const struct match_question *question,
			      bool end, ns_t now, struct match_query *query)
{
	struct match_slot *slot = &table->slots[slot_number(table, tuple, id)];
	uint32_t sequence, asked;
	uint64_t word = slot_read(slot, &sequence, &asked);
	enum match_state state = word_state(word);

	if (state == MATCH_FREE || word_id(word) != id) {
		return MATCH_IS_UNEXPECTED;
	}
	query_from(query, tuple, word, asked, now);
	if (question->check != NULL && (question->bytes == NULL ||
					!question->check(question->context, asked, question->bytes, question->length))) {
		return MATCH_IS_MISMATCH;
	}
	if (state == MATCH_LOST) {
		// The slot is TX's again and may be taken at any moment, so this one write of RX is an exchange, off the usual path:
		// a second late reply must be a duplicate, or there would be more late replies than losses.
		if (end && !atomic_compare_exchange_strong_explicit(&slot->word, &word, (word & ~STATE_MASK) | MATCH_ANSWERED,
								    memory_order_acq_rel, memory_order_relaxed)) {
			return MATCH_IS_UNEXPECTED;
		}
		return MATCH_IS_LATE;
	}
	if (state != MATCH_SENT) {
		return MATCH_IS_DUPLICATE;
	}
	if (!is_published(table, sequence)) {
		return MATCH_IS_EARLY;
	}
	if (end) {
		slot_end(slot, word, MATCH_ANSWERED);
	}
	return MATCH_IS_ANSWER;
}

// The only published query in flight on a tuple; -1 when there is none or several.
static int only_query(struct match_table *table, uint32_t tuple)
{
	int found = -1;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		const struct match_slot *slot = &table->slots[slot_number(table, tuple, (uint16_t)i)];
		uint32_t sequence, question;
		uint64_t word = slot_read(slot, &sequence, &question);

		if (word_state(word) != MATCH_SENT || !is_published(table, sequence)) {
			continue;
		}
		if (found >= 0) {
			return -1;
		}
		found = word_id(word);
	}
	return found;
}

enum match_result match_refuse(struct match_table *table, uint32_t tuple, int id, ns_t now, struct match_query *query)
{
	static const struct match_question any = {.check = NULL};
	enum match_result result;
	struct match_slot *slot;

	if (id < 0) {
		id = only_query(table, tuple);
		if (id < 0) {
			return MATCH_IS_UNEXPECTED;
		}
	}
	result = match_reply(table, tuple, (uint16_t)id, &any, false, now, query);
	if (result == MATCH_IS_ANSWER) {
		slot = &table->slots[slot_number(table, tuple, (uint16_t)id)];
		slot_end(slot, atomic_load_explicit(&slot->word, memory_order_relaxed), MATCH_REFUSED);
	}
	return result;
}

unsigned match_expire(struct match_table *table, ns_t now, struct match_query *lost, unsigned max)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);
	unsigned count = 0;

	table->published_seen = published;
	while (head != published && count < max) {
		uint32_t number = table->fifo[head & table->fifo_mask];
		struct match_slot *slot = &table->slots[number];
		uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

		if ((int32_t)(published - head) > 8) {
			__builtin_prefetch(&table->slots[table->fifo[(head + 8) & table->fifo_mask]], 1);
		}
		// Answered since, or answered and used again: nothing waits here any more.
		if (word_state(word) == MATCH_SENT &&
		    atomic_load_explicit(&slot->sequence, memory_order_relaxed) == head) {
			if (word_age(word, now) < table->timeout) {
				break;
			}
			query_from(&lost[count++], table->first_tuple + (number >> table->depth_shift), word,
				   atomic_load_explicit(&slot->question, memory_order_relaxed), now);
			slot_end(slot, word, MATCH_LOST);
		}
		head++;
	}
	atomic_store_explicit(&table->head, head, memory_order_release);
	return count;
}

ns_t match_next_expiry(struct match_table *table, ns_t now)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);

	for (; head != published; head++) {
		const struct match_slot *slot = &table->slots[table->fifo[head & table->fifo_mask]];
		uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);

		if (word_state(word) == MATCH_SENT &&
		    atomic_load_explicit(&slot->sequence, memory_order_relaxed) == head) {
			return now - word_age(word, now) + table->timeout;
		}
	}
	return NS_NEVER;
}

uint64_t match_outstanding(const struct match_table *table)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);
	uint64_t count = 0;

	for (uint64_t i = 0; i < table->slot_count; i++) {
		const struct match_slot *slot = &table->slots[i];

		count += word_state(atomic_load_explicit(&slot->word, memory_order_relaxed)) == MATCH_SENT &&
			 (int32_t)(atomic_load_explicit(&slot->sequence, memory_order_relaxed) - published) < 0;
	}
	return count;
}

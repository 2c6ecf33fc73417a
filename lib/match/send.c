#include "match/table.h"

#include "slot.h"

// Up to this depth a tuple's slots share a cache line, and counting them costs nothing.
#define DEPTH_OF_LINE 4

_Static_assert(DEPTH_OF_LINE * sizeof(struct match_slot) <= 64, "slots of a line");

static bool fifo_is_full(struct match_table *table)
{
	if (table->tail - table->head_seen <= table->fifo_mask) {
		return false;
	}
	table->head_seen = atomic_load_explicit(&table->head, memory_order_acquire);
	return table->tail - table->head_seen > table->fifo_mask;
}

// Acquire: RX is done with what it read of the query before.
static inline bool slot_is_free(const struct match_slot *slot)
{
	return word_state(atomic_load_explicit(&slot->word, memory_order_acquire)) != MATCH_SENT;
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

// The next query finds a slot without a search in all but a failing network: ids count up, so the slot tried
// first is the one that was used longest ago (which also keeps late replies recognisable longest). A limit
// below the depth must not cost a count of the whole tuple a query: where the slots share a cache line they
// are counted, else only `limit` slots of them are used, so no more can be in flight. Probing ends after
// MATCH_PROBES, so a tuple full of lost queries costs a bounded time a query due; the first slot tried is the
// first to expire, so no tuple stays blocked that way.
static __attribute__((noinline)) enum match_room search(struct match_table *table, uint32_t tuple,
                                                        uint32_t limit, uint16_t *id)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	uint32_t usable = limit > 0 && limit < depth ? limit : depth;
	uint16_t candidate = *id;

	if (usable < depth && depth <= DEPTH_OF_LINE) {
		if (tuple_in_flight(table, tuple) >= limit) {
			return MATCH_TUPLE_FULL;
		}
		usable = depth;
	}
	for (uint32_t i = 0; i < usable && i < MATCH_PROBES; i++, candidate++) {
		const struct match_slot *slot;

		if ((candidate & (depth - 1)) >= usable) {
			candidate = (uint16_t)((candidate | (depth - 1)) + 1);
		}
		slot = &table->slots[slot_number(table, tuple, candidate)];
		if (slot_is_free(slot)) {
			*id = candidate;
			return MATCH_ROOM;
		}
	}
	return MATCH_TUPLE_FULL;
}

enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id)
{
	if (fifo_is_full(table)) {
		return MATCH_TABLE_FULL;
	}
	if (limit == 0 && slot_is_free(&table->slots[slot_number(table, tuple, *id)])) {
		return MATCH_ROOM;
	}
	return search(table, tuple, limit, id);
}

void match_stage(struct match_table *table, uint32_t tuple, uint16_t id, uint16_t age_class,
                 uint32_t question, ns_t now)
{
	uint64_t number = slot_number(table, tuple, id);
	struct match_slot *slot = &table->slots[number];

	// The state goes last and with release: whoever sees MATCH_SENT sees this query's sequence and
	// question. It is cleared first, and the fence keeps that order: whoever sees a part of this query
	// sees that the one before has gone (slot_read).
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

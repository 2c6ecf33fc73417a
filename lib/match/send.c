#include "match/send.h"

// Up to this depth it costs little to count a tuple's queries in flight.
#define DEPTH_TO_COUNT 4

// Whether the query that stands at a place has ended, or is none of this place's any more. Acquire: RX is
// done with what it read of it.
static bool place_is_free(const struct match_table *table, uint64_t place)
{
	uint32_t sequence = atomic_load_explicit(&table->index[place], memory_order_relaxed);
	const struct match_entry *entry = &table->log[sequence & table->log_mask];
	uint64_t word;

	if (sequence - table->head_seen >= table->tail - table->head_seen) {
		return true;
	}
	word = atomic_load_explicit(&entry->word, memory_order_acquire);
	return word_state(word) != MATCH_SENT ||
	       match_place(table, atomic_load_explicit(&entry->tuple, memory_order_relaxed), word_id(word)) !=
	               place;
}

static uint32_t tuple_in_flight(const struct match_table *table, uint32_t tuple)
{
	uint64_t place = match_place(table, tuple, 0);
	uint32_t count = 0;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		count += !place_is_free(table, place + i);
	}
	return count;
}

// The next query finds a place without a search in all but a failing network: ids count up, so the place
// tried first is the one that was used longest ago (which also keeps late replies recognisable longest). A
// limit below the depth must not cost a count of the whole tuple a query: where there are few places they are
// counted, else only `limit` of them are used, so no more can be in flight. Probing ends after MATCH_PROBES,
// so a tuple full of lost queries costs a bounded time a query due; the first place tried is the first to
// expire, so no tuple stays blocked that way.
enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	uint32_t usable = limit > 0 && limit < depth ? limit : depth;
	uint16_t candidate = *id;

	table->head_seen = atomic_load_explicit(&table->head, memory_order_acquire);
	if (table->tail - table->head_seen > table->log_mask) {
		return MATCH_TABLE_FULL;
	}
	if (usable < depth && depth <= DEPTH_TO_COUNT) {
		if (tuple_in_flight(table, tuple) >= limit) {
			return MATCH_TUPLE_FULL;
		}
		usable = depth;
	}
	for (uint32_t i = 0; i < usable && i < MATCH_PROBES; i++, candidate++) {
		if ((candidate & (depth - 1)) >= usable) {
			candidate = (uint16_t)((candidate | (depth - 1)) + 1);
		}
		if (place_is_free(table, match_place(table, tuple, candidate))) {
			*id = candidate;
			return MATCH_ROOM;
		}
	}
	return MATCH_TUPLE_FULL;
}

struct match_query match_staged_query(const struct match_table *table, uint32_t k, ns_t now)
{
	uint32_t sequence = atomic_load_explicit(&table->published, memory_order_relaxed) + k;
	const struct match_entry *entry = &table->log[sequence & table->log_mask];
	struct match_query query;

	query_from(&query, atomic_load_explicit(&entry->tuple, memory_order_relaxed),
	           atomic_load_explicit(&entry->word, memory_order_relaxed),
	           atomic_load_explicit(&entry->question, memory_order_relaxed), now);
	return query;
}

void match_restamp(struct match_table *table, uint32_t k, ns_t now)
{
	uint32_t sequence = atomic_load_explicit(&table->published, memory_order_relaxed) + k;

	for (; sequence != table->tail; sequence++) {
		struct match_entry *entry = &table->log[sequence & table->log_mask];
		uint64_t word = atomic_load_explicit(&entry->word, memory_order_relaxed);

		word = word_make(now, 0, 0, MATCH_FREE) | (word & ((UINT64_C(1) << TIME_SHIFT) - 1));
		atomic_store_explicit(&entry->word, word, memory_order_release);
	}
}

void match_withdraw(struct match_table *table)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_relaxed);

	for (uint32_t sequence = published; sequence != table->tail; sequence++) {
		atomic_store_explicit(&table->log[sequence & table->log_mask].word, 0, memory_order_release);
	}
	table->tail = published;
}

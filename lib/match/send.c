#include "match/send.h"

// Up to this depth it costs little to count a tuple's queries in flight.
#define DEPTH_TO_COUNT 4

// Queries that the index lags behind and that TX looks through when a mark does not tell. RX is asked to
// catch up, so that they are few the next time; until it has, a tuple of which more would have to be looked
// at is called full.
#define LAG_MAX 1024

// What the index does not know yet of a tuple: queries that were staged since RX caught up.
struct lag {
	uint32_t indexed;
	uint32_t count; // of all tuples
	uint32_t of_tuple;
};

static const struct match_entry *entry_at(const struct match_table *table, uint32_t sequence)
{
	return &table->log[sequence & table->log_mask];
}

// Acquire: where it has ended, RX is done with what it read of it.
static bool is_in_flight(const struct match_entry *entry)
{
	return word_state(atomic_load_explicit(&entry->word, memory_order_acquire)) == MATCH_SENT;
}

// TX wrote the entries from `tail` back itself, so its plain reads are good.
static bool is_of_place(const struct match_table *table, const struct match_entry *entry, uint64_t place)
{
	return match_place(table, atomic_load_explicit(&entry->tuple, memory_order_relaxed),
	                   word_id(atomic_load_explicit(&entry->word, memory_order_relaxed))) == place;
}

static struct lag lag_of(struct match_table *table, uint32_t tuple)
{
	struct lag lag = {.indexed = atomic_load_explicit(&table->indexed, memory_order_acquire)};

	atomic_store_explicit(&table->wanted, table->tail, memory_order_relaxed);
	lag.count = table->tail - lag.indexed;
	for (uint32_t i = 0; i < lag.count && lag.count <= LAG_MAX; i++) {
		const struct match_entry *entry = entry_at(table, lag.indexed + i);

		lag.of_tuple += atomic_load_explicit(&entry->tuple, memory_order_relaxed) == tuple &&
		                is_in_flight(entry);
	}
	return lag;
}

static bool lag_has(const struct match_table *table, const struct lag *lag, uint64_t place)
{
	for (uint32_t i = 0; i < lag->count && lag->of_tuple > 0; i++) {
		const struct match_entry *entry = entry_at(table, lag->indexed + i);

		if (is_in_flight(entry) && is_of_place(table, entry, place)) {
			return true;
		}
	}
	return false;
}

// Whether the query that the index knows at a place has ended, or is none of this place's any more.
static bool index_is_free(const struct match_table *table, uint64_t place)
{
	uint32_t sequence = atomic_load_explicit(&table->index[place], memory_order_acquire);
	const struct match_entry *entry = entry_at(table, sequence);

	return sequence - table->head_seen >= table->tail - table->head_seen || !is_in_flight(entry) ||
	       !is_of_place(table, entry, place);
}

static uint32_t tuple_in_flight(const struct match_table *table, const struct lag *lag, uint32_t tuple)
{
	uint64_t place = match_place(table, tuple, 0);
	uint32_t count = lag->of_tuple;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		count += !index_is_free(table, place + i) && !lag_has(table, lag, place + i);
	}
	return count;
}

// What the tuple's mark tells once the head is known as it is. Where it does not tell, `*mark` is what it
// becomes when a place in this block is used all the same: a block that began unsure after an unsure one has
// all before it to wait for.
static bool mark_has_room(const struct match_staging *staging, uint16_t id, match_mark *mark)
{
	bool first = (id & staging->block_mask) == 0;

	if ((*mark & MATCH_MARK_UNSURE) == 0) {
		if (match_staging_has_room(staging, id, mark)) {
			return true;
		}
	} else if (first) {
		*mark = match_mark_from(staging->tail, staging->mark_shift);
	} else if (match_mark_is_passed(*mark, staging->head_mark)) {
		*mark = match_mark_from(staging->tail, staging->mark_shift);
		return true;
	}
	*mark |= MATCH_MARK_UNSURE;
	return false;
}

// The first id from `id` on with its place among the `usable` first of its tuple.
static uint16_t first_usable(const struct match_table *table, uint32_t usable, uint16_t id)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;

	return (id & (depth - 1)) < usable ? id : (uint16_t)((id | (depth - 1)) + 1);
}

// The first id from `*id` on whose place is free, by a look at each. A limit below the depth must not cost a
// count of the whole tuple a query: where there are few places they are counted, else only `limit` of them
// are used, so no more can be in flight. Probing ends after MATCH_PROBES, so a tuple full of lost queries
// costs a bounded time a query due; the first place tried is the first to expire, so no tuple stays blocked
// that way.
static enum match_room search(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	struct lag lag = lag_of(table, tuple);
	uint16_t candidate = *id;

	if (lag.count > LAG_MAX) {
		return MATCH_TUPLE_FULL;
	}
	if (limit < depth && depth <= DEPTH_TO_COUNT) {
		if (tuple_in_flight(table, &lag, tuple) >= limit) {
			return MATCH_TUPLE_FULL;
		}
		limit = depth;
	}
	for (uint32_t i = 0; i < limit && i < MATCH_PROBES; i++, candidate++) {
		uint64_t place;

		candidate = first_usable(table, limit, candidate);
		place = match_place(table, tuple, candidate);
		if (!lag_has(table, &lag, place) && index_is_free(table, place)) {
			*id = candidate;
			return MATCH_ROOM;
		}
	}
	return MATCH_TUPLE_FULL;
}

// With a limit below the depth the mark stands for the tuple's last query: when the head has passed that,
// none is in flight.
static enum match_room reserve_limited(struct match_table *table, uint32_t tuple, uint32_t limit,
                                       uint16_t *id, match_mark *mark)
{
	match_mark head_mark = match_mark_of(table->head_seen, table->mark_shift);
	uint32_t depth = UINT32_C(1) << table->depth_shift;

	if (match_mark_is_passed(*mark, head_mark)) {
		*id = depth <= DEPTH_TO_COUNT ? *id : first_usable(table, limit, *id);
	} else if (search(table, tuple, limit, id) != MATCH_ROOM) {
		return MATCH_TUPLE_FULL;
	}
	*mark = match_mark_from(table->tail + 1, table->mark_shift);
	return MATCH_ROOM;
}

// The next query finds a place without a search in all but a failing network: ids count up, so the place
// tried first is the one that was used longest ago (which also keeps late replies recognisable longest).
enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id,
                              match_mark *mark)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	struct match_staging staging;
	match_mark after = *mark;
	uint16_t wanted = *id;

	table->head_seen = atomic_load_explicit(&table->head, memory_order_acquire);
	if (table->tail - table->head_seen > table->log_mask) {
		return MATCH_TABLE_FULL;
	}
	if (limit > 0 && limit < depth) {
		return reserve_limited(table, tuple, limit, id, mark);
	}
	staging = match_staging_begin(table);
	if (mark_has_room(&staging, wanted, &after)) {
		*mark = after;
		return MATCH_ROOM;
	}
	if (search(table, tuple, depth, id) != MATCH_ROOM) {
		return MATCH_TUPLE_FULL;
	}
	if (((wanted ^ *id) & ~staging.block_mask) != 0) {
		// Ids were left out up to another block.
		after = match_mark_from(staging.tail, staging.mark_shift);
	}
	*mark = after | MATCH_MARK_UNSURE;
	return MATCH_ROOM;
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

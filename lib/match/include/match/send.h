#pragma once
// TX's side of the in-flight table (match/table.h): stage, publish, restamp, withdraw. Called by the TX lcore
// that owns the table's tuples, and by nobody else. What a query costs is inline; what a failing network
// costs is not.

#include "match/entry.h"

enum match_room {
	MATCH_ROOM,       ///< a place is free
	MATCH_TUPLE_FULL, ///< every place of this tuple is in flight, or the next MATCH_PROBES are
	MATCH_TABLE_FULL, ///< the log is full
};

/**
 * TX's hold on a table for the length of a burst: what staging needs, in a local variable, so that the
 * compiler keeps it in registers between the stores to the table's memory. Nothing else touches TX's side of
 * the table between begin and end.
 */
struct match_staging {
	struct match_entry *log;
	_Atomic uint32_t *index; ///< of tuple 0, which may be another table's
	uint32_t log_mask, depth_shift;
	uint32_t tail, head_seen;
};

static inline struct match_staging match_staging_begin(const struct match_table *table)
{
	return (struct match_staging){
	        .log = table->log,
	        .index = table->index - ((uint64_t)table->first_tuple << table->depth_shift),
	        .log_mask = table->log_mask,
	        .depth_shift = table->depth_shift,
	        .tail = table->tail,
	        .head_seen = table->head_seen,
	};
}

static inline void match_staging_end(struct match_table *table, const struct match_staging *staging)
{
	table->tail = staging->tail;
}

static inline uint64_t match_staging_place(const struct match_staging *staging, uint32_t tuple, uint16_t id)
{
	return ((uint64_t)tuple << staging->depth_shift) + (id & ((UINT32_C(1) << staging->depth_shift) - 1));
}

/** How many queries can be staged before the log is full, as far as is known: match_reserve() looks again. */
static inline uint32_t match_staging_room(const struct match_staging *staging)
{
	return staging->log_mask + 1 - (staging->tail - staging->head_seen);
}

/**
 * Whether the next query on `tuple` may have `id`, at a first look: ids count up, so the query that stands
 * there is the one sent longest ago, and nearly always one that the log's head has passed. When the look does
 * not tell, ask match_reserve(). There is room in the log.
 */
static inline bool match_staging_has_room(const struct match_staging *staging, uint32_t tuple, uint16_t id)
{
	uint32_t window = staging->tail - staging->head_seen;
	uint32_t sequence = atomic_load_explicit(&staging->index[match_staging_place(staging, tuple, id)],
	                                         memory_order_relaxed);

	return sequence - staging->head_seen >= window;
}

/** Stage the query for which there is room: from now on it belongs to the next in sequence. */
static inline void match_staging_put(struct match_staging *staging, uint32_t tuple, uint16_t id,
                                     uint16_t age_class, uint32_t question, ns_t now)
{
	struct match_entry *entry = &staging->log[staging->tail & staging->log_mask];

	// RX may be looking at the query that stood here (a late reply). So the word is cleared first, and
	// the fence keeps that order: whoever sees a part of this query sees that the one before has gone
	// (entry_read in receive.c). The index goes last: whoever finds the sequence there finds this query.
	atomic_store_explicit(&entry->word, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&entry->tuple, tuple, memory_order_relaxed);
	atomic_store_explicit(&entry->question, question, memory_order_relaxed);
	atomic_store_explicit(&entry->word, word_make(now, id, age_class, MATCH_SENT), memory_order_release);
	atomic_store_explicit(&staging->index[match_staging_place(staging, tuple, id)], staging->tail,
	                      memory_order_release);
	staging->tail++;
}

/**
 * Find a free place for the next query on `tuple`, trying ids from `*id` on. On MATCH_ROOM, `*id` is the id
 * to use; the next call should begin one above. At most `limit` queries may be in flight on the tuple (0: as
 * many as the depth allows); the limit is the same in every call for a tuple. In constant time.
 */
enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id);

/** Stage one query after a successful match_reserve() for the same id: begin, put and end. */
static inline void match_stage(struct match_table *table, uint32_t tuple, uint16_t id, uint16_t age_class,
                               uint32_t question, ns_t now)
{
	struct match_staging staging = match_staging_begin(table);

	match_staging_put(&staging, tuple, id, age_class, question, now);
	match_staging_end(table, &staging);
}

/** Bring the place of a query that will be staged into the cache. Always inlined: see match_prefetch. */
__attribute__((always_inline)) static inline void match_prefetch_place(const struct match_table *table,
                                                                       uint32_t tuple, uint16_t id)
{
	__builtin_prefetch(&table->index[match_place(table, tuple, id)], 1);
}

/** Staged queries that are not published yet. */
static inline uint32_t match_staged(const struct match_table *table)
{
	return table->tail - atomic_load_explicit(&table->published, memory_order_relaxed);
}

/** The k-th staged query (0 is the oldest). */
struct match_query match_staged_query(const struct match_table *table, uint32_t k, ns_t now);

/** Give the staged queries from the k-th on a new send time: they are tried again. */
void match_restamp(struct match_table *table, uint32_t k, ns_t now);

/** The port accepted the `count` oldest staged queries: they are in flight. Count them as sent before this
 * call. */
static inline void match_publish(struct match_table *table, uint32_t count)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_relaxed);

	atomic_store_explicit(&table->published, published + count, memory_order_release);
}

/** The staged queries will not be sent: forget them. */
void match_withdraw(struct match_table *table);

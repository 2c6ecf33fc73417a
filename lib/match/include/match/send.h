#pragma once
// TX's side of the in-flight table (match/table.h): stage, publish, restamp, withdraw. Called by the TX lcore
// that owns the table's tuples, and by nobody else. What a query costs is inline; what a failing network
// costs is not.

#include "match/entry.h"

enum match_room {
	MATCH_ROOM,       ///< a place is free
	MATCH_TUPLE_FULL, ///< every place of this tuple is in flight, or the next MATCH_PROBES are; or RX has
	                  ///< so much to enter into the index (match_catch_up) that it can't be told
	MATCH_TABLE_FULL, ///< the log is full
};

/**
 * What TX remembers of a tuple's places, so that it need not look: the caller keeps one a tuple, zero at
 * first. Ids count up, and half of a tuple's places at a time are a block: before the ids of a block are
 * used, those of the block before the last must have ended. All of these were sent before the first query of
 * the last block, so they have ended when the log's head has passed that one, and that is nearly always so.
 * Bits 15..1: that query's sequence, rounded up, in units of 2^mark_shift and modulo 2^15. Bit 0: the mark
 * did not tell when the block was entered, so each of its places is looked at.
 */
typedef uint16_t match_mark;

#define MATCH_MARK_UNSURE 1

/** Sequences begin a little below 2^32, so that every run passes the wrap early, as Linux's jiffies do. */
#define MATCH_FIRST_SEQUENCE (UINT32_MAX - 4095)

/**
 * TX's hold on a table for the length of a burst: what staging needs, in a local variable, so that the
 * compiler keeps it in registers between the stores to the table's memory. Nothing else touches TX's side of
 * the table between begin and end.
 */
struct match_staging {
	struct match_entry *log;
	uint32_t log_mask;
	uint32_t tail, head_seen;
	uint16_t block_mask; ///< an id with none of these bits begins a block
	match_mark head_mark;
	uint32_t mark_shift;
};

/** The mark of a sequence that the log's head is compared with: rounded down. */
static inline match_mark match_mark_of(uint32_t sequence, uint32_t mark_shift)
{
	return (match_mark)((sequence - MATCH_FIRST_SEQUENCE) >> mark_shift << 1);
}

/** The mark of a block's first query: rounded up. */
static inline match_mark match_mark_from(uint32_t sequence, uint32_t mark_shift)
{
	return match_mark_of(sequence + ((UINT32_C(1) << mark_shift) - 1), mark_shift);
}

/** Whether the head has reached what `mark` stands for. False is no proof of the contrary. */
static inline bool match_mark_is_passed(match_mark mark, match_mark head_mark)
{
	return (int16_t)(head_mark - (mark & ~MATCH_MARK_UNSURE)) >= 0;
}

static inline struct match_staging match_staging_begin(const struct match_table *table)
{
	return (struct match_staging){
	        .log = table->log,
	        .log_mask = table->log_mask,
	        .tail = table->tail,
	        .head_seen = table->head_seen,
	        .block_mask = (uint16_t)((UINT32_C(1) << (table->depth_shift - 1)) - 1),
	        .head_mark = match_mark_of(table->head_seen, table->mark_shift),
	        .mark_shift = table->mark_shift,
	};
}

static inline void match_staging_end(struct match_table *table, const struct match_staging *staging)
{
	table->tail = staging->tail;
}

/** How many queries can be staged before the log is full, as far as is known: match_reserve() looks again. */
static inline uint32_t match_staging_room(const struct match_staging *staging)
{
	return staging->log_mask + 1 - (staging->tail - staging->head_seen);
}

/**
 * Whether the next query on a tuple may have `id`, at a first look at the tuple's mark; when it may, the mark
 * becomes what it is after this query. When the look does not tell, ask match_reserve(). There is room in the
 * log.
 */
static inline bool match_staging_has_room(const struct match_staging *staging, uint16_t id, match_mark *mark)
{
	bool first = (id & staging->block_mask) == 0;
	bool passed = match_mark_is_passed(*mark, staging->head_mark);

	if (__builtin_expect((*mark & MATCH_MARK_UNSURE) | (first & !passed), 0)) {
		return false;
	}
	if (__builtin_expect(first,
	                     0)) { // a store for each query of 2 of the record's 16 octets costs 3 ns of 22
		*mark = match_mark_from(staging->tail, staging->mark_shift);
	}
	return true;
}

/** Stage the query for which there is room: from now on it belongs to the next in sequence. */
static inline void match_staging_put(struct match_staging *staging, uint32_t tuple, uint16_t id,
                                     uint16_t age_class, uint32_t question, ns_t now)
{
	struct match_entry *entry = &staging->log[staging->tail & staging->log_mask];

	// RX may be looking at the query that stood here (a late reply). So the word is cleared first, and
	// the fence keeps that order: whoever sees a part of this query sees that the one before has gone
	// (entry_read in receive.c).
	atomic_store_explicit(&entry->word, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&entry->tuple, tuple, memory_order_relaxed);
	atomic_store_explicit(&entry->question, question, memory_order_relaxed);
	atomic_store_explicit(&entry->word, word_make(now, id, age_class, MATCH_SENT), memory_order_release);
	staging->tail++;
}

/**
 * Find a free place for the next query on `tuple`, trying ids from `*id` on. On MATCH_ROOM, `*id` is the id
 * to use, and `*mark` the tuple's mark after that; the next call should begin one above. At most `limit`
 * queries may be in flight on the tuple (0: as many as the depth allows); the limit is the same in every call
 * for a tuple. In constant time.
 */
enum match_room match_reserve(struct match_table *table, uint32_t tuple, uint32_t limit, uint16_t *id,
                              match_mark *mark);

/** Stage one query after a successful match_reserve() for the same id: begin, put and end. */
static inline void match_stage(struct match_table *table, uint32_t tuple, uint16_t id, uint16_t age_class,
                               uint32_t question, ns_t now)
{
	struct match_staging staging = match_staging_begin(table);

	match_staging_put(&staging, tuple, id, age_class, question, now);
	match_staging_end(table, &staging);
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

#pragma once
// What an entry of the in-flight log holds, for the two sides of the table: TX's is match/send.h, RX's
// receive.c. Nobody else needs it.

#include "match/table.h"

// word: bits 63..28 sent time in units of 16 ns, 27..12 query id, 11..3 age class, 2..0 state.
#define TIME_SHIFT     28
#define TIME_UNIT_LOG2 4
#define TIME_MASK      ((UINT64_C(1) << 36) - 1)
#define ID_SHIFT       12
#define AGE_SHIFT      3
#define STATE_MASK     UINT64_C(7)

// A send time up to this many units ahead of `now` (1 s) is one of a clock that was read later, not one of
// 1099 s ago.
#define TIME_AHEAD (UINT64_C(1) << 26)

_Static_assert(sizeof(struct match_entry) == 16, "a query in flight takes 16 bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "entries are published by plain stores");
_Static_assert(MATCH_TIME_UNIT == 1 << TIME_UNIT_LOG2, "the header says what the word keeps");
_Static_assert(MATCH_TIME_SPAN == (TIME_MASK + 1) << TIME_UNIT_LOG2, "and how much of it");
_Static_assert(offsetof(struct match_table, published) % 64 == 0, "TX's line");
_Static_assert(offsetof(struct match_table, head) % 64 == 0, "RX's line");

static inline uint64_t word_make(ns_t sent_at, uint16_t id, uint16_t age_class, enum match_state state)
{
	return (sent_at >> TIME_UNIT_LOG2) << TIME_SHIFT | (uint64_t)id << ID_SHIFT |
	       (uint64_t)age_class << AGE_SHIFT | (uint64_t)state;
}

static inline enum match_state word_state(uint64_t word)
{
	return (enum match_state)(word & STATE_MASK);
}

static inline uint16_t word_id(uint64_t word)
{
	return (uint16_t)(word >> ID_SHIFT);
}

// When the entry was stamped, from the 36 bits kept and `now`. Exactly what TX wrote, whatever `now` is: RX
// files the outcome under the interval in which TX counted the query as sent.
static inline ns_t word_sent_at(uint64_t word, ns_t now)
{
	uint64_t units = now >> TIME_UNIT_LOG2;
	uint64_t age = (units - (word >> TIME_SHIFT)) & TIME_MASK;

	if (age > TIME_MASK - TIME_AHEAD) {
		return (units + (TIME_MASK + 1 - age)) << TIME_UNIT_LOG2;
	}
	return (units - age) << TIME_UNIT_LOG2;
}

static inline ns_t word_age(uint64_t word, ns_t now)
{
	ns_t sent_at = word_sent_at(word, now);

	return now > sent_at ? now - sent_at : 0;
}

static inline void query_from(struct match_query *query, uint32_t tuple, uint64_t word, uint32_t question,
                              ns_t now)
{
	query->tuple = tuple;
	query->question = question;
	query->id = word_id(word);
	query->age_class = (uint16_t)((word >> AGE_SHIFT) & (MATCH_AGE_CLASSES - 1));
	query->sent_at = word_sent_at(word, now);
}

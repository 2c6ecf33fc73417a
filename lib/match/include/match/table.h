#pragma once
// The in-flight table of one TX lcore: where each query that left waits for its answer. Two arrays. The log
// holds the queries in the order of sending, a ring whose places are sequences. A constant timeout makes the
// order of sending the order of expiry, so the log is the timer, too; it is written and expired from front to
// back, which costs no cache miss. The index finds a reply's query without a hash: place = tuple x depth +
// (query id mod depth), and there stands the sequence of the last query of that tuple and id; 4 bytes, so
// that a random tuple costs a line of an array that is as small as it can be.
//
// The index is RX's, which reads in order what TX published, as late as it can: when a reply comes to a query
// that is not in the index yet, when the oldest query expires, or when TX wants it. So TX touches no line of
// the table at random, and the only lines that pass from core to core are the log's, front to back. That the
// place of a query's id is free TX knows from a mark of 16 bits that the caller keeps with the tuple
// (match/send.h); only where the mark does not tell it looks into the index.
//
// What a query left behind when it ended (answered, refused, lost) is remembered until the log comes round:
// by that late replies and duplicates are told apart from what nobody asked for.
//
// Two threads share a table. TX (the worker that owns the tuples) stages queries and publishes those that the
// port accepted; RX (the one lcore that matches for this worker) ends them. An entry of the log is RX's from
// its publication until the head has passed it, else TX's; the index is TX's. Why `published`: a reply can
// overtake the return of the burst call that sent its query. RX must not count an answer to a query that TX
// has not counted as sent (sent = answered + refused + lost + outstanding), so it puts such a reply aside:
// MATCH_IS_EARLY.
//
// This header has what both sides share, and RX's side; TX's is match/send.h.

#include "base/error.h"
#include "base/units.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Age classes fit nine bits of an entry; stats/age.h says what they mean. */
#define MATCH_AGE_CLASSES 512

/** The longest timeout: entries keep 36 bits of time in units of 16 ns, 1099 s, and compare modulo that. */
#define MATCH_TIMEOUT_MAX (500 * NS_PER_SEC)

/** Entries know a send time modulo this: 36 bits of MATCH_TIME_UNIT. */
#define MATCH_TIME_SPAN (UINT64_C(1) << 40)

/** Entries tell send times apart by this much: they are rounded down to a multiple. */
#define MATCH_TIME_UNIT 16

/** Places that match_reserve looks at before it calls a tuple full. */
#define MATCH_PROBES 64

/** Entries of the log at the most: sequences compare modulo 2^32. */
#define MATCH_CAPACITY_MAX (UINT32_C(1) << 30)

/** Queries in flight on one tuple, at the most: ids are 16 bits, and half of them must tell late replies from
 * new ones. */
#define MATCH_DEPTH_MAX 32768

enum match_state {
	MATCH_FREE = 0, ///< never used, or withdrawn before it left
	MATCH_SENT,     ///< staged or in flight
	MATCH_ANSWERED,
	MATCH_LOST,
	MATCH_REFUSED,
	MATCH_LATE, ///< lost, then answered after all
};

/** One query, 16 bytes: four a cache line. */
struct match_entry {
	_Atomic uint64_t word; ///< sent time, id, age class, state: see entry.h
	_Atomic uint32_t tuple;
	_Atomic uint32_t question; ///< line of the query file, or number of the generated name
};

struct match_past;

struct match_table {
	// Read-only after match_table_init.
	struct match_entry *log;
	_Atomic uint32_t *index;
	struct match_past *past; ///< RX's memory for match_predecessor(); NULL: none
	uint64_t place_count;    ///< of the index
	uint32_t log_mask;
	uint32_t head_behind; ///< queries that have ended and that the head need not have stepped over yet
	uint32_t first_tuple;
	uint32_t tuple_count;
	uint32_t depth_shift;
	uint32_t mark_shift; ///< sequences that marks (match/send.h) do not tell apart, as a power of two
	ns_t timeout;

	// TX writes, TX reads.
	uint32_t tail __attribute__((aligned(64))); ///< sequence of the next query to be staged
	uint32_t head_seen;                         ///< the last `head` that TX looked up

	// TX writes (release), RX reads (acquire).
	_Atomic uint32_t published __attribute__((aligned(64))); ///< queries below this sequence have left

	// TX writes, and seldom; RX looks at it with every step.
	_Atomic uint32_t wanted __attribute__((aligned(64))); ///< another number: TX wants all in the index

	// RX writes (release), TX reads (acquire).
	_Atomic uint32_t head __attribute__((aligned(64))); ///< the oldest query that may still be in flight
	_Atomic uint32_t indexed; ///< queries below this sequence are in the index; never below `head`
	uint32_t wanted_seen;     ///< RX only: the last `wanted` that it met
	ns_t none_due;            ///< RX only: before this time nothing expires
};

/** What is known of a query when it ends. */
struct match_query {
	uint32_t tuple;
	uint32_t question;
	uint16_t id;
	uint16_t age_class;
	ns_t sent_at; ///< a multiple of MATCH_TIME_UNIT; up to a second ahead of `now` when TX read its clock
	              ///< a little later
};

/** How long after its sending `now` is; 0 when TX's clock was read later than `now`. */
static inline ns_t match_latency(const struct match_query *query, ns_t now)
{
	return now > query->sent_at ? now - query->sent_at : 0;
}

/** `now` as entries keep it: the sent_at of what is staged or restamped at that time. */
static inline ns_t match_send_time(ns_t now)
{
	return now & ~(ns_t)(MATCH_TIME_UNIT - 1);
}

/** What a reply is. */
enum match_result {
	MATCH_IS_ANSWER,     ///< ends a query in flight
	MATCH_IS_LATE,       ///< for a query that was counted as lost; the second such reply is a duplicate
	MATCH_IS_DUPLICATE,  ///< for a query that was already answered, in time or late, or refused
	MATCH_IS_MISMATCH,   ///< id known on this tuple, but another question
	MATCH_IS_UNEXPECTED, ///< no query of that id on this tuple that the table remembers
	MATCH_IS_EARLY,      ///< the query is still being sent: ask again after TX published
};

/**
 * The depth (a power of two, 2..MATCH_DEPTH_MAX) that `tuples` need at `rate` queries/s when every query
 * waits for `timeout`: enough for all outstanding queries spread evenly, or, when `random`, for the Poisson
 * maximum over the tuples. At most `limit` when limit > 0 (rounded up to a power of two).
 */
uint32_t match_depth(double rate, ns_t timeout, uint32_t tuples, bool random, uint32_t limit);

/**
 * Entries of the log (a power of two) that `rate` queries/s need over `timeout`, with a quarter and some
 * bursts in reserve: for so long what ended is remembered after its timeout. At least 2^16 entries.
 */
uint32_t match_capacity(double rate, ns_t timeout);

/** Bytes of memory that match_table_init, and with `remember` match_table_remember, allocates. */
uint64_t match_table_memory(uint64_t tuples, uint32_t depth, uint32_t capacity, bool remember);

/**
 * Allocate a table for tuples [first, first + count), `depth` and `capacity` powers of two. Memory comes from
 * anonymous maps that the kernel may back with transparent hugepages. Sequences begin a little below 2^32, so
 * that every run, not the longest alone, passes the wrap. Returns 0, -EINVAL or -ENOMEM with the reason in
 * `error`. match_table_release frees what it allocated; a zeroed table may be released.
 */
int match_table_init(struct match_table *table, uint32_t first, uint32_t count, uint32_t depth,
                     uint32_t capacity, ns_t timeout, struct error *error);
void match_table_release(struct match_table *table);

/**
 * Let match_predecessor() find predecessors however long ago they were sent: 16 bytes for each place of the
 * index, written when a query ends. Before the first query. Returns 0 or -ENOMEM.
 */
int match_table_remember(struct match_table *table, struct error *error);

// ---- RX side

/** Enter into the index all that TX published. The calls below do so themselves as far as they need it. */
void match_catch_up(struct match_table *table);

/** The same when TX wants it; match_expire() does so, too, but is not called while replies keep coming. */
static inline void match_catch_up_if_wanted(struct match_table *table)
{
	uint32_t wanted = atomic_load_explicit(&table->wanted, memory_order_relaxed);

	if (wanted != table->wanted_seen) {
		table->wanted_seen = wanted;
		match_catch_up(table);
	}
}

/** The place of a query in the index. */
static inline uint64_t match_place(const struct match_table *table, uint32_t tuple, uint16_t id)
{
	return ((uint64_t)(tuple - table->first_tuple) << table->depth_shift) |
	       (id & ((UINT32_C(1) << table->depth_shift) - 1));
}

/**
 * Bring the place of a query into the cache. Always inlined: gcc 12 takes a function that only prefetches for
 * one without effects, and leaves out calls of it that it has not inlined early.
 */
__attribute__((always_inline)) static inline void match_prefetch(const struct match_table *table,
                                                                 uint32_t tuple, uint16_t id)
{
	__builtin_prefetch(&table->index[match_place(table, tuple, id)]);
}

/** Bring the entry of a query, whose place is in the cache, into the cache. */
__attribute__((always_inline)) static inline void match_prefetch_entry(const struct match_table *table,
                                                                       uint32_t tuple, uint16_t id)
{
	uint32_t sequence =
	        atomic_load_explicit(&table->index[match_place(table, tuple, id)], memory_order_relaxed);

	__builtin_prefetch(&table->log[sequence & table->log_mask], 1);
}

/** Compares a reply's question with what was asked. */
typedef bool (*match_question_check)(const void *context, uint32_t question, const uint8_t *bytes,
                                     size_t length);

/** How a reply's question is checked. `check` NULL accepts any. */
struct match_question {
	match_question_check check;
	const void *context;
	const uint8_t *bytes; ///< QNAME QTYPE QCLASS of the reply; NULL if it has none
	size_t length;
};

/**
 * Look a reply up. With `end`, an answer ends its query and a late one is remembered; without, the table
 * stays as it is (a reply from a wrong source is looked at so, to see whose it is). `query` is filled for all
 * results but MATCH_IS_UNEXPECTED.
 */
enum match_result match_reply(struct match_table *table, uint32_t tuple, uint16_t id,
                              const struct match_question *question, bool end, ns_t now,
                              struct match_query *query);

/**
 * An ICMP error that quotes a query of this tuple: ends it as refused and returns MATCH_IS_ANSWER. One for a
 * lost query is MATCH_IS_LATE, and an answer may still follow. `id` < 0: the quotation ends before the DNS
 * header (RFC 792 promises but 8 octets); then the query is known only if exactly one is staged or in flight
 * on the tuple, else MATCH_IS_UNEXPECTED.
 */
enum match_result match_refuse(struct match_table *table, uint32_t tuple, int id, ns_t now,
                               struct match_query *query);

/**
 * End as lost what left more than the timeout ago, at most `max` queries, in the order of sending. Returns
 * how many were written to `lost`; call again while it returns `max`. Call it at least once in 500 s: send
 * times compare modulo 1099 s.
 */
unsigned match_expire(struct match_table *table, ns_t now, struct match_query *lost, unsigned max);

/**
 * The query before `lost` (as match_expire gave it) on the same tuple, when that was answered: the last that
 * got through before a row of losses. Needs match_table_remember(). False when the query before was lost too,
 * when there was none, or when its place was used again meanwhile: with a depth of twice the queries in
 * flight on a tuple that does not happen. Send times are told apart modulo 1099 s. In constant time.
 */
bool match_predecessor(const struct match_table *table, const struct match_query *lost, ns_t now,
                       struct match_query *out);

/** When the oldest query in flight will expire, NS_NEVER without one. */
ns_t match_next_expiry(struct match_table *table, ns_t now);

/**
 * Count the queries in flight by walking the log: the independent side of the accounting identity. Exact only
 * while neither side runs.
 */
uint64_t match_outstanding(const struct match_table *table);

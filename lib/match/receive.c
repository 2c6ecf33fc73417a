#include "past.h"

// Entries of the log that are on their way into the cache while the head steps on.
#define PREFETCH_AHEAD 32

// A copy of an entry.
struct seen {
	uint64_t word;
	uint32_t tuple;
	uint32_t question;
};

// A consistent copy of an entry that TX may be writing, because the log came round or because its query is
// being staged: read until the word stands still around the other two fields. TX clears the word before it
// writes them.
static inline struct seen entry_read(const struct match_entry *entry)
{
	struct seen seen;
	uint64_t after;

	do {
		seen.word = atomic_load_explicit(&entry->word, memory_order_acquire);
		seen.tuple = atomic_load_explicit(&entry->tuple, memory_order_relaxed);
		seen.question = atomic_load_explicit(&entry->question, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&entry->word, memory_order_relaxed);
	} while (seen.word != after);
	return seen;
}

// Whether a query of this sequence is in flight as far as the order of sending tells: it has left, and the
// head has not passed it, so its entry is RX's. TX's line is read only when what was known does not do.
static inline bool is_between(struct match_table *table, uint32_t sequence, uint32_t head)
{
	if (sequence - head < table->published_seen - head) {
		return true;
	}
	table->published_seen = atomic_load_explicit(&table->published, memory_order_acquire);
	return sequence - head < table->published_seen - head;
}

static inline uint64_t word_ended(uint64_t word, enum match_state state)
{
	return (word & ~STATE_MASK) | (uint64_t)state;
}

static void entry_end(struct match_table *table, struct match_entry *entry, const struct seen *seen,
                      enum match_state state)
{
	uint64_t word = word_ended(seen->word, state);

	past_write(table, seen->tuple, word, seen->question);
	atomic_store_explicit(&entry->word, word, memory_order_release);
}

// The first late reply of a lost query is counted, the next is a duplicate. The head has passed the entry, so
// it is TX's, which may be staging another query there: so the one locked instruction of this file, on a path
// that few replies take. TX's plain stores need no care: they never build on the old word, and the exchange
// fails once TX wrote.
static void entry_end_late(struct match_entry *entry, uint64_t word)
{
	(void)atomic_compare_exchange_strong_explicit(&entry->word, &word, word_ended(word, MATCH_LATE),
	                                              memory_order_release, memory_order_relaxed);
}

static bool question_is_another(const struct match_question *question, uint32_t asked)
{
	return question->check != NULL &&
	       (question->bytes == NULL ||
	        !question->check(question->context, asked, question->bytes, question->length));
}

// What the table remembers of a query.
struct found {
	struct match_entry *entry; // NULL: nothing
	struct seen seen;
	bool published; // in flight as far as the order of sending tells
};

// Publication is looked up before the entry is read: then what is read of a published query is what TX wrote
// last, and RX's.
static inline struct found find(struct match_table *table, uint32_t tuple, uint16_t id)
{
	uint32_t sequence =
	        atomic_load_explicit(&table->index[match_place(table, tuple, id)], memory_order_acquire);
	struct found found = {.entry = &table->log[sequence & table->log_mask]};

	found.published =
	        is_between(table, sequence, atomic_load_explicit(&table->head, memory_order_relaxed));
	found.seen = entry_read(found.entry);
	// The place may be another id's, or the log came round since.
	if (word_state(found.seen.word) == MATCH_FREE || word_id(found.seen.word) != id ||
	    found.seen.tuple != tuple) {
		found.entry = NULL;
	}
	return found;
}

enum match_result match_reply(struct match_table *table, uint32_t tuple, uint16_t id,
                              const struct match_question *question, bool end, ns_t now,
                              struct match_query *query)
{
	struct found found = find(table, tuple, id);

	if (found.entry == NULL) {
		return MATCH_IS_UNEXPECTED;
	}
	query_from(query, tuple, found.seen.word, found.seen.question, now);
	if (question_is_another(question, found.seen.question)) {
		return MATCH_IS_MISMATCH;
	}
	switch (word_state(found.seen.word)) {
	case MATCH_SENT:
		if (!found.published) {
			return MATCH_IS_EARLY;
		}
		if (end) {
			entry_end(table, found.entry, &found.seen, MATCH_ANSWERED);
		}
		return MATCH_IS_ANSWER;
	case MATCH_LOST:
		// TX may have taken the entry for another query meanwhile: the late reply is one all the
		// same, and nothing is left to mark.
		if (end) {
			entry_end_late(found.entry, found.seen.word);
		}
		return MATCH_IS_LATE;
	default:
		return MATCH_IS_DUPLICATE;
	}
}

// The id of the only query staged or in flight on a tuple; -1 when there is none or several. A query being
// staged counts: the error may be about it, and match_reply will call it early.
static int only_query(const struct match_table *table, uint32_t tuple)
{
	uint64_t place = match_place(table, tuple, 0);
	int found = -1;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		uint32_t sequence = atomic_load_explicit(&table->index[place + i], memory_order_acquire);
		struct seen seen = entry_read(&table->log[sequence & table->log_mask]);

		if (word_state(seen.word) != MATCH_SENT || seen.tuple != tuple ||
		    match_place(table, tuple, word_id(seen.word)) != place + i) {
			continue;
		}
		if (found >= 0) {
			return -1;
		}
		found = word_id(seen.word);
	}
	return found;
}

enum match_result match_refuse(struct match_table *table, uint32_t tuple, int id, ns_t now,
                               struct match_query *query)
{
	static const struct match_question any = {.check = NULL};
	enum match_result result;

	if (id < 0) {
		id = only_query(table, tuple);
		if (id < 0) {
			return MATCH_IS_UNEXPECTED;
		}
	}
	result = match_reply(table, tuple, (uint16_t)id, &any, false, now, query);
	if (result == MATCH_IS_ANSWER) {
		struct found found = find(table, tuple, (uint16_t)id);

		entry_end(table, found.entry, &found.seen, MATCH_REFUSED);
	}
	return result;
}

// Step the log's head over queries that have ended to the oldest in flight; false without one. Each entry is
// stepped over once in its life. TX's line is read only when all that was known to be published is done with.
static bool oldest_in_flight(struct match_table *table, uint32_t *head, struct match_entry **out,
                             uint64_t *word)
{
	for (;; (*head)++) {
		struct match_entry *entry = &table->log[*head & table->log_mask];

		if (*head == table->published_seen) {
			table->published_seen = atomic_load_explicit(&table->published, memory_order_acquire);
			if (*head == table->published_seen) {
				return false;
			}
		}
		__builtin_prefetch(&table->log[(*head + PREFETCH_AHEAD) & table->log_mask], 1);
		*word = atomic_load_explicit(&entry->word, memory_order_relaxed);
		if (word_state(*word) == MATCH_SENT) {
			*out = entry;
			return true;
		}
	}
}

// TX may write the entries below `head` again: so release, after they were read.
static void head_advance(struct match_table *table, uint32_t head)
{
	if (head != atomic_load_explicit(&table->head, memory_order_relaxed)) {
		atomic_store_explicit(&table->head, head, memory_order_release);
	}
}

// What ended before it could expire is stepped over some hundred at a time: TX needs the room no sooner.
static inline bool is_idle(const struct match_table *table, uint32_t head, ns_t now)
{
	return now < table->none_due && table->published_seen - head < table->head_behind;
}

unsigned match_expire(struct match_table *table, ns_t now, struct match_query *lost, unsigned max)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	struct match_entry *entry;
	unsigned count = 0;
	struct seen seen;

	if (is_idle(table, head, now)) {
		return 0;
	}
	table->none_due = 0;
	while (count < max && oldest_in_flight(table, &head, &entry, &seen.word)) {
		if (word_age(seen.word, now) < table->timeout) {
			table->none_due = word_sent_at(seen.word, now) + table->timeout;
			break;
		}
		seen.tuple = atomic_load_explicit(&entry->tuple, memory_order_relaxed);
		seen.question = atomic_load_explicit(&entry->question, memory_order_relaxed);
		query_from(&lost[count++], seen.tuple, seen.word, seen.question, now);
		entry_end(table, entry, &seen, MATCH_LOST);
		head++;
	}
	head_advance(table, head);
	return count;
}

ns_t match_next_expiry(struct match_table *table, ns_t now)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	struct match_entry *entry;
	uint64_t word;
	bool found = oldest_in_flight(table, &head, &entry, &word);

	head_advance(table, head);
	return found ? word_sent_at(word, now) + table->timeout : NS_NEVER;
}

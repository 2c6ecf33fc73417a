#include "past.h"

// Entries of the log that are on their way into the cache while the head steps on.
#define PREFETCH_AHEAD 32

// Places of the index that are on their way while one is written.
#define INDEX_AHEAD 16

// Queries that are entered into the index at a time.
#define INDEX_STEP 256

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

static inline uint32_t indexed_load(const struct match_table *table)
{
	return atomic_load_explicit(&table->indexed, memory_order_relaxed); // RX's own
}

static inline _Atomic uint32_t *place_of(const struct match_table *table, uint32_t sequence)
{
	const struct match_entry *entry = &table->log[sequence & table->log_mask];

	return &table->index[match_place(table, atomic_load_explicit(&entry->tuple, memory_order_relaxed),
	                                 word_id(atomic_load_explicit(&entry->word, memory_order_relaxed)))];
}

// Enter the next published queries into the index, `most` of them at the most; returns how many there were.
static uint32_t catch_up(struct match_table *table, uint32_t most)
{
	uint32_t published = atomic_load_explicit(&table->published, memory_order_acquire);
	uint32_t sequence = indexed_load(table), count = published - sequence;
	uint32_t end = count < most ? published : sequence + most;

	count = end - sequence;
	for (uint32_t i = 0; i < count && i < INDEX_AHEAD; i++) {
		__builtin_prefetch((void *)(uintptr_t)place_of(table, sequence + i), 1);
	}
	for (; sequence != end; sequence++) {
		if (end - sequence > INDEX_AHEAD) {
			__builtin_prefetch((void *)(uintptr_t)place_of(table, sequence + INDEX_AHEAD), 1);
		}
		// Release: TX looks at the entry of a sequence that it finds here.
		atomic_store_explicit(place_of(table, sequence), sequence, memory_order_release);
	}
	if (count > 0) {
		atomic_store_explicit(&table->indexed, end, memory_order_release);
	}
	return count;
}

void match_catch_up(struct match_table *table)
{
	(void)catch_up(table, UINT32_MAX);
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
	bool in_flight; // it has left and not ended, so its entry is RX's
};

// What stands at a place of the index. The log may have come round since it was written there.
static inline struct found at_place(const struct match_table *table, uint64_t place)
{
	uint32_t sequence = atomic_load_explicit(&table->index[place], memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	struct found found = {.entry = &table->log[sequence & table->log_mask]};

	found.seen = entry_read(found.entry);
	found.in_flight =
	        word_state(found.seen.word) == MATCH_SENT && sequence - head < indexed_load(table) - head;
	return found;
}

static inline struct found find_indexed(const struct match_table *table, uint32_t tuple, uint16_t id)
{
	struct found found = at_place(table, match_place(table, tuple, id));

	// It may be another id's place, or another query's entry by now.
	if (word_state(found.seen.word) == MATCH_FREE || word_id(found.seen.word) != id ||
	    found.seen.tuple != tuple) {
		return (struct found){.entry = NULL};
	}
	return found;
}

// The next query of the tuple that TX has staged and not published yet, from `*sequence` on, which goes
// behind it: with this id, or with any when `id` is negative. Staged queries lie one behind the other, and
// what lies behind them has ended, or was withdrawn, or is the oldest in flight, when the log is full.
static struct found find_staged(const struct match_table *table, uint32_t *sequence, uint32_t tuple, int id)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	struct found found = {.entry = NULL};

	while (*sequence - head <= table->log_mask) {
		struct match_entry *entry = &table->log[*sequence & table->log_mask];

		found.seen = entry_read(entry);
		if (word_state(found.seen.word) != MATCH_SENT) {
			return found;
		}
		(*sequence)++;
		if (found.seen.tuple == tuple && (id < 0 || word_id(found.seen.word) == id)) {
			found.entry = entry;
			return found;
		}
	}
	return found;
}

// What is not in flight as far as the index knows may have been published since, or be staged. The index goes
// on until it knows the query and some behind it, whose replies are likely to be next, and no further: what
// TX sent last is better left to cool down in TX's cache.
static __attribute__((noinline)) struct found find_again(struct match_table *table, uint32_t tuple,
                                                         uint16_t id)
{
	struct found found, staged;
	uint32_t more, sequence;

	do {
		more = catch_up(table, INDEX_STEP);
		found = find_indexed(table, tuple, id);
		if (found.in_flight) {
			return found;
		}
	} while (more > 0);
	sequence = indexed_load(table);
	staged = find_staged(table, &sequence, tuple, id);
	return staged.entry != NULL ? staged : found;
}

static inline struct found find(struct match_table *table, uint32_t tuple, uint16_t id)
{
	struct found found = find_indexed(table, tuple, id);

	return found.in_flight ? found : find_again(table, tuple, id);
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
		if (!found.in_flight) {
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
static int only_query(struct match_table *table, uint32_t tuple)
{
	uint64_t place = match_place(table, tuple, 0);
	uint32_t sequence;
	int only = -1;

	match_catch_up(table);
	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		struct found found = at_place(table, place + i);

		if (!found.in_flight || found.seen.tuple != tuple ||
		    match_place(table, tuple, word_id(found.seen.word)) != place + i) {
			continue;
		}
		if (only >= 0) {
			return -1;
		}
		only = word_id(found.seen.word);
	}
	sequence = indexed_load(table);
	for (;;) {
		struct found staged = find_staged(table, &sequence, tuple, -1);

		if (staged.entry == NULL) {
			return only;
		}
		if (only >= 0) {
			return -1;
		}
		only = word_id(staged.seen.word);
	}
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
// stepped over once in its life. The head does not pass what the index does not know: TX would write there.
static bool oldest_in_flight(struct match_table *table, uint32_t *head, struct match_entry **out,
                             uint64_t *word)
{
	for (;; (*head)++) {
		struct match_entry *entry = &table->log[*head & table->log_mask];

		if (*head == indexed_load(table) && catch_up(table, INDEX_STEP) == 0) {
			return false;
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
	return now < table->none_due && indexed_load(table) - head < table->head_behind;
}

unsigned match_expire(struct match_table *table, ns_t now, struct match_query *lost, unsigned max)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	struct match_entry *entry;
	unsigned count = 0;
	struct seen seen;

	match_catch_up_if_wanted(table);
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

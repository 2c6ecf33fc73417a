#include "match/table.h"

#include "slot.h"

// FIFO entries whose slots are on their way into the cache while the head steps on.
#define PREFETCH_AHEAD 24

// Whether a query read as `word` and `sequence` has left, so that its slot is RX's. When RX learnt of its
// publication before it read the slot, what it read is final. When it learns now, TX may have changed the
// slot in between: withdrawn the query (and given its sequence to another), or stamped it anew. TX's last
// word comes before its publication, so reading the word once more tells; if it changed, the caller asks
// again.
static bool is_published(struct match_table *table, const struct match_slot *slot, uint64_t word,
                         uint32_t sequence)
{
	if ((int32_t)(sequence - table->published_seen) < 0) {
		return true;
	}
	table->published_seen = atomic_load_explicit(&table->published, memory_order_acquire);
	return (int32_t)(sequence - table->published_seen) < 0 &&
	       atomic_load_explicit(&slot->word, memory_order_relaxed) == word &&
	       atomic_load_explicit(&slot->sequence, memory_order_relaxed) == sequence;
}

static inline uint64_t word_ended(uint64_t word, enum match_state state)
{
	return (word & ~STATE_MASK) | (uint64_t)state;
}

static void slot_end(struct match_slot *slot, uint64_t word, enum match_state state)
{
	atomic_store_explicit(&slot->word, word_ended(word, state), memory_order_release);
}

// The first late reply of a lost query is counted, the next is a duplicate. The slot has been TX's since the
// query was lost, and TX may be staging the next one in it: so the one locked instruction of this file, on a
// path that few replies take. TX's plain stores need no care: they never build on the old word, and the
// exchange fails once TX wrote.
static bool slot_end_late(struct match_slot *slot, uint64_t word)
{
	return atomic_compare_exchange_strong_explicit(&slot->word, &word, word_ended(word, MATCH_LATE),
	                                               memory_order_release, memory_order_relaxed);
}

enum match_result match_reply(struct match_table *table, uint32_t tuple, uint16_t id,
                              const struct match_question *question, bool end, ns_t now,
                              struct match_query *query)
{
	struct match_slot *slot = &table->slots[slot_number(table, tuple, id)];
	uint32_t sequence, asked;
	uint64_t word = slot_read(slot, &sequence, &asked);
	enum match_state state = word_state(word);

	if (state == MATCH_FREE || word_id(word) != id) {
		return MATCH_IS_UNEXPECTED;
	}
	query_from(query, tuple, word, asked, now);
	if (question->check != NULL &&
	    (question->bytes == NULL ||
	     !question->check(question->context, asked, question->bytes, question->length))) {
		return MATCH_IS_MISMATCH;
	}
	if (state == MATCH_LOST) {
		// TX took the slot for its next query meanwhile: the late reply is one all the same, and
		// nothing is left to mark.
		if (end) {
			(void)slot_end_late(slot, word);
		}
		return MATCH_IS_LATE;
	}
	if (state != MATCH_SENT) {
		return MATCH_IS_DUPLICATE;
	}
	if (!is_published(table, slot, word, sequence)) {
		return MATCH_IS_EARLY;
	}
	if (end) {
		slot_end(slot, word, MATCH_ANSWERED);
	}
	return MATCH_IS_ANSWER;
}

// The id of the only query staged or in flight on a tuple; -1 when there is none or several. A query being
// staged counts: the error may be about it, and match_reply will call it early.
static int only_query(const struct match_table *table, uint32_t tuple)
{
	const struct match_slot *slot = &table->slots[slot_number(table, tuple, 0)];
	int found = -1;

	for (uint32_t i = 0; i < UINT32_C(1) << table->depth_shift; i++) {
		uint64_t word = atomic_load_explicit(&slot[i].word, memory_order_acquire);

		if (word_state(word) != MATCH_SENT) {
			continue;
		}
		if (found >= 0) {
			return -1;
		}
		found = word_id(word);
	}
	return found;
}

enum match_result match_refuse(struct match_table *table, uint32_t tuple, int id, ns_t now,
                               struct match_query *query)
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

// Step the FIFO's head over queries that have ended (answered, or answered and the slot used again) to the
// oldest in flight, whose slot and word it gives; NULL without one. Each entry is stepped over once in its
// life. TX's line is read only when all that was known to be published is done with.
static struct match_slot *oldest_in_flight(struct match_table *table, uint32_t *head, uint64_t *word)
{
	for (;; (*head)++) {
		struct match_slot *slot;

		if (*head == table->published_seen) {
			table->published_seen = atomic_load_explicit(&table->published, memory_order_acquire);
			if (*head == table->published_seen) {
				return NULL;
			}
		}
		if (table->published_seen - *head > PREFETCH_AHEAD) {
			__builtin_prefetch(
			        &table->slots[table->fifo[(*head + PREFETCH_AHEAD) & table->fifo_mask]], 1);
		}
		slot = &table->slots[table->fifo[*head & table->fifo_mask]];
		*word = atomic_load_explicit(&slot->word, memory_order_acquire);
		if (word_state(*word) == MATCH_SENT &&
		    atomic_load_explicit(&slot->sequence, memory_order_relaxed) == *head) {
			return slot;
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

unsigned match_expire(struct match_table *table, ns_t now, struct match_query *lost, unsigned max)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	unsigned count = 0;

	while (count < max) {
		uint64_t word;
		struct match_slot *slot = oldest_in_flight(table, &head, &word);
		uint32_t tuple;

		if (slot == NULL || word_age(word, now) < table->timeout) {
			break;
		}
		tuple = table->first_tuple +
		        (uint32_t)((uint64_t)(slot - table->slots) >> table->depth_shift);
		query_from(&lost[count++], tuple, word,
		           atomic_load_explicit(&slot->question, memory_order_relaxed), now);
		slot_end(slot, word, MATCH_LOST);
		head++;
	}
	head_advance(table, head);
	return count;
}

ns_t match_next_expiry(struct match_table *table, ns_t now)
{
	uint32_t head = atomic_load_explicit(&table->head, memory_order_relaxed);
	uint64_t word;
	struct match_slot *slot = oldest_in_flight(table, &head, &word);

	head_advance(table, head);
	return slot != NULL ? word_sent_at(word, now) + table->timeout : NS_NEVER;
}

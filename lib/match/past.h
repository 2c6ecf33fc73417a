#pragma once
// What RX remembers of ended queries by their place, longer than the log does. Private to the room; RX's own.

#include "match/entry.h"

struct match_past {
	uint64_t word; ///< as the entry's when the query ended
	uint32_t question;
	uint32_t reserved;
};

/** A query of this place ended. */
static inline void past_write(struct match_table *table, uint32_t tuple, uint64_t word, uint32_t question)
{
	if (table->past != NULL) {
		table->past[match_place(table, tuple, word_id(word))] =
		        (struct match_past){.word = word, .question = question};
	}
}

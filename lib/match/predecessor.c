// The query before a lost one on its tuple: what still got through.
#include "match/table.h"

#include "slot.h"

bool match_predecessor(const struct match_table *table, const struct match_query *lost, ns_t now,
                       struct match_query *out)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	uint32_t probes = depth - 1 < MATCH_PROBES ? depth - 1 : MATCH_PROBES;

	for (uint32_t back = 1; back <= probes; back++) {
		uint16_t id = (uint16_t)(lost->id - back);
		uint32_t sequence, question;
		uint64_t word =
		        slot_read(&table->slots[slot_number(table, lost->tuple, id)], &sequence, &question);

		if (word_state(word) == MATCH_FREE) {
			return false; // the tuple was first used after that
		}
		if (word_id(word) != id) {
			continue; // an id that was left out, or a slot that was used again
		}
		switch (word_state(word)) {
		case MATCH_ANSWERED:
			query_from(out, lost->tuple, word, question, now);
			return out->sent_at <= lost->sent_at;
		case MATCH_LOST:
		case MATCH_LATE:
			return false; // it had a predecessor of its own
		default:
			break;
		}
	}
	return false;
}

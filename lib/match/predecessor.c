// The query before a lost one on its tuple: what still got through.
#include "past.h"

bool match_predecessor(const struct match_table *table, const struct match_query *lost, ns_t now,
                       struct match_query *out)
{
	uint32_t depth = UINT32_C(1) << table->depth_shift;
	uint32_t probes = depth - 1 < MATCH_PROBES ? depth - 1 : MATCH_PROBES;

	for (uint32_t back = 1; table->past != NULL && back <= probes; back++) {
		uint16_t id = (uint16_t)(lost->id - back);
		const struct match_past *past = &table->past[match_place(table, lost->tuple, id)];

		if (word_state(past->word) == MATCH_FREE) {
			return false; // the tuple was first used after that
		}
		if (word_id(past->word) != id) {
			continue; // an id that was left out, or a place that was used again
		}
		switch (word_state(past->word)) {
		case MATCH_ANSWERED:
			query_from(out, lost->tuple, past->word, past->question, now);
			return out->sent_at <= lost->sent_at;
		case MATCH_LOST:
			return false; // it had a predecessor of its own
		default:
			break;
		}
	}
	return false;
}

// What gets no answer in time: the accounts of a lost query, and its record for the capture file.
#include "receiving.h"

static void keep_loss(struct worker_receiver *receiver, const struct worker_link *link,
                      const struct match_query *lost, ns_t now)
{
	uint16_t backend = flow_answered_backend(&receiver->ledger[lost->tuple]);
	struct match_query before;

	if (match_predecessor(link->table, lost, now, &before)) {
		// An entry keeps its time modulo 1099 s; the age class of the lost query says how long ago
		// that was.
		while (before.id == (uint16_t)(lost->id - 1) && before.sent_at > MATCH_TIME_SPAN &&
		       lost->sent_at - before.sent_at < stats_age_low(lost->age_class)) {
			before.sent_at -= MATCH_TIME_SPAN;
		}
		capture_take_query(receiver->capture, CAPTURE_ANSWERED, &before, backend);
	}
	capture_take_query(receiver->capture, CAPTURE_LOST, lost, backend);
}

static void expire_link(struct worker_receiver *receiver, struct worker_link *link, ns_t now)
{
	struct match_query lost[WORKER_RECEIVE_BURST];
	unsigned number;

	do {
		number = match_expire(link->table, now, lost, WORKER_RECEIVE_BURST);
		for (unsigned i = 0; i < number; i++) {
			receiver_prefetch_books(receiver, lost[i].tuple);
		}
		for (unsigned i = 0; i < number; i++) {
			flow_spells_prefetch(receiver->spells, &receiver->ledger[lost[i].tuple]);
		}
		for (unsigned i = 0; i < number; i++) {
			struct flow_answered *record = &receiver->ledger[lost[i].tuple];
			uint16_t backend = flow_answered_backend(record);

			stats_count_lost(receiver->stats, receiver_cohort(receiver, lost[i].tuple),
			                 lost[i].age_class, lost[i].sent_at);
			receiver->stats->backends[backend == FLOW_BACKEND_NONE ? 0 : backend].lost++;
			flow_spells_failed(receiver->spells, record, lost[i].tuple, lost[i].sent_at,
			                   FLOW_SILENT);
			flow_answered_loss(record, lost[i].id, lost[i].sent_at);
			if (receiver->capture != NULL) {
				keep_loss(receiver, link, &lost[i], now);
			}
		}
		if (number > 0) {
			receiver_completed(link, number);
		}
	} while (number == WORKER_RECEIVE_BURST);
}

void receiver_expire(struct worker_receiver *receiver, ns_t now)
{
	for (unsigned i = 0; i < receiver->link_count; i++) {
		expire_link(receiver, &receiver->links[i], now);
	}
}

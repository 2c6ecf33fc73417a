#pragma once
// The ledger: what happened on each tuple. Two arrays with one writer each, so that no line is written from
// two lcores: `sent` belongs to the TX lcore of the tuple's worker, `answered` to the RX lcore that matches
// its replies. The main lcore reads both when it makes a snapshot; counters are monotonic, so a torn view is
// only a late one. Times are ns since the epoch of the run, which starts above 0: 0 means never.

#include "base/error.h"
#include "base/units.h"

#include <stddef.h>
#include <stdint.h>

/** No backend seen yet. */
#define FLOW_BACKEND_NONE UINT16_MAX

/** Written by TX. 16 bytes: four tuples a cache line, since tuples near each other are sent near each other
 * in time. */
struct flow_sent {
	ns_t last_sent;   ///< 0: never used
	uint32_t sent;    ///< queries sent on this tuple
	uint16_t next_id; ///< the query id that the next query takes
	uint16_t mark;    ///< the in-flight table's note on this tuple: a match_mark (match/send.h)
};

/** Written by RX. One cache line. `answered` + `lost` + `refused` are outcomes; the other counts are events.
 */
struct flow_answered {
	ns_t last_answered;   ///< arrival of the latest answer
	ns_t first_lost;      ///< send time of the first query lost or refused; 0: none
	ns_t last_lost;       ///< send time of the latest query lost or refused
	uint32_t spell;       ///< place of the latest one in the log (flow/spells.h), counted from 1; 0: none
	uint32_t passed_over; ///< 1: a query passed over by a later one's answer may still get its own
	uint32_t answered;
	uint32_t lost;
	uint32_t refused;
	uint32_t late;           ///< answers after the timeout
	uint32_t duplicate;      ///< answers after an answer
	uint16_t wrong_source;   ///< answers from an address that is not the service; stays at 65535
	uint16_t row_end;        ///< query id of the latest query lost or refused
	uint16_t lost_in_a_row;  ///< queries lost or refused up to that one, in the order of sending
	uint16_t longest_lost;   ///< the longest such row
	uint16_t backend;        ///< who answered last: the caller's number; valid when backend_known is set
	uint8_t backend_known;   ///< 0 until an answer named its backend
	uint8_t backend_changes; ///< how often that changed; stays at 255
};

_Static_assert(sizeof(struct flow_sent) == 16, "four sent records a cache line");
_Static_assert(sizeof(struct flow_answered) == 64, "one answered record a cache line");

struct flow_ledger {
	struct flow_sent *sent;
	struct flow_answered *answered;
	uint32_t tuples;
};

/**
 * Allocate a ledger of `tuples` zeroed records of each side: anonymous pages, huge where the kernel has them,
 * touched now so that the data path never faults. Returns 0 or -ENOMEM with the size in `error`.
 */
int flow_ledger_create(struct flow_ledger *ledger, uint32_t tuples, struct error *error);

void flow_ledger_free(struct flow_ledger *ledger);

/** Bytes that a ledger of `tuples` takes. */
uint64_t flow_ledger_memory(uint64_t tuples);

/** TX: a query leaves on this tuple at `now` (> 0). Returns its query id. */
static inline uint16_t flow_sent_query(struct flow_sent *sent, ns_t now)
{
	sent->last_sent = now;
	sent->sent++;
	return sent->next_id++;
}

// A loss is known only when its timeout has passed, and later queries may have been answered by then: that
// two losses follow each other shows in their ids, which a tuple counts up. A row ends where an id is left
// out.
static inline void flow_answered_row(struct flow_answered *answered, uint16_t id)
{
	if (answered->lost_in_a_row == 0 || id != (uint16_t)(answered->row_end + 1)) {
		answered->lost_in_a_row = 0;
	}
	answered->row_end = id;
	answered->lost_in_a_row += answered->lost_in_a_row < UINT16_MAX;
	if (answered->longest_lost < answered->lost_in_a_row) {
		answered->longest_lost = answered->lost_in_a_row;
	}
}

/** RX: an answer in time, at `now`, from `backend` (FLOW_BACKEND_NONE when the answer does not say). */
static inline void flow_answered_answer(struct flow_answered *answered, ns_t now, uint16_t backend)
{
	answered->last_answered = now;
	answered->answered++;
	if (backend == FLOW_BACKEND_NONE) {
		return;
	}
	if (answered->backend_known && answered->backend != backend) {
		answered->backend_changes += answered->backend_changes < UINT8_MAX;
	}
	answered->backend = backend;
	answered->backend_known = 1;
}

// A refusal is known before the loss of an earlier query is.
static inline void flow_answered_failure(struct flow_answered *answered, uint16_t id, ns_t sent_at)
{
	if (answered->first_lost == 0 || sent_at < answered->first_lost) {
		answered->first_lost = sent_at;
	}
	if (answered->last_lost < sent_at) {
		answered->last_lost = sent_at;
	}
	flow_answered_row(answered, id);
}

/** RX: the query `id` sent at `sent_at` is lost: its timeout has passed. */
static inline void flow_answered_loss(struct flow_answered *answered, uint16_t id, ns_t sent_at)
{
	answered->lost++;
	flow_answered_failure(answered, id, sent_at);
}

/** RX: an ICMP error answers the query `id` sent at `sent_at`. */
static inline void flow_answered_refusal(struct flow_answered *answered, uint16_t id, ns_t sent_at)
{
	answered->refused++;
	flow_answered_failure(answered, id, sent_at);
}

/** The backend of the latest answer that named one. */
static inline uint16_t flow_answered_backend(const struct flow_answered *answered)
{
	return answered->backend_known ? answered->backend : FLOW_BACKEND_NONE;
}

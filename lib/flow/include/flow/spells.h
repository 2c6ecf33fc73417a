#pragma once
// Spells: the stretches in which a tuple's queries failed (lost in silence, or refused by ICMP), from the
// last answer before to the first query answered after. One RX lcore writes a log; any thread may read it at
// any time, and exactly once nobody writes. It is memory taken at the start, never more: what finds no room
// is counted. The data path pays three comparisons an answer; the log itself is touched only when queries
// fail or overtake each other.
//
// A loss is known a timeout after its query left, when later queries have long been answered. So the place of
// a loss is noted when an answer passes a query over, and kept until that query's end is known: by then other
// answers may have overtaken each other on the same tuple.

#include "base/error.h"
#include "base/units.h"
#include "flow/ledger.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** The largest log: 48 bytes each. */
#define FLOW_SPELLS_MAX (UINT32_C(1) << 21)

/** How a query failed. */
enum flow_failure {
	FLOW_SILENT,      ///< nothing came within the timeout
	FLOW_REFUSED,     ///< ICMP port unreachable, prohibited or the like: somebody turned it away
	FLOW_UNREACHABLE, ///< ICMP host or network unreachable: nobody was there
};

/** One spell. Times are ns since the epoch of the run. */
struct flow_spell {
	ns_t before;     ///< arrival of the last answer before it; 0: never any; `first_lost`: not known
	ns_t first_lost; ///< when its first failed query was sent
	ns_t last_lost;
	ns_t healed;     ///< when the first query answered after it was sent; 0: none
	uint32_t widest; ///< with a loss: longest rest of the tuple from `before` to `last_lost`, us; up to a
	                 ///< query's timeout too long where a refusal was known before an earlier loss; stays
	                 ///< at UINT32_MAX
	uint32_t tuple;
	uint32_t lost; ///< failed queries; 0: a query was passed over by a later one, and answered after all
	uint16_t refused;     ///< of these, FLOW_REFUSED; stays at 65535
	uint16_t unreachable; ///< of these, FLOW_UNREACHABLE; stays at 65535
};

_Static_assert(sizeof(struct flow_spell) == 48, "what the documentation says of its memory");

struct flow_spells {
	struct flow_spell *log;
	uint32_t capacity;
	_Atomic uint32_t count;
	_Atomic uint64_t omitted; ///< losses without room in the log
};

/** Allocate a log for `tuples`. Returns 0 or -ENOMEM. Free takes a zeroed struct too. */
int flow_spells_create(struct flow_spells *spells, uint32_t tuples, struct error *error);
void flow_spells_free(struct flow_spells *spells);

/** Bytes that the log of `tuples` takes. */
uint64_t flow_spells_memory(uint64_t tuples);

/** Bring what flow_spells_lost() will write into the cache. Always inlined: gcc 12 leaves out calls of
 * functions that only prefetch. */
__attribute__((always_inline)) static inline void flow_spells_prefetch(const struct flow_spells *spells,
                                                                       const struct flow_answered *answered)
{
	__builtin_prefetch(&spells->log[answered->spell - (answered->spell > 0)], 1);
}

/**
 * RX, before flow_answered_loss() or flow_answered_refusal(): the query that left `tuple` at `sent_at`
 * failed. A tuple's losses come in the order of sending; a refusal may come before earlier losses are known.
 */
void flow_spells_failed(struct flow_spells *spells, struct flow_answered *answered, uint32_t tuple,
                        ns_t sent_at, enum flow_failure how);

/**
 * RX, before flow_answered_answer(): the query sent at `sent_at` is answered, others before it were not.
 * `rest_end` as below.
 */
void flow_spells_healed(struct flow_spells *spells, struct flow_answered *answered, uint32_t tuple,
                        ns_t sent_at, ns_t rest_end);

/**
 * RX: has the tuple sent queries between its latest answer and the one sent at `sent_at`, whose answer came
 * now, or is one passed over already? `rest_end` is the longest that it may have rested before that one. Hot
 * path.
 */
static inline bool flow_answered_missed(const struct flow_answered *answered, ns_t sent_at, ns_t rest_end)
{
	return answered->last_lost > answered->last_answered ||
	       sent_at > answered->last_answered + rest_end || answered->passed_over != 0;
}

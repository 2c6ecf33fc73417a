#pragma once
// Looks: copies of the ledger's sending side that the main lcore takes while a run goes, so that it can tell
// later which tuples had been used by when. Taken at events, soon after them and in a slow rhythm; their
// number is bounded by memory, and the least telling ones make room. The owner is the main lcore; the data
// path knows nothing of it.

#include "base/error.h"
#include "base/units.h"
#include "flow/ledger.h"
#include "stats/counters.h"

#include <stdbool.h>
#include <stdint.h>

/** Looks kept at the most. */
#define EVIDENCE_LOOKS_MAX 48

struct evidence_look {
	ns_t at;
	bool event; ///< taken at an event
	struct flow_sent *sent;
};

/** What only the receiver's counters tell, so far. */
struct evidence_sums {
	uint64_t wrong_source; ///< replies from a wrong source
	uint64_t closed;       ///< ICMP port unreachable, prohibited and the like: all but host unreachable
};

struct evidence_looks {
	struct evidence_look looks[EVIDENCE_LOOKS_MAX]; ///< by time
	unsigned count, limit;
	unsigned dropped_events; ///< looks at events that made room for others
	uint32_t tuples;
	ns_t every, next;          ///< the rhythm
	ns_t event_at, event_next; ///< the looks soon after an event
	const struct stats_shape *shape;
	struct evidence_sums *sums; ///< [shape->intervals], by arrival
	struct evidence_sums seen;
};

/**
 * Make room for looks at `tuples`, within `memory` bytes but at least four. `shape` is borrowed. `duration`
 * of the run gives the rhythm; NS_NEVER: every 10 s. Returns 0 or -ENOMEM. Release takes a zeroed struct too.
 */
int evidence_looks_init(struct evidence_looks *looks, uint32_t tuples, const struct stats_shape *shape,
                        ns_t duration, uint64_t memory, struct error *error);

/** Bytes that evidence_looks_init() allocates for the looks. */
uint64_t evidence_looks_memory(uint32_t tuples, uint64_t memory);

void evidence_looks_release(struct evidence_looks *looks);

/** Something happens now: look, before it does. `sent` may be written meanwhile. */
void evidence_looks_event(struct evidence_looks *looks, const struct flow_sent *sent, ns_t now);

/** Look when it is time; note what came so far. Call it often. */
void evidence_looks_step(struct evidence_looks *looks, const struct flow_sent *sent,
                         struct evidence_sums sums, ns_t now);

/** When evidence_looks_step() has something to do. */
ns_t evidence_looks_due(const struct evidence_looks *looks);

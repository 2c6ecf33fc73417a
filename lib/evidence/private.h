#pragma once
// Private to the room: what its parts hand each other.

#include "evidence/evidence.h"

/** A tuple that the change befell: its spell reaches across it. Seconds. */
struct evidence_dead {
	double first;  ///< age of its first loss: since the last answer before the change
	double last;   ///< of its last loss
	double healed; ///< of the first answered query after; INFINITY: none
	double widest; ///< longest rest that it stayed dead over
	double second; ///< age of its second query, about
	bool once;     ///< all lost at one time: the next query was answered
};

struct evidence_work {
	const struct evidence_input *input;
	struct evidence *out;
	double confidence;
	struct flow_spell *spells; ///< with losses, by tuple and time
	uint32_t spell_count;
	const struct evidence_look *base; ///< the latest before the change; NULL: nothing was used by then
	const struct evidence_look
	        *settled; ///< the first not before the change: what was unused then is clean
	ns_t clean_end;   ///< clean tuples first used later have no stale ones to compare with
	struct evidence_dead *dead;
	size_t dead_count;
	struct verdict_age *probes; ///< first queries after the change, by exact age
	size_t probe_count;
	double latency; ///< mean, seconds
};

/** Find the change: out->change, changed_at, mark. */
int evidence_onset(struct evidence_work *work, struct error *error);

/** Go through the tuples: all clusters, `dead` and `probes`. */
int evidence_tuples(struct evidence_work *work, struct error *error);

/** The ages for the timeout, what is lost past it, and second queries of lost tuples. */
int evidence_ages(struct evidence_work *work, struct error *error);

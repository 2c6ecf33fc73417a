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

/** A change, when it is found. */
struct evidence_moment {
	ns_t at;
	enum evidence_change from;
};

/** The changes found, by time. */
struct evidence_moments {
	struct evidence_moment each[EVIDENCE_CHANGES_MAX];
	unsigned count, main, omitted;
};

struct evidence_work {
	const struct evidence_input *input;
	struct evidence *out;
	double confidence;
	ns_t first; ///< until then nothing had changed
	ns_t since; ///< the change before this one; 0: this is the first
	ns_t until; ///< the latest look before the next one, or that change; NS_NEVER: this is the last
	struct flow_spell *spells; ///< with losses, by tuple and time
	uint32_t spell_count;
	uint64_t omitted;                   ///< losses that found no room in the log
	const struct evidence_look *origin; ///< the latest before the first change; NULL: nothing was used
	const struct evidence_look *base;   ///< the latest before the change; NULL: nothing was used by then
	const struct evidence_look
	        *settled;                 ///< the first not before the change: what was unused then is clean
	const struct evidence_look *last; ///< the latest before the next change; NULL: this is the last
	ns_t clean_end; ///< clean tuples first used later have no stale ones to compare with
	struct evidence_dead *dead;
	size_t dead_count;
	struct verdict_age *probes; ///< first queries after the change, by exact age
	size_t probe_count;
	double latency;   ///< mean, seconds
	ns_t way;         ///< how long nearly all answers take at the most
	double young_end; ///< entries that rested less were alive: the timeout; INFINITY: not known
};

/** Find the changes, from the spells of all the run. */
int evidence_onset(struct evidence_work *work, struct evidence_moments *moments, struct error *error);

/** The time line: of the stretch that speaks of this change. */
int evidence_slices(struct evidence_work *work, struct error *error);

/** How many real servers there were. */
void evidence_servers(struct evidence_work *work);

/** Go through the tuples: all clusters, `dead` and `probes`. */
int evidence_tuples(struct evidence_work *work, struct error *error);

/** The ages for the timeout, what is lost past it, second queries of lost tuples, and `young_end`. */
int evidence_ages(struct evidence_work *work, struct error *error);

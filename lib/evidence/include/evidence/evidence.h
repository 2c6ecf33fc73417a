#pragma once
// Evidence: what one run's ledger, log of losses, looks and counters say to the diagnosis. It finds when the
// losses began (the moment that most spells of lost queries reach across), sorts the tuples into those used
// before it and those that were not, and fills a struct verdict_evidence. Nothing that only the director
// knows comes in. Pure functions of their input at the end of a run; the caller owns and releases the result.

#include "base/error.h"
#include "base/units.h"
#include "evidence/looks.h"
#include "flow/ledger.h"
#include "flow/space.h"
#include "flow/spells.h"
#include "stats/snapshot.h"
#include "verdict/signature.h"

#include <stdbool.h>
#include <stdint.h>

/** One run at its end: nobody counts any more. All borrowed. */
struct evidence_input {
	const struct flow_space *space;
	const struct flow_ledger *ledger;
	const struct flow_spells *spells; ///< [spell_logs], each with tuples of its own
	unsigned spell_logs;
	const struct evidence_looks *looks;
	const struct stats_snapshot *snapshot;
	const ns_t *marks; ///< when the user's events began, ascending, on the run's clock
	unsigned mark_count;
	ns_t start;          ///< when the first query could leave
	ns_t end;            ///< when the last one did
	uint64_t missed;     ///< frames that the port lost on receiving
	bool oversubscribed; ///< lcores shared a CPU
};

/** One cohort over the whole run, its queries clustered by tuple. */
struct evidence_cohort {
	bool control;
	struct verdict_clusters queries;
	struct verdict_interval loss;
	struct verdict_interval difference; ///< from the control; NAN without one, and of the control itself
	double p_value;
};

enum evidence_change {
	EVIDENCE_CHANGE_NONE,   ///< the run is one piece
	EVIDENCE_CHANGE_LOSSES, ///< found from the losses themselves
	EVIDENCE_CHANGE_SOURCE, ///< found from replies of a wrong source
	EVIDENCE_CHANGE_MARK,   ///< no loss tells; the user's mark
};

struct evidence {
	struct verdict_evidence verdict; ///< its arrays are owned here
	enum evidence_change change;
	ns_t changed_at;
	int mark;                        ///< the latest mark before it; -1: none
	uint64_t stale;                  ///< tuples used before the change and after it
	uint64_t affected;               ///< of these, those whose first query after it was lost
	uint64_t clean;                  ///< tuples first used after it
	uint64_t clean_lost;             ///< of these, those whose first query was lost
	uint64_t spell_lost;             ///< queries lost in the spells of the affected tuples
	uint64_t omitted;                ///< losses that found no room in the log
	unsigned dropped_looks;          ///< looks at events that made room for others
	struct verdict_interval servers; ///< k from the share of affected tuples
	unsigned cohort_count;
	struct evidence_cohort cohorts[FLOW_COHORTS_MAX];
};

/** Gather. `confidence` is that of the intervals. Returns 0 or -ENOMEM. Release takes a zeroed struct too. */
int evidence_gather(struct evidence *out, const struct evidence_input *input, double confidence,
                    struct error *error);
void evidence_release(struct evidence *evidence);

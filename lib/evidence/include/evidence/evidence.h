#pragma once
// Evidence: what one run's ledger, log of losses, looks and counters say to the diagnosis. It finds when
// losses began (the moments that most spells of lost queries reach across), sorts the tuples for each into
// those used before it and those that were not, and fills a struct verdict_evidence. Nothing that only the
// director knows comes in. Pure functions of their input at the end of a run; the caller owns and releases
// the result.

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

/** Changes of one run that are told apart, at the most. */
#define EVIDENCE_CHANGES_MAX 16

/** What speaks of one change, from the change before it up to the next one. */
struct evidence {
	struct verdict_evidence verdict; ///< its arrays are owned here
	enum evidence_change change;
	ns_t changed_at;
	int mark;                        ///< the latest mark before it; -1: none
	uint64_t stale;                  ///< tuples used before the change and after it
	uint64_t affected;               ///< of these, those whose first query after it was lost
	uint64_t shared;                 ///< of these, used last before the change before this one too
	uint64_t clean;                  ///< tuples first used after it
	uint64_t clean_lost;             ///< of these, those whose first query was lost
	uint64_t spell_lost;             ///< queries lost in the spells of the affected tuples
	uint64_t omitted;                ///< losses that found no room in the log
	unsigned dropped_looks;          ///< looks at events that made room for others
	struct verdict_interval servers; ///< k from the share of tuples that lost their first query; NAN
	unsigned cohort_count;
	struct evidence_cohort cohorts[FLOW_COHORTS_MAX];
};

/** All changes of a run. */
struct evidence_changes {
	struct evidence each[EVIDENCE_CHANGES_MAX]; ///< by time
	unsigned count;                             ///< at least 1: without any change the run is one piece
	unsigned main;                              ///< the one that befell most tuples
	unsigned found;   ///< as many were found, also when the main one alone was asked for
	unsigned omitted; ///< not 0: more, which befell fewer, found no room
};

/**
 * Gather what speaks of every change, or with `main_only` of the main one, over the whole run. `confidence`
 * is that of the intervals. Returns 0 or -ENOMEM. Release takes a zeroed struct too.
 */
int evidence_gather(struct evidence_changes *out, const struct evidence_input *input, bool main_only,
                    double confidence, struct error *error);

/**
 * Gather and have judged: a verdict for each change. Where the losses follow the rate they heap whenever it
 * rises, and no such heap is a change: then the run has one.
 */
int evidence_judge(struct evidence_changes *out, struct verdict verdicts[EVIDENCE_CHANGES_MAX],
                   const struct evidence_input *input, double confidence, struct error *error);

void evidence_release(struct evidence_changes *changes);

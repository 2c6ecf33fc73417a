#include "judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

// Memory for looks: with 1 Mi tuples four of them.
#define LOOKS_MEMORY (UINT64_C(64) << 20)

#define CONFIDENCE 0.95

uint64_t judge_memory(uint32_t tuples)
{
	return evidence_looks_memory(tuples, LOOKS_MEMORY);
}

int judge_open(struct judge *judge, const struct session *session, struct error *error)
{
	memset(judge, 0, sizeof(*judge));
	return evidence_looks_init(&judge->looks, session->team->space->tuple_count, &session->team->shape,
	                           session->plan->load.duration, LOOKS_MEMORY, error);
}

void judge_close(struct judge *judge)
{
	evidence_looks_release(&judge->looks);
	evidence_release(&judge->changes);
}

void judge_step(struct judge *judge, const struct session *session, const struct events *events, ns_t now)
{
	const struct worker_team *team = session->team;
	ns_t next = events_next(events);

	if (next <= now && next != judge->looked_for) {
		judge->looked_for = next;
		evidence_looks_event(&judge->looks, team->ledger.sent, now);
	}
	evidence_looks_step(
	        &judge->looks, team->ledger.sent,
	        (struct evidence_sums){.wrong_source = worker_team_received(team, STATS_WRONG_SOURCE),
	                               .closed = worker_team_received(team, STATS_REFUSED_PORT) +
	                                         worker_team_received(team, STATS_REFUSED_ADMIN) +
	                                         worker_team_received(team, STATS_REFUSED_OTHER)},
	        now);
}

ns_t judge_next(const struct judge *judge)
{
	return evidence_looks_due(&judge->looks);
}

int judge_finish(struct judge *judge, const struct session *session, const struct events *events,
                 const struct run_result *result, uint64_t missed, struct error *error)
{
	const struct worker_team *team = session->team;
	ns_t *marks = (ns_t *)calloc(events->count + 1, sizeof(*marks));
	struct evidence_input input = {
	        .space = team->space,
	        .ledger = &team->ledger,
	        .spells = team->spells,
	        .spell_logs = team->receiver_count,
	        .looks = &judge->looks,
	        .snapshot = &session->snapshot,
	        .marks = marks,
	        .mark_count = events->count,
	        .start = result->started,
	        .end = result->stopped,
	        .missed = missed,
	        .oversubscribed = result->oversubscribed,
	};
	int rc;

	if (marks == NULL) {
		return error_set(error, -ENOMEM, "no memory to judge the run");
	}
	for (unsigned i = 0; i < events->count; i++) {
		marks[i] = events->start + events->records[i].done_at;
	}
	rc = evidence_judge(&judge->changes, judge->verdicts, &input, CONFIDENCE, error);
	free(marks);
	judge->judged = rc == 0;
	return rc;
}

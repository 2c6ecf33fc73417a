#pragma once
// The judge of a run: looks at the ledger while it goes, and at its end gathers the evidence and has each
// change judged. It sees what a client sees; of the events only when they happened. Main thread.

#include "base/error.h"
#include "events.h"
#include "evidence/evidence.h"
#include "session.h"
#include "verdict/signature.h"

struct run_result;

struct judge {
	struct evidence_looks looks;
	struct evidence_changes changes;
	struct verdict verdicts[EVIDENCE_CHANGES_MAX]; ///< of each change
	bool judged;
	ns_t looked_for; ///< the event that was looked for already
};

/** Bytes that the judge keeps while a run of `tuples` goes. */
uint64_t judge_memory(uint32_t tuples);

/** Make room for the looks. Returns 0 or -ENOMEM; judge_close() takes a zeroed struct too. */
int judge_open(struct judge *judge, const struct session *session, struct error *error);
void judge_close(struct judge *judge);

/** Look when it is time; before events_step(), so that an event's look comes before what it does. */
void judge_step(struct judge *judge, const struct session *session, const struct events *events, ns_t now);

/** When judge_step() has something to do, the events apart. */
ns_t judge_next(const struct judge *judge);

/** At the end, with the session's last snapshot taken. `missed`: frames that the port lost on receiving. */
int judge_finish(struct judge *judge, const struct session *session, const struct events *events,
                 const struct run_result *result, uint64_t missed, struct error *error);

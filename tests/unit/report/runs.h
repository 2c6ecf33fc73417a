#pragma once
// Hand-made runs: queries are sent and end as the test says, counted through the real counters, so that the
// accounts hold unless a test breaks them.

#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RUN_COHORTS 3
/** The start of every run on its clock: times in reports must not depend on it. */
#define RUN_START         (1000 * NS_PER_SEC)
#define RUN_HEADER_OCTETS 42
#define RUN_QUERY_OCTETS  27

enum run_outcome {
	RUN_ANSWERED,
	RUN_REFUSED,
	RUN_LOST,
	RUN_LATE,
	RUN_OUTSTANDING,
};

struct run {
	struct stats_shape shape;
	struct stats_sender sender;
	struct stats_receiver receiver;
	struct stats_snapshot snapshot;
	struct report_cohort cohorts[RUN_COHORTS];
	struct report_plan plan;
	struct report_input input;
	uint64_t in_flight;
};

/** An empty run with timeouts in the order given, intervals of 1 s. */
void run_init(struct run *run, unsigned cohorts, const ns_t *timeouts, unsigned timeout_count,
              unsigned seconds);

/** Send `count` queries at `at` since the start and let them end. */
void run_send(struct run *run, uint64_t count, unsigned cohort, ns_t age, ns_t at, enum run_outcome outcome,
              ns_t latency);

/** The age of a first use. */
#define RUN_FIRST_USE NS_NEVER

/** Take the snapshot at `now` since the start. `settled`: the lcores stood still. */
void run_take(struct run *run, ns_t now, bool settled);

void run_release(struct run *run);

/** The runs that several tests look at; each is taken and settled. */
void run_zero(struct run *run);
void run_all_answered(struct run *run);
void run_all_lost(struct run *run);
void run_several_timeouts(struct run *run);
void run_interrupted(struct run *run);
void run_rollout(struct run *run);
void run_contradicting(struct run *run);

struct run_example {
	const char *name;
	void (*make)(struct run *run);
};

/** All of the above, ended by a NULL name. */
extern const struct run_example run_examples[];

/** What a function wrote into a FILE, as an allocated text. */
struct written {
	char *text;
	size_t size;
	FILE *file;
};

void written_open(struct written *written);
/** Close the FILE; the text is the caller's to free. */
char *written_close(struct written *written);

/**
 * The text of a golden file, the caller's to free. With STALEFLOW_UPDATE_GOLDEN set `now` is written to it
 * first: read the diff.
 */
char *read_golden(const char *name, const char *now);

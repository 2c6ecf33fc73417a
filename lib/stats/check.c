#include "stats/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

// Where a contradiction was found, in words.
struct place {
	const char *kind; ///< "cohort", "age class", "interval"
	int cohort;       ///< -1: all
	uint64_t index;
};

static int contradiction(struct error *error, const struct place *place, const char *what, uint64_t left,
                         uint64_t right)
{
	char where[96];

	if (place->cohort < 0) {
		snprintf(where, sizeof(where), "the totals");
	} else {
		snprintf(where, sizeof(where), "cohort %d, %s %" PRIu64, place->cohort, place->kind,
		         place->index);
	}
	return error_set(error, -EPROTO,
	                 "the accounts contradict each other in %s: %s: %" PRIu64 " and %" PRIu64
	                 "; this is an error of the program, not of the network: please report it",
	                 where, what, left, right);
}

static int check_parts(const struct stats_totals *totals, unsigned timeouts, const struct place *place,
                       struct error *error)
{
	if (totals->late > totals->lost) {
		return contradiction(error, place, "more late than lost", totals->late, totals->lost);
	}
	for (unsigned i = 0; i < timeouts; i++) {
		uint64_t slow = i + 1 < timeouts ? totals->slow[i + 1] : totals->answered;
		uint64_t slow_refused = i + 1 < timeouts ? totals->slow_refused[i + 1] : totals->refused;

		// Timeouts descend, so later than one is later than the next.
		if (totals->slow[i] > slow) {
			return contradiction(error, place,
			                     "more answers above a timeout than above a shorter one",
			                     totals->slow[i], slow);
		}
		if (totals->slow_refused[i] > slow_refused) {
			return contradiction(error, place,
			                     "more refusals above a timeout than above a shorter one",
			                     totals->slow_refused[i], slow_refused);
		}
	}
	return 0;
}

static int check_totals(const struct stats_totals *totals, unsigned timeouts, bool settled,
                        const struct place *place, struct error *error)
{
	uint64_t ended = totals->answered + totals->refused + totals->lost;

	if (ended > totals->sent) {
		return contradiction(error, place, "more queries ended than sent", ended, totals->sent);
	}
	if (totals->outstanding != totals->sent - ended) {
		return contradiction(error, place, "outstanding is not sent less ended", totals->outstanding,
		                     totals->sent - ended);
	}
	return settled ? check_parts(totals, timeouts, place, error) : 0;
}

static void totals_sum(struct stats_totals *into, const struct stats_totals *from)
{
	into->sent += from->sent;
	into->answered += from->answered;
	into->refused += from->refused;
	into->lost += from->lost;
	into->late += from->late;
	into->outstanding += from->outstanding;
	for (unsigned i = 0; i < STATS_TIMEOUTS; i++) {
		into->slow[i] += from->slow[i];
		into->slow_refused[i] += from->slow_refused[i];
	}
}

static int check_equal(const struct stats_totals *a, const struct stats_totals *b, const struct place *place,
                       struct error *error)
{
	const char *const names[] = {"sent", "answered",    "refused", "lost",
	                             "late", "outstanding", "slow",    "slow refusals"};
	uint64_t left[] = {a->sent, a->answered, a->refused, a->lost, a->late, a->outstanding, 0, 0};
	uint64_t right[] = {b->sent, b->answered, b->refused, b->lost, b->late, b->outstanding, 0, 0};

	for (unsigned i = 0; i < STATS_TIMEOUTS; i++) {
		left[6] += a->slow[i];
		right[6] += b->slow[i];
		left[7] += a->slow_refused[i];
		right[7] += b->slow_refused[i];
	}
	for (unsigned i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		if (left[i] != right[i]) {
			char what[96];

			snprintf(what, sizeof(what), "the sums of %s do not agree", names[i]);
			return contradiction(error, place, what, left[i], right[i]);
		}
	}
	return 0;
}

static int check_cohort(const struct stats_snapshot *snapshot, int cohort, bool settled, struct error *error)
{
	const struct stats_totals *stated = &snapshot->cohorts[cohort];
	struct stats_totals ages = {0}, intervals = {0};
	struct place place = {.kind = "age class", .cohort = cohort};
	int failed = 0;

	for (unsigned class = 0; failed == 0 && class < STATS_AGE_CLASSES; class ++) {
		struct stats_totals cell = stats_snapshot_ages(snapshot, cohort, class, class);

		place.index = class;
		failed = check_totals(&cell, snapshot->shape.timeouts, settled, &place, error);
		totals_sum(&ages, &cell);
	}
	place.kind = "interval";
	for (uint32_t i = 0; failed == 0 && i < snapshot->intervals; i++) {
		struct stats_totals cell = stats_snapshot_interval(snapshot, cohort, i);

		place.index = i;
		failed = check_totals(&cell, snapshot->shape.timeouts, settled, &place, error);
		totals_sum(&intervals, &cell);
	}
	if (failed != 0) {
		return failed;
	}
	place = (struct place){.kind = "all of", .cohort = cohort, .index = (uint64_t)cohort};
	failed = check_equal(stated, &ages, &place, error);
	if (failed == 0 && settled) {
		failed = check_equal(stated, &intervals, &place, error);
	}
	if (failed == 0 && settled && snapshot->latency[cohort].count != stated->answered) {
		failed = contradiction(error, &place, "latencies are not one an answer",
		                       snapshot->latency[cohort].count, stated->answered);
	}
	return failed;
}

int stats_snapshot_check(const struct stats_snapshot *snapshot, uint64_t in_flight, struct error *error)
{
	const struct place totals = {.cohort = -1};
	bool settled = in_flight != UINT64_MAX;
	struct stats_totals sum = {0};
	int failed;

	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		failed = check_cohort(snapshot, (int)i, settled, error);
		if (failed != 0) {
			return failed;
		}
		totals_sum(&sum, &snapshot->cohorts[i]);
	}
	failed = check_totals(&snapshot->total, snapshot->shape.timeouts, settled, &totals, error);
	if (failed == 0) {
		failed = check_equal(&snapshot->total, &sum, &totals, error);
	}
	if (failed == 0 && settled && snapshot->total.outstanding != in_flight) {
		failed = contradiction(error, &totals, "outstanding is not what the in-flight tables hold",
		                       snapshot->total.outstanding, in_flight);
	}
	return failed;
}

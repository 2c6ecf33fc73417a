#include "private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Of the answers, those that took longer were late for reasons of their own.
#define LONGEST_WAY 0.99

static int by_tuple(const void *a, const void *b)
{
	const struct flow_spell *first = a, *second = b;

	if (first->tuple != second->tuple) {
		return first->tuple < second->tuple ? -1 : 1;
	}
	return (first->first_lost > second->first_lost) - (first->first_lost < second->first_lost);
}

static int copy_spells(struct evidence_work *work, struct error *error)
{
	const struct evidence_input *input = work->input;
	uint32_t count = 0;

	for (unsigned i = 0; i < input->spell_logs; i++) {
		count += atomic_load_explicit(&input->spells[i].count, memory_order_acquire);
	}
	work->spells = (struct flow_spell *)malloc(((size_t)count + 1) * sizeof(*work->spells));
	if (work->spells == NULL) {
		return error_set(error, -ENOMEM, "no memory for %u spells of losses", count);
	}
	for (unsigned i = 0; i < input->spell_logs; i++) {
		const struct flow_spells *spells = &input->spells[i];
		uint32_t number = atomic_load_explicit(&spells->count, memory_order_relaxed);

		for (uint32_t k = 0; k < number; k++) {
			if (spells->log[k].lost > 0) {
				work->spells[work->spell_count++] = spells->log[k];
			}
		}
		work->omitted += atomic_load_explicit(&spells->omitted, memory_order_relaxed);
	}
	qsort(work->spells, work->spell_count, sizeof(*work->spells), by_tuple);
	return 0;
}

static void fill_trouble(struct evidence_work *work)
{
	const struct stats_snapshot *snapshot = work->input->snapshot;
	struct verdict_evidence *verdict = &work->out->verdict;

	verdict->sent = snapshot->total.sent;
	verdict->throttled =
	        snapshot->sender[STATS_THROTTLED_TUPLE] + snapshot->sender[STATS_THROTTLED_FLIGHT] +
	        snapshot->sender[STATS_THROTTLED_TABLE] + snapshot->sender[STATS_THROTTLED_MEMORY];
	verdict->delayed = snapshot->sender[STATS_SKIPPED];
	verdict->tx_dropped = snapshot->sender[STATS_TX_DROPPED];
	verdict->rx_missed = work->input->missed;
}

static const struct evidence_look *latest_look(const struct evidence_looks *looks, ns_t at)
{
	const struct evidence_look *latest = NULL;

	for (unsigned i = 0; i < looks->count && looks->looks[i].at <= at; i++) {
		latest = &looks->looks[i];
	}
	return latest;
}

// The stretch that speaks of one change: from the one before to the next one.
static void frame(struct evidence_work *work, const struct evidence_moments *moments, unsigned number)
{
	const struct evidence_moment *moment = &moments->each[number];
	const struct evidence_input *input = work->input;
	struct evidence *out = work->out;

	out->change = moment->from;
	out->changed_at = moment->at;
	out->mark = -1;
	for (unsigned i = 0; i < input->mark_count && moment->from != EVIDENCE_CHANGE_NONE; i++) {
		if (input->marks[i] <= moment->at) {
			out->mark = (int)i;
		}
	}
	work->first = moments->each[0].at;
	work->since = number > 0 ? moments->each[number - 1].at : 0;
	work->until = NS_NEVER;
	work->last = NULL;
	if (number + 1 < moments->count) {
		// Who used a tuple by then, a look says; so both those that lost and the others count up to
		// it.
		work->last = latest_look(input->looks, moments->each[number + 1].at);
		work->until = work->last != NULL ? work->last->at : moments->each[number + 1].at;
	}
}

static int gather_one(struct evidence_work *work, struct error *error)
{
	struct evidence *out = work->out;
	int rc;

	work->dead = NULL;
	work->probes = NULL;
	work->dead_count = work->probe_count = 0;
	work->young_end = INFINITY;
	rc = evidence_tuples(work, error);
	if (rc == 0) {
		rc = evidence_ages(work, error);
	}
	if (rc == 0) {
		rc = evidence_slices(work, error);
	}
	if (rc == 0) {
		out->verdict.event = out->change != EVIDENCE_CHANGE_NONE;
		out->dropped_looks = work->input->looks->dropped_events;
		fill_trouble(work);
		evidence_servers(work);
	}
	if (out->verdict.since_use != work->probes) {
		free(work->probes);
	}
	free(work->dead);
	return rc;
}

int evidence_gather(struct evidence_changes *out, const struct evidence_input *input, bool main_only,
                    double confidence, struct error *error)
{
	struct evidence_work work = {.input = input, .confidence = confidence};
	const struct stats_histogram *latency = &input->snapshot->latency_all;
	struct evidence_moments moments;
	int rc;

	memset(out, 0, sizeof(*out));
	work.way = stats_histogram_quantile(latency, LONGEST_WAY);
	work.latency =
	        latency->count > 0 ? (double)latency->sum / (double)latency->count / (double)NS_PER_SEC : 0;
	rc = copy_spells(&work, error);
	if (rc == 0) {
		rc = evidence_onset(&work, &moments, error);
	}
	if (rc == 0) {
		out->found = moments.count;
		if (main_only) {
			moments = (struct evidence_moments){.each = {moments.each[moments.main]}, .count = 1};
		}
		out->main = moments.main;
		out->omitted = moments.omitted;
	}
	for (unsigned i = 0; rc == 0 && i < moments.count; i++) {
		work.out = &out->each[out->count++];
		work.out->omitted = work.omitted;
		frame(&work, &moments, i);
		rc = gather_one(&work, error);
		// What reaches across two moments counts for both, when they are looked for.
		if (work.out->affected > out->each[out->main].affected) {
			out->main = i;
		}
	}
	free(work.spells);
	return rc;
}

void evidence_release(struct evidence_changes *changes)
{
	for (unsigned i = 0; i < changes->count; i++) {
		// The diagnosis reads them only; they were allocated here.
		free((void *)(uintptr_t)changes->each[i].verdict.since_use);
		free((void *)(uintptr_t)changes->each[i].verdict.slices);
	}
	memset(changes, 0, sizeof(*changes));
}

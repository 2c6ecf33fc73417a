#include "private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Time slices at the most: a long run's intervals are joined.
#define SLICES_MAX 4096

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
		work->out->omitted += atomic_load_explicit(&spells->omitted, memory_order_relaxed);
	}
	qsort(work->spells, work->spell_count, sizeof(*work->spells), by_tuple);
	return 0;
}

static int fill_slices(struct evidence_work *work, struct error *error)
{
	const struct stats_snapshot *snapshot = work->input->snapshot;
	const struct stats_shape *shape = &snapshot->shape;
	struct verdict_evidence *verdict = &work->out->verdict;
	uint32_t joined = snapshot->intervals / SLICES_MAX + 1;
	struct verdict_slice *slices =
	        (struct verdict_slice *)calloc(snapshot->intervals / joined + 2, sizeof(*slices));
	ns_t origin = work->out->change == EVIDENCE_CHANGE_NONE ? work->input->start : work->out->changed_at;
	double width = ns_to_seconds(shape->interval) * joined;
	size_t count = 0;

	if (slices == NULL) {
		return error_set(error, -ENOMEM, "no memory for the time line");
	}
	for (uint32_t i = 0; i < snapshot->intervals; i++) {
		struct stats_totals totals = stats_snapshot_interval(snapshot, -1, i);
		struct verdict_slice *slice = &slices[i / joined];
		ns_t at = shape->start + i * shape->interval;

		if (i % joined == 0) {
			slice->from = at >= origin ? ns_to_seconds(at - origin) : -ns_to_seconds(origin - at);
			slice->to = slice->from + width;
			count++;
		}
		slice->sent += totals.sent;
		slice->lost += totals.lost;
		slice->refused += totals.refused;
		slice->wrong_source += work->input->looks->sums[i].wrong_source;
		slice->closed += work->input->looks->sums[i].closed;
	}
	// The last one of a run is cut short, and its rate is not known.
	while (count > 0 && work->input->end < shape->start + count * joined * shape->interval &&
	       slices[count - 1].wrong_source == 0 && slices[count - 1].refused == 0) {
		count--;
	}
	verdict->slices = slices;
	verdict->slice_count = count;
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

// k: one real server of k takes one k-th of the tuples with it.
static void count_servers(struct evidence_work *work)
{
	struct evidence *out = work->out;
	struct verdict_interval share =
	        verdict_wilson((double)out->affected, (double)out->stale, work->confidence);

	out->servers = (struct verdict_interval){NAN, NAN, NAN};
	if (out->affected > 0) {
		out->servers = (struct verdict_interval){1 / share.estimate, 1 / share.high, 1 / share.low};
	}
}

int evidence_gather(struct evidence *out, const struct evidence_input *input, double confidence,
                    struct error *error)
{
	struct evidence_work work = {.input = input, .out = out, .confidence = confidence};
	const struct stats_histogram *latency = &input->snapshot->latency_all;
	int rc;

	memset(out, 0, sizeof(*out));
	work.latency =
	        latency->count > 0 ? (double)latency->sum / (double)latency->count / (double)NS_PER_SEC : 0;
	rc = copy_spells(&work, error);
	if (rc == 0) {
		rc = evidence_onset(&work, error);
	}
	if (rc == 0) {
		rc = evidence_tuples(&work, error);
	}
	if (rc == 0) {
		rc = evidence_ages(&work, error);
	}
	if (rc == 0) {
		rc = fill_slices(&work, error);
	}
	if (rc == 0) {
		out->verdict.event = out->change != EVIDENCE_CHANGE_NONE;
		out->dropped_looks = input->looks->dropped_events;
		fill_trouble(&work);
		count_servers(&work);
	}
	if (out->verdict.since_use == NULL) {
		free(work.probes);
	}
	free(work.dead);
	free(work.spells);
	return rc;
}

void evidence_release(struct evidence *evidence)
{
	// The diagnosis reads them only; they were allocated here.
	free((void *)(uintptr_t)evidence->verdict.since_use);
	free((void *)(uintptr_t)evidence->verdict.slices);
	memset(evidence, 0, sizeof(*evidence));
}

#include "private.h"

#include <errno.h>
#include <stdlib.h>

// Time slices at the most: a long run's intervals are joined.
#define SLICES_MAX 4096

static double seconds_from(ns_t origin, ns_t at)
{
	return at >= origin ? ns_to_seconds(at - origin) : -ns_to_seconds(origin - at);
}

// Keep what lies between the change before and the next one. Returns how many are left.
static size_t cut(const struct evidence_work *work, struct verdict_slice *slices, size_t count, ns_t origin)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		bool early = work->since != 0 && slices[i].from < seconds_from(origin, work->since);
		bool late = work->until != NS_NEVER && slices[i].to > seconds_from(origin, work->until);

		if (!early && !late) {
			slices[kept++] = slices[i];
		}
	}
	return kept;
}

int evidence_slices(struct evidence_work *work, struct error *error)
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
			slice->from = seconds_from(origin, at);
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
	verdict->slice_count = cut(work, slices, count, origin);
	return 0;
}

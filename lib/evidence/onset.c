#include "private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// A change shows when more spells reach across one moment than chance has it: at least so many, and so many
// times the mean.
#define ACROSS_MIN   8
#define ACROSS_TIMES 4.0

// The top of a count: so much of it may be chance.
#define TOP 0.03

// Replies from a wrong source that make a burst.
#define SOURCE_MIN 5

struct edge {
	ns_t at;
	int step; ///< +1: a spell begins after `at`; -1: its first loss
};

static int by_time(const void *a, const void *b)
{
	const struct edge *first = a, *second = b;

	if (first->at != second->at) {
		return first->at < second->at ? -1 : 1;
	}
	return first->step - second->step;
}

// A look at an event in the moment's reach is as good as any other moment in it.
static ns_t settle_on(const struct evidence_looks *looks, ns_t low, ns_t high, ns_t top)
{
	for (unsigned i = looks->count; i > 0; i--) {
		if (looks->looks[i - 1].event && looks->looks[i - 1].at > low &&
		    looks->looks[i - 1].at <= high) {
			return looks->looks[i - 1].at;
		}
	}
	return top;
}

static bool from_losses(struct evidence_work *work, struct edge *edges)
{
	const struct evidence_input *input = work->input;
	double across_sum = 0, mean;
	int across = 0, most = 0, enough;
	size_t count = 0;
	ns_t low = 0, high = 0, top = 0;

	for (uint32_t i = 0; i < work->spell_count; i++) {
		const struct flow_spell *spell = &work->spells[i];

		if (spell->before != 0 && spell->before < spell->first_lost) {
			edges[count++] = (struct edge){spell->before, 1};
			edges[count++] = (struct edge){spell->first_lost, -1};
			across_sum += ns_to_seconds(spell->first_lost - spell->before);
		}
	}
	qsort(edges, count, sizeof(*edges), by_time);
	for (size_t i = 0; i < count; i++) {
		across += edges[i].step;
		most = across > most ? across : most;
	}
	// Chance losses ripple the top: all of it is as good.
	enough = most - (int)(TOP * most) - 1;
	across = 0;
	for (size_t i = 0; i + 1 < count; i++) {
		across += edges[i].step;
		if (across >= enough) {
			low = low == 0 ? edges[i].at : low;
			high = edges[i + 1].at;
			if (across == most) {
				top = edges[i].at + (edges[i + 1].at - edges[i].at) / 2 + 1;
			}
		}
	}
	mean = input->end > input->start ? across_sum / ns_to_seconds(input->end - input->start) : 0;
	if (most < ACROSS_MIN || most < ACROSS_TIMES * mean) {
		return false;
	}
	work->out->change = EVIDENCE_CHANGE_LOSSES;
	work->out->changed_at = settle_on(input->looks, low, high, top);
	return true;
}

static bool from_source(struct evidence_work *work)
{
	const struct evidence_looks *looks = work->input->looks;
	uint32_t best = 0;

	for (uint32_t i = 0; i < looks->shape->intervals; i++) {
		best = looks->sums[i].wrong_source > looks->sums[best].wrong_source ? i : best;
	}
	if (looks->sums[best].wrong_source < SOURCE_MIN) {
		return false;
	}
	while (best > 0 && looks->sums[best - 1].wrong_source > 0) {
		best--;
	}
	work->out->change = EVIDENCE_CHANGE_SOURCE;
	work->out->changed_at = looks->shape->start + best * looks->shape->interval;
	return true;
}

static double loss_between(const struct stats_snapshot *snapshot, ns_t from, ns_t to)
{
	struct stats_totals sum = {0};

	for (uint32_t i = 0; i < snapshot->intervals; i++) {
		ns_t at = snapshot->shape.start + i * snapshot->shape.interval;

		if (at >= from && at < to) {
			struct stats_totals totals = stats_snapshot_interval(snapshot, -1, i);

			sum.sent += totals.sent;
			sum.lost += totals.lost + totals.refused;
		}
	}
	return sum.sent > 0 ? (double)sum.lost / (double)sum.sent : 0;
}

// The mark after which the loss rises most.
static bool from_marks(struct evidence_work *work)
{
	const struct evidence_input *input = work->input;
	double most = -INFINITY;

	for (unsigned i = 0; i < input->mark_count; i++) {
		ns_t before = i > 0 ? input->marks[i - 1] : input->start;
		ns_t after = i + 1 < input->mark_count ? input->marks[i + 1] : input->end;
		double rise = loss_between(input->snapshot, input->marks[i], after) -
		              loss_between(input->snapshot, before, input->marks[i]);

		if (input->marks[i] > input->start && input->marks[i] < input->end && rise > most) {
			most = rise;
			work->out->change = EVIDENCE_CHANGE_MARK;
			work->out->changed_at = input->marks[i];
		}
	}
	return work->out->change == EVIDENCE_CHANGE_MARK;
}

int evidence_onset(struct evidence_work *work, struct error *error)
{
	struct edge *edges = (struct edge *)malloc((2 * (size_t)work->spell_count + 1) * sizeof(*edges));
	struct evidence *out = work->out;

	if (edges == NULL) {
		return error_set(error, -ENOMEM, "no memory to find when the losses began");
	}
	(void)(from_losses(work, edges) || from_source(work) || from_marks(work));
	free(edges);
	out->mark = -1;
	for (unsigned i = 0; i < work->input->mark_count && out->change != EVIDENCE_CHANGE_NONE; i++) {
		if (work->input->marks[i] <= out->changed_at) {
			out->mark = (int)i;
		}
	}
	return 0;
}

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

// A burst, as well as it is known when it began.
#define BURST (2 * NS_PER_SEC)

struct edge {
	ns_t at;
	int32_t step; ///< +1: a spell begins after `at`; -1: its first loss
	uint32_t spell;
};

/** The edges of the spells that no moment has found yet, by time. */
struct edges {
	struct edge *each;
	size_t count;
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

// `way`: an answer that came so long after the moment counts as one from before it.
static bool reaches_across(const struct flow_spell *spell, ns_t moment, ns_t way)
{
	return spell->before != 0 && spell->before < moment + way && spell->first_lost >= moment;
}

static void list_edges(const struct evidence_work *work, struct edges *edges)
{
	for (uint32_t i = 0; i < work->spell_count; i++) {
		const struct flow_spell *spell = &work->spells[i];

		if (spell->before != 0 && spell->before < spell->first_lost) {
			edges->each[edges->count++] = (struct edge){spell->before, 1, i};
			edges->each[edges->count++] = (struct edge){spell->first_lost, -1, i};
		}
	}
	qsort(edges->each, edges->count, sizeof(*edges->each), by_time);
}

// Set the spells apart that reach across the moment, and those whose last answer was then on its way: without
// them, what is in flight at a change looks like another change just after it.
static void leave_out(const struct evidence_work *work, struct edges *edges, ns_t moment)
{
	size_t kept = 0;

	for (size_t i = 0; i < edges->count; i++) {
		if (!reaches_across(&work->spells[edges->each[i].spell], moment, work->way)) {
			edges->each[kept++] = edges->each[i];
		}
	}
	edges->count = kept;
}

// Enough of the spells reach across the moment.
static bool reached(const struct evidence_work *work, const struct edges *edges, ns_t moment)
{
	unsigned twice = 0;

	for (size_t i = 0; i < edges->count; i++) {
		twice += reaches_across(&work->spells[edges->each[i].spell], moment, 0);
	}
	return twice >= 2 * ACROSS_MIN;
}

// The moment that most of the spells reach across. The first one is the main one.
static bool from_losses(const struct evidence_work *work, bool is_first, const struct edges *edges, ns_t *at)
{
	const struct evidence_input *input = work->input;
	const struct edge *each = edges->each;
	double across_sum = 0, mean;
	int across = 0, most = 0, enough;
	ns_t low = 0, high = 0, top = 0;

	for (size_t i = 0; i < edges->count; i++) {
		across += each[i].step;
		most = across > most ? across : most;
		across_sum -= each[i].step * ns_to_seconds(each[i].at);
	}
	// Chance losses ripple the top: all of it is as good.
	enough = most - (int)(TOP * most) - 1;
	across = 0;
	for (size_t i = 0; i + 1 < edges->count; i++) {
		across += each[i].step;
		if (across >= enough) {
			low = low == 0 ? each[i].at : low;
			high = each[i + 1].at;
			if (across == most) {
				top = each[i].at + (each[i + 1].at - each[i].at) / 2 + 1;
			}
		}
	}
	mean = input->end > input->start ? across_sum / ns_to_seconds(input->end - input->start) : 0;
	if (most < ACROSS_MIN || most < ACROSS_TIMES * mean) {
		return false;
	}
	*at = settle_on(input->looks, low, high, top);
	if (!is_first && !reached(work, edges, *at)) {
		*at = top;
	}
	return is_first || reached(work, edges, *at);
}

// The greatest burst of replies from wrong sources of which nothing is near that was found already.
static bool from_source(const struct evidence_work *work, const struct evidence_moments *found, ns_t *at)
{
	const struct evidence_looks *looks = work->input->looks;
	uint32_t intervals = looks->shape->intervals, best = intervals;
	double sum = 0;

	for (uint32_t i = 0; i < intervals; i++) {
		ns_t from = looks->shape->start + i * looks->shape->interval;
		bool is_found = false;

		sum += (double)looks->sums[i].wrong_source;
		for (unsigned k = 0; k < found->count; k++) {
			is_found |= found->each[k].at < from + looks->shape->interval + BURST &&
			            from < found->each[k].at + BURST;
		}
		if (!is_found &&
		    (best == intervals || looks->sums[i].wrong_source > looks->sums[best].wrong_source)) {
			best = i;
		}
	}
	if (best == intervals || looks->sums[best].wrong_source < SOURCE_MIN ||
	    (found->count > 0 && (double)looks->sums[best].wrong_source < ACROSS_TIMES * sum / intervals)) {
		return false;
	}
	while (best > 0 && looks->sums[best - 1].wrong_source > 0) {
		best--;
	}
	*at = looks->shape->start + best * looks->shape->interval;
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
static bool from_marks(const struct evidence_work *work, ns_t *at)
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
			*at = input->marks[i];
		}
	}
	return most > -INFINITY;
}

static int by_moment(const void *a, const void *b)
{
	const struct evidence_moment *first = a, *second = b;

	return (first->at > second->at) - (first->at < second->at);
}

// Changes that befall fewer and fewer tuples: the first one found is the main one.
static void find_changes(const struct evidence_work *work, struct edges *edges,
                         struct evidence_moments *moments)
{
	ns_t at = 0, main;
	enum evidence_change from;

	for (;;) {
		from = from_losses(work, moments->count == 0, edges, &at) ? EVIDENCE_CHANGE_LOSSES
		       : from_source(work, moments, &at)                  ? EVIDENCE_CHANGE_SOURCE
		       : moments->count == 0 && from_marks(work, &at)     ? EVIDENCE_CHANGE_MARK
		                                                          : EVIDENCE_CHANGE_NONE;
		if ((from == EVIDENCE_CHANGE_NONE && moments->count > 0) ||
		    moments->count == EVIDENCE_CHANGES_MAX) {
			moments->omitted = from != EVIDENCE_CHANGE_NONE;
			break;
		}
		moments->each[moments->count++] = (struct evidence_moment){at, from};
		if (from == EVIDENCE_CHANGE_NONE) {
			break;
		}
		leave_out(work, edges, at);
	}
	main = moments->each[0].at;
	qsort(moments->each, moments->count, sizeof(moments->each[0]), by_moment);
	while (moments->each[moments->main].at != main) {
		moments->main++;
	}
}

int evidence_onset(struct evidence_work *work, struct evidence_moments *moments, struct error *error)
{
	size_t size = (2 * (size_t)work->spell_count + 1) * sizeof(struct edge);
	struct edges edges = {.each = (struct edge *)malloc(size)};

	*moments = (struct evidence_moments){0};
	if (edges.each == NULL) {
		return error_set(error, -ENOMEM, "no memory to find when the losses began");
	}
	list_edges(work, &edges);
	find_changes(work, &edges, moments);
	free(edges.each);
	return 0;
}

#include "load/pacer.h"

#include <math.h>
#include <string.h>

#include "base/fixed.h"

static ns_t add_saturating(ns_t a, ns_t b)
{
	ns_t sum;

	return __builtin_add_overflow(a, b, &sum) ? NS_NEVER : sum;
}

static const struct load_segment *current(const struct load_pacer *pacer)
{
	return &pacer->profile->segments[pacer->segment];
}

// Queries scheduled before the current segment's end, rounded up: the first query that is not in it.
static uint64_t segment_limit(const struct load_pacer *pacer)
{
	const struct load_profile *profile = pacer->profile;
	struct load_count end = pacer->segment + 1 < profile->count
	                                ? profile->segments[pacer->segment + 1].before
	                                : profile->total;

	if (current(pacer)->duration == NS_NEVER) {
		return current(pacer)->from_qps > 0 ? UINT64_MAX : 0;
	}
	end.whole += pacer->round_before.whole;
	end = load_count_add(end, pacer->round_before.fraction);
	return end.whole + (end.fraction > 0);
}

// How long after the segment's start its integral reaches `count`: the inverse of from * x + (to - from) /
// duration * x^2 / 2, in the form that doesn't cancel.
static double ramp_inverse(const struct load_segment *segment, double count)
{
	double from = segment->from_qps;
	double slope = (segment->to_qps - from) / ((double)segment->duration / (double)NS_PER_SEC);
	double reached = sqrt(fmax(0, from * from + 2 * slope * count));

	return count > 0 ? 2 * count / (from + reached) * (double)NS_PER_SEC : 0;
}

// The deadline of query k, which is in the current segment, from nothing but k.
static void compute_due(struct load_pacer *pacer)
{
	const struct load_segment *segment = current(pacer);
	struct load_count before = segment->before;
	double count, after, whole;

	before.whole += pacer->round_before.whole;
	before = load_count_add(before, pacer->round_before.fraction);
	count = fmax(0, (double)(int64_t)(pacer->k - before.whole) - before.fraction);
	if (segment->from_qps == segment->to_qps) {
		after = count * (double)NS_PER_SEC / segment->from_qps;
	} else {
		after = fmin(ramp_inverse(segment, count), (double)segment->duration);
	}
	if (!(after < (double)INT64_MAX)) {
		pacer->finished = true; // centuries from now
		return;
	}
	whole = floor(after);
	pacer->due.ns = add_saturating(pacer->start, pacer->round_start + segment->start + (ns_t)whole);
	pacer->due.fraction = (uint64_t)((after - whole) * 0x1p64);
	pacer->finished = pacer->due.ns == NS_NEVER;
}

// The time between two queries of this worker. Whole rates are exact to 2^-64 ns, rounded up: rounded down,
// the query that is due at the very end would come a nanosecond before it, and be one too many. Others are as
// exact as the rate itself.
static struct load_time constant_step(double qps, unsigned workers)
{
	double gap = (double)workers * (double)NS_PER_SEC / qps;
	struct fixed_ratio ratio;

	if (qps == floor(qps)) {
		ratio = fixed_ratio(workers * NS_PER_SEC, (uint64_t)qps);
		return (struct load_time){.ns = ratio.whole,
		                          .fraction = ratio.fraction + (ratio.fraction > 0)};
	}
	if (gap >= (double)INT64_MAX) {
		return (struct load_time){.ns = INT64_MAX};
	}
	return (struct load_time){.ns = (ns_t)gap, .fraction = (uint64_t)((gap - floor(gap)) * 0x1p64)};
}

// A repeated profile that schedules less than one query a round: over all rounds that end before query k at
// one go.
static void skip_rounds(struct load_pacer *pacer)
{
	double per_round = load_count_value(pacer->profile->total);
	double left = (double)(int64_t)(pacer->k - pacer->round_before.whole) - pacer->round_before.fraction;
	double rounds = floor(left / per_round) - 2;

	if (rounds < 1) {
		return;
	}
	if (rounds >= (double)INT64_MAX / (double)pacer->profile->duration) {
		pacer->finished = true;
		return;
	}
	pacer->round += (uint64_t)rounds;
	pacer->round_start = pacer->round * pacer->profile->duration;
	pacer->round_before = (struct load_count){.whole = pacer->round * pacer->profile->total.whole};
	pacer->round_before =
	        load_count_add(pacer->round_before, (double)pacer->round * pacer->profile->total.fraction);
}

static void next_segment(struct load_pacer *pacer)
{
	const struct load_profile *profile = pacer->profile;

	if (++pacer->segment < profile->count) {
		return;
	}
	if (!profile->repeat || (load_count_value(profile->total) == 0 && load_profile_peak(profile) == 0)) {
		pacer->finished = true;
		return;
	}
	pacer->segment = 0;
	pacer->round++;
	pacer->round_start = add_saturating(pacer->round_start, profile->duration);
	// From the round's number, not from the round before: nothing accumulates.
	pacer->round_before = (struct load_count){.whole = pacer->round * profile->total.whole};
	pacer->round_before =
	        load_count_add(pacer->round_before, (double)pacer->round * profile->total.fraction);
	if (load_profile_peak(profile) != LOAD_UNLIMITED) {
		skip_rounds(pacer);
	}
	pacer->finished = pacer->finished || pacer->round_start > INT64_MAX;
}

static bool enter_unlimited(struct load_pacer *pacer)
{
	const struct load_segment *segment = current(pacer);

	pacer->due.ns = add_saturating(pacer->start, pacer->round_start + segment->start);
	pacer->due.fraction = 0;
	pacer->unlimited_end =
	        segment->duration == NS_NEVER ? NS_NEVER : add_saturating(pacer->due.ns, segment->duration);
	return pacer->unlimited_end > pacer->now;
}

// Find the segment of query k, from the current one on, and set up its deadlines; or stop in an unlimited one
// on the way.
static void locate(struct load_pacer *pacer)
{
	pacer->unlimited = false;
	while (!pacer->finished) {
		const struct load_segment *segment = current(pacer);

		if (segment->from_qps == LOAD_UNLIMITED) {
			if (enter_unlimited(pacer)) {
				pacer->unlimited = true;
				return;
			}
		} else {
			pacer->segment_end = segment_limit(pacer);
			if (pacer->k < pacer->segment_end) {
				compute_due(pacer);
				if (segment->from_qps == segment->to_qps) {
					pacer->step = constant_step(segment->from_qps, pacer->workers);
				}
				return;
			}
		}
		next_segment(pacer);
	}
}

static void advance(struct load_pacer *pacer)
{
	const struct load_segment *segment = current(pacer);

	pacer->k += pacer->workers;
	if (pacer->k >= pacer->segment_end) {
		next_segment(pacer);
		locate(pacer);
	} else if (segment->from_qps == segment->to_qps) {
		bool carry = __builtin_add_overflow(pacer->due.fraction, pacer->step.fraction,
		                                    &pacer->due.fraction);

		pacer->due.ns = add_saturating(pacer->due.ns, pacer->step.ns + carry);
		pacer->finished = pacer->due.ns == NS_NEVER;
	} else {
		compute_due(pacer);
	}
}

// Put one more deadline into the ring; false when there is none with a time of its own.
static bool look_ahead(struct load_pacer *pacer)
{
	if (pacer->finished || pacer->unlimited) {
		return false;
	}
	pacer->deadlines[(pacer->head + pacer->ahead++) % LOAD_BURST_MAX] = pacer->due.ns;
	advance(pacer);
	return true;
}

// Put the deadlines up to `now` into the ring, as long as the rate is constant and the segment goes on: what
// look_ahead() does, but in registers. At tens of millions a second that counts.
static void look_ahead_evenly(struct load_pacer *pacer, ns_t now)
{
	const struct load_time step = pacer->step;
	uint64_t k = pacer->k, workers = pacer->workers, end = pacer->segment_end;
	unsigned head = pacer->head, ahead = pacer->ahead;
	struct load_time due = pacer->due;

	if (pacer->finished || pacer->unlimited || current(pacer)->from_qps != current(pacer)->to_qps) {
		return;
	}
	while (ahead < LOAD_BURST_MAX && due.ns <= now && k + workers < end && step.ns < NS_NEVER / 4) {
		pacer->deadlines[(head + ahead++) % LOAD_BURST_MAX] = due.ns;
		k += workers;
		due.ns += step.ns + __builtin_add_overflow(due.fraction, step.fraction, &due.fraction);
	}
	pacer->k = k;
	pacer->ahead = ahead;
	pacer->due = due;
}

void load_pacer_init(struct load_pacer *pacer, const struct load_profile *profile, unsigned worker,
                     unsigned workers, ns_t start, ns_t max_lag)
{
	memset(pacer, 0, sizeof(*pacer));
	pacer->profile = profile;
	pacer->worker = worker;
	pacer->workers = workers;
	pacer->start = start;
	pacer->max_lag = max_lag;
	pacer->now = start;
	pacer->k = worker;
	pacer->finished = profile->count == 0;
	locate(pacer);
	look_ahead(pacer);
}

// Too late: everything due before `now` is given up, in one step however much it is.
static void skip_overdue(struct load_pacer *pacer)
{
	struct load_count passed;
	uint64_t next;

	while (pacer->ahead > 0 && pacer->deadlines[pacer->head] < pacer->now) {
		pacer->head = (pacer->head + 1) % LOAD_BURST_MAX;
		pacer->ahead--;
		pacer->skipped++;
	}
	if (pacer->ahead > 0 || pacer->finished) {
		return;
	}
	passed = load_profile_queries_until(pacer->profile, pacer->now - pacer->start);
	next = passed.whole + (passed.fraction > 0);
	if (next > pacer->k) {
		uint64_t skipped = (next - pacer->k + pacer->workers - 1) / pacer->workers;

		pacer->skipped += skipped;
		pacer->k += skipped * pacer->workers;
	}
	locate(pacer);
	look_ahead(pacer);
}

unsigned load_pacer_due(struct load_pacer *pacer, ns_t now, unsigned max)
{
	unsigned due = 0;

	pacer->now = now;
	max = max < LOAD_BURST_MAX ? max : LOAD_BURST_MAX;
	while (pacer->ahead == 0 && pacer->unlimited) {
		if (now < pacer->unlimited_end) {
			return now >= pacer->due.ns ? max : 0;
		}
		next_segment(pacer);
		locate(pacer);
		look_ahead(pacer);
	}
	if (pacer->ahead > 0 && now > pacer->deadlines[pacer->head] &&
	    now - pacer->deadlines[pacer->head] > pacer->max_lag) {
		skip_overdue(pacer);
	}
	look_ahead_evenly(pacer, now);
	if (pacer->ahead > 0 && pacer->deadlines[(pacer->head + pacer->ahead - 1) % LOAD_BURST_MAX] <= now) {
		due = pacer->ahead < max ? pacer->ahead : max; // the last is due, so all are
	}
	while (due < max && (due < pacer->ahead || look_ahead(pacer)) &&
	       pacer->deadlines[(pacer->head + due) % LOAD_BURST_MAX] <= now) {
		due++;
	}
	return due;
}

ns_t load_pacer_take(struct load_pacer *pacer)
{
	ns_t deadline;

	pacer->taken++;
	if (pacer->ahead == 0) {
		return pacer->now; // unlimited
	}
	deadline = pacer->deadlines[pacer->head];
	pacer->head = (pacer->head + 1) % LOAD_BURST_MAX;
	if (--pacer->ahead == 0) {
		look_ahead(pacer);
	}
	return deadline;
}

void load_pacer_take_late(struct load_pacer *pacer, unsigned count, ns_t now, ns_t *late)
{
	unsigned head = pacer->head;

	if (count > pacer->ahead) { // some have no time of their own
		for (unsigned i = 0; i < count; i++) {
			late[i] = now - load_pacer_take(pacer);
		}
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		late[i] = now - pacer->deadlines[(head + i) % LOAD_BURST_MAX];
	}
	pacer->head = (head + count) % LOAD_BURST_MAX;
	pacer->ahead -= count;
	pacer->taken += count;
	if (pacer->ahead == 0 && count > 0) {
		look_ahead(pacer);
	}
}

ns_t load_pacer_next(const struct load_pacer *pacer)
{
	if (pacer->ahead > 0) {
		return pacer->deadlines[pacer->head];
	}
	if (pacer->unlimited) {
		return pacer->due.ns > pacer->now ? pacer->due.ns : pacer->now;
	}
	return NS_NEVER;
}

unsigned load_pacer_burst(double rate_qps)
{
	double burst = floor(rate_qps / 10000);

	return burst < 1 ? 1 : burst > LOAD_BURST_MAX ? LOAD_BURST_MAX : (unsigned)burst;
}

#include "load/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void load_profile_init(struct load_profile *profile)
{
	memset(profile, 0, sizeof(*profile));
}

void load_profile_free(struct load_profile *profile)
{
	free(profile->segments);
	load_profile_init(profile);
}

// Queries of a segment's first `elapsed` ns. One rounding, at the end: the sum of the ends times half the
// time.
static double segment_queries(const struct load_segment *segment, ns_t elapsed)
{
	double seconds = (double)elapsed / (double)NS_PER_SEC;
	double reached = segment->to_qps;

	if (segment->from_qps == LOAD_UNLIMITED) {
		return 0;
	}
	if (segment->from_qps == segment->to_qps) {
		return segment->from_qps * (double)elapsed / (double)NS_PER_SEC;
	}
	if (elapsed < segment->duration) {
		reached = segment->from_qps + (segment->to_qps - segment->from_qps) *
		                                      ((double)elapsed / (double)segment->duration);
	}
	return (segment->from_qps + reached) / 2 * seconds;
}

static int check_rate(double qps, struct error *error)
{
	if (qps == LOAD_UNLIMITED || (qps >= 0 && qps <= LOAD_RATE_MAX)) {
		return 0;
	}
	return error_set(error, -EINVAL, "rate %g q/s; 0 to %g are allowed, or max for as fast as possible",
	                 qps, LOAD_RATE_MAX);
}

static int check_segment(const struct load_profile *profile, ns_t duration, double from_qps, double to_qps,
                         struct error *error)
{
	int rc = check_rate(from_qps, error);

	if (rc == 0) {
		rc = check_rate(to_qps, error);
	}
	if (rc < 0) {
		return rc;
	}
	if (profile->count > 0 && (profile->duration == NS_NEVER || profile->repeat)) {
		return error_set(error, -EINVAL,
		                 "nothing can follow a segment without an end; give that one a duration");
	}
	if (duration == 0 || (duration != NS_NEVER && duration > INT64_MAX - profile->duration)) {
		return error_set(error, -EINVAL,
		                 "a segment needs a duration above 0, and all together less than 292 years");
	}
	if (from_qps != to_qps && (from_qps == LOAD_UNLIMITED || to_qps == LOAD_UNLIMITED)) {
		return error_set(error, -EINVAL, "a ramp can't begin or end at max; give a rate in q/s");
	}
	if (from_qps != to_qps && duration == NS_NEVER) {
		return error_set(error, -EINVAL, "a ramp from %g to %g q/s needs a duration", from_qps,
		                 to_qps);
	}
	if (profile->count == LOAD_SEGMENTS_MAX) {
		return error_set(error, -ENOSPC, "more than %d segments; join some", LOAD_SEGMENTS_MAX);
	}
	return 0;
}

int load_profile_add(struct load_profile *profile, ns_t duration, double from_qps, double to_qps,
                     struct error *error)
{
	struct load_segment *segments, *segment;
	int rc = check_segment(profile, duration, from_qps, to_qps, error);

	if (rc < 0) {
		return rc;
	}
	segments = realloc(profile->segments, (profile->count + 1) * sizeof(*segments));
	if (segments == NULL) {
		return error_set(error, -ENOMEM, "no memory for a profile of %u segments",
		                 profile->count + 1);
	}
	profile->segments = segments;
	segment = &segments[profile->count++];
	*segment = (struct load_segment){.duration = duration,
	                                 .from_qps = from_qps,
	                                 .to_qps = to_qps,
	                                 .start = profile->duration,
	                                 .before = profile->total};
	if (duration == NS_NEVER) {
		profile->duration = NS_NEVER;
	} else {
		profile->duration += duration;
		profile->total = load_count_add(profile->total, segment_queries(segment, duration));
	}
	return 0;
}

int load_profile_constant(struct load_profile *profile, double qps, ns_t duration, struct error *error)
{
	return load_profile_add(profile, duration, qps, qps, error);
}

int load_profile_ramp(struct load_profile *profile, double from_qps, double to_qps, ns_t over,
                      struct error *error)
{
	return load_profile_add(profile, over, from_qps, to_qps, error);
}

int load_profile_steps(struct load_profile *profile, const double *qps, unsigned count, ns_t each,
                       struct error *error)
{
	for (unsigned i = 0; i < count; i++) {
		int rc = load_profile_add(profile, each, qps[i], qps[i], error);

		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int load_profile_burst(struct load_profile *profile, double on_qps, ns_t on, double off_qps, ns_t off,
                       struct error *error)
{
	int rc;

	if (profile->count > 0 || on == NS_NEVER || off == NS_NEVER) {
		return error_set(error, -EINVAL,
		                 "a burst profile stands alone, and both of its halves need a duration");
	}
	rc = load_profile_add(profile, on, on_qps, on_qps, error);
	if (rc == 0) {
		rc = load_profile_add(profile, off, off_qps, off_qps, error);
	}
	if (rc == 0) {
		profile->repeat = true;
	}
	return rc;
}

ns_t load_profile_duration(const struct load_profile *profile)
{
	return profile->repeat ? NS_NEVER : profile->duration;
}

// The segment of `t`, which is before the profile's end.
static const struct load_segment *find_segment(const struct load_profile *profile, ns_t t)
{
	unsigned low = 0, high = profile->count;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (profile->segments[middle].start <= t) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return &profile->segments[low];
}

double load_profile_rate_at(const struct load_profile *profile, ns_t t)
{
	const struct load_segment *segment;

	if (profile->repeat) {
		t %= profile->duration;
	}
	if (profile->count == 0 || t >= profile->duration) {
		return 0;
	}
	segment = find_segment(profile, t);
	if (segment->from_qps == segment->to_qps) {
		return segment->from_qps;
	}
	return segment->from_qps + (segment->to_qps - segment->from_qps) *
	                                   ((double)(t - segment->start) / (double)segment->duration);
}

double load_profile_peak(const struct load_profile *profile)
{
	double peak = 0;

	for (unsigned i = 0; i < profile->count; i++) {
		peak = fmax(peak, fmax(profile->segments[i].from_qps, profile->segments[i].to_qps));
	}
	return peak;
}

struct load_count load_profile_queries_until(const struct load_profile *profile, ns_t t)
{
	struct load_count rounds = {0};
	const struct load_segment *segment;
	struct load_count count;

	if (profile->count == 0) {
		return rounds;
	}
	if (profile->repeat) {
		uint64_t round = t / profile->duration;

		rounds.whole = round * profile->total.whole;
		rounds = load_count_add(rounds, (double)round * profile->total.fraction);
		t %= profile->duration;
	}
	if (t >= profile->duration) {
		return profile->total;
	}
	segment = find_segment(profile, t);
	count = load_count_add(segment->before, segment_queries(segment, t - segment->start));
	count.whole += rounds.whole;
	return load_count_add(count, rounds.fraction);
}

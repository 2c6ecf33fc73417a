#pragma once
// Rate profiles: how many queries a second, over the run. Straight pieces, each constant or a ramp. The
// application builds one and frees it; from then on it is read-only, for any thread. Time in a profile counts
// from the start of the run.

#include "base/error.h"
#include "base/units.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/** "As fast as possible": the rate of an unlimited segment. It has no schedule: a query is always due. */
#define LOAD_UNLIMITED ((double)INFINITY)

/** The highest rate with a schedule: one query a nanosecond. */
#define LOAD_RATE_MAX 1e9

/** The most segments of one profile. */
#define LOAD_SEGMENTS_MAX 65536

/** A number of queries that need not be whole: whole + fraction, 0 <= fraction < 1. */
struct load_count {
	uint64_t whole;
	double fraction;
};

struct load_segment {
	ns_t duration;   ///< > 0; NS_NEVER: to the end of the run (the last segment only)
	double from_qps; ///< at its start: 0..LOAD_RATE_MAX, or LOAD_UNLIMITED at both ends
	double to_qps;   ///< at its end, reached in a straight line
	ns_t start;      ///< since the start of the run (of the round, in a repeated profile); set by
	                 ///< load_profile_add()
	struct load_count before; ///< queries scheduled before its start; set by load_profile_add()
};

struct load_profile {
	struct load_segment *segments;
	unsigned count;
	bool repeat;             ///< begin again after the last segment
	ns_t duration;           ///< of one round; NS_NEVER when the last segment has no end
	struct load_count total; ///< queries scheduled in one round; unlimited segments schedule none
};

/** An empty profile. */
void load_profile_init(struct load_profile *profile);

void load_profile_free(struct load_profile *profile);

/**
 * Append a segment. Returns 0, -EINVAL (a rate out of range, a duration of 0, a ramp without an end,
 * something after a segment without an end), -ENOSPC above LOAD_SEGMENTS_MAX, -ENOMEM.
 */
int load_profile_add(struct load_profile *profile, ns_t duration, double from_qps, double to_qps,
                     struct error *error);

/** `qps` for `duration` (NS_NEVER: without an end). */
int load_profile_constant(struct load_profile *profile, double qps, ns_t duration, struct error *error);

/** From `from_qps` to `to_qps` in `over`; ends there: add what is to follow. */
int load_profile_ramp(struct load_profile *profile, double from_qps, double to_qps, ns_t over,
                      struct error *error);

/** Each of `count` rates for `each`. */
int load_profile_steps(struct load_profile *profile, const double *qps, unsigned count, ns_t each,
                       struct error *error);

/** `on_qps` for `on`, then `off_qps` for `off`, again and again. The profile must be empty. */
int load_profile_burst(struct load_profile *profile, double on_qps, ns_t on, double off_qps, ns_t off,
                       struct error *error);

/**
 * Parse a profile: segments "DURATION QPS [TO_QPS]" separated by newlines or commas, "#" comments to the end
 * of the line. DURATION is as units_parse_duration() has it (a bare number is seconds), or "forever"; QPS as
 * units_parse_count(), or "max". A rate alone ("100k") is that rate for ever; "repeat" as the last item
 * begins again. E.g. "60s 0 100k, forever 100k". `source` names the text in errors ("" for an option). The
 * profile is initialised here; empty after an error. Returns 0, -EINVAL with line and column, or as
 * load_profile_add().
 */
int load_profile_parse(struct load_profile *profile, const char *text, const char *source,
                       struct error *error);

/** Read and parse a file of at most 16 MiB. Returns 0, the errno of a failed read, or as
 * load_profile_parse(). */
int load_profile_read(struct load_profile *profile, const char *path, struct error *error);

/** When the profile ends; NS_NEVER for one that repeats or has no end. */
ns_t load_profile_duration(const struct load_profile *profile);

/** The rate at `t`: 0 after the end, LOAD_UNLIMITED in an unlimited segment. */
double load_profile_rate_at(const struct load_profile *profile, ns_t t);

/** The highest rate in the profile. */
double load_profile_peak(const struct load_profile *profile);

/** The integral of the rate from 0 to `t`, as a closed form (nothing accumulates). Unlimited segments add
 * nothing. */
struct load_count load_profile_queries_until(const struct load_profile *profile, ns_t t);

/** a + b, with b >= 0. */
static inline struct load_count load_count_add(struct load_count a, double b)
{
	double sum = a.fraction + (b - floor(b));
	double carry = floor(sum);

	return (struct load_count){.whole = a.whole + (uint64_t)floor(b) + (uint64_t)carry,
	                           .fraction = sum - carry};
}

static inline double load_count_value(struct load_count count)
{
	return (double)count.whole + count.fraction;
}

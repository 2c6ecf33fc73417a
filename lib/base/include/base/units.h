#pragma once
// Units: nanoseconds, rates and sizes, and the text that users write for them ("500ms", "100k"). Pure
// functions, any thread.

#include <stdint.h>

/**
 * Nanoseconds on the clock that the caller keeps (time since the start of the run, unless said otherwise).
 * Every function that depends on time takes it as `now`; only the application reads a clock. Wraps after 584
 * years: differences are safe.
 */
typedef uint64_t ns_t;

#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/** "Never": later than any time that a run can reach. */
#define NS_NEVER UINT64_MAX

/** Seconds as a floating-point number, for reports only. */
static inline double ns_to_seconds(ns_t ns)
{
	return (double)ns / (double)NS_PER_SEC;
}

/**
 * Parse a duration: a decimal number and a unit out of ns, us, ms, s, m, h, d ("1.5s", "300ms", "5m"). A bare
 * number takes `default_unit` ns (0: a unit is required). Returns 0, or -EINVAL for bad text, -ERANGE above
 * 2^63 ns.
 */
int units_parse_duration(const char *text, ns_t default_unit, ns_t *out);

/**
 * Parse a count or a rate: a decimal number and an optional k, M or G (powers of 1000), e.g. "100k", "1.5M".
 * Returns 0, -EINVAL or -ERANGE.
 */
int units_parse_count(const char *text, double *out);

/** Parse an unsigned decimal integer of [min, max] that fills the whole text. Returns 0, -EINVAL or -ERANGE.
 */
int units_parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/** Write a duration in the largest unit that keeps it exact ("300s", "1500ms", "1us"). Returns as snprintf
 * does. */
int units_format_duration(ns_t ns, char *buffer, unsigned long size);

/** Write bytes in binary units ("512 MiB"). Returns as snprintf does. */
int units_format_bytes(uint64_t bytes, char *buffer, unsigned long size);

#pragma once
// A log-linear histogram of nanoseconds: 64 buckets an octave, so a bucket is at most 1/64 (1.6 %) wide
// relative to its value, over 0 ns .. 2^42 ns (73 min). Counts, sums and extremes are integers: histograms of
// several lcores or boxes add up exactly. One writer; another thread may read at any time
// (stats_snapshot_take) and sees each counter at some recent value.

#include "base/units.h"
#include "stats/single_writer.h"

#include <stdint.h>
#include <string.h>

#define STATS_SUB_BITS 6
#define STATS_TOP_BIT  42
#define STATS_BUCKETS  (((STATS_TOP_BIT - STATS_SUB_BITS) + 1) << STATS_SUB_BITS)

struct stats_histogram {
	uint64_t count;
	uint64_t sum;                     ///< ns
	uint64_t square_low, square_high; ///< sum of squares in ns^2, 128 bits
	ns_t min, max;                    ///< min is NS_NEVER while empty
	uint64_t buckets[STATS_BUCKETS];
};

/**
 * The bucket of a value: the value itself below 64, then its exponent and six bits of its mantissa, which a
 * double has in a row (as in stats_age_class).
 */
static inline unsigned stats_bucket(ns_t value)
{
	double number = (double)(int64_t)value;
	uint64_t bits;

	if (value < (UINT64_C(1) << STATS_SUB_BITS)) {
		return (unsigned)value;
	}
	if (value >= UINT64_C(1) << STATS_TOP_BIT) {
		return STATS_BUCKETS - 1;
	}
	memcpy(&bits, &number, sizeof(bits));
	return (unsigned)((bits >> (52 - STATS_SUB_BITS)) - ((1023u + STATS_SUB_BITS - 1) << STATS_SUB_BITS));
}

/** The smallest value of a bucket; bucket STATS_BUCKETS gives the end of the last one. */
ns_t stats_bucket_low(unsigned bucket);

/** Make an empty histogram. */
void stats_histogram_init(struct stats_histogram *histogram);

/** Record one value. Hot path. */
static inline void stats_histogram_add(struct stats_histogram *histogram, ns_t value)
{
	unsigned __int128 square = (unsigned __int128)value * value;
	uint64_t low = histogram->square_low + (uint64_t)square;

	stats_add(&histogram->square_high, (uint64_t)(square >> 64) + (low < histogram->square_low));
	stats_set(&histogram->square_low, low);
	stats_add(&histogram->count, 1);
	stats_add(&histogram->sum, value);
	if (value < histogram->min) {
		stats_set(&histogram->min, value);
	}
	if (value > histogram->max) {
		stats_set(&histogram->max, value);
	}
	stats_add(&histogram->buckets[stats_bucket(value)], 1);
}

/** Record `count` values at once: the same as one by one, with one store of each sum. Hot path. */
static inline void stats_histogram_add_all(struct stats_histogram *histogram, const ns_t *values,
                                           unsigned count)
{
	unsigned __int128 squares = (unsigned __int128)histogram->square_high << 64 | histogram->square_low;
	ns_t sum = histogram->sum, min = histogram->min, max = histogram->max;

	for (unsigned i = 0; i < count; i++) {
		squares += (unsigned __int128)values[i] * values[i];
		sum += values[i];
		min = values[i] < min ? values[i] : min;
		max = values[i] > max ? values[i] : max;
		stats_add(&histogram->buckets[stats_bucket(values[i])], 1);
	}
	stats_set(&histogram->square_high, (uint64_t)(squares >> 64));
	stats_set(&histogram->square_low, (uint64_t)squares);
	stats_set(&histogram->sum, sum);
	stats_set(&histogram->min, min);
	stats_set(&histogram->max, max);
	stats_add(&histogram->count, count);
}

/** The same for values none of which is above the one before it, as the lags of a burst are: those of a
 * bucket are next to each other. Hot path. */
static inline void stats_histogram_add_falling(struct stats_histogram *histogram, const ns_t *values,
                                               unsigned count)
{
	unsigned __int128 squares = (unsigned __int128)histogram->square_high << 64 | histogram->square_low;
	ns_t sum = histogram->sum;

	for (unsigned i = 0; i < count;) {
		unsigned bucket = stats_bucket(values[i]), first = i;
		ns_t low = stats_bucket_low(bucket);

		do {
			squares += (unsigned __int128)values[i] * values[i];
			sum += values[i];
			i++;
		} while (i < count && values[i] >= low);
		stats_add(&histogram->buckets[bucket], i - first);
	}
	stats_set(&histogram->square_high, (uint64_t)(squares >> 64));
	stats_set(&histogram->square_low, (uint64_t)squares);
	stats_set(&histogram->sum, sum);
	if (count > 0 && values[count - 1] < histogram->min) {
		stats_set(&histogram->min, values[count - 1]);
	}
	if (count > 0 && values[0] > histogram->max) {
		stats_set(&histogram->max, values[0]);
	}
	stats_add(&histogram->count, count);
}

/** Record `count` > 0 zeroes. Hot path. */
static inline void stats_histogram_add_zeroes(struct stats_histogram *histogram, unsigned count)
{
	stats_set(&histogram->min, 0);
	stats_add(&histogram->buckets[0], count);
	stats_add(&histogram->count, count);
}

/**
 * Add `from` to `into`. `from` may be counted into meanwhile: then the count is the sum of the buckets read,
 * so quantiles stay sound, and the other figures may be a few values ahead or behind.
 */
void stats_histogram_sum(struct stats_histogram *into, const struct stats_histogram *from);

/** Mean and (population) standard deviation in ns; 0 when empty. */
double stats_histogram_mean(const struct stats_histogram *histogram);
double stats_histogram_deviation(const struct stats_histogram *histogram);

/**
 * The value below which `fraction` (0..1) of the recorded ones lie, as the upper end of its bucket, and never
 * above the maximum; 0 when empty.
 */
ns_t stats_histogram_quantile(const struct stats_histogram *histogram, double fraction);

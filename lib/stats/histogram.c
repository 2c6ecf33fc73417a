#include "stats/histogram.h"

#include <math.h>
#include <string.h>

ns_t stats_bucket_low(unsigned bucket)
{
	unsigned octave = bucket >> STATS_SUB_BITS;
	ns_t mantissa = bucket & ((1u << STATS_SUB_BITS) - 1);

	if (octave == 0) {
		return mantissa;
	}
	return ((UINT64_C(1) << STATS_SUB_BITS) + mantissa) << (octave - 1);
}

void stats_histogram_init(struct stats_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
	histogram->min = NS_NEVER;
}

void stats_histogram_sum(struct stats_histogram *into, const struct stats_histogram *from)
{
	uint64_t low = into->square_low + stats_read(&from->square_low);
	ns_t min = stats_read(&from->min), max = stats_read(&from->max);

	into->square_high += stats_read(&from->square_high) + (low < into->square_low);
	into->square_low = low;
	into->sum += stats_read(&from->sum);
	into->min = min < into->min ? min : into->min;
	into->max = max > into->max ? max : into->max;
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		uint64_t count = stats_read(&from->buckets[i]);

		into->buckets[i] += count;
		into->count += count;
	}
}

double stats_histogram_mean(const struct stats_histogram *histogram)
{
	return histogram->count > 0 ? (double)histogram->sum / (double)histogram->count : 0;
}

double stats_histogram_deviation(const struct stats_histogram *histogram)
{
	double mean = stats_histogram_mean(histogram);
	double squares = (double)histogram->square_high * 0x1p64 + (double)histogram->square_low;
	double variance = histogram->count > 0 ? squares / (double)histogram->count - mean * mean : 0;

	return variance > 0 ? sqrt(variance) : 0;
}

ns_t stats_histogram_quantile(const struct stats_histogram *histogram, double fraction)
{
	uint64_t rank, seen = 0;

	if (histogram->count == 0) {
		return 0;
	}
	rank = (uint64_t)ceil(fraction * (double)histogram->count);
	rank = rank < 1 ? 1 : rank;
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= rank) {
			ns_t end = stats_bucket_low(i + 1) - 1;

			return end < histogram->max ? end : histogram->max;
		}
	}
	return histogram->max;
}

// The latency histogram against sorted samples, and the reuse age classes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "match/table.h"
#include "stats/age.h"
#include "stats/histogram.h"

_Static_assert(MATCH_AGE_CLASSES == STATS_AGE_CLASSES, "a slot of the in-flight table holds any class");

#define SAMPLES 20000

static int compare(const void *a, const void *b)
{
	ns_t x = *(const ns_t *)a, y = *(const ns_t *)b;

	return x < y ? -1 : x > y;
}

// Log-uniform over [1 ns, 2^bits ns): every octave as likely as the next.
static ns_t sample(struct random *random, unsigned bits)
{
	return (ns_t)exp2(random_double(random) * bits);
}

static void a_bucket_holds_its_values_and_no_others(void **state)
{
	struct random random;

	(void)state;
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		ns_t low = stats_bucket_low(i), end = stats_bucket_low(i + 1);

		assert_true(low < end);
		assert_int_equal(stats_bucket(low), i);
		assert_int_equal(stats_bucket(end - 1), i);
		assert_true(low < 64 ? end == low + 1 : end - low <= low / 64);
	}
	assert_true(stats_bucket_low(STATS_BUCKETS) == UINT64_C(1) << STATS_TOP_BIT);
	assert_int_equal(stats_bucket(UINT64_C(1) << STATS_TOP_BIT), STATS_BUCKETS - 1);
	assert_int_equal(stats_bucket(UINT64_MAX), STATS_BUCKETS - 1);
	random_seed(&random, 1, 0);
	for (unsigned i = 0; i < 100000; i++) {
		ns_t value = sample(&random, STATS_TOP_BIT);
		unsigned bucket = stats_bucket(value);

		assert_true(stats_bucket_low(bucket) <= value && value < stats_bucket_low(bucket + 1));
	}
}

static void quantiles_lie_a_bucket_above_the_exact_ones_at_most(void **state)
{
	const double fractions[] = {0, 0.001, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
	static struct stats_histogram histogram;
	static ns_t values[SAMPLES];

	(void)state;
	for (unsigned seed = 0; seed < 20; seed++) {
		struct random random;
		unsigned count = 1 + seed * (SAMPLES / 20);

		random_seed(&random, seed, 0);
		stats_histogram_init(&histogram);
		for (unsigned i = 0; i < count; i++) {
			values[i] = seed % 2 == 0 ? sample(&random, 40)
			                          : NS_PER_MS + random_below(&random, NS_PER_MS);
			stats_histogram_add(&histogram, values[i]);
		}
		qsort(values, count, sizeof(values[0]), compare);
		for (unsigned i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
			unsigned rank = (unsigned)ceil(fractions[i] * count);
			ns_t exact = values[rank > 0 ? rank - 1 : 0],
			     told = stats_histogram_quantile(&histogram, fractions[i]);

			assert_true(told >= exact);
			assert_true(told - exact <= exact / 64);
			assert_true(told <= values[count - 1]);
		}
		assert_true(histogram.min == values[0] && histogram.max == values[count - 1]);
	}
}

static void mean_and_deviation_are_exact(void **state)
{
	static struct stats_histogram histogram;
	static ns_t values[SAMPLES];
	struct random random;
	long double sum = 0, squares = 0;

	(void)state;
	random_seed(&random, 5, 0);
	stats_histogram_init(&histogram);
	for (unsigned i = 0; i < SAMPLES; i++) {
		values[i] = sample(&random, 41); // sums of squares far above 2^64
		stats_histogram_add(&histogram, values[i]);
		sum += values[i];
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		long double off = values[i] - sum / SAMPLES;

		squares += off * off;
	}
	assert_true(histogram.square_high > 0);
	assert_true(fabs(stats_histogram_mean(&histogram) / (double)(sum / SAMPLES) - 1) < 1e-12);
	assert_true(fabs(stats_histogram_deviation(&histogram) / sqrt((double)(squares / SAMPLES)) - 1) <
	            1e-9);
}

static void an_empty_histogram_is_all_zero(void **state)
{
	struct stats_histogram histogram;

	(void)state;
	stats_histogram_init(&histogram);
	assert_true(stats_histogram_quantile(&histogram, 0.5) == 0);
	assert_true(stats_histogram_mean(&histogram) == 0 && stats_histogram_deviation(&histogram) == 0);
	assert_true(histogram.min == NS_NEVER);
}

static void sums_are_as_if_one_had_counted_all(void **state)
{
	static struct stats_histogram parts[3], whole, sum;
	struct random random;

	(void)state;
	random_seed(&random, 9, 0);
	stats_histogram_init(&whole);
	stats_histogram_init(&sum);
	for (unsigned i = 0; i < 3; i++) {
		stats_histogram_init(&parts[i]);
	}
	for (unsigned i = 0; i < SAMPLES; i++) {
		ns_t value = sample(&random, 45); // some above the top

		stats_histogram_add(&parts[random_below(&random, 2)], value); // the third stays empty
		stats_histogram_add(&whole, value);
	}
	for (unsigned i = 0; i < 3; i++) {
		stats_histogram_sum(&sum, &parts[i]);
	}
	assert_memory_equal(&sum, &whole, sizeof(sum));
}

static void age_classes_rise_with_age_and_are_narrow(void **state)
{
	const unsigned last = 2 + ((STATS_AGE_TOP_BIT - STATS_AGE_LOW_BIT) << STATS_AGE_SUB_BITS);
	struct random random;

	(void)state;
	assert_int_equal(last, 498);
	assert_int_equal(stats_age_class(0), 1);
	assert_int_equal(stats_age_class((UINT64_C(1) << STATS_AGE_LOW_BIT) - 1), 1);
	assert_true(stats_age_low(2) == UINT64_C(1) << STATS_AGE_LOW_BIT);
	assert_true(stats_age_low(last) == UINT64_C(1) << STATS_AGE_TOP_BIT);
	for (unsigned class = 2; class < last; class ++) {
		ns_t low = stats_age_low(class), end = stats_age_low(class + 1);

		assert_int_equal(stats_age_class(low), class);
		assert_int_equal(stats_age_class(end - 1), class);
		assert_true(end > low && end - low <= low / 16);
	}
	assert_int_equal(stats_age_class(UINT64_C(1) << STATS_AGE_TOP_BIT), STATS_AGE_CLASSES - 1);
	assert_int_equal(stats_age_class(UINT64_MAX), STATS_AGE_CLASSES - 1);
	random_seed(&random, 2, 0);
	for (unsigned i = 0; i < 100000; i++) {
		ns_t a = sample(&random, 50), b = sample(&random, 50);

		assert_true((a <= b) == (stats_age_class(a) <= stats_age_class(b)) ||
		            stats_age_class(a) == stats_age_class(b));
		assert_true(stats_age_class(a) != STATS_AGE_FIRST);
	}
}

static void a_burst_counts_as_one_by_one(void **state)
{
	static struct stats_histogram one, all, falling;
	struct random random;

	(void)state;
	stats_histogram_init(&one);
	stats_histogram_init(&all);
	stats_histogram_init(&falling);
	random_seed(&random, 1, 1);
	for (unsigned round = 0; round < 20000; round++) {
		ns_t values[32], value = random_next(&random) >> random_below(&random, 64);
		unsigned count = 1 + (unsigned)random_below(&random, 32);

		for (unsigned i = 0; i < count; i++) {
			values[i] = value;
			value -= random_below(&random, (value >> random_below(&random, 12)) + 1);
			stats_histogram_add(&one, values[i]);
		}
		stats_histogram_add_all(&all, values, count);
		stats_histogram_add_falling(&falling, values, count);
	}
	assert_memory_equal(&one, &all, sizeof(one));
	assert_memory_equal(&one, &falling, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_bucket_holds_its_values_and_no_others),
	        cmocka_unit_test(quantiles_lie_a_bucket_above_the_exact_ones_at_most),
	        cmocka_unit_test(a_burst_counts_as_one_by_one),
	        cmocka_unit_test(mean_and_deviation_are_exact),
	        cmocka_unit_test(an_empty_histogram_is_all_zero),
	        cmocka_unit_test(sums_are_as_if_one_had_counted_all),
	        cmocka_unit_test(age_classes_rise_with_age_and_are_narrow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

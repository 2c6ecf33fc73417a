#include "expect.h"

#include "base/random.h"
#include "verdict/interval.h"

static void expect_interval(struct verdict_interval interval, double low, double high, double tolerance)
{
	assert_near(interval.low, low, tolerance);
	assert_near(interval.high, high, tolerance);
}

// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
// table I.
static void single_proportions_match_newcombes_table(void **state)
{
	(void)state;
	expect_interval(verdict_wilson(81, 263, 0.95), 0.2553, 0.3662, 6e-5);
	expect_interval(verdict_wilson(15, 148, 0.95), 0.0624, 0.1605, 6e-5);
	expect_interval(verdict_wilson(0, 20, 0.95), 0, 0.1611, 6e-5);
	expect_interval(verdict_wilson(1, 29, 0.95), 0.0061, 0.1718, 6e-5);
	expect_interval(verdict_clopper_pearson(81, 263, 0.95), 0.2527, 0.3676, 6e-5);
	expect_interval(verdict_clopper_pearson(15, 148, 0.95), 0.0578, 0.1617, 6e-5);
	expect_interval(verdict_clopper_pearson(0, 20, 0.95), 0, 0.1684, 6e-5);
	expect_interval(verdict_clopper_pearson(1, 29, 0.95), 0.0009, 0.1776, 6e-5);
}

// Newcombe, "Interval estimation for the difference between independent proportions", ibid., table II,
// method 10.
static void differences_match_newcombes_table(void **state)
{
	(void)state;
	expect_interval(verdict_difference(56, 70, 48, 80, 0.95), 0.0524, 0.3339, 6e-5);
	expect_interval(verdict_difference(9, 10, 3, 10, 0.95), 0.1705, 0.8090, 6e-5);
	expect_interval(verdict_difference(6, 7, 2, 7, 0.95), 0.0582, 0.8062, 6e-5);
	expect_interval(verdict_difference(5, 56, 0, 29, 0.95), -0.0381, 0.1926, 6e-5);
	expect_interval(verdict_difference(0, 10, 0, 20, 0.95), -0.1611, 0.2775, 6e-5);
	expect_interval(verdict_difference(0, 10, 0, 10, 0.95), -0.2775, 0.2775, 6e-5);
	expect_interval(verdict_difference(10, 10, 0, 20, 0.95), 0.6791, 1, 6e-5);
	expect_interval(verdict_difference(10, 10, 0, 10, 0.95), 0.6075, 1, 6e-5);
}

// Garwood's table; Ulm, American Journal of Epidemiology 131 (1990).
static void poisson_interval_matches_garwood(void **state)
{
	(void)state;
	expect_interval(verdict_poisson(0, 0.95), 0, 3.6889, 6e-5);
	expect_interval(verdict_poisson(1, 0.95), 0.0253, 5.5716, 6e-5);
	expect_interval(verdict_poisson(10, 0.95), 4.7954, 18.3904, 6e-5);
	expect_interval(verdict_poisson(100, 0.95), 81.3640, 121.6268, 6e-5);
}

// Fisher's tea lady (The Design of Experiments, 1935), and the table of 24 in Agresti, Categorical Data
// Analysis.
static void small_tables_are_tested_exactly(void **state)
{
	(void)state;
	assert_near(verdict_difference_test(3, 4, 1, 4), 34.0 / 70, 1e-12);
	assert_near(verdict_difference_test(1, 10, 11, 14), 0.002759456, 1e-8);
	assert_near(verdict_difference_test(0, 5, 0, 7), 1, 1e-12);
	assert_true(verdict_difference_test(0, 0, 3, 7) == 1);
	// Pearson's chi-square: (100 v 130 of 1000) = 4.419.
	assert_near(verdict_difference_test(100, 1000, 130, 1000), 0.0355, 1e-4);
}

static void no_data_gives_no_interval(void **state)
{
	(void)state;
	assert_true(isnan(verdict_wilson(0, 0, 0.95).low));
	assert_true(isnan(verdict_clopper_pearson(0, 0, 0.95).high));
	assert_true(isnan(verdict_clusters_interval(&(struct verdict_clusters){0}, 0.95).estimate));
}

static uint64_t binomial(struct random *random, uint64_t n, double p)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++) {
		count += random_double(random) < p;
	}
	return count;
}

/** Coverage, weighting every count by its probability: no simulation error. */
static double coverage(struct verdict_interval (*interval)(double, double, double), int n, double p)
{
	double probability = pow(1 - p, n);
	double covered = 0;

	for (int k = 0; k <= n; k++) {
		struct verdict_interval of = interval(k, n, 0.95);

		covered += of.low <= p && p <= of.high ? probability : 0;
		probability *= (double)(n - k) / (k + 1) * p / (1 - p);
	}
	return covered;
}

static void exact_interval_never_covers_less_than_it_says(void **state)
{
	(void)state;
	for (int n = 5; n < 130; n += 12) {
		for (double p = 0.005; p < 1; p += 0.017) {
			assert_true(coverage(verdict_clopper_pearson, n, p) >= 0.95 - 1e-9);
		}
	}
}

static void wilson_covers_its_level_on_average(void **state)
{
	(void)state;
	for (int n = 10; n < 300; n *= 3) {
		double sum = 0;
		int count = 0;

		for (double p = 0.02; p <= 0.5; p += 0.0097, count++) {
			sum += coverage(verdict_wilson, n, p);
		}
		assert_near(sum / count, 0.95, 0.012);
	}
}

static void difference_interval_covers_its_level(void **state)
{
	struct random random;
	int covered = 0;

	(void)state;
	random_seed(&random, 3, 0);
	for (int i = 0; i < 4000; i++) {
		double p = 0.3 * random_double(&random);
		double q = 0.3 * random_double(&random);
		struct verdict_interval of = verdict_difference((double)binomial(&random, 150, p), 150,
		                                                (double)binomial(&random, 90, q), 90, 0.95);

		covered += of.low <= p - q && p - q <= of.high;
	}
	assert_near(covered / 4000.0, 0.953, 0.013);
}

static void equality_test_rejects_as_often_as_it_says(void **state)
{
	struct random random;
	int rejected = 0;

	(void)state;
	random_seed(&random, 4, 0);
	for (int i = 0; i < 4000; i++) {
		double p = 0.05 + 0.4 * random_double(&random);

		rejected += verdict_difference_test(binomial(&random, 400, p), 400, binomial(&random, 700, p),
		                                    700) < 0.05;
	}
	assert_near(rejected / 4000.0, 0.05, 0.013);
}

/** Tuples whose flow is on the removed server with probability `dead`, and then loses each query with
 * probability `fate`. */
static struct verdict_clusters sample(struct random *random, int tuples, double dead, double fate)
{
	struct verdict_clusters clusters = {0};

	for (int i = 0; i < tuples; i++) {
		uint64_t n = random_below(random, 12);

		verdict_clusters_add(&clusters, n,
		                     random_double(random) < dead ? binomial(random, n, fate) : 0);
	}
	return clusters;
}

static void clustered_interval_covers_where_the_plain_one_fails(void **state)
{
	struct random random;
	int robust = 0;
	int plain = 0;

	(void)state;
	random_seed(&random, 5, 0);
	for (int i = 0; i < 3000; i++) {
		struct verdict_clusters clusters = sample(&random, 150, 0.4, 0.9);
		struct verdict_interval of = verdict_clusters_interval(&clusters, 0.95);
		struct verdict_interval simple =
		        verdict_wilson((double)clusters.events, (double)clusters.trials, 0.95);

		robust += of.low <= 0.36 && 0.36 <= of.high;
		plain += simple.low <= 0.36 && 0.36 <= simple.high;
	}
	assert_near(robust / 3000.0, 0.95, 0.015);
	assert_true(plain / 3000.0 < 0.7);
}

static void clustered_difference_covers_and_its_test_agrees(void **state)
{
	struct random random;
	int covered = 0;
	int rejected = 0;

	(void)state;
	random_seed(&random, 6, 0);
	for (int i = 0; i < 3000; i++) {
		struct verdict_clusters first = sample(&random, 120, 0.3, 1);
		struct verdict_clusters second = sample(&random, 200, 0.3, 1);
		struct verdict_interval of = verdict_clusters_difference(&first, &second, 0.95);

		covered += of.low <= 0 && 0 <= of.high;
		rejected += verdict_clusters_difference_test(&first, &second) < 0.05;
	}
	assert_near(covered / 3000.0, 0.95, 0.015);
	assert_near(rejected / 3000.0, 0.05, 0.015);
}

static void independent_queries_have_a_design_effect_of_one(void **state)
{
	struct random random;
	struct verdict_clusters clusters;

	(void)state;
	random_seed(&random, 7, 0);
	clusters = sample(&random, 20000, 1, 0.3);
	assert_near(verdict_clusters_design_effect(&clusters), 1, 0.05);
	// With a fate shared by all: sum n^2 / sum n.
	clusters = sample(&random, 20000, 0.3, 1);
	assert_close(verdict_clusters_design_effect(&clusters),
	             (double)clusters.trials_squared / (double)clusters.trials, 0.05);
}

static void unseen_clustering_counts_tuples_not_queries(void **state)
{
	struct verdict_clusters clusters = {0};

	(void)state;
	for (int i = 0; i < 30; i++) {
		verdict_clusters_add(&clusters, 100, 0);
	}
	assert_near(verdict_clusters_effective_trials(&clusters, 0.95), 30, 1e-9);
	assert_near(verdict_clusters_interval(&clusters, 0.95).high, verdict_wilson(0, 30, 0.95).high, 1e-12);
}

static void merged_boxes_equal_one_box(void **state)
{
	struct verdict_clusters one = {0};
	struct verdict_clusters two[2] = {{0}};
	struct random random;

	(void)state;
	random_seed(&random, 8, 0);
	for (int i = 0; i < 500; i++) {
		uint64_t n = random_below(&random, 9);
		uint64_t x = binomial(&random, n, 0.2);

		verdict_clusters_add(&one, n, x);
		verdict_clusters_add(&two[i % 2], n, x);
	}
	verdict_clusters_merge(&two[0], &two[1]);
	assert_memory_equal(&one, &two[0], sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(single_proportions_match_newcombes_table),
	        cmocka_unit_test(differences_match_newcombes_table),
	        cmocka_unit_test(poisson_interval_matches_garwood),
	        cmocka_unit_test(small_tables_are_tested_exactly),
	        cmocka_unit_test(no_data_gives_no_interval),
	        cmocka_unit_test(exact_interval_never_covers_less_than_it_says),
	        cmocka_unit_test(wilson_covers_its_level_on_average),
	        cmocka_unit_test(difference_interval_covers_its_level),
	        cmocka_unit_test(equality_test_rejects_as_often_as_it_says),
	        cmocka_unit_test(clustered_interval_covers_where_the_plain_one_fails),
	        cmocka_unit_test(clustered_difference_covers_and_its_test_agrees),
	        cmocka_unit_test(independent_queries_have_a_design_effect_of_one),
	        cmocka_unit_test(unseen_clustering_counts_tuples_not_queries),
	        cmocka_unit_test(merged_boxes_equal_one_box),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

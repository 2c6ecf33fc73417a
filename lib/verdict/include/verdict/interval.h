#pragma once
// Intervals and tests for proportions, counts and their differences, also when the queries of one tuple share
// their fate. Pure functions of their arguments, nothing is owned, any thread. `confidence` is in (0, 1),
// two-sided (0.95).

#include <stdint.h>

/** An estimate and the interval that holds the truth with the stated confidence. NAN throughout when there is
 * no data. */
struct verdict_interval {
	double estimate;
	double low;
	double high;
};

/**
 * Sufficient statistics of losses clustered by tuple: sums over the tuples of queries n and losses x. Plain
 * sums, so that those of several workers or boxes are merged by adding them. Each sum must stay below 2^64.
 */
struct verdict_clusters {
	uint64_t clusters;       ///< tuples with n >= 1
	uint64_t trials;         ///< sum n
	uint64_t events;         ///< sum x
	uint64_t trials_squared; ///< sum n^2
	uint64_t events_squared; ///< sum x^2
	uint64_t products;       ///< sum n x
};

/** Wilson's score interval of a proportion (JASA 22, 1927). `trials` may be an effective, fractional number.
 */
struct verdict_interval verdict_wilson(double events, double trials, double confidence);

/** The exact interval of Clopper and Pearson (Biometrika 26, 1934): never below its confidence. */
struct verdict_interval verdict_clopper_pearson(double events, double trials, double confidence);

/**
 * Newcombe's hybrid score interval of first - second (Statistics in Medicine 17, 1998, method 10).
 */
struct verdict_interval verdict_difference(double first_events, double first_trials, double second_events,
                                           double second_trials, double confidence);

/** The interval of first - second from independent intervals of each ("square and add": Newcombe's method 10,
 * MOVER). */
struct verdict_interval verdict_difference_of(struct verdict_interval first, struct verdict_interval second);

/**
 * The two-sided p-value of "both proportions are equal": Fisher's exact test (sum of the tables that are no
 * more likely) when an expected count is below 10, else Pearson's chi-square (the pooled score test). 1 when
 * there is no data.
 */
double verdict_difference_test(uint64_t first_events, uint64_t first_trials, uint64_t second_events,
                               uint64_t second_trials);

/** The exact interval of a Poisson mean after `events` events (Garwood, Biometrika 28, 1936). */
struct verdict_interval verdict_poisson(double events, double confidence);

/** Add one tuple with `trials` queries, `events` of them lost; a tuple without queries adds nothing. */
void verdict_clusters_add(struct verdict_clusters *clusters, uint64_t trials, uint64_t events);

/** Add the sums of another worker or box. */
void verdict_clusters_merge(struct verdict_clusters *into, const struct verdict_clusters *from);

/**
 * The cluster-robust variance of the proportion events / trials, a ratio estimator with the small-sample
 * factor m/(m - 1) (Cochran, Sampling Techniques, 3rd ed., 6.9). NAN with fewer than two clusters.
 */
double verdict_clusters_variance(const struct verdict_clusters *clusters);

/**
 * The design effect: the cluster-robust variance over that of as many independent queries. 1 when queries
 * fail independently, about the number of queries a tuple when all of a tuple's queries share their fate. NAN
 * where it can't be seen: fewer than two clusters, no event, or nothing but events.
 */
double verdict_clusters_design_effect(const struct verdict_clusters *clusters);

/**
 * The number of independent queries that would tell as much: trials / design effect, never above `trials`,
 * and brought down by Student's t over the normal quantile for the degrees of freedom (Korn and Graubard,
 * Survey Methodology 24, 1998). Where the design effect can't be seen the queries of one tuple count as one:
 * trials^2 / sum n^2.
 */
double verdict_clusters_effective_trials(const struct verdict_clusters *clusters, double confidence);

/** The proportion's interval: Wilson's at the effective number of queries. */
struct verdict_interval verdict_clusters_interval(const struct verdict_clusters *clusters, double confidence);

/** The interval of first - second: Newcombe's hybrid of the two. */
struct verdict_interval verdict_clusters_difference(const struct verdict_clusters *first,
                                                    const struct verdict_clusters *second, double confidence);

/** The two-sided p-value of "both proportions are equal" by the score test at the effective numbers of
 * queries. */
double verdict_clusters_difference_test(const struct verdict_clusters *first,
                                        const struct verdict_clusters *second);

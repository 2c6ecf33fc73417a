#pragma once
// Private to the timeout estimate: the likelihood of a step at T with granule g.

#include "verdict/timeout.h"

/** Observations in the order of age, with sums of all before each: sums[i] covers 0 .. i - 1. */
struct step_data {
	const struct verdict_age *ages;
	size_t count;
	struct step_sum {
		double sent;
		double lost;
		double age; ///< sum of the ages of the queries, bins at their middle
	} * sums;
	double control_sent;
	double control_lost;
	double design_effect;
	double old_limit;   ///< the base loss stays at or below this; 1: free
	double young_fixed; ///< the loss at young ages; 0: free
};

/** The two levels; a fit starts from what it finds here and leaves what it found. */
struct step_levels {
	double young;
	double old;
};

/** ln likelihood of a step at T, g, maximised over the levels with young >= old. */
double step_fit(const struct step_data *data, double timeout, double granularity, struct step_levels *levels);

/** ln likelihood of one level for all, the control included. */
double step_flat(const struct step_data *data);

/** Queries that are certainly young, or certainly old, for a step at T, g. */
struct step_sum step_young(const struct step_data *data, double timeout);
struct step_sum step_old(const struct step_data *data, double timeout, double granularity);

#pragma once
// Private to the loss model: per-tuple moments. A tuple counts as one whose flow was on the removed server; N
// is the number of its queries lost in [0, t].

#include "verdict/model.h"

struct model_moments {
	double first;  ///< E[N]
	double second; ///< E[N^2]
};

double model_random_loss(const struct verdict_model *model, double t);
struct model_moments model_random_moments(const struct verdict_model *model, double t);
double model_random_e_fold(const struct verdict_model *model);

double model_sequential_loss(const struct verdict_model *model, double t);
struct model_moments model_sequential_moments(const struct verdict_model *model, double t);
double model_sequential_e_fold(const struct verdict_model *model);

/** Sequential reuse: the probability that a connection outlives `intervals` reuse intervals without being
 * refreshed. */
double model_sequential_survival(const struct verdict_model *model, double intervals);

/** The expected number of pairs of a tuple's queries in [0, t] that meet one connection; VERDICT_DEAD_LISTED.
 */
double model_random_pairs(const struct verdict_model *model, double t);
double model_sequential_pairs(const struct verdict_model *model, double t);

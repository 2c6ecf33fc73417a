#pragma once
// How many queries an experiment needs before its answer means something, and what a given number can show.
// Pure functions of their arguments, nothing is owned, any thread.

/**
 * Queries in each of two equal groups so that a two-sided test at `confidence` tells the loss `first` from
 * `second` with probability `power` (Fleiss, Statistical Methods for Rates and Proportions, 3.2, without
 * continuity correction), times `design_effect` >= 1 where queries share a tuple's fate. INFINITY when the
 * losses are equal.
 */
double verdict_power_trials(double first, double second, double confidence, double power,
                            double design_effect);

/** The probability that such a test of two groups of `trials` independent queries tells the two losses apart.
 */
double verdict_power_of(double first, double second, double trials, double confidence);

/** Queries so that at least one is lost with probability `power`, each lost with probability `loss`. INFINITY
 * at 0. */
double verdict_power_any(double loss, double power);

/**
 * Tuples probed once each, at ages uniform over [(1 - span) T, (1 + span) T], so that the interval of the
 * timeout reaches no further than `within` T to either side in most runs; k servers. For a granule g
 * (seconds) the sampling of the ramp counts, for a sharp step the spacing of the probes next to it.
 * Where the director's HZ isn't known pass the coarsest granule, that of 1000: it might be that. Rule of
 * thumb, within a factor of two in simulation.
 */
double verdict_power_timeout(double timeout, double granularity, double servers, double span, double within);

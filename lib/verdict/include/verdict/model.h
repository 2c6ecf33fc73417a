#pragma once
// The loss model: how many queries a Linux IPVS director loses after one of its real servers is removed, for
// a given tuple space, rate and UDP timeout. Pure functions of the model, nothing is owned, any thread. Time
// t is seconds since the removal. The formulas are derived in docs; y = rate * timeout / tuples is the mean
// number of uses of a tuple in one timeout.

#include "base/error.h"

/** The order in which the tuples are used again. */
enum verdict_reuse {
	VERDICT_REUSE_RANDOM,     ///< uniform at random: each tuple a Poisson process
	VERDICT_REUSE_SEQUENTIAL, ///< round the space: each tuple once every tuples / rate seconds
};

/** What the director does with the connections of the removed real server. */
enum verdict_mechanism {
	VERDICT_NODEST_KEPT, ///< deleted, expire_nodest_conn=0: dropped in silence, the timer isn't refreshed
	VERDICT_LAZY, ///< deleted, expire_nodest_conn=1, kernel < 5.9: the first packet of each connection is
	              ///< dropped
	VERDICT_FLUSH,       ///< deleted, expire_nodest_conn=1, kernel >= 5.9: all connections go at once
	VERDICT_WEIGHT_ZERO, ///< weight 0 and dead: existing connections go on to the dead server and are
	                     ///< refreshed
	VERDICT_DEAD_LISTED, ///< dead but still listed with weight > 0: new connections go there too
};

struct verdict_model {
	double tuples;      ///< P, at least 1
	double rate;        ///< Q, queries per second over all tuples, above 0
	double timeout;     ///< T, the IPVS UDP timeout in seconds, above 0
	double granularity; ///< g, seconds: a connection expires uniformly within (T, T + g], g <= T; 0:
	                    ///< sharp
	double servers;     ///< k, real servers before the removal, at least 1
	enum verdict_reuse reuse;
	enum verdict_mechanism mechanism;
	double flush_delay;  ///< VERDICT_FLUSH: seconds from the server's end to the flush
	double service_time; ///< VERDICT_FLUSH: seconds a query is in flight behind the director
};

/** Refuse a model out of its ranges: 0, or -EINVAL with the reason in `error`. The functions below take a
 * checked model. */
int verdict_model_check(const struct verdict_model *model, struct error *error);

/** Connections in the director's table in the steady state before the removal, on all servers. */
double verdict_model_connections(const struct verdict_model *model);

/** L(t): the expected share of lost queries among those sent at time t >= 0; just after the removal at 0. */
double verdict_model_loss(const struct verdict_model *model, double t);

/** The expected number of queries lost in [0, t]; t may be INFINITY (and so may the answer). */
double verdict_model_lost(const struct verdict_model *model, double t);

/** The expected share of the queries sent in [0, t] that is lost; at INFINITY its limit. */
double verdict_model_share(const struct verdict_model *model, double t);

/**
 * The variance of the number lost in [0, t]. The queries of one tuple are not independent: a flow was on the
 * removed server or not (probability 1/k, each flow on its own), and if so it loses all of its queries in its
 * window. An upper bound for a round-robin director, which divides the flows more evenly, and for a fixed
 * number of queries. INFINITY where the mean is.
 */
double verdict_model_variance(const struct verdict_model *model, double t);

/**
 * Bounds that hold the number lost in [0, t] with at least about `confidence` (0.999): the wider of a normal
 * and of a count distribution (binomial, Poisson or negative binomial) with the model's mean and variance. t
 * finite.
 */
void verdict_model_bounds(const struct verdict_model *model, double t, double confidence, double *low,
                          double *high);

/**
 * VERDICT_WEIGHT_ZERO: seconds in which the loss falls to 1/e in the long run. INFINITY when it never ends, 0
 * when no connection survives its first reuse interval. NAN for the other mechanisms, which do not decay
 * exponentially.
 */
double verdict_model_e_fold(const struct verdict_model *model);

/**
 * The other root x of x e^-x = y e^-y, y > 0: above 1 when y is below 1, below 1 when y is above 1, and 1
 * at 1. The decay of the losses to a weight-0 server under random reuse is e^(-x t / T).
 */
double verdict_model_other_root(double y);

/**
 * Timer granularity in seconds for a timeout in seconds at `hz` ticks a second (kernel/time/timer.c,
 * calc_wheel_index: LVL_BITS 6, LVL_CLK_SHIFT 3): a level-n timer is rounded up to a multiple of 8^n ticks.
 */
double verdict_model_granularity(double timeout, double hz);

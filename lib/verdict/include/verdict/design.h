#pragma once
// Designing an experiment: which policy, how many tuples and how long a run takes to show one fault of a load
// balancer, and with what power. Pure functions of their arguments, nothing is owned, any thread.

#include "base/error.h"
#include "verdict/model.h"

/** What is to be shown. The first five are the model's mechanisms, in its order. */
enum verdict_goal {
	VERDICT_SHOW_KEPT,        ///< flows of a removed server go into a hole until they expire
	VERDICT_SHOW_LAZY,        ///< each such flow loses one query
	VERDICT_SHOW_FLUSH,       ///< what was in flight at the flush is lost
	VERDICT_SHOW_WEIGHT_ZERO, ///< flows of a dead server of weight 0 never expire while they are used
	VERDICT_SHOW_DEAD_LISTED, ///< a dead server that is still listed takes its share of all flows
	VERDICT_SHOW_TIMEOUT,     ///< how long the UDP timeout is
	VERDICT_GOALS,
};

/** The name on the command line ("weight-zero"), and one line of what it is. NULL outside the enum. */
const char *verdict_goal_name(enum verdict_goal goal);
const char *verdict_goal_text(enum verdict_goal goal);

struct verdict_design_options {
	enum verdict_goal goal;
	struct verdict_model model; ///< its mechanism and order of reuse are set by the goal
	double confidence;          ///< two-sided, in (0, 1)
	double power;               ///< wanted, in (0, 1)
	double background;          ///< share of queries lost for other reasons, in [0, 1)
	double within;              ///< VERDICT_SHOW_TIMEOUT: how near the estimate shall be, as a share of T
};

/** Times in seconds. */
struct verdict_design {
	const char *policy; ///< name of the reuse policy
	double reuse_low;   ///< its reuse ages; 0: it takes none
	double reuse_high;
	double interval;        ///< in which a tuple comes round
	double needed;          ///< tuples (flush: queries a second) that give the power wanted
	double most;            ///< tuples at the most; more, and they rest too long; INFINITY: any number
	double power;           ///< that the tuples given have
	double before;          ///< from the start to the removal
	double after;           ///< from the removal to the end
	double loss;            ///< expected share of lost queries just after the removal
	double lost, low, high; ///< expected number lost after the removal, and its 99.9 % bounds
	double control_rest;    ///< reuse age of a control cohort that meets no old flow; 0: none is needed
};

/**
 * Design the experiment for the model's tuples and rate. Returns 0, or -EINVAL with the reason in `error`: a
 * model out of its ranges, a confidence or power that is none.
 */
int verdict_design(const struct verdict_design_options *options, struct verdict_design *out,
                   struct error *error);

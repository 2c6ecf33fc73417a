#pragma once
// What a plan will do, before it does it: tuples, how soon they come back, memory, bandwidth. Pure functions
// of a plan and of what the caller knows of its queries and its link; nothing is owned, any thread.

#include "config/plan.h"

/** Octets that a frame takes on a link besides its own: FCS 4, preamble and start 8, gap 12 (IEEE 802.3). */
#define PREDICT_FRAME_OVERHEAD 24

/** The shortest frame without FCS; shorter ones are padded. */
#define PREDICT_FRAME_MIN 60

/** What the plan does not say. */
struct predict_input {
	double query_length; ///< mean DNS message, octets
	double reply_length;
	uint64_t link_bps; ///< of the port; 0: not known
};

/** One cohort. */
struct predict_cohort {
	uint64_t tuples;
	double rate; ///< its queries/s at the peak; 0: not known beforehand (closed loop, or as fast as
	             ///< possible)
	double reuse_interval; ///< seconds between two uses of a tuple (the mean, where they differ); 0: not
	                       ///< known
	uint32_t depth;        ///< queries in flight on a tuple that the table has room for
};

struct predict {
	double rate; ///< peak queries/s; 0: not known
	struct predict_cohort cohorts[STATS_COHORTS];
	uint64_t tuples;
	uint64_t flow_memory;  ///< bytes: tuple space and ledger
	uint64_t match_memory; ///< in-flight tables
	uint64_t stats_memory; ///< counters
	double query_frame;    ///< octets on the wire, overhead included
	double reply_frame;
	double query_bps; ///< at the peak; 0 without a rate
	double reply_bps;
	double link_queries;     ///< queries/s that the link carries out; 0: link not known
	double link_replies;     ///< replies/s that it carries in
	bool reply_link_is_full; ///< at the peak rate, the replies need more than the link has
};

/** Predict. Cannot fail for a plan that config_finish() made. */
struct predict config_predict(const struct plan *plan, const struct predict_input *input);

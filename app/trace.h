#pragma once
// Replaying a capture (--trace): the queries of a pcap file as a query set, steps in time, and a cohort of
// all sources that they need. The session owns it. Main thread.

#include "base/error.h"
#include "config/plan.h"
#include "dns/query.h"
#include "worker/trace.h"

struct trace {
	struct worker_trace_query *queries; ///< NULL: the run replays nothing
	uint64_t count;
	ns_t duration;                     ///< from its first query to past its last
	double peak_rate;                  ///< queries a second, over the busiest span of the largest timeout
	struct flow_cohort_options cohort; ///< the plan's cohort with the trace's ports
};

/**
 * Read the plan's trace: its messages become `set`, its times are divided by the speed, its sources rewritten
 * to the cohort's addresses (one of them stays itself; others take them in turn, in the order in which they
 * appear). Says on standard error what was left out. Returns 0 or a negative errno. Release in either case.
 */
int trace_load(struct trace *trace, const struct plan *plan, struct dns_query_set **set, struct error *error);

void trace_release(struct trace *trace);

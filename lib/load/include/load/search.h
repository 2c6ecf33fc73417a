#pragma once
// Capacity search: what is the highest rate whose loss stays within a bound? Pure state machines: the caller
// sends at the rate that they name, and tells them what came of it. One owner each.
//
// Two ways. A search tries one constant rate at a time, doubles until one fails and then halves the bracket
// in ratio; its answer has a stated precision. A ramp judges the buckets of one rising profile, as resperf
// does: quicker and coarser.

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct load_search_options {
	double low_qps;   ///< first rate tried, > 0
	double high_qps;  ///< highest rate tried, > low_qps
	double max_loss;  ///< fraction of the queries that may be lost, 0..1 (resperf -L, in percent there)
	double precision; ///< stop when the bracket's ends differ by this fraction, e.g. 0.02; > 0
	/**
	 * The sender has fallen behind when it achieved less than this fraction of the rate asked for, 0..1,
	 * e.g. 0.98. Such a trial says nothing about the service and bounds the search from above (resperf
	 * -F, in queries there).
	 */
	double min_achieved;
};

enum load_search_end {
	LOAD_SEARCH_RUNNING,
	LOAD_SEARCH_FOUND,       ///< the loss passes the bound between `passed_qps` and `failed_qps`
	LOAD_SEARCH_BELOW,       ///< even low_qps loses more than the bound
	LOAD_SEARCH_ABOVE,       ///< even high_qps loses no more
	LOAD_SEARCH_FELL_BEHIND, ///< the sender's own limit came before the service's
};

struct load_search {
	struct load_search_options options;
	enum load_search_end end;
	double rate_qps;   ///< to try next
	double passed_qps; ///< highest rate, as achieved, within the bound; 0: none yet
	double passed_loss;
	double passed_target; ///< the rate that was asked for then
	double failed_qps;    ///< lowest rate that was not; 0: none yet
	bool failed_behind;   ///< it was the sender that failed there
	unsigned trials;
};

/** Begin. Returns 0, or -EINVAL with what is wrong with the options. */
int load_search_init(struct load_search *search, const struct load_search_options *options,
                     struct error *error);

/** The rate to try next, in q/s; 0 when the search has ended. */
double load_search_rate(const struct load_search *search);

/** A trial at load_search_rate() achieved `achieved_qps` and lost `lost` of `sent` queries. A trial without
 * any sent fails. */
void load_search_result(struct load_search *search, double achieved_qps, uint64_t sent, uint64_t lost);

/** Why it ended, in a few words for a report. */
const char *load_search_end_text(enum load_search_end end);

/** resperf's two numbers, from the buckets of a ramp. */
struct load_ramp {
	double max_loss;          ///< fraction; buckets above it don't count
	double maximum_qps;       ///< "Maximum throughput": answers a second of the best bucket
	double lost_at_maximum;   ///< "Lost at that point": fraction
	double target_at_maximum; ///< the rate asked for there
	unsigned buckets;
	unsigned failed_in_a_row; ///< buckets above the bound since the latest within it
};

void load_ramp_init(struct load_ramp *ramp, double max_loss);

/**
 * One bucket, by send time: of `sent` queries in `seconds` at `target_qps`, `answered` were answered in time.
 * Buckets must be complete: every query answered or given up. A bucket without queries counts for nothing.
 */
void load_ramp_bucket(struct load_ramp *ramp, double target_qps, double seconds, uint64_t sent,
                      uint64_t answered);

// How much a team needs: the in-flight tables by rate and timeout, and all its memory told beforehand.
#include "making.h"

#include <string.h>

static bool policy_is_random(enum flow_policy policy)
{
	return policy == FLOW_POLICY_RANDOM || policy == FLOW_POLICY_LINUX;
}

// Size of one sender's in-flight table: `tuples` of all its cohorts, deep enough for the one that needs most.
static uint32_t policies_depth(const struct worker_team_options *options)
{
	double shares = 0;
	uint32_t depth = 0;

	for (unsigned i = 0; i < options->cohort_count; i++) {
		shares += options->cohorts[i].share;
	}
	for (unsigned i = 0; i < options->cohort_count; i++) {
		const struct flow_cohort_options *cohort = &options->cohorts[i];
		double rate = options->size_rate * cohort->share / shares;
		uint64_t tuples = flow_space_tuples(cohort, 1);
		uint32_t need;

		// A sticky tuple takes its K queries back to back, and half its places should hold those of
		// two uses (match_mark); an interval keeps to the few tuples that it needs.
		if (cohort->policy.kind == FLOW_POLICY_INTERVAL) {
			double used = flow_policy_tuples(&cohort->policy, rate);

			tuples = used < (double)tuples ? (uint64_t)used : tuples;
		}
		need = match_depth(rate, options->timeouts[0], (uint32_t)tuples,
		                   policy_is_random(cohort->policy.kind), cohort->queries_in_flight);
		if (cohort->policy.kind == FLOW_POLICY_STICKY && cohort->queries_in_flight == 0) {
			uint64_t uses = fixed_power_of_two(4 * (uint64_t)cohort->policy.queries_per_use);

			need = need < uses ? (uint32_t)RTE_MIN(uses, MATCH_DEPTH_MAX) : need;
		}
		depth = need > depth ? need : depth;
	}
	return depth;
}

uint32_t team_table_depth(const struct worker_team_options *options, const struct worker_steps *steps)
{
	uint32_t depth = steps->depth > 0 ? (uint32_t)fixed_power_of_two(2 * (steps->depth + 1))
	                                  : policies_depth(options);

	// The query before a lost one is found at its place: it must not be used again within a timeout.
	depth = options->captures != NULL ? 2 * depth : depth;
	return depth > MATCH_DEPTH_MAX ? MATCH_DEPTH_MAX : depth;
}

uint32_t team_table_capacity(const struct worker_team_options *options, const struct worker_steps *steps)
{
	uint32_t capacity = match_capacity(options->size_rate / options->senders, options->timeouts[0]);

	if (steps->flight > 0) {
		return (uint32_t)fixed_power_of_two((uint64_t)steps->flight + 2 * WORKER_BURST);
	}
	if (options->window > 0) {
		uint32_t window =
		        (uint32_t)fixed_power_of_two(options->window / options->senders + 2 * WORKER_BURST);

		capacity = window > capacity ? window : capacity;
	}
	return capacity;
}

int team_shape(const struct worker_team_options *options, struct stats_shape *shape, struct error *error)
{
	return stats_shape_init(shape, options->cohort_count, options->timeouts, options->timeout_count,
	                        options->start, options->interval, options->duration, error);
}

int worker_team_memory(const struct worker_team_options *options, struct worker_memory *out,
                       struct error *error)
{
	uint64_t tuples = flow_space_tuples(options->cohorts, options->cohort_count);
	const struct worker_steps no_trace = {0}; // its sources are not looked up yet: as policies need
	struct stats_shape shape;
	int rc = team_shape(options, &shape, error);

	memset(out, 0, sizeof(*out));
	if (rc < 0) {
		return rc;
	}
	out->space = flow_space_memory(options->cohorts, options->cohort_count);
	out->ledger = flow_ledger_memory(tuples);
	for (unsigned i = 0; i < options->receivers; i++) {
		out->ledger += flow_spells_memory(
		        flow_space_share(options->cohorts, options->cohort_count, options->senders,
		                         team_first_sender(options, i), team_first_sender(options, i + 1)));
	}
	out->tables =
	        match_table_memory(tuples, team_table_depth(options, &no_trace), 0,
	                           options->captures != NULL) +
	        options->senders * match_table_memory(0, 0, team_table_capacity(options, &no_trace), false);
	for (unsigned i = 0; i < options->cohort_count; i++) {
		out->pickers += flow_picker_memory(options->cohorts[i].policy.kind,
		                                   (uint32_t)flow_space_tuples(&options->cohorts[i], 1));
	}
	out->counters = stats_memory(&shape, options->senders, options->receivers);
	return 0;
}

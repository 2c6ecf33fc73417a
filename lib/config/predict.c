#include "config/predict.h"

#include <math.h>

#include "flow/ledger.h"
#include "match/table.h"
#include "packet/craft.h"

/** Octets of Ethernet, IP and UDP headers. */
#define ETHERNET_HEADER 14
#define VLAN_TAG        4
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define UDP_HEADER      8

static double frame_on_wire(const struct plan *plan, double message)
{
	double frame = ETHERNET_HEADER + (plan->port.vlan != PACKET_VLAN_NONE ? VLAN_TAG : 0) +
	               (plan->service.address.family == ADDRESS_IPV6 ? IPV6_HEADER : IPV4_HEADER) +
	               UDP_HEADER + message;

	return fmax(frame, PREDICT_FRAME_MIN) + PREDICT_FRAME_OVERHEAD;
}

// A table holds every cohort's tuples at one depth, since its slots are numbered by tuple.
static uint32_t cohort_depth(const struct plan *plan, const struct flow_cohort_options *cohort, double share,
                             uint64_t tuples)
{
	bool random = cohort->policy.kind == FLOW_POLICY_RANDOM || cohort->policy.kind == FLOW_POLICY_LINUX;

	return match_depth(plan->load.size_rate * share, plan->load.timeouts[0], (uint32_t)tuples, random,
	                   cohort->queries_in_flight);
}

static void predict_cohorts(const struct plan *plan, struct predict *out, uint32_t *depth)
{
	double shares = 0;

	for (unsigned i = 0; i < plan->cohort_count; i++) {
		shares += plan->cohorts[i].share;
	}
	for (unsigned i = 0; i < plan->cohort_count; i++) {
		const struct flow_cohort_options *cohort = &plan->cohorts[i];
		struct predict_cohort *to = &out->cohorts[i];

		to->tuples = flow_space_tuples(cohort, 1);
		to->rate = out->rate * cohort->share / shares;
		if (to->rate > 0) {
			to->reuse_interval = (double)to->tuples / to->rate;
		}
		to->depth = cohort_depth(plan, cohort, cohort->share / shares, to->tuples);
		*depth = to->depth > *depth ? to->depth : *depth;
		out->tuples += to->tuples;
	}
}

static void predict_memory(const struct plan *plan, struct predict *out, uint32_t depth)
{
	unsigned senders = plan->lcores.senders;
	struct stats_shape shape;
	struct error ignored = {0};

	out->flow_memory =
	        flow_space_memory(plan->cohorts, plan->cohort_count) + flow_ledger_memory(out->tuples);
	out->match_memory =
	        senders *
	        match_table_memory((uint32_t)((out->tuples + senders - 1) / senders), depth,
	                           match_capacity(plan->load.size_rate / senders, plan->load.timeouts[0]));
	if (stats_shape_init(&shape, plan->cohort_count, plan->load.timeouts, plan->load.timeout_count, 0,
	                     plan->output.interval, plan->load.duration, &ignored) == 0) {
		out->stats_memory = stats_memory(&shape, senders, 1);
	}
}

struct predict config_predict(const struct plan *plan, const struct predict_input *input)
{
	struct predict out = {0};
	double peak = plan->load.profile.count > 0 ? load_profile_peak(&plan->load.profile) : 0;
	uint32_t depth = 0;

	out.rate = isfinite(peak) ? peak : 0;
	predict_cohorts(plan, &out, &depth);
	predict_memory(plan, &out, depth);
	out.query_frame = frame_on_wire(plan, input->query_length);
	out.reply_frame = frame_on_wire(plan, input->reply_length);
	out.query_bps = out.rate * out.query_frame * 8;
	out.reply_bps = out.rate * out.reply_frame * 8;
	if (input->link_bps > 0) {
		out.link_queries = (double)input->link_bps / (out.query_frame * 8);
		out.link_replies = (double)input->link_bps / (out.reply_frame * 8);
		out.reply_link_is_full = out.rate > out.link_replies;
	}
	return out;
}

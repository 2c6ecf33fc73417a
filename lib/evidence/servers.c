#include "private.h"

#include <math.h>

// Fewer tuples whose age is known exactly say less than all of them.
#define PROBES_MIN 100

// Fewer tuples that lost a query say nothing.
#define AFFECTED_MIN 8

// 1 / k of what is lost besides the chance losses.
static double servers_of(double share, double base)
{
	return share > base ? (1 - base) / (share - base) : INFINITY;
}

// k: one real server of k takes one k-th of the tuples with it, of those whose entries still lived.
void evidence_servers(struct evidence_work *work)
{
	const struct verdict_clusters *before = &work->out->verdict.before;
	struct evidence *out = work->out;
	double base = before->trials > 0 ? (double)before->events / (double)before->trials : 0;
	double tried = 0, lost = 0;
	struct verdict_interval share;

	for (size_t i = 0; i < work->probe_count && isfinite(work->young_end); i++) {
		if (work->probes[i].high < work->young_end) {
			tried += (double)work->probes[i].sent;
			lost += (double)work->probes[i].lost;
		}
	}
	if (tried < PROBES_MIN) {
		tried = (double)out->stale;
		lost = (double)out->affected;
	}
	out->servers = (struct verdict_interval){NAN, NAN, NAN};
	share = verdict_wilson(lost, tried, work->confidence);
	if (lost >= AFFECTED_MIN && share.low > base) {
		out->servers =
		        (struct verdict_interval){servers_of(share.estimate, base),
		                                  servers_of(share.high, base), servers_of(share.low, base)};
	}
}

#include "egress.h"

#include <rte_lcore.h>
#include <string.h>

// Queries a second of one sender that an XDP socket sends on slow machines, too.
#define SOCKET_RATE 250e3

// Whether queries leave as live frames. At rates that an XDP socket keeps up with they leave by that: a frame
// goes with the call that hands it over, where a polling thread that has to share its CPU lets frames wait
// for some milliseconds.
static bool sends_live(const struct plan *plan)
{
	const struct load_profile *profile = &plan->load.profile;

	if (plan->port.driver != PLAN_DRIVER_XDP_LIVE || plan->queries.source == PLAN_QUERIES_TRACE) {
		return false;
	}
	return profile->count == 0 || load_profile_peak(profile) / plan->lcores.senders > SOCKET_RATE;
}

unsigned egress_threads(const struct plan *plan)
{
	return sends_live(plan) ? plan->lcores.senders : 0;
}

int egress_open(struct egress *egress, const struct plan *plan, unsigned longest, struct error *error)
{
	struct live_options options = {.interface = plan->port.device,
	                               .queues = plan->lcores.senders,
	                               .ring_size = plan->port.ring_size,
	                               .longest = longest};
	int rc;

	memset(egress, 0, sizeof(*egress));
	if (plan->port.driver != PLAN_DRIVER_XDP_LIVE) {
		return 0;
	}
	// What lacks is said at any rate.
	rc = live_open(&egress->live, &options, error);
	if (rc < 0) {
		return rc;
	}
	if (!sends_live(plan)) {
		egress_close(egress);
		return 0;
	}
	egress->transmit = live_transmit;
	for (unsigned i = 0; i < options.queues; i++) {
		egress->queues[i] = live_queue(egress->live, i);
	}
	return 0;
}

int egress_start(struct egress *egress, const struct environment *environment, struct error *error)
{
	cpu_set_t cpus = environment->allowed, both;
	unsigned lcore;

	if (egress->live == NULL) {
		return 0;
	}
	RTE_LCORE_FOREACH_WORKER (lcore) {
		cpu_set_t taken = rte_lcore_cpuset(lcore);

		CPU_AND(&both, &cpus, &taken);
		CPU_XOR(&cpus, &cpus, &both);
	}
	if (CPU_COUNT(&cpus) == 0) {
		cpus = rte_lcore_cpuset(rte_get_main_lcore());
	}
	return live_start(egress->live, &cpus, error);
}

uint64_t egress_sent(const struct egress *egress, uint64_t port_sent)
{
	// Not both: answers to ARP and ping, which leave by the port, would hide as many queries that did
	// not.
	return egress->live != NULL ? live_sent(egress->live) : port_sent;
}

void egress_close(struct egress *egress)
{
	live_close(egress->live);
	egress->live = NULL;
}

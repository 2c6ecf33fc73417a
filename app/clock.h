#pragma once
// The one place that reads time. The lcores' clock is the TSC, converted to ns by a multiplication; wall time
// is for the head of a report only. Read-only after clock_start(); any thread.

#include "base/fixed.h"
#include "base/units.h"

#include <rte_cycles.h>

/** ns of the run's clock at clock_start(): above 0, since 0 means never in the ledger. */
#define CLOCK_EPOCH NS_PER_SEC

struct clock {
	uint64_t tsc;
	struct fixed_ratio ratio; ///< ns a TSC cycle
	uint64_t wall_ns;         ///< CLOCK_REALTIME at the start, ns since 1970
};

/** Start the clock. EAL must run: it has measured the TSC. */
void clock_start(struct clock *clock);

/** Now, in ns since the start plus CLOCK_EPOCH. */
static inline ns_t clock_now(const struct clock *clock)
{
	return CLOCK_EPOCH + fixed_scale(rte_rdtsc() - clock->tsc, clock->ratio);
}

/** Wall time in ns since 1970. */
uint64_t clock_wall(void);

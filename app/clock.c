#include "clock.h"

#include <time.h>

uint64_t clock_wall(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

void clock_start(struct clock *clock)
{
	clock->ratio = fixed_ratio(NS_PER_SEC, rte_get_tsc_hz());
	clock->wall_ns = clock_wall();
	clock->tsc = rte_rdtsc();
}

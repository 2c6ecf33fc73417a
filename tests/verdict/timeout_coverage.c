// How often the 95 % interval of the estimated IPVS timeout holds the truth: sweeps of ages over a removal, T
// of 2..300 s, HZ of 100, 250 and 1000, end to end. Fails outside of the range asked for.
//
//	timeout_coverage [SEEDS [FIRST [-v]]]

#include "world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SEEDS_DEFAULT 400

// What the share that holds it must lie in, for the whole set of seeds; fewer seeds scatter more.
#define COVER_LEAST 0.93
#define COVER_MOST  0.97
#define DEVIATIONS  2.5

int main(int count, char **arguments)
{
	unsigned seeds = count > 1 ? (unsigned)atoi(arguments[1]) : SEEDS_DEFAULT;
	uint64_t first = count > 2 ? (uint64_t)atoll(arguments[2]) : 1;
	unsigned held = 0, seen = 0, by_hz[3] = {0}, held_by_hz[3] = {0};
	double width = 0, share, scatter;

	world_start("timeout_coverage");
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		const struct verdict_timeout *timeout;
		struct outcome outcome;
		struct world world;
		unsigned hz;
		bool holds;

		world_draw_sweep(&world, seed);
		world_run(&world, &outcome);
		timeout = &outcome.verdict->timeout;
		hz = world.hz == 100 ? 0 : world.hz == 250 ? 1 : 2;
		if (timeout->answer == VERDICT_TIMEOUT_STEP) {
			holds = timeout->timeout.low <= world.timeout &&
			        timeout->timeout.high >= world.timeout;
			seen++;
			by_hz[hz]++;
			held += holds;
			held_by_hz[hz] += holds;
			width += (timeout->timeout.high - timeout->timeout.low) / world.timeout;
		}
		if (count > 3) {
			printf("seed %lu T %g hz %u k %u base %.4f: answer %d %.4f [%.4f, %.4f] of %zu "
			       "ages\n",
			       seed, world.timeout, world.hz, world.servers, world.base_loss,
			       (int)timeout->answer, timeout->timeout.estimate, timeout->timeout.low,
			       timeout->timeout.high, outcome.evidence->verdict.since_use_count);
		}
		outcome_release(&outcome);
	}
	share = seen > 0 ? (double)held / seen : 0;
	scatter = DEVIATIONS * sqrt(0.95 * 0.05 / (seen > 0 ? seen : 1));
	printf("%u sweeps: the step was seen in %u, its 95 %% interval holds the timeout in %u (%.1f %%); "
	       "mean width "
	       "%.2f %% of it\n",
	       seeds, seen, held, share * 100, width / (seen > 0 ? seen : 1) * 100);
	printf("HZ 100: %u of %u; HZ 250: %u of %u; HZ 1000: %u of %u\n", held_by_hz[0], by_hz[0],
	       held_by_hz[1], by_hz[1], held_by_hz[2], by_hz[2]);
	if (seeds < SEEDS_DEFAULT) {
		return seen > 0 && share >= 0.95 - scatter ? 0 : 1;
	}
	return share >= COVER_LEAST && share <= COVER_MOST ? 0 : 1;
}

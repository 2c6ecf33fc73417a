// What a world is, drawn from its seed.
#include "world_private.h"

#include <math.h>

#define BUDGET 40000.0 // queries of the reusing cohort, about

double world_between(struct random *random, double low, double high)
{
	return low + (high - low) * random_double(random);
}

static double between_log(struct random *random, double low, double high)
{
	return low * pow(high / low, random_double(random));
}

void world_draw(struct world *world, enum truth truth, uint64_t seed)
{
	static const enum flow_policy policies[] = {FLOW_POLICY_RANDOM, FLOW_POLICY_SEQUENTIAL,
	                                            FLOW_POLICY_LRU, FLOW_POLICY_LINUX};
	static const unsigned ticks[] = {100, 250, 1000};
	struct random random;

	random_seed(&random, seed, (uint64_t)truth);
	*world = (struct world){.truth = truth, .seed = seed};
	world->timeout = round(between_log(&random, 2, 30));
	world->hz = ticks[random_below(&random, 3)];
	world->servers = 2 + (unsigned)random_below(&random, 4);
	world->base_loss = random_below(&random, 4) == 0 ? 0 : world_between(&random, 0, 0.01);
	world->latency = between_log(&random, 0.0003, 0.02);
	world->policy = policies[random_below(&random, sizeof(policies) / sizeof(policies[0]))];
	// A tuple is used twice within the timeout; with random rests some are anyway.
	world->rest =
	        world->timeout / between_log(&random, world->policy == FLOW_POLICY_RANDOM ? 1.5 : 2.3, 30);
	// Even rests alone can't tell what only ages can: then some tuples sweep them.
	world->sweep = random_below(&random, 2) == 0 || truth == TRUTH_WEIGHT ||
	               (truth <= TRUTH_LAZY && world->policy != FLOW_POLICY_RANDOM);
	world->event = 1.5 * world->timeout + world_between(&random, 3, 6);
	world->mark =
	        random_below(&random, 2) == 0 ? world->event : world->event - world_between(&random, 0, 3);
	world->duration = world->event + 2.5 * world->timeout + 8;
	if (truth == TRUTH_OVERLOAD) {
		world->duration = 40;
		world->event = world->mark = world_between(&random, 15, 25);
	}
	if (truth == TRUTH_EXHAUSTION) {
		world->rest = world->timeout / between_log(&random, 4, 30);
		world->policy = policies[1 + random_below(&random, 2)];
	}
	world->rate = fmax(30, BUDGET / world->duration);
	// What follows is drawn last, so that it changes nothing above.
	world->gone = random_below(&random, 2) == 0;
	world->drained = random_below(&random, 3) == 0;
	world->limited = random_below(&random, 2) == 0;
	if (world->policy != FLOW_POLICY_RANDOM && random_below(&random, 2) == 0) {
		world->policy = random_below(&random, 2) == 0 ? FLOW_POLICY_INTERVAL : FLOW_POLICY_STICKY;
		world->queries_per_use = 2 + (unsigned)random_below(&random, 7);
	}
	if (truth == TRUTH_FLUSH) {
		world->latency = world_between(&random, 0.02, 0.1);
		world->rate = fmax(world->rate, 40.0 * world->servers / world->latency);
		world->rest = world_between(&random, 0.5, 2);
		world->timeout = round(world_between(&random, 2, 30));
		world->event = world_between(&random, 6, 10);
		world->mark = world->event - world_between(&random, 0, 3);
		world->duration = world->event + 10;
	}
	// What is still listed shows on tuples not used before, exhaustion on those that are new: a sweep has
	// some of the former.
	world->control = random_below(&random, 2) == 0 || truth == TRUTH_EXHAUSTION ||
	                 (truth == TRUTH_LISTED && !world->sweep);
}

void world_draw_sweep(struct world *world, uint64_t seed)
{
	static const unsigned ticks[] = {100, 250, 1000};
	struct random random;

	random_seed(&random, seed, 99);
	*world = (struct world){.truth = TRUTH_KEPT, .seed = seed, .sweep = true, .control = true};
	world->timeout = round(between_log(&random, 2, 300));
	world->hz = ticks[random_below(&random, 3)];
	world->servers = 2 + (unsigned)random_below(&random, 4);
	world->base_loss = random_below(&random, 4) == 0 ? 0 : world_between(&random, 0, 0.01);
	world->latency = between_log(&random, 0.0003, 0.01);
	world->policy = FLOW_POLICY_SWEEP;
	world->rest = 2.5 * world->timeout; // the oldest age
	world->event = world->mark = 1.3 * world->timeout;
	world->duration = world->event + 2.6 * world->timeout;
	world->rate = between_log(&random, 3000, 20000) / world->duration;
}

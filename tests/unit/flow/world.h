#pragma once
// A simulated sender for the tests of the policies: a ledger, one picker, and tuples that stay in flight for
// a while.

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "flow/policy.h"

#define WORLD_START (3 * NS_PER_SEC)

struct world {
	struct flow_ledger ledger;
	struct flow_picker *picker;
	struct random random;
	uint32_t first;
	uint32_t count;
	ns_t now;
	ns_t *busy_until; // by local number
	bool may_improve; // the policy may propose another tuple when it is asked again
	ns_t in_flight;   // how long a query is, 0: never busy
};

static inline void world_make(struct world *world, const struct flow_policy_options *options, uint32_t count,
                              uint64_t seed)
{
	struct error error = {0};

	memset(world, 0, sizeof(*world));
	random_seed(&world->random, seed, 99);
	world->first = (uint32_t)random_below(&world->random, 100);
	world->count = count;
	world->now = WORLD_START;
	world->may_improve = options->kind == FLOW_POLICY_INTERVAL;
	world->busy_until = calloc(count, sizeof(*world->busy_until));
	assert_non_null(world->busy_until);
	assert_int_equal(flow_ledger_create(&world->ledger, world->first + count, &error), 0);
	assert_int_equal(flow_picker_create(&world->picker, options, world->first, count, world->ledger.sent,
	                                    WORLD_START, &error),
	                 0);
}

static inline void world_free(struct world *world)
{
	flow_picker_free(world->picker);
	flow_ledger_free(&world->ledger);
	free(world->busy_until);
}

/** Propose, sometimes twice; checks that the tuple is the picker's. Returns the local number in `local`. */
static inline bool world_next(struct world *world, uint32_t *local)
{
	uint32_t tuple, again;

	*local = 0;
	if (!flow_picker_next(world->picker, world->now, &tuple)) {
		assert_true(flow_picker_ready_at(world->picker) > world->now);
		return false;
	}
	assert_true(flow_picker_ready_at(world->picker) <= world->now);
	if (random_below(&world->random, 4) == 0) {
		assert_true(flow_picker_next(world->picker, world->now, &again));
		assert_true(again == tuple || world->may_improve);
		tuple = again;
	}
	assert_true(tuple >= world->first && tuple - world->first < world->count);
	*local = tuple - world->first;
	return true;
}

static inline bool world_is_busy(const struct world *world, uint32_t local)
{
	return world->busy_until[local] > world->now;
}

static inline ns_t world_last(const struct world *world, uint32_t local)
{
	return world->ledger.sent[world->first + local].last_sent;
}

static inline void world_busy(struct world *world, uint32_t local)
{
	flow_picker_busy(world->picker, world->first + local);
}

static inline void world_use(struct world *world, uint32_t local)
{
	flow_sent_query(&world->ledger.sent[world->first + local], world->now);
	world->busy_until[local] = world->now + world->in_flight;
	flow_picker_used(world->picker, world->first + local, world->now);
}

/** One query: propose until a tuple is free, at most `attempts` times. Returns its age (0: first use) and
 * local number. */
static inline bool world_query(struct world *world, unsigned attempts, uint32_t *local, ns_t *age)
{
	*local = 0;
	*age = 0;
	while (attempts-- > 0 && world_next(world, local)) {
		if (world_is_busy(world, *local)) {
			world_busy(world, *local);
			continue;
		}
		*age = world_last(world, *local) == 0 ? 0 : world->now - world_last(world, *local);
		world_use(world, *local);
		return true;
	}
	return false;
}

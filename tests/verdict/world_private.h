#pragma once
// Private to the worlds: what its parts hand each other.

#include "world.h"

#include "base/random.h"
#include "director/director.h"
#include "worker/team.h"

#define START NS_PER_SEC

/** The ports of the process, and their memory. */
struct world_ports {
	uint16_t generator_port, director_port;
	struct rte_mempool *generator_pool, *director_pool;
};

extern struct world_ports world_ports;

/** A world that is built and runs. */
struct stage {
	const struct world *world;
	struct flow_cohort_options cohorts[3];
	struct address_range ranges[3];
	unsigned cohort_count;
	struct load_profile profile;
	struct dns_query_set *queries;
	struct worker_team *team;
	struct director *director;
	struct backend_options backends[8];
	struct evidence_looks looks;
	struct stats_snapshot snapshot;
	ns_t mark, event;
	bool marked, happened;
};

/** End the process with the error when `rc` is one. */
void world_must(int rc, const struct error *error);

ns_t world_ns(double seconds);
double world_between(struct random *random, double low, double high);

/** The parts of a stage, in this order. `random` is that of the run, not of the draw. */
void world_make_cohorts(struct stage *stage);
void world_make_load(struct stage *stage, struct random *random);
void world_make_team(struct stage *stage);
void world_make_director(struct stage *stage, struct random *random);

/** Throw away what the ports still hold. */
void world_empty_ports(void);

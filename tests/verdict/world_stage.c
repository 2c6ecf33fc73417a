// A world's senders and receiver, its load and its director.
#include "world_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// A cohort's addresses: a /28 without its own and its broadcast's.
#define HOSTS 14

#define LOOKS_SIZE (UINT64_C(64) << 20)

static void add_cohort(struct stage *stage, const char *name, const char *range, double share, double tuples,
                       struct flow_policy_options policy, bool control)
{
	unsigned number = stage->cohort_count++;
	struct flow_cohort_options *cohort = &stage->cohorts[number];
	struct error error = {0};
	char ports[32];

	// The ports make up the number of tuples.
	world_must(address_range_parse(range, true, &stage->ranges[number], &error), &error);
	snprintf(ports, sizeof(ports), "1024-%u",
	         1023 + (unsigned)fmax(1, fmin(60000, ceil(tuples / HOSTS))));
	*cohort = (struct flow_cohort_options){.share = share,
	                                       .ranges = &stage->ranges[number],
	                                       .range_count = 1,
	                                       .control = control,
	                                       .policy = policy};
	snprintf(cohort->name, sizeof(cohort->name), "%s", name);
	world_must(flow_ports_parse(&cohort->ports, ports, &error), &error);
}

// The reusing cohort; now and then fresh tuples as its control, and a sweep of ages.
void world_make_cohorts(struct stage *stage)
{
	const struct world *world = stage->world;
	struct flow_policy_options policy = {.kind = (enum flow_policy)world->policy, .seed = world->seed};
	struct flow_policy_options fresh = {.kind = FLOW_POLICY_FRESH,
	                                    .reuse_low = world_ns(world->duration + 1)};
	struct flow_policy_options sweep = {.kind = FLOW_POLICY_SWEEP,
	                                    .reuse_low = world_ns(0.3),
	                                    .reuse_high = world_ns(fmin(40, 1.8 * world->timeout))};
	double control = world->truth == TRUTH_EXHAUSTION ? 0.4 : 0.1;
	double tuples = world->rate * world->rest;

	if (world->policy == FLOW_POLICY_INTERVAL || world->policy == FLOW_POLICY_STICKY) {
		policy.reuse_low = world_ns(world->rest);
	}
	if (world->policy == FLOW_POLICY_STICKY) {
		policy.queries_per_use = world->queries_per_use;
		tuples = tuples / world->queries_per_use + 1;
	}
	if (policy.reuse_low > 0) {
		// Cohorts take turns by chance, and loads swing: without spare tuples queries would wait.
		tuples = 1.5 * tuples + 64;
	}
	if (world->policy == FLOW_POLICY_SWEEP) {
		policy.reuse_low = world_ns(0.05 * world->timeout);
		policy.reuse_high = world_ns(world->rest);
		add_cohort(stage, "sweep", "10.1.0.0/28", 0.9, world->rate * world->duration, policy, false);
	} else {
		add_cohort(stage, "reuse", "10.1.0.0/28", 1, tuples, policy, false);
	}
	if (world->control) {
		add_cohort(stage, "fresh", "10.2.0.0/28", control,
		           1.2 * control * world->rate * world->duration + 32, fresh, true);
	}
	if (world->sweep && world->policy != FLOW_POLICY_SWEEP) {
		add_cohort(stage, "sweep", "10.3.0.0/28", 0.4, 0.4 * world->rate * world->duration + 32,
		           sweep, false);
	}
}

static double total_rate(const struct stage *stage)
{
	double shares = 0;

	for (unsigned i = 0; i < stage->cohort_count; i++) {
		shares += stage->cohorts[i].share;
	}
	return stage->world->rate * shares;
}

void world_make_load(struct stage *stage, struct random *random)
{
	double rate = total_rate(stage);
	struct error error = {0};

	bool swings = stage->world->truth == TRUTH_OVERLOAD ||
	              (stage->world->truth == TRUTH_QUIET && stage->world->seed % 2 == 0);

	if (!swings) {
		world_must(load_profile_constant(&stage->profile, rate, NS_NEVER, &error), &error);
		return;
	}
	// A load that comes and goes: ramps up and down, or steps.
	while (stage->profile.duration < world_ns(stage->world->duration)) {
		double low = rate * world_between(random, 0.3, 0.6),
		       high = rate * world_between(random, 1.0, 1.4);

		if (random_below(random, 2) == 0) {
			world_must(load_profile_ramp(&stage->profile, low, high, 10 * NS_PER_SEC, &error),
			           &error);
		} else {
			world_must(load_profile_steps(&stage->profile, (double[]){low, high}, 2,
			                              5 * NS_PER_SEC, &error),
			           &error);
		}
	}
}

void world_make_team(struct stage *stage)
{
	static const char file[] = "www.example.com A\n";
	const struct world *world = stage->world;
	struct dns_query_options query_options = dns_query_options_default();
	static ns_t timeout = 1 * NS_PER_SEC;
	struct worker_team_options options = {
	        .cohorts = stage->cohorts,
	        .cohort_count = stage->cohort_count,
	        .senders = 1,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	        .profile = &stage->profile,
	        .query_limit = UINT64_MAX,
	        .size_rate = 1.5 * total_rate(stage),
	        .timeouts = &timeout,
	        .timeout_count = 1,
	        .start = START,
	        .duration = world_ns(world->duration),
	        .interval = NS_PER_SEC / 2,
	        .max_lag = 100 * NS_PER_MS,
	        .patience = 100 * NS_PER_MS,
	        .seed = world->seed,
	        .port = world_ports.generator_port,
	        .receivers = 1,
	        .receive_queues = 1,
	        .verify = WORKER_VERIFY_OFF,
	        .pools = &world_ports.generator_pool,
	};
	struct error error = {0};

	world_must(dns_query_set_parse(&stage->queries, "world", file, strlen(file), &query_options, &error),
	           &error);
	options.queries = stage->queries;
	world_must(address_parse("10.96.0.10", &options.header.destination), &error);
	world_must(worker_team_create(&stage->team, &options, &error), &error);
	world_must(stats_snapshot_init(&stage->snapshot, &stage->team->shape, &error), &error);
	world_must(evidence_looks_init(&stage->looks, stage->team->space->tuple_count, &stage->team->shape,
	                               options.duration, LOOKS_SIZE, &error),
	           &error);
}

static void make_backends(struct stage *stage, struct random *random)
{
	const struct world *world = stage->world;
	struct error error = {0};

	for (unsigned i = 0; i < world->servers; i++) {
		struct backend_options *backend = &stage->backends[i];
		char address[32];

		*backend = (struct backend_options){
		        .weight = 1,
		        .distribution = (enum backend_distribution)random_below(random, 3),
		        .service_time = world_ns(world->latency),
		};
		snprintf(backend->name, sizeof(backend->name), "s%u", i);
		snprintf(address, sizeof(address), "10.244.0.%u", i + 1);
		world_must(address_parse(address, &backend->address), &error);
		if (world->truth == TRUTH_OVERLOAD) {
			double each = total_rate(stage) * world_between(random, 0.75, 0.85) / world->servers;

			backend->concurrency = (uint32_t)fmax(1, round(each * world->latency));
			backend->service_time = world_ns(backend->concurrency / each);
			backend->queue = 16;
		}
	}
}

void world_make_director(struct stage *stage, struct random *random)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
	const struct world *world = stage->world;
	struct director_options options = director_options_default();
	struct director_service service = {.port = 53};
	struct error error = {0};

	make_backends(stage, random);
	world_must(address_parse("10.96.0.10", &service.address), &error);
	options.services = &service;
	options.service_count = 1;
	options.backends = stage->backends;
	options.backend_count = world->servers;
	options.proxy_neighbours = true;
	options.verify_checksums = false;
	options.seed = world->seed;
	options.faults.loss_in = world->base_loss / 2;
	options.faults.loss_out = world->base_loss / 2;
	options.icmp_ratelimit = world->limited ? NS_PER_SEC : 0;
	options.icmp_msgs_per_sec = world->limited ? 1000 : 0;
	options.ipvs.udp_timeout = world_ns(world->timeout);
	options.ipvs.hz = world->hz;
	options.ipvs.seed = world->seed;
	options.ipvs.first_jiffy = random_next(random) >> 32;
	options.ipvs.connections = 1u << 19;
	options.ipvs.lazy = options.ipvs.expire_nodest_conn = world->truth == TRUTH_LAZY;
	if (world->truth == TRUTH_FLUSH) {
		options.ipvs.expire_nodest_conn = true;
	}
	if (world->truth == TRUTH_EXHAUSTION) {
		// Room for the tuples that live on and for a part of the fresh ones that come in a timeout.
		double each = world->policy == FLOW_POLICY_STICKY ? world->queries_per_use : 1;
		double live = world->rate * world->rest / each, coming = 0.4 * world->rate * world->timeout;

		options.ipvs.connections = (uint32_t)(live + coming * world_between(random, 0.3, 0.8));
	}
	memcpy(options.mac, mac, sizeof(mac));
	world_must(director_create(&stage->director, &options, world_ports.director_pool, &error), &error);
}

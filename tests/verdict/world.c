#include "world.h"

#include "director/director.h"
#include "worker/team.h"

#include <math.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START      NS_PER_SEC
#define BUDGET     40000.0 // queries of the reusing cohort, about
#define RING_SIZE  4096
#define POOL_SIZE  65535
#define LOOKS_SIZE (UINT64_C(64) << 20)

static uint16_t generator_port, director_port;
static struct rte_mempool *generator_pool, *director_pool;

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

static void must(int rc, const struct error *error)
{
	if (rc < 0) {
		char text[1024];

		error_format(error, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
		exit(1);
	}
}

static ns_t ns(double seconds)
{
	return (ns_t)(seconds * 1e9);
}

static double between(struct random *random, double low, double high)
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
	world->base_loss = random_below(&random, 4) == 0 ? 0 : between(&random, 0, 0.01);
	world->latency = between_log(&random, 0.0003, 0.02);
	world->policy = policies[random_below(&random, sizeof(policies) / sizeof(policies[0]))];
	// A tuple is used twice within the timeout; with random rests some are anyway.
	world->rest =
	        world->timeout / between_log(&random, world->policy == FLOW_POLICY_RANDOM ? 1.5 : 2.3, 30);
	// Even rests alone can't tell what only ages can: then some tuples sweep them.
	world->sweep = random_below(&random, 2) == 0 || truth == TRUTH_WEIGHT ||
	               (truth <= TRUTH_LAZY && world->policy != FLOW_POLICY_RANDOM);
	world->event = 1.5 * world->timeout + between(&random, 3, 6);
	world->mark = random_below(&random, 2) == 0 ? world->event : world->event - between(&random, 0, 3);
	world->duration = world->event + 2.5 * world->timeout + 8;
	if (truth == TRUTH_OVERLOAD) {
		world->duration = 40;
		world->event = world->mark = between(&random, 15, 25);
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
		world->latency = between(&random, 0.02, 0.1);
		world->rate = fmax(world->rate, 40.0 * world->servers / world->latency);
		world->rest = between(&random, 0.5, 2);
		world->timeout = round(between(&random, 2, 30));
		world->event = between(&random, 6, 10);
		world->mark = world->event - between(&random, 0, 3);
		world->duration = world->event + 10;
	}
}

void world_draw_sweep(struct world *world, uint64_t seed)
{
	static const unsigned ticks[] = {100, 250, 1000};
	struct random random;

	random_seed(&random, seed, 99);
	*world = (struct world){.truth = TRUTH_KEPT, .seed = seed, .sweep = true};
	world->timeout = round(between_log(&random, 2, 300));
	world->hz = ticks[random_below(&random, 3)];
	world->servers = 2 + (unsigned)random_below(&random, 4);
	world->base_loss = random_below(&random, 4) == 0 ? 0 : between(&random, 0, 0.01);
	world->latency = between_log(&random, 0.0003, 0.01);
	world->policy = FLOW_POLICY_SWEEP;
	world->rest = 2.5 * world->timeout; // the oldest age
	world->event = world->mark = 1.3 * world->timeout;
	world->duration = world->event + 2.6 * world->timeout;
	world->rate = between_log(&random, 3000, 20000) / world->duration;
}

static void add_cohort(struct stage *stage, const char *name, const char *range, double share, double tuples,
                       struct flow_policy_options policy, bool control)
{
	unsigned number = stage->cohort_count++;
	struct flow_cohort_options *cohort = &stage->cohorts[number];
	struct error error = {0};
	char ports[32];

	// Addresses are 16 a cohort; the ports make up the number of tuples.
	must(address_range_parse(range, true, &stage->ranges[number], &error), &error);
	snprintf(ports, sizeof(ports), "1024-%u", 1023 + (unsigned)fmax(1, fmin(60000, ceil(tuples / 16))));
	*cohort = (struct flow_cohort_options){.share = share,
	                                       .ranges = &stage->ranges[number],
	                                       .range_count = 1,
	                                       .control = control,
	                                       .policy = policy};
	snprintf(cohort->name, sizeof(cohort->name), "%s", name);
	must(flow_ports_parse(&cohort->ports, ports, &error), &error);
}

// The reusing cohort; fresh tuples as its control; now and then a sweep of ages.
static void make_cohorts(struct stage *stage)
{
	const struct world *world = stage->world;
	struct flow_policy_options policy = {.kind = (enum flow_policy)world->policy, .seed = world->seed};
	struct flow_policy_options fresh = {.kind = FLOW_POLICY_FRESH, .reuse_low = ns(world->duration + 1)};
	struct flow_policy_options sweep = {.kind = FLOW_POLICY_SWEEP,
	                                    .reuse_low = ns(0.3),
	                                    .reuse_high = ns(fmin(40, 1.8 * world->timeout))};
	double control = world->truth == TRUTH_EXHAUSTION ? 0.4 : 0.1;
	double tuples = world->rate * world->rest;

	if (world->policy == FLOW_POLICY_INTERVAL || world->policy == FLOW_POLICY_STICKY) {
		policy.reuse_low = ns(world->rest);
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
		policy.reuse_low = ns(0.05 * world->timeout);
		policy.reuse_high = ns(world->rest);
		add_cohort(stage, "sweep", "10.1.0.0/28", 0.9, world->rate * world->duration, policy, false);
	} else {
		add_cohort(stage, "reuse", "10.1.0.0/28", 1, tuples, policy, false);
	}
	add_cohort(stage, "fresh", "10.2.0.0/28", control, 1.2 * control * world->rate * world->duration + 32,
	           fresh, true);
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

static void make_load(struct stage *stage, struct random *random)
{
	double rate = total_rate(stage);
	struct error error = {0};

	bool swings = stage->world->truth == TRUTH_OVERLOAD ||
	              (stage->world->truth == TRUTH_QUIET && stage->world->seed % 2 == 0);

	if (!swings) {
		must(load_profile_constant(&stage->profile, rate, NS_NEVER, &error), &error);
		return;
	}
	// A load that comes and goes: ramps up and down, or steps.
	while (stage->profile.duration < ns(stage->world->duration)) {
		double low = rate * between(random, 0.3, 0.6), high = rate * between(random, 1.0, 1.4);

		if (random_below(random, 2) == 0) {
			must(load_profile_ramp(&stage->profile, low, high, 10 * NS_PER_SEC, &error), &error);
		} else {
			must(load_profile_steps(&stage->profile, (double[]){low, high}, 2, 5 * NS_PER_SEC,
			                        &error),
			     &error);
		}
	}
}

static void make_team(struct stage *stage)
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
	        .duration = ns(world->duration),
	        .interval = NS_PER_SEC / 2,
	        .max_lag = 100 * NS_PER_MS,
	        .patience = 100 * NS_PER_MS,
	        .seed = world->seed,
	        .port = generator_port,
	        .receivers = 1,
	        .receive_queues = 1,
	        .verify = WORKER_VERIFY_OFF,
	        .pools = &generator_pool,
	};
	struct error error = {0};

	must(dns_query_set_parse(&stage->queries, "world", file, strlen(file), &query_options, &error),
	     &error);
	options.queries = stage->queries;
	must(address_parse("10.96.0.10", &options.header.destination), &error);
	must(worker_team_create(&stage->team, &options, &error), &error);
	must(stats_snapshot_init(&stage->snapshot, &stage->team->shape, &error), &error);
	must(evidence_looks_init(&stage->looks, stage->team->space->tuple_count, &stage->team->shape,
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
		        .service_time = ns(world->latency),
		};
		snprintf(backend->name, sizeof(backend->name), "s%u", i);
		snprintf(address, sizeof(address), "10.244.0.%u", i + 1);
		must(address_parse(address, &backend->address), &error);
		if (world->truth == TRUTH_OVERLOAD) {
			double each = total_rate(stage) * between(random, 0.75, 0.85) / world->servers;

			backend->concurrency = (uint32_t)fmax(1, round(each * world->latency));
			backend->service_time = ns(backend->concurrency / each);
			backend->queue = 16;
		}
	}
}

static void make_director(struct stage *stage, struct random *random)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
	const struct world *world = stage->world;
	struct director_options options = director_options_default();
	struct director_service service = {.port = 53};
	struct error error = {0};

	make_backends(stage, random);
	must(address_parse("10.96.0.10", &service.address), &error);
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
	options.ipvs.udp_timeout = ns(world->timeout);
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
		double live = world->rate * world->rest, coming = 0.4 * world->rate * world->timeout;

		options.ipvs.connections = (uint32_t)(live + coming * between(random, 0.3, 0.8));
	}
	memcpy(options.mac, mac, sizeof(mac));
	must(director_create(&stage->director, &options, director_pool, &error), &error);
}

static void befall(struct stage *stage, enum scenario_kind kind, ns_t now)
{
	struct scenario_event event = {.kind = kind, .backend = "s0"};
	struct error error = {0};

	must(director_apply(stage->director, now, &event, &error), &error);
}

static void happen(struct stage *stage, ns_t now)
{
	switch (stage->world->truth) {
	case TRUTH_KEPT:
	case TRUTH_LAZY:
	case TRUTH_FLUSH:
		befall(stage, SCENARIO_REMOVE, now);
		break;
	case TRUTH_WEIGHT:
		befall(stage, SCENARIO_DRAIN, now);
		befall(stage, stage->world->gone ? SCENARIO_VANISH : SCENARIO_KILL, now);
		break;
	case TRUTH_LISTED:
		befall(stage, stage->world->gone ? SCENARIO_VANISH : SCENARIO_KILL, now);
		break;
	case TRUTH_REFUSED:
		if (stage->world->drained) {
			befall(stage, SCENARIO_DRAIN, now);
		}
		befall(stage, SCENARIO_CLOSE, now);
		break;
	case TRUTH_QUIET:
		befall(stage, SCENARIO_DRAIN, now);
		break;
	default:
		break;
	}
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static void watch(struct stage *stage, ns_t now)
{
	const struct flow_sent *sent = stage->team->ledger.sent;
	const uint64_t *counters = stage->team->receiver_stats[0].counters;
	struct evidence_sums sums = {.wrong_source = counters[STATS_WRONG_SOURCE],
	                             .closed = counters[STATS_REFUSED_PORT]};

	if (!stage->marked && now >= stage->mark) {
		stage->marked = true;
		evidence_looks_event(&stage->looks, sent, now);
	}
	if (!stage->happened && now >= stage->event) {
		stage->happened = true;
		happen(stage, now);
	}
	evidence_looks_step(&stage->looks, sent, sums, now);
}

static ns_t step(struct stage *stage, ns_t now)
{
	struct worker_sender *sender = &stage->team->senders[0];
	unsigned work;
	ns_t next;

	watch(stage, now);
	do {
		work = worker_sender_step(sender, now);
		work += director_port_step(stage->director, director_port, 1, now);
		work += worker_team_receive(stage->team, now);
	} while (work > 0);
	next = earlier(worker_sender_next(sender, now), worker_team_next_expiry(stage->team, now));
	next = earlier(next, director_next(stage->director));
	next = earlier(next, evidence_looks_due(&stage->looks));
	next = stage->marked ? next : earlier(next, stage->mark);
	next = stage->happened ? next : earlier(next, stage->event);
	return next > now ? next : now + NS_PER_US;
}

static void run(struct stage *stage)
{
	ns_t now = START, end = START + ns(stage->world->duration) + 2 * NS_PER_SEC;

	while (now < end) {
		now = step(stage, now);
	}
	worker_team_finish(stage->team);
	worker_team_snapshot(stage->team, &stage->snapshot, now);
}

static void judge(struct stage *stage, struct outcome *outcome)
{
	struct evidence_input input = {
	        .space = stage->team->space,
	        .ledger = &stage->team->ledger,
	        .spells = stage->team->spells,
	        .spell_logs = stage->team->receiver_count,
	        .looks = &stage->looks,
	        .snapshot = &stage->snapshot,
	        .marks = &stage->mark,
	        .mark_count = stage->world->truth == TRUTH_QUIET && stage->world->seed % 3 == 0 ? 0 : 1,
	        .start = START,
	        .end = START + ns(stage->world->duration),
	};
	struct verdict_options options = {0};
	struct error error = {0};

	must(evidence_gather(&outcome->evidence, &input, 0.95, &error), &error);
	must(verdict_judge(&outcome->evidence.verdict, &options, &outcome->verdict, &error), &error);
	outcome->sent = stage->snapshot.total.sent;
}

static void empty_ports(void)
{
	struct rte_mbuf *frames[32];
	uint16_t count;

	while ((count = rte_eth_rx_burst(generator_port, 0, frames, 32)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
	}
	while ((count = rte_eth_rx_burst(director_port, 0, frames, 32)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
	}
}

void world_run(const struct world *world, struct outcome *outcome)
{
	static struct stage stage;
	struct random random;

	memset(&stage, 0, sizeof(stage));
	random_seed(&random, world->seed, 7);
	stage.world = world;
	stage.mark = START + ns(world->mark);
	stage.event = START + ns(world->event);
	make_cohorts(&stage);
	make_load(&stage, &random);
	make_team(&stage);
	make_director(&stage, &random);
	run(&stage);
	judge(&stage, outcome);
	evidence_looks_release(&stage.looks);
	stats_snapshot_release(&stage.snapshot);
	worker_team_free(stage.team);
	director_destroy(stage.director);
	load_profile_free(&stage.profile);
	dns_query_set_free(stage.queries);
	empty_ports();
}

void outcome_release(struct outcome *outcome)
{
	evidence_release(&outcome->evidence);
}

static uint16_t make_port(const char *name, struct rte_ring *rx, struct rte_ring *tx,
                          struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	int id = rte_eth_from_rings(name, &rx, 1, &tx, 1, 0);
	bool made = id >= 0 && rte_eth_dev_configure((uint16_t)id, 1, 1, &conf) == 0 &&
	            rte_eth_rx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL, pool) == 0 &&
	            rte_eth_tx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL) == 0 &&
	            rte_eth_dev_start((uint16_t)id) == 0;

	if (!made) {
		fprintf(stderr, "%s: no ring port\n", name);
		exit(1);
	}
	return (uint16_t)id;
}

void world_start(const char *program)
{
	char name[64], prefix[64];
	char *arguments[] = {name,
	                     (char[]){"--no-huge"},
	                     (char[]){"--no-shconf"},
	                     (char[]){"--no-pci"},
	                     (char[]){"-m"},
	                     (char[]){"512"},
	                     (char[]){"--lcores=0"},
	                     (char[]){"--log-level=*:error"},
	                     prefix,
	                     NULL};
	struct rte_ring *forth, *back;

	snprintf(name, sizeof(name), "%s", program);
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", program);
	if (rte_eal_init(9, arguments) < 0) {
		fprintf(stderr, "DPDK does not start: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	generator_pool = rte_pktmbuf_pool_create("generator", POOL_SIZE, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	director_pool = rte_pktmbuf_pool_create("director", POOL_SIZE, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	forth = rte_ring_create("forth", RING_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	back = rte_ring_create("back", RING_SIZE, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (generator_pool == NULL || director_pool == NULL || forth == NULL || back == NULL) {
		fprintf(stderr, "no memory for frames\n");
		exit(1);
	}
	generator_port = make_port("generator", back, forth, generator_pool);
	director_port = make_port("director", forth, back, director_pool);
}

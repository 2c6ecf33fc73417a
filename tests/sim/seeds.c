// Deterministic simulation testing: from each seed a world of its own (cohorts, policies, rates, windows,
// director options, faults of the network, events that befall the real servers), run under a virtual clock
// while the accounts are checked all along. What fails is printed with the command that replays it.
//   seeds FIRST COUNT [EAL arguments behind --]

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "director/director.h"
#include "worker/team.h"

#define START   NS_PER_SEC
#define SENDERS 3

struct rig {
	uint16_t ports[2];
	struct rte_mempool *pools[SENDERS], *control, *frames;
	struct dns_query_set *queries;
};

struct world {
	struct random random;
	struct flow_cohort_options cohorts[3];
	struct address_range ranges[3];
	struct load_profile profile;
	struct worker_team_options options;
	struct director_options director_options;
	struct director_service service;
	struct backend_options backends[4];
	struct scenario scenario;
	struct director *director;
	struct worker_team *team;
	struct stats_snapshot snapshot;
	ns_t timeouts[3];
	char description[256];
};

static double draw(struct world *world, double low, double high)
{
	return low + (high - low) * random_double(&world->random);
}

static bool chance(struct world *world, double share)
{
	return random_double(&world->random) < share;
}

static uint64_t pick(struct world *world, uint64_t low, uint64_t high)
{
	return low + random_below(&world->random, high - low + 1);
}

static void draw_cohorts(struct world *world, double rate)
{
	unsigned count = (unsigned)pick(world, 1, 3);
	struct error error = {0};

	for (unsigned i = 0; i < count; i++) {
		struct flow_cohort_options *cohort = &world->cohorts[i];
		char text[64];

		snprintf(text, sizeof(text), "10.1.%u.1-10.1.%u.%u", i, i, (unsigned)pick(world, 1, 4));
		address_range_parse(text, true, &world->ranges[i], &error);
		*cohort = (struct flow_cohort_options){
		        .share = draw(world, 0.2, 1), .ranges = &world->ranges[i], .range_count = 1};
		snprintf(cohort->name, sizeof(cohort->name), "cohort%u", i);
		snprintf(text, sizeof(text), "2000-%u", (unsigned)pick(world, 2010, 2300));
		flow_ports_parse(&cohort->ports, text, &error);
		cohort->policy.kind = (enum flow_policy)pick(world, 0, FLOW_POLICY_COUNT - 1);
		cohort->policy.reuse_low = (ns_t)draw(world, 1e6, 3e9);
		cohort->policy.reuse_high =
		        cohort->policy.kind == FLOW_POLICY_SWEEP ? cohort->policy.reuse_low * 2 : 0;
		cohort->policy.queries_per_use = (uint32_t)pick(world, 1, 5);
		cohort->queries_in_flight = chance(world, 0.5) ? 0 : (uint32_t)pick(world, 1, 4);
	}
	world->options.cohorts = world->cohorts;
	world->options.cohort_count = count;
	world->options.size_rate = rate;
}

static void draw_director(struct world *world, uint64_t seed)
{
	struct director_options *options = &world->director_options;
	unsigned count = (unsigned)pick(world, 1, 4);

	*options = director_options_default();
	options->ipvs.udp_timeout = (ns_t)draw(world, 1e9, 5e9);
	options->ipvs.expire_nodest_conn = chance(world, 0.5);
	options->ipvs.lazy = options->ipvs.expire_nodest_conn && chance(world, 0.3);
	options->ipvs.conntrack = chance(world, 0.3);
	options->ipvs.hz = chance(world, 0.5) ? 1000 : 100;
	options->ipvs.connections = chance(world, 0.2) ? (uint32_t)pick(world, 16, 200) : 65536;
	options->ipvs.seed = seed;
	world->service = (struct director_service){.port = 53};
	world->service.options.scheduler = (enum ipvs_scheduler)pick(world, 0, IPVS_SCHEDULERS - 1);
	world->service.options.one_packet = chance(world, 0.1);
	world->service.address = world->options.header.destination;
	options->services = &world->service;
	options->service_count = 1;
	for (unsigned i = 0; i < count; i++) {
		struct backend_options *backend = &world->backends[i];
		char text[32];

		*backend = (struct backend_options){.weight = (uint32_t)pick(world, 0, 3) + (i == 0),
		                                    .port = 53};
		snprintf(backend->name, sizeof(backend->name), "pod%u", i);
		snprintf(text, sizeof(text), "10.244.0.%u", i + 1);
		address_parse(text, &backend->address);
		backend->distribution = (enum backend_distribution)pick(world, 0, 2);
		backend->service_time = (ns_t)draw(world, 0, 2e6);
		backend->concurrency = chance(world, 0.3) ? (uint32_t)pick(world, 1, 4) : 0;
		backend->queue = (uint32_t)pick(world, 0, 50);
		backend->loss = chance(world, 0.3) ? draw(world, 0, 0.1) : 0;
	}
	options->backends = world->backends;
	options->backend_count = count;
	options->proxy_neighbours = true;
	options->seed = seed;
	options->pending = 4096;
	memcpy(options->mac, world->options.header.destination_mac, 6);
	if (chance(world, 0.7)) {
		options->faults = (struct director_faults){
		        .loss_in = draw(world, 0, 0.05),
		        .loss_out = draw(world, 0, 0.05),
		        .duplicate_in = draw(world, 0, 0.1),
		        .duplicate_out = draw(world, 0, 0.1),
		        .corrupt_in = draw(world, 0, 0.05),
		        .corrupt_out = draw(world, 0, 0.05),
		        .truncate_out = draw(world, 0, 0.05),
		        .wrong_source_out = draw(world, 0, 0.05),
		        .jitter_in = (ns_t)draw(world, 0, 5e6),
		        .jitter_out = (ns_t)draw(world, 0, chance(world, 0.3) ? 2e9 : 5e6),
		};
	}
}

static void draw_events(struct world *world)
{
	static const enum scenario_kind kinds[] = {SCENARIO_REMOVE,      SCENARIO_DRAIN,
	                                           SCENARIO_KILL,        SCENARIO_CLOSE,
	                                           SCENARIO_VANISH,      SCENARIO_RESTORE,
	                                           SCENARIO_RESTORE,     SCENARIO_LAMEDUCK,
	                                           SCENARIO_SET_TIMEOUT, SCENARIO_SET_EXPIRE_NODEST};
	unsigned count = (unsigned)pick(world, 0, 8);

	for (unsigned i = 0; i < count; i++) {
		struct scenario_event event = {
		        .at = (ns_t)draw(world, 0, 3e9),
		        .kind = kinds[pick(world, 0, sizeof(kinds) / sizeof(kinds[0]) - 1)]};
		struct error error = {0};

		snprintf(event.backend, sizeof(event.backend), "pod%u",
		         (unsigned)pick(world, 0, world->director_options.backend_count - 1));
		event.value = event.kind == SCENARIO_SET_TIMEOUT ? (ns_t)pick(world, 1, 5) * NS_PER_SEC
		                                                 : pick(world, 0, 1);
		if (!scenario_kind_needs_backend(event.kind)) {
			event.backend[0] = '\0';
		}
		scenario_add(&world->scenario, &event, &error);
	}
}

// From a stream of its own, so that all else of a seed's world stays what it was. Replies come to another
// queue than their receiver's, and a ring between receivers may be short of room.
static void draw_receivers(struct world *world, uint64_t seed)
{
	struct random random;

	random_seed(&random, seed, 100);
	world->options.receivers = 1 + (unsigned)random_below(&random, world->options.senders);
	world->options.dispatch_size = random_below(&random, 4) == 0 ? 4 : 1024;
}

static int make_world(struct world *world, const struct rig *rig, uint64_t seed, struct error *error)
{
	double rate;

	memset(world, 0, sizeof(*world));
	random_seed(&world->random, seed, 99);
	rate = draw(world, 100, 4000);
	world->timeouts[0] = (ns_t)draw(world, 1e8, 2e9);
	world->timeouts[1] = world->timeouts[0] / 2;
	world->timeouts[2] = world->timeouts[0] / 4;
	world->options = (struct worker_team_options){
	        .senders = (unsigned)pick(world, 1, SENDERS),
	        .receivers = 1,
	        .queries = rig->queries,
	        .want_nsid = chance(world, 0.5),
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	        .profile = &world->profile,
	        .window = chance(world, 0.3) ? pick(world, 1, 300) : 0,
	        .query_limit = chance(world, 0.2) ? pick(world, 1, 2000) : UINT64_MAX,
	        .timeouts = world->timeouts,
	        .timeout_count = (unsigned)pick(world, 1, 3),
	        .start = START,
	        .duration = (ns_t)draw(world, 5e8, 4e9),
	        .interval = (ns_t)draw(world, 1e7, 1e9),
	        .max_lag = 10 * NS_PER_MS,
	        .patience = 100 * NS_PER_MS,
	        .seed = seed,
	        .port = rig->ports[0],
	        .verify = WORKER_VERIFY_STRICT,
	        .pools = rig->pools,
	        .control_pool = rig->control,
	};
	world->options.receive_queues = SENDERS; // in another order than the model's
	draw_receivers(world, seed);
	address_parse("10.96.0.10", &world->options.header.destination);
	load_profile_constant(&world->profile, rate, NS_NEVER, error);
	draw_cohorts(world, rate);
	draw_director(world, seed);
	draw_events(world);
	if (director_create(&world->director, &world->director_options, rig->frames, error) < 0 ||
	    worker_team_create(&world->team, &world->options, error) < 0 ||
	    stats_snapshot_init(&world->snapshot, &world->team->shape, error) < 0) {
		return error->code;
	}
	return 0;
}

static int check(struct world *world, ns_t now, struct error *error)
{
	worker_team_snapshot(world->team, &world->snapshot, now);
	return stats_snapshot_check(&world->snapshot, worker_team_outstanding(world->team), error);
}

static unsigned step(struct world *world, const struct rig *rig, ns_t now)
{
	const struct scenario_event *event;
	unsigned work = 0;

	while ((event = scenario_pop(&world->scenario, now - START)) != NULL) {
		struct error ignored = {
		        0}; // a server that is gone already can't be removed again: part of the game

		director_apply(world->director, now, event, &ignored);
	}
	for (unsigned i = 0; i < world->team->sender_count; i++) {
		work += worker_sender_step(&world->team->senders[i], now);
	}
	work += director_port_step(world->director, rig->ports[1], (uint16_t)world->team->sender_count, now);
	work += worker_team_receive(world->team, now);
	return work;
}

static ns_t next_time(struct world *world, ns_t now)
{
	ns_t next = worker_team_next_expiry(world->team, now), other = director_next(world->director);

	next = other < next ? other : next;
	for (unsigned i = 0; i < world->team->sender_count; i++) {
		other = worker_sender_next(&world->team->senders[i], now);
		next = other < next ? other : next;
	}
	other = scenario_next_time(&world->scenario);
	if (other != NS_NEVER && START + other < next) {
		next = START + other;
	}
	return next > now ? next : now + NS_PER_US;
}

// Run to the end of sending and of every timeout; the accounts are checked at each `every`-th moment and at
// the end.
static int run_world(struct world *world, const struct rig *rig, struct error *error)
{
	ns_t now = START, end = START + world->options.duration + world->timeouts[0] + NS_PER_SEC;
	unsigned moments = 0;
	int rc = 0;

	while (rc == 0 && now < end) {
		while (step(world, rig, now) > 0) {
		}
		if (moments++ % 256 == 0) {
			rc = check(world, now, error);
		}
		if (worker_team_is_done(world->team) && worker_team_in_flight(world->team) == 0 &&
		    director_next(world->director) == NS_NEVER) {
			break;
		}
		now = next_time(world, now);
	}
	worker_team_finish(world->team);
	if (rc == 0) {
		rc = check(world, now, error);
	}
	if (rc == 0 && world->snapshot.total.outstanding != 0) {
		rc = error_set(error, -EPROTO, "%llu queries are outstanding after every timeout",
		               (unsigned long long)world->snapshot.total.outstanding);
	}
	return rc;
}

static void free_world(struct world *world, const struct rig *rig)
{
	stats_snapshot_release(&world->snapshot);
	worker_team_free(world->team);
	director_destroy(world->director);
	load_profile_free(&world->profile);
	scenario_clear(&world->scenario);
	for (unsigned end = 0; end < 2; end++) {
		for (uint16_t queue = 0; queue < SENDERS; queue++) {
			struct rte_mbuf *mbuf;

			while (rte_eth_rx_burst(rig->ports[end], queue, &mbuf, 1) == 1) {
				rte_pktmbuf_free(mbuf);
			}
		}
	}
}

static uint16_t open_port(const char *name, struct rte_ring **rx, struct rte_ring **tx,
                          struct rte_mempool *pool)
{
	struct rte_eth_conf config = {0};
	int id = rte_eth_from_rings(name, rx, SENDERS, tx, SENDERS, 0);

	if (id < 0 || rte_eth_dev_configure((uint16_t)id, SENDERS, SENDERS, &config) < 0) {
		return UINT16_MAX;
	}
	for (uint16_t i = 0; i < SENDERS; i++) {
		rte_eth_rx_queue_setup((uint16_t)id, i, 1024, 0, NULL, pool);
		rte_eth_tx_queue_setup((uint16_t)id, i, 1024, 0, NULL);
	}
	return rte_eth_dev_start((uint16_t)id) < 0 ? UINT16_MAX : (uint16_t)id;
}

static int make_rig(struct rig *rig, struct error *error)
{
	static const char file[] = "www.example.com A\nwww.example.com AAAA\nexample.com TXT\n";
	struct dns_query_options options = dns_query_options_default();
	struct rte_ring *forth[SENDERS], *back[SENDERS], *turned[SENDERS];
	char name[32];

	options.nsid = true;
	for (unsigned i = 0; i < SENDERS; i++) {
		snprintf(name, sizeof(name), "sender%u", i);
		rig->pools[i] = rte_pktmbuf_pool_create(name, 4095, 0, 0, 1024 + RTE_PKTMBUF_HEADROOM, 0);
		snprintf(name, sizeof(name), "forth%u", i);
		forth[i] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		snprintf(name, sizeof(name), "back%u", i);
		back[i] = rte_ring_create(name, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
	}
	rig->control = rte_pktmbuf_pool_create("control", 255, 0, 0, 1024 + RTE_PKTMBUF_HEADROOM, 0);
	rig->frames = rte_pktmbuf_pool_create("director", 16383, 0, 0, 1600 + RTE_PKTMBUF_HEADROOM, 0);
	if (rig->control == NULL || rig->frames == NULL || rig->pools[SENDERS - 1] == NULL ||
	    back[SENDERS - 1] == NULL) {
		return error_set(error, -ENOMEM, "no memory for the frames");
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		turned[i] = back[(i + 1) % SENDERS];
	}
	rig->ports[0] = open_port("generator", turned, forth, rig->control);
	rig->ports[1] = open_port("model", forth, back, rig->control);
	if (rig->ports[0] == UINT16_MAX || rig->ports[1] == UINT16_MAX) {
		return error_set(error, -ENODEV, "no ring ports");
	}
	return dns_query_set_parse(&rig->queries, "seeds", file, strlen(file), &options, error);
}

int main(int count, char **arguments)
{
	static char program[] = "seeds", huge[] = "--no-huge", shconf[] = "--no-shconf", pci[] = "--no-pci",
	            memory[] = "-m", size[] = "256", lcores[] = "--lcores=0", level[] = "--log-level=*:error",
	            telemetry[] = "--no-telemetry";
	char *eal[] = {program, huge, shconf, pci, memory, size, lcores, level, telemetry, NULL};
	static struct world world;
	struct error error = {0};
	uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
	uint64_t worlds = count > 2 ? strtoull(arguments[2], NULL, 10) : 200;
	uint64_t queries = 0, handed = 0, dropped = 0, failed = 0;
	struct rig rig;

	memset(&rig, 0, sizeof(rig));
	if (rte_eal_init(9, eal) < 0 || make_rig(&rig, &error) < 0) {
		fprintf(stderr, "seeds: DPDK does not start: %s\n", error.text);
		return 2;
	}
	for (uint64_t seed = first; seed < first + worlds; seed++) {
		char text[1024];

		error = (struct error){0};
		if (make_world(&world, &rig, seed, &error) < 0 || run_world(&world, &rig, &error) < 0) {
			error_format(&error, text, sizeof(text));
			printf("seed %llu: %s\n  replay: %s %llu 1\n", (unsigned long long)seed, text,
			       arguments[0], (unsigned long long)seed);
			failed++;
		}
		queries += world.snapshot.total.sent;
		handed += world.snapshot.receiver[STATS_RX_WRONG_QUEUE];
		dropped += world.snapshot.receiver[STATS_DISPATCH_DROPPED];
		free_world(&world, &rig);
	}
	printf("%llu worlds, %llu queries, %llu replies handed over (%llu without room), %llu failed\n",
	       (unsigned long long)worlds, (unsigned long long)queries, (unsigned long long)handed,
	       (unsigned long long)dropped, (unsigned long long)failed);
	return failed == 0 ? 0 : 1;
}

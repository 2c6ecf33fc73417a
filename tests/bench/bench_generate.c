// Tracked queries a second on each TX lcore into net_null, with the RX lcore ending them as lost: the
// generator's own cost, without a NIC. Arguments after EAL's are name=value (see `settings`); one line of
// JSON is printed. scripts/bench runs it side by side with testpmd. Rates are given by the wall clock and by
// the CPU time that the TX threads got: on a machine that others use, only the second says what a query
// costs.

#include <math.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_turn.h"

#define SENDERS_MAX 8
#define COHORTS_MAX 32

// net_null keeps 40 octets a queue, with a count that each burst adds to by a locked instruction: neighbours
// would fight for a cache line, which is nothing that a NIC does. Senders use each fourth queue.
#define QUEUE_DISTANCE 4

#define STEPS 256 // between two looks at the clock of CPU time

// Who receives: the setting `turns`.
enum turns {
	TURNS_NONE,    // a lcore of its own, one for all senders
	TURNS_APART,   // each sender's lcore, now and then, outside of what is measured
	TURNS_COUNTED, // each sender's lcore after each of its steps, measured: a combined lcore
};

struct bench {
	struct bench_clock clock;
	struct worker_team *team;
	_Atomic bool leave;
	_Atomic unsigned warm, done; // senders that are
	unsigned longest_burst[SENDERS_MAX];
	struct bench_span spans[SENDERS_MAX];
	ns_t elapsed[SENDERS_MAX]; // by the wall clock, with what lies between the spans
};

struct sender_task {
	struct bench *bench;
	unsigned number;
};

// What can be set on the command line.
static struct {
	const char *policy, *ports, *addresses, *queries, *rate;
	double seconds, warm, timeout_ms, size_rate;
	unsigned senders, cohorts, lines, turns;
} settings = {
        .policy = "random",
        .ports = "32768-60999",
        .addresses = "10.0.0.1",
        .rate = "max",
        .queries = "fixed",
        .seconds = 1,
        .warm = 0.3,
        .timeout_ms = 20,
        .size_rate = 40e6,
        .senders = 1,
        .cohorts = 1,
        .lines = 1,
};

static const struct bench_setting names[] = {
        {"policy", &settings.policy, NULL, NULL},       {"ports", &settings.ports, NULL, NULL},
        {"addresses", &settings.addresses, NULL, NULL}, {"rate", &settings.rate, NULL, NULL},
        {"queries", &settings.queries, NULL, NULL},     {"seconds", NULL, &settings.seconds, NULL},
        {"warm", NULL, &settings.warm, NULL},           {"timeout_ms", NULL, &settings.timeout_ms, NULL},
        {"size_rate", NULL, &settings.size_rate, NULL}, {"senders", NULL, NULL, &settings.senders},
        {"cohorts", NULL, NULL, &settings.cohorts},     {"lines", NULL, NULL, &settings.lines},
        {"turns", NULL, NULL, &settings.turns},         {NULL, NULL, NULL, NULL},
};

static int receive(void *context)
{
	struct bench *bench = (struct bench *)context;

	while (!atomic_load(&bench->leave)) {
		for (unsigned i = 0; i < bench->team->receiver_count; i++) {
			bench_take_turn(&bench->team->receivers[i], &bench->clock);
		}
	}
	return 0;
}

static unsigned send_some(struct bench *bench, unsigned number)
{
	struct worker_sender *sender = &bench->team->senders[number];
	unsigned longest = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		unsigned burst = worker_sender_step(sender, bench_now(&bench->clock));

		longest = burst > longest ? burst : longest;
		if (settings.turns == TURNS_COUNTED) {
			bench_take_turn(&bench->team->receivers[number], &bench->clock);
		}
	}
	return longest;
}

// Step for so much CPU time, which is added to `span`. Asking for it is a system call, so it is asked now and
// then. Turns that don't count are for machines that can't give TX and RX a CPU each.
static unsigned send_for(struct bench *bench, unsigned number, double seconds, struct bench_span *span)
{
	const struct worker_sender *sender = &bench->team->senders[number];
	ns_t end = (ns_t)(seconds * 1e9);
	unsigned longest = 0;

	while (span->cpu < end) {
		unsigned burst;

		bench_span_begin(span, &bench->clock, sender->sent);
		burst = send_some(bench, number);
		bench_span_end(span, &bench->clock, sender->sent);
		longest = burst > longest ? burst : longest;
		if (settings.turns == TURNS_APART) {
			bench_take_turn(&bench->team->receivers[number], &bench->clock);
		}
	}
	return longest;
}

// All senders send while one is measured: before, until the last is warm, and after, until the last is done.
static int send_queries(void *context)
{
	const struct sender_task *task = (const struct sender_task *)context;
	struct bench *bench = task->bench;
	struct bench_span *span = &bench->spans[task->number], uncounted = {0};
	ns_t start;

	send_for(bench, task->number, settings.warm, &uncounted);
	atomic_fetch_add(&bench->warm, 1);
	while (atomic_load(&bench->warm) < settings.senders) {
		send_for(bench, task->number, 1e-3, &(struct bench_span){0});
	}
	start = bench_now(&bench->clock);
	bench->longest_burst[task->number] = send_for(bench, task->number, settings.seconds, span);
	bench->elapsed[task->number] = bench_now(&bench->clock) - start;
	atomic_fetch_add(&bench->done, 1);
	while (atomic_load(&bench->done) < settings.senders) {
		send_for(bench, task->number, 1e-3, &(struct bench_span){0});
	}
	return 0;
}

static uint16_t open_null(struct rte_mempool *pool, unsigned senders, unsigned receivers)
{
	struct rte_eth_conf config = {0};
	uint16_t port;

	if (rte_dev_probe("net_null0,size=86,no-rx=1") < 0 ||
	    rte_eth_dev_get_port_by_name("net_null0", &port) < 0 ||
	    rte_eth_dev_configure(port, (uint16_t)receivers, (uint16_t)(senders * QUEUE_DISTANCE), &config) <
	            0) {
		return UINT16_MAX;
	}
	for (unsigned i = 0; i < receivers; i++) {
		if (rte_eth_rx_queue_setup(port, (uint16_t)i, 64, 0, NULL, pool) < 0) {
			return UINT16_MAX;
		}
	}
	for (unsigned i = 0; i < senders * QUEUE_DISTANCE; i++) {
		if (rte_eth_tx_queue_setup(port, (uint16_t)i, 512, 0, NULL) < 0) {
			return UINT16_MAX;
		}
	}
	return rte_eth_dev_start(port) < 0 ? UINT16_MAX : port;
}

// "fixed": as many names in a query file as `lines` says; "random", "counting": names made for each query.
static int make_queries(struct dns_query_set **queries, struct error *error)
{
	struct dns_query_options options = dns_query_options_default();
	size_t size = (size_t)settings.lines * 32 + 1, length = 0;
	char *text;
	int rc;

	options.edns = true;
	if (strcmp(settings.queries, "fixed") != 0) {
		return dns_query_set_generate(queries, "example.com", "A",
		                              strcmp(settings.queries, "random") == 0
		                                      ? DNS_GENERATED_RANDOM
		                                      : DNS_GENERATED_COUNTING,
		                              0, 1, &options, error);
	}
	text = (char *)malloc(size);
	if (text == NULL) {
		return error_set(error, -1, "no memory for %u lines", settings.lines);
	}
	for (unsigned i = 0; i < settings.lines; i++) {
		length += (size_t)snprintf(text + length, size - length, "w%07u.example.com A\n", i);
	}
	rc = dns_query_set_parse(queries, "bench", text, length, &options, error);
	free(text);
	return rc;
}

static int make_cohorts(struct flow_cohort_options *cohorts, struct address_range *ranges,
                        struct error *error)
{
	int rc = address_range_parse(settings.addresses, false, &ranges[0], error);

	for (unsigned i = 0; rc == 0 && i < settings.cohorts; i++) {
		// Each cohort has an equal part of the addresses.
		ranges[i].first = address_add(&ranges[0].first, i * (ranges[0].count / settings.cohorts));
		ranges[i].count = i == 0 ? ranges[0].count : ranges[0].count / settings.cohorts;
		cohorts[i] = (struct flow_cohort_options){.share = 1, .range_count = 1, .ranges = &ranges[i]};
		snprintf(cohorts[i].name, sizeof(cohorts[i].name), "cohort%u", i);
		rc = flow_ports_parse(&cohorts[i].ports, settings.ports, error);
		if (rc == 0) {
			rc = flow_policy_parse(settings.policy, &cohorts[i].policy.kind, error);
		}
	}
	ranges[0].count /= settings.cohorts;
	return rc;
}

static void print(const struct bench *bench, const struct worker_team_options *options)
{
	struct stats_snapshot snapshot;
	struct worker_memory memory = {0};
	struct bench_span total = {0};
	double by_wall = 0, by_cpu = 0, share = 1;
	unsigned longest = 0;
	struct error error = {0};

	for (unsigned i = 0; i < settings.senders; i++) {
		const struct bench_span *span = &bench->spans[i];

		total.count += span->count;
		total.cpu += span->cpu;
		total.wall = bench->elapsed[i] > total.wall ? bench->elapsed[i] : total.wall;
		by_wall += (double)span->count * 1e9 / (double)span->wall;
		by_cpu += (double)span->count * 1e9 / (double)span->cpu;
		share = fmin(share, (double)span->cpu / (double)span->wall);
		longest = bench->longest_burst[i] > longest ? bench->longest_burst[i] : longest;
	}
	if (total.count == 0 || total.cpu == 0) {
		error_set(&error, -1,
		          "nothing was sent: the RX lcore got no CPU, or the in-flight table is too small");
		bench_die("bench_generate", &error);
	}
	if (stats_snapshot_init(&snapshot, &bench->team->shape, &error) < 0 ||
	    worker_team_memory(options, &memory, &error) < 0) {
		bench_die("bench_generate", &error);
	}
	worker_team_snapshot(bench->team, &snapshot, bench_now(&bench->clock));
	printf("{\"bench\": \"generate\", \"tuples\": %u, \"queries\": %llu, \"wall_per_second\": %.0f, "
	       "\"cpu_per_second\": %.0f, \"together_per_second\": %.0f, \"together_per_cpu_second\": %.0f, "
	       "\"cpu_share\": %.4f, "
	       "\"wall_ns\": %.2f, \"cpu_ns\": %.2f, \"longest_burst\": %u, \"sent\": %llu, \"lost\": %llu, "
	       "\"throttled_table\": %llu, "
	       "\"throttled_flight\": %llu, \"skipped\": %llu, \"bytes_a_tuple\": %.1f, \"bytes_in_all\": "
	       "%llu}\n",
	       bench->team->space->tuple_count, (unsigned long long)total.count,
	       (double)total.count * 1e9 / (double)total.wall,
	       (double)total.count * 1e9 * settings.senders / (double)total.cpu, by_wall, by_cpu, share,
	       (double)total.wall / (double)total.count, (double)total.cpu / (double)total.count, longest,
	       (unsigned long long)snapshot.total.sent, (unsigned long long)snapshot.total.lost,
	       (unsigned long long)snapshot.sender[STATS_THROTTLED_TABLE],
	       (unsigned long long)snapshot.sender[STATS_THROTTLED_FLIGHT],
	       (unsigned long long)snapshot.sender[STATS_SKIPPED],
	       (double)(memory.space + memory.ledger + memory.pickers) / bench->team->space->tuple_count,
	       (unsigned long long)(memory.space + memory.ledger + memory.pickers + memory.tables +
	                            memory.counters));
	stats_snapshot_release(&snapshot);
}

static void run(struct bench *bench)
{
	struct sender_task tasks[SENDERS_MAX];
	unsigned lcores[SENDERS_MAX + 1], lcore = UINT32_MAX;
	unsigned needed = settings.senders + (settings.turns == TURNS_NONE ? 1 : 0);

	for (unsigned i = 0; i < needed; i++) {
		lcore = rte_get_next_lcore(lcore, 1, 0);
		if (lcore >= RTE_MAX_LCORE) {
			fprintf(stderr,
			        "bench_generate: too few lcores; give the main one, %u TX and %s RX with "
			        "--lcores\n",
			        settings.senders, settings.turns == TURNS_NONE ? "one" : "no");
			exit(2);
		}
		lcores[i] = lcore;
	}
	bench->clock = bench_clock_start();
	if (settings.turns == TURNS_NONE) {
		rte_eal_remote_launch(receive, bench, lcores[settings.senders]);
	}
	for (unsigned i = 0; i < settings.senders; i++) {
		tasks[i] = (struct sender_task){bench, i};
		rte_eal_remote_launch(send_queries, &tasks[i], lcores[i]);
	}
	for (unsigned i = 0; i < settings.senders; i++) {
		while (rte_eal_get_lcore_state(lcores[i]) == RUNNING) {
			usleep(1000); // rte_eal_wait_lcore() spins, on a CPU that others need
		}
	}
	atomic_store(&bench->leave, true);
	rte_eal_mp_wait_lcore();
}

int main(int count, char **arguments)
{
	static struct bench bench;
	static struct flow_cohort_options cohorts[COHORTS_MAX];
	static struct address_range ranges[COHORTS_MAX];
	struct rte_mempool *pools[SENDERS_MAX], *control;
	struct error error = {0};
	struct load_profile profile;
	struct dns_query_set *queries;
	ns_t timeout;
	struct worker_team_options options = {
	        .cohorts = cohorts,
	        .profile = &profile,
	        .query_limit = UINT64_MAX,
	        .timeouts = &timeout,
	        .timeout_count = 1,
	        .start = NS_PER_SEC,
	        .duration = NS_NEVER,
	        .interval = NS_PER_SEC,
	        .max_lag = NS_PER_SEC,
	        .patience = NS_PER_SEC,
	        .seed = 1,
	        .receivers = 1,
	        .receive_queues = 0,
	        .dispatch_size = 1024,
	        .pools = pools,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	};
	int used = rte_eal_init(count, arguments);

	if (used < 0 || bench_settings(names, count - used - 1, arguments + used + 1, &error) < 0) {
		bench_die("bench_generate", &error);
	}
	if (settings.senders < 1 || settings.senders > SENDERS_MAX || settings.cohorts < 1 ||
	    settings.cohorts > COHORTS_MAX || settings.turns > TURNS_COUNTED) {
		error_set(&error, -1, "senders are 1 to %d, cohorts 1 to %d, turns 0 to %d", SENDERS_MAX,
		          COHORTS_MAX, TURNS_COUNTED);
		bench_die("bench_generate", &error);
	}
	if (make_queries(&queries, &error) < 0 || make_cohorts(cohorts, ranges, &error) < 0 ||
	    load_profile_parse(&profile, settings.rate, "", &error) < 0) {
		bench_die("bench_generate", &error);
	}
	address_parse("10.96.0.10", &options.header.destination);
	timeout = (ns_t)(settings.timeout_ms * 1e6);
	options.cohort_count = settings.cohorts;
	options.senders = settings.senders;
	options.size_rate = settings.size_rate;
	if (settings.turns != TURNS_NONE) {
		options.receivers = settings.senders;
		options.receive_queues = (uint16_t)settings.senders;
	}
	options.queries = queries;
	for (unsigned i = 0; i < settings.senders; i++) {
		char name[32];

		snprintf(name, sizeof(name), "frames%u", i);
		pools[i] = rte_pktmbuf_pool_create(name, 2047, 256, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	}
	control = rte_pktmbuf_pool_create("control", 255, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	options.control_pool = control;
	options.port = open_null(control, settings.senders, options.receivers);
	if (options.port == UINT16_MAX) {
		error_set(&error, -1, "net_null does not open: is librte-net-null installed?");
		bench_die("bench_generate", &error);
	}
	if (worker_team_create(&bench.team, &options, &error) < 0) {
		bench_die("bench_generate", &error);
	}
	for (unsigned i = 0; i < settings.senders; i++) {
		bench.team->senders[i].queue = (uint16_t)(i * QUEUE_DISTANCE);
	}
	run(&bench);
	print(&bench, &options);
	return 0;
}

// How evenly one TX lcore sends: it sends over a ring at a rate, and a reader on another CPU polls the ring
// and dates each frame by the TSC. Prints one line of JSON: the rate as the reader saw it, percentiles of the
// gaps between frames as shares of the gap asked for, how far frames were from their place in an even
// schedule, and bursts: the most frames handed over at once, and the most that arrived back to back.
// Arguments after EAL's are name=value (see `settings`). No query is answered; the in-flight table holds all
// of them.

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_ring.h"
#include "worker/team.h"

// As the product's default for max_lag: what is later is skipped, not sent in a burst.
#define MAX_LAG (10 * NS_PER_MS)

struct bench {
	struct bench_clock clock;
	struct bench_rings rings;
	struct worker_team *team;
	uint64_t *stamps; // TSC of each frame's arrival
	uint32_t queries, received;
	unsigned longest_handover;
	ns_t start;                        // the first query is due
	ns_t sender_waited, reader_waited; // for a CPU
};

static struct {
	const char *rate;
	double seconds;
	unsigned queries; // at the most, whatever the rate
} settings = {.rate = "1M", .seconds = 1, .queries = 1 << 25};

static const struct bench_setting names[] = {{"rate", &settings.rate, NULL, NULL},
                                             {"seconds", NULL, &settings.seconds, NULL},
                                             {"queries", NULL, NULL, &settings.queries},
                                             {NULL, NULL, NULL, NULL}};

static int send_queries(void *context)
{
	struct bench *bench = (struct bench *)context;
	struct worker_sender *sender = &bench->team->senders[0];
	ns_t waited = bench_thread_waited();

	while (worker_sender_state(sender) == WORKER_SENDING) {
		unsigned burst = worker_sender_step(sender, bench_now(&bench->clock));

		bench->longest_handover = RTE_MAX(bench->longest_handover, burst);
	}
	bench->sender_waited = bench_thread_waited() - waited;
	return 0;
}

// Until the sender has ended and the ring is empty.
static int read_frames(void *context)
{
	struct bench *bench = (struct bench *)context;
	struct worker_sender *sender = &bench->team->senders[0];
	struct rte_mbuf *frames[WORKER_BURST];
	ns_t waited = bench_thread_waited();
	bool more = true;

	while (more) {
		bool sending = worker_sender_state(sender) == WORKER_SENDING;
		unsigned count =
		        rte_ring_dequeue_burst(bench->rings.forth, (void **)frames, WORKER_BURST, NULL);
		uint64_t stamp = rte_rdtsc();

		for (unsigned i = 0; i < count && bench->received < bench->queries; i++) {
			bench->stamps[bench->received++] = stamp;
		}
		rte_pktmbuf_free_bulk(frames, count);
		more = sending || count > 0;
	}
	bench->reader_waited = bench_thread_waited() - waited;
	return 0;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_percentiles(const char *name, double *values, uint32_t count)
{
	static const double shares[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
	static const char *const labels[] = {"p1", "p10", "p50", "p90", "p99", "p99.9", "max"};

	qsort(values, count, sizeof(*values), ascending);
	printf(", \"%s\": {", name);
	for (unsigned i = 0; i < RTE_DIM(shares); i++) {
		uint32_t place = (uint32_t)(shares[i] * (count - 1));

		printf("%s\"%s\": %.4f", i > 0 ? ", " : "", labels[i], values[place]);
	}
	printf("}");
}

// The longest run of frames with next to nothing between them: a tenth of the gap asked for.
static uint32_t longest_run(const struct bench *bench, double gap, double ns_per_cycle)
{
	uint32_t longest = 0, run = 1;

	for (uint32_t i = 1; i < bench->received; i++) {
		double passed = (double)(bench->stamps[i] - bench->stamps[i - 1]) * ns_per_cycle;

		run = passed < gap / 10 ? run + 1 : 1;
		longest = RTE_MAX(longest, run);
	}
	return longest;
}

static void print(const struct bench *bench, const struct load_profile *profile)
{
	double ns_per_cycle = (double)NS_PER_SEC / (double)rte_get_tsc_hz();
	uint32_t count = bench->received - 1;
	double passed = (double)(bench->stamps[count] - bench->stamps[0]) * ns_per_cycle;
	double achieved = count * 1e9 / passed, peak = load_profile_peak(profile);
	bool paced = strcmp(settings.rate, "max") != 0;
	double gap = 1e9 / (paced ? peak : achieved);
	double *values = (double *)calloc(count, sizeof(*values));
	struct stats_snapshot snapshot;
	struct error error = {0};

	if (values == NULL || stats_snapshot_init(&snapshot, &bench->team->shape, &error) < 0) {
		error_set(&error, -ENOMEM, "no memory for %u gaps", count);
		bench_die("bench_pace", &error);
	}
	worker_team_snapshot(bench->team, &snapshot, bench_now(&bench->clock));
	printf("{\"bench\": \"pace\", \"rate\": \"%s\", \"received\": %u, \"achieved_qps\": %.2f, \"error\": "
	       "%.8f, "
	       "\"skipped\": %llu, \"longest_handover\": %u, \"longest_run\": %u, \"waited_us\": %.1f",
	       settings.rate, bench->received, achieved, paced ? achieved / peak - 1 : 0.0,
	       (unsigned long long)snapshot.sender[STATS_SKIPPED], bench->longest_handover,
	       longest_run(bench, gap, ns_per_cycle),
	       (double)(bench->sender_waited + bench->reader_waited) / 1e3);
	for (uint32_t i = 0; i < count; i++) {
		values[i] = (double)(bench->stamps[i + 1] - bench->stamps[i]) * ns_per_cycle / gap;
	}
	print_percentiles("gap", values, count);
	// Query i is due at start + i x gap, by the clock that the sender has too.
	for (uint32_t i = 0; i < count; i++) {
		ns_t arrived =
		        NS_PER_SEC + fixed_scale(bench->stamps[i] - bench->clock.start, bench->clock.ns);

		values[i] = ((double)(arrived - bench->start) - i * gap) / 1e3;
	}
	print_percentiles("off_schedule_us", values, count);
	printf("}\n");
	free(values);
	stats_snapshot_release(&snapshot);
}

static void run(struct bench *bench)
{
	unsigned reader = rte_get_next_lcore(UINT32_MAX, 1, 0), sender = rte_get_next_lcore(reader, 1, 0);
	struct error error = {0};

	if (reader >= RTE_MAX_LCORE || sender >= RTE_MAX_LCORE) {
		error_set(&error, -EINVAL, "too few lcores; give the main one, a reader and a TX one");
		bench_die("bench_pace", &error);
	}
	rte_eal_remote_launch(read_frames, bench, reader);
	rte_eal_remote_launch(send_queries, bench, sender);
	while (rte_eal_get_lcore_state(sender) == RUNNING || rte_eal_get_lcore_state(reader) == RUNNING) {
		usleep(1000); // rte_eal_wait_lcore() spins, on a CPU that others need
	}
	rte_eal_mp_wait_lcore();
	if (bench->received < 2) {
		error_set(&error, -EIO, "%u frames came; give a higher rate or more seconds",
		          bench->received);
		bench_die("bench_pace", &error);
	}
}

static void check(int rc, const struct error *error)
{
	if (rc < 0) {
		bench_die("bench_pace", error);
	}
}

int main(int count, char **arguments)
{
	static struct bench bench;
	struct address_range range;
	struct flow_cohort_options cohort = {.name = "bench",
	                                     .share = 1,
	                                     .range_count = 1,
	                                     .ranges = &range,
	                                     .policy = {.kind = FLOW_POLICY_RANDOM}};
	struct dns_query_options query_options = dns_query_options_default();
	static const char file[] = "www.example.com A\n";
	struct load_profile profile;
	struct dns_query_set *queries;
	struct rte_mempool *pool, *control;
	ns_t timeout = 400 * NS_PER_SEC; // longer than any run
	struct worker_team_options options = {
	        .cohorts = &cohort,
	        .cohort_count = 1,
	        .senders = 1,
	        .profile = &profile,
	        .timeouts = &timeout,
	        .timeout_count = 1,
	        .duration = NS_NEVER,
	        .interval = NS_PER_SEC,
	        .max_lag = MAX_LAG,
	        .patience = NS_PER_SEC,
	        .seed = 1,
	        .receivers = 1,
	        .receive_queues = 1,
	        .verify = WORKER_VERIFY_OFF,
	        .pools = &pool,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	};
	struct error error = {0};
	int used = rte_eal_init(count, arguments);
	double rate;

	check(used, &error);
	check(bench_settings(names, count - used - 1, arguments + used + 1, &error), &error);
	check(load_profile_parse(&profile, settings.rate, "", &error), &error);
	rate = strcmp(settings.rate, "max") == 0 ? 1e9 : load_profile_peak(&profile);
	bench.queries = (uint32_t)RTE_MIN(rate * settings.seconds + 1, (double)settings.queries);
	bench.stamps = (uint64_t *)calloc(bench.queries, sizeof(*bench.stamps));
	check(bench.stamps == NULL ? error_set(&error, -ENOMEM, "no memory for %u stamps", bench.queries) : 0,
	      &error);
	memset(bench.stamps, 1, bench.queries * sizeof(*bench.stamps)); // their pages are there from now on
	query_options.edns = true;
	check(dns_query_set_parse(&queries, "bench", file, strlen(file), &query_options, &error), &error);
	check(address_range_parse("10.0.0.1", true, &range, &error), &error);
	check(flow_ports_parse(&cohort.ports, "32768-60999", &error), &error);
	check(address_parse("10.96.0.10", &options.header.destination), &error);
	pool = rte_pktmbuf_pool_create("frames", 4095, 256, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	control = rte_pktmbuf_pool_create("control", 255, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	options.control_pool = control;
	options.queries = queries;
	options.query_limit = bench.queries;
	options.size_rate = (double)(bench.queries + 1024) / ns_to_seconds(timeout);
	if (bench_open_rings(&bench.rings, control) < 0) {
		check(error_set(&error, -ENODEV, "net_ring does not open"), &error);
	}
	options.port = bench.rings.port;
	bench.clock = bench_clock_start();
	// Schedules begin when everybody runs, and a gigabyte of tables takes a while.
	bench.start = bench_now(&bench.clock) + NS_PER_SEC / 2 + bench.queries * (ns_t)80;
	options.start = bench.start;
	check(worker_team_create(&bench.team, &options, &error), &error);
	run(&bench);
	print(&bench, &profile);
	return 0;
}

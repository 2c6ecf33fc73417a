// Tracked queries a second on one TX lcore into net_null, with the RX lcore expiring them: the generator's
// own cost. Prints one line of JSON a round; scripts/bench sets it beside testpmd.

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/team.h"

struct bench {
	struct worker_team *team;
	uint64_t start, tsc_hz;
	_Atomic bool leave;
};

static ns_t bench_now(const struct bench *bench)
{
	return NS_PER_SEC + fixed_scale(rte_rdtsc() - bench->start, fixed_ratio(NS_PER_SEC, bench->tsc_hz));
}

static int receive(void *context)
{
	struct bench *bench = (struct bench *)context;

	while (!atomic_load(&bench->leave)) {
		worker_receiver_step(&bench->team->receiver, bench_now(bench));
	}
	return 0;
}

static int die(const struct error *error)
{
	char text[1024];

	error_format(error, text, sizeof(text));
	fprintf(stderr, "bench_generate: %s\n", text);
	return 2;
}

static uint16_t open_null(struct rte_mempool *pool)
{
	struct rte_eth_conf config = {0};
	uint16_t port;

	if (rte_dev_probe("net_null0,size=86") < 0 || rte_eth_dev_get_port_by_name("net_null0", &port) < 0 ||
	    rte_eth_dev_configure(port, 1, 1, &config) < 0 ||
	    rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, pool) < 0 ||
	    rte_eth_tx_queue_setup(port, 0, 512, 0, NULL) < 0 || rte_eth_dev_start(port) < 0) {
		return UINT16_MAX;
	}
	return port;
}

int main(int count, char **arguments)
{
	int used = rte_eal_init(count, arguments);
	const char *policy = count - used > 1 ? arguments[used + 1] : "random";
	const char *ports = count - used > 2 ? arguments[used + 2] : "32768-60999";
	const char *range_text = count - used > 3 ? arguments[used + 3] : "10.0.0.1";
	const char *file = count - used > 4 ? arguments[used + 4] : "www.example.com A\n";
	double seconds = count - used > 5 ? atof(arguments[used + 5]) : 1;
	struct dns_query_options query_options = dns_query_options_default();
	struct flow_cohort_options cohort = {.name = "bench", .share = 1, .range_count = 1};
	struct rte_mempool *pool, *control;
	struct address_range range;
	struct bench bench = {0};
	struct error error = {0};
	struct load_profile profile;
	ns_t timeout = 20 * NS_PER_MS;
	struct worker_team_options options = {
	        .cohorts = &cohort,
	        .cohort_count = 1,
	        .senders = 1,
	        .profile = &profile,
	        .query_limit = UINT64_MAX,
	        .size_rate = 60e6,
	        .timeouts = &timeout,
	        .timeout_count = 1,
	        .start = NS_PER_SEC,
	        .duration = NS_NEVER,
	        .interval = NS_PER_SEC,
	        .max_lag = NS_PER_SEC,
	        .patience = NS_PER_SEC,
	        .seed = 1,
	        .receive_queues = 0,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	};
	struct dns_query_set *queries;
	struct stats_snapshot snapshot;
	uint64_t begin, end;

	query_options.edns = true;
	if (used < 0 ||
	    dns_query_set_parse(&queries, "bench", file, strlen(file), &query_options, &error) < 0 ||
	    address_range_parse(range_text, true, &range, &error) < 0 ||
	    flow_ports_parse(&cohort.ports, ports, &error) < 0 ||
	    flow_policy_parse(policy, &cohort.policy.kind, &error) < 0 ||
	    load_profile_parse(&profile, "max", "", &error) < 0) {
		return die(&error);
	}
	address_parse("10.96.0.10", &options.header.destination);
	cohort.ranges = &range;
	pool = rte_pktmbuf_pool_create("frames", 2047, 256, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	control = rte_pktmbuf_pool_create("control", 255, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	options.pools = &pool;
	options.control_pool = control;
	options.queries = queries;
	options.port = open_null(control);
	if (worker_team_create(&bench.team, &options, &error) < 0 ||
	    stats_snapshot_init(&snapshot, &bench.team->shape, &error) < 0) {
		return die(&error);
	}
	bench.tsc_hz = rte_get_tsc_hz();
	bench.start = rte_rdtsc();
	rte_eal_remote_launch(receive, &bench, rte_get_next_lcore(-1, 1, 0));
	begin = rte_rdtsc();
	end = begin + (uint64_t)(seconds * (double)bench.tsc_hz);
	while (rte_rdtsc() < end) {
		worker_sender_step(&bench.team->senders[0], bench_now(&bench));
	}
	end = rte_rdtsc();
	atomic_store(&bench.leave, true);
	rte_eal_mp_wait_lcore();
	worker_team_snapshot(bench.team, &snapshot, bench_now(&bench));
	printf("{\"queries_per_second\": %.0f, \"sent\": %llu, \"lost\": %llu, \"throttled_table\": %llu, "
	       "\"throttled_flight\": %llu, "
	       "\"cycles_per_query\": %.1f}\n",
	       (double)snapshot.total.sent * (double)bench.tsc_hz / (double)(end - begin),
	       (unsigned long long)snapshot.total.sent, (unsigned long long)snapshot.total.lost,
	       (unsigned long long)snapshot.sender[STATS_THROTTLED_TABLE],
	       (unsigned long long)snapshot.sender[STATS_THROTTLED_FLIGHT],
	       (double)(end - begin) / (double)snapshot.total.sent);
	return 0;
}

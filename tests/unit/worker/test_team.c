// The whole data path but for the lcores: a team sends into a ring port, a scripted peer answers with faults,
// under a virtual clock.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "worker/team.h"

#define START NS_PER_SEC

static struct peer peer;
static uint16_t generator_port;
static struct rte_mempool *pools[4];
static struct rte_mempool *control_pool;

struct run {
	struct worker_team_options options;
	struct flow_cohort_options cohorts[2];
	struct address_range range;
	struct load_profile profile;
	struct dns_query_set *queries;
	struct worker_team *team;
	struct stats_snapshot snapshot;
	ns_t timeouts[2];
	ns_t now;
};

static void must(int rc, const struct error *error)
{
	if (rc < 0) {
		char text[1024];

		error_format(error, text, sizeof(text));
		fail_msg("%s", text);
	}
}

static void run_prepare(struct run *run, unsigned senders, double rate, ns_t duration)
{
	static const char file[] = "www.example.com A\nmail.example.com AAAA\nexample.com TXT\n";
	struct dns_query_options query_options = dns_query_options_default();
	struct error error = {0};

	memset(run, 0, sizeof(*run));
	must(dns_query_set_parse(&run->queries, "test", file, strlen(file), &query_options, &error), &error);
	must(address_range_parse("10.0.0.0/28", true, &run->range, &error), &error);
	run->cohorts[0] = (struct flow_cohort_options){.name = "default",
	                                               .share = 1,
	                                               .ranges = &run->range,
	                                               .range_count = 1,
	                                               .policy = {.kind = FLOW_POLICY_RANDOM}};
	must(flow_ports_parse(&run->cohorts[0].ports, "1024-2047", &error), &error);
	must(load_profile_constant(&run->profile, rate, NS_NEVER, &error), &error);
	run->timeouts[0] = NS_PER_SEC;
	run->timeouts[1] = 500 * NS_PER_MS;
	run->options = (struct worker_team_options){
	        .cohorts = run->cohorts,
	        .cohort_count = 1,
	        .senders = senders,
	        .queries = run->queries,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	        .profile = &run->profile,
	        .query_limit = UINT64_MAX,
	        .size_rate = rate,
	        .timeouts = run->timeouts,
	        .timeout_count = 2,
	        .start = START,
	        .duration = duration,
	        .interval = 100 * NS_PER_MS,
	        .max_lag = 10 * NS_PER_MS,
	        .patience = 100 * NS_PER_MS,
	        .seed = 1,
	        .port = generator_port,
	        .receivers = 1,
	        .receive_queues = (uint16_t)senders,
	        .dispatch_size = 1024,
	        .verify = WORKER_VERIFY_STRICT,
	        .pools = pools,
	        .control_pool = control_pool,
	};
	must(address_parse("10.96.0.10", &run->options.header.destination), &error);
	peer_open(&peer, &generator_port, senders);
	run->now = START;
}

static void run_create(struct run *run)
{
	struct error error = {0};

	must(worker_team_create(&run->team, &run->options, &error), &error);
	must(stats_snapshot_init(&run->snapshot, &run->team->shape, &error), &error);
}

static void check(struct run *run)
{
	struct error error = {0};

	worker_team_snapshot(run->team, &run->snapshot, run->now);
	must(stats_snapshot_check(&run->snapshot, worker_team_outstanding(run->team), &error), &error);
}

static void step(struct run *run)
{
	for (unsigned i = 0; i < run->team->sender_count; i++) {
		worker_sender_step(&run->team->senders[i], run->now);
	}
	peer_step(&peer, run->now);
	worker_team_receive(run->team, run->now);
}

// Run to the end of sending and one timeout of drain, in steps of `quantum`; check the identity every 97
// steps.
static void run_through(struct run *run, ns_t quantum)
{
	unsigned steps = 0;
	ns_t drained = 0;

	while (drained == 0 || run->now < drained) {
		step(run);
		if (steps++ % 97 == 0) {
			check(run);
		}
		if (drained == 0 && worker_team_is_done(run->team)) {
			drained = run->now + run->timeouts[0] + 2 * quantum;
		}
		run->now += quantum;
	}
	worker_team_finish(run->team);
	check(run);
}

static void run_free(struct run *run)
{
	peer_flush(&peer);
	stats_snapshot_release(&run->snapshot);
	worker_team_free(run->team);
	load_profile_free(&run->profile);
	dns_query_set_free(run->queries);
}

static void every_query_to_a_sound_server_is_answered(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 20000, NS_PER_SEC);
	run_create(&run);
	run_through(&run, 20 * NS_PER_US);
	assert_int_equal(run.snapshot.total.sent, 20000);
	assert_int_equal(run.snapshot.total.answered, 20000);
	assert_int_equal(peer.received, 20000);
	assert_int_equal(run.snapshot.total.outstanding, 0);
	assert_int_equal(run.snapshot.rcodes[0], 20000);
	run_free(&run);
}

static void several_senders_share_the_work(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 3, 30000, NS_PER_SEC);
	run_create(&run);
	run_through(&run, 20 * NS_PER_US);
	assert_int_equal(run.snapshot.total.sent, 30000);
	assert_int_equal(run.snapshot.total.answered, 30000);
	run_free(&run);
}

static void a_mute_server_loses_everything_and_nothing_is_outstanding(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 5000, 2 * NS_PER_SEC);
	run_create(&run);
	peer.faults.drop = 1;
	run_through(&run, 50 * NS_PER_US);
	assert_int_equal(run.snapshot.total.sent, 10000);
	assert_int_equal(run.snapshot.total.lost, 10000);
	run_free(&run);
}

static void refusals_are_refusals(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 5000, NS_PER_SEC);
	run_create(&run);
	peer.faults.refuse = 1;
	run_through(&run, 50 * NS_PER_US);
	assert_int_equal(run.snapshot.total.refused, 5000);
	assert_int_equal(run.snapshot.receiver[STATS_REFUSED_PORT], 5000);
	run_free(&run);
}

static void replies_from_elsewhere_answer_nothing(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 5000, NS_PER_SEC);
	run_create(&run);
	peer.faults.wrong_source = 1;
	run_through(&run, 50 * NS_PER_US);
	assert_int_equal(run.snapshot.total.lost, 5000);
	assert_int_equal(run.snapshot.receiver[STATS_WRONG_SOURCE], 5000);
	assert_true(run.snapshot.backend_count >= 1);
	run_free(&run);
}

static void late_replies_do_not_undo_a_loss(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 1000, NS_PER_SEC);
	run_create(&run);
	peer.faults.delay_share = 1;
	peer.faults.delay = 3 * NS_PER_SEC;
	run_through(&run, 50 * NS_PER_US);
	assert_true(run.snapshot.total.late > 0);
	assert_true(run.snapshot.total.late <= run.snapshot.total.lost);
	assert_true(run.snapshot.total.slow[1] > 0);
	run_free(&run);
}

static void any_mixture_of_faults_keeps_the_accounts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct random random;
		struct run run;

		random_seed(&random, seed, 0);
		run_prepare(&run, 1 + (unsigned)random_below(&random, 3),
		            2000 + 18000 * random_double(&random), NS_PER_SEC);
		run.cohorts[0].policy.kind = (enum flow_policy)(random_below(&random, 3));
		run.options.window = random_below(&random, 2) == 0 ? 0 : 50 + random_below(&random, 2000);
		run_create(&run);
		random_seed(&peer.random, seed, 1);
		peer.faults = (struct peer_faults){
		        .drop = 0.2 * random_double(&random),
		        .duplicate = 0.3 * random_double(&random),
		        .delay_share = 0.5 * random_double(&random),
		        .delay = (ns_t)(2e9 * random_double(&random)) + 1,
		        .truncate = 0.1 * random_double(&random),
		        .corrupt = 0.2 * random_double(&random),
		        .spoof = 0.2 * random_double(&random),
		        .wrong_source = 0.1 * random_double(&random),
		        .refuse = 0.1 * random_double(&random),
		        .requestion = 0.1 * random_double(&random),
		};
		run_through(&run, 50 * NS_PER_US);
		assert_int_equal(run.snapshot.total.outstanding, 0);
		assert_int_equal(run.snapshot.total.sent, peer.received);
		run_free(&run);
	}
}

static void a_window_bounds_what_is_in_flight(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 20000, NS_PER_SEC);
	run.options.window = 100;
	run.options.profile = NULL;
	run_create(&run);
	peer.faults.drop = 1;
	for (unsigned i = 0; i < 1000; i++) {
		step(&run);
		run.now += 20 * NS_PER_US;
	}
	check(&run);
	assert_int_equal(run.snapshot.total.sent, 100);
	assert_int_equal(run.snapshot.total.outstanding, 100);
	run_free(&run);
}

static void a_limit_of_queries_ends_the_run(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 2, 20000, NS_NEVER);
	run.options.query_limit = 777;
	run_create(&run);
	run_through(&run, 20 * NS_PER_US);
	assert_int_equal(run.snapshot.total.sent, 777);
	run_free(&run);
}

static void a_full_port_drops_what_never_left_and_says_so(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 1, 100000, 500 * NS_PER_MS);
	run_create(&run);
	for (unsigned i = 0; i < 20000; i++) { // nobody reads the ring: it holds 1023 frames
		worker_sender_step(&run.team->senders[0], run.now);
		worker_team_receive(run.team, run.now);
		run.now += 50 * NS_PER_US;
	}
	check(&run);
	assert_int_equal(run.snapshot.total.sent, 1023);
	assert_true(run.snapshot.sender[STATS_TX_DROPPED] > 0);
	run_free(&run);
}

// The peer answers by any queue, so that most replies come to another receiver than their tuple's.
static void run_with_receivers(struct run *run, unsigned receivers, unsigned dispatch_size)
{
	run_prepare(run, 3, 20000, NS_PER_SEC);
	run->options.receivers = receivers;
	run->options.dispatch_size = dispatch_size;
	run_create(run);
	peer.faults = (struct peer_faults){.drop = 0.05,
	                                   .duplicate = 0.05,
	                                   .delay_share = 0.1,
	                                   .delay = 1500 * NS_PER_MS,
	                                   .corrupt = 0.02,
	                                   .refuse = 0.05};
	run_through(run, 50 * NS_PER_US);
}

static void several_receivers_count_what_one_counts(void **state)
{
	struct run one, several;

	(void)state;
	run_with_receivers(&one, 1, 0);
	assert_int_equal(one.snapshot.receiver[STATS_RX_WRONG_QUEUE], 0);
	worker_team_free(one.team); // rings have names, one a process
	one.team = NULL;
	for (unsigned receivers = 2; receivers <= 3; receivers++) {
		run_with_receivers(&several, receivers, 1024);
		assert_true(several.snapshot.receiver[STATS_RX_WRONG_QUEUE] > 1000);
		several.snapshot.receiver[STATS_RX_WRONG_QUEUE] = 0;
		assert_memory_equal(several.snapshot.receiver, one.snapshot.receiver,
		                    sizeof(one.snapshot.receiver));
		assert_memory_equal(several.snapshot.sender, one.snapshot.sender,
		                    sizeof(one.snapshot.sender));
		assert_memory_equal(&several.snapshot.total, &one.snapshot.total, sizeof(one.snapshot.total));
		assert_memory_equal(several.snapshot.latency, one.snapshot.latency,
		                    sizeof(*one.snapshot.latency));
		run_free(&several);
	}
	run_free(&one);
}

static void a_frame_without_room_on_its_way_is_counted_as_our_own_loss(void **state)
{
	struct run run;

	(void)state;
	run_prepare(&run, 3, 300000, 100 * NS_PER_MS);
	run.options.receivers = 3;
	run.options.dispatch_size = 1;
	run_create(&run);
	run_through(&run, 100 * NS_PER_US);
	assert_true(run.snapshot.receiver[STATS_DISPATCH_DROPPED] > 0);
	assert_int_equal(run.snapshot.total.lost, run.snapshot.receiver[STATS_DISPATCH_DROPPED]);
	assert_int_equal(peer.answered, run.snapshot.total.answered + run.snapshot.total.lost);
	run_free(&run);
}

static void no_query_is_lost_while_its_answer_may_lie_with_another_receiver(void **state)
{
	struct rte_mbuf *frames[WORKER_RECEIVE_BURST];
	struct worker_receiver *receivers;
	struct run run;
	ns_t horizon;
	bool more = false;
	unsigned count;

	(void)state;
	run_prepare(&run, 2, 1000, 10 * NS_PER_MS);
	run.options.receivers = 2;
	run_create(&run);
	receivers = run.team->receivers;
	for (; !worker_team_is_done(run.team); run.now += 50 * NS_PER_US) {
		for (unsigned i = 0; i < 2; i++) {
			worker_sender_step(&run.team->senders[i], run.now);
		}
		peer_step(&peer, run.now);
	}
	assert_int_equal(worker_receiver_horizon(&receivers[0], run.now), 0);
	// The first receiver stalls with answers in its queues; the other's clock goes on past the timeout.
	worker_receiver_drained(&receivers[0], run.now);
	for (ns_t now = run.now; now < run.now + 2 * run.timeouts[0]; now += 100 * NS_PER_MS) {
		count = worker_receiver_poll(&receivers[1], 0, frames);
		worker_receiver_handle(&receivers[1], frames, count, now);
		worker_receiver_drained(&receivers[1], now);
		horizon = worker_receiver_horizon(&receivers[1], now);
		assert_true(horizon == 0 || horizon == run.now);
		worker_receiver_take(&receivers[1], &more);
		if (horizon > 0) {
			worker_receiver_expire(&receivers[1], horizon);
		}
	}
	run.now += 2 * run.timeouts[0];
	// It goes on, and its answers are ones of before the timeout for all that it knows.
	count = worker_receiver_poll(&receivers[0], 0, frames);
	assert_true(count > 0);
	worker_receiver_handle(&receivers[0], frames, count, run.now);
	worker_receiver_drained(&receivers[0], run.now);
	assert_int_equal(worker_receiver_horizon(&receivers[1], run.now), run.now);
	worker_team_receive(run.team, run.now);
	worker_team_finish(run.team);
	check(&run);
	assert_int_equal(run.snapshot.total.lost, 0);
	assert_int_equal(run.snapshot.total.answered, run.snapshot.total.sent);
	run_free(&run);
}

static int start(void **state)
{
	static char program[] = "test", huge[] = "--no-huge", shconf[] = "--no-shconf", pci[] = "--no-pci",
	            memory[] = "-m", size[] = "256", prefix[] = "--file-prefix=test-team",
	            lcores[] = "--lcores=0", level[] = "--log-level=*:error";
	char *arguments[] = {program, huge, shconf, pci, memory, size, prefix, lcores, level, NULL};

	(void)state;
	if (rte_eal_init(9, arguments) < 0) {
		return -1;
	}
	for (unsigned i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "frames%u", i);
		pools[i] = rte_pktmbuf_pool_create(name, 4095, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	}
	control_pool = rte_pktmbuf_pool_create("control", 255, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	peer_open(&peer, &generator_port, 1);
	return control_pool != NULL && pools[3] != NULL ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_query_to_a_sound_server_is_answered),
	        cmocka_unit_test(several_senders_share_the_work),
	        cmocka_unit_test(a_mute_server_loses_everything_and_nothing_is_outstanding),
	        cmocka_unit_test(refusals_are_refusals),
	        cmocka_unit_test(replies_from_elsewhere_answer_nothing),
	        cmocka_unit_test(late_replies_do_not_undo_a_loss),
	        cmocka_unit_test(any_mixture_of_faults_keeps_the_accounts),
	        cmocka_unit_test(a_window_bounds_what_is_in_flight),
	        cmocka_unit_test(a_limit_of_queries_ends_the_run),
	        cmocka_unit_test(a_full_port_drops_what_never_left_and_says_so),
	        cmocka_unit_test(several_receivers_count_what_one_counts),
	        cmocka_unit_test(a_frame_without_room_on_its_way_is_counted_as_our_own_loss),
	        cmocka_unit_test(no_query_is_lost_while_its_answer_may_lie_with_another_receiver),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}

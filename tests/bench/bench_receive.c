// Replies a second that one RX lcore takes: from frame to outcome, as the number of queries in flight grows.
// A sender fills its in-flight table over a ring; replies to what it sent come back, and the receiver's steps
// are timed, by the CPU time of the thread. The order is "sequential" (tuples go round, replies come in the
// order of sending), "random" (tuples at random, replies in the order of sending) or "shuffled" (any query of
// those in flight may be answered next, however long ago it was sent). Prints one line of JSON; the arguments
// are name=value.

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_ring.h"
#include "bench_turn.h"

#define BATCH  512 // frames between two looks at the clock of CPU time
#define DEPTH  4   // queries in flight on a tuple, about
#define ROUNDS 99

// What comes back for a query that was sent.
struct expected {
	uint32_t address; // network order
	uint16_t port, id;
};

struct bench {
	struct bench_clock clock;
	struct worker_team *team;
	struct bench_rings rings;
	struct rte_mempool *replies;
	struct expected *expected; // one a query in flight, a ring in the order of sending
	uint32_t count, next;
};

static struct {
	const char *order;
	unsigned in_flight_log2, replies, rounds;
} settings = {.order = "random", .in_flight_log2 = 20, .replies = 1 << 16, .rounds = 7};

static const struct bench_setting names[] = {
        {"order", &settings.order, NULL, NULL},
        {"in_flight_log2", NULL, NULL, &settings.in_flight_log2},
        {"replies", NULL, NULL, &settings.replies},
        {"rounds", NULL, NULL, &settings.rounds},
        {NULL, NULL, NULL, NULL},
};

static void note(struct expected *expected, const struct rte_mbuf *frame)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(frame, const uint8_t *);

	memcpy(&expected->address, bytes + 26, sizeof(expected->address));
	memcpy(&expected->port, bytes + 34, sizeof(expected->port));
	memcpy(&expected->id, bytes + 42, sizeof(expected->id));
}

// Send queries into the places from `place` on.
static void fill(struct bench *bench, uint32_t place, uint32_t queries)
{
	struct rte_mbuf *frames[WORKER_BURST];

	for (unsigned idle = 0; queries > 0;) {
		unsigned sent = worker_sender_step(&bench->team->senders[0], bench_now(&bench->clock));

		sent = rte_ring_dequeue_burst(bench->rings.forth, (void **)frames, WORKER_BURST, NULL);
		idle = sent > 0 ? 0 : idle + 1;
		if (idle > 1000) {
			// The oldest unanswered query holds all FIFO entries after its own.
			fprintf(stderr,
			        "bench_receive: the in-flight table is full; use fewer rounds or replies\n");
			exit(1);
		}
		for (unsigned i = 0; i < sent; i++) {
			note(&bench->expected[(place + i) & (bench->count - 1)], frames[i]);
		}
		rte_pktmbuf_free_bulk(frames, sent);
		place += sent;
		queries -= sent < queries ? sent : queries;
	}
}

// Make the query's frame its reply, but for the checksum, which the receiver is told not to look at.
static void make_reply(struct rte_mbuf *frame, const uint8_t *model, uint16_t length,
                       const struct expected *expected)
{
	uint8_t *bytes;

	rte_pktmbuf_reset(frame);
	bytes = rte_pktmbuf_mtod(frame, uint8_t *);
	memcpy(bytes, model, length);
	memcpy(bytes + 30, &expected->address, sizeof(expected->address));
	memcpy(bytes + 36, &expected->port, sizeof(expected->port));
	memcpy(bytes + 42, &expected->id, sizeof(expected->id));
	frame->data_len = length;
	frame->pkt_len = length;
}

static uint16_t make_model(const struct bench *bench, uint8_t *model)
{
	const struct packet_header *header = &bench->team->header;
	const struct dns_query *query = &bench->team->receivers[0].queries->queries[0];
	const struct packet_payload payload = {
	        .wire = query->wire, .length = query->length, .sum = query->sum};
	const struct packet_source source = packet_source_ipv4(0, 0);

	packet_craft(model, header, &source, &payload, 0);
	memcpy(model + 26, bench->team->receivers[0].service.bytes, 4);
	packet_write16(model + 34, bench->team->receivers[0].service_port);
	model[44] |= 0x80; // QR
	memcpy(model + 6, model, 6);
	memcpy(model, bench->team->receivers[0].mac, sizeof(bench->team->receivers[0].mac));
	return (uint16_t)(header->length + query->length);
}

// Exchange each of `queries` places from `place` on with any other.
static void shuffle(struct bench *bench, uint32_t place, uint32_t queries, struct random *random)
{
	for (uint32_t i = 0; i < queries; i++) {
		struct expected *one = &bench->expected[(place + i) & (bench->count - 1)];
		struct expected *other = &bench->expected[random_below(random, bench->count)];
		struct expected kept = *one;

		*one = *other;
		*other = kept;
	}
}

// One round of replies; returns ns a reply.
static double take_replies(struct bench *bench, const uint8_t *model, uint16_t length)
{
	struct rte_mbuf *frames[BATCH];
	struct bench_span span = {0};

	for (uint32_t done = 0; done < settings.replies; done += BATCH) {
		if (rte_mempool_get_bulk(bench->replies, (void **)frames, BATCH) != 0) {
			fprintf(stderr, "bench_receive: no frames left\n");
			exit(1);
		}
		for (unsigned i = 0; i < BATCH; i++) {
			make_reply(frames[i], model, length,
			           &bench->expected[(bench->next + done + i) & (bench->count - 1)]);
		}
		rte_ring_enqueue_bulk(bench->rings.back, (void **)frames, BATCH, NULL);
		bench_span_begin(&span, &bench->clock, done);
		while (bench_take_turn(&bench->team->receivers[0], &bench->clock) > 0) {
		}
		bench_span_end(&span, &bench->clock, done + BATCH);
	}
	return (double)span.cpu / (double)span.count;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void run(struct bench *bench, struct random *random)
{
	double ns[ROUNDS];
	uint8_t model[256];
	uint16_t length = make_model(bench, model);
	bool is_shuffled = strcmp(settings.order, "shuffled") == 0;
	const struct match_table *table = &bench->team->tables[0];
	struct stats_snapshot snapshot;
	struct error error = {0};

	fill(bench, 0, bench->count);
	if (is_shuffled) {
		shuffle(bench, 0, bench->count, random);
	}
	for (unsigned round = 0; round <= settings.rounds; round++) { // the first warms up
		ns[round > 0 ? round - 1 : 0] = take_replies(bench, model, length);
		fill(bench, bench->next, settings.replies);
		if (is_shuffled) {
			shuffle(bench, bench->next, settings.replies, random);
		}
		bench->next = (bench->next + settings.replies) & (bench->count - 1);
	}
	qsort(ns, settings.rounds, sizeof(*ns), ascending);
	if (stats_snapshot_init(&snapshot, &bench->team->shape, &error) < 0) {
		bench_die("bench_receive", &error);
	}
	worker_team_snapshot(bench->team, &snapshot, bench_now(&bench->clock));
	printf("{\"bench\": \"receive\", \"order\": \"%s\", \"in_flight\": %u, \"rounds\": %u, \"cpu_ns\": "
	       "%.2f, \"fastest_ns\": %.2f, "
	       "\"slowest_ns\": %.2f, \"replies_per_cpu_second\": %.0f, \"answered\": %llu, \"lost\": %llu, "
	       "\"bytes_a_query\": %.1f}\n",
	       settings.order, bench->count, settings.rounds, ns[settings.rounds / 2], ns[0],
	       ns[settings.rounds - 1], 1e9 / ns[settings.rounds / 2],
	       (unsigned long long)snapshot.total.answered, (unsigned long long)snapshot.total.lost,
	       (double)match_table_memory(table->tuple_count, UINT32_C(1) << table->depth_shift,
	                                  table->log_mask + 1, false) /
	               bench->count);
	if (snapshot.total.answered != (uint64_t)settings.replies * (settings.rounds + 1)) {
		fprintf(stderr, "bench_receive: not every reply was an answer\n");
		exit(1);
	}
	stats_snapshot_release(&snapshot);
}

static void check(int rc, const struct error *error)
{
	if (rc < 0) {
		bench_die("bench_receive", error);
	}
}

int main(int count, char **arguments)
{
	static struct bench bench;
	struct flow_cohort_options cohort = {
	        .name = "bench", .share = 1, .range_count = 1, .policy = {.kind = FLOW_POLICY_SEQUENTIAL}};
	struct dns_query_options query_options = dns_query_options_default();
	static const char file[] = "www.example.com A\n";
	struct error error = {0};
	struct address_range range;
	struct load_profile profile;
	struct dns_query_set *queries;
	struct rte_mempool *pool, *control;
	struct random random;
	uint32_t tuples;
	ns_t timeout = 400 * NS_PER_SEC;
	struct worker_team_options options = {
	        .cohorts = &cohort,
	        .cohort_count = 1,
	        .senders = 1,
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
	        .receive_queues = 1,
	        .verify = WORKER_VERIFY_OFF,
	        .pools = &pool,
	        .header = {.source_mac = {2, 0, 0, 0, 0, 1},
	                   .destination_mac = {2, 0, 0, 0, 0, 2},
	                   .vlan = PACKET_VLAN_NONE,
	                   .destination_port = 53},
	};
	int used = rte_eal_init(count, arguments);

	check(used, &error);
	check(bench_settings(names, count - used - 1, arguments + used + 1, &error), &error);
	if (settings.in_flight_log2 < 16 || settings.in_flight_log2 > 24 || settings.replies % BATCH != 0 ||
	    settings.replies > UINT32_C(1) << settings.in_flight_log2 || settings.rounds < 1 ||
	    settings.rounds > ROUNDS) {
		check(error_set(&error, -EINVAL,
		                "in_flight_log2 is 16 to 24, replies a multiple of %d up to that, rounds 1 "
		                "to %d",
		                BATCH, ROUNDS),
		      &error);
	}
	if (strcmp(settings.order, "random") == 0) {
		cohort.policy.kind = FLOW_POLICY_RANDOM;
	} else if (strcmp(settings.order, "sequential") != 0 && strcmp(settings.order, "shuffled") != 0) {
		check(error_set(&error, -EINVAL, "order is sequential, random or shuffled"), &error);
	}
	bench.count = UINT32_C(1) << settings.in_flight_log2;
	tuples = bench.count / DEPTH;
	query_options.edns = true;
	check(dns_query_set_parse(&queries, "bench", file, strlen(file), &query_options, &error), &error);
	check(address_range_parse("10.0.0.1", true, &range, &error), &error);
	range.count = tuples > 16384 ? tuples / 16384 : 1;
	check(flow_ports_add(&cohort.ports, 32768, 32768 + 16383, &error), &error);
	check(load_profile_parse(&profile, "max", "", &error), &error);
	check(address_parse("10.96.0.10", &options.header.destination), &error);
	cohort.ranges = &range;
	pool = rte_pktmbuf_pool_create("frames", 2047, 256, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	bench.replies = rte_pktmbuf_pool_create("replies", 2047, 256, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	control = rte_pktmbuf_pool_create("control", 255, 0, 0, 512 + RTE_PKTMBUF_HEADROOM, 0);
	options.control_pool = control;
	options.queries = queries;
	options.size_rate = (double)(bench.count + settings.replies) / ns_to_seconds(timeout);
	if (bench_open_rings(&bench.rings, control) < 0) {
		check(error_set(&error, -ENODEV, "net_ring does not open"), &error);
	}
	options.port = bench.rings.port;
	check(worker_team_create(&bench.team, &options, &error), &error);
	bench.expected = (struct expected *)calloc(bench.count, sizeof(*bench.expected));
	if (bench.expected == NULL) {
		check(error_set(&error, -ENOMEM, "no memory for %u queries", bench.count), &error);
	}
	random_seed(&random, 1, 0);
	bench.clock = bench_clock_start();
	run(&bench, &random);
	return 0;
}

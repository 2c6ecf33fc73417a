#include "runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *rcode_name(uint16_t rcode, char *buffer)
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN"};

	if (rcode < 4) {
		return names[rcode];
	}
	snprintf(buffer, REPORT_RCODE_TEXT_SIZE, "RCODE%u", rcode);
	return buffer;
}

void run_init(struct run *run, unsigned cohorts, const ns_t *timeouts, unsigned timeout_count,
              unsigned seconds)
{
	static const struct report_cohort all[RUN_COHORTS] = {
	        {.name = "reuse", .policy = "linux", .tuples = 28232},
	        {.name = "fresh", .policy = "fresh", .control = true, .tuples = 64512},
	        {.name = "sweep", .policy = "sweep"},
	};
	struct error error = {0};

	memset(run, 0, sizeof(*run));
	assert_int_equal(stats_shape_init(&run->shape, cohorts, timeouts, timeout_count, RUN_START,
	                                  NS_PER_SEC, seconds * NS_PER_SEC, &error),
	                 0);
	assert_int_equal(stats_sender_init(&run->sender, &run->shape, &error), 0);
	assert_int_equal(stats_receiver_init(&run->receiver, &run->shape, &error), 0);
	assert_int_equal(stats_snapshot_init(&run->snapshot, &run->shape, &error), 0);
	memcpy(run->cohorts, all, sizeof(all));
	run->plan = (struct report_plan){
	        .name = "example",
	        .json = "{\"name\":\"example\",\"seed\":1}",
	        .digest = UINT64_C(0x0123456789abcdef),
	        .timeouts = timeouts,
	        .cohorts = run->cohorts,
	};
	run->input = (struct report_input){
	        .plan = &run->plan,
	        .snapshot = &run->snapshot,
	        .wall_start_ns = UINT64_C(1700000000000000000),
	        .elapsed = (seconds + 5) * NS_PER_SEC,
	        .sending = seconds * NS_PER_SEC,
	        .header_octets = RUN_HEADER_OCTETS,
	        .rcode_name = rcode_name,
	        .box = {.lcores = 3,
	                .cpus = 3,
	                .senders = 1,
	                .receivers = 1,
	                .driver = "net_af_packet",
	                .device = "eth1"},
	};
}

static void end_one(struct run *run, unsigned cohort, unsigned class, ns_t sent_at, enum run_outcome outcome,
                    ns_t latency)
{
	struct stats_receiver *receiver = &run->receiver;

	switch (outcome) {
	case RUN_ANSWERED:
		stats_count_answered(receiver, cohort, class, sent_at, latency);
		stats_count_rcode(receiver, 0);
		stats_add(&receiver->counters[STATS_RECEIVED], 1);
		stats_add(&receiver->counters[STATS_REPLY_BYTES], RUN_QUERY_OCTETS + 16);
		break;
	case RUN_REFUSED:
		stats_count_refused(receiver, cohort, class, sent_at, latency);
		stats_add(&receiver->counters[STATS_REFUSED_PORT], 1);
		break;
	case RUN_LATE:
		stats_count_lost(receiver, cohort, class, sent_at);
		stats_count_late(receiver, cohort, class, sent_at);
		break;
	case RUN_LOST:
		stats_count_lost(receiver, cohort, class, sent_at);
		break;
	case RUN_OUTSTANDING:
		run->in_flight++;
		break;
	}
}

void run_send(struct run *run, uint64_t count, unsigned cohort, ns_t age, ns_t at, enum run_outcome outcome,
              ns_t latency)
{
	unsigned class = age == RUN_FIRST_USE ? STATS_AGE_FIRST : stats_age_class(age);
	ns_t sent_at = RUN_START + at;

	for (uint64_t i = 0; i < count; i++) {
		stats_count_sent(&run->sender, cohort, class, stats_interval(&run->shape, sent_at));
		stats_add(&run->sender.counters[STATS_SENT], 1);
		stats_add(&run->sender.counters[STATS_SENT_BYTES], RUN_HEADER_OCTETS + RUN_QUERY_OCTETS);
		stats_histogram_add(&run->sender.pacing, 2000 + 10 * (i % 100));
		end_one(run, cohort, class, sent_at, outcome, latency);
	}
}

void run_take(struct run *run, ns_t now, bool settled)
{
	const struct stats_sender *senders[] = {&run->sender};
	const struct stats_receiver *receivers[] = {&run->receiver};

	stats_snapshot_take(&run->snapshot, senders, 1, receivers, 1, RUN_START + now);
	run->input.in_flight = settled ? run->in_flight : UINT64_MAX;
}

void run_release(struct run *run)
{
	stats_sender_release(&run->sender);
	stats_receiver_release(&run->receiver);
	stats_snapshot_release(&run->snapshot);
}

// ---- Examples

static const ns_t one_timeout[] = {5 * NS_PER_SEC};
static const ns_t three_timeouts[] = {500 * NS_PER_MS, 1000 * NS_PER_MS, 100 * NS_PER_MS};

void run_zero(struct run *run)
{
	run_init(run, 1, one_timeout, 1, 10);
	run->input.sending = 0;
	run->input.elapsed = 0;
	run_take(run, 0, true);
}

void run_all_answered(struct run *run)
{
	run_init(run, 1, one_timeout, 1, 4);
	run->plan.histogram = true;
	run->input.requested_qps = 50;
	for (unsigned i = 0; i < 4; i++) {
		run_send(run, 30, 0, RUN_FIRST_USE, i * NS_PER_SEC, RUN_ANSWERED, 200 * NS_PER_US);
		run_send(run, 19, 0, 3 * NS_PER_SEC, i * NS_PER_SEC, RUN_ANSWERED, 1500 * NS_PER_US);
		run_send(run, 1, 0, 3 * NS_PER_SEC, i * NS_PER_SEC, RUN_ANSWERED, (12 + i) * NS_PER_MS);
	}
	run_take(run, 9 * NS_PER_SEC, true);
}

void run_all_lost(struct run *run)
{
	run_init(run, 1, one_timeout, 1, 2);
	run_send(run, 10, 0, 200 * NS_PER_MS, 0, RUN_LOST, 0);
	run_send(run, 7, 0, 200 * NS_PER_MS, NS_PER_SEC, RUN_LOST, 0);
	run_take(run, 7 * NS_PER_SEC, true);
}

void run_several_timeouts(struct run *run)
{
	run_init(run, 1, three_timeouts, 3, 2);
	run->input.requested_qps = 500.5;
	run_send(run, 880, 0, 10 * NS_PER_SEC, 0, RUN_ANSWERED, 400 * NS_PER_US);
	run_send(run, 60, 0, 10 * NS_PER_SEC, 0, RUN_ANSWERED, 200 * NS_PER_MS);
	run_send(run, 30, 0, 10 * NS_PER_SEC, NS_PER_SEC, RUN_ANSWERED, 700 * NS_PER_MS);
	run_send(run, 5, 0, 10 * NS_PER_SEC, NS_PER_SEC, RUN_REFUSED, 600 * NS_PER_MS);
	run_send(run, 15, 0, 10 * NS_PER_SEC, NS_PER_SEC, RUN_LOST, 0);
	run_send(run, 10, 0, 10 * NS_PER_SEC, NS_PER_SEC, RUN_LATE, 0);
	run_take(run, 4 * NS_PER_SEC, true);
}

void run_interrupted(struct run *run)
{
	run_init(run, 1, one_timeout, 1, 60);
	run->input.interrupted = true;
	run->input.sending = 1999444000;
	run->input.elapsed = 1999444000;
	run_send(run, 18, 0, RUN_FIRST_USE, 0, RUN_ANSWERED, 166 * NS_PER_US);
	run_send(run, 2, 0, RUN_FIRST_USE, NS_PER_SEC, RUN_OUTSTANDING, 0);
	run_take(run, 2 * NS_PER_SEC, true);
}

static void count_backend(struct run *run, const char *name, uint64_t answered, uint64_t lost, ns_t at)
{
	uint16_t number = stats_backend_find(&run->receiver, (const uint8_t *)name, strlen(name), false,
	                                     RUN_START + at);

	stats_add(&run->receiver.backends[number].answered, answered);
	stats_add(&run->receiver.backends[number].lost, lost);
}

static void rollout_backends(struct run *run)
{
	static const uint8_t address[4] = {10, 244, 1, 7};
	uint16_t number;

	count_backend(run, "coredns-a", 9000, 1080, 0);
	count_backend(run, "coredns-a", 0, 0, 30 * NS_PER_SEC);
	count_backend(run, "coredns-b", 33120, 0, 0);
	count_backend(run, "coredns-b", 0, 0, 90 * NS_PER_SEC);
	number = stats_backend_find(&run->receiver, address, 4, true, RUN_START + 31 * NS_PER_SEC);
	stats_add(&run->receiver.backends[number].wrong_source, 12);
	stats_add(&run->receiver.counters[STATS_WRONG_SOURCE], 12);
}

void run_rollout(struct run *run)
{
	static char printed[] = "deployment.apps/coredns restarted\n";
	static const struct scenario_record records[] = {
	        {.planned_at = 5 * NS_PER_SEC,
	         .done_at = 5 * NS_PER_SEC + 120 * NS_PER_US,
	         .kind = SCENARIO_EXEC,
	         .text = "kubectl rollout restart",
	         .exit_code = 1,
	         .output = printed},
	        {.planned_at = 30 * NS_PER_SEC,
	         .done_at = 30 * NS_PER_SEC,
	         .kind = SCENARIO_REMOVE,
	         .text = "remove coredns-a"},
	        {.planned_at = 95 * NS_PER_SEC,
	         .done_at = 95 * NS_PER_SEC,
	         .kind = SCENARIO_MARK,
	         .text = "end"},
	};
	static const struct report_count director[] = {{"connections", 28232},
	                                               {"dropped_no_destination", 1080}};

	run_init(run, RUN_COHORTS, three_timeouts, 3, 90);
	run->plan.description = "a server is removed while its entries live";
	run->input.requested_qps = 500;
	run->input.simulated = true;
	run->input.wall_start_ns = 0;
	run->input.records = records;
	run->input.record_count = 3;
	run->input.director = director;
	run->input.director_count = 2;
	run->input.box.oversubscribed = true;
	run->input.box.cpus = 2;
	run->input.box.port_counters_known = true;
	run->input.box.port_tx_packets = 44990;
	run->input.box.port_rx_missed = 3;
	for (unsigned i = 0; i < 90; i++) {
		ns_t at = i * NS_PER_SEC + NS_PER_MS;
		unsigned lost = i >= 30 && i < 48 ? 60 : 0;

		run_send(run, 200, 1, RUN_FIRST_USE, at, RUN_ANSWERED, 300 * NS_PER_US);
		run_send(run, 290 - lost, 0, 60 * NS_PER_SEC, at, RUN_ANSWERED, 320 * NS_PER_US);
		run_send(run, lost, 0, 60 * NS_PER_SEC, at, RUN_LOST, 0);
		run_send(run, 10, 2, (20 + i * 4) * NS_PER_SEC, at, i == 31 ? RUN_REFUSED : RUN_ANSWERED,
		         900 * NS_PER_US);
	}
	rollout_backends(run);
	run->sender.counters[STATS_TX_DROPPED] = 4;
	run->sender.counters[STATS_THROTTLED_FLIGHT] = 17;
	run->receiver.counters[STATS_DUPLICATE] = 2;
	run_take(run, 95 * NS_PER_SEC, true);
}

void run_contradicting(struct run *run)
{
	run_init(run, 1, one_timeout, 1, 1);
	run_send(run, 3, 0, RUN_FIRST_USE, 0, RUN_ANSWERED, NS_PER_MS);
	run_take(run, NS_PER_SEC, true);
	run->input.in_flight = 1;
}

const struct run_example run_examples[] = {
        {"zero", run_zero},
        {"all_answered", run_all_answered},
        {"all_lost", run_all_lost},
        {"several_timeouts", run_several_timeouts},
        {"interrupted", run_interrupted},
        {"rollout", run_rollout},
        {"contradicting", run_contradicting},
        {NULL, NULL},
};

// ---- Writing

void written_open(struct written *written)
{
	written->text = NULL;
	written->file = open_memstream(&written->text, &written->size);
	assert_non_null(written->file);
}

char *written_close(struct written *written)
{
	assert_int_equal(fclose(written->file), 0);
	return written->text;
}

char *read_golden(const char *name, const char *now)
{
	char path[512], *text;
	FILE *file;
	long size;

	snprintf(path, sizeof(path), "%s/%s", REPORT_GOLDEN, name);
	if (getenv("STALEFLOW_UPDATE_GOLDEN") != NULL) {
		file = fopen(path, "we");
		assert_non_null(file);
		assert_true(fputs(now, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	text = (char *)calloc(1, (size_t)size + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)size, file), size);
	fclose(file);
	return text;
}

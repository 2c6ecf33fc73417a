#include "worker/team.h"

#include <errno.h>
#include <rte_mempool.h>
#include <stdlib.h>
#include <string.h>

#include "load/window.h"

#define CONTROL_FRAMES 256

static bool policy_is_random(enum flow_policy policy)
{
	return policy == FLOW_POLICY_RANDOM || policy == FLOW_POLICY_LINUX;
}

// Size of one sender's in-flight table: `tuples` of all its cohorts, deep enough for the one that needs most.
static uint32_t policies_depth(const struct worker_team_options *options)
{
	double shares = 0;
	uint32_t depth = 0;

	for (unsigned i = 0; i < options->cohort_count; i++) {
		shares += options->cohorts[i].share;
	}
	for (unsigned i = 0; i < options->cohort_count; i++) {
		const struct flow_cohort_options *cohort = &options->cohorts[i];
		double rate = options->size_rate * cohort->share / shares;
		uint64_t tuples = flow_space_tuples(cohort, 1);
		uint32_t need;

		// A sticky tuple takes its K queries back to back, an interval keeps to the few tuples that
		// it needs.
		if (cohort->policy.kind == FLOW_POLICY_INTERVAL) {
			double used = flow_policy_tuples(&cohort->policy, rate);

			tuples = used < (double)tuples ? (uint64_t)used : tuples;
		}
		need = match_depth(rate, options->timeouts[0], (uint32_t)tuples,
		                   policy_is_random(cohort->policy.kind), cohort->queries_in_flight);
		if (cohort->policy.kind == FLOW_POLICY_STICKY && need < cohort->policy.queries_per_use &&
		    cohort->queries_in_flight == 0) {
			need = (uint32_t)fixed_power_of_two(cohort->policy.queries_per_use);
		}
		depth = need > depth ? need : depth;
	}
	return depth;
}

static uint32_t table_depth(const struct worker_team_options *options, const struct worker_steps *steps)
{
	uint32_t depth =
	        steps->depth > 0 ? (uint32_t)fixed_power_of_two(steps->depth + 1) : policies_depth(options);

	// The query before a lost one is found at its place: it must not be used again within a timeout.
	depth = options->capture != NULL ? 2 * depth : depth;
	return depth > MATCH_DEPTH_MAX ? MATCH_DEPTH_MAX : depth;
}

static uint32_t table_capacity(const struct worker_team_options *options, const struct worker_steps *steps)
{
	uint32_t capacity = match_capacity(options->size_rate / options->senders, options->timeouts[0]);

	if (steps->flight > 0) {
		return (uint32_t)fixed_power_of_two((uint64_t)steps->flight + 2 * WORKER_BURST);
	}
	if (options->window > 0) {
		uint32_t window =
		        (uint32_t)fixed_power_of_two(options->window / options->senders + 2 * WORKER_BURST);

		capacity = window > capacity ? window : capacity;
	}
	return capacity;
}

static int shape_init(const struct worker_team_options *options, struct stats_shape *shape,
                      struct error *error)
{
	return stats_shape_init(shape, options->cohort_count, options->timeouts, options->timeout_count,
	                        options->start, options->interval, options->duration, error);
}

int worker_team_memory(const struct worker_team_options *options, struct worker_memory *out,
                       struct error *error)
{
	uint64_t tuples = flow_space_tuples(options->cohorts, options->cohort_count);
	const struct worker_steps no_trace = {0}; // its sources are not looked up yet: as policies need
	struct stats_shape shape;
	int rc = shape_init(options, &shape, error);

	memset(out, 0, sizeof(*out));
	if (rc < 0) {
		return rc;
	}
	out->space = flow_space_memory(options->cohorts, options->cohort_count);
	out->ledger = flow_ledger_memory(tuples) + flow_spells_memory(tuples);
	out->tables =
	        match_table_memory(tuples, table_depth(options, &no_trace), 0, options->capture != NULL) +
	        options->senders * match_table_memory(0, 0, table_capacity(options, &no_trace), false);
	for (unsigned i = 0; i < options->cohort_count; i++) {
		out->pickers += flow_picker_memory(options->cohorts[i].policy.kind,
		                                   (uint32_t)flow_space_tuples(&options->cohorts[i], 1));
	}
	out->counters = stats_memory(&shape, options->senders, 1);
	return 0;
}

// One policy option set a picker: seeds differ by worker and cohort, so that no two draw the same tuples in
// step.
static int make_cohorts(struct worker_team *team, const struct worker_team_options *options,
                        struct worker_sender *sender, struct error *error)
{
	double shares[FLOW_COHORTS_MAX];

	sender->cohorts = (struct worker_cohort *)calloc(options->cohort_count, sizeof(*sender->cohorts));
	if (sender->cohorts == NULL) {
		return error_set(error, -ENOMEM, "no memory for the cohorts");
	}
	sender->cohort_count = options->cohort_count;
	for (unsigned i = 0; i < options->cohort_count; i++) {
		struct flow_policy_options policy = options->cohorts[i].policy;
		int rc;

		policy.seed = random_mix(policy.seed ^
		                         random_mix(options->seed + sender->number * FLOW_COHORTS_MAX + i));
		rc = flow_picker_create(&sender->cohorts[i].picker, &policy,
		                        flow_space_first(team->space, sender->number, i),
		                        flow_space_count(team->space, sender->number, i), team->ledger.sent,
		                        options->start, error);
		if (rc < 0) {
			return rc;
		}
		sender->cohorts[i].in_flight_limit = options->cohorts[i].queries_in_flight;
		shares[i] = options->cohorts[i].share;
	}
	return flow_mixer_init(&sender->mixer, shares, options->cohort_count, error);
}

static int make_sender(struct worker_team *team, const struct worker_team_options *options, unsigned number,
                       uint32_t depth, struct error *error)
{
	struct worker_sender *sender = &team->senders[number];
	uint32_t first = flow_space_first(team->space, number, 0);
	uint32_t end = flow_space_first(team->space, number, options->cohort_count - 1) +
	               flow_space_count(team->space, number, options->cohort_count - 1);
	uint64_t query_limit = options->query_limit;
	int rc = match_table_init(&team->tables[number], first, end - first, depth,
	                          table_capacity(options, &team->steps), options->timeouts[0], error);

	if (rc == 0 && options->capture != NULL) {
		rc = match_table_remember(&team->tables[number], error);
	}
	if (rc == 0) {
		rc = stats_sender_init(&team->sender_stats[number], &team->shape, error);
	}
	if (rc < 0) {
		return rc;
	}
	sender->number = number;
	sender->port = options->port;
	sender->queue = (uint16_t)(options->first_queue + number);
	sender->pool = options->pools[number];
	sender->control = number == 0 ? team->control : NULL;
	sender->space = team->space;
	sender->queries = options->queries;
	sender->header = &team->header;
	sender->table = &team->tables[number];
	sender->ledger = team->ledger.sent;
	sender->stats = &team->sender_stats[number];
	sender->window =
	        options->window > 0 ? load_window_share(options->window, number, options->senders) : 0;
	sender->paced = options->profile != NULL;
	sender->burst = sender->paced
	                        ? load_pacer_burst(load_profile_peak(options->profile) / options->senders)
	                        : WORKER_BURST;
	sender->query_limit = query_limit == UINT64_MAX
	                              ? UINT64_MAX
	                              : load_window_share(query_limit, number, options->senders);
	sender->first_question =
	        options->queries->generated != DNS_GENERATED_NONE ? number : number % options->queries->count;
	sender->question = sender->first_question;
	sender->question_stride = options->senders;
	sender->end = options->duration == NS_NEVER ? NS_NEVER : options->start + options->duration;
	sender->patience = options->patience;
	sender->completed = &team->receiver.links[number].completed;
	sender->stop = &team->stop;
	worker_sender_prepare_frames(sender);
	if (options->trace != NULL) {
		sender->steps = team->steps.steps + team->steps.firsts[number];
		sender->step_count = team->steps.firsts[number + 1] - team->steps.firsts[number];
		sender->max_lag = options->max_lag;
		sender->paced = false;
		sender->burst = WORKER_BURST;
	}
	if (sender->paced) {
		load_pacer_init(&sender->pacer, options->profile, number, options->senders, options->start,
		                options->max_lag);
	}
	return make_cohorts(team, options, sender, error);
}

static int make_receiver(struct worker_team *team, const struct worker_team_options *options,
                         struct error *error)
{
	struct worker_receiver *receiver = &team->receiver;

	receiver->port = options->port;
	receiver->queue_count = options->receive_queues;
	receiver->verify = options->verify;
	receiver->checksum_flags = options->checksum_flags;
	receiver->service = options->header.destination;
	receiver->service_port = options->header.destination_port;
	receiver->want_nsid = options->want_nsid;
	memcpy(receiver->mac, options->header.source_mac, sizeof(receiver->mac));
	receiver->space = team->space;
	receiver->queries = options->queries;
	receiver->ledger = team->ledger.answered;
	receiver->spells = &team->spells;
	receiver->link_count = options->senders;
	receiver->control_pool = options->control_pool;
	receiver->control = team->control;
	receiver->stats = &team->receiver_stats;
	receiver->capture = options->capture;
	for (unsigned i = 0; i < options->senders; i++) {
		receiver->links[i].table = &team->tables[i];
	}
	return stats_receiver_init(&team->receiver_stats, &team->shape, error);
}

static void *aligned_zeroed(size_t count, size_t size)
{
	void *memory = aligned_alloc(64, (count * size + 63) / 64 * 64);

	if (memory != NULL) {
		memset(memory, 0, count * size);
	}
	return memory;
}

static int prepare_wire_header(struct worker_team *team, const struct worker_team_options *options,
                               struct error *error)
{
	struct packet_header_options header = options->header;

	header.offload_ip_checksum = false;
	header.offload_udp_checksum = false;
	return packet_header_prepare(&team->wire_header, &header, error);
}

int worker_team_create(struct worker_team **out, const struct worker_team_options *options,
                       struct error *error)
{
	struct worker_team *team = (struct worker_team *)aligned_zeroed(1, sizeof(*team));
	int rc = -ENOMEM;

	*out = NULL;
	if (team == NULL) {
		return error_set(error, -ENOMEM, "no memory for the workers");
	}
	team->sender_count = options->senders;
	team->senders = (struct worker_sender *)aligned_zeroed(options->senders, sizeof(*team->senders));
	team->tables = (struct match_table *)aligned_zeroed(options->senders, sizeof(*team->tables));
	team->sender_stats =
	        (struct stats_sender *)aligned_zeroed(options->senders, sizeof(*team->sender_stats));
	team->receiver.links =
	        (struct worker_link *)aligned_zeroed(options->senders, sizeof(*team->receiver.links));
	if (team->senders == NULL || team->tables == NULL || team->sender_stats == NULL ||
	    team->receiver.links == NULL) {
		error_set(error, -ENOMEM, "no memory for %u workers", options->senders);
		goto fail;
	}
	rc = shape_init(options, &team->shape, error);
	if (rc < 0) {
		goto fail;
	}
	rc = packet_header_prepare(&team->header, &options->header, error);
	if (rc < 0) {
		goto fail;
	}
	rc = prepare_wire_header(team, options, error);
	if (rc < 0) {
		goto fail;
	}
	rc = flow_space_create(&team->space, options->cohorts, options->cohort_count, options->senders,
	                       error);
	if (rc < 0) {
		goto fail;
	}
	if (options->trace != NULL) {
		rc = worker_steps_make(&team->steps, team->space, options->senders, options->trace,
		                       options->trace_count, options->start, options->timeouts[0], error);
		if (rc < 0) {
			goto fail;
		}
	}
	rc = flow_ledger_create(&team->ledger, team->space->tuple_count, error);
	if (rc == 0) {
		rc = flow_spells_create(&team->spells, team->space->tuple_count, error);
	}
	if (rc < 0) {
		goto fail;
	}
	if (options->control_pool != NULL) {
		team->control = rte_ring_create("control", CONTROL_FRAMES, SOCKET_ID_ANY,
		                                RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (team->control == NULL) {
			rc = error_set(error, -ENOMEM, "no memory for the control ring; raise --memory");
			goto fail;
		}
	}
	rc = make_receiver(team, options, error);
	for (unsigned i = 0; rc == 0 && i < options->senders; i++) {
		rc = make_sender(team, options, i, table_depth(options, &team->steps), error);
	}
	if (rc < 0) {
		goto fail;
	}
	*out = team;
	return 0;
fail:
	worker_team_free(team);
	return rc;
}

static void free_sender(struct worker_sender *sender)
{
	for (unsigned i = 0; i < sender->cohort_count; i++) {
		flow_picker_free(sender->cohorts[i].picker);
	}
	free(sender->cohorts);
}

void worker_team_free(struct worker_team *team)
{
	if (team == NULL) {
		return;
	}
	for (unsigned i = 0; i < team->sender_count; i++) {
		if (team->senders != NULL) {
			free_sender(&team->senders[i]);
		}
		if (team->tables != NULL) {
			match_table_release(&team->tables[i]);
		}
		if (team->sender_stats != NULL) {
			stats_sender_release(&team->sender_stats[i]);
		}
	}
	stats_receiver_release(&team->receiver_stats);
	worker_steps_release(&team->steps);
	rte_ring_free(team->control);
	flow_spells_free(&team->spells);
	flow_ledger_free(&team->ledger);
	flow_space_free(team->space);
	free(team->receiver.links);
	free(team->sender_stats);
	free(team->tables);
	free(team->senders);
	free(team);
}

void worker_team_stop(struct worker_team *team)
{
	atomic_store_explicit(&team->stop, true, memory_order_relaxed);
}

bool worker_team_is_done(const struct worker_team *team)
{
	for (unsigned i = 0; i < team->sender_count; i++) {
		if (worker_sender_state(&team->senders[i]) == WORKER_SENDING) {
			return false;
		}
	}
	return true;
}

uint64_t worker_team_in_flight(const struct worker_team *team)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < team->sender_count; i++) {
		count += team->senders[i].sent -
		         atomic_load_explicit(&team->receiver.links[i].completed, memory_order_acquire);
	}
	return count;
}

uint64_t worker_team_outstanding(const struct worker_team *team)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < team->sender_count; i++) {
		count += match_outstanding(&team->tables[i]);
	}
	return count;
}

void worker_team_snapshot(const struct worker_team *team, struct stats_snapshot *snapshot, ns_t now)
{
	const struct stats_sender *senders[FLOW_WORKERS_MAX];
	const struct stats_receiver *receiver = &team->receiver_stats;

	for (unsigned i = 0; i < team->sender_count; i++) {
		senders[i] = &team->sender_stats[i];
	}
	stats_snapshot_take(snapshot, senders, team->sender_count, &receiver, 1, now);
}

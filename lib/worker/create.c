// Making a team: senders, receivers, what joins them, and what they share.
#include "making.h"

#include <errno.h>
#include <rte_mempool.h>
#include <rte_ring_elem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "load/window.h"
#include "packet/mbuf.h"

#define CONTROL_FRAMES 256

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
	                          team_table_capacity(options, &team->steps), options->timeouts[0], error);

	if (rc == 0 && options->captures != NULL) {
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
	if (options->transmit != NULL) {
		sender->transmit = options->transmit;
		sender->transmit_queue = options->transmit_queues[number];
	}
	sender->marks = options->mark_checksums ? PACKET_MARKS_GOOD : 0;
	sender->pool = options->pools[number];
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
	sender->completed = &team->links[number].completed;
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

// A ring of its own for what goes from one lcore to another: one producer, one consumer. The name is the
// process's, and a test may have several teams, one after the other.
static int make_ring(struct rte_ring **out, const char *name, unsigned element, unsigned count,
                     struct error *error)
{
	*out = rte_ring_create_elem(name, element, count, SOCKET_ID_ANY,
	                            RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
	return *out != NULL ? 0
	                    : error_set(error, -ENOMEM, "no memory for the ring '%s'; raise --memory", name);
}

// Answers to ARP, ND and echo leave by the first of the senders that the receiver serves.
static int make_control(struct worker_team *team, const struct worker_team_options *options, unsigned number,
                        struct error *error)
{
	struct worker_receiver *receiver = &team->receivers[number];
	char name[RTE_RING_NAMESIZE];
	int rc;

	if (options->control_pool == NULL) {
		return 0;
	}
	snprintf(name, sizeof(name), "control%u", number);
	rc = make_ring(&receiver->control, name, sizeof(void *), CONTROL_FRAMES, error);
	receiver->control_pool = options->control_pool;
	team->senders[team_first_sender(options, number)].control = receiver->control;
	return rc;
}

static uint16_t first_queue(const struct worker_team_options *options, unsigned receiver)
{
	return (uint16_t)worker_first_queue(options->receive_queues, options->receivers, receiver);
}

static int make_receiver(struct worker_team *team, const struct worker_team_options *options, unsigned number,
                         struct error *error)
{
	struct worker_receiver *receiver = &team->receivers[number];
	unsigned first = team_first_sender(options, number), end = team_first_sender(options, number + 1);
	int rc;

	receiver->port = options->port;
	receiver->first_queue = first_queue(options, number);
	receiver->queue_count = (uint16_t)(first_queue(options, number + 1) - receiver->first_queue);
	receiver->verify = options->verify;
	receiver->checksum_flags = options->checksum_flags;
	receiver->service = options->header.destination;
	receiver->service_port = options->header.destination_port;
	receiver->want_nsid = options->want_nsid;
	memcpy(receiver->mac, options->header.source_mac, sizeof(receiver->mac));
	receiver->space = team->space;
	receiver->queries = options->queries;
	receiver->ledger = team->ledger.answered;
	receiver->spells = &team->spells[number];
	receiver->links = &team->links[first];
	receiver->link_count = end - first;
	receiver->first_tuple = flow_space_first(team->space, first, 0);
	receiver->tuple_count = flow_space_first(team->space, end, 0) - receiver->first_tuple;
	receiver->stats = &team->receiver_stats[number];
	receiver->capture = options->captures != NULL ? &options->captures[number] : NULL;
	for (unsigned i = first; i < end; i++) {
		team->links[i].table = &team->tables[i];
	}
	rc = flow_spells_create(&team->spells[number], receiver->tuple_count, error);
	if (rc == 0) {
		rc = stats_receiver_init(&team->receiver_stats[number], &team->shape, error);
	}
	return rc == 0 ? make_control(team, options, number, error) : rc;
}

// Every receiver has a ring to every other.
static int join_receivers(struct worker_team *team, const struct worker_team_options *options,
                          struct error *error)
{
	unsigned peers = options->receivers - 1;
	int rc = 0;

	for (unsigned i = 0; i < options->receivers && peers > 0; i++) {
		team->receivers[i].peers = (struct worker_peer *)calloc(peers, sizeof(struct worker_peer));
		if (team->receivers[i].peers == NULL) {
			return error_set(error, -ENOMEM, "no memory for %u receivers", options->receivers);
		}
		team->receivers[i].peer_count = peers;
	}
	for (unsigned i = 0; i < options->receivers; i++) {
		struct worker_receiver *from = &team->receivers[i];

		for (unsigned k = 0; rc == 0 && k < options->receivers; k++) {
			struct worker_receiver *to = &team->receivers[k];
			struct worker_peer *peer = &from->peers[k - (k > i)];
			char name[RTE_RING_NAMESIZE];

			if (k == i) {
				continue;
			}
			snprintf(name, sizeof(name), "dispatch%u_%u", i, k);
			rc = make_ring(&peer->to, name, sizeof(struct worker_frame), options->dispatch_size,
			               error);
			peer->first_tuple = to->first_tuple;
			peer->tuple_count = to->tuple_count;
			peer->drained = &to->drained;
			to->peers[i - (i > k)].from = peer->to;
		}
	}
	return rc;
}

static int prepare_wire_header(struct worker_team *team, const struct worker_team_options *options,
                               struct error *error)
{
	struct packet_header_options header = options->header;

	header.offload_ip_checksum = false;
	header.offload_udp_checksum = false;
	return packet_header_prepare(&team->wire_header, &header, error);
}

static int allocate(struct worker_team *team, const struct worker_team_options *options, struct error *error)
{
	unsigned senders = options->senders, receivers = options->receivers;

	if (receivers < 1 || receivers > senders) {
		return error_set(error, -EINVAL, "%u receivers for %u senders; a sender has one receiver",
		                 receivers, senders);
	}
	team->senders = (struct worker_sender *)lines_allocate(senders, sizeof(*team->senders));
	team->tables = (struct match_table *)lines_allocate(senders, sizeof(*team->tables));
	team->sender_stats = (struct stats_sender *)lines_allocate(senders, sizeof(*team->sender_stats));
	team->links = (struct worker_link *)lines_allocate(senders, sizeof(*team->links));
	team->receivers = (struct worker_receiver *)lines_allocate(receivers, sizeof(*team->receivers));
	team->receiver_stats =
	        (struct stats_receiver *)lines_allocate(receivers, sizeof(*team->receiver_stats));
	team->spells = (struct flow_spells *)lines_allocate(receivers, sizeof(*team->spells));
	if (team->senders == NULL || team->tables == NULL || team->sender_stats == NULL ||
	    team->links == NULL || team->receivers == NULL || team->receiver_stats == NULL ||
	    team->spells == NULL) {
		return error_set(error, -ENOMEM, "no memory for %u workers", senders);
	}
	team->sender_count = senders;
	team->receiver_count = receivers;
	return 0;
}

int worker_team_create(struct worker_team **out, const struct worker_team_options *options,
                       struct error *error)
{
	struct worker_team *team = (struct worker_team *)lines_allocate(1, sizeof(*team));
	int rc = -ENOMEM;

	*out = NULL;
	if (team == NULL) {
		return error_set(error, -ENOMEM, "no memory for the workers");
	}
	rc = allocate(team, options, error);
	if (rc < 0) {
		goto fail;
	}
	rc = team_shape(options, &team->shape, error);
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
	for (unsigned i = 0; rc == 0 && i < options->receivers; i++) {
		rc = make_receiver(team, options, i, error);
	}
	if (rc == 0) {
		rc = join_receivers(team, options, error);
	}
	for (unsigned i = 0; rc == 0 && i < options->senders; i++) {
		rc = make_sender(team, options, i, team_table_depth(options, &team->steps), error);
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

static void free_receiver(struct worker_receiver *receiver)
{
	for (unsigned i = 0; i < receiver->peer_count; i++) {
		rte_ring_free(receiver->peers[i].to);
	}
	free(receiver->peers);
	rte_ring_free(receiver->control);
}

void worker_team_free(struct worker_team *team)
{
	if (team == NULL) {
		return;
	}
	for (unsigned i = 0; i < team->sender_count; i++) {
		free_sender(&team->senders[i]);
		match_table_release(&team->tables[i]);
		stats_sender_release(&team->sender_stats[i]);
	}
	for (unsigned i = 0; i < team->receiver_count; i++) {
		free_receiver(&team->receivers[i]);
		stats_receiver_release(&team->receiver_stats[i]);
		flow_spells_free(&team->spells[i]);
	}
	worker_steps_release(&team->steps);
	flow_ledger_free(&team->ledger);
	flow_space_free(team->space);
	free(team->spells);
	free(team->receiver_stats);
	free(team->receivers);
	free(team->links);
	free(team->sender_stats);
	free(team->tables);
	free(team->senders);
	free(team);
}

#include "worker/team.h"

#include "receiving.h"

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
		         atomic_load_explicit(&team->links[i].completed, memory_order_acquire);
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

bool worker_team_foresee(const struct worker_team *team, unsigned sender, unsigned skip,
                         struct flow_source *source)
{
	const struct worker_sender *from = &team->senders[sender];
	uint32_t tuple;

	// Several cohorts take turns, and a trace has its own order.
	if (from->cohort_count != 1 || from->steps != NULL ||
	    flow_picker_upcoming(from->cohorts[0].picker, skip, &tuple, 1) == 0) {
		return false;
	}
	*source = flow_space_source(team->space, tuple);
	__builtin_prefetch(&team->ledger.answered[tuple], 1);
	if (source->family == ADDRESS_IPV4) {
		flow_space_prefetch_lookup4(team->space, source->port);
	}
	return true;
}

void worker_team_snapshot(const struct worker_team *team, struct stats_snapshot *snapshot, ns_t now)
{
	const struct stats_sender *senders[FLOW_WORKERS_MAX];
	const struct stats_receiver *receivers[FLOW_WORKERS_MAX];

	for (unsigned i = 0; i < team->sender_count; i++) {
		senders[i] = &team->sender_stats[i];
	}
	for (unsigned i = 0; i < team->receiver_count; i++) {
		receivers[i] = &team->receiver_stats[i];
	}
	stats_snapshot_take(snapshot, senders, team->sender_count, receivers, team->receiver_count, now);
}

uint64_t worker_team_received(const struct worker_team *team, enum stats_receiver_counter counter)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < team->receiver_count; i++) {
		count += stats_read(&team->receiver_stats[i].counters[counter]);
	}
	return count;
}

const char *worker_team_backend(const struct worker_team *team, uint32_t tuple, uint16_t backend)
{
	unsigned receiver = 0;

	while (!receiver_serves(&team->receivers[receiver], tuple)) {
		receiver++;
	}
	return backend != FLOW_BACKEND_NONE ? team->receiver_stats[receiver].backends[backend].name : NULL;
}

unsigned worker_team_receive(struct worker_team *team, ns_t now)
{
	struct rte_mbuf *frames[WORKER_RECEIVE_BURST];
	unsigned total = 0;
	bool more = true;

	for (unsigned i = 0; i < team->receiver_count; i++) {
		struct worker_receiver *receiver = &team->receivers[i];

		for (uint16_t queue = 0; queue < receiver->queue_count; queue++) {
			unsigned count = worker_receiver_poll(receiver, queue, frames);

			worker_receiver_handle(receiver, frames, count, now);
			total += count;
		}
		worker_receiver_drained(receiver, now);
	}
	while (more) {
		more = false;
		for (unsigned i = 0; i < team->receiver_count; i++) {
			worker_receiver_take(&team->receivers[i], &more);
		}
	}
	for (unsigned i = 0; i < team->sender_count; i++) {
		match_catch_up(&team->tables[i]); // so that what a sender finds does not depend on lcores
	}
	for (unsigned i = 0; i < team->receiver_count; i++) {
		worker_receiver_expire(&team->receivers[i], now);
	}
	return total;
}

ns_t worker_team_next_expiry(const struct worker_team *team, ns_t now)
{
	ns_t next = NS_NEVER;

	for (unsigned i = 0; i < team->receiver_count; i++) {
		ns_t expiry = worker_receiver_next(&team->receivers[i], now);

		next = expiry < next ? expiry : next;
	}
	return next;
}

void worker_team_finish(struct worker_team *team)
{
	for (unsigned i = 0; i < team->sender_count; i++) {
		worker_sender_finish(&team->senders[i]);
	}
	for (unsigned i = 0; i < team->receiver_count; i++) {
		worker_receiver_finish(&team->receivers[i]);
	}
}

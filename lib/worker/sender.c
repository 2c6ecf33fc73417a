#include "worker/sender.h"

#include <rte_ethdev.h>
#include <string.h>

#include "craft.h"
#include "load/window.h"

// The path of a query: due() says how many, choose() picks cohort, tuple and id, craft() writes the frame,
// match_stage() puts the query into the in-flight table, send_pending() hands the burst to the port,
// account() counts what the port accepted and publishes it. Three lines of memory are a query's own: its
// tuple's record, its source and its slot. look_ahead() has them on their way half a burst before the query
// is due.

// Take what was due before the end and will not be sent.
static uint64_t leave_out(struct load_pacer *pacer, ns_t end)
{
	uint64_t count = 0;

	while (load_pacer_next(pacer) < end && load_pacer_due(pacer, pacer->now, 1) > 0) {
		load_pacer_take(pacer);
		count++;
	}
	return count;
}

static bool is_due_by_window(const struct worker_sender *sender, uint64_t *room)
{
	uint64_t completed = atomic_load_explicit(sender->completed, memory_order_acquire);

	*room = load_window_room(sender->window, sender->sent, completed);
	return *room > 0;
}

static void count_skipped(struct worker_sender *sender)
{
	stats_set(&sender->stats->counters[STATS_SKIPPED],
	          load_pacer_skipped(&sender->pacer) + sender->leftover);
}

// The run is over when everything that was due before its end has left. What is later than the pacer's lag
// allows is not waited for.
static bool is_past_end(struct worker_sender *sender, ns_t now)
{
	bool scheduled = sender->paced && !sender->pacer.unlimited;

	if (now < sender->end) {
		return false;
	}
	if (scheduled && load_pacer_next(&sender->pacer) < sender->end &&
	    now < sender->end + sender->pacer.max_lag) {
		return false;
	}
	sender->leftover += scheduled ? leave_out(&sender->pacer, sender->end) : 0;
	for (; sender->step < sender->step_count && sender->steps[sender->step].due < sender->end;
	     sender->step++) {
		sender->leftover++;
	}
	count_skipped(sender);
	return true;
}

// How many steps of a trace are due, after those that are too late for it are given up.
static unsigned due_by_trace(struct worker_sender *sender, ns_t now, unsigned max)
{
	unsigned count = 0;

	while (sender->step < sender->step_count && sender->steps[sender->step].due + sender->max_lag < now) {
		sender->step++;
		sender->blocked = false;
		sender->leftover++;
		count_skipped(sender);
	}
	if (sender->step == sender->step_count) {
		atomic_store_explicit(&sender->state, WORKER_FINISHED, memory_order_release);
	}
	while (count < max && sender->step + count < sender->step_count &&
	       sender->steps[sender->step + count].due <= now) {
		count++;
	}
	return count;
}

// How many queries may leave now.
static unsigned due(struct worker_sender *sender, ns_t now)
{
	uint64_t room = WORKER_BURST;

	if (sender->window > 0 && !is_due_by_window(sender, &room)) {
		return 0;
	}
	if (sender->sent >= sender->query_limit || is_past_end(sender, now)) {
		atomic_store_explicit(&sender->state, WORKER_FINISHED, memory_order_release);
		return 0;
	}
	room = RTE_MIN(room, sender->query_limit - sender->sent);
	room = RTE_MIN(room, (uint64_t)sender->burst);
	if (sender->steps != NULL) {
		return due_by_trace(sender, now, (unsigned)room);
	}
	// Nothing that is due after the end is sent, however late it is.
	return sender->paced ? load_pacer_due(&sender->pacer, RTE_MIN(now, sender->end - 1), (unsigned)room)
	                     : (unsigned)room;
}

// A query that is due but can't be sent is counted once, however often it is tried.
static void throttle(struct worker_sender *sender, enum stats_sender_counter counter)
{
	if (!sender->blocked) {
		sender->blocked = true;
		stats_add(&sender->stats->counters[counter], 1);
	}
}

// The cohort whose turn it is. One that has finished passes its turns; one that has no tuple right now keeps
// its turn, so that the shares stay exact: the query waits, and the pacer counts what that costs.
static uint32_t next_cohort(struct worker_sender *sender)
{
	uint32_t cohort = flow_mixer_next(&sender->mixer);

	while (cohort != FLOW_MIXER_NONE && sender->cohorts[cohort].done) {
		flow_mixer_pass(&sender->mixer);
		cohort = flow_mixer_next(&sender->mixer);
	}
	return cohort;
}

// The next query as the trace has it. False: its tuple is full.
static bool choose_by_trace(struct worker_sender *sender, struct worker_pending *pending)
{
	enum match_room room;

	pending->tuple = sender->steps[sender->step].tuple;
	pending->cohort = (uint16_t)flow_space_cohort_of(sender->space, pending->tuple);
	pending->id = sender->ledger[pending->tuple].next_id;
	room = match_reserve(sender->table, pending->tuple, sender->cohorts[pending->cohort].in_flight_limit,
	                     &pending->id);
	if (room != MATCH_ROOM) {
		throttle(sender, room == MATCH_TABLE_FULL ? STATS_THROTTLED_TABLE : STATS_THROTTLED_FLIGHT);
	}
	return room == MATCH_ROOM;
}

// The next query's cohort, tuple and id. False: nothing can be sent now.
static bool choose(struct worker_sender *sender, ns_t now, struct worker_pending *pending)
{
	enum stats_sender_counter reason = STATS_THROTTLED_TUPLE;
	struct worker_cohort *cohort;
	uint32_t chosen;

	if (sender->steps != NULL) {
		return choose_by_trace(sender, pending);
	}
	chosen = next_cohort(sender);
	if (chosen == FLOW_MIXER_NONE) {
		atomic_store_explicit(&sender->state, WORKER_FINISHED, memory_order_release);
		return false;
	}
	cohort = &sender->cohorts[chosen];
	pending->cohort = (uint16_t)chosen;
	for (unsigned tries = 0; tries < WORKER_TUPLE_TRIES; tries++) {
		enum match_room room;

		if (!flow_picker_next(cohort->picker, now, &pending->tuple)) {
			if (flow_picker_ready_at(cohort->picker) == NS_NEVER) {
				cohort->done = true;
				return choose(sender, now, pending);
			}
			break;
		}
		pending->id = sender->ledger[pending->tuple].next_id;
		room = match_reserve(sender->table, pending->tuple, cohort->in_flight_limit, &pending->id);
		if (room == MATCH_ROOM) {
			return true;
		}
		if (room == MATCH_TABLE_FULL) {
			reason = STATS_THROTTLED_TABLE;
			break;
		}
		reason = STATS_THROTTLED_FLIGHT;
		flow_picker_busy(cohort->picker, pending->tuple);
	}
	throttle(sender, reason);
	return false;
}

// A frame comes from its pool as it was freed: one segment, one reference. A driver may have moved its data
// (virtio does).
static void frame_prepare(struct rte_mbuf *frame, uint32_t length, const struct packet_offload *offload)
{
	frame->data_off = RTE_PKTMBUF_HEADROOM;
	frame->data_len = (uint16_t)length;
	frame->pkt_len = length;
	frame->ol_flags = offload->flags;
	if (offload->flags != 0) {
		frame->l2_len = offload->l2_length;
		frame->l3_len = offload->l3_length;
	}
}

// Write the frames of pending[]. A pass of its own, with a copy of the header: the compiler keeps what a copy
// says in registers, while it reads the sender's again after each octet that is written to a frame.
static void craft(struct worker_sender *sender, unsigned count)
{
	const struct packet_header header = *sender->header;
	bool resident = sender->resident;

	for (unsigned i = 0; i < count; i++) {
		struct worker_pending *pending = &sender->pending[i];
		struct worker_query query = {pending->tuple, pending->id, pending->question};
		uint8_t *bytes = (uint8_t *)sender->frames[i]->buf_addr + RTE_PKTMBUF_HEADROOM;

		pending->length =
		        worker_craft(bytes, &header, sender->space, sender->queries, &query, resident);
		frame_prepare(sender->frames[i], pending->length, &header.offload);
	}
}

static uint32_t next_question(struct worker_sender *sender)
{
	uint32_t question = sender->question;

	if (sender->steps != NULL) {
		return sender->steps[sender->step].question;
	}
	sender->question += sender->question_stride;
	if (sender->queries->generated == DNS_GENERATED_NONE && sender->question >= sender->queries->count) {
		sender->question -= sender->queries->count;
		if (sender->question >= sender->queries->count) {
			sender->question =
			        sender->number % sender->queries->count; // fewer lines than senders
		}
	}
	return question;
}

// The query of this cohort that is WORKER_AHEAD away: its record is in the cache by now, and says which slot
// it will take.
static void look_ahead(const struct worker_sender *sender, const struct flow_picker *picker)
{
	uint32_t tuple;

	if (flow_picker_ahead(picker, WORKER_AHEAD, &tuple)) {
		flow_space_prefetch(sender->space, tuple);
		match_prefetch(sender->table, tuple, sender->ledger[tuple].next_id);
	}
}

// The chosen query is used: in the in-flight table, in its tuple's record, in the policy and in the schedule.
static void take(struct worker_sender *sender, struct worker_pending *pending, ns_t now)
{
	struct flow_picker *picker = sender->cohorts[pending->cohort].picker;
	struct flow_sent *record = &sender->ledger[pending->tuple];

	pending->last_sent = record->last_sent;
	pending->age_class =
	        record->last_sent == 0 ? STATS_AGE_FIRST : stats_age_class(now - record->last_sent);
	pending->question = next_question(sender);
	match_stage(sender->table, pending->tuple, pending->id, pending->age_class, pending->question, now);
	record->last_sent = now;
	record->sent++;
	record->next_id = (uint16_t)(pending->id + 1);
	sender->blocked = false;
	if (sender->steps != NULL) {
		sender->step++;
		return;
	}
	flow_picker_used(picker, pending->tuple, now);
	flow_mixer_take(&sender->mixer);
	look_ahead(sender, picker);
}

// `count` of the deadlines that were announced are met.
static void keep_pace(struct worker_sender *sender, unsigned count, ns_t now)
{
	ns_t late[WORKER_BURST];

	if (!sender->paced && sender->steps == NULL) {
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		late[i] = now - (sender->steps != NULL ? sender->steps[sender->step - count + i].due
		                                       : load_pacer_take(&sender->pacer));
	}
	stats_histogram_add_all(&sender->stats->pacing, late, count);
}

// Choose and craft up to `count` queries into pending[]. Fewer when the tuples or the table have no more
// room.
static void fill(struct worker_sender *sender, unsigned count, ns_t now)
{
	unsigned made = 0;

	if (rte_mempool_get_bulk(sender->pool, (void **)sender->frames, count) != 0) {
		throttle(sender, STATS_THROTTLED_MEMORY);
		return;
	}
	while (made < count && choose(sender, now, &sender->pending[made])) {
		take(sender, &sender->pending[made], now);
		made++;
	}
	keep_pace(sender, made, now);
	craft(sender, made);
	if (made < count) {
		rte_mempool_put_bulk(sender->pool, (void **)&sender->frames[made], count - made);
	}
	sender->pending_count = made;
	sender->pending_since = now;
}

// The port took the first `count` pending frames: count them, then publish, so that no outcome is counted
// before its query. RX files outcomes under the send time that slots keep, so the interval is that one's.
static void account(struct worker_sender *sender, unsigned count, ns_t now)
{
	struct stats_sender *stats = sender->stats;
	uint32_t interval = stats_interval(stats->shape, match_send_time(now));
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count;) {
		unsigned cohort = sender->pending[i].cohort, first = i;

		for (; i < count && sender->pending[i].cohort == cohort; i++) {
			stats_add(&stats->by_age[cohort][sender->pending[i].age_class], 1);
			bytes += sender->pending[i].length;
		}
		stats_add(stats_sent_in(stats, cohort, interval), i - first);
	}
	stats_add(&stats->counters[STATS_SENT], count);
	stats_add(&stats->counters[STATS_SENT_BYTES], bytes);
	sender->sent += count;
	match_publish(sender->table, count);
	sender->pending_count -= count;
	if (sender->pending_count > 0) {
		memmove(sender->frames, sender->frames + count,
		        sender->pending_count * sizeof(sender->frames[0]));
		memmove(sender->pending, sender->pending + count,
		        sender->pending_count * sizeof(sender->pending[0]));
	}
}

static unsigned send_pending(struct worker_sender *sender, ns_t now)
{
	unsigned accepted = rte_eth_tx_burst(sender->port, sender->queue, sender->frames,
	                                     (uint16_t)sender->pending_count);

	if (accepted < sender->pending_count) {
		stats_add(&sender->stats->counters[STATS_TX_RETRIES], 1);
	}
	account(sender, accepted, now);
	return accepted;
}

// The pending queries will not leave: they were never sent, and their tuples not used.
static void drop_pending(struct worker_sender *sender)
{
	for (unsigned i = sender->pending_count; i > 0; i--) {
		struct flow_sent *record = &sender->ledger[sender->pending[i - 1].tuple];

		record->last_sent = sender->pending[i - 1].last_sent;
		record->sent--;
	}
	match_withdraw(sender->table);
	rte_pktmbuf_free_bulk(sender->frames, sender->pending_count);
	stats_add(&sender->stats->counters[STATS_TX_DROPPED], sender->pending_count);
	sender->pending_count = 0;
}

// Frames that the port did not take before: try again, with a new send time, until patience ends.
static unsigned retry(struct worker_sender *sender, ns_t now)
{
	match_restamp(sender->table, 0, now);
	for (unsigned i = 0; i < sender->pending_count; i++) {
		sender->ledger[sender->pending[i].tuple].last_sent = now;
	}
	unsigned accepted = send_pending(sender, now);

	if (accepted > 0) {
		sender->pending_since = now;
	} else if (now - sender->pending_since > sender->patience) {
		drop_pending(sender);
	}
	return accepted;
}

// ARP, ND and echo answers are rare; one that finds no room is dropped and asked for again.
static void send_control(struct worker_sender *sender)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned count, accepted;

	if (rte_ring_empty(sender->control)) {
		return;
	}
	count = rte_ring_dequeue_burst(sender->control, (void **)mbufs, WORKER_BURST, NULL);
	accepted = rte_eth_tx_burst(sender->port, sender->queue, mbufs, (uint16_t)count);
	if (accepted < count) {
		rte_pktmbuf_free_bulk(&mbufs[accepted], count - accepted);
	}
}

unsigned worker_sender_step(struct worker_sender *sender, ns_t now)
{
	unsigned count;

	if (sender->control != NULL) {
		send_control(sender);
	}
	if (sender->pending_count > 0) {
		return retry(sender, now);
	}
	if (worker_sender_state(sender) != WORKER_SENDING) {
		return 0;
	}
	if (atomic_load_explicit(sender->stop, memory_order_relaxed)) {
		atomic_store_explicit(&sender->state, WORKER_STOPPED, memory_order_release);
		return 0;
	}
	count = due(sender, now);
	if (count == 0) {
		return 0;
	}
	fill(sender, count, now);
	count_skipped(sender);
	return sender->pending_count > 0 ? send_pending(sender, now) : 0;
}

// When the cohort whose turn it is may send again; a query that waits for a slot waits for the receiver,
// which knows when.
static ns_t blocked_until(const struct worker_sender *sender)
{
	uint32_t cohort = flow_mixer_next(&sender->mixer);
	ns_t ready;

	if (cohort == FLOW_MIXER_NONE) {
		return NS_NEVER;
	}
	ready = flow_picker_ready_at(sender->cohorts[cohort].picker);
	return ready == 0 ? NS_NEVER : ready;
}

ns_t worker_sender_next(const struct worker_sender *sender, ns_t now)
{
	uint64_t room;
	ns_t due_at, end = sender->end;

	if (sender->pending_count > 0) {
		return now;
	}
	if (worker_sender_state(sender) != WORKER_SENDING) {
		return NS_NEVER;
	}
	if (sender->window > 0 && !is_due_by_window(sender, &room)) {
		return end;
	}
	if (sender->steps != NULL) {
		due_at = sender->step < sender->step_count ? sender->steps[sender->step].due : now;
		// A full tuple waits for the receiver, until it is too late.
		due_at += sender->blocked ? sender->max_lag + 1 : 0;
		return due_at < end ? due_at : end;
	}
	due_at = sender->paced ? load_pacer_next(&sender->pacer) : now;
	if (sender->blocked) {
		ns_t until = blocked_until(sender);

		due_at = until > due_at ? until : due_at;
	}
	return due_at < end ? due_at : end;
}

void worker_sender_finish(struct worker_sender *sender)
{
	if (sender->pending_count > 0) {
		drop_pending(sender);
	}
}

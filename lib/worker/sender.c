#include "sending.h"

#include <rte_ethdev.h>
#include <string.h>

#include "load/window.h"

// The path of a query: due() says how many, sender_choose() (choose.c) picks cohort, tuple and id and books
// the query in the ledger and in the in-flight table, sender_craft() (write.c) writes the frames,
// send_pending() hands them to the port, account() counts what the port accepted and publishes it. Each is a
// loop over the burst. A line of memory is a query's own, its tuple's record, which is on its way a burst
// before; the rest is written front to back.

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

// `count` of the deadlines that were announced are met.
static void keep_pace(struct worker_sender *sender, unsigned count, ns_t now)
{
	ns_t late[WORKER_BURST];

	if (sender->steps != NULL) {
		for (unsigned i = 0; i < count; i++) {
			late[i] = now - sender->steps[sender->step - count + i].due;
		}
	} else if (!sender->paced) {
		return;
	} else if (load_pacer_take_unlimited(&sender->pacer, count)) {
		stats_histogram_add_zeroes(&sender->stats->pacing, count);
		return;
	} else {
		load_pacer_take_late(&sender->pacer, count, now, late);
	}
	stats_histogram_add_falling(&sender->stats->pacing, late, count);
}

// Choose and craft up to `count` queries into pending[]. Fewer when the tuples or the table have no more
// room.
static void fill(struct worker_sender *sender, unsigned count, ns_t now)
{
	unsigned made;

	if (rte_mempool_get_bulk(sender->pool, (void **)sender->frames, count) != 0) {
		sender_throttle(sender, STATS_THROTTLED_MEMORY);
		return;
	}
	made = sender_choose(sender, count, now);
	keep_pace(sender, made, now);
	sender_craft(sender, made);
	if (made < count) {
		rte_mempool_put_bulk(sender->pool, (void **)&sender->frames[made], count - made);
	}
	sender->pending_count = made;
	sender->pending_since = now;
}

// Octets of the first `count` pending frames.
static uint64_t pending_bytes(const struct worker_sender *sender, unsigned count)
{
	uint64_t bytes = 0;

	if (sender->stamped_length > 0) {
		return (uint64_t)count * sender->stamped_length;
	}
	for (unsigned i = 0; i < count; i++) {
		bytes += sender->pending[i].length;
	}
	return bytes;
}

// The port took the first `count` pending frames: count them, then publish, so that no outcome is counted
// before its query. RX files outcomes under the send time that entries keep, so the interval is that one's.
static void account(struct worker_sender *sender, unsigned count, ns_t now)
{
	struct stats_sender *stats = sender->stats;
	uint32_t interval = stats_interval(stats->shape, match_send_time(now));

	for (unsigned i = 0; i < count;) {
		unsigned cohort = sender->pending[i].cohort, first = i;

		for (; i < count && sender->pending[i].cohort == cohort; i++) {
			stats_add(&stats->by_age[cohort][sender->pending[i].age_class], 1);
		}
		stats_add(stats_sent_in(stats, cohort, interval), i - first);
	}
	stats_add(&stats->counters[STATS_SENT], count);
	stats_add(&stats->counters[STATS_SENT_BYTES], pending_bytes(sender, count));
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
	uint16_t count = (uint16_t)sender->pending_count;
	unsigned accepted = sender->transmit == NULL
	                            ? rte_eth_tx_burst(sender->port, sender->queue, sender->frames, count)
	                            : sender->transmit(sender->transmit_queue, sender->frames, count);

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

// When the cohort whose turn it is may send again; a query that waits for a place waits for the receiver,
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

bool worker_sender_has_work(const struct worker_sender *sender, ns_t now)
{
	return worker_sender_waits(sender) || sender->sent >= sender->query_limit ||
	       worker_sender_next(sender, now) <= now;
}

void worker_sender_finish(struct worker_sender *sender)
{
	if (sender->pending_count > 0) {
		drop_pending(sender);
	}
}

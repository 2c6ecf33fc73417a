#include "worker/sender.h"

#include <endian.h>
#include <rte_ethdev.h>
#include <string.h>

#include "dns/label.h"
#include "load/window.h"

// The path of a query: due() says how many, choose() picks cohort, tuple and id, craft() writes the frame and
// stages the query in the in-flight table, send() hands the burst to the port, account() counts what the port
// accepted and publishes it.

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
	sender->stats->counters[STATS_SKIPPED] = load_pacer_skipped(&sender->pacer) + sender->leftover;
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
	sender->leftover = scheduled ? leave_out(&sender->pacer, sender->end) : 0;
	count_skipped(sender);
	return true;
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
	// Nothing that is due after the end is sent, however late it is.
	return sender->paced ? load_pacer_due(&sender->pacer, RTE_MIN(now, sender->end - 1), (unsigned)room)
	                     : (unsigned)room;
}

// A query that is due but can't be sent is counted once, however often it is tried.
static void throttle(struct worker_sender *sender, enum stats_sender_counter counter)
{
	if (!sender->blocked) {
		sender->blocked = true;
		sender->stats->counters[counter]++;
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

// The next query's cohort, tuple and id. False: nothing can be sent now.
static bool choose(struct worker_sender *sender, ns_t now, unsigned *cohort_out, uint32_t *tuple,
                   uint16_t *id)
{
	enum stats_sender_counter reason = STATS_THROTTLED_TUPLE;
	uint32_t chosen = next_cohort(sender);
	struct worker_cohort *cohort;

	if (chosen == FLOW_MIXER_NONE) {
		atomic_store_explicit(&sender->state, WORKER_FINISHED, memory_order_release);
		return false;
	}
	cohort = &sender->cohorts[chosen];
	for (unsigned tries = 0; tries < WORKER_TUPLE_TRIES; tries++) {
		enum match_room room;

		if (!flow_picker_next(cohort->picker, now, tuple)) {
			if (flow_picker_ready_at(cohort->picker) == NS_NEVER) {
				cohort->done = true;
				return choose(sender, now, cohort_out, tuple, id);
			}
			break;
		}
		*id = sender->ledger[*tuple].next_id;
		room = match_reserve(sender->table, *tuple, cohort->in_flight_limit, id);
		if (room == MATCH_ROOM) {
			*cohort_out = chosen;
			return true;
		}
		if (room == MATCH_TABLE_FULL) {
			reason = STATS_THROTTLED_TABLE;
			break;
		}
		reason = STATS_THROTTLED_FLIGHT;
		flow_picker_busy(cohort->picker, *tuple);
	}
	throttle(sender, reason);
	return false;
}

static struct packet_source source_of(const struct flow_space *space, uint32_t tuple)
{
	struct flow_source from = flow_space_source(space, tuple);
	struct packet_source source = {.port = from.port};
	uint32_t ipv4;

	if (from.family == ADDRESS_IPV4) {
		memcpy(&ipv4, from.address, sizeof(ipv4));
		return packet_source_ipv4(be32toh(ipv4), from.port);
	}
	memcpy(source.ipv6, from.address, sizeof(source.ipv6));
	source.sum = packet_sum(from.address, sizeof(source.ipv6));
	return source;
}

static void craft(struct worker_sender *sender, struct rte_mbuf *mbuf, uint32_t tuple, uint16_t id,
                  uint32_t question)
{
	const struct packet_header *header = sender->header;
	const struct dns_query_set *queries = sender->queries;
	const struct dns_query *query =
	        &queries->queries[queries->generated != DNS_GENERATED_NONE ? 0 : question];
	struct packet_payload payload = {.wire = query->wire, .length = query->length, .sum = query->sum};
	struct packet_source source = source_of(sender->space, tuple);
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t label_sum = 0;

	if (!sender->resident) {
		packet_craft(frame, header, &source, &payload, id);
	}
	if (queries->generated != DNS_GENERATED_NONE) {
		label_sum = dns_label_write_sum(queries, question,
		                                frame + header->length + queries->label_offset);
	}
	if (sender->resident || label_sum != 0) {
		packet_patch(frame, header, &source, &payload, id, label_sum);
	}
	mbuf->data_len = (uint16_t)(header->length + query->length);
	mbuf->pkt_len = mbuf->data_len;
	mbuf->ol_flags = header->offload.flags;
	mbuf->l2_len = header->offload.l2_length;
	mbuf->l3_len = header->offload.l3_length;
}

static uint32_t next_question(struct worker_sender *sender)
{
	uint32_t question = sender->question;

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

// Craft up to `count` queries into pending[]. Fewer when the tuples or the table have no more room.
static void fill(struct worker_sender *sender, unsigned count, ns_t now)
{
	struct rte_mbuf *mbufs[WORKER_BURST];
	unsigned made = 0;

	if (rte_pktmbuf_alloc_bulk(sender->pool, mbufs, count) != 0) {
		throttle(sender, STATS_THROTTLED_MEMORY);
		return;
	}
	while (made < count && worker_sender_state(sender) == WORKER_SENDING) {
		uint32_t tuple, question;
		unsigned cohort;
		uint16_t id, age_class;
		struct flow_sent *record;

		if (!choose(sender, now, &cohort, &tuple, &id)) {
			break;
		}
		record = &sender->ledger[tuple];
		age_class =
		        record->last_sent == 0 ? STATS_AGE_FIRST : stats_age_class(now - record->last_sent);
		question = next_question(sender);
		craft(sender, mbufs[made], tuple, id, question);
		match_stage(sender->table, tuple, id, age_class, question, now);
		sender->pending[made] = mbufs[made];
		sender->pending_cohort[made] = (uint16_t)cohort;
		sender->pending_last_sent[made] = record->last_sent;
		record->last_sent = now;
		record->sent++;
		record->next_id = (uint16_t)(id + 1);
		flow_picker_used(sender->cohorts[cohort].picker, tuple, now);
		flow_mixer_take(&sender->mixer);
		if (sender->paced) {
			stats_histogram_add(&sender->stats->pacing, now - load_pacer_take(&sender->pacer));
		}
		sender->blocked = false;
		made++;
	}
	if (made < count) {
		rte_pktmbuf_free_bulk(&mbufs[made], count - made);
	}
	sender->pending_count = made;
	sender->pending_since = now;
}

// The port took the first `count` pending frames: count them, then publish, so that no outcome is counted
// before its query.
static void account(struct worker_sender *sender, unsigned count, ns_t now)
{
	struct stats_sender *stats = sender->stats;
	uint32_t interval = stats_interval(stats->shape, now);

	for (unsigned i = 0; i < count; i++) {
		struct match_query query = match_staged_query(sender->table, i, now);

		stats_count_sent(stats, sender->pending_cohort[i], query.age_class, interval);
	}
	stats->counters[STATS_SENT] += count;
	sender->sent += count;
	match_publish(sender->table, count);
	sender->pending_count -= count;
	if (sender->pending_count > 0) {
		memmove(sender->pending, sender->pending + count,
		        sender->pending_count * sizeof(sender->pending[0]));
		memmove(sender->pending_cohort, sender->pending_cohort + count,
		        sender->pending_count * sizeof(sender->pending_cohort[0]));
		memmove(sender->pending_last_sent, sender->pending_last_sent + count,
		        sender->pending_count * sizeof(sender->pending_last_sent[0]));
	}
}

static unsigned send_pending(struct worker_sender *sender, ns_t now)
{
	uint64_t bytes[WORKER_BURST];
	unsigned accepted;
	uint64_t total = 0;

	for (unsigned i = 0; i < sender->pending_count; i++) {
		bytes[i] = sender->pending[i]->pkt_len; // the port owns a frame once it has taken it
	}
	accepted = rte_eth_tx_burst(sender->port, sender->queue, sender->pending,
	                            (uint16_t)sender->pending_count);
	for (unsigned i = 0; i < accepted; i++) {
		total += bytes[i];
	}
	sender->stats->counters[STATS_SENT_BYTES] += total;
	if (accepted < sender->pending_count) {
		sender->stats->counters[STATS_TX_RETRIES]++;
	}
	account(sender, accepted, now);
	return accepted;
}

// The pending queries will not leave: they were never sent, and their tuples not used.
static void drop_pending(struct worker_sender *sender, ns_t now)
{
	for (unsigned i = sender->pending_count; i > 0; i--) {
		struct match_query query = match_staged_query(sender->table, i - 1, now);
		struct flow_sent *record = &sender->ledger[query.tuple];

		record->last_sent = sender->pending_last_sent[i - 1];
		record->sent--;
	}
	match_withdraw(sender->table);
	rte_pktmbuf_free_bulk(sender->pending, sender->pending_count);
	sender->stats->counters[STATS_TX_DROPPED] += sender->pending_count;
	sender->pending_count = 0;
}

// Frames that the port did not take before: try again, with a new send time, until patience ends.
static unsigned retry(struct worker_sender *sender, ns_t now)
{
	match_restamp(sender->table, 0, now);
	for (unsigned i = 0; i < sender->pending_count; i++) {
		sender->ledger[match_staged_query(sender->table, i, now).tuple].last_sent = now;
	}
	unsigned accepted = send_pending(sender, now);

	if (accepted > 0) {
		sender->pending_since = now;
	} else if (now - sender->pending_since > sender->patience) {
		drop_pending(sender, now);
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
		drop_pending(sender, 0);
	}
}

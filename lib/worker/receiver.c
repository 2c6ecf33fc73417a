#include "worker/receiver.h"

#include <rte_ethdev.h>
#include <rte_ring_elem.h>
#include <string.h>

#include "base/octets.h"
#include "neighbour.h"
#include "packet/mbuf.h"
#include "packet/plain.h"
#include "receiving.h"

// The path of a reply: classify() parses the frame and finds its tuple, while the query's place in the index
// comes to the cache; look_ahead() has its entry and its tuple's books come; settle() reads the message and
// ends the query. Each is a loop over the burst. Whatever a frame turns out to be, it is counted once.

// What every reply passes, in a loop over the burst: calls would cost a tenth of it all.
#define EVERY_REPLY __attribute__((always_inline)) static inline

// Arrivals whose entries are on their way into the cache while one is settled.
#define SETTLE_AHEAD 12

_Static_assert(WORKER_RECEIVE_BURST <= STATS_ANSWERS, "the answers of a burst are counted at its end");

// A first query has no query before it: it missed none.
#define FIRST_REST (NS_NEVER / 2)

// What becomes of a frame after the first pass.
enum next {
	NEXT_NOTHING, ///< it was counted, and is done with
	NEXT_SETTLE,
	NEXT_DISPATCH, ///< to the receiver of its tuple
};

// A frame of a burst between the two passes.
struct arrival {
	struct rte_mbuf *mbuf;
	ns_t arrived;
	struct packet_view view;
	struct worker_link *link; // of its tuple, when it is a reply
	uint32_t tuple;
	uint16_t id; // the message's
};

// A reply's message, which is read when its query is known: then one comparison with what was asked does for
// the walk over the name, too.
struct message {
	const struct worker_receiver *receiver;
	bool is_read;
	enum dns_reply_status status;
	struct dns_reply_to reply;
};

// Whether a message asks what was asked; reads it. One in bad form asks nothing.
static bool message_asks(const void *context, uint32_t question, const uint8_t *bytes, size_t length)
{
	struct message *message = *(struct message *const *)context;

	message->is_read = true;
	message->status = dns_reply_parse_to(message->receiver->queries, question, bytes, length,
	                                     message->receiver->want_nsid, &message->reply);
	return message->status == DNS_REPLY_OK && message->reply.asks;
}

EVERY_REPLY bool checksum_is_bad(const struct worker_receiver *receiver, const struct rte_mbuf *mbuf,
                                 const struct packet_view *view)
{
	enum packet_checksum checksum;

	if ((mbuf->ol_flags & receiver->checksum_flags) != 0 &&
	    ((mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD ||
	     (mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD)) {
		return true;
	}
	if (receiver->verify == WORKER_VERIFY_OFF) {
		return false;
	}
	if (receiver->verify == WORKER_VERIFY_UNMARKED && packet_is_marked_good(mbuf)) {
		return false;
	}
	checksum = packet_checksum_verify(view);
	return checksum == PACKET_CHECKSUM_BAD ||
	       (checksum == PACKET_CHECKSUM_PARTIAL && receiver->verify != WORKER_VERIFY_PARTIAL);
}

// Whether to look at a frame at all; if not, it is counted.
EVERY_REPLY bool is_welcome(struct worker_receiver *receiver, const struct arrival *arrival)
{
	if (memcmp(arrival->view.frame + 6, receiver->mac, sizeof(receiver->mac)) == 0) {
		// A packet socket also sees what the kernel sends from this interface.
		receiver_count(receiver, STATS_OTHER);
		return false;
	}
	if (checksum_is_bad(receiver, arrival->mbuf, &arrival->view)) {
		receiver_count(receiver, STATS_BAD_CHECKSUM);
		return false;
	}
	return true;
}

// An unusual frame goes to the capture, if there is one; its Ethernet padding does not.
static void keep(struct worker_receiver *receiver, const struct packet_view *view, enum capture_reason reason,
                 ns_t now)
{
	if (receiver->capture != NULL) {
		capture_take_frame(receiver->capture, reason, view->frame,
		                   (size_t)(view->transport - view->frame) + view->transport_length, now);
	}
}

static inline uint32_t lookup(const struct worker_receiver *receiver, uint8_t family, const uint8_t *address,
                              uint16_t port)
{
	uint32_t ipv4;

	if (family == ADDRESS_IPV6) {
		return flow_space_lookup6(receiver->space, address, port);
	}
	memcpy(&ipv4, address, sizeof(ipv4));
	return flow_space_lookup4(receiver->space, ipv4, port);
}

EVERY_REPLY bool is_service(const struct worker_receiver *receiver, uint8_t family, const uint8_t *address,
                            uint16_t port)
{
	if (family != receiver->service.family || port != receiver->service_port) {
		return false;
	}
	return family == ADDRESS_IPV4 ? memcmp(address, receiver->service.bytes, 4) == 0
	                              : octets_equal(address, receiver->service.bytes, 16);
}

static void count_malformed(struct worker_receiver *receiver, const struct packet_view *view, ns_t now)
{
	receiver_count(receiver, STATS_MALFORMED_DNS);
	keep(receiver, view, CAPTURE_MALFORMED, now);
}

// A datagram to a tuple of this receiver's: look at its DNS header. False when that ends it.
EVERY_REPLY bool read_header(struct worker_receiver *receiver, struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	if (!dns_reply_peek(view->payload, view->payload_length, &arrival->id)) {
		count_malformed(receiver, view, arrival->arrived);
		return false;
	}
	arrival->link = receiver_link(receiver, arrival->tuple);
	match_prefetch(arrival->link->table, arrival->tuple, arrival->id);
	receiver_prefetch_books(receiver, arrival->tuple);
	return true;
}

EVERY_REPLY enum next classify_datagram(struct worker_receiver *receiver, struct arrival *arrival)
{
	const struct packet_view *view = &arrival->view;

	arrival->tuple = lookup(receiver, view->family, view->destination, view->destination_port);
	if (arrival->tuple == FLOW_TUPLE_NONE) {
		receiver_count(receiver, STATS_FOREIGN);
		return NEXT_NOTHING;
	}
	if (!receiver_serves(receiver, arrival->tuple)) {
		return NEXT_DISPATCH;
	}
	return read_header(receiver, arrival) ? NEXT_SETTLE : NEXT_NOTHING;
}

// An ICMP error belongs to the receiver of the tuple that it quotes; one that quotes none of ours to whoever
// gets it.
static enum next classify_error(const struct worker_receiver *receiver, struct arrival *arrival)
{
	const struct packet_quote *quote = &arrival->view.quote;

	if (receiver->peer_count == 0) {
		return NEXT_SETTLE;
	}
	arrival->tuple = lookup(receiver, arrival->view.family, quote->source, quote->source_port);
	return arrival->tuple == FLOW_TUPLE_NONE || receiver_serves(receiver, arrival->tuple) ? NEXT_SETTLE
	                                                                                      : NEXT_DISPATCH;
}

static enum stats_receiver_counter refusal_counter(enum packet_unreachable reason)
{
	switch (reason) {
	case PACKET_UNREACHABLE_PORT:
		return STATS_REFUSED_PORT;
	case PACKET_UNREACHABLE_HOST:
	case PACKET_UNREACHABLE_NETWORK:
		return STATS_REFUSED_HOST;
	case PACKET_UNREACHABLE_ADMIN:
		return STATS_REFUSED_ADMIN;
	default:
		return STATS_REFUSED_OTHER;
	}
}

// An ICMP error: it refuses the query that it quotes. Returns false when that query is still being sent.
static bool settle_refusal(struct worker_receiver *receiver, const struct packet_view *view, ns_t now)
{
	const struct packet_quote *quote = &view->quote;
	uint32_t tuple = lookup(receiver, view->family, quote->source, quote->source_port);
	enum stats_receiver_counter reason;
	struct match_query query;
	struct worker_link *link;
	unsigned cohort;

	if (tuple == FLOW_TUPLE_NONE ||
	    !is_service(receiver, view->family, quote->destination, quote->destination_port)) {
		receiver_count(receiver, STATS_ICMP_UNMATCHED);
		keep(receiver, view, CAPTURE_ICMP, now);
		return true;
	}
	link = receiver_link(receiver, tuple);
	cohort = receiver_cohort(receiver, tuple);
	switch (match_refuse(link->table, tuple, quote->has_id ? quote->id : -1, now, &query)) {
	case MATCH_IS_ANSWER:
		reason = refusal_counter(quote->reason);
		receiver_count(receiver, reason);
		stats_count_refused(receiver->stats, cohort, query.age_class, query.sent_at,
		                    now - query.sent_at);
		flow_spells_failed(receiver->spells, &receiver->ledger[tuple], tuple, query.sent_at,
		                   reason == STATS_REFUSED_HOST ? FLOW_UNREACHABLE : FLOW_REFUSED);
		flow_answered_refusal(&receiver->ledger[tuple], query.id, query.sent_at);
		keep(receiver, view, CAPTURE_REFUSED, now);
		receiver_completed(link, 1);
		return true;
	case MATCH_IS_EARLY:
		return false;
	case MATCH_IS_DUPLICATE:
		receiver_count(receiver, STATS_DUPLICATE);
		keep(receiver, view, CAPTURE_DUPLICATE, now);
		return true;
	default:
		receiver_count(receiver, STATS_ICMP_UNMATCHED);
		keep(receiver, view, CAPTURE_ICMP, now);
		return true;
	}
}

// Count the answers of a burst. Only then their queries have ended for those who look on.
static void count_answers(struct worker_receiver *receiver)
{
	if (receiver->answers.count == 0) {
		return;
	}
	stats_count_answers(receiver->stats, &receiver->answers);
	for (unsigned i = 0; i < receiver->link_count; i++) {
		struct worker_link *link = &receiver->links[i];

		if (link->answered > 0) {
			receiver_completed(link, link->answered);
			link->answered = 0;
		}
	}
}

// The backend that an answer names.
__attribute__((noinline)) static uint16_t count_backend(struct stats_receiver *stats,
                                                        const struct dns_reply_to *reply, ns_t now)
{
	uint16_t backend = stats_backend_find(stats, reply->nsid, reply->nsid_length, false, now);

	stats->backends[backend].answered++;
	return backend == STATS_BACKEND_NONE ? FLOW_BACKEND_NONE : backend;
}

EVERY_REPLY void note_answer(struct worker_receiver *receiver, const struct arrival *arrival,
                             const struct dns_reply_to *reply, const struct match_query *query)
{
	struct stats_receiver *stats = receiver->stats;
	struct flow_answered *record = &receiver->ledger[arrival->tuple];
	ns_t now = arrival->arrived;
	ns_t rest_end =
	        query->age_class == STATS_AGE_FIRST ? FIRST_REST : stats_age_low(query->age_class + 1u);
	uint16_t backend = FLOW_BACKEND_NONE;

	if (reply->nsid != NULL) {
		backend = count_backend(stats, reply, now);
	}
	stats_answers_put(&receiver->answers, receiver_cohort(receiver, arrival->tuple), query->age_class,
	                  query->sent_at, now - query->sent_at);
	arrival->link->answered++;
	stats_count_rcode(stats, reply->rcode);
	stats->counters[STATS_REPLY_BYTES] += arrival->view.payload_length;
	stats->counters[STATS_TRUNCATED] += reply->truncated;
	if (flow_answered_missed(record, query->sent_at, rest_end)) {
		flow_spells_healed(receiver->spells, record, arrival->tuple, query->sent_at, rest_end);
	}
	flow_answered_answer(record, now, backend);
}

// A reply from another address than the service's: a client's connected socket would not see it, so its query
// stays in flight.
static bool settle_wrong_source(struct worker_receiver *receiver, const struct arrival *arrival,
                                enum match_result result, ns_t now)
{
	const struct packet_view *view = &arrival->view;
	char text[ADDRESS_TEXT_SIZE];
	struct address source;
	uint16_t backend;

	if (result == MATCH_IS_EARLY) {
		return false;
	}
	if (result != MATCH_IS_ANSWER) {
		receiver_count(receiver, STATS_UNEXPECTED);
		keep(receiver, view, CAPTURE_UNEXPECTED, now);
		return true;
	}
	receiver_count(receiver, STATS_WRONG_SOURCE);
	keep(receiver, view, CAPTURE_WRONG_SOURCE, now);
	source = packet_address(view, view->source);
	address_format(&source, text);
	backend = stats_backend_find(receiver->stats, (const uint8_t *)text, strlen(text), true, now);
	receiver->stats->backends[backend].wrong_source++;
	receiver->ledger[arrival->tuple].wrong_source +=
	        receiver->ledger[arrival->tuple].wrong_source < UINT16_MAX;
	return true;
}

// A reply that ends no query in time. Returns false when its query is still being sent: try again later.
__attribute__((noinline)) static bool settle_unusual(struct worker_receiver *receiver,
                                                     const struct arrival *arrival, struct message *message,
                                                     const struct match_query *query,
                                                     enum match_result result, bool from_service)
{
	const struct packet_view *view = &arrival->view;
	ns_t now = arrival->arrived;
	struct dns_reply reply;

	if (!message->is_read) { // there is no query to compare it with
		message->status =
		        dns_reply_parse(view->payload, view->payload_length, receiver->want_nsid, &reply);
	}
	if (message->status != DNS_REPLY_OK) {
		count_malformed(receiver, view, now);
		return true;
	}
	if (!from_service) {
		return settle_wrong_source(receiver, arrival, result, now);
	}
	switch (result) {
	case MATCH_IS_LATE:
		stats_count_late(receiver->stats, receiver_cohort(receiver, arrival->tuple), query->age_class,
		                 query->sent_at);
		receiver->ledger[arrival->tuple].late++;
		keep(receiver, view, CAPTURE_LATE, now);
		break;
	case MATCH_IS_DUPLICATE:
		receiver_count(receiver, STATS_DUPLICATE);
		receiver->ledger[arrival->tuple].duplicate++;
		keep(receiver, view, CAPTURE_DUPLICATE, now);
		break;
	case MATCH_IS_MISMATCH:
		receiver_count(receiver, STATS_MISMATCH);
		keep(receiver, view, CAPTURE_MISMATCH, now);
		break;
	case MATCH_IS_UNEXPECTED:
		receiver_count(receiver, STATS_UNEXPECTED);
		keep(receiver, view, CAPTURE_UNEXPECTED, now);
		break;
	case MATCH_IS_ANSWER: // the usual
	case MATCH_IS_EARLY:
		return false;
	}
	return true;
}

// A reply to one of our tuples. Returns false when its query is still being sent: try again later.
EVERY_REPLY bool settle_reply(struct worker_receiver *receiver, const struct arrival *arrival,
                              struct message *message)
{
	const struct packet_view *view = &arrival->view;
	struct match_question question = {message_asks, &message, view->payload, view->payload_length};
	bool from_service = is_service(receiver, view->family, view->source, view->source_port);
	struct match_query query;
	enum match_result result;

	message->is_read = false;
	result = match_reply(arrival->link->table, arrival->tuple, arrival->id, &question, from_service,
	                     arrival->arrived, &query);
	if (result != MATCH_IS_ANSWER || !from_service) {
		return settle_unusual(receiver, arrival, message, &query, result, from_service);
	}
	note_answer(receiver, arrival, &message->reply, &query);
	return true;
}

// A frame that carries no datagram.
__attribute__((noinline)) static enum next classify_other(struct worker_receiver *receiver,
                                                          struct arrival *arrival)
{
	switch (arrival->view.kind) {
	case PACKET_MALFORMED:
		receiver_count(receiver, STATS_MALFORMED_FRAME);
		return NEXT_NOTHING;
	case PACKET_FRAGMENT:
		receiver_count(receiver, STATS_FRAGMENT);
		return NEXT_NOTHING;
	case PACKET_OTHER:
		receiver_count(receiver, STATS_OTHER);
		return NEXT_NOTHING;
	default:
		break;
	}
	if (!is_welcome(receiver, arrival)) {
		return NEXT_NOTHING;
	}
	if (arrival->view.kind == PACKET_ICMP_UNREACHABLE) {
		return classify_error(receiver, arrival);
	}
	worker_neighbour_answer(receiver, &arrival->view);
	return NEXT_NOTHING;
}

// First pass.
EVERY_REPLY enum next classify(struct worker_receiver *receiver, struct arrival *arrival)
{
	enum packet_kind kind = packet_parse_inline(rte_pktmbuf_mtod(arrival->mbuf, const uint8_t *),
	                                            rte_pktmbuf_data_len(arrival->mbuf), &arrival->view);

	if (kind != PACKET_UDP) {
		return classify_other(receiver, arrival);
	}
	return is_welcome(receiver, arrival) ? classify_datagram(receiver, arrival) : NEXT_NOTHING;
}

EVERY_REPLY bool settle(struct worker_receiver *receiver, const struct arrival *arrival,
                        struct message *message)
{
	return arrival->view.kind == PACKET_UDP ? settle_reply(receiver, arrival, message)
	                                        : settle_refusal(receiver, &arrival->view, arrival->arrived);
}

static void put_aside(struct worker_receiver *receiver, struct rte_mbuf *mbuf, ns_t now)
{
	if (receiver->early_count == WORKER_EARLY) {
		// More than all senders' bursts together: these can't be answers to queries that are being
		// sent.
		receiver_count(receiver, STATS_UNEXPECTED);
		rte_pktmbuf_free(mbuf);
		return;
	}
	receiver_count(receiver, STATS_EARLY);
	receiver->early[receiver->early_count++] = (struct worker_frame){mbuf, now};
}

// A frame that parsed well before: restore what the first pass knew of it, but for its message.
static void restore(const struct worker_receiver *receiver, struct arrival *arrival,
                    const struct worker_frame *frame)
{
	struct packet_view *view = &arrival->view;

	arrival->mbuf = frame->mbuf;
	arrival->arrived = frame->arrived;
	packet_parse(rte_pktmbuf_mtod(frame->mbuf, const uint8_t *), rte_pktmbuf_data_len(frame->mbuf), view);
	if (view->kind == PACKET_UDP) {
		arrival->tuple = lookup(receiver, view->family, view->destination, view->destination_port);
	}
}

// Replies that overtook the return of the burst call that sent their query: look whether it has been
// published since.
static void retry_early(struct worker_receiver *receiver)
{
	struct message message = {.receiver = receiver};
	unsigned kept = 0;

	for (unsigned i = 0; i < receiver->early_count; i++) {
		struct arrival arrival;

		if (receiver->answers.count == STATS_ANSWERS) {
			count_answers(receiver);
		}
		restore(receiver, &arrival, &receiver->early[i]);
		if (arrival.view.kind == PACKET_UDP) {
			arrival.link = receiver_link(receiver, arrival.tuple);
			dns_reply_peek(arrival.view.payload, arrival.view.payload_length, &arrival.id);
		}
		if (settle(receiver, &arrival, &message)) {
			rte_pktmbuf_free(arrival.mbuf);
		} else {
			receiver->early[kept++] = receiver->early[i];
		}
	}
	receiver->early_count = kept;
	count_answers(receiver);
}

// Second pass: the place in the index has come, and says where the query's entry is.
EVERY_REPLY void look_ahead(const struct arrival *arrival)
{
	if (arrival->view.kind == PACKET_UDP) {
		match_prefetch_entry(arrival->link->table, arrival->tuple, arrival->id);
	}
}

// Second pass. What is done with goes behind the others in `done`; returns how many there are.
static unsigned settle_burst(struct worker_receiver *receiver, const struct arrival *arrivals, unsigned known,
                             struct rte_mbuf **done, unsigned done_count)
{
	const struct arrival *end = arrivals + known;
	const struct arrival *ahead = arrivals + (known < SETTLE_AHEAD ? known : SETTLE_AHEAD);
	struct message message;

	message.receiver = receiver;
	for (const struct arrival *arrival = arrivals; arrival < ahead; arrival++) {
		look_ahead(arrival);
	}
	for (const struct arrival *arrival = arrivals; arrival < end; arrival++) {
		if (ahead < end) {
			look_ahead(ahead++);
		}
		if (settle(receiver, arrival, &message)) {
			done[done_count++] = arrival->mbuf;
		} else {
			put_aside(receiver, arrival->mbuf, arrival->arrived);
		}
	}
	count_answers(receiver);
	return done_count;
}

static void handle_burst(struct worker_receiver *receiver, struct rte_mbuf **mbufs, unsigned received,
                         ns_t now)
{
	struct arrival arrivals[WORKER_RECEIVE_BURST], *arrival = arrivals;
	struct worker_away away[WORKER_RECEIVE_BURST];
	struct rte_mbuf *done[WORKER_RECEIVE_BURST];
	unsigned done_count = 0, away_count = 0;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < received; i++) {
		if (i + 4 < received) {
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 4], void *));
		}
		bytes += mbufs[i]->pkt_len;
		arrival->mbuf = mbufs[i];
		arrival->arrived = now;
		switch (classify(receiver, arrival)) {
		case NEXT_SETTLE:
			arrival++;
			break;
		case NEXT_DISPATCH:
			away[away_count++] = (struct worker_away){mbufs[i], arrival->tuple};
			break;
		case NEXT_NOTHING:
			done[done_count++] = mbufs[i];
		}
	}
	if (away_count > 0) {
		receiver_dispatch(receiver, away, away_count, now);
	}
	done_count = settle_burst(receiver, arrivals, (unsigned)(arrival - arrivals), done, done_count);
	packet_free(done, done_count);
	receiver->stats->counters[STATS_RECEIVED] += received;
	receiver->stats->counters[STATS_RECEIVED_BYTES] += bytes;
}

void worker_receiver_handle(struct worker_receiver *receiver, struct rte_mbuf **frames, unsigned count,
                            ns_t now)
{
	for (unsigned i = 0; i < receiver->link_count; i++) {
		match_catch_up_if_wanted(receiver->links[i].table);
	}
	if (receiver->early_count > 0) {
		retry_early(receiver);
	}
	if (count > 0) {
		handle_burst(receiver, frames, count, now);
	}
}

// What others polled and handed over: counted as received and checked there, all else is done here.
static void handle_handed(struct worker_receiver *receiver, const struct worker_frame *frames, unsigned count)
{
	struct arrival arrivals[WORKER_RECEIVE_BURST];
	struct rte_mbuf *done[WORKER_RECEIVE_BURST];
	unsigned known = 0, done_count = 0;

	for (unsigned i = 0; i < count; i++) {
		struct arrival *arrival = &arrivals[known];

		if (i + 4 < count) {
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + 4].mbuf, void *));
		}
		restore(receiver, arrival, &frames[i]);
		if (arrival->view.kind != PACKET_UDP || read_header(receiver, arrival)) {
			known++;
		} else {
			done[done_count++] = arrival->mbuf;
		}
	}
	done_count = settle_burst(receiver, arrivals, known, done, done_count);
	packet_free(done, done_count);
}

unsigned worker_receiver_take(struct worker_receiver *receiver, bool *more)
{
	struct worker_frame frames[WORKER_RECEIVE_BURST];
	unsigned total = 0;

	for (unsigned i = 0; i < receiver->peer_count; i++) {
		unsigned count = rte_ring_sc_dequeue_burst_elem(receiver->peers[i].from, frames,
		                                                sizeof(*frames), WORKER_RECEIVE_BURST, NULL);

		handle_handed(receiver, frames, count);
		*more |= count == WORKER_RECEIVE_BURST;
		total += count;
	}
	return total;
}

void worker_receiver_expire(struct worker_receiver *receiver, ns_t now)
{
	if (receiver->early_count > 0) {
		retry_early(receiver);
	}
	receiver_expire(receiver, now);
}

ns_t worker_receiver_next(const struct worker_receiver *receiver, ns_t now)
{
	ns_t next = NS_NEVER;

	for (unsigned i = 0; i < receiver->link_count; i++) {
		ns_t expiry = match_next_expiry(receiver->links[i].table, now);

		next = expiry < next ? expiry : next;
	}
	return next;
}

void worker_receiver_finish(struct worker_receiver *receiver)
{
	bool more = receiver->peer_count > 0;

	while (more) {
		more = false;
		worker_receiver_take(receiver, &more);
	}
	if (receiver->early_count > 0) {
		retry_early(receiver);
	}
	for (unsigned i = 0; i < receiver->early_count; i++) {
		rte_pktmbuf_free(receiver->early[i].mbuf);
		receiver_count(receiver, STATS_UNEXPECTED);
	}
	receiver->early_count = 0;
}

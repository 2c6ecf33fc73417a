// The way of a frame out of the director: what is due, the translation, the faults of the network.
#include "state.h"

#include "packet/mbuf.h"
#include "packet/parse.h"

#include <rte_mbuf.h>

#include <string.h>

void director_drop(struct director *director, enum director_drop reason)
{
	director->counters.drops[reason]++;
}

struct rte_mbuf *director_allocate(struct director *director)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(director->pool);

	if (mbuf == NULL) {
		director_drop(director, DIRECTOR_DROP_NO_MBUF);
	}
	return mbuf;
}

bool director_put_out(struct director *director, struct rte_mbuf *mbuf, uint16_t queue)
{
	if (director->output_tail - director->output_head > director->output_mask) {
		rte_pktmbuf_free(mbuf);
		return false;
	}
	director->outputs[director->output_tail++ & director->output_mask] =
	        (struct output){.mbuf = mbuf, .queue = queue};
	return true;
}

struct transit *director_hold(struct director *director, ns_t at, struct rte_mbuf *mbuf)
{
	uint32_t slot;

	if (!queue_push(&director->queue, at, &slot)) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_PENDING);
		return NULL;
	}
	return &director->transits[slot];
}

/** Give a reply to the caller, and count it as what it is. */
static void finish(struct director *director, struct rte_mbuf *mbuf, uint16_t queue, uint64_t *counter)
{
	if (director_put_out(director, mbuf, queue)) {
		(*counter)++;
	} else {
		director_drop(director, DIRECTOR_DROP_OUTPUT);
	}
}

/** Let a frame out, through the faults of the network; `counter` counts it when it got through. */
static void emit(struct director *director, ns_t at, struct rte_mbuf *mbuf, uint16_t queue, uint64_t *counter)
{
	const struct director_faults *faults = &director->options.faults;
	struct transit *late;

	if (director_happens(director, faults->loss_out)) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_FAULT_LOSS_OUT);
		return;
	}
	if (director_happens(director, faults->duplicate_out)) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, director->pool, 0, UINT32_MAX);

		if (copy != NULL && director_put_out(director, copy, queue)) {
			director->counters.duplicated++;
		}
	}
	if (faults->jitter_out == 0) {
		finish(director, mbuf, queue, counter);
		return;
	}
	late = director_hold(director, at + random_below(&director->random, faults->jitter_out + 1), mbuf);
	if (late != NULL) {
		*late = (struct transit){
		        .kind = TRANSIT_WIRE, .mbuf = mbuf, .queue = queue, .counter = counter};
	}
}

/** The port that a real server answers a query from. */
static uint16_t port_of(const struct backend *backend, const struct transit *transit)
{
	return backend->options.port != 0 ? backend->options.port : transit->service_port;
}

/** A reply that leaves otherwise than it was written, or through faults of the network. */
static void send_disturbed(struct director *director, ns_t at, const struct transit *transit, bool translated)
{
	const struct director_faults *faults = &director->options.faults;
	const struct backend *backend = &director->backends[transit->backend];
	uint16_t length = transit->length;
	uint8_t *frame = rte_pktmbuf_mtod(transit->mbuf, uint8_t *);
	bool truncated, corrupted;

	translated = translated && !director_happens(director, faults->wrong_source_out);
	truncated = director_happens(director, faults->truncate_out);
	if (!translated) {
		frames_move_reply(frame, transit->layout, &backend->options.address,
		                  port_of(backend, transit));
	}
	if (truncated) {
		length = (uint16_t)random_below(&director->random, length);
	}
	if (!translated || truncated) {
		director_set_length(transit->mbuf, frames_finish_reply(frame, transit->layout, length));
	}
	corrupted = length > 0 && director_happens(director, faults->corrupt_out);
	if (!corrupted) {
		transit->mbuf->ol_flags |= PACKET_MARKS_GOOD;
	} else {
		uint64_t bit = random_below(&director->random, (uint64_t)length * 8);

		frame[transit->layout.header + bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	director->counters.truncated += truncated;
	director->counters.corrupted += corrupted;
	emit(director, at, transit->mbuf, transit->queue,
	     translated ? &director->counters.answered : &director->counters.own_source);
}

/** A real server's reply passes the director: translated, or not. */
static void send_reply(struct director *director, ns_t at, const struct transit *transit)
{
	struct backend *backend = &director->backends[transit->backend];
	struct rte_mbuf *mbuf = transit->mbuf;
	struct address client;
	bool translated;
	uint16_t service;

	if (backend->life != transit->life) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_BACKEND_DIED);
		return;
	}
	backend->answered++;
	client = frames_client(rte_pktmbuf_mtod(mbuf, uint8_t *), transit->layout);
	translated =
	        ipvs_packet_out(director->ipvs, at, &client, transit->client_port, transit->server, &service);
	if (!translated || director->disturbs_out) {
		send_disturbed(director, at, transit, translated);
		return;
	}
	mbuf->ol_flags |= PACKET_MARKS_GOOD;
	finish(director, mbuf, transit->queue, &director->counters.answered);
}

static void send_unreachable(struct director *director, ns_t at, const struct transit *transit)
{
	uint8_t *frame = rte_pktmbuf_mtod(transit->mbuf, uint8_t *);
	struct address client = frames_client(frame, transit->layout);
	uint16_t service;

	if (!limiter_allow(&director->limiter, at, &client)) {
		rte_pktmbuf_free(transit->mbuf);
		director_drop(director, DIRECTOR_DROP_ICMP_LIMIT);
		return;
	}
	if (transit->server != SERVER_NONE &&
	    !ipvs_find_reply(director->ipvs, at, &client, transit->client_port, transit->server, &service)) {
		// Without a connection the client sees what the real server saw, and its socket does not know
		// it.
		const struct backend *backend = &director->backends[transit->backend];

		frames_move_unreachable(frame, transit->layout, &backend->options.address,
		                        port_of(backend, transit), transit->length);
	}
	emit(director, at, transit->mbuf, transit->queue,
	     transit->host ? &director->counters.unreachable : &director->counters.refused);
}

/** A query that came late reaches the load balancer. */
static void bring_late(struct director *director, ns_t at, const struct transit *transit)
{
	struct rte_mbuf *mbuf = transit->mbuf;
	struct packet_view view;

	packet_parse(rte_pktmbuf_mtod(mbuf, uint8_t *), transit->length, &view);
	director_deliver(director, at, &view, transit->queue);
	rte_pktmbuf_free(mbuf);
}

static void run_transit(struct director *director, ns_t at, const struct transit *transit)
{
	switch (transit->kind) {
	case TRANSIT_QUERY:
		bring_late(director, at, transit);
		break;
	case TRANSIT_REPLY:
		send_reply(director, at, transit);
		break;
	case TRANSIT_ICMP:
		send_unreachable(director, at, transit);
		break;
	case TRANSIT_WIRE:
		finish(director, transit->mbuf, transit->queue, transit->counter);
		break;
	}
}

void director_run_due(struct director *director, ns_t now)
{
	struct queue_entry entry;

	while (queue_pop(&director->queue, now, &entry)) {
		// What it leads to may take its place: director_hold() comes last in all of it, when nothing
		// of it is looked at any more.
		queue_release(&director->queue, entry.slot);
		run_transit(director, entry.at, &director->transits[entry.slot]);
	}
}

unsigned director_transmit(struct director *director, ns_t now, struct rte_mbuf **frames, unsigned max)
{
	unsigned count = 0;

	director_advance(director, now);
	while (count < max && director->output_head != director->output_tail) {
		frames[count++] = director->outputs[director->output_head++ & director->output_mask].mbuf;
	}
	return count;
}

// The director behind an ethdev.
#include "state.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

// Tries to hand a burst to a port before the rest is dropped: as long as a NIC's queue takes to move on.
#define TRANSMIT_TRIES 16

static void transmit(struct director *director, uint16_t port, uint16_t queue, struct rte_mbuf **frames,
                     uint16_t count)
{
	uint16_t sent = 0;

	for (unsigned tries = 0; tries < TRANSMIT_TRIES && sent < count; tries++) {
		sent += rte_eth_tx_burst(port, queue, frames + sent, (uint16_t)(count - sent));
	}
	director->transmitted += sent;
	if (sent < count) {
		director->counters.drops[DIRECTOR_DROP_PORT] += (unsigned)(count - sent);
		rte_pktmbuf_free_bulk(frames + sent, (unsigned)(count - sent));
	}
}

/** At most `max` frames for one queue, as they come. Returns their number. */
static uint16_t take_burst(struct director *director, struct rte_mbuf **frames, uint16_t max, uint16_t *queue)
{
	uint16_t count = 0;

	while (count < max && director->output_head != director->output_tail) {
		const struct output *output =
		        &director->outputs[director->output_head & director->output_mask];

		if (count > 0 && output->queue != *queue) {
			break;
		}
		*queue = output->queue;
		frames[count++] = output->mbuf;
		director->output_head++;
	}
	return count;
}

uint64_t director_transmitted(const struct director *director)
{
	return director->transmitted;
}

/** Hand to the port what is due, by the queue that its query came from. Returns the number of frames. */
static unsigned send_due(struct director *director, uint16_t port, unsigned max)
{
	struct rte_mbuf *frames[DIRECTOR_BURST];
	unsigned left = max;
	uint16_t count, queue;

	while (left > 0 && director->output_head != director->output_tail) {
		count = take_burst(director, frames,
		                   (uint16_t)(left < DIRECTOR_BURST ? left : DIRECTOR_BURST), &queue);
		transmit(director, port, queue, frames, count);
		left -= count;
	}
	return max - left;
}

unsigned director_port_pass(struct director *director, uint16_t port, uint16_t queues, ns_t now)
{
	director_advance(director, now);
	// No more than may come in and a burst: a long backlog must not starve the receive queues.
	return send_due(director, port, (queues + 1u) * DIRECTOR_BURST);
}

unsigned director_port_step(struct director *director, uint16_t port, uint16_t queues, ns_t now)
{
	struct rte_mbuf *frames[DIRECTOR_BURST];
	unsigned received = 0;

	for (uint16_t queue = 0; queue < queues; queue++) {
		uint16_t count = rte_eth_rx_burst(port, queue, frames, DIRECTOR_BURST);

		if (count > 0) {
			director_receive_from(director, now, queue, frames, count);
			received += count;
		}
	}
	return received + director_port_pass(director, port, queues, now);
}

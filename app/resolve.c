#include "resolve.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <string.h>

#include "interrupt.h"

static void send_frame(const struct port *port, struct rte_mempool *pool, const uint8_t *frame, size_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	if (mbuf == NULL) {
		return;
	}
	memcpy(rte_pktmbuf_mtod(mbuf, void *), frame, length);
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	if (rte_eth_tx_burst(port->id, 0, &mbuf, 1) == 0) {
		rte_pktmbuf_free(mbuf); // the next probe tries again
	}
}

static void answer_request(const struct port *port, struct rte_mempool *pool, const struct packet_view *view,
                           const struct packet_station *own)
{
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	struct address asked;

	if (view->kind != PACKET_ARP_REQUEST && view->kind != PACKET_ND_SOLICIT) {
		return;
	}
	asked = packet_address(view, view->neighbour.target);
	if (!address_equal(&asked, &own->address)) {
		return;
	}
	// Some next hops ask who asks before they answer.
	if (view->kind == PACKET_ARP_REQUEST) {
		send_frame(port, pool, frame, packet_arp_reply(frame, view, own->mac));
	} else {
		send_frame(port, pool, frame, packet_nd_advert(frame, view, own->mac));
	}
}

static void receive(const struct port *port, struct rte_mempool *pool, struct packet_neighbour *neighbour)
{
	struct rte_mbuf *mbufs[32];
	struct packet_view view;

	for (uint16_t queue = 0; queue < port->rx_queues; queue++) {
		unsigned count = rte_eth_rx_burst(port->id, queue, mbufs, 32);

		for (unsigned i = 0; i < count; i++) {
			packet_parse(rte_pktmbuf_mtod(mbufs[i], const uint8_t *),
			             rte_pktmbuf_data_len(mbufs[i]), &view);
			packet_neighbour_received(neighbour, &view);
			answer_request(port, pool, &view, &neighbour->options.own);
		}
		rte_pktmbuf_free_bulk(mbufs, count);
	}
}

int resolve_neighbour(const struct port *port, const struct packet_neighbour_options *options,
                      const char *place, struct rte_mempool *pool, const struct clock *clock, uint8_t mac[6],
                      struct error *error)
{
	struct packet_neighbour neighbour;
	uint8_t frame[PACKET_NEIGHBOUR_FRAME_MAX];
	int rc = packet_neighbour_start(&neighbour, options, clock_now(clock), error);

	while (rc == 0 && neighbour.state != PACKET_NEIGHBOUR_RESOLVED) {
		int length = packet_neighbour_step(&neighbour, clock_now(clock), frame, error);

		if (length < 0) {
			rc = length;
		} else if (length > 0) {
			send_frame(port, pool, frame, (size_t)length);
		}
		receive(port, pool, &neighbour);
		if (interrupt_count() > 0) {
			rc = error_set(error, -EINTR, "interrupted while resolving the next hop");
		}
		rte_delay_us_sleep(200);
	}
	if (rc < 0 && error->source[0] == '\0') {
		snprintf(error->source, sizeof(error->source), "%s", place);
	}
	if (rc == 0) {
		memcpy(mac, neighbour.mac, sizeof(neighbour.mac));
	}
	return rc;
}

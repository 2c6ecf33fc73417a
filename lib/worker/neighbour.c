#include "neighbour.h"

#include <string.h>

#include "packet/neighbour.h"

// Hand a frame to the sender that sends our answers. The receiver itself has no send queue: a port may have
// just one a worker.
static void hand_over(struct worker_receiver *receiver, struct rte_mbuf *mbuf, size_t length,
                      enum stats_receiver_counter counter)
{
	if (length == 0) {
		rte_pktmbuf_free(mbuf);
		return;
	}
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
	if (rte_ring_enqueue(receiver->control, mbuf) != 0) {
		rte_pktmbuf_free(mbuf);
		receiver->stats->counters[STATS_CONTROL_DROPPED]++;
		return;
	}
	receiver->stats->counters[counter]++;
}

void worker_neighbour_answer(struct worker_receiver *receiver, const struct packet_view *view)
{
	bool echo = view->kind == PACKET_ICMP_ECHO_REQUEST;
	struct address asked;
	struct rte_mbuf *mbuf;
	uint8_t *frame;

	if (!echo && view->kind != PACKET_ARP_REQUEST && view->kind != PACKET_ND_SOLICIT) {
		receiver->stats->counters[STATS_OTHER]++;
		return;
	}
	asked = packet_address(view, echo ? view->destination : view->neighbour.target);
	if (receiver->control == NULL || !flow_space_owns(receiver->space, &asked)) {
		receiver->stats->counters[STATS_OTHER]++; // the link's other stations
		return;
	}
	mbuf = rte_pktmbuf_alloc(receiver->control_pool);
	if (mbuf == NULL) {
		receiver->stats->counters[STATS_CONTROL_DROPPED]++;
		return;
	}
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	if (echo) {
		hand_over(receiver, mbuf,
		          packet_echo_reply(frame, rte_pktmbuf_tailroom(mbuf), view, receiver->mac),
		          STATS_ECHO);
	} else if (view->kind == PACKET_ARP_REQUEST) {
		hand_over(receiver, mbuf, packet_arp_reply(frame, view, receiver->mac), STATS_NEIGHBOUR);
	} else {
		hand_over(receiver, mbuf, packet_nd_advert(frame, view, receiver->mac), STATS_NEIGHBOUR);
	}
}

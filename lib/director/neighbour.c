// The director as a station on the link: it answers ARP, neighbour discovery and pings.
#include "packet/neighbour.h"

#include "state.h"

#include <rte_mbuf.h>

/** Is it the address of a service? */
static bool is_service_address(const struct director *director, const struct address *address)
{
	for (unsigned i = 0; i < director->options.service_count; i++) {
		if (address_equal(&director->services[i].address, address)) {
			return true;
		}
	}
	return false;
}

/** True of the addresses that are the director's for ARP, ND and pings. */
static bool is_own_address(const struct director *director, const struct address *address)
{
	const struct address *own = &director->options.own;

	return is_service_address(director, address) ||
	       (own->family != ADDRESS_NONE && address_equal(own, address));
}

void director_answer_neighbour(struct director *director, const struct packet_view *view, uint16_t queue)
{
	bool echo = view->kind == PACKET_ICMP_ECHO_REQUEST;
	struct address asked = packet_address(view, echo ? view->destination : view->neighbour.target);
	struct address asking = packet_address(view, view->source);
	struct rte_mbuf *mbuf;
	uint8_t *frame;
	size_t length;

	// Who probes for an address or announces its own wants no answer from a gateway.
	if (!is_own_address(director, &asked) &&
	    (!director->options.proxy_neighbours || !address_is_unicast(&asking) ||
	     address_equal(&asked, &asking))) {
		director_drop(director, DIRECTOR_DROP_FOREIGN);
		return;
	}
	mbuf = rte_pktmbuf_alloc(director->pool);
	if (mbuf == NULL) {
		director_drop(director, DIRECTOR_DROP_NEIGHBOUR);
		return;
	}
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	if (echo) {
		length = packet_echo_reply(frame, rte_pktmbuf_tailroom(mbuf), view, director->options.mac);
	} else if (view->kind == PACKET_ARP_REQUEST) {
		length = packet_arp_reply(frame, view, director->options.mac);
	} else {
		length = packet_nd_advert(frame, view, director->options.mac);
	}
	if (length == 0) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_IGNORED);
		return;
	}
	director_set_length(mbuf, length);
	if (director_put_out(director, mbuf, queue)) {
		director->counters.neighbours++;
	} else {
		director_drop(director, DIRECTOR_DROP_NEIGHBOUR);
	}
}

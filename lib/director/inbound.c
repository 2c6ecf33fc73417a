// The way of a frame into the director: parsing, the IPVS model, the real servers.
#include "packet/mbuf.h"
#include "packet/parse.h"
#include "state.h"

#include <rte_mbuf.h>

#include <string.h>

// A frame in several segments is read into one buffer of this size.
#define FRAME_MAX    2048
#define SERVICE_NONE UINT16_MAX

/** Prepare an ICMP destination unreachable for `at`. */
static void hold_unreachable(struct director *director, ns_t at, const struct packet_view *view,
                             uint16_t queue, uint16_t server, bool host)
{
	struct frame_layout layout = frames_layout(view);
	size_t length = frames_quote_length(view);
	struct rte_mbuf *mbuf = director_allocate(director);
	struct transit *transit;
	uint8_t *frame;

	if (mbuf == NULL) {
		return;
	}
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	memcpy(frame + layout.header, view->network, length);
	director_set_length(
	        mbuf, frames_write_unreachable(frame, layout, view, director->options.mac, host, length));
	transit = director_hold(director, at, mbuf);
	if (transit != NULL) {
		*transit = (struct transit){
		        .kind = TRANSIT_ICMP,
		        .mbuf = mbuf,
		        .length = (uint16_t)length,
		        .server = server,
		        .backend = server != SERVER_NONE ? director->backend_of[server] : 0,
		        .queue = queue,
		        .client_port = view->source_port,
		        .service_port = view->destination_port,
		        .layout = layout,
		        .host = host,
		};
	}
}

/** Prepare a real server's reply for `at`. */
static void hold_reply(struct director *director, ns_t at, const struct packet_view *view, uint16_t queue,
                       uint16_t server, uint16_t index)
{
	struct backend *backend = &director->backends[index];
	struct frame_layout layout = frames_layout(view);
	size_t room = director->options.mtu - FRAMES_TRANSPORT_LENGTH -
	              (size_t)(view->family == ADDRESS_IPV6 ? FRAMES_IPV6_LENGTH : FRAMES_IPV4_LENGTH);
	struct rte_mbuf *mbuf = director_allocate(director);
	struct transit *transit;
	uint8_t *frame;
	int length;

	if (mbuf == NULL) {
		return;
	}
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	length = dns_answer_write(view->payload, view->payload_length, &backend->answer,
	                          frame + layout.header, room);
	if (length < 0) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_BACKEND_QUERY);
		return;
	}
	director_set_length(mbuf,
	                    frames_write_reply(frame, layout, view, director->options.mac, (size_t)length));
	transit = director_hold(director, at, mbuf);
	if (transit != NULL) {
		*transit = (struct transit){
		        .kind = TRANSIT_REPLY,
		        .mbuf = mbuf,
		        .life = backend->life,
		        .length = (uint16_t)length,
		        .server = server,
		        .backend = index,
		        .queue = queue,
		        .client_port = view->source_port,
		        .service_port = view->destination_port,
		        .layout = layout,
		};
	}
}

static void hand_to_backend(struct director *director, ns_t now, const struct packet_view *view,
                            uint16_t queue, uint16_t server)
{
	uint16_t index = director->backend_of[server];
	ns_t at = now;

	switch (backend_receive(&director->backends[index], now, &at)) {
	case BACKEND_ANSWERS:
		hold_reply(director, at, view, queue, server, index);
		break;
	case BACKEND_REFUSES:
		hold_unreachable(director, at, view, queue, server, false);
		break;
	case BACKEND_UNREACHABLE:
		hold_unreachable(director, at, view, queue, server, true);
		break;
	case BACKEND_SILENT:
		director_drop(director, DIRECTOR_DROP_BACKEND_DEAD);
		break;
	case BACKEND_LOSES:
		director_drop(director, DIRECTOR_DROP_BACKEND_LOSS);
		break;
	case BACKEND_OVERFLOWS:
		director_drop(director, DIRECTOR_DROP_BACKEND_QUEUE);
		break;
	}
}

/**
 * The service that a datagram is for. Returns false when not even its address is a service's; SERVICE_NONE
 * when only its port is not.
 */
static bool find_service(const struct director *director, const struct packet_view *view, uint16_t *service)
{
	bool known = false;

	*service = SERVICE_NONE;
	for (unsigned i = 0; i < director->options.service_count; i++) {
		const struct director_service *candidate = &director->services[i];

		if (!frames_is_address(&candidate->address, view->family, view->destination)) {
			continue;
		}
		known = true;
		if (candidate->port == view->destination_port) {
			*service = (uint16_t)i;
			break;
		}
	}
	return known;
}

/** A query reaches the load balancer proper. */
static void deliver(struct director *director, ns_t now, const struct packet_view *view, uint16_t service,
                    uint16_t queue)
{
	static const enum director_drop drops[IPVS_REASONS] = {
	        [IPVS_REASON_DELETED] = DIRECTOR_DROP_DELETED,
	        [IPVS_REASON_LAZY] = DIRECTOR_DROP_LAZY,
	        [IPVS_REASON_OVERLOAD] = DIRECTOR_DROP_OVERLOAD,
	        [IPVS_REASON_MEMORY] = DIRECTOR_DROP_TABLE_FULL,
	};
	struct ipvs_result result = {.decision = IPVS_LOCAL, .reason = IPVS_REASON_NO_SERVICE};

	if (service != SERVICE_NONE) {
		struct ipvs_key key = {.client = frames_address(view->family, view->source),
		                       .client_port = view->source_port,
		                       .service = service};

		result = ipvs_packet_in(director->ipvs, now, &key);
	}
	switch (result.decision) {
	case IPVS_FORWARD:
		hand_to_backend(director, now, view, queue, result.server);
		break;
	case IPVS_DROP:
		director_drop(director, drops[result.reason]);
		break;
	case IPVS_REFUSE:
	case IPVS_LOCAL:
		// Nothing listens on the service's address itself.
		hold_unreachable(director, now, view, queue, SERVER_NONE, false);
		break;
	}
}

void director_deliver(struct director *director, ns_t now, const struct packet_view *view, uint16_t queue)
{
	uint16_t service;

	find_service(director, view, &service);
	deliver(director, now, view, service, queue);
}

/** One copy of a query on its way in through the faults of the network, which may be late. */
static void bring_in(struct director *director, ns_t now, const struct packet_view *view, size_t length,
                     uint16_t service, uint16_t queue)
{
	const struct director_faults *faults = &director->options.faults;
	struct transit *transit;
	struct rte_mbuf *mbuf;

	director->counters.queries++;
	if (director_happens(director, faults->loss_in)) {
		director_drop(director, DIRECTOR_DROP_FAULT_LOSS_IN);
		return;
	}
	if (director_happens(director, faults->corrupt_in)) {
		director_drop(director, DIRECTOR_DROP_FAULT_CORRUPT_IN);
		return;
	}
	if (faults->jitter_in == 0) {
		deliver(director, now, view, service, queue);
		return;
	}
	mbuf = director_allocate(director);
	if (mbuf == NULL) {
		return;
	}
	if (length > rte_pktmbuf_tailroom(mbuf)) {
		rte_pktmbuf_free(mbuf);
		director_drop(director, DIRECTOR_DROP_IGNORED);
		return;
	}
	memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), view->frame, length);
	director_set_length(mbuf, length);
	transit = director_hold(director, now + random_below(&director->random, faults->jitter_in + 1), mbuf);
	if (transit != NULL) {
		*transit = (struct transit){
		        .kind = TRANSIT_QUERY, .mbuf = mbuf, .length = (uint16_t)length, .queue = queue};
	}
}

static void take_udp(struct director *director, ns_t now, const struct packet_view *view, size_t length,
                     uint16_t queue)
{
	uint16_t service;

	if (!find_service(director, view, &service)) {
		director_drop(director, DIRECTOR_DROP_FOREIGN);
		return;
	}
	if (!director->disturbs_in) {
		director->counters.queries++;
		deliver(director, now, view, service, queue);
		return;
	}
	if (director_happens(director, director->options.faults.duplicate_in)) {
		bring_in(director, now, view, length, service, queue);
	}
	bring_in(director, now, view, length, service, queue);
}

/** Whether the checksums of a frame are to be looked at. */
static bool is_to_verify(const struct director *director, const struct rte_mbuf *mbuf)
{
	return director->options.verify_checksums &&
	       (!director->options.verify_unmarked || !packet_is_marked_good(mbuf));
}

static bool is_corrupt(const struct director *director, const struct packet_view *view)
{
	enum packet_checksum checksum = packet_checksum_verify(view);

	return checksum == PACKET_CHECKSUM_BAD ||
	       (checksum == PACKET_CHECKSUM_PARTIAL && director->options.refuse_partial);
}

static bool is_own_mac(const struct director *director, const uint8_t *mac)
{
	// Of a size that the compiler does without a call.
	return memcmp(mac, director->options.mac, 4) == 0 &&
	       memcmp(mac + 4, director->options.mac + 4, 2) == 0;
}

static void take_frame(struct director *director, ns_t now, const uint8_t *frame, size_t length, bool verify,
                       uint16_t queue)
{
	struct packet_view view;

	if (packet_parse(frame, length, &view) == PACKET_MALFORMED) {
		director_drop(director, DIRECTOR_DROP_MALFORMED);
		return;
	}
	if ((frame[0] & 1) == 0 && !is_own_mac(director, frame)) {
		director_drop(director, DIRECTOR_DROP_FOREIGN);
		return;
	}
	if (verify && is_corrupt(director, &view)) {
		director_drop(director, DIRECTOR_DROP_CHECKSUM);
		return;
	}
	switch (view.kind) {
	case PACKET_UDP:
		take_udp(director, now, &view, length, queue);
		break;
	case PACKET_ARP_REQUEST:
	case PACKET_ND_SOLICIT:
	case PACKET_ICMP_ECHO_REQUEST:
		director_answer_neighbour(director, &view, queue);
		break;
	default:
		director_drop(director, DIRECTOR_DROP_IGNORED);
		break;
	}
}

/** A frame in several segments, read into one buffer; NULL when it is too long. */
static const uint8_t *join_segments(const struct rte_mbuf *mbuf, uint8_t buffer[FRAME_MAX])
{
	return mbuf->pkt_len <= FRAME_MAX ? rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, buffer) : NULL;
}

void director_receive_from(struct director *director, ns_t now, uint16_t queue, struct rte_mbuf **frames,
                           unsigned count)
{
	uint8_t buffer[FRAME_MAX];

	director_advance(director, now);
	director->counters.received += count;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *frame = frames[i]->nb_segs == 1 ? rte_pktmbuf_mtod(frames[i], const uint8_t *)
		                                               : join_segments(frames[i], buffer);

		if (frame != NULL) {
			take_frame(director, now, frame, frames[i]->pkt_len,
			           is_to_verify(director, frames[i]), queue);
		} else {
			director_drop(director, DIRECTOR_DROP_IGNORED);
		}
	}
	packet_free(frames, count);
}

void director_receive(struct director *director, ns_t now, struct rte_mbuf **frames, unsigned count)
{
	director_receive_from(director, now, 0, frames, count);
}

void director_foresee(struct director *director, const struct address *client, uint16_t client_port)
{
	ipvs_foresee(director->ipvs, client, client_port);
}

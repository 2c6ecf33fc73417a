#pragma once
// What the files of the director share. Private to the director.

#include "director/director.h"
#include "frames.h"
#include "limiter.h"
#include "queue.h"

#include "packet/parse.h"

#include <rte_mbuf.h>

#define SERVER_NONE UINT16_MAX

enum transit_kind {
	TRANSIT_QUERY, ///< late on its way in; the mbuf holds the frame
	TRANSIT_REPLY, ///< in the hands of a real server; the mbuf holds the frame as it is if translated
	TRANSIT_ICMP,  ///< an ICMP error to come; the mbuf holds the frame as it is if translated
	TRANSIT_WIRE,  ///< late on its way out; the mbuf holds the frame
};

/** A query or a reply on its way. */
struct transit {
	struct rte_mbuf *mbuf;
	uint64_t *counter;     ///< of a frame that is late on its way out
	uint32_t life;         ///< of the backend that took the query
	uint16_t length;       ///< of what lies behind the headers; of a query: of the frame
	uint16_t server;       ///< of the IPVS model; SERVER_NONE: the director itself speaks
	uint16_t backend;      ///< that the query went to
	uint16_t queue;        ///< that the query came by
	uint16_t client_port;  ///< of the query
	uint16_t service_port; ///< of the query
	struct frame_layout layout;
	uint8_t kind; ///< enum transit_kind
	bool host;    ///< ICMP host, not port unreachable
};

struct output {
	struct rte_mbuf *mbuf;
	uint16_t queue;
};

struct director {
	struct director_options options;
	struct director_counters counters;
	struct ipvs *ipvs;
	struct rte_mempool *pool;
	struct random random;
	bool disturbs_in;  ///< there are faults on the way in
	bool disturbs_out; ///< there are faults on the way out
	struct limiter limiter;
	ns_t now;
	uint64_t transmitted; ///< frames that a port took
	struct queue queue;
	struct transit *transits;
	struct output *outputs; ///< ring of frames whose time has come
	uint32_t output_mask;
	uint32_t output_head;
	uint32_t output_tail;
	struct director_service *services;
	struct backend *backends;
	unsigned backend_count;
	uint16_t *backend_of; ///< by the server's id in the IPVS model
	unsigned server_count;
};

/** Deliver the late queries and send the replies that are due by `now`. */
void director_run_due(struct director *director, ns_t now);

/** Let time pass, with all that is due by `now`. */
static inline void director_advance(struct director *director, ns_t now)
{
	if (queue_next(&director->queue) <= now) {
		director_run_due(director, now);
	}
	director->now = now;
}

/** A query reaches the load balancer proper. */
void director_deliver(struct director *director, ns_t now, const struct packet_view *view, uint16_t queue);

/** Answer a request by ARP or ND, or a ping. */
void director_answer_neighbour(struct director *director, const struct packet_view *view, uint16_t queue);

void director_drop(struct director *director, enum director_drop reason);

/** Draw whether something of this probability happens. */
static inline bool director_happens(struct director *director, double probability)
{
	return probability > 0 && random_double(&director->random) < probability;
}

/** A buffer of the director's pool; NULL, counted, when there is none. */
struct rte_mbuf *director_allocate(struct director *director);

/** Give a frame to the caller of director_transmit(). Frees it and returns false when there is no room. */
bool director_put_out(struct director *director, struct rte_mbuf *mbuf, uint16_t queue);

/**
 * Put something on its way until `at`: returns the place for the caller to fill, or NULL when there is no
 * room, and then the mbuf is freed and counted.
 */
struct transit *director_hold(struct director *director, ns_t at, struct rte_mbuf *mbuf);

static inline void director_set_length(struct rte_mbuf *mbuf, size_t length)
{
	mbuf->data_len = (uint16_t)length;
	mbuf->pkt_len = (uint32_t)length;
}

/** Take frames as director_receive() does; replies remember the queue. */
void director_receive_from(struct director *director, ns_t now, uint16_t queue, struct rte_mbuf **frames,
                           unsigned count);

/** Start a backend and put it into the list without listing it in the IPVS model. Returns its index or a
 * negative errno. */
int director_add_backend(struct director *director, const struct backend_options *options,
                         struct error *error);

/** List a backend in every service of its family. Returns 0 or a negative errno. */
int director_list_backend(struct director *director, ns_t now, unsigned index, uint32_t weight,
                          struct error *error);

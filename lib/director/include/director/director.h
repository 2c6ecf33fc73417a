#pragma once
// A load balancer and its real servers as a device on the wire: frames in, frames out, the IPVS model in
// between (NAT mode). It takes the frames that it is given and builds its own from its own pool. What it did
// with each query is counted, so that what a client concludes can be checked. The owner is one thread; time
// is the caller's; nothing is allocated but mbufs.

#include "base/error.h"
#include "base/units.h"
#include "director/backend.h"
#include "director/ipvs.h"
#include "scenario/scenario.h"

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

/** Frames that one call of director_port_step() takes from a queue at most. */
#define DIRECTOR_BURST 32

/** A virtual service. Every real server of its family stands behind it. */
struct director_service {
	struct address address;
	uint16_t port;
	struct ipvs_service_options options;
};

/** What the network does to packets besides. Probabilities, drawn for each packet; all zero: nothing. */
struct director_faults {
	double loss_in;  ///< queries
	double loss_out; ///< replies and ICMP errors
	double duplicate_in;
	double duplicate_out;
	double corrupt_in;       ///< a bit flips, the director drops it for its checksum
	double corrupt_out;      ///< a bit of the DNS message flips, its checksum stays
	double truncate_out;     ///< the DNS message is cut at a random octet, in a well-formed datagram
	double wrong_source_out; ///< a reply leaves from the real server's address for no reason
	ns_t jitter_in;          ///< a query comes late by up to this much: order is lost
	ns_t jitter_out;
};

/** Start from director_options_default(). What is borrowed must live until director_create() returns. */
struct director_options {
	struct ipvs_options ipvs;
	const struct director_service *services; ///< borrowed
	unsigned service_count;
	const struct backend_options
	        *backends; ///< borrowed; added in this order, so the last one is listed first
	unsigned backend_count;
	uint8_t mac[6];
	struct address own;    ///< of the director itself, for which it answers ARP, ND and pings as for the
	                       ///< services'; ADDRESS_NONE: none
	bool proxy_neighbours; ///< answer ARP and ND for every address, as a gateway would
	bool verify_checksums; ///< of what comes in
	bool verify_unmarked;  ///< but not of what is marked as good both for IP and for UDP
	bool refuse_partial;   ///< a checksum that the sending kernel left to an offload is a bad one, too
	uint16_t mtu;
	struct director_faults faults;
	ns_t icmp_ratelimit;        ///< one ICMP error a peer in this time (burst 6); 0 = off; Linux: 1 s
	uint32_t icmp_msgs_per_sec; ///< ICMP errors in all (burst 50); 0 = off; Linux: 1000
	uint32_t pending;           ///< replies that may be on their way at a time
	uint64_t seed;
};

/** Why the director gave no reply to a query, or let a frame go. One counter each. */
enum director_drop {
	DIRECTOR_DROP_MALFORMED, ///< a broken frame
	DIRECTOR_DROP_CHECKSUM,  ///< a bad checksum
	DIRECTOR_DROP_FOREIGN,   ///< for another station or address
	DIRECTOR_DROP_IGNORED,   ///< well-formed and of no interest (ICMP errors, fragments, other protocols)
	DIRECTOR_DROP_NEIGHBOUR, ///< no room for an answer to ARP, ND or a ping
	DIRECTOR_DROP_DELETED,   ///< IPVS: its connection's real server is deleted
	DIRECTOR_DROP_LAZY,      ///< IPVS: the same, and the connection expires by it
	DIRECTOR_DROP_OVERLOAD,  ///< IPVS: drop_packet
	DIRECTOR_DROP_TABLE_FULL,    ///< IPVS: no room for a connection
	DIRECTOR_DROP_BACKEND_DEAD,  ///< the real server is dead
	DIRECTOR_DROP_BACKEND_DIED,  ///< it died with the query in hand
	DIRECTOR_DROP_BACKEND_LOSS,  ///< it lost it by chance
	DIRECTOR_DROP_BACKEND_QUEUE, ///< its queue was full
	DIRECTOR_DROP_BACKEND_QUERY, ///< it was no DNS query
	DIRECTOR_DROP_FAULT_LOSS_IN,
	DIRECTOR_DROP_FAULT_CORRUPT_IN,
	DIRECTOR_DROP_FAULT_LOSS_OUT, ///< of a reply or an ICMP error
	DIRECTOR_DROP_ICMP_LIMIT,     ///< an ICMP error above the rate limits
	DIRECTOR_DROP_NO_MBUF,        ///< the pool is empty
	DIRECTOR_DROP_PENDING,        ///< no room for a reply on its way
	DIRECTOR_DROP_OUTPUT,         ///< the caller did not fetch the replies
	DIRECTOR_DROP_PORT, ///< the port did not take a frame, which was counted as what it is before
	DIRECTOR_DROPS,
};

/**
 * Counters since the start; monotonic. Every query (and every copy of one) ends as answered, own_source,
 * refused, unreachable or one of the drops from DELETED to OUTPUT; until then it is in director_pending().
 */
struct director_counters {
	uint64_t received;    ///< frames
	uint64_t queries;     ///< datagrams to a service, copies and those lost by a fault included
	uint64_t neighbours;  ///< ARP, ND and echo requests answered
	uint64_t answered;    ///< replies from a service's address
	uint64_t own_source;  ///< replies from a real server's own address
	uint64_t refused;     ///< ICMP port unreachable
	uint64_t unreachable; ///< ICMP host unreachable
	uint64_t duplicated;  ///< replies sent twice, the copies
	uint64_t corrupted;   ///< replies damaged, whatever became of them
	uint64_t truncated;   ///< replies damaged, whatever became of them
	uint64_t drops[DIRECTOR_DROPS];
};

struct director;

/** No faults, no limits, Linux's MTU, 64 Ki replies on their way, checksums verified. */
struct director_options director_options_default(void);

/**
 * Bring a director up with its services and real servers. `pool` is for its own frames, with data rooms that
 * hold an MTU, and must outlive it. Returns 0, or a negative errno with the reason in `error`.
 */
int director_create(struct director **out, const struct director_options *options, struct rte_mempool *pool,
                    struct error *error);

/** Free it and the replies that it holds. NULL is fine. */
void director_destroy(struct director *director);

/** See ipvs_foresee(). */
void director_foresee(struct director *director, const struct address *client, uint16_t client_port);

/** Take `count` frames at `now`, which never decreases over all calls. The frames are freed, and never
 * written to. */
void director_receive(struct director *director, ns_t now, struct rte_mbuf **frames, unsigned count);

/** Give up to `max` frames whose time has come, in the order of their times. They become the caller's. */
unsigned director_transmit(struct director *director, ns_t now, struct rte_mbuf **frames, unsigned max);

/**
 * When director_transmit() has something next; NS_NEVER when nothing is on its way. Timers of the connection
 * table do not count: nobody sees them but the next packet.
 */
ns_t director_next(const struct director *director);

/**
 * Do what an event says. Marks and commands are none of its business and succeed; a roll must have been
 * expanded. Returns 0, or a negative errno with the reason in `error`: no real server of that name, or it is
 * not (or already) listed.
 */
int director_apply(struct director *director, ns_t now, const struct scenario_event *event,
                   struct error *error);

/** Let all that is due by `now` happen, the table's timers included: then the counters tell how it stands. */
void director_settle(struct director *director, ns_t now);

/** Counters since the start. */
const struct director_counters *director_counters(const struct director *director);

/** Queries and replies on their way. */
unsigned director_pending(const struct director *director);

/** The IPVS model, for its table and counters. */
const struct ipvs *director_ipvs(const struct director *director);

/** Real servers, in the order of their appearance; NULL beyond the last. */
const struct backend *director_backend(const struct director *director, unsigned index);

/** How a real server stands in a service, both by their index. Returns 0, or -ENOENT when it never stood
 * there. */
int director_listing(const struct director *director, unsigned index, unsigned service,
                     struct ipvs_server_state *state);

/** What a drop counter counts, in a few words. */
const char *director_drop_name(enum director_drop drop);

/**
 * One turn on an ethdev: a burst from each of `queues` queues, what is due out again by the queue that its
 * query came from, with a bounded number of tries. Returns the number of frames moved either way: 0 means
 * idle.
 */
unsigned director_port_step(struct director *director, uint16_t port, uint16_t queues, ns_t now);

/** The same without a look at the receive queues: for whoever knows that nothing has come. */
unsigned director_port_pass(struct director *director, uint16_t port, uint16_t queues, ns_t now);

/** Frames that ports took from director_port_step() so far: it grows when there is something to receive at
 * the other end. */
uint64_t director_transmitted(const struct director *director);

#pragma once
// What Linux IPVS does with UDP flows, without packets: virtual services, real servers, schedulers, the
// connection table and its timers. After net/netfilter/ipvs and kernel/time/timer.c; every rule names the
// function that it follows. Time is the caller's and never goes back. The owner is one thread; nothing is
// allocated while packets pass.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ipvs_scheduler {
	IPVS_RR,  ///< round robin
	IPVS_WRR, ///< weighted round robin
	IPVS_LC,  ///< least connections
	IPVS_WLC, ///< weighted least connections
	IPVS_SH,  ///< source hashing
	IPVS_SCHEDULERS,
};

/** Director-wide options. Start from ipvs_options_default(). */
struct ipvs_options {
	ns_t udp_timeout;        ///< ipvsadm --set 0 0 N; at least one second
	bool expire_nodest_conn; ///< sysctl: expire connections of a deleted real server
	bool lazy;      ///< kernel < 5.9: no flush, and a packet of a deleted real server is always dropped
	bool conntrack; ///< conntrack hooks and sysctl vs/conntrack=1
	bool expire_quiescent_template; ///< sysctl: a template of a weight-0 real server is not used for new
	                                ///< ports
	uint32_t drop_rate;             ///< drop_packet=3 with this am_droprate: every n-th new flow; 0 = off
	unsigned hz;                    ///< 100, 250, 300 or 1000
	uint64_t first_jiffy;           ///< jiffies at time 0: the phase of the timer wheel
	ns_t flush_delay;               ///< from a deletion to its flush; 0 = a work item of one jiffy
	ns_t conntrack_timeout;         ///< nf_conntrack_udp_timeout
	ns_t conntrack_stream_timeout;  ///< nf_conntrack_udp_timeout_stream
	uint32_t connections; ///< room in the table; no more are accepted (out of memory, a silent drop)
	uint64_t seed;        ///< of the table's hash
};

/** Options of one virtual service. */
struct ipvs_service_options {
	enum ipvs_scheduler scheduler;
	bool one_packet;            ///< -o
	bool hash_port;             ///< flag sh-port
	bool hash_fallback;         ///< flag sh-fallback
	ns_t persistence;           ///< -p; 0 = off
	uint8_t persistence_length; ///< prefix length of -M; 0 = the whole address
};

enum ipvs_decision {
	IPVS_FORWARD, ///< to the real server
	IPVS_DROP,    ///< silence
	IPVS_REFUSE,  ///< ICMP port unreachable: the scheduler found no real server
	IPVS_LOCAL,   ///< left to the local stack: not ours (no such service, or none at all)
};

/** Why a packet was dropped, refused or left alone. */
enum ipvs_reason {
	IPVS_REASON_NONE,       ///< forwarded
	IPVS_REASON_DELETED,    ///< its connection's real server is deleted (expire_nodest_conn=0)
	IPVS_REASON_LAZY,       ///< as above, and the connection expires by it (expire_nodest_conn=1)
	IPVS_REASON_OVERLOAD,   ///< drop_packet
	IPVS_REASON_MEMORY,     ///< no room in the table
	IPVS_REASON_NO_SERVER,  ///< no real server has a weight
	IPVS_REASON_NO_SERVICE, ///< no such virtual service
	IPVS_REASONS,
};

/** A packet from a client to a service. */
struct ipvs_key {
	struct address client;
	uint16_t client_port; ///< host order
	uint16_t service;     ///< as ipvs_service_add or ipvs_service_find gave it
};

/** What was decided about a packet from a client. */
struct ipvs_result {
	enum ipvs_decision decision;
	enum ipvs_reason reason;
	uint16_t server; ///< valid with IPVS_FORWARD
	bool scheduled;  ///< a new connection (or, with one_packet, a new choice) was made for it
};

/** One line of ipvsadm -Lnc. */
struct ipvs_entry {
	struct address client;
	uint16_t client_port; ///< 0: a persistence template
	uint16_t service;
	uint16_t server;
	ns_t left; ///< until its timer is due; 0 while the timer wheel is late
};

/** Counters since the start; monotonic. */
struct ipvs_counters {
	uint64_t packets_in;
	uint64_t packets_out;
	uint64_t decisions[IPVS_LOCAL + 1];
	uint64_t reasons[IPVS_REASONS];
	uint64_t scheduled;    ///< connections made, and one-packet choices
	uint64_t expired;      ///< by their timers
	uint64_t flushed;      ///< by the flush that follows a deletion
	uint64_t translated;   ///< replies that left from the service's address
	uint64_t untranslated; ///< replies without a connection
	uint64_t most;         ///< connections and templates in the table at a time
};

/** A real server of one service as ipvsadm -Ln lists it. */
struct ipvs_server_state {
	struct address address;
	uint16_t port;
	bool listed; ///< false: never added to this service, or deleted from it
	uint32_t weight;
	uint32_t connections; ///< InActConn; those of a deleted real server too
};

struct ipvs;

/** Kernel defaults: 300 s, sysctls off, HZ 250, 1 Mi connections. */
struct ipvs_options ipvs_options_default(void);

/** Bytes that a director of these options holds once it has seen `flows` flows. */
uint64_t ipvs_memory(const struct ipvs_options *options, uint64_t flows);

/** Make a director with an empty table. Returns 0, -EINVAL, -ERANGE or -ENOMEM with the reason in `error`. */
int ipvs_create(struct ipvs **out, const struct ipvs_options *options, struct error *error);

/** Free it. NULL is fine. */
void ipvs_destroy(struct ipvs *ipvs);

/**
 * Bring to the cache what ipvs_packet_in() will look at for a client, some packets before it. For whoever
 * hands packets over one by one; nothing but time depends on it.
 */
void ipvs_foresee(struct ipvs *ipvs, const struct address *client, uint16_t client_port);

/**
 * A packet from a client (ip_vs_in_hook). `key->service` may name a service that was deleted. Times must not
 * decrease over all calls.
 */
struct ipvs_result ipvs_packet_in(struct ipvs *ipvs, ns_t now, const struct ipvs_key *key);

/**
 * A packet from a real server to a client (handle_response). Returns true when it leaves from the service's
 * address, which also refreshes its connection; `service` then says which. False: no connection, it leaves
 * from the server's own.
 */
bool ipvs_packet_out(struct ipvs *ipvs, ns_t now, const struct address *client, uint16_t client_port,
                     uint16_t server, uint16_t *service);

/**
 * Would a packet from a real server leave from the service's address? Nothing is refreshed: so it is with
 * ICMP errors (ip_vs_out_icmp), which are translated when this is true.
 */
bool ipvs_find_reply(struct ipvs *ipvs, ns_t now, const struct address *client, uint16_t client_port,
                     uint16_t server, uint16_t *service);

/** Add or re-create a virtual service. Returns its id (the same one for ever), or -EEXIST, -EINVAL, -ENOMEM,
 * -ENOSPC. */
int ipvs_service_add(struct ipvs *ipvs, ns_t now, const struct address *address, uint16_t port,
                     const struct ipvs_service_options *options, struct error *error);

/** Delete a virtual service and its real servers (-D). Returns 0 or -ENOENT. */
int ipvs_service_delete(struct ipvs *ipvs, ns_t now, uint16_t service);

/** Id of a virtual service that exists or existed, or -ENOENT. */
int ipvs_service_find(const struct ipvs *ipvs, const struct address *address, uint16_t port);

/** Address and port of a service. Returns 0 or -ENOENT. */
int ipvs_service_address(const struct ipvs *ipvs, uint16_t service, struct address *address, uint16_t *port);

/**
 * Add a real server (-a), at the head of the list as the kernel does. A deleted one that connections still
 * refer to comes back to life with them. Returns its id, the same for one address and port for ever and in
 * all services; or -ENOENT, -EEXIST, -ENOMEM, -ENOSPC, -EINVAL.
 */
int ipvs_server_add(struct ipvs *ipvs, ns_t now, uint16_t service, const struct address *address,
                    uint16_t port, uint32_t weight, struct error *error);

/** Delete a real server (-d). Returns 0 or -ENOENT. */
int ipvs_server_remove(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server);

/** Change its weight (-e -w). Returns 0, -ENOENT or -EINVAL. */
int ipvs_server_set_weight(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server, uint32_t weight);

/** Upper and lower connection thresholds (-x, -y); 0 = none. Returns 0 or -ENOENT. */
int ipvs_server_set_thresholds(struct ipvs *ipvs, ns_t now, uint16_t service, uint16_t server, uint32_t upper,
                               uint32_t lower);

/** State of a real server in a service. Returns 0, or -ENOENT when it was never there. */
int ipvs_server_state(const struct ipvs *ipvs, uint16_t service, uint16_t server,
                      struct ipvs_server_state *state);

/** ipvsadm --set 0 0 N: an existing connection takes it at its next packet; 0 keeps the old value. */
void ipvs_set_udp_timeout(struct ipvs *ipvs, ns_t now, ns_t timeout);

/** sysctls, from `now` on. */
void ipvs_set_expire_nodest_conn(struct ipvs *ipvs, ns_t now, bool on);
void ipvs_set_expire_quiescent_template(struct ipvs *ipvs, ns_t now, bool on);
void ipvs_set_conntrack(struct ipvs *ipvs, ns_t now, bool on);
void ipvs_set_drop_rate(struct ipvs *ipvs, ns_t now, uint32_t rate);

/** Run the timers and the flush that are due by `now`. Every call that takes `now` does so by itself. */
void ipvs_expire(struct ipvs *ipvs, ns_t now);

/** When a timer or a flush is due next; NS_NEVER when nothing is. Never later than the truth. */
ns_t ipvs_next(const struct ipvs *ipvs);

/** Connections and templates in the table. */
uint32_t ipvs_table_count(const struct ipvs *ipvs);

/** Call `visit` for each connection, in no particular order, until it returns false. The table must not be
 * changed. */
void ipvs_table_foreach(const struct ipvs *ipvs, bool (*visit)(void *context, const struct ipvs_entry *entry),
                        void *context);

/** Counters since the start. */
const struct ipvs_counters *ipvs_counters(const struct ipvs *ipvs);

/** The name of a scheduler as ipvsadm writes it ("rr"), and back: 0 or -EINVAL with the names in `error`. */
const char *ipvs_scheduler_name(enum ipvs_scheduler scheduler);
int ipvs_scheduler_parse(const char *name, enum ipvs_scheduler *scheduler, struct error *error);

/** What a reason means, in a few words. */
const char *ipvs_reason_name(enum ipvs_reason reason);

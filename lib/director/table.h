#pragma once
// What the files of the IPVS model share: destinations, services, connections. Private to the director.

#include "base/fixed.h"
#include "director/ipvs.h"
#include "wheel.h"

#define SH_BUCKETS 256 ///< IP_VS_SH_TAB_SIZE
#define TABLE_NONE UINT32_MAX
// A flow's bucket comes to the cache by so many flows before its connection.
#define TABLE_FORESEEN 4
// Jiffies fit 32 bits with room for the wheel's cutoff.
#define TIMEOUT_JIFFIES_MAX (UINT32_MAX / 4)
#define SERVERS_MAX         UINT16_MAX

/** A real server in a service (struct ip_vs_dest). It lives as long as the director: "in the trash" is
 * `listed == false`. */
struct destination {
	struct destination *prev; ///< in the list of its service, while listed
	struct destination *next;
	uint16_t index; ///< in ipvs->destinations
	uint16_t service;
	uint16_t server;
	bool listed; ///< IP_VS_DEST_F_AVAILABLE
	bool overload;
	uint32_t weight;
	uint32_t connections; ///< inactconns
	uint32_t templates;   ///< persistconns
	uint32_t upper;
	uint32_t lower;
};

/** struct ip_vs_service and what its scheduler keeps. */
struct service {
	struct address address;
	uint16_t port;
	bool listed;
	struct ipvs_service_options options;
	struct destination head; ///< sentinel of the list of its destinations
	struct destination *current;
	int64_t current_weight; ///< wrr: cw, mw and di of struct ip_vs_wrr_mark
	int64_t max_weight;
	int64_t step;
	struct destination *buckets[SH_BUCKETS];
};

/** An address and port that is or was a real server. */
struct server {
	struct address address;
	uint16_t port;
};

/** struct ip_vs_conn: all that a packet of a known flow touches, in one cache line. */
struct connection {
	uint8_t client[16];
	uint64_t expires; ///< jiffies
	struct wheel_node timer;
	uint32_t timeout;   ///< jiffies
	uint32_t hash_next; ///< also the list of free ones
	uint32_t control;   ///< its template
	uint32_t controls;  ///< connections that it is the template of
	uint16_t client_port;
	uint16_t service;
	uint16_t destination;
	uint8_t family;
	bool is_template;
	bool used;
	bool invalid; ///< a template that check_template() took out
};

_Static_assert(sizeof(struct connection) == WHEEL_STRIDE, "the wheel finds its timers");

/** What conntrack knows of a connection's packets. */
struct conntrack {
	ns_t until;       ///< confirmed before this time
	ns_t stream_from; ///< replies seen after this time make it a stream
	bool replied;
};

struct ipvs {
	struct ipvs_options options;
	struct ipvs_counters counters;
	struct wheel wheel;
	ns_t now;
	ns_t due; ///< nothing is to be done before this time
	ns_t flush_at;
	ns_t jiffy_length;
	struct fixed_ratio per_jiffy;
	uint64_t jiffies;
	ns_t jiffy_end;
	uint64_t timeout; ///< the UDP timeout in jiffies
	int64_t drop_counter;
	struct connection *connections;
	struct conntrack *conntracks;
	bool tracked; ///< conntrack is or was on: `conntracks` has been written to
	uint32_t *heads;
	uint32_t mask;
	uint32_t foreseen[TABLE_FORESEEN]; ///< ring of the buckets of ipvs_foresee()'s last flows
	uint32_t foreseen_count;
	uint32_t free; ///< list of those that were used and are free again
	uint32_t top;  ///< none from here on was ever used: what walks the table stops here
	uint32_t count;
	struct service **services;
	uint16_t service_count;
	uint16_t listed_ipv4; ///< services: the hooks of a family are registered while it has any
	uint16_t listed_ipv6;
	struct server *servers;
	uint32_t server_count;
	uint32_t server_room;
	struct destination **destinations;
	uint32_t destination_count;
	uint32_t destination_room;
};

/** init_service of the scheduler: no destination is listed. */
void scheduler_bind(struct service *service);

/** add_dest and upd_dest: after the list or a weight changed. */
void scheduler_changed(struct service *service);

/** del_dest, after `gone` was unlinked; its `next` is still right. */
void scheduler_removed(struct service *service, const struct destination *gone);

/** schedule: a destination for a new flow, NULL when there is none. */
struct destination *scheduler_pick(struct service *service, const struct address *client,
                                   uint16_t client_port);

/** Run the timers that are due by `now`. */
void table_run_timers(struct ipvs *ipvs, ns_t now);

/** Make time pass: timers, then what `now` says. */
static inline void table_advance(struct ipvs *ipvs, ns_t now)
{
	if (now >= ipvs->jiffy_end || now >= ipvs->due) {
		table_run_timers(ipvs, now);
	}
	ipvs->now = now;
}

/** Make a connection to a destination, not armed yet. TABLE_NONE when the table is full. */
uint32_t table_create(struct ipvs *ipvs, const struct ipvs_key *key, struct destination *destination,
                      bool is_template);

/** Find out anew when there is something to do, after a timer moved. */
void table_update_due(struct ipvs *ipvs);

/** Arm a connection's timer with its timeout (__ip_vs_conn_put_timer). */
static inline void table_arm(struct ipvs *ipvs, uint32_t index)
{
	struct connection *c = &ipvs->connections[index];

	c->expires = ipvs->jiffies + c->timeout;
	if (wheel_arm(&ipvs->wheel, index, c->expires, ipvs->jiffies)) {
		table_update_due(ipvs);
	}
}

/** Let a connection expire at the next jiffy (ip_vs_conn_expire_now). */
void table_expire_now(struct ipvs *ipvs, uint32_t index);

/** Keep a template from being found again (ip_vs_check_template). */
void table_invalidate(struct ipvs *ipvs, uint32_t index);

/** A destination was deleted: flush its connections soon, if the options say so
 * (ip_vs_enqueue_expire_nodest_conns). */
void table_schedule_flush(struct ipvs *ipvs);

/** Bind and unbind a flow to a destination's counters and thresholds (ip_vs_bind_dest, ip_vs_unbind_dest). */
void destination_bind(struct destination *destination, bool is_template);
void destination_unbind(struct destination *destination, bool is_template);

/** Are the hooks of a client's family registered? */
static inline bool table_is_hooked(const struct ipvs *ipvs, uint8_t family)
{
	return (family == ADDRESS_IPV6 ? ipvs->listed_ipv6 : ipvs->listed_ipv4) > 0;
}

/** Jiffies of a duration. */
uint64_t table_jiffies(const struct ipvs *ipvs, ns_t duration);

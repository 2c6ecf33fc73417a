#pragma once
// The plan: every setting of one run, checked against each other and immutable. config_finish() makes it,
// plan_free() frees it with all that it points to; in between any thread may read it. Made of the rooms' own
// option structs, so that what a room takes is what the plan holds.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"
#include "director/director.h"
#include "dns/query.h"
#include "flow/space.h"
#include "load/profile.h"
#include "scenario/scenario.h"
#include "stats/counters.h"

#include <stdbool.h>
#include <stdint.h>

enum plan_driver {
	PLAN_DRIVER_AUTO, ///< never in a finished plan
	PLAN_DRIVER_AF_PACKET,
	PLAN_DRIVER_AF_XDP,
	PLAN_DRIVER_XDP_LIVE, ///< receives as AF_XDP, sends by XDP live frames
	PLAN_DRIVER_TAP,
	PLAN_DRIVER_PCI,
	PLAN_DRIVER_DEVICE,
	PLAN_DRIVER_DIRECTOR, ///< the director model inside the process
	PLAN_DRIVERS,
};

/** Whether the driver's device is an interface that the kernel keeps. */
static inline bool plan_driver_has_interface(enum plan_driver driver)
{
	return driver == PLAN_DRIVER_AF_PACKET || driver == PLAN_DRIVER_AF_XDP ||
	       driver == PLAN_DRIVER_XDP_LIVE;
}

/** Whether checksums of received frames are verified. */
enum plan_verify {
	PLAN_VERIFY_AUTO, ///< where the driver doesn't hand over the kernel's unfinished ones
	PLAN_VERIFY_ON,
	PLAN_VERIFY_OFF,
};

enum plan_offload {
	PLAN_OFFLOAD_AUTO, ///< what the port has
	PLAN_OFFLOAD_OFF,
};

/** How replies get to their receivers, where there are several. */
enum plan_steering {
	PLAN_STEERING_AUTO, ///< by flow rules where the port takes them, else by software
	PLAN_STEERING_FLOW, ///< by flow rules, or not at all
	PLAN_STEERING_SOFTWARE,
};

enum plan_pages {
	PLAN_PAGES_AUTO, ///< hugepages when enough are free
	PLAN_PAGES_ON,
	PLAN_PAGES_OFF,
};

/** A MAC address that may be left open. */
struct plan_mac {
	bool present;
	uint8_t bytes[6];
};

struct plan_port {
	enum plan_driver driver;
	char *device; ///< interface name, PCI address or DPDK device string, as the driver has it; NULL:
	              ///< director
	uint16_t receive_queues;
	uint16_t ring_size;         ///< descriptors a queue
	struct plan_mac source_mac; ///< absent: the port's own
	uint16_t vlan;              ///< PACKET_VLAN_NONE (0xffff): no tag
	enum plan_verify verify;
	enum plan_offload offload;
	enum plan_steering steering;
	bool promiscuous;
	ns_t link_timeout; ///< how long to wait for a link
};

struct plan_service {
	struct address address;
	uint16_t port;
	struct plan_mac mac;    ///< of the next hop; absent: resolved
	struct address gateway; ///< ADDRESS_NONE: as the kernel routes, or the service itself
	ns_t resolve_timeout;
	ns_t resolve_interval; ///< between two ARP requests or neighbour solicitations
	uint8_t ttl;
	uint8_t dscp;
};

enum plan_query_source {
	PLAN_QUERIES_TEXT,
	PLAN_QUERIES_BINARY,
	PLAN_QUERIES_GENERATED,
	PLAN_QUERIES_TRACE,
};

struct plan_queries {
	enum plan_query_source source;
	char *file; ///< "-" is standard input; NULL when generated
	char *zone; ///< of generated names
	char *type;
	enum dns_generated generated;
	uint8_t label_length;
	struct dns_query_options options; ///< not for binary files and traces
	char *trace;                      ///< capture file to replay; NULL: none
	double trace_speed;               ///< how many times as fast
};

struct plan_load {
	struct load_profile profile; ///< no segment: no rate, a closed loop as fast as its window lets it
	uint64_t window;             ///< queries in flight at most; 0: open loop
	bool slots;    ///< the window are slots: each query of a slot goes out from a newly chosen port
	ns_t duration; ///< the earlier of duration and the profile's end; NS_NEVER: until stopped
	uint64_t query_limit;                ///< UINT64_MAX: none
	uint64_t runs;                       ///< times through the query file; 0: no limit
	double size_rate;                    ///< queries a second that tables are sized for
	ns_t timeouts[STATS_TIMEOUTS];       ///< descending
	ns_t timeouts_given[STATS_TIMEOUTS]; ///< as the user ordered them
	unsigned timeout_count;
	ns_t max_lag;  ///< lateness that the pacer makes good; more is skipped
	ns_t drain;    ///< how long to receive after the last query, at least the largest timeout
	ns_t patience; ///< how long frames may wait for a port that takes none
};

enum plan_distribution {
	PLAN_CONSTANT,
	PLAN_EXPONENTIAL,
	PLAN_UNIFORM,
};

/** A real server of the director model. */
struct plan_backend {
	char name[SCENARIO_NAME_SIZE];
	struct address address;
	uint16_t port; ///< never 0
	uint32_t weight;
	enum plan_distribution distribution;
	ns_t service_time;
	uint32_t concurrency;          ///< queries at a time; 0: any number
	uint32_t queue;                ///< queries that may wait
	double loss;                   ///< probability that it never answers a query
	char nsid[SCENARIO_NAME_SIZE]; ///< its name, unless given
	const struct address *answers; ///< owned by the plan
	uint32_t answer_count;
	uint32_t ttl; ///< of the answers, seconds
	uint16_t rcode;
};

/** When the time line of a director that is a process of its own begins. */
enum plan_begin {
	PLAN_BEGIN_QUERY, ///< with the first query
	PLAN_BEGIN_READY, ///< when it is ready
};

struct plan_director {
	bool present; ///< false: all below is unset
	enum plan_begin begin;
	struct ipvs_options ipvs;
	struct ipvs_service_options service;
	ns_t delay;                 ///< one way between client and director, and director and real servers
	ns_t icmp_ratelimit;        ///< one ICMP error a peer in this time; 0: no limit
	uint32_t icmp_msgs_per_sec; ///< in all; 0: no limit
	struct director_faults faults;
	struct plan_backend *backends;
	unsigned backend_count;
};

struct plan_output {
	char *json; ///< file names; "-" is standard output; NULL: not written
	char *jsonl;
	char *csv;
	ns_t interval; ///< of the time line
	ns_t progress; ///< between two status lines; 0: none
	bool verbose;
	bool histogram; ///< print perf-tests' "#histogram" lines
	char *ledger;   ///< NULL: not written
	char *pcap;     ///< NULL: not written
};

struct plan_lcores {
	char *map; ///< EAL's --lcores; NULL: chosen
	unsigned senders;
	unsigned receivers;  ///< 1..senders
	bool combined;       ///< a sender and its receiver on one lcore
	unsigned memory_mib; ///< for frames and rings
	enum plan_pages hugepages;
	char *eal; ///< further words for EAL; NULL: none
};

struct plan {
	char *name;
	char *description;
	uint64_t seed;
	struct plan_port port;
	struct plan_service service;
	struct plan_queries queries;
	struct flow_cohort_options *cohorts; ///< their `ranges` are the plan's too
	unsigned cohort_count;
	struct plan_load load;
	struct scenario scenario; ///< as written: rolling updates are not expanded; see plan_scenario()
	struct plan_director director;
	struct plan_output output;
	struct plan_lcores lcores;
	char *json; ///< all settings, defaults included, as one line of JSON with sorted keys; loading it
	            ///< gives the same plan
	uint64_t digest; ///< of that line without name, description and output: equal for runs that do the
	                 ///< same
};

/** Free a plan; NULL is allowed. */
void plan_free(struct plan *plan);

/** The names as the configuration spells them. */
const char *plan_driver_name(enum plan_driver driver);

/**
 * The run's events, rolling updates expanded over the director's real servers, for the caller to pop from and
 * to clear. Without a director a rolling update is refused. Returns 0, or -EINVAL, -ENOMEM with the reason in
 * `error`.
 */
int plan_scenario(const struct plan *plan, struct scenario *out, struct error *error);

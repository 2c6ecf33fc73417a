#pragma once
// Private to the room: the structs that the key table writes into, before cross checks turn them into a plan.

#include "config/plan.h"

/** Addresses or ranges that a value owns. */
struct config_ranges {
	struct address_range *items;
	unsigned count;
	bool automatic; ///< "auto": the interface's own address
};

struct config_addresses {
	struct address *items;
	unsigned count;
};

/** R, or R1..R2. */
struct config_reuse {
	ns_t low, high; ///< high is 0 when there is one number only
};

struct config_timeouts {
	ns_t items[STATS_TIMEOUTS];
	unsigned count;
};

/** "address/length" */
struct config_subnet {
	struct dns_client_subnet subnet;
};

struct config_edns {
	uint32_t count;
	struct dns_edns_option items[DNS_EDNS_OPTIONS_MAX];
};

struct config_cohort {
	struct flow_cohort_options options;
	struct config_ranges ranges;
	struct config_reuse reuse;
};

struct config_event {
	struct scenario_event event;
	char *command;
	ns_t timeout;
	bool on;
};

struct config_backend {
	struct plan_backend backend;
	struct config_addresses answers;
};

enum config_family {
	CONFIG_FAMILY_ANY,
	CONFIG_FAMILY_INET,
	CONFIG_FAMILY_INET6,
};

/** The top level: a plan in the making, and what does not go into it as it is. */
struct config_draft {
	struct plan plan;
	char *interface, *pci, *device;
	enum config_family family;
	bool binary;
	unsigned labels; ///< enum dns_generated without its first
	struct config_edns edns;
	struct config_subnet subnet;
	char *rate, *profile;
	double window, slots, runs;
	double query_limit, size_rate;
	struct config_timeouts timeouts;
};

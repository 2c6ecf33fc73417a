#pragma once
// The events on the time line of a run: marks, commands, and what is done to the real servers. A sorted list
// that its owner fills before the run and pops from while it runs. Pure: no clock, no command is run here.
// One thread at a time.

#include "base/address.h"
#include "base/error.h"
#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room for the name of a mark or of a real server, terminator included. */
#define SCENARIO_NAME_SIZE 64

enum scenario_kind {
	SCENARIO_MARK,        ///< a label on the time line, nothing else
	SCENARIO_EXEC,        ///< the application runs `command`
	SCENARIO_REMOVE,      ///< the load balancer forgets the real server (ipvsadm -d)
	SCENARIO_DRAIN,       ///< its weight becomes 0: no new flows, existing ones stay
	SCENARIO_KILL,        ///< the server dies and its port is silent
	SCENARIO_CLOSE,       ///< the server's port is closed: ICMP port unreachable
	SCENARIO_VANISH,      ///< its host is gone: ICMP host unreachable once neighbour discovery gives up
	SCENARIO_LAMEDUCK,    ///< the server was told to stop and still answers
	SCENARIO_RESTORE,     ///< the server answers and is listed again with its weight
	SCENARIO_SET_TIMEOUT, ///< the UDP timeout of the load balancer becomes `value` (ipvsadm --set 0 0 N)
	SCENARIO_SET_WEIGHT,  ///< the weight of the real server becomes `weight`
	SCENARIO_SET_EXPIRE_NODEST, ///< sysctl expire_nodest_conn becomes `value` (0 or 1)
	SCENARIO_ADD,               ///< a new real server starts and is listed
	SCENARIO_ROLL,              ///< a rolling update of every real server; expands into the kinds above
	SCENARIO_KINDS,
};

/**
 * A rolling update as Kubernetes makes it. A pod that stops is terminating at t0, when its lameduck begins;
 * kube-proxy takes it out at t0 + kube_proxy_delay; the server stops at t0 + lameduck. The same delay holds
 * when a ready pod is put in.
 */
struct scenario_roll {
	ns_t kube_proxy_delay; ///< from a change of the endpoints to the change of the load balancer
	ns_t lameduck;         ///< how long a terminating server still answers; 0: it stops at once
	ns_t pod_start;        ///< from the creation of a pod until it is ready
	ns_t interval; ///< between the starts of two replacements; 0: as max_surge and max_unavailable allow
	ns_t port_closed;   ///< how long a stopped server's port refuses before silence; 0: silence at once
	uint32_t max_surge; ///< pods above the number wanted
	uint32_t max_unavailable;  ///< pods missing from the number wanted
	bool graceful_weight_zero; ///< kube-proxy of Kubernetes 1.14: weight 0 in place of removal
};

/** What happens at one time. Strings are values but for `command`, which the scenario copies and owns. */
struct scenario_event {
	ns_t at; ///< since the start of the run
	enum scenario_kind kind;
	char name[SCENARIO_NAME_SIZE];    ///< label of a mark or a command; for other kinds optional
	char backend[SCENARIO_NAME_SIZE]; ///< name of the real server it befalls
	char *command;                    ///< of SCENARIO_EXEC; else NULL
	struct address address;    ///< of SCENARIO_ADD; ADDRESS_NONE when the real server is already known
	uint16_t port;             ///< of SCENARIO_ADD; 0: as the service's
	uint32_t weight;           ///< of SCENARIO_SET_WEIGHT and SCENARIO_ADD
	ns_t value;                ///< of SCENARIO_SET_TIMEOUT and SCENARIO_SET_EXPIRE_NODEST
	struct scenario_roll roll; ///< of SCENARIO_ROLL
};

/** Events in the order of their times; equal times keep the order in which they were added. Zeroed: empty. */
struct scenario {
	struct scenario_event *events;
	size_t count;
	size_t capacity;
	size_t next; ///< first event not popped yet
};

/** A real server as a rolling update sees it. */
struct scenario_backend {
	char name[SCENARIO_NAME_SIZE];
	struct address address;
	uint16_t port;
	uint32_t weight;
};

/** What became of an event, for the report. The application owns `output`. */
struct scenario_record {
	ns_t planned_at;
	ns_t done_at;
	enum scenario_kind kind;
	char text[SCENARIO_NAME_SIZE * 2]; ///< as scenario_describe writes it
	int exit_code;                     ///< of a command; 0 for other kinds
	char *output;                      ///< of a command; else NULL
};

/** The name of a kind as the configuration writes it ("set-timeout"). */
const char *scenario_kind_name(enum scenario_kind kind);

/** Find a kind by its name. Returns 0, or -EINVAL with the names that exist in `error`. */
int scenario_kind_parse(const char *name, enum scenario_kind *kind, struct error *error);

/** True when an event of this kind befalls one real server and must name it. */
bool scenario_kind_needs_backend(enum scenario_kind kind);

/** True when only the director model can do it: a run against a real load balancer can only mark and exec. */
bool scenario_kind_needs_director(enum scenario_kind kind);

/** Check one event. Returns 0, or -EINVAL or -ERANGE with the reason in `error`. */
int scenario_event_check(const struct scenario_event *event, struct error *error);

/** Check an event and put a copy at its place. Returns 0, or -EINVAL, -ERANGE, -ENOMEM with the reason in
 * `error`. */
int scenario_add(struct scenario *scenario, const struct scenario_event *event, struct error *error);

/** Time of the next event, NS_NEVER when none is left. */
ns_t scenario_next_time(const struct scenario *scenario);

/** The next event if its time has come, else NULL. It stays the scenario's. */
const struct scenario_event *scenario_pop(struct scenario *scenario, ns_t now);

/** Start again from the first event. */
void scenario_rewind(struct scenario *scenario);

/** Write what an event does as one short phrase ("remove coredns-a"). Returns as snprintf does. */
int scenario_describe(const struct scenario_event *event, char *buffer, size_t size);

/** Free the events. The struct itself is the caller's. */
void scenario_clear(struct scenario *scenario);

/**
 * Add to `out` what a rolling update of `count` real servers from time `at` on consists of. The replacement
 * of "a" is named "a#2", the next one "a#3"; replacements take the addresses after the highest of `backends`.
 * When `replaced` is not NULL it receives the `count` replacements. Returns 0, or -EINVAL, -ENOMEM with the
 * reason in `error`.
 */
int scenario_expand_roll(const struct scenario_roll *roll, const struct scenario_backend *backends,
                         size_t count, ns_t at, struct scenario *out, struct scenario_backend *replaced,
                         struct error *error);

/**
 * Replace every SCENARIO_ROLL by what it consists of; a second update rolls the replacements of the first and
 * the servers that were added in between. Returns 0, or a negative errno with the reason in `error`; then the
 * scenario is unchanged.
 */
int scenario_expand(struct scenario *scenario, const struct scenario_backend *backends, size_t count,
                    struct error *error);

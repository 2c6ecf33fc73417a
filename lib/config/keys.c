// The table of keys. The order here is the order of the reference and, where a line has an option, of --help.
#include "keys.h"

#include <string.h>

#include "packet/craft.h"

// clang-format off
// Where a value is stored: scope, offset, size.
#define FIELD(scope, type, member) scope, offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define RUN(member)     FIELD(CONFIG_SCOPE_RUN, config_draft, member)
#define COHORT(member)  FIELD(CONFIG_SCOPE_COHORT, config_cohort, member)
#define EVENT(member)   FIELD(CONFIG_SCOPE_EVENT, config_event, member)
#define BACKEND(member) FIELD(CONFIG_SCOPE_BACKEND, config_backend, member)
#define NOWHERE         CONFIG_SCOPE_RUN, 0, 0

// One line a key. Macros, since rows with a dozen columns of which most are empty can't be read. In `ROW` a field macro above has
// become three arguments already.
#define ROW(path_, type_, scope_, offset_, size_, value_, min_, max_, choice_, letter_, option_, argument_, overrides_, help_) \
	{.path = path_, .type = type_, .scope = scope_, .value = value_, .min = min_, .max = max_, .choice = choice_, \
	 .help = help_, .letter = letter_, .option = option_, .argument = argument_, .overrides = overrides_, \
	 .offset = offset_, .size = size_}
#define KEY(path, type, field, value, min, max, help) \
	ROW(path, type, field, value, min, max, NULL, NULL, NULL, NULL, NULL, help)
#define OPTION(path, type, field, value, min, max, letter, option, argument, help) \
	ROW(path, type, field, value, min, max, NULL, letter, option, argument, NULL, help)
#define CHOICE(path, field, value, choice, letter, option, argument, help) \
	ROW(path, CONFIG_CHOICE, field, value, 0, 0, choice, letter, option, argument, NULL, help)
#define RIVAL(path, type, field, value, min, max, letter, option, argument, overrides, help) \
	ROW(path, type, field, value, min, max, NULL, letter, option, argument, overrides, help)
#define GROUP(path_, help_) {.path = path_, .type = CONFIG_OBJECT, .help = help_}
#define LIST(path_, max_, help_) {.path = path_, .type = CONFIG_LIST, .max = max_, .help = help_}
// clang-format on

static const char *name_of(const char *const *names, unsigned count, unsigned value)
{
	return value < count ? names[value] : NULL;
}

#define NAMES(function, ...)                                                                                 \
	static const char *function(unsigned value)                                                          \
	{                                                                                                    \
		static const char *const names[] = {__VA_ARGS__};                                            \
		return name_of(names, sizeof(names) / sizeof(names[0]), value);                              \
	}

NAMES(verify_names, "auto", "on", "off")
NAMES(offload_names, "auto", "off")
NAMES(steering_names, "auto", "flow", "software")
NAMES(family_names, "any", "inet", "inet6")
NAMES(distribution_names, "constant", "exponential", "uniform")
NAMES(label_names, "random", "counting")
NAMES(begin_names, "query", "ready")
NAMES(driver_names, "auto", "af_packet", "af_xdp", "xdp_live", "tap", "pci", "device", "director")

static const char *policy_names(unsigned value)
{
	return value < FLOW_POLICY_COUNT ? flow_policy_name((enum flow_policy)value) : NULL;
}

static const char *event_names(unsigned value)
{
	return value < SCENARIO_KINDS ? scenario_kind_name((enum scenario_kind)value) : NULL;
}

static const char *scheduler_names(unsigned value)
{
	return value < IPVS_SCHEDULERS ? ipvs_scheduler_name((enum ipvs_scheduler)value) : NULL;
}

const char *plan_driver_name(enum plan_driver driver)
{
	const char *name = driver_names(driver);

	return name != NULL ? name : "unknown";
}

// Named numbers as text for defaults.
#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

/** match/table.h, MATCH_TIMEOUT_MAX in seconds; checked in check.c. */
#define TIMEOUT_MAX_SECONDS 500

/** Events of one run: a report lists each. */
#define EVENTS_MAX 4096

// clang-format off
const struct config_key config_keys[] = {
	KEY("name", CONFIG_TEXT, RUN(plan.name), "staleflow", 0, 0, "What the run is called in its results."),
	KEY("description", CONFIG_TEXT, RUN(plan.description), NULL, 0, 0,
	    "A comment. Every object of the file may have one."),
	OPTION("seed", CONFIG_SEED, RUN(plan.seed), "1", 0, 0, NULL, "seed", "N",
	       "Seed of all that is drawn at random: the same seed sends the same queries from the same tuples."),

	GROUP("port", "The network port that queries leave by. Give one of interface, pci and device, or driver \"director\"."),
	RIVAL("port.interface", CONFIG_TEXT, RUN(interface), NULL, 0, 0, NULL, "iface", "NAME",
	      "port.pci port.device port.driver", "Kernel network interface to send through."),
	RIVAL("port.pci", CONFIG_TEXT, RUN(pci), NULL, 0, 0, NULL, "pci", "ADDRESS", "port.interface port.device port.driver",
	      "PCI address of a NIC that is bound to a user-space driver, e.g. 0000:3b:00.0."),
	RIVAL("port.device", CONFIG_TEXT, RUN(device), NULL, 0, 0, NULL, "device", "ARGS",
	      "port.interface port.pci port.driver", "DPDK device string, e.g. net_memif0,role=client."),
	CHOICE("port.driver", RUN(plan.port.driver), "auto", driver_names, NULL, "driver", "NAME",
	       "How to drive it. auto: af_packet for an interface; xdp_live is af_xdp that sends without socket buffers and takes a CPU more a sender; director is the load balancer model inside the process."),
	OPTION("port.receive_queues", CONFIG_INTEGER, RUN(plan.port.receive_queues), "1", 1, 64, NULL, "rx-queues", "N",
	       "Receive queues of the port, shared out among the receiving lcores; by default one each. Drivers of kernel interfaces have one a sender at least."),
	KEY("port.ring_size", CONFIG_INTEGER, RUN(plan.port.ring_size), "1024", 64, 32768, "Descriptors a queue that are asked for."),
	OPTION("port.source_mac", CONFIG_MAC, RUN(plan.port.source_mac), NULL, 0, 0, NULL, "source-mac", "MAC",
	       "Source MAC address in place of the port's own."),
	OPTION("port.vlan", CONFIG_VLAN, RUN(plan.port.vlan), "none", 0, PACKET_VLAN_MAX, NULL, "vlan", "ID",
	       "802.1Q VLAN of all frames."),
	CHOICE("port.verify", RUN(plan.port.verify), "auto", verify_names, NULL, "verify", "WHEN",
	       "Verify checksums of received frames. auto: unless the driver hands over the kernel's unfinished ones, or the director model marked them as good."),
	CHOICE("port.offload", RUN(plan.port.offload), "auto", offload_names, NULL, "offload", "WHEN",
	       "Let the port compute checksums where it can."),
	CHOICE("port.steering", RUN(plan.port.steering), "auto", steering_names, NULL, "steering", "WAY",
	       "With several receivers: flow rules in the port bring replies to their receivers' queues, or software hands them over. auto: flow rules where the port takes them."),
	KEY("port.promiscuous", CONFIG_BOOL, RUN(plan.port.promiscuous), "false", 0, 0,
	    "Receive frames to any MAC address; needed when source_mac is not the port's own and the port filters."),
	KEY("port.link_timeout", CONFIG_DURATION, RUN(plan.port.link_timeout), "10s", 0, 3600, "How long to wait for a link."),

	GROUP("service", "The service under test: the load balancer's virtual address."),
	OPTION("service.address", CONFIG_ADDRESS, RUN(plan.service.address), NULL, 0, 0, "s", "server", "ADDRESS",
	       "Address that queries go to."),
	OPTION("service.port", CONFIG_INTEGER, RUN(plan.service.port), "53", 1, 65535, "p", "port", "PORT", "UDP port that queries go to."),
	CHOICE("service.family", RUN(family), "any", family_names, "f", "family", "FAMILY",
	       "Insist on an address family, as dnsperf's -f."),
	OPTION("service.mac", CONFIG_MAC, RUN(plan.service.mac), NULL, 0, 0, NULL, "mac", "MAC",
	       "MAC address of the next hop; without it, it is resolved (ARP, neighbour discovery)."),
	OPTION("service.gateway", CONFIG_ADDRESS, RUN(plan.service.gateway), NULL, 0, 0, NULL, "gateway", "ADDRESS",
	       "Next hop; without it, the kernel's routes of the interface are asked."),
	KEY("service.resolve_timeout", CONFIG_DURATION, RUN(plan.service.resolve_timeout), "5s", 0.001, 3600,
	    "How long to try to resolve the next hop."),
	KEY("service.resolve_interval", CONFIG_DURATION, RUN(plan.service.resolve_interval), "500ms", 0.001, 3600,
	    "Time between two tries."),
	KEY("service.ttl", CONFIG_INTEGER, RUN(plan.service.ttl), TEXT(PACKET_TTL_DEFAULT), 1, 255, "TTL or hop limit of queries."),
	KEY("service.dscp", CONFIG_INTEGER, RUN(plan.service.dscp), "0", 0, 63, "DSCP of queries."),

	GROUP("queries", "What is asked. Give file or generate."),
	RIVAL("queries.file", CONFIG_TEXT, RUN(plan.queries.file), NULL, 0, 0, "d", "data", "FILE", "queries.generate queries.trace",
	      "Query file in dnsperf's format, a name and a type a line; - is standard input."),
	OPTION("queries.binary", CONFIG_BOOL, RUN(binary), "false", 0, 0, "B", "binary", NULL,
	       "The file is binary: 16-bit length and message, again and again (dnsperf -B)."),
	RIVAL("queries.generate", CONFIG_OBJECT, NOWHERE, NULL, 0, 0, NULL, "generate", "ZONE[,TYPE[,LABELS]]",
	      "queries.file queries.trace", "Generate distinct names under a zone in place of a file."),
	KEY("queries.generate.zone", CONFIG_TEXT, RUN(plan.queries.zone), NULL, 0, 0, "Zone of the generated names, e.g. example.com."),
	KEY("queries.generate.type", CONFIG_TEXT, RUN(plan.queries.type), "A", 0, 0, "Query type of the generated names."),
	CHOICE("queries.generate.labels", RUN(labels), "random", label_names, NULL, NULL, NULL,
	       "How their first labels are made: none twice, in random order or counting up."),
	KEY("queries.generate.label_length", CONFIG_INTEGER, RUN(plan.queries.label_length), TEXT(DNS_LABEL_LENGTH_DEFAULT),
	    DNS_LABEL_LENGTH_MIN, DNS_LABEL_LENGTH_MAX, "Characters of the first label."),
	OPTION("queries.edns", CONFIG_BOOL, RUN(plan.queries.options.edns), "false", 0, 0, "e", "edns", NULL,
	       "Add an EDNS OPT record; implied by what needs one."),
	OPTION("queries.edns_size", CONFIG_INTEGER, RUN(plan.queries.options.edns_size), TEXT(DNS_EDNS_SIZE_DEFAULT),
	       DNS_UDP_SIZE_PLAIN, 65535, NULL, "edns-size", "OCTETS", "UDP payload size to announce."),
	OPTION("queries.dnssec_ok", CONFIG_BOOL, RUN(plan.queries.options.dnssec_ok), "false", 0, 0, "D", "dnssec-ok", NULL,
	       "Set the DO bit."),
	OPTION("queries.nsid", CONFIG_BOOL, RUN(plan.queries.options.nsid), "false", 0, 0, NULL, "nsid", NULL,
	       "Ask servers for their names (NSID), so that the report can tell them apart."),
	OPTION("queries.client_subnet", CONFIG_SUBNET, RUN(subnet), NULL, 0, 0, NULL, "subnet", "PREFIX",
	       "EDNS client subnet to send."),
	OPTION("queries.options", CONFIG_EDNS, RUN(edns), NULL, 0, 0, "E", "edns-option", "CODE:HEX",
	       "Further EDNS options; the option may be given several times."),
	KEY("queries.recursion_desired", CONFIG_BOOL, RUN(plan.queries.options.recursion_desired), "true", 0, 0, "Set the RD bit."),
	RIVAL("queries.trace", CONFIG_TEXT, RUN(plan.queries.trace), NULL, 0, 0, NULL, "trace", "FILE[,speed=N]",
	      "queries.file queries.generate load.rate load.profile load.window load.slots load.runs",
	      "Replay the DNS queries of a packet capture: their times, N times as fast, their ports, their messages, from the cohort's addresses."),

	LIST("cohorts", STATS_COHORTS,
	      "Shares of the traffic, each with its own tuples and reuse policy. Without any there is one, \"default\"."),
	KEY("cohorts[].name", CONFIG_NAME, COHORT(options.name), NULL, 0, 0, "Its name in the results; by default default, cohort2, ..."),
	KEY("cohorts[].share", CONFIG_NUMBER, COHORT(options.share), "1", 1e-9, 1e9, "Its weight: share of the rate relative to the other cohorts'."),
	OPTION("cohorts[].addresses", CONFIG_RANGES, COHORT(ranges), "auto", 0, 0, "a", "source", "ADDRESSES",
	       "Source addresses; of prefixes the hosts. auto: the interface's own address, or 10.0.0.1 before the director model."),
	OPTION("cohorts[].ports", CONFIG_PORTS, COHORT(options.ports), "32768-60999", 0, 0, "x", "source-ports", "PORTS",
	       "Source ports that each address uses; ! takes out."),
	CHOICE("cohorts[].policy", COHORT(options.policy.kind), "linux", policy_names, NULL, "policy", "NAME",
	       "Which tuple sends the next query."),
	OPTION("cohorts[].reuse", CONFIG_REUSE, COHORT(reuse), NULL, 0, 0, NULL, "reuse", "TIME[..TIME]",
	       "Reuse age that interval, sticky and fresh keep; for sweep the youngest and oldest."),
	OPTION("cohorts[].queries_per_use", CONFIG_INTEGER, COHORT(options.policy.queries_per_use), "1", 1, 4294967295.0, NULL,
	       "queries-per-use", "N", "Policy sticky: queries on a tuple before it rests."),
	KEY("cohorts[].queries_in_flight", CONFIG_INTEGER, COHORT(options.queries_in_flight), "0", 0, 32768,
	    "Queries in flight on one tuple at the most; 0: any number; 1: a socket that waits for its answer."),
	KEY("cohorts[].control", CONFIG_BOOL, COHORT(options.control), "false", 0, 0,
	    "This is the cohort of fresh tuples that the others are compared with."),

	GROUP("load", "How much, and for how long."),
	RIVAL("load.rate", CONFIG_RATE, RUN(rate), NULL, 0, 0, "Q", "rate", "RATE", "load.profile",
	      "Queries a second (100k), \"max\", or a profile: \"60s 0 100k, forever 100k\" (duration, rate, rate at its end). "
	      "1000 unless a window or slots are given."),
	RIVAL("load.profile", CONFIG_TEXT, RUN(profile), NULL, 0, 0, NULL, "profile", "FILE", "load.rate", "File with a rate profile."),
	RIVAL("load.window", CONFIG_COUNT, RUN(window), NULL, 1, 1e9, "q", "window", "N", "load.slots",
	      "Closed loop: this many queries in flight at the most (dnsperf -q). The rate then is a limit."),
	RIVAL("load.slots", CONFIG_COUNT, RUN(slots), NULL, 1, 1e9, "c", "slots", "N", "load.window",
	      "Closed loop of clients: each slot has one query in flight, from a tuple chosen anew; it goes on at the answer or the timeout."),
	OPTION("load.duration", CONFIG_DURATION, RUN(plan.load.duration), NULL, 0.001, 31536000, "l", "duration", "TIME",
	       "How long to send; without it, until the profile, the queries or the runs end. With none of these, once through the file, as dnsperf; generated names until interrupted."),
	OPTION("load.queries", CONFIG_COUNT, RUN(query_limit), NULL, 1, 1e18, NULL, "count", "N", "Queries to send in all."),
	OPTION("load.runs", CONFIG_COUNT, RUN(runs), NULL, 1, 1e9, "n", "runs", "N", "Times through the query file."),
	OPTION("load.timeouts", CONFIG_TIMEOUTS, RUN(timeouts), "5s", 0.000001, TIMEOUT_MAX_SECONDS, "t", "timeout", "TIMES",
	       "When a query counts as lost. Of several the largest rules; loss is reported at each, from the same run."),
	OPTION("load.max_lag", CONFIG_DURATION, RUN(plan.load.max_lag), "10ms", 0.000001, 10, NULL, "max-lag", "TIME",
	       "Lateness that the pacer makes good; queries later than that are skipped and counted."),
	KEY("load.drain", CONFIG_DURATION, RUN(plan.load.drain), NULL, 0, 3600,
	    "How long to receive after the last query; by default, and at least, the largest timeout."),
	KEY("load.patience", CONFIG_DURATION, RUN(plan.load.patience), "100ms", 0, 60,
	    "How long frames wait for a port that takes none, before they are dropped and counted."),
	KEY("load.size_rate", CONFIG_COUNT, RUN(size_rate), "1M", 1, LOAD_RATE_MAX, "At rate \"max\": the rate that tables are sized for."),

	LIST("scenario", EVENTS_MAX, "Events on the time line."),
	KEY("scenario[].at", CONFIG_DURATION, EVENT(event.at), "0", 0, 31536000, "When, since the start of the run."),
	CHOICE("scenario[].do", EVENT(event.kind), NULL, event_names, NULL, NULL, NULL,
	       "What. All but mark and exec act on the director model."),
	KEY("scenario[].name", CONFIG_NAME, EVENT(event.name), NULL, 0, 0, "Text of a mark; label of an exec."),
	KEY("scenario[].backend", CONFIG_NAME, EVENT(event.backend), NULL, 0, 0, "The real server that it befalls."),
	KEY("scenario[].command", CONFIG_TEXT, EVENT(command), NULL, 0, 0, "exec: the command line, run by /bin/sh."),
	KEY("scenario[].address", CONFIG_ADDRESS, EVENT(event.address), NULL, 0, 0, "add: address of the new real server."),
	KEY("scenario[].port", CONFIG_INTEGER, EVENT(event.port), "0", 0, 65535, "add: its port; 0: as the service's."),
	KEY("scenario[].weight", CONFIG_INTEGER, EVENT(event.weight), "1", 0, 2147483647, "set-weight, add: its weight."),
	KEY("scenario[].timeout", CONFIG_DURATION, EVENT(timeout), NULL, 1, 2147483647, "set-timeout: the new UDP timeout."),
	KEY("scenario[].on", CONFIG_BOOL, EVENT(on), "true", 0, 0, "set-expire-nodest: the new value."),
	GROUP("scenario[].roll", "roll: the rolling update."),
	KEY("scenario[].roll.kube_proxy_delay", CONFIG_DURATION, EVENT(event.roll.kube_proxy_delay), "1s", 0, 86400,
	    "From a change of the endpoints to the change of the load balancer."),
	KEY("scenario[].roll.lameduck", CONFIG_DURATION, EVENT(event.roll.lameduck), "5s", 0, 86400,
	    "How long a terminating server still answers."),
	KEY("scenario[].roll.pod_start", CONFIG_DURATION, EVENT(event.roll.pod_start), "2s", 0, 86400,
	    "From the creation of a pod until it is ready."),
	KEY("scenario[].roll.interval", CONFIG_DURATION, EVENT(event.roll.interval), "0", 0, 86400,
	    "Between the starts of two replacements; 0: as surge and unavailable allow."),
	KEY("scenario[].roll.port_closed", CONFIG_DURATION, EVENT(event.roll.port_closed), "0", 0, 86400,
	    "How long a stopped server's port refuses before it is silent."),
	KEY("scenario[].roll.max_surge", CONFIG_INTEGER, EVENT(event.roll.max_surge), "1", 0, 1000, "Pods above the number wanted."),
	KEY("scenario[].roll.max_unavailable", CONFIG_INTEGER, EVENT(event.roll.max_unavailable), "0", 0, 1000,
	    "Pods missing from the number wanted."),
	KEY("scenario[].roll.graceful_weight_zero", CONFIG_BOOL, EVENT(event.roll.graceful_weight_zero), "false", 0, 0,
	    "Weight 0 in place of removal, as kube-proxy of Kubernetes 1.14."),

	GROUP("director", "The load balancer model (IPVS), for simulate, director, and port driver director."),
	CHOICE("director.begin", RUN(plan.director.begin), "query", begin_names, NULL, NULL, NULL,
	       "'staleflow director': when its time line begins, with the first query or when it is ready."),
	CHOICE("director.scheduler", RUN(plan.director.service.scheduler), "rr", scheduler_names, NULL, NULL, NULL,
	       "How real servers are chosen, by ipvsadm's names."),
	KEY("director.udp_timeout", CONFIG_DURATION, RUN(plan.director.ipvs.udp_timeout), "300s", 1, 2147483,
	    "How long a UDP flow without packets is kept (ipvsadm --set 0 0 N, kube-proxy --ipvs-udp-timeout)."),
	KEY("director.expire_nodest_conn", CONFIG_BOOL, RUN(plan.director.ipvs.expire_nodest_conn), "false", 0, 0,
	    "sysctl of that name: expire the flows of a removed real server."),
	KEY("director.lazy", CONFIG_BOOL, RUN(plan.director.ipvs.lazy), "false", 0, 0,
	    "As kernels before 5.9: no flush; the first packet of each stale flow is dropped."),
	KEY("director.conntrack", CONFIG_BOOL, RUN(plan.director.ipvs.conntrack), "false", 0, 0, "sysctl vs/conntrack, with conntrack's hooks."),
	KEY("director.expire_quiescent_template", CONFIG_BOOL, RUN(plan.director.ipvs.expire_quiescent_template), "false", 0, 0,
	    "sysctl of that name."),
	KEY("director.drop_rate", CONFIG_INTEGER, RUN(plan.director.ipvs.drop_rate), "0", 0, 1000000,
	    "Drop every n-th new flow (drop_packet=3, am_droprate); 0: off."),
	KEY("director.hz", CONFIG_INTEGER, RUN(plan.director.ipvs.hz), "250", 100, 1000, "Timer ticks a second of its kernel: 100, 250, 300 or 1000."),
	KEY("director.first_jiffy", CONFIG_INTEGER, RUN(plan.director.ipvs.first_jiffy), "0", 0, 0, "Jiffies at the start: the phase of the timer wheel."),
	KEY("director.flush_delay", CONFIG_DURATION, RUN(plan.director.ipvs.flush_delay), "0", 0, 3600,
	    "From a removal to the flush; 0: one jiffy."),
	KEY("director.conntrack_timeout", CONFIG_DURATION, RUN(plan.director.ipvs.conntrack_timeout), "30s", 1, 2147483,
	    "nf_conntrack_udp_timeout."),
	KEY("director.conntrack_stream_timeout", CONFIG_DURATION, RUN(plan.director.ipvs.conntrack_stream_timeout), "120s", 1, 2147483,
	    "nf_conntrack_udp_timeout_stream."),
	KEY("director.connections", CONFIG_INTEGER, RUN(plan.director.ipvs.connections), "1048576", 1, 268435456,
	    "Room of the connection table; above, packets of new flows are dropped."),
	KEY("director.one_packet", CONFIG_BOOL, RUN(plan.director.service.one_packet), "false", 0, 0, "One-packet scheduling (ipvsadm -o)."),
	KEY("director.hash_port", CONFIG_BOOL, RUN(plan.director.service.hash_port), "false", 0, 0, "Scheduler sh: hash the source port too."),
	KEY("director.hash_fallback", CONFIG_BOOL, RUN(plan.director.service.hash_fallback), "false", 0, 0, "Scheduler sh: fall back when the server has weight 0."),
	KEY("director.persistence", CONFIG_DURATION, RUN(plan.director.service.persistence), "0", 0, 2147483, "Persistence (ipvsadm -p); 0: off."),
	KEY("director.persistence_length", CONFIG_INTEGER, RUN(plan.director.service.persistence_length), "0", 0, 128,
	    "Prefix length of persistence; 0: the whole address."),
	KEY("director.delay", CONFIG_DURATION, RUN(plan.director.delay), "50us", 0, 10, "One-way delay of each hop: client to director, director to real server."),
	KEY("director.icmp_ratelimit", CONFIG_DURATION, RUN(plan.director.icmp_ratelimit), "0", 0, 3600,
	    "One ICMP error a peer in this time, as Linux limits them (1s there); 0: no limit."),
	KEY("director.icmp_msgs_per_sec", CONFIG_INTEGER, RUN(plan.director.icmp_msgs_per_sec), "0", 0, 1000000000,
	    "ICMP errors a second in all (1000 in Linux); 0: no limit."),
	GROUP("director.faults", "What the network before and behind the model does to packets besides. Probabilities, drawn for each."),
	KEY("director.faults.loss_in", CONFIG_NUMBER, RUN(plan.director.faults.loss_in), "0", 0, 1, "Queries lost."),
	KEY("director.faults.loss_out", CONFIG_NUMBER, RUN(plan.director.faults.loss_out), "0", 0, 1, "Replies lost."),
	KEY("director.faults.duplicate_in", CONFIG_NUMBER, RUN(plan.director.faults.duplicate_in), "0", 0, 1, "Queries doubled."),
	KEY("director.faults.duplicate_out", CONFIG_NUMBER, RUN(plan.director.faults.duplicate_out), "0", 0, 1, "Replies doubled."),
	KEY("director.faults.corrupt_in", CONFIG_NUMBER, RUN(plan.director.faults.corrupt_in), "0", 0, 1, "Queries with a bit flipped."),
	KEY("director.faults.corrupt_out", CONFIG_NUMBER, RUN(plan.director.faults.corrupt_out), "0", 0, 1, "Replies with a bit flipped."),
	KEY("director.faults.truncate_out", CONFIG_NUMBER, RUN(plan.director.faults.truncate_out), "0", 0, 1,
	    "Replies whose DNS message is cut short."),
	KEY("director.faults.wrong_source_out", CONFIG_NUMBER, RUN(plan.director.faults.wrong_source_out), "0", 0, 1,
	    "Replies that leave from the real server's own address."),
	KEY("director.faults.jitter_in", CONFIG_DURATION, RUN(plan.director.faults.jitter_in), "0", 0, 60,
	    "Queries come late by up to this much, out of order."),
	KEY("director.faults.jitter_out", CONFIG_DURATION, RUN(plan.director.faults.jitter_out), "0", 0, 60,
	    "Replies come late by up to this much, out of order."),
	LIST("director.backends", STATS_BACKENDS, "The real servers. Without any there are two, coredns-a and coredns-b."),
	KEY("director.backends[].name", CONFIG_NAME, BACKEND(backend.name), NULL, 0, 0, "Its name, as events and results have it."),
	KEY("director.backends[].address", CONFIG_ADDRESS, BACKEND(backend.address), NULL, 0, 0, "Its address."),
	KEY("director.backends[].port", CONFIG_INTEGER, BACKEND(backend.port), "0", 0, 65535, "Its port; 0: as the service's."),
	KEY("director.backends[].weight", CONFIG_INTEGER, BACKEND(backend.weight), "1", 0, 2147483647, "Its weight."),
	CHOICE("director.backends[].distribution", BACKEND(backend.distribution), "exponential", distribution_names, NULL, NULL, NULL,
	       "How service times are distributed; uniform: up to twice the mean."),
	KEY("director.backends[].service_time", CONFIG_DURATION, BACKEND(backend.service_time), "200us", 0, 3600, "Mean time that an answer takes."),
	KEY("director.backends[].concurrency", CONFIG_INTEGER, BACKEND(backend.concurrency), "0", 0, 1048576,
	    "Queries it works on at a time; 0: any number. Its capacity is concurrency / service_time."),
	KEY("director.backends[].queue", CONFIG_INTEGER, BACKEND(backend.queue), "1000", 0, 1048576, "Queries that may wait for a free place."),
	KEY("director.backends[].loss", CONFIG_NUMBER, BACKEND(backend.loss), "0", 0, 1, "Probability that it never answers a query."),
	KEY("director.backends[].nsid", CONFIG_NAME, BACKEND(backend.nsid), NULL, 0, 0, "What it answers when asked for its name; by default the name."),
	KEY("director.backends[].answers", CONFIG_ADDRESSES, BACKEND(answers), NULL, 0, 0, "Addresses that it answers A and AAAA questions with."),
	KEY("director.backends[].ttl", CONFIG_INTEGER, BACKEND(backend.ttl), "30", 0, 2147483647, "TTL of its answers in seconds."),
	KEY("director.backends[].rcode", CONFIG_INTEGER, BACKEND(backend.rcode), "0", 0, 4095, "Response code of its answers."),

	GROUP("output", "Where results go. - is standard output."),
	OPTION("output.json", CONFIG_TEXT, RUN(plan.output.json), NULL, 0, 0, NULL, "json", "FILE", "Write the result as one JSON document."),
	OPTION("output.jsonl", CONFIG_TEXT, RUN(plan.output.jsonl), NULL, 0, 0, NULL, "jsonl", "FILE", "Write a line of JSON an interval while running."),
	OPTION("output.csv", CONFIG_TEXT, RUN(plan.output.csv), NULL, 0, 0, NULL, "csv", "FILE", "Write the time line as CSV."),
	OPTION("output.interval", CONFIG_DURATION, RUN(plan.output.interval), "1s", 0.001, 86400, NULL, "interval", "TIME", "Length of the time line's intervals."),
	OPTION("output.progress", CONFIG_DURATION, RUN(plan.output.progress), "1s", 0, 86400, "S", "progress", "TIME", "On a terminal, show a status line this often; 0: never."),
	OPTION("output.verbose", CONFIG_BOOL, RUN(plan.output.verbose), "false", 0, 0, "v", "verbose", NULL, "Say more about what is going on."),
	OPTION("output.histogram", CONFIG_BOOL, RUN(plan.output.histogram), "false", 0, 0, NULL, "histogram", NULL, "Print the latency histogram as kubernetes/perf-tests reads it."),
	OPTION("output.ledger", CONFIG_TEXT, RUN(plan.output.ledger), NULL, 0, 0, NULL, "ledger", "FILE",
	       "Write what happened on each source port used, as CSV, or as JSON lines when the name ends in .jsonl."),
	OPTION("output.pcap", CONFIG_TEXT, RUN(plan.output.pcap), NULL, 0, 0, NULL, "pcap", "FILE",
	       "Write the lost queries, and the replies that were late, repeated, unexpected or refusals, as pcapng."),

	GROUP("lcores", "CPUs and memory."),
	OPTION("lcores.map", CONFIG_TEXT, RUN(plan.lcores.map), NULL, 0, 0, NULL, "lcores", "MAP", "Lcores and their CPUs, as EAL's --lcores has it; without it, chosen."),
	OPTION("lcores.senders", CONFIG_INTEGER, RUN(plan.lcores.senders), "1", 1, FLOW_WORKERS_MAX, NULL, "senders", "N", "Lcores that send."),
	OPTION("lcores.receivers", CONFIG_INTEGER, RUN(plan.lcores.receivers), "1", 1, FLOW_WORKERS_MAX, NULL, "receivers", "N",
	       "Lcores that receive, at most as many as send. Each ends the queries of its share of the senders; replies that come to another's queue are handed over."),
	OPTION("lcores.combined", CONFIG_BOOL, RUN(plan.lcores.combined), "false", 0, 0, NULL, "combined", NULL,
	       "Each lcore both sends and receives, by a queue pair of its own; there are then as many receivers as senders."),
	OPTION("lcores.memory", CONFIG_INTEGER, RUN(plan.lcores.memory_mib), "256", 16, 1048576, NULL, "memory", "MIB", "MiB for frames and rings."),
	CHOICE("lcores.hugepages", RUN(plan.lcores.hugepages), "auto", verify_names, NULL, "huge", "WHEN", "Use hugepages; auto: when enough are free."),
	OPTION("lcores.eal", CONFIG_TEXT, RUN(plan.lcores.eal), NULL, 0, 0, NULL, "eal", "ARGS", "Further arguments for DPDK's EAL."),
};
// clang-format on

const unsigned config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

const struct config_alias config_aliases[] = {
        {"director", "port.driver", "director", "port.interface port.pci port.device",
         "Send to the load balancer model inside the process, no network needed; short for --driver "
         "director."},
};

const unsigned config_alias_count = sizeof(config_aliases) / sizeof(config_aliases[0]);

const struct config_key *config_key_find(const char *path)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		if (strcmp(config_keys[i].path, path) == 0) {
			return &config_keys[i];
		}
	}
	return NULL;
}

const char *config_key_name(const struct config_key *key)
{
	const char *dot = strrchr(key->path, '.');

	return dot != NULL ? dot + 1 : key->path;
}

bool config_key_is_child(const char *path, const char *parent)
{
	size_t length = strlen(parent);

	if (length == 0) {
		return strchr(path, '.') == NULL;
	}
	return strncmp(path, parent, length) == 0 && path[length] == '.' &&
	       strchr(path + length + 1, '.') == NULL;
}

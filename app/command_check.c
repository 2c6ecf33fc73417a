#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"
#include "main.h"
#include "model.h"
#include "options.h"
#include "session.h"

// Octets around a frame on the wire: preamble and start (8), FCS (4), interframe gap (12); a frame has 60 at
// least before its FCS.
#define WIRE_OVERHEAD 24
#define FRAME_MIN     60

// A reply to an address query repeats it and adds one record: name pointer, type, class, TTL, length,
// address.
#define ANSWER_A    16
#define ANSWER_AAAA 28

// Resident before any plan: code and data of the program and of Debian's DPDK drivers, EAL's tables
// (measured: 18 MiB of files, 7 MiB of their data).
#define PROGRAM_MEMORY (25ull << 20)

static void print_bytes(const char *what, uint64_t bytes)
{
	char text[32];

	units_format_bytes(bytes, text, sizeof(text));
	printf("  %-34s %s\n", what, text);
}

static void print_cohorts(const struct plan *plan, double rate)
{
	double shares = 0;

	for (unsigned i = 0; i < plan->cohort_count; i++) {
		shares += plan->cohorts[i].share;
	}
	printf("Cohorts:\n  %-16s %-11s %8s %12s %14s  %s\n", "name", "policy", "share", "tuples",
	       "rate (q/s)", "reuse of a tuple");
	for (unsigned i = 0; i < plan->cohort_count; i++) {
		const struct flow_cohort_options *cohort = &plan->cohorts[i];
		double share = cohort->share / shares, own_rate = rate * share;
		uint64_t tuples = flow_space_tuples(cohort, 1);
		char reuse[96] = "as the window lets it";

		if (cohort->policy.reuse_low > 0) {
			snprintf(reuse, sizeof(reuse), "after %.3f s, as asked",
			         ns_to_seconds(cohort->policy.reuse_low));
		} else if (own_rate > 0) {
			bool random = cohort->policy.kind == FLOW_POLICY_RANDOM ||
			              cohort->policy.kind == FLOW_POLICY_LINUX;

			snprintf(reuse, sizeof(reuse), "%s %.3f s", random ? "on average every" : "every",
			         (double)tuples / own_rate);
		}
		printf("  %-16s %-11s %7.1f%% %12" PRIu64 " %14.0f  %s\n", cohort->name,
		       flow_policy_name(cohort->policy.kind), 100 * share, tuples, own_rate, reuse);
	}
}

struct lengths {
	double query, reply; ///< mean frame without FCS, octets
};

// Mean frame lengths over the query file. A reply's length is the server's affair; one address record is the
// usual case.
static struct lengths mean_lengths(const struct plan *plan, const struct dns_query_set *queries)
{
	unsigned header = (plan->port.vlan == PACKET_VLAN_NONE ? 14 : 18) +
	                  (plan->service.address.family == ADDRESS_IPV6 ? 48 : 28);
	struct lengths lengths = {0, 0};

	for (uint32_t i = 0; i < queries->count; i++) {
		const struct dns_query *query = &queries->queries[i];
		const uint8_t *type = query->wire + DNS_HEADER_SIZE + query->question_length - 4;
		double frame = header + query->length;
		double answer = type[0] == 0 && type[1] == 28 ? ANSWER_AAAA : ANSWER_A;

		lengths.query += frame < FRAME_MIN ? FRAME_MIN : frame;
		lengths.reply += frame + answer < FRAME_MIN ? FRAME_MIN : frame + answer;
	}
	lengths.query /= queries->count;
	lengths.reply /= queries->count;
	return lengths;
}

static void print_wire(const struct plan *plan, const struct dns_query_set *queries, double rate)
{
	struct lengths lengths = mean_lengths(plan, queries);
	struct interface interface;
	struct error ignored = {0};
	double link = 0;

	printf("On the wire (with FCS, preamble and gap; replies with one address record):\n");
	printf("  %-34s query %.0f, reply %.0f octets\n", "mean frame without FCS", lengths.query,
	       lengths.reply);
	if (rate > 0) {
		printf("  %-34s out %.3f, in %.3f Gbit/s\n", "bandwidth",
		       rate * (lengths.query + WIRE_OVERHEAD) * 8e-9,
		       rate * (lengths.reply + WIRE_OVERHEAD) * 8e-9);
	}
	if (plan_driver_has_interface(plan->port.driver) &&
	    interface_read(plan->port.device, &interface, &ignored) == 0) {
		link = (double)interface.speed_mbps * 1e6;
	}
	for (double speed = link > 0 ? link : 10e9; speed > 0;
	     speed = link > 0 || speed >= 100e9 ? 0 : speed * (speed < 20e9 ? 2.5 : 4)) {
		double out = speed / ((lengths.query + WIRE_OVERHEAD) * 8),
		       in = speed / ((lengths.reply + WIRE_OVERHEAD) * 8);

		printf("  %.0f Gbit/s carries %.2f M queries/s and %.2f M replies/s: %s\n", speed / 1e9,
		       out / 1e6, in / 1e6,
		       rate > in ? "the reply link saturates; expect loss that is no fault of the service"
		                 : "the reply link saturates first, above this rate");
	}
}

// What the process will hold in memory, each part when it is in full use. DPDK reserves a heap of --memory at
// least; of normal pages the system gives only those that are used, of hugepages all.
static int print_memory(const struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	uint64_t queries = dns_query_set_memory(session->queries), frames = pools_memory(plan), model = 0,
	         reserved = (uint64_t)pools_heap_mib(plan) << 20, captures = session_capture_memory(plan);
	struct worker_team_options options;
	struct worker_memory memory;
	uint64_t tuples = flow_space_tuples(plan->cohorts, plan->cohort_count), looks;
	int rc;

	session_team_options(session, &options);
	looks = judge_memory((uint32_t)tuples);
	rc = worker_team_memory(&options, &memory, error);
	if (rc < 0) {
		return rc;
	}
	printf("Memory:\n");
	print_bytes("tuples and ledger", memory.space + memory.ledger + memory.pickers);
	print_bytes("queries in flight", memory.tables);
	print_bytes("counters", memory.counters);
	print_bytes("looks at the ledger", looks);
	print_bytes("query file", queries);
	if (model_is_embedded(plan)) {
		model = ipvs_memory(&plan->director.ipvs, tuples);
		print_bytes("director model", model);
	}
	if (captures > 0) {
		print_bytes("records for the capture file", captures);
	}
	print_bytes("frames and rings (DPDK)", frames);
	print_bytes("the program and its libraries", PROGRAM_MEMORY);
	print_bytes("together", memory.space + memory.ledger + memory.pickers + memory.tables +
	                                memory.counters + queries + looks + model + captures + frames +
	                                PROGRAM_MEMORY);
	print_bytes("reserved for DPDK (--memory)", reserved);
	return 0;
}

static void print_receiver(const struct plan *plan, unsigned receiver)
{
	unsigned first = pools_first_queue(plan, receiver), end = pools_first_queue(plan, receiver + 1);

	printf(" receiver %u (", receiver);
	if (end == first) {
		printf("no queue)");
	} else if (end - first == 1) {
		printf("queue %u)", first);
	} else {
		printf("queues %u to %u)", first, end - 1);
	}
}

// Who polls on which lcore. With a map of the user's own only EAL knows how many there are.
static void print_lcores(const struct plan *plan)
{
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	struct lcore_shape shape = session_lcores(plan);
	unsigned lcores = lcore_count(&shape, cpus) - 1;
	struct lcore_places places;

	if (plan->lcores.map != NULL) {
		printf("Lcores: as --lcores maps them, for %u senders and %u receivers in turn.\n",
		       shape.senders, shape.receivers);
		return;
	}
	lcore_place(&shape, lcores, &places);
	printf("Lcores: main, which sleeps, and %u that poll on %u CPUs:\n", lcores, cpus);
	for (unsigned lcore = 0; lcore < lcores; lcore++) {
		printf("  %u:%s", lcore + 1, shape.other && places.other == lcore ? " director model" : "");
		for (unsigned i = 0; i < shape.senders; i++) {
			if (places.senders[i] == lcore) {
				printf(" sender %u", i);
			}
		}
		for (unsigned i = 0; i < shape.receivers; i++) {
			if (places.receivers[i] == lcore) {
				print_receiver(plan, i);
			}
		}
		printf("\n");
	}
	if (shape.threads > 0) {
		printf("  besides, a thread of each sender that polls in the kernel (xdp_live)\n");
	}
}

static void print_head(const struct plan *plan, const struct dns_query_set *queries, double rate)
{
	char address[ADDRESS_TEXT_SIZE];

	printf("%s is valid.\n", plan->name != NULL ? plan->name : "The plan");
	printf("Service:  %s port %u over %s%s%s\n", address_format(&plan->service.address, address),
	       plan->service.port, plan_driver_name(plan->port.driver), plan->port.device != NULL ? " " : "",
	       plan->port.device != NULL ? plan->port.device : "");
	if (queries->generated != DNS_GENERATED_NONE) {
		printf("Queries:  generated under %s\n", plan->queries.zone);
	} else {
		printf("Queries:  %" PRIu32 " from %s\n", queries->count,
		       plan->queries.trace != NULL ? plan->queries.trace : plan->queries.file);
	}
	printf("Load:     ");
	if (rate > 0) {
		printf("up to %.0f q/s", rate);
	} else {
		printf("no rate");
	}
	if (plan->load.window > 0) {
		printf(", closed loop of %" PRIu64 " %s", plan->load.window,
		       plan->load.slots ? "slots" : "queries in flight");
	}
	if (plan->load.duration != NS_NEVER) {
		printf(", %.3f s", ns_to_seconds(plan->load.duration));
	}
	printf("; timeouts");
	for (unsigned i = 0; i < plan->load.timeout_count; i++) {
		printf(" %.0f ms", (double)plan->load.timeouts_given[i] / 1e6);
	}
	printf("\n");
}

static int check(const struct plan *plan, struct error *error)
{
	struct plan shown = *plan;
	struct session session;
	double rate = plan->load.profile.count > 0 ? load_profile_peak(&plan->load.profile) : 0;
	int rc;

	memset(&session, 0, sizeof(session));
	session.plan = plan;
	rc = session_load_queries(&session, error);
	if (rc < 0) {
		return rc;
	}
	if (rate >= LOAD_UNLIMITED) {
		rate = 0;
	}
	if (session.trace.queries != NULL) {
		shown.cohorts = &session.trace.cohort;
		rate = session.trace.peak_rate;
	}
	print_head(&shown, session.queries, rate);
	print_cohorts(&shown, rate);
	rc = print_memory(&session, error);
	if (rc == 0) {
		print_lcores(plan);
		print_wire(plan, session.queries, rate);
	}
	dns_query_set_free(session.queries);
	trace_release(&session.trace);
	return rc;
}

int command_check(int count, char **arguments)
{
	struct error error = {0};
	struct options options;
	int status = STATUS_OK;

	if (options_parse(&options, CONFIG_CLIENT, count, arguments,
	                  "Usage: staleflow check [CONFIG] [OPTIONS]\n\n"
	                  "Validate a configuration and say what a run would do: tuples, reuse, memory, "
	                  "bandwidth. Sends nothing.\n",
	                  &error) < 0) {
		return options_fail(&error);
	}
	if (options.plan != NULL && check(options.plan, &error) < 0) {
		status = options_fail(&error);
	}
	plan_free(options.plan);
	return status;
}

int command_schema(int count, char **arguments)
{
	const char *option = count > 1 ? arguments[1] : "", *role = count > 2 ? arguments[2] : "run";

	if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) {
		printf("Usage: staleflow schema [--reference | --man [run | director]]\n\n"
		       "Print the JSON schema of configuration files; with --reference all settings, as "
		       "Markdown; with --man the\noptions of run or director, as a section of a manual "
		       "page.\n");
		return STATUS_OK;
	}
	if (strcmp(option, "--reference") == 0) {
		config_describe(stdout);
		return STATUS_OK;
	}
	if (strcmp(option, "--man") == 0 && (strcmp(role, "run") == 0 || strcmp(role, "director") == 0)) {
		config_man(strcmp(role, "run") == 0 ? CONFIG_CLIENT : CONFIG_DIRECTOR, stdout);
		return STATUS_OK;
	}
	if (count > 1) {
		fprintf(stderr,
		        "staleflow: '%s' is no option of 'schema'; it takes --reference, --man run, --man "
		        "director or nothing\n",
		        strcmp(option, "--man") == 0 ? role : option);
		return STATUS_USAGE;
	}
	return config_schema(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}

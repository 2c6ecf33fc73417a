#include "session.h"

#include <errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "lcore.h"
#include "model.h"
#include "resolve.h"

// Between two rounds of the main lcore (10 ms, and the time that a write takes): records of lost queries and
// of unusual frames for the capture file, 12 MiB a receiver.
#define CAPTURE_QUERIES 65536
#define CAPTURE_FRAMES  4096
// A locally administered address (IEEE 802, 8.4) for the model: nobody else on a ring.
static const uint8_t director_mac[6] = {0x02, 0x53, 0x46, 0x00, 0x00, 0x02};
static const uint8_t generator_mac[6] = {0x02, 0x53, 0x46, 0x00, 0x00, 0x01};

int session_load_queries(struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	struct dns_query_set **out = &session->queries;
	const struct plan_queries *queries = &plan->queries;

	switch (queries->source) {
	case PLAN_QUERIES_TEXT:
		return dns_query_set_load(out, queries->file, &queries->options, error);
	case PLAN_QUERIES_TRACE:
		return trace_load(&session->trace, plan, out, error);
	case PLAN_QUERIES_BINARY:
		return dns_query_set_load_binary(out, queries->file, error);
	case PLAN_QUERIES_GENERATED:
		return dns_query_set_generate(out, queries->zone, queries->type, queries->generated,
		                              queries->label_length, plan->seed, &queries->options, error);
	}
	return error_set(error, -EINVAL,
	                 "no queries are given; name a file with -d or a zone with --generate");
}

struct lcore_shape session_lcores(const struct plan *plan)
{
	return (struct lcore_shape){.senders = plan->lcores.senders,
	                            .receivers = plan->lcores.receivers,
	                            .combined = plan->lcores.combined,
	                            .other = model_is_embedded(plan),
	                            .threads = egress_threads(plan)};
}

unsigned session_lcore_cpus(const struct session *session)
{
	unsigned cpus = session->environment.cpus, threads = egress_threads(session->plan);

	return cpus > threads ? cpus - threads : 0;
}

static int start_environment(struct session *session, enum session_kind kind, struct error *error)
{
	const struct plan *plan = session->plan;
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	struct lcore_shape shape = session_lcores(plan);
	struct environment_options options = {
	        .program = "staleflow",
	        .lcores = kind == SESSION_VIRTUAL ? NULL : plan->lcores.map,
	        .lcore_count = kind == SESSION_VIRTUAL ? 1 : lcore_count(&shape, cpus),
	        .memory_mib = pools_heap_mib(plan),
	        .pages = (enum environment_pages)plan->lcores.hugepages,
	        .pci_address = plan->port.driver == PLAN_DRIVER_PCI ? plan->port.device : NULL,
	        .extra = plan->lcores.eal,
	        .verbose = plan->output.verbose,
	};
	int rc = environment_start(&options, &session->environment, error);

	session->environment_started = rc == 0;
	return rc;
}

void session_port_options(const struct plan *plan, struct port_options *out)
{
	static const enum port_driver drivers[PLAN_DRIVERS] = {
	        [PLAN_DRIVER_AF_PACKET] = PORT_DRIVER_AF_PACKET,
	        [PLAN_DRIVER_AF_XDP] = PORT_DRIVER_AF_XDP,
	        [PLAN_DRIVER_XDP_LIVE] = PORT_DRIVER_XDP_LIVE,
	        [PLAN_DRIVER_TAP] = PORT_DRIVER_TAP,
	        [PLAN_DRIVER_PCI] = PORT_DRIVER_PCI,
	        [PLAN_DRIVER_DEVICE] = PORT_DRIVER_DEVICE,
	        [PLAN_DRIVER_DIRECTOR] = PORT_DRIVER_DIRECTOR,
	};

	*out = (struct port_options){
	        .driver = drivers[plan->port.driver],
	        .device = plan->port.device,
	        .tx_queues = pools_send_queues(plan),
	        .rx_queues = pools_receive_queues(plan),
	        .ring_size = plan->port.ring_size,
	        .offload = plan->port.offload == PLAN_OFFLOAD_AUTO,
	        .promiscuous = plan->port.promiscuous || plan->port.source_mac.present,
	        .link_timeout = plan->port.link_timeout,
	        .verbose = plan->output.verbose,
	};
}

static int open_ports(struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	unsigned queues = plan->lcores.senders;
	struct port_options options;
	int rc;

	session_port_options(plan, &options);
	if (model_is_embedded(plan)) {
		rc = port_open_pair(queues, plan->port.ring_size, &session->port, &session->director_port,
		                    error);
		session->director_port_opened = rc == 0;
		memcpy(session->port.mac, generator_mac, sizeof(session->port.mac));
	} else {
		rc = port_open(&options, &session->port, error);
	}
	session->port_opened = rc == 0;
	if (rc < 0) {
		return rc;
	}
	if (plan->port.source_mac.present) {
		memcpy(session->port.mac, plan->port.source_mac.bytes, sizeof(session->port.mac));
	}
	rc = pools_make(&session->pools, plan, session->port.socket, error);
	if (rc == 0) {
		rc = port_start(&options, &session->port, session->pools.queues, error);
	}
	if (rc == 0 && model_is_embedded(plan)) {
		rc = port_start_shared(&options, &session->director_port, session->pools.director, error);
	}
	return rc;
}

// The MAC address that queries are sent to: given, the model's, or resolved.
static int find_next_hop(struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	struct packet_neighbour_options options = {
	        .own = {.vlan = plan->port.vlan},
	        .target = plan->service.gateway.family != ADDRESS_NONE ? plan->service.gateway
	                                                               : plan->service.address,
	        .longest_interval = plan->service.resolve_interval,
	        .timeout = plan->service.resolve_timeout,
	};
	struct interface interface;
	int rc;

	if (model_is_embedded(plan)) {
		memcpy(session->next_hop, director_mac, sizeof(session->next_hop));
		return 0;
	}
	if (plan->service.mac.present) {
		memcpy(session->next_hop, plan->service.mac.bytes, sizeof(session->next_hop));
		return 0;
	}
	if (plan->service.gateway.family == ADDRESS_NONE && plan_driver_has_interface(plan->port.driver)) {
		rc = interface_read(plan->port.device, &interface, error);
		if (rc == 0) {
			rc = interface_next_hop(&interface, &plan->service.address, &options.target, error);
		}
		if (rc < 0) {
			return rc;
		}
	}
	memcpy(options.own.mac, session->port.mac, sizeof(options.own.mac));
	options.own.address = plan->cohorts[0].ranges[0].first;
	clock_start(&session->clock);
	return resolve_neighbour(&session->port, &options,
	                         plan->service.gateway.family != ADDRESS_NONE ? "--gateway" : "--server",
	                         session->pools.control, &session->clock, session->next_hop, error);
}

static uint32_t table_room(const struct plan *plan)
{
	uint64_t tuples = flow_space_tuples(plan->cohorts, plan->cohort_count);

	return (uint32_t)RTE_MIN(fixed_power_of_two(2 * tuples + 1024), UINT64_C(1) << 31);
}

// The model and the workers get each other's own buffers, and mark the checksums of what they wrote.
static bool marks_are_believed(const struct plan *plan)
{
	return model_is_embedded(plan) && plan->port.verify == PLAN_VERIFY_AUTO;
}

static int make_director(struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	// More connections than tuples (and as many templates) there can't be: a table of that size stays in
	// the CPU's caches.
	const struct model_place place = {.pool = session->pools.director,
	                                  .connections = table_room(plan),
	                                  .hops = 4, // client, director, real server and back
	                                  .proxy_neighbours = true,
	                                  .verify_checksums = true,
	                                  .verify_unmarked = marks_are_believed(plan)};

	return model_make(&session->director, plan, director_mac, &place, error);
}

static enum worker_verify verify_from(const struct session *session)
{
	const struct plan *plan = session->plan;

	if (plan->port.verify == PLAN_VERIFY_OFF) {
		return WORKER_VERIFY_OFF;
	}
	if (plan->port.verify == PLAN_VERIFY_AUTO &&
	    (session->port.rx_offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0) {
		return WORKER_VERIFY_OFF; // the port flags bad ones
	}
	if (marks_are_believed(plan)) {
		return WORKER_VERIFY_UNMARKED;
	}
	return session->port.software && plan->port.verify == PLAN_VERIFY_AUTO ? WORKER_VERIFY_PARTIAL
	                                                                       : WORKER_VERIFY_STRICT;
}

void session_team_options(const struct session *session, struct worker_team_options *out)
{
	const struct plan *plan = session->plan;
	const struct plan_load *load = &plan->load;
	uint64_t limit = load->query_limit;

	if (load->runs > 0 && session->queries != NULL && load->runs < limit / session->queries->count) {
		limit = load->runs * session->queries->count;
	}
	*out = (struct worker_team_options){
	        .cohorts = plan->cohorts,
	        .cohort_count = plan->cohort_count,
	        .senders = plan->lcores.senders,
	        .queries = session->queries,
	        .want_nsid = plan->queries.options.nsid || plan->queries.source == PLAN_QUERIES_BINARY ||
	                     plan->queries.source == PLAN_QUERIES_TRACE,
	        .header = {.vlan = plan->port.vlan,
	                   .destination = plan->service.address,
	                   .destination_port = plan->service.port,
	                   .ttl = plan->service.ttl,
	                   .dscp = plan->service.dscp,
	                   .offload_ip_checksum =
	                           (session->port.tx_offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0,
	                   .offload_udp_checksum =
	                           (session->port.tx_offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0},
	        .profile = load->profile.count > 0 ? &load->profile : NULL,
	        .window = load->window,
	        .query_limit = limit,
	        .size_rate = load->size_rate,
	        .timeouts = load->timeouts,
	        .timeout_count = load->timeout_count,
	        .start = SESSION_START,
	        .duration = load->duration,
	        .interval = plan->output.interval,
	        .max_lag = load->max_lag,
	        .patience = load->patience,
	        .seed = plan->seed,
	        .port = session->port.id,
	        .transmit = session->egress.transmit,
	        .transmit_queues = session->egress.queues,
	        .receivers = plan->lcores.receivers,
	        .receive_queues = (uint16_t)pools_receive_queues(plan),
	        .dispatch_size = plan->port.ring_size,
	        .verify = verify_from(session),
	        .mark_checksums = marks_are_believed(plan),
	        .checksum_flags = session->port.rx_offloads != 0
	                                  ? RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK
	                                  : 0,
	        .pools = session->pools.senders,
	        .control_pool = session->pools.control,
	        .captures = session->captures,
	};
	if (session->trace.queries != NULL) {
		out->cohorts = &session->trace.cohort;
		out->trace = session->trace.queries;
		out->trace_count = session->trace.count;
		out->size_rate = session->trace.peak_rate;
		out->profile = NULL;
		out->window = 0;
		out->duration = RTE_MIN(load->duration, session->trace.duration);
	}
	memcpy(out->header.source_mac, session->port.mac, sizeof(out->header.source_mac));
	memcpy(out->header.destination_mac, session->next_hop, sizeof(out->header.destination_mac));
}

// Of IP and UDP.
static unsigned header_length(const struct plan *plan)
{
	return plan->service.address.family == ADDRESS_IPV6 ? 48 : 28;
}

static int check_lengths(const struct session *session, struct error *error)
{
	unsigned header = header_length(session->plan);

	if (session->queries->longest + header > session->port.mtu) {
		return error_set(error, -EMSGSIZE,
		                 "the longest query has %u octets, with IP and UDP %u, and the port's MTU is "
		                 "%u; shorten it (EDNS options, "
		                 "name) or raise the MTU",
		                 session->queries->longest, session->queries->longest + header,
		                 session->port.mtu);
	}
	return 0;
}

// The longest frame of a query.
static unsigned longest_frame(const struct session *session)
{
	const struct plan *plan = session->plan;
	unsigned vlan = plan->port.vlan != 0 ? RTE_VLAN_HLEN : 0;

	return RTE_ETHER_HDR_LEN + vlan + session->queries->longest + header_length(plan);
}

// A receiver has a ring of its own: one producer each.
static int make_captures(struct session *session, struct error *error)
{
	const struct plan *plan = session->plan;
	int rc = 0;

	if (plan->output.pcap == NULL) {
		return 0;
	}
	session->captures =
	        (struct capture *)lines_allocate(plan->lcores.receivers, sizeof(*session->captures));
	if (session->captures == NULL) {
		return error_set(error, -ENOMEM, "no memory for the capture file");
	}
	for (unsigned i = 0; rc == 0 && i < plan->lcores.receivers; i++) {
		rc = capture_init(&session->captures[i], CAPTURE_QUERIES, CAPTURE_FRAMES, error);
	}
	return rc;
}

uint64_t session_capture_memory(const struct plan *plan)
{
	return plan->output.pcap == NULL
	               ? 0
	               : plan->lcores.receivers * (CAPTURE_QUERIES * sizeof(struct capture_query) +
	                                           CAPTURE_FRAMES * sizeof(struct capture_frame));
}

int session_open(struct session *session, const struct plan *plan, enum session_kind kind,
                 struct error *error)
{
	struct worker_team_options options;
	int rc;

	memset(session, 0, sizeof(*session));
	session->plan = plan;
	if (kind == SESSION_VIRTUAL && !model_is_embedded(plan)) {
		return error_set(error, -EINVAL,
		                 "a simulation needs the director model: add \"director\" to the config, or "
		                 "--director");
	}
	rc = session_load_queries(session, error);
	if (rc == 0) {
		rc = start_environment(session, kind, error);
	}
	if (rc == 0) {
		rc = open_ports(session, error);
	}
	if (rc == 0) {
		rc = check_lengths(session, error);
	}
	if (rc == 0) {
		rc = find_next_hop(session, error);
	}
	if (rc == 0 && model_is_embedded(plan)) {
		rc = make_director(session, error);
	}
	if (rc == 0) {
		rc = egress_open(&session->egress, plan, longest_frame(session), error);
	}
	if (rc < 0) {
		return rc;
	}
	rc = make_captures(session, error);
	if (rc < 0) {
		return rc;
	}
	session_team_options(session, &options);
	rc = worker_team_create(&session->team, &options, error);
	if (rc == 0) {
		rc = steering_start(&session->steering, plan, &session->port, session->team, error);
	}
	if (rc == 0) {
		rc = stats_snapshot_init(&session->snapshot, &session->team->shape, error);
	}
	if (rc == 0) {
		rc = egress_start(&session->egress, &session->environment, error);
	}
	return rc;
}

void session_close(struct session *session)
{
	stats_snapshot_release(&session->snapshot);
	steering_stop(&session->steering);
	egress_close(&session->egress);
	worker_team_free(session->team);
	for (unsigned i = 0; session->captures != NULL && i < session->plan->lcores.receivers; i++) {
		capture_release(&session->captures[i]);
	}
	free(session->captures);
	director_destroy(session->director);
	if (session->port_opened) {
		port_close(&session->port);
	}
	if (session->director_port_opened) {
		port_close(&session->director_port);
	}
	pools_release(&session->pools);
	if (session->environment_started) {
		environment_stop();
	}
	dns_query_set_free(session->queries);
	trace_release(&session->trace);
}

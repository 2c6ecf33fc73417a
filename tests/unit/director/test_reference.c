// The table against a slow reference that keeps its connections in a plain list: random packets, removals,
// weights and timeouts must be decided alike.
#include "lab.h"

#include "base/random.h"

#define CONNECTIONS 4000
#define SERVERS     4
#define PORTS       60

struct flow {
	uint16_t port;
	unsigned server;
	uint64_t fires; ///< jiffy
	uint64_t expires;
};

struct reference {
	struct flow flows[CONNECTIONS]; ///< newest last
	unsigned count;
	bool listed[SERVERS];
	unsigned weight[SERVERS];
	uint64_t timeout;
	uint64_t first_jiffy;
	unsigned hz;
	uint64_t flush_at;
	bool nodest, lazy;
	uint64_t now;
};

/** The jiffy at which a timer fires, written out from the description of the wheel's levels. */
static uint64_t fires_at(uint64_t expires, uint64_t now)
{
	uint64_t clock = now + 1, granularity = 1;

	if (expires < clock) {
		return clock;
	}
	while (expires - clock >= 63 * granularity) {
		granularity *= 8;
	}
	return (expires / granularity + 1) * granularity;
}

static void reference_remove(struct reference *r, unsigned index)
{
	memmove(&r->flows[index], &r->flows[index + 1], (r->count - index - 1) * sizeof(r->flows[0]));
	r->count--;
}

static void reference_advance(struct reference *r, ns_t now)
{
	r->now = r->first_jiffy + now / (NS_PER_SEC / r->hz);
	for (unsigned i = 0; i < r->count;) {
		bool flushed = r->flush_at <= r->now && !r->listed[r->flows[i].server];

		if (r->flows[i].fires <= r->now || flushed) {
			reference_remove(r, i);
		} else {
			i++;
		}
	}
	if (r->flush_at <= r->now) {
		r->flush_at = UINT64_MAX;
	}
}

static struct flow *reference_find(struct reference *r, uint16_t port)
{
	for (unsigned i = r->count; i > 0; i--) {
		if (r->flows[i - 1].port == port) {
			return &r->flows[i - 1];
		}
	}
	return NULL;
}

static void reference_arm(struct reference *r, struct flow *flow, uint64_t timeout)
{
	flow->expires = r->now + timeout;
	flow->fires = fires_at(flow->expires, r->now);
}

/** Check what became of a packet of `port`. `got` is a server's letter, '-' or 'r'. */
static void reference_packet(struct reference *r, uint16_t port, char got)
{
	struct flow *flow = reference_find(r, port);
	bool any = false;

	for (unsigned i = 0; i < SERVERS; i++) {
		any |= r->listed[i] && r->weight[i] > 0;
	}
	if (flow != NULL && r->listed[flow->server]) {
		assert_int_equal(got, 'A' + (int)flow->server);
		reference_arm(r, flow, r->timeout);
		return;
	}
	if (flow != NULL && !r->nodest) {
		assert_int_equal(got, '-');
		return;
	}
	if (flow != NULL) {
		if (flow->expires > r->now) {
			flow->expires = r->now;
			flow->fires = r->now + 1;
		}
		if (r->lazy) {
			assert_int_equal(got, '-');
			return;
		}
	}
	if (!any) {
		assert_int_equal(got, 'r');
		return;
	}
	assert_in_range(got, 'A', 'A' + SERVERS - 1);
	assert_true(r->listed[got - 'A'] && r->weight[got - 'A'] > 0);
	assert_true(r->count < CONNECTIONS);
	r->flows[r->count] = (struct flow){.port = port, .server = (unsigned)(got - 'A')};
	reference_arm(r, &r->flows[r->count++], r->timeout);
}

/** A packet from a server: translated when the newest connection of the port to that server is there. */
static void reference_reply(struct reference *r, uint16_t port, unsigned server, bool got)
{
	for (unsigned i = r->count; i > 0; i--) {
		if (r->flows[i - 1].port == port && r->flows[i - 1].server == server) {
			assert_true(got);
			reference_arm(r, &r->flows[i - 1], r->timeout);
			return;
		}
	}
	assert_false(got);
}

static void admin(struct lab *lab, struct reference *r, struct random *random, double t)
{
	unsigned server = (unsigned)random_below(random, SERVERS);
	char letter = (char)('A' + server);

	switch (random_below(random, 5)) {
	case 0:
	case 1:
		if (!r->listed[server]) {
			r->weight[server] = (unsigned)random_below(random, 3);
			lab_add(lab, t, letter, r->weight[server]);
			r->listed[server] = true;
			break;
		}
		lab_remove(lab, t, letter);
		r->listed[server] = false;
		if (r->nodest && !r->lazy && r->flush_at == UINT64_MAX) {
			r->flush_at = fires_at(r->now + 1, r->now);
		}
		break;
	case 2:
		if (r->listed[server]) {
			r->weight[server] = (unsigned)random_below(random, 3);
			lab_weight(lab, t, letter, r->weight[server]);
		}
		break;
	case 3:
		r->timeout = (1 + random_below(random, 40)) * r->hz;
		ipvs_set_udp_timeout(lab->ipvs, seconds(t), r->timeout * (NS_PER_SEC / r->hz));
		break;
	default:
		r->nodest = !r->nodest;
		ipvs_set_expire_nodest_conn(lab->ipvs, seconds(t), r->nodest);
		break;
	}
}

static void check_history(uint64_t seed)
{
	static const unsigned rates[] = {100, 250, 1000};
	static struct reference r;
	struct ipvs_options options = lab_options();
	struct random random;
	struct lab lab;
	double t = 0;

	random_seed(&random, seed, 0);
	r = (struct reference){.hz = rates[seed % 3],
	                       .flush_at = UINT64_MAX,
	                       .lazy = (seed & 4) != 0,
	                       .first_jiffy = random_below(&random, 1u << 20)};
	options.hz = r.hz;
	options.lazy = r.lazy;
	options.first_jiffy = r.first_jiffy;
	options.connections = CONNECTIONS;
	options.seed = seed;
	r.timeout = 30 * r.hz;
	lab_open(&lab, &options, "");
	for (int i = 0; i < 5000; i++) {
		uint16_t port = (uint16_t)random_below(&random, PORTS);

		// Bursts within a jiffy, and rests that outlive the timeout.
		switch (random_below(&random, 20)) {
		case 0:
			t += random_double(&random) * 20;
			break;
		case 1:
		case 2:
			t += random_double(&random);
			break;
		default:
			t += random_double(&random) * 0.004;
			break;
		}
		reference_advance(&r, seconds(t));
		if (random_below(&random, 40) == 0) {
			admin(&lab, &r, &random, t);
		} else if (random_below(&random, 3) == 0) {
			unsigned server = (unsigned)random_below(&random, SERVERS);
			bool known = lab.servers[server] != 0 || server == 0;

			if (known &&
			    ipvs_server_state(lab.ipvs, lab.service, lab.servers[server],
			                      &(struct ipvs_server_state){0}) == 0 &&
			    lab_letter(&lab, lab.servers[server]) == (char)('A' + server)) {
				reference_reply(&r, port, server,
				                lab_push(&lab, t, (char)('A' + server), port));
			}
		} else {
			reference_packet(&r, port, lab_ask(&lab, t, port));
		}
		assert_int_equal(lab_count(&lab, t), r.count);
	}
	for (unsigned i = 0; i < SERVERS; i++) {
		struct ipvs_server_state server;
		unsigned count = 0;

		if (ipvs_server_state(lab.ipvs, lab.service, lab.servers[i], &server) == 0 &&
		    server.address.bytes[3] == 'A' + i) {
			for (unsigned j = 0; j < r.count; j++) {
				count += r.flows[j].server == i;
			}
			assert_int_equal(server.connections, count);
		}
	}
	// In the end nothing is left, and nothing is due.
	ipvs_expire(lab.ipvs, seconds(t + 1000));
	assert_int_equal(ipvs_table_count(lab.ipvs), 0);
	assert_true(ipvs_next(lab.ipvs) == NS_NEVER);
	lab_close(&lab);
}

static void random_histories_are_decided_as_the_reference_decides(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 120; seed++) {
		check_history(seed);
	}
}

static void a_full_table_drops_new_flows_in_silence(void **state)
{
	struct ipvs_options options = lab_options();
	struct lab lab;

	(void)state;
	options.connections = 4;
	lab_open(&lab, &options, "AB");
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 6), "BABA--");
	assert_int_equal(ipvs_counters(lab.ipvs)->reasons[IPVS_REASON_MEMORY], 2);
	assert_string_equal(lab_ask_ports(&lab, 31, 1000, 2), "BA");
	lab_close(&lab);
}

static void hooks_are_registered_for_each_family(void **state)
{
	struct ipvs_options options = lab_options();
	struct ipvs_service_options rr = {.scheduler = IPVS_RR};
	struct address other = address_of("fd00::a");
	struct error error = {0};
	struct lab lab;

	(void)state;
	lab_open(&lab, &options, "AB");
	assert_true(ipvs_service_add(lab.ipvs, 0, &other, 53, &rr, &error) > 0);
	assert_string_equal(lab_ask_ports(&lab, 0, 1000, 2), "BA");
	// The last service of IPv4: its connections are not even looked at, whatever IPv6 has.
	assert_int_equal(ipvs_service_delete(lab.ipvs, seconds(1), lab.service), 0);
	assert_string_equal(lab_ask_ports(&lab, 2, 1000, 2), "rr");
	lab_close(&lab);
}

static void bad_options_are_refused_with_a_reason(void **state)
{
	struct ipvs_options options = lab_options();
	struct error error = {0};
	struct ipvs *ipvs;

	(void)state;
	options.udp_timeout = NS_PER_MS;
	assert_true(ipvs_create(&ipvs, &options, &error) < 0);
	assert_non_null(strstr(error.text, "between 1 s and"));
	options = lab_options();
	options.connections = 0;
	error = (struct error){0};
	assert_true(ipvs_create(&ipvs, &options, &error) < 0);
	assert_non_null(strstr(error.text, "between 1 and"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_histories_are_decided_as_the_reference_decides),
	        cmocka_unit_test(a_full_table_drops_new_flows_in_silence),
	        cmocka_unit_test(hooks_are_registered_for_each_family),
	        cmocka_unit_test(bad_options_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

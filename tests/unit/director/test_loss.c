// The loss model: crowds of clients against the table, compared with the closed forms of the two reuse
// policies. Bounds are four standard errors, measured over many seeds.
#include "lab.h"

#include "base/random.h"

/** Clients that use `ports` source ports at `rate` queries a second altogether. */
struct crowd {
	struct lab lab;
	struct random random;
	unsigned ports;
	double rate;
	bool sequential;
	double now;
	unsigned turn;
	uint64_t asked;
};

struct crowd_options {
	unsigned ports;
	double rate;
	unsigned servers;
	double timeout;
	bool sequential;
	bool expire_nodest_conn;
	bool lazy;
	uint64_t seed;
};

static void crowd_open(struct crowd *crowd, const struct crowd_options *with)
{
	static const char letters[] = "ABCDEF";
	struct ipvs_options options = lab_options();
	char servers[8] = "";

	memcpy(servers, letters, with->servers);
	memset(crowd, 0, sizeof(*crowd));
	random_seed(&crowd->random, with->seed, 1);
	crowd->ports = with->ports;
	crowd->rate = with->rate;
	crowd->sequential = with->sequential;
	options.udp_timeout = seconds(with->timeout);
	options.expire_nodest_conn = with->expire_nodest_conn;
	options.lazy = with->lazy;
	options.connections = with->ports * 2;
	options.seed = with->seed;
	// The phase of the wheel is as random as a kernel's uptime.
	options.first_jiffy = random_below(&crowd->random, 1u << 24);
	lab_open(&crowd->lab, &options, servers);
}

/** Let one query pass. Returns where it went; crowd->now is when. */
static char crowd_step(struct crowd *crowd)
{
	unsigned port;

	if (crowd->sequential) {
		crowd->now = (double)crowd->asked / crowd->rate;
		port = crowd->turn;
		crowd->turn = crowd->turn + 1 == crowd->ports ? 0 : crowd->turn + 1;
	} else {
		crowd->now += -log(1 - random_double(&crowd->random)) / crowd->rate;
		port = (unsigned)random_below(&crowd->random, crowd->ports);
	}
	crowd->asked++;
	return lab_ask(&crowd->lab, crowd->now, (uint16_t)port);
}

static void crowd_run(struct crowd *crowd, double until)
{
	while (crowd->now < until) {
		crowd_step(crowd);
	}
}

/** Lost queries by time since the event, in `bins` bins of `width` seconds. A query to `dead` is lost as
 * well. */
static void crowd_count(struct crowd *crowd, double event, double width, unsigned bins, char dead,
                        double *asked, double *lost)
{
	for (;;) {
		char to = crowd_step(crowd);
		double since = crowd->now - event;
		unsigned bin = (unsigned)(since / width);

		if (since >= width * bins) {
			return;
		}
		asked[bin]++;
		lost[bin] += to == '-' || to == dead;
	}
}

struct sample {
	double count, mean, squares;
};

static void sample_add(struct sample *sample, double value)
{
	double delta = value - sample->mean;

	sample->count++;
	sample->mean += delta / sample->count;
	sample->squares += delta * (value - sample->mean);
}

/**
 * The mean lies within four standard errors of what was expected: the measured error, or what chance alone
 * makes of `events` trials when nothing happened in any of them.
 */
static void check_sample(const struct sample *sample, double expected, double events, const char *what)
{
	double error = sqrt((sample->squares / (sample->count - 1) + expected / events) / sample->count);

	if (fabs(sample->mean - expected) > 4 * error + expected * 0.002) {
		fail_msg("%s: measured %g, expected %g, standard error %g", what, sample->mean, expected,
		         error);
	}
}

#define BINS 12

struct experiment {
	struct crowd_options crowd;
	char dead;        ///< a server that stays listed and is dead; 0: A is deleted
	bool weight_zero; ///< of the dead server
	double width;
	unsigned seeds;
	struct sample share[BINS];
	struct sample total;
};

static void run_experiment(struct experiment *experiment)
{
	static struct crowd crowd;
	double event = experiment->crowd.timeout * 3;

	for (unsigned seed = 0; seed < experiment->seeds; seed++) {
		double asked[BINS] = {0}, lost[BINS] = {0}, total = 0;

		experiment->crowd.seed = seed;
		crowd_open(&crowd, &experiment->crowd);
		crowd_run(&crowd, event);
		if (experiment->dead == 0) {
			lab_remove(&crowd.lab, crowd.now, 'A');
		} else if (experiment->weight_zero) {
			lab_weight(&crowd.lab, crowd.now, experiment->dead, 0);
		}
		crowd_count(&crowd, crowd.now, experiment->width, BINS, experiment->dead, asked, lost);
		for (unsigned i = 0; i < BINS; i++) {
			sample_add(&experiment->share[i], lost[i] / asked[i]);
			total += lost[i];
		}
		sample_add(&experiment->total, total);
		lab_close(&crowd.lab);
	}
}

/** The mean of f(t, T+u) over a bin and over the lateness u of the wheel, by midpoints. */
static double average(double (*f)(double t, double timeout, double lambda), double from, double width,
                      double timeout, double granularity, double lambda)
{
	double sum = 0;

	for (unsigned i = 0; i < 100; i++) {
		for (unsigned j = 0; j < 10; j++) {
			sum += f(from + width * (i + 0.5) / 100, timeout + granularity * (j + 0.5) / 10,
			         lambda);
		}
	}
	return sum / 1000;
}

static double kept(double t, double timeout, double lambda)
{
	return t < timeout ? 1 - exp(-lambda * (timeout - t)) : 0;
}

static double lazily_expired(double t, double timeout, double lambda)
{
	return t < timeout ? exp(-lambda * t) - exp(-lambda * timeout) : 0;
}

/** Granularity at HZ 100. */
static double granularity_of(double timeout)
{
	return timeout < 5.04 ? 0.08 : timeout < 40.3 ? 0.64 : 5.12;
}

static void check_random_reuse(unsigned servers, double timeout, double rate, bool lazy,
                               double (*model)(double t, double timeout, double lambda), double lost)
{
	struct experiment experiment = {
	        .crowd = {.ports = 200,
	                  .rate = rate,
	                  .servers = servers,
	                  .timeout = timeout,
	                  .expire_nodest_conn = lazy,
	                  .lazy = lazy},
	        .width = timeout * 1.2 / BINS,
	        .seeds = 200,
	};
	double granularity = granularity_of(timeout);
	char what[64];

	run_experiment(&experiment);
	for (unsigned i = 0; i < BINS; i++) {
		double from = i * experiment.width;

		snprintf(what, sizeof(what), "k=%u T=%g Q=%g lazy=%d from %g s", servers, timeout, rate, lazy,
		         from);
		check_sample(&experiment.share[i],
		             average(model, from, experiment.width, timeout, granularity, rate / 200) /
		                     servers,
		             rate * experiment.width, what);
	}
	snprintf(what, sizeof(what), "k=%u T=%g Q=%g lazy=%d in all", servers, timeout, rate, lazy);
	check_sample(&experiment.total, lost, 1, what);
}

/** Lost = (Q/k) [T - (1 - e^-y) / lambda] */
static double lost_kept(unsigned servers, double timeout, double rate)
{
	double lambda = rate / 200, t = timeout + granularity_of(timeout) / 2;

	return rate / servers * (t - (1 - exp(-lambda * t)) / lambda);
}

/** Lost = (P/k) [1 - e^-y (1 + y)] */
static double lost_lazily(unsigned servers, double timeout, double rate)
{
	double y = rate / 200 * (timeout + granularity_of(timeout) / 2);

	return 200.0 / servers * (1 - exp(-y) * (1 + y));
}

static void random_reuse_of_kept_entries_loses_as_the_model_says(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 3; servers++) {
		check_random_reuse(servers, 2, 50, false, kept, lost_kept(servers, 2, 50));
		check_random_reuse(servers, 2, 400, false, kept, lost_kept(servers, 2, 400));
		check_random_reuse(servers, 10, 40, false, kept, lost_kept(servers, 10, 40));
	}
	check_random_reuse(2, 300, 2, false, kept, lost_kept(2, 300, 2));
}

static void random_reuse_of_lazy_expiry_loses_as_the_model_says(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 3; servers++) {
		check_random_reuse(servers, 2, 50, true, lazily_expired, lost_lazily(servers, 2, 50));
		check_random_reuse(servers, 4, 200, true, lazily_expired, lost_lazily(servers, 4, 200));
	}
	check_random_reuse(2, 300, 2, true, lazily_expired, lost_lazily(2, 300, 2));
}

static void a_dead_server_still_listed_loses_its_share_of_all(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 3; servers++) {
		struct experiment experiment = {
		        .crowd = {.ports = 200, .rate = 100, .servers = servers, .timeout = 2},
		        .dead = 'A',
		        .width = 1,
		        .seeds = 100,
		};

		run_experiment(&experiment);
		for (unsigned i = 0; i < BINS; i++) {
			check_sample(&experiment.share[i], 1.0 / servers, 100, "dead and listed");
		}
	}
}

static void weight_zero_decays_with_the_other_root(void **state)
{
	struct experiment experiment = {
	        .crowd = {.ports = 4000, .rate = 4000, .servers = 2, .timeout = 2},
	        .dead = 'A',
	        .weight_zero = true,
	        .width = 1.5,
	        .seeds = 30,
	};
	double y = 2 + granularity_of(2) / 2, root = 0.1, log_ratio;
	struct sample start = {0};

	(void)state;
	// The other root of x e^-x = y e^-y, by fixed-point iteration of x = y e^(x-y).
	for (int i = 0; i < 200; i++) {
		root = y * exp(root - y);
	}
	run_experiment(&experiment);
	// From three timeouts on the decay is that of the tail: one factor a bin.
	log_ratio = log(experiment.share[10].mean / experiment.share[4].mean) / (6 * experiment.width);
	assert_true(fabs(log_ratio + root / y) < 0.015);
	experiment.width = 0.01;
	memset(experiment.share, 0, sizeof(experiment.share));
	run_experiment(&experiment);
	start = experiment.share[0];
	check_sample(&start, (1 - exp(-y)) / 2, 40, "weight 0 at the start");
}

/** Queries lost of each port that was lost at all, when ports are used in turn every `gap` seconds. */
static void check_sequential(unsigned servers, double timeout, double gap, bool lazy)
{
	static struct crowd crowd;
	struct crowd_options with = {.ports = 210,
	                             .rate = 210 / gap,
	                             .servers = servers,
	                             .timeout = timeout,
	                             .sequential = true,
	                             .expire_nodest_conn = lazy,
	                             .lazy = lazy,
	                             .seed = servers};
	double least = floor(timeout / gap), most = floor((timeout + granularity_of(timeout)) / gap);
	double asked[BINS] = {0}, lost[BINS] = {0}, total = 0;
	unsigned turns = (unsigned)least + 3;

	crowd_open(&crowd, &with);
	crowd_run(&crowd, ceil(timeout / gap) * gap * 3 - gap / 420);
	lab_remove(&crowd.lab, crowd.now + gap / 1000, 'A');
	for (unsigned i = 0; i < turns; i++) {
		asked[0] = lost[0] = 0;
		for (unsigned j = 0; j < 210; j++) {
			asked[0]++;
			lost[0] += crowd_step(&crowd) == '-';
		}
		total += lost[0];
		// 1/k of the ports for as long as their entries last, then none.
		if (i < (lazy ? fmin(least, 1) : least)) {
			assert_true(fabs(lost[0] / asked[0] - 1.0 / servers) < 1e-9);
		} else if (i >= (lazy ? fmin(most, 1) : most)) {
			assert_true(lost[0] == 0);
		}
	}
	if (!lazy) {
		assert_true(total >= 210 * least / servers && total <= 210 * most / servers);
	}
	lab_close(&crowd.lab);
}

static void sequential_reuse_loses_a_share_until_the_timeout_then_nothing(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 3; servers++) {
		check_sequential(servers, 3, 0.5, false);
		check_sequential(servers, 4, 0.9, false);
		check_sequential(servers, 10, 3.1, false);
		check_sequential(servers, 300, 0.7, false);
		check_sequential(servers, 300, 70, false);
		// Ports that rest longer than the timeout lose nothing.
		check_sequential(servers, 2, 2.5, false);
	}
}

static void sequential_reuse_of_lazy_expiry_loses_one_query_a_port(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 3; servers++) {
		check_sequential(servers, 3, 0.5, true);
		check_sequential(servers, 300, 70, true);
		check_sequential(servers, 2, 2.5, true);
	}
}

static void sequential_reuse_of_weight_zero_never_recovers_within_the_timeout(void **state)
{
	static struct crowd crowd;
	struct crowd_options with = {
	        .ports = 200, .rate = 200, .servers = 2, .timeout = 2, .sequential = true};

	(void)state;
	for (double gap = 1; gap <= 4; gap *= 4) {
		double asked[BINS] = {0}, lost[BINS] = {0};

		with.rate = 200 / gap;
		crowd_open(&crowd, &with);
		crowd_run(&crowd, 20);
		lab_weight(&crowd.lab, crowd.now, 'A', 0);
		crowd_count(&crowd, crowd.now, 100, BINS, 'A', asked, lost);
		for (unsigned i = 0; i < BINS; i++) {
			assert_true(fabs(lost[i] / asked[i] - (gap < 2 ? 0.5 : 0)) < 0.001);
		}
		lab_close(&crowd.lab);
	}
}

static void the_worked_example_loses_half_a_million_queries(void **state)
{
	const double ports = 28232, rate = 100000, timeout = 10;
	struct ipvs_options options = lab_options();
	double now = 0, mean = timeout + granularity_of(timeout) / 2, expected;
	struct ipvs_key key = {.client = address_of("192.0.2.1")};
	struct random random;
	struct lab lab;

	(void)state;
	random_seed(&random, 5, 0);
	options.udp_timeout = seconds(timeout);
	options.connections = 65536;
	lab_open(&lab, &options, "AB");
	key.service = lab.service;
	for (bool removed = false; now < 2.1 * timeout; now += 1 / rate) {
		if (!removed && now >= timeout) {
			lab_remove(&lab, now, 'A');
			removed = true;
		}
		key.client_port = (uint16_t)random_below(&random, (uint64_t)ports);
		ipvs_packet_in(lab.ipvs, seconds(now), &key);
	}
	// (Q/k) [T - (1 - e^-y) / lambda]: 486,000, and half a granularity more.
	expected = rate / 2 * (mean - (1 - exp(-rate / ports * mean)) * ports / rate);
	assert_true(fabs((double)ipvs_counters(lab.ipvs)->reasons[IPVS_REASON_DELETED] / expected - 1) <
	            0.01);
	lab_close(&lab);
}

static void a_flush_loses_only_the_replies_in_flight(void **state)
{
	static struct crowd crowd;
	struct crowd_options with = {.ports = 200,
	                             .rate = 1000,
	                             .servers = 2,
	                             .timeout = 10,
	                             .sequential = true,
	                             .expire_nodest_conn = true};
	double asked[BINS] = {0}, lost[BINS] = {0};

	(void)state;
	crowd_open(&crowd, &with);
	crowd_run(&crowd, 5);
	lab_remove(&crowd.lab, crowd.now, 'A');
	crowd_count(&crowd, crowd.now, 1, BINS, 0, asked, lost);
	for (unsigned i = 0; i < BINS; i++) {
		assert_true(lost[i] == 0);
	}
	// All of A's but those that a query moved in the jiffy or two before the flush.
	assert_in_range(ipvs_counters(crowd.lab.ipvs)->flushed, 100 - 10, 100);
	lab_close(&crowd.lab);
}

static void replacing_all_of_k_servers_kills_more_flows_than_there_are(void **state)
{
	(void)state;
	for (unsigned servers = 2; servers <= 5; servers++) {
		struct ipvs_options options = lab_options();
		unsigned ports = 3600, killed = 0;
		double expected = ports * (pow(1 + 1.0 / servers, servers) - 1);
		char old[8] = "";
		struct lab lab;

		options.connections = 8192;
		options.expire_nodest_conn = true;
		memcpy(old, "ABCDEF", servers);
		lab_open(&lab, &options, old);
		for (unsigned i = 0; i < ports; i++) {
			lab_ask(&lab, 0, (uint16_t)i);
		}
		for (unsigned i = 0; i < servers; i++) {
			struct ipvs_server_state gone;

			lab_add(&lab, i + 1, (char)('M' + i), 1);
			ipvs_server_state(lab.ipvs, lab.service, lab.servers[i], &gone);
			// The i-th removed server holds (1/k) (1 + 1/k)^(i-1) of the flows.
			assert_true(fabs(gone.connections -
			                 ports / (double)servers * pow(1 + 1.0 / servers, i)) < 8);
			killed += gone.connections;
			lab_remove(&lab, i + 1, (char)('A' + i));
			for (unsigned port = 0; port < ports; port++) {
				lab_ask(&lab, i + 1.5, (uint16_t)port);
			}
		}
		assert_true(fabs(killed - expected) < 20);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_reuse_of_kept_entries_loses_as_the_model_says),
	        cmocka_unit_test(random_reuse_of_lazy_expiry_loses_as_the_model_says),
	        cmocka_unit_test(a_dead_server_still_listed_loses_its_share_of_all),
	        cmocka_unit_test(weight_zero_decays_with_the_other_root),
	        cmocka_unit_test(sequential_reuse_loses_a_share_until_the_timeout_then_nothing),
	        cmocka_unit_test(sequential_reuse_of_lazy_expiry_loses_one_query_a_port),
	        cmocka_unit_test(sequential_reuse_of_weight_zero_never_recovers_within_the_timeout),
	        cmocka_unit_test(the_worked_example_loses_half_a_million_queries),
	        cmocka_unit_test(a_flush_loses_only_the_replies_in_flight),
	        cmocka_unit_test(replacing_all_of_k_servers_kills_more_flows_than_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

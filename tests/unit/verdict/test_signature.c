#include "expect.h"

#include "base/random.h"
#include "verdict/signature.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Evidence from a simulated run: tuples that live by the rules of ip_vs, a treatment cohort that reuses its
// tuples at random and a control cohort that uses each tuple once. The event comes at BEFORE.

#define BEFORE     80
#define AFTER      80
#define TIMEOUT    20.0
#define GRANULE    0.64
#define AGES_MAX   20000
#define FLUSH_TIME 0.4

enum world { QUIET, KEPT, WEIGHT, LAZY, LISTED, FLUSHED, OVERLOADED, EXHAUSTED, REFUSES };

struct run {
	enum world world;
	double tuples;
	double rate; ///< of the treatment; the control has a quarter of it
	double servers;
	double base; ///< loss anyway
	struct random random;
	struct verdict_age ages[AGES_MAX];
	struct verdict_slice slices[BEFORE + AFTER];
	struct verdict_evidence evidence;
};

struct tuple {
	double expires;
	bool dead;
	double last_before; ///< last use before the event; negative: none
	double first_loss;
	uint64_t before_sent, before_lost, after_sent, after_lost, first_lost;
};

/** The rate swings by half every 20 s. */
static double swing(const struct run *run, double now)
{
	return run->world == OVERLOADED ? 1 + 0.5 * sin(now * M_PI / 10) : 1;
}

static bool chance(struct run *run, double p)
{
	return random_double(&run->random) < p;
}

/** What the director does with one query; true: lost. */
static bool directed(struct run *run, struct tuple *tuple, double now, struct verdict_slice *slice)
{
	bool after = now >= BEFORE;
	bool lost = false;
	double expiry = now + TIMEOUT + GRANULE * (1 - random_double(&run->random));

	if (now > tuple->expires) {
		bool draw = chance(run, 1 / run->servers);

		tuple->dead = (!after || run->world == LISTED) && draw;
		tuple->expires = expiry;
		return (run->world == EXHAUSTED && after && chance(run, 0.3)) ||
		       (run->world == LISTED && after && tuple->dead);
	}
	if (after && tuple->dead) {
		lost = run->world == KEPT || run->world == WEIGHT || run->world == LAZY ||
		       run->world == LISTED || run->world == REFUSES;
		if (run->world == REFUSES) {
			slice->refused++;
			slice->closed++;
		}
		if (run->world == LAZY) {
			tuple->expires = -1;
			return true;
		}
		if (run->world == FLUSHED) {
			tuple->dead = now < BEFORE + FLUSH_TIME;
			slice->wrong_source += tuple->dead;
			return tuple->dead;
		}
	}
	if (!(after && tuple->dead && run->world == KEPT)) {
		tuple->expires = expiry;
	}
	return lost;
}

static void query(struct run *run, struct tuple *tuple, double now)
{
	struct verdict_evidence *evidence = &run->evidence;
	struct verdict_slice *slice = &run->slices[(int)now];
	uint64_t refused = slice->refused;
	bool lost = directed(run, tuple, now, slice) || chance(run, run->base);
	bool first = tuple->before_sent + tuple->after_sent == 0;

	if (run->world == OVERLOADED) {
		lost = lost || chance(run, fmax(0, 0.2 * (swing(run, now) - 1)));
	}
	slice->sent++;
	slice->lost += lost && slice->refused == refused;
	tuple->first_lost += first && lost;
	evidence->sent++;
	if (now < BEFORE) {
		tuple->before_sent++;
		tuple->before_lost += lost;
		tuple->last_before = now;
		return;
	}
	tuple->after_sent++;
	tuple->after_lost += lost;
	if (tuple->last_before >= 0) {
		double age = now - tuple->last_before;

		if (evidence->since_use_count < AGES_MAX) {
			run->ages[evidence->since_use_count++] = (struct verdict_age){age, age, 1, lost};
		}
		if (tuple->first_loss >= 0 && now < tuple->last_before + TIMEOUT) {
			evidence->again_sent++;
			evidence->again_lost += lost;
		}
		if (lost && tuple->first_loss < 0) {
			tuple->first_loss = now;
		}
	}
}

static void account(struct run *run, const struct tuple *tuple)
{
	struct verdict_evidence *evidence = &run->evidence;
	uint64_t sent = tuple->before_sent + tuple->after_sent;
	uint64_t lost = tuple->before_lost + tuple->after_lost;

	verdict_clusters_add(&evidence->before, tuple->before_sent, tuple->before_lost);
	verdict_clusters_add(tuple->last_before >= 0 ? &evidence->stale : &evidence->clean, tuple->after_sent,
	                     tuple->after_lost);
	if (sent > 0) {
		verdict_clusters_add(&evidence->first_use, 1, tuple->first_lost);
		verdict_clusters_add(&evidence->reused, sent - 1, lost - tuple->first_lost);
	}
}

static void simulate(struct run *run, uint64_t seed)
{
	const struct tuple unused = {.expires = -1, .last_before = -1, .first_loss = -1};
	double peak = run->world == OVERLOADED ? 1.5 : 1;

	run->evidence = (struct verdict_evidence){
	        .event = true, .since_use = run->ages, .slices = run->slices, .slice_count = BEFORE + AFTER};
	random_seed(&run->random, seed, (uint64_t)run->world);
	for (int i = 0; i < BEFORE + AFTER; i++) {
		run->slices[i] = (struct verdict_slice){.from = i - BEFORE, .to = i + 1 - BEFORE};
	}
	for (int i = 0; i < (int)run->tuples; i++) {
		struct tuple tuple = unused;
		double now = 0;

		for (;;) {
			now += -run->tuples / (run->rate * peak) * log1p(-random_double(&run->random));
			if (now >= BEFORE + AFTER) {
				break;
			}
			if (chance(run, swing(run, now) / peak)) {
				query(run, &tuple, now);
			}
		}
		account(run, &tuple);
	}
	for (double now = 0; now < BEFORE + AFTER; now += 4 / run->rate) {
		struct tuple tuple = unused;

		if (chance(run, swing(run, now) / peak)) {
			query(run, &tuple, now);
			account(run, &tuple);
		}
	}
}

static struct run *new_run(enum world world)
{
	struct run *run = calloc(1, sizeof(*run));

	assert_non_null(run);
	*run = (struct run){.world = world, .tuples = 400, .rate = 60, .servers = 2, .base = 0.002};
	return run;
}

static struct verdict judge(const struct run *run)
{
	struct verdict_options options = {0};
	struct verdict verdict;
	struct error error = {0};

	assert_int_equal(verdict_judge(&run->evidence, &options, &verdict, &error), 0);
	return verdict;
}

/** Of 40 runs, at least 38 name this signature and no other. */
static void expect_named(struct run *run, enum verdict_signature signature)
{
	int named = 0;

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct verdict verdict;
		unsigned shown = 0;

		simulate(run, seed);
		verdict = judge(run);
		for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
			shown += verdict.findings[i].state == VERDICT_SHOWN;
		}
		if (verdict.overall == VERDICT_NAMED && shown == 1 &&
		    verdict.findings[signature].state == VERDICT_SHOWN) {
			named++;
			assert_non_null(strstr(verdict.text, verdict_signature_name(signature)));
		} else {
			print_message("seed %u: %d %s\n", (unsigned)seed, (int)verdict.overall, verdict.text);
		}
	}
	free(run);
	assert_true(named >= 38);
}

static void kept_entries_are_named(void **state)
{
	(void)state;
	expect_named(new_run(KEPT), VERDICT_ENTRIES_KEPT);
}

static void kept_entries_give_the_timeout_away(void **state)
{
	struct run *run = new_run(KEPT);
	int covered = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct verdict verdict;

		simulate(run, seed);
		verdict = judge(run);
		assert_int_equal(verdict.timeout.answer, VERDICT_TIMEOUT_STEP);
		covered += verdict.timeout.timeout.low <= TIMEOUT && TIMEOUT <= verdict.timeout.timeout.high;
		assert_true(verdict.timeout.timeout.high - verdict.timeout.timeout.low < 6);
	}
	free(run);
	assert_true(covered >= 34);
}

static void weight_zero_is_told_from_kept_entries(void **state)
{
	struct run *run = new_run(WEIGHT);

	(void)state;
	// Known timeout; the gap between uses stays well below it.
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct verdict verdict;

		simulate(run, seed);
		run->evidence.timeout = TIMEOUT;
		verdict = judge(run);
		assert_int_equal(verdict.findings[VERDICT_DEAD_WEIGHT].state, VERDICT_SHOWN);
		assert_int_equal(verdict.findings[VERDICT_ENTRIES_KEPT].state, VERDICT_RULED_OUT);
		// Without it the end wasn't seen, and so kept entries with a longer timeout stay possible.
		run->evidence.timeout = 0;
		verdict = judge(run);
		assert_int_not_equal(verdict.findings[VERDICT_ENTRIES_KEPT].state, VERDICT_SHOWN);
	}
	free(run);
}

static void lazy_expiry_is_named(void **state)
{
	(void)state;
	expect_named(new_run(LAZY), VERDICT_LAZY_EXPIRY);
}

static void dead_server_still_listed_is_named(void **state)
{
	(void)state;
	expect_named(new_run(LISTED), VERDICT_STILL_LISTED);
}

static void flush_in_flight_is_named(void **state)
{
	(void)state;
	expect_named(new_run(FLUSHED), VERDICT_FLUSHING);
}

static void overload_is_named(void **state)
{
	(void)state;
	expect_named(new_run(OVERLOADED), VERDICT_OVERLOAD);
}

static void exhaustion_is_named(void **state)
{
	(void)state;
	expect_named(new_run(EXHAUSTED), VERDICT_EXHAUSTION);
}

static void refusals_are_named(void **state)
{
	(void)state;
	expect_named(new_run(REFUSES), VERDICT_REFUSED);
}

static void quiet_runs_accuse_nobody(void **state)
{
	struct run *run = new_run(QUIET);
	int wrong = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		simulate(run, seed);
		wrong += judge(run).overall != VERDICT_NO_LOSS;
	}
	free(run);
	assert_true(wrong <= 2);
}

static void steady_loss_from_elsewhere_is_no_loss_of_the_event(void **state)
{
	struct run *run = new_run(QUIET);
	int named = 0;

	(void)state;
	run->base = 0.1;
	for (uint64_t seed = 0; seed < 100; seed++) {
		simulate(run, seed);
		named += judge(run).overall == VERDICT_NAMED;
	}
	free(run);
	assert_true(named <= 2);
}

static void short_runs_say_how_much_is_needed(void **state)
{
	struct run *run = new_run(KEPT);
	struct verdict verdict;

	(void)state;
	run->tuples = 10;
	run->rate = 0.3;
	simulate(run, 1);
	verdict = judge(run);
	free(run);
	assert_int_equal(verdict.overall, VERDICT_NOT_ENOUGH);
	assert_true(verdict.needed > 100 && verdict.needed < 1e7);
}

static void an_empty_run_is_not_enough(void **state)
{
	struct verdict_evidence evidence = {0};
	struct verdict_options options = {0};
	struct error error = {0};
	struct verdict verdict;

	(void)state;
	assert_int_equal(verdict_judge(&evidence, &options, &verdict, &error), 0);
	assert_int_equal(verdict.overall, VERDICT_NOT_ENOUGH);
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		assert_int_equal(verdict.findings[i].state, VERDICT_NOT_TESTED);
	}
}

static void a_generator_in_trouble_is_not_believed(void **state)
{
	struct run *run = new_run(KEPT);
	struct verdict verdict;

	(void)state;
	simulate(run, 1);
	run->evidence.throttled = run->evidence.sent / 20;
	verdict = judge(run);
	free(run);
	assert_int_equal(verdict.overall, VERDICT_UNTRUSTED);
	assert_non_null(strstr(verdict.text, "more tuples"));
}

static void contradictions_are_refused(void **state)
{
	struct verdict_evidence evidence = {.again_lost = 1};
	struct verdict_options options = {0};
	struct error error = {0};
	struct verdict verdict;

	(void)state;
	assert_int_equal(verdict_judge(&evidence, &options, &verdict, &error), -EINVAL);
	assert_true(error_is_set(&error));
}

static struct verdict_clusters random_clusters(struct random *random)
{
	struct verdict_clusters clusters = {0};
	uint64_t count = random_below(random, 30);
	uint64_t size = 1 + random_below(random, 10);
	double loss = random_below(random, 3) > 0 ? random_double(random) : (double)random_below(random, 2);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t sent = random_below(random, size + 1);

		verdict_clusters_add(&clusters, sent, (uint64_t)((double)sent * loss));
	}
	return clusters;
}

static void any_evidence_gets_a_finite_verdict(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int i = 0; i < 1500; i++) {
		struct verdict_age ages[40];
		struct verdict_slice slices[20];
		struct verdict_evidence evidence = {
		        .event = random_below(&random, 2) > 0,
		        .sent = random_below(&random, 1000),
		        .timeout = random_below(&random, 2) > 0 ? 10 * random_double(&random) : 0,
		        .before = random_clusters(&random),
		        .stale = random_clusters(&random),
		        .clean = random_clusters(&random),
		        .first_use = random_clusters(&random),
		        .reused = random_clusters(&random),
		        .again_sent = random_below(&random, 20),
		        .since_use = ages,
		        .since_use_count = random_below(&random, 41),
		        .slices = slices,
		        .slice_count = random_below(&random, 21),
		};
		struct verdict_options options = {0};
		struct error error = {0};
		struct verdict verdict;

		evidence.again_lost = random_below(&random, evidence.again_sent + 1);
		for (size_t n = 0; n < 40; n++) {
			double age = 30 * random_double(&random);
			uint64_t sent = random_below(&random, 9);

			ages[n] = (struct verdict_age){age, age, sent, random_below(&random, sent + 1)};
		}
		for (size_t n = 0; n < 20; n++) {
			uint64_t sent = random_below(&random, 50);

			slices[n] = (struct verdict_slice){(double)n - 10,
			                                   (double)n - 9,
			                                   sent,
			                                   random_below(&random, sent + 1),
			                                   random_below(&random, sent + 1),
			                                   random_below(&random, 9),
			                                   random_below(&random, 9)};
		}
		assert_int_equal(verdict_judge(&evidence, &options, &verdict, &error), 0);
		assert_true(strlen(verdict.text) > 0);
		assert_null(strstr(verdict.text, "nan"));
		for (unsigned n = 0; n < VERDICT_SIGNATURES; n++) {
			const struct verdict_finding *finding = &verdict.findings[n];

			assert_true(finding->p_value >= 0 && finding->p_value <= finding->adjusted);
			assert_true(finding->adjusted <= 1 + 1e-12);
			if (finding->state != VERDICT_NOT_TESTED) {
				assert_true(finding->effect.low <= finding->effect.high);
				assert_true(isfinite(finding->effect.low) && isfinite(finding->effect.high));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(kept_entries_are_named),
	        cmocka_unit_test(kept_entries_give_the_timeout_away),
	        cmocka_unit_test(weight_zero_is_told_from_kept_entries),
	        cmocka_unit_test(lazy_expiry_is_named),
	        cmocka_unit_test(dead_server_still_listed_is_named),
	        cmocka_unit_test(flush_in_flight_is_named),
	        cmocka_unit_test(overload_is_named),
	        cmocka_unit_test(exhaustion_is_named),
	        cmocka_unit_test(refusals_are_named),
	        cmocka_unit_test(quiet_runs_accuse_nobody),
	        cmocka_unit_test(steady_loss_from_elsewhere_is_no_loss_of_the_event),
	        cmocka_unit_test(short_runs_say_how_much_is_needed),
	        cmocka_unit_test(an_empty_run_is_not_enough),
	        cmocka_unit_test(a_generator_in_trouble_is_not_believed),
	        cmocka_unit_test(contradictions_are_refused),
	        cmocka_unit_test(any_evidence_gets_a_finite_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

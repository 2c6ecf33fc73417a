// The confusion matrix: what the diagnosis says of worlds whose fault is known. Prints a Markdown table and
// fails when fewer of a kind than asked for are named right, or too many without a fault are accused.
//
//	confusion [SEEDS [FIRST [TRUTH]]]    with TRUTH (0..8, or "lazy"): every run with its evidence

#include "world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RIGHT_LEAST   0.95
#define ACCUSED_MOST  0.01
#define SEEDS_DEFAULT 200

// Runs that may go wrong besides when there are fewer seeds than that: a few of few are no share.
#define FEW_SPARE 1

// Columns: each signature alone, then these.
enum { SEVERAL = VERDICT_SIGNATURES, NONE_OF_THESE, NOT_ENOUGH, NO_LOSS, UNTRUSTED, COLUMNS };

static const char *const short_names[COLUMNS] = {
        "kept",    "weight 0", "lazy",          "listed",     "flush",   "overload", "exhaustion",
        "refused", "several",  "none of these", "not enough", "no loss", "untrusted"};

// A row by its number or its column's name.
static int truth_of(const char *text)
{
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		if (strcmp(text, short_names[i]) == 0) {
			return (int)i;
		}
	}
	return strcmp(text, "none") == 0 ? TRUTH_QUIET : atoi(text);
}

static unsigned column_of(const struct verdict *verdict)
{
	unsigned shown = 0, which = 0;

	switch (verdict->overall) {
	case VERDICT_UNTRUSTED:
		return UNTRUSTED;
	case VERDICT_NOT_ENOUGH:
		return NOT_ENOUGH;
	case VERDICT_NO_LOSS:
		return NO_LOSS;
	case VERDICT_NONE_OF_THESE:
		return NONE_OF_THESE;
	default:
		break;
	}
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		if (verdict->findings[i].state == VERDICT_SHOWN) {
			shown++;
			which = i;
		}
	}
	return shown == 1 ? which : SEVERAL;
}

// Another change of the same run that is accused of something else spoils it.
static unsigned column_of_run(const struct outcome *outcome)
{
	unsigned main = column_of(outcome->verdict);

	for (unsigned i = 0; i < outcome->changes.count; i++) {
		unsigned column = column_of(&outcome->verdicts[i]);

		if (column <= SEVERAL && column != main) {
			return SEVERAL;
		}
	}
	return main;
}

static void print_run(const struct world *world, const struct outcome *outcome)
{
	const struct evidence *evidence = outcome->evidence;
	const struct verdict_evidence *v = &evidence->verdict;

	printf("seed %lu T %g hz %u k %u base %.4f latency %.4f rest %.3g rate %.0f event %.2f mark %.2f "
	       "policy %u "
	       "gone %d drained %d limited %d sweep %d control %d sent %lu: %s\n",
	       world->seed, world->timeout, world->hz, world->servers, world->base_loss, world->latency,
	       world->rest, world->rate, world->event, world->mark, world->policy, world->gone,
	       world->drained, world->limited, world->sweep, world->control, outcome->sent,
	       short_names[column_of_run(outcome)]);
	for (unsigned i = 0; i < outcome->changes.count && outcome->changes.count > 1; i++) {
		printf("  also change %d at %.4f: %s\n", (int)outcome->changes.each[i].change,
		       (double)outcome->changes.each[i].changed_at / 1e9 - 1,
		       short_names[column_of(&outcome->verdicts[i])]);
	}
	printf("  change %d at %.4f; stale %lu/%lu clean %lu/%lu before %lu/%lu again %lu/%lu past %lu/%lu "
	       "ages %zu "
	       "first %lu/%lu reused %lu/%lu T [%.4g %.4g %.4g] answer %d\n",
	       (int)evidence->change, (double)(evidence->changed_at) / 1e9 - 1, v->stale.events,
	       v->stale.trials, v->clean.events, v->clean.trials, v->before.events, v->before.trials,
	       v->again_lost, v->again_sent, v->past_lost, v->past_sent, v->since_use_count,
	       v->first_use.events, v->first_use.trials, v->reused.events, v->reused.trials,
	       outcome->verdict->timeout.timeout.low, outcome->verdict->timeout.timeout.estimate,
	       outcome->verdict->timeout.timeout.high, (int)outcome->verdict->timeout.answer);
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		const struct verdict_finding *finding = &outcome->verdict->findings[i];

		if (finding->state != VERDICT_NOT_TESTED) {
			printf("  %-10s state %d p %.2g effect %.3g [%.3g %.3g] %s\n", short_names[i],
			       (int)finding->state, finding->p_value, finding->effect.estimate,
			       finding->effect.low, finding->effect.high, finding->statement);
		}
	}
	printf("  %s\n", outcome->verdict->text);
}

static void run_row(enum truth truth, uint64_t first, unsigned seeds, bool verbose, unsigned *row)
{
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		struct outcome outcome;
		struct world world;

		world_draw(&world, truth, seed);
		world_run(&world, &outcome);
		row[column_of_run(&outcome)]++;
		if (verbose) {
			print_run(&world, &outcome);
		}
		outcome_release(&outcome);
	}
}

static void print_row(const char *name, const unsigned *row)
{
	printf("| %s |", name);
	for (unsigned i = 0; i < COLUMNS; i++) {
		if (row[i] > 0) {
			printf(" %u |", row[i]);
		} else {
			printf(" |");
		}
	}
	printf("\n");
	fflush(stdout);
}

static bool is_good(enum truth truth, const unsigned *row, unsigned seeds)
{
	unsigned accused = row[SEVERAL], spare = seeds < SEEDS_DEFAULT ? FEW_SPARE : 0;

	if (truth != TRUTH_QUIET) {
		return row[truth] + spare >= RIGHT_LEAST * seeds;
	}
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		accused += row[i];
	}
	return accused <= ACCUSED_MOST * seeds + spare;
}

int main(int count, char **arguments)
{
	unsigned seeds = count > 1 ? (unsigned)atoi(arguments[1]) : SEEDS_DEFAULT;
	uint64_t first = count > 2 ? (uint64_t)atoll(arguments[2]) : 1;
	int only = count > 3 ? truth_of(arguments[3]) : -1;
	bool good = true;

	world_start("confusion");
	printf("| truth \\ verdict |");
	for (unsigned i = 0; i < COLUMNS; i++) {
		printf(" %s |", short_names[i]);
	}
	printf("\n|---|");
	for (unsigned i = 0; i < COLUMNS; i++) {
		printf("---|");
	}
	printf("\n");
	for (unsigned truth = 0; truth < TRUTHS; truth++) {
		unsigned row[COLUMNS] = {0};

		if (only >= 0 && truth != (unsigned)only) {
			continue;
		}
		run_row((enum truth)truth, first, seeds, only >= 0, row);
		print_row(truth == TRUTH_QUIET ? "no fault"
		                               : verdict_signature_name((enum verdict_signature)truth),
		          row);
		good = good && is_good((enum truth)truth, row, seeds);
	}
	return good ? 0 : 1;
}

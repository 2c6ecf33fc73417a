// How long RX takes to match one reply, as the number of queries in flight grows: a table of 2^16 slots fits
// the caches, one of 2^24 (256 MiB) doesn't. Replies come in bursts, and a burst's slots are prefetched
// before the burst is matched, as the worker does. Sequential: replies in the order of sending. Random:
// replies of random tuples, each a slot miss.
//
// Prints ns a reply and its ratio to the smallest table as JSON: medians over rounds that alternate between
// all cases, so that the machine's moods reach all alike. Usage: bench_match [rounds [largest, log2]].

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fixed.h"
#include "base/random.h"
#include "base/units.h"
#include "match/send.h"

#define SMALLEST    16
#define LARGEST     24
#define STEP        2
#define SIZES       ((LARGEST - SMALLEST) / STEP + 1)
#define DEPTH_SHIFT 2
#define REPLIES     (UINT32_C(1) << 17) // a round's replies, at most
#define BURST       32
#define ROUNDS      9
#define ROUNDS_MOST 99

enum order {
	SEQUENTIAL,
	RANDOM,
	ORDERS,
};

struct subject {
	struct match_table table;
	uint32_t tuples;
	uint32_t *order;  // the tuples, shuffled
	uint32_t replies; // a round's
	uint32_t next;    // the tuple of the next round's first reply, as a place in the order
	uint16_t id;      // of the replies of this round
	double ns[ORDERS][ROUNDS_MOST];
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); // others may want this CPU too
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static uint32_t tuple_of(const struct subject *subject, enum order order, uint32_t reply)
{
	uint32_t place = (subject->next + reply) & (subject->tuples - 1);

	return order == SEQUENTIAL ? place : subject->order[place];
}

static void stage(struct subject *subject, uint32_t tuple, uint16_t id)
{
	match_stage(&subject->table, tuple, id, 0, tuple, 0);
}

// Put a query in every slot. The FIFO has room for all that the rounds will add.
static int subject_init(struct subject *subject, unsigned slots_log2, unsigned rounds, struct random *random,
                        struct error *error)
{
	uint64_t entries;
	int failed;

	subject->tuples = UINT32_C(1) << (slots_log2 - DEPTH_SHIFT);
	subject->replies = subject->tuples < REPLIES ? subject->tuples : REPLIES;
	entries = (UINT64_C(1) << slots_log2) + (uint64_t)subject->replies * ORDERS * rounds;
	failed = match_table_init(&subject->table, 0, subject->tuples, 1 << DEPTH_SHIFT,
	                          (uint32_t)fixed_power_of_two(entries), NS_PER_SEC, error);
	if (failed != 0) {
		return failed;
	}
	subject->order = (uint32_t *)malloc(subject->tuples * sizeof(*subject->order));
	if (subject->order == NULL) {
		return error_set(error, -ENOMEM, "no memory for the order of %u replies", subject->tuples);
	}
	for (uint32_t i = 0; i < subject->tuples; i++) {
		uint32_t other = (uint32_t)random_below(random, i + 1);

		subject->order[i] = subject->order[other];
		subject->order[other] = i;
	}
	for (uint16_t id = 0; id < 1 << DEPTH_SHIFT; id++) {
		for (uint32_t tuple = 0; tuple < subject->tuples; tuple++) {
			stage(subject, tuple, id);
		}
		match_publish(&subject->table, subject->tuples);
	}
	return 0;
}

static void subject_release(struct subject *subject)
{
	match_table_release(&subject->table);
	free(subject->order);
}

// Match a round's replies; returns ns a reply. The clock stands still, so nothing expires.
static double match_round(struct subject *subject, enum order order)
{
	static const struct match_question any = {.check = NULL};
	uint32_t ended = 0;
	double start = seconds_now();

	for (uint32_t i = 0; i < subject->replies; i += BURST) {
		struct match_query query;
		uint32_t tuples[BURST];

		for (uint32_t k = 0; k < BURST; k++) {
			tuples[k] = tuple_of(subject, order, i + k);
			match_prefetch(&subject->table, tuples[k], subject->id);
		}
		for (uint32_t k = 0; k < BURST; k++) {
			ended += match_reply(&subject->table, tuples[k], subject->id, &any, true, 16,
			                     &query) == MATCH_IS_ANSWER;
		}
		(void)match_expire(&subject->table, 16, &query, 1);
	}
	start = seconds_now() - start;
	if (ended != subject->replies) {
		fprintf(stderr, "bench_match: %u of %u replies matched\n", ended, subject->replies);
		exit(1);
	}
	return start * 1e9 / subject->replies;
}

// Put queries in flight again where replies ended them, and move on to other tuples and ids.
static void refill(struct subject *subject, enum order order)
{
	for (uint32_t i = 0; i < subject->replies; i++) {
		stage(subject, tuple_of(subject, order, i), subject->id);
	}
	match_publish(&subject->table, subject->replies);
	subject->next = (subject->next + subject->replies) & (subject->tuples - 1);
	subject->id = (subject->id + 1) & ((1 << DEPTH_SHIFT) - 1);
}

static void print(struct subject *subjects, unsigned sizes, unsigned rounds)
{
	const char *const names[ORDERS] = {"sequential", "random"};
	double base[ORDERS] = {0};

	printf("{\"bench\": \"match\", \"rounds\": %u, \"cases\": [", rounds);
	for (unsigned s = 0; s < sizes; s++) {
		for (unsigned order = 0; order < ORDERS; order++) {
			double ns = median(subjects[s].ns[order], rounds);

			base[order] = s == 0 ? ns : base[order];
			printf("%s\n  {\"in_flight\": %u, \"order\": \"%s\", \"ns_per_reply\": %.1f, "
			       "\"replies_per_s\": %.3g, "
			       "\"ratio\": %.2f}",
			       s + order > 0 ? "," : "", UINT32_C(1) << (SMALLEST + s * STEP), names[order],
			       ns, 1e9 / ns, ns / base[order]);
		}
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	static struct subject subjects[SIZES];
	struct error error = {0};
	uint64_t rounds = ROUNDS, largest = LARGEST;
	struct random random;
	unsigned sizes;

	if ((argc > 1 && units_parse_unsigned(argv[1], 1, ROUNDS_MOST, &rounds) != 0) ||
	    (argc > 2 && units_parse_unsigned(argv[2], SMALLEST, LARGEST, &largest) != 0) || argc > 3) {
		fprintf(stderr, "usage: bench_match [rounds (1 to %d) [largest, log2 (%d to %d)]]\n",
		        ROUNDS_MOST, SMALLEST, LARGEST);
		return 2;
	}
	sizes = (unsigned)(largest - SMALLEST) / STEP + 1;
	random_seed(&random, 1, 0);
	for (unsigned s = 0; s < sizes; s++) {
		if (subject_init(&subjects[s], SMALLEST + s * STEP, (unsigned)rounds + 1, &random, &error) !=
		    0) {
			fprintf(stderr, "bench_match: %s\n", error.text);
			return 1;
		}
	}
	// Round 0 warms up and is overwritten.
	for (unsigned round = 0; round <= rounds; round++) {
		for (unsigned s = 0; s < sizes; s++) {
			for (unsigned order = 0; order < ORDERS; order++) {
				subjects[s].ns[order][round > 0 ? round - 1 : 0] =
				        match_round(&subjects[s], (enum order)order);
				refill(&subjects[s], (enum order)order);
			}
		}
	}
	print(subjects, sizes, (unsigned)rounds);
	for (unsigned s = 0; s < sizes; s++) {
		subject_release(&subjects[s]);
	}
	return 0;
}

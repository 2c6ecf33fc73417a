// Snapshots: taken of lcores at rest and of running ones, summed, split and checked.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "stats/backend.h"
#include "stats/snapshot.h"

#define COHORTS   3
#define INTERVALS 20
#define SENDERS   2
#define RECEIVERS 2

struct rig {
	struct stats_shape shape;
	struct stats_sender senders[SENDERS];
	struct stats_receiver receivers[RECEIVERS];
	const struct stats_sender *sender_list[SENDERS];
	const struct stats_receiver *receiver_list[RECEIVERS];
	struct stats_snapshot snapshot;
	struct random random;
	uint64_t outstanding;
};

static void rig_init(struct rig *rig, uint64_t seed)
{
	const ns_t timeouts[] = {NS_PER_SEC, NS_PER_SEC / 2, NS_PER_SEC / 10};
	struct error error = {0};

	memset(rig, 0, sizeof(*rig));
	random_seed(&rig->random, seed, 0);
	assert_int_equal(stats_shape_init(&rig->shape, COHORTS, timeouts, 3, 0, NS_PER_SEC,
	                                  INTERVALS * NS_PER_SEC, &error),
	                 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(stats_sender_init(&rig->senders[i], &rig->shape, &error), 0);
		rig->sender_list[i] = &rig->senders[i];
	}
	for (unsigned i = 0; i < RECEIVERS; i++) {
		assert_int_equal(stats_receiver_init(&rig->receivers[i], &rig->shape, &error), 0);
		rig->receiver_list[i] = &rig->receivers[i];
	}
	assert_int_equal(stats_snapshot_init(&rig->snapshot, &rig->shape, &error), 0);
}

static void rig_release(struct rig *rig)
{
	for (unsigned i = 0; i < SENDERS; i++) {
		stats_sender_release(&rig->senders[i]);
		stats_sender_release(&rig->senders[i]);
	}
	for (unsigned i = 0; i < RECEIVERS; i++) {
		stats_receiver_release(&rig->receivers[i]);
		stats_receiver_release(&rig->receivers[i]);
	}
	stats_snapshot_release(&rig->snapshot);
	stats_snapshot_release(&rig->snapshot);
}

static void one_query(struct rig *rig, struct random *random, unsigned sender, unsigned receiver)
{
	static const char *const names[] = {"pod-a", "pod-b", "pod-c"};
	unsigned cohort = (unsigned)random_below(random, COHORTS),
	         class = (unsigned)random_below(random, STATS_AGE_CLASSES);
	ns_t sent_at = random_below(random, INTERVALS * NS_PER_SEC),
	     latency = random_below(random, NS_PER_SEC);
	struct stats_receiver *rx = &rig->receivers[receiver];

	stats_count_sent(&rig->senders[sender], cohort, class, stats_interval(&rig->shape, sent_at));
	stats_add(&rig->senders[sender].counters[STATS_SENT], 1);
	stats_histogram_add(&rig->senders[sender].pacing, latency / 1000);
	switch (random_below(random, 8)) {
	case 0:
		stats_count_lost(rx, cohort, class, sent_at);
		if (latency % 2 == 0) {
			stats_count_late(rx, cohort, class, sent_at);
		}
		break;
	case 1:
		stats_count_refused(rx, cohort, class, sent_at, latency);
		break;
	case 2:
		rig->outstanding++;
		break;
	default: {
		const char *name = names[random_below(random, 3)];
		uint16_t backend = stats_backend_find(rx, (const uint8_t *)name, 5, false, sent_at);

		stats_add(&rx->backends[backend].answered, 1);
		stats_count_rcode(rx, (unsigned)random_below(random, 6));
		stats_count_answered(rx, cohort, class, sent_at, latency);
		break;
	}
	}
}

static void run(struct rig *rig, unsigned queries)
{
	for (unsigned i = 0; i < queries; i++) {
		one_query(rig, &rig->random, (unsigned)random_below(&rig->random, SENDERS),
		          (unsigned)random_below(&rig->random, RECEIVERS));
	}
}

static void take(struct rig *rig)
{
	stats_snapshot_take(&rig->snapshot, rig->sender_list, SENDERS, rig->receiver_list, RECEIVERS,
	                    INTERVALS * NS_PER_SEC);
}

static void the_accounts_of_a_run_close(void **state)
{
	static struct rig rig;

	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		const struct stats_snapshot *snapshot = &rig.snapshot;
		struct error error = {0};

		rig_init(&rig, seed);
		for (unsigned round = 0; round < 3; round++) {
			uint64_t named = 0;

			run(&rig, 3000);
			take(&rig);
			assert_int_equal(stats_snapshot_check(snapshot, rig.outstanding, &error), 0);
			assert_int_equal(snapshot->total.sent, 3000 * (round + 1));
			assert_int_equal(snapshot->sender[STATS_SENT], snapshot->total.sent);
			assert_int_equal(snapshot->latency_all.count, snapshot->total.answered);
			assert_int_equal(snapshot->pacing.count, snapshot->total.sent);
			assert_int_equal(snapshot->backend_count, 3);
			assert_string_equal(snapshot->backends[0].name, "pod-a");
			assert_string_equal(snapshot->backends[2].name, "pod-c");
			for (unsigned i = 0; i < 3; i++) {
				named += snapshot->backends[i].answered;
			}
			assert_int_equal(named, snapshot->total.answered);
			assert_int_equal(stats_snapshot_check(snapshot, rig.outstanding + 1, &error),
			                 -EPROTO);
			error = (struct error){0};
		}
		rig_release(&rig);
	}
}

static void taking_twice_gives_the_same(void **state)
{
	static struct rig rig;
	struct stats_totals total;

	(void)state;
	rig_init(&rig, 1);
	run(&rig, 1000);
	take(&rig);
	total = rig.snapshot.total;
	take(&rig);
	assert_memory_equal(&total, &rig.snapshot.total, sizeof(total));
	rig_release(&rig);
}

static void intervals_after_the_current_one_are_not_copied(void **state)
{
	static struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	for (uint32_t i = 0; i < INTERVALS; i++) {
		stats_count_sent(&rig.senders[0], 1, 5, i);
	}
	stats_snapshot_take(&rig.snapshot, rig.sender_list, SENDERS, rig.receiver_list, RECEIVERS,
	                    7 * NS_PER_SEC + 5);
	assert_int_equal(rig.snapshot.intervals, 9); // one more than the current, for clocks read later
	for (uint32_t i = 0; i < INTERVALS; i++) {
		assert_int_equal(stats_snapshot_interval(&rig.snapshot, 1, i).sent, i < 9);
	}
	// An earlier moment forgets the later ones.
	stats_snapshot_take(&rig.snapshot, rig.sender_list, SENDERS, rig.receiver_list, RECEIVERS, 0);
	assert_int_equal(rig.snapshot.intervals, 2);
	assert_int_equal(stats_snapshot_interval(&rig.snapshot, -1, 5).sent, 0);
	take(&rig);
	assert_int_equal(rig.snapshot.intervals, INTERVALS);
	rig_release(&rig);
}

static void views_add_up_to_the_total(void **state)
{
	static struct rig rig;
	struct stats_totals ages, intervals = {0};

	(void)state;
	rig_init(&rig, 4);
	run(&rig, 5000);
	take(&rig);
	ages = stats_snapshot_ages(&rig.snapshot, -1, 0, STATS_AGE_CLASSES - 1);
	assert_memory_equal(&ages, &rig.snapshot.total, sizeof(ages));
	for (int cohort = 0; cohort < COHORTS; cohort++) {
		for (uint32_t i = 0; i < INTERVALS; i++) {
			struct stats_totals part = stats_snapshot_interval(&rig.snapshot, cohort, i);

			intervals.sent += part.sent;
			intervals.outstanding += part.outstanding;
			intervals.slow[2] += part.slow[2];
		}
	}
	assert_int_equal(intervals.sent, ages.sent);
	assert_int_equal(intervals.outstanding, ages.outstanding);
	assert_int_equal(intervals.slow[2], ages.slow[2]);
	rig_release(&rig);
}

static void a_shorter_timeout_turns_slow_answers_into_late_ones(void **state)
{
	static struct rig rig;

	(void)state;
	rig_init(&rig, 6);
	run(&rig, 5000);
	take(&rig);
	for (unsigned i = 0; i < 3; i++) {
		const struct stats_totals *all = &rig.snapshot.total;
		struct stats_totals at = stats_at_timeout(all, i);

		assert_int_equal(at.sent, at.answered + at.refused + at.lost + at.outstanding);
		assert_int_equal(at.answered, all->answered - all->slow[i]);
		assert_int_equal(at.late - all->late, all->slow[i]);
		assert_true(at.late <= at.lost);
		assert_true(i == 0 ? at.lost == all->lost : at.lost > all->lost);
	}
	rig_release(&rig);
}

static void snapshots_of_boxes_add_up(void **state)
{
	static struct rig a, b, both;
	struct stats_snapshot other;
	struct stats_shape shape;
	struct error error = {0};

	(void)state;
	rig_init(&a, 1);
	rig_init(&b, 2);
	rig_init(&both, 1);
	run(&a, 2000);
	run(&b, 3000);
	run(&both, 2000);
	random_seed(&both.random, 2, 0);
	run(&both, 3000);
	take(&a);
	take(&b);
	take(&both);
	assert_int_equal(stats_snapshot_sum(&a.snapshot, &b.snapshot), 0);
	assert_memory_equal(&a.snapshot.total, &both.snapshot.total, sizeof(a.snapshot.total));
	assert_memory_equal(&a.snapshot.latency_all, &both.snapshot.latency_all,
	                    sizeof(struct stats_histogram));
	assert_memory_equal(a.snapshot.by_interval, both.snapshot.by_interval,
	                    sizeof(struct stats_cell) * COHORTS * INTERVALS);
	assert_int_equal(a.snapshot.backend_count, both.snapshot.backend_count);
	for (unsigned i = 0; i < a.snapshot.backend_count; i++) {
		assert_string_equal(a.snapshot.backends[i].name, both.snapshot.backends[i].name);
		assert_int_equal(a.snapshot.backends[i].answered, both.snapshot.backends[i].answered);
	}
	assert_memory_equal(a.snapshot.rcodes, both.snapshot.rcodes, sizeof(a.snapshot.rcodes));
	assert_int_equal(stats_snapshot_check(&a.snapshot, a.outstanding + b.outstanding, &error), 0);
	shape = a.shape;
	shape.cohorts--;
	assert_int_equal(stats_snapshot_init(&other, &shape, &error), 0);
	assert_int_equal(stats_snapshot_sum(&other, &a.snapshot), -EINVAL);
	stats_snapshot_release(&other);
	rig_release(&a);
	rig_release(&b);
	rig_release(&both);
}

static void a_contradiction_is_named(void **state)
{
	static struct rig rig;

	(void)state;
	for (unsigned kind = 0; kind < 6; kind++) {
		struct stats_snapshot *snapshot = &rig.snapshot;
		struct error error = {0};

		rig_init(&rig, 3);
		run(&rig, 500);
		take(&rig);
		assert_int_equal(stats_snapshot_check(snapshot, rig.outstanding, &error), 0);
		switch (kind) {
		case 0:
			snapshot->by_age[1][7].answered += 1000;
			break;
		case 1:
			snapshot->by_interval[INTERVALS + 3].lost += 1000;
			break;
		case 2:
			snapshot->total.sent++;
			break;
		case 3:
			snapshot->sent_by_interval[2]++;
			break;
		case 4:
			snapshot->latency[2].count++;
			break;
		default:
			snapshot->by_interval[5].late = 1000;
			break;
		}
		assert_int_equal(stats_snapshot_check(snapshot, rig.outstanding, &error), -EPROTO);
		assert_true(strlen(error.text) > 20);
		rig_release(&rig);
	}
}

static void merged_backends_beyond_the_list_are_one_other(void **state)
{
	static struct stats_backend list[STATS_BACKENDS_MERGED];
	unsigned count = 0;
	uint64_t sum = 0;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 3000; i++) {
			struct stats_backend one = {.answered = 1, .first_seen = i, .last_seen = i};

			snprintf(one.name, sizeof(one.name), "pod-%u", (i * 7919) % 3000);
			stats_backend_merge(list, &count, &one);
		}
	}
	assert_int_equal(count, STATS_BACKENDS_MERGED);
	assert_string_equal(list[0].name, "(other)");
	for (unsigned i = 0; i < count; i++) {
		sum += list[i].answered;
		assert_true(i == 0 || strcmp(list[i - 1].name, list[i].name) < 0);
	}
	assert_int_equal(sum, 6000);
}

// ---- Two writers and a reader

struct chase {
	struct rig *rig;
	_Atomic uint64_t published;
	_Atomic bool done;
};

#define CHASE_QUERIES 300000

// Query k is in cohort k mod 3, class k mod 512, interval k mod 20.
static void *chase_tx(void *argument)
{
	struct chase *chase = (struct chase *)argument;

	for (uint64_t k = 0; k < CHASE_QUERIES; k++) {
		stats_count_sent(&chase->rig->senders[0], k % COHORTS, k % STATS_AGE_CLASSES,
		                 (uint32_t)(k % INTERVALS));
		atomic_store_explicit(&chase->published, k + 1, memory_order_release);
	}
	return NULL;
}

static void *chase_rx(void *argument)
{
	struct chase *chase = (struct chase *)argument;
	struct stats_receiver *receiver = &chase->rig->receivers[0];
	uint64_t k = 0;

	while (k < CHASE_QUERIES) {
		uint64_t published = atomic_load_explicit(&chase->published, memory_order_acquire);

		for (; k < published; k++) {
			unsigned cohort = k % COHORTS, class = k % STATS_AGE_CLASSES;
			ns_t sent_at = k % INTERVALS * NS_PER_SEC;

			switch (k % 3) {
			case 0:
				stats_count_lost(receiver, cohort, class, sent_at);
				break;
			case 1:
				stats_count_refused(receiver, cohort, class, sent_at, k);
				break;
			default:
				stats_count_answered(receiver, cohort, class, sent_at, k);
				break;
			}
		}
	}
	atomic_store_explicit(&chase->done, true, memory_order_release);
	return NULL;
}

static void a_snapshot_of_running_lcores_never_shows_more_ended_than_sent(void **state)
{
	static struct rig rig;
	struct chase chase = {.rig = &rig};
	struct error error = {0};
	pthread_t tx, rx;
	uint64_t last = 0;

	(void)state;
	rig_init(&rig, 0);
	assert_int_equal(pthread_create(&rx, NULL, chase_rx, &chase), 0);
	assert_int_equal(pthread_create(&tx, NULL, chase_tx, &chase), 0);
	while (!atomic_load_explicit(&chase.done, memory_order_acquire)) {
		take(&rig);
		assert_int_equal(stats_snapshot_check(&rig.snapshot, UINT64_MAX, &error), 0);
		assert_true(rig.snapshot.total.sent >= last);
		last = rig.snapshot.total.sent;
	}
	pthread_join(tx, NULL);
	pthread_join(rx, NULL);
	take(&rig);
	assert_int_equal(stats_snapshot_check(&rig.snapshot, 0, &error), 0);
	assert_int_equal(rig.snapshot.total.sent, CHASE_QUERIES);
	rig_release(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_accounts_of_a_run_close),
	        cmocka_unit_test(taking_twice_gives_the_same),
	        cmocka_unit_test(intervals_after_the_current_one_are_not_copied),
	        cmocka_unit_test(views_add_up_to_the_total),
	        cmocka_unit_test(a_shorter_timeout_turns_slow_answers_into_late_ones),
	        cmocka_unit_test(snapshots_of_boxes_add_up),
	        cmocka_unit_test(a_contradiction_is_named),
	        cmocka_unit_test(merged_backends_beyond_the_list_are_one_other),
	        cmocka_unit_test(a_snapshot_of_running_lcores_never_shows_more_ended_than_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Two threads on one table. TX stages, publishes, restamps and withdraws at random; RX answers at random,
// before and after the publication, and expires. What TX counted as sent equals what RX ended and what the
// table still holds, and RX never ends a query that TX has not counted.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/random.h"
#include "match/send.h"

#define FIRST    7
#define TUPLES   64
#define DEPTH    4
#define CAPACITY 256
#define TIMEOUT  (20 * NS_PER_US)
#define QUERIES  400000
#define IDS      1024

struct rig {
	struct match_table table;
	uint64_t seed;
	_Atomic uint64_t sent;  // TX counts here, before it publishes
	_Atomic uint64_t clock; // a common clock that TX moves
	_Atomic bool done;
	match_mark marks[TUPLES];      // TX
	_Atomic uint64_t hint[TUPLES]; // the last ids staged: where RX aims
	_Atomic ns_t
	        stamps[TUPLES][IDS]; // when each query was sent at last, by id: TX tells before it publishes
	uint64_t answered, refused, lost, late, early, other; // RX
	uint64_t broken;                                      // RX: ended more than was sent, or not in order
};

static void stage_burst(struct rig *rig, struct random *random, ns_t now)
{
	for (uint64_t i = 1 + random_below(random, 16); i > 0; i--) {
		uint32_t tuple = (uint32_t)random_below(random, TUPLES);
		uint16_t id = (uint16_t)(atomic_load_explicit(&rig->hint[tuple], memory_order_relaxed) + 1);

		if (match_reserve(&rig->table, FIRST + tuple, 0, &id, &rig->marks[tuple]) == MATCH_ROOM) {
			match_stage(&rig->table, FIRST + tuple, id, 0, tuple << 16 | id, now);
			atomic_store_explicit(&rig->hint[tuple], id, memory_order_relaxed);
		}
	}
}

static void *tx_main(void *argument)
{
	struct rig *rig = (struct rig *)argument;
	struct random random;
	uint64_t sent = 0;
	ns_t now = 0;

	random_seed(&random, rig->seed, 1);
	while (sent < QUERIES) {
		uint32_t accepted;

		now += 16 * random_below(&random, 100);
		atomic_store_explicit(&rig->clock, now, memory_order_relaxed);
		stage_burst(rig, &random, now);
		accepted = (uint32_t)random_below(&random, match_staged(&rig->table) + 1);
		sent += accepted;
		for (uint32_t i = 0; i < accepted; i++) {
			struct match_query query = match_staged_query(&rig->table, i, now);

			atomic_store_explicit(&rig->stamps[query.tuple - FIRST][query.id % IDS],
			                      query.sent_at, memory_order_relaxed);
		}
		atomic_store_explicit(&rig->sent, sent, memory_order_relaxed);
		match_publish(&rig->table, accepted);
		switch (random_below(&random, 4)) {
		case 0:
			match_withdraw(&rig->table);
			break;
		case 1:
			match_restamp(&rig->table, 0, now);
			break;
		default:
			break;
		}
		if (random_below(&random, 64) == 0) {
			sched_yield();
		}
	}
	match_withdraw(&rig->table);
	atomic_store_explicit(&rig->done, true, memory_order_release);
	return NULL;
}

static bool question_of(const void *context, uint32_t question, const uint8_t *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	return *(const uint32_t *)context == question;
}

static void rx_reply(struct rig *rig, struct random *random, uint32_t tuple, uint16_t id, ns_t now)
{
	uint32_t asked = tuple << 16 | id;
	struct match_question question = {
	        .check = question_of, .context = &asked, .bytes = (const uint8_t *)"", .length = 1};
	struct match_query query = {0};

	if (random_below(random, 16) == 0) {
		rig->refused +=
		        match_refuse(&rig->table, FIRST + tuple, random_below(random, 2) == 0 ? id : -1, now,
		                     &query) == MATCH_IS_ANSWER;
		return;
	}
	switch (match_reply(&rig->table, FIRST + tuple, id, &question, true, now, &query)) {
	case MATCH_IS_ANSWER:
		rig->answered++;
		rig->broken += query.question != asked || query.id != id ||
		               query.sent_at != atomic_load_explicit(&rig->stamps[tuple][id % IDS],
		                                                     memory_order_relaxed);
		break;
	case MATCH_IS_LATE:
		rig->late++;
		break;
	case MATCH_IS_EARLY:
		rig->early++;
		break;
	case MATCH_IS_MISMATCH: // the question belongs to the id in every query staged
		rig->broken++;
		break;
	default:
		rig->other++;
		break;
	}
}

static void *rx_main(void *argument)
{
	struct rig *rig = (struct rig *)argument;
	struct random random;
	ns_t last_lost = 0;
	bool done;

	random_seed(&random, rig->seed, 2);
	do {
		struct match_query lost[8];
		unsigned count;
		ns_t now;

		done = atomic_load_explicit(&rig->done, memory_order_acquire);
		now = atomic_load_explicit(&rig->clock, memory_order_relaxed);
		for (unsigned i = 0; i < 32; i++) {
			uint32_t tuple = (uint32_t)random_below(&random, TUPLES);
			uint64_t id = atomic_load_explicit(&rig->hint[tuple], memory_order_relaxed);

			rx_reply(rig, &random, tuple, (uint16_t)(id - random_below(&random, 6) / 2), now);
		}
		count = match_expire(&rig->table, now, lost, 8);
		for (unsigned i = 0; i < count; i++) {
			rig->broken += lost[i].sent_at < last_lost || lost[i].sent_at + TIMEOUT > now;
			last_lost = lost[i].sent_at;
		}
		rig->lost += count;
		(void)match_next_expiry(&rig->table, now);
		rig->broken += rig->answered + rig->refused + rig->lost >
		               atomic_load_explicit(&rig->sent, memory_order_relaxed);
		if (random_below(&random, 64) == 0) {
			sched_yield();
		}
	} while (!done);
	return NULL;
}

static void every_query_sent_is_ended_once_or_still_in_flight(void **state)
{
	uint64_t answered = 0, lost = 0, early = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		static struct rig rig;
		struct error error = {0};
		struct match_query rest[CAPACITY];
		pthread_t tx, rx;
		uint64_t outstanding;

		memset(&rig, 0, sizeof(rig));
		rig.seed = seed;
		assert_int_equal(
		        match_table_init(&rig.table, FIRST, TUPLES, DEPTH, CAPACITY, TIMEOUT, &error), 0);
		assert_int_equal(pthread_create(&rx, NULL, rx_main, &rig), 0);
		assert_int_equal(pthread_create(&tx, NULL, tx_main, &rig), 0);
		pthread_join(tx, NULL);
		pthread_join(rx, NULL);
		outstanding = match_outstanding(&rig.table);
		assert_int_equal(rig.broken, 0);
		assert_int_equal(rig.sent, rig.answered + rig.refused + rig.lost + outstanding);
		assert_int_equal(match_expire(&rig.table, rig.clock + TIMEOUT, rest, CAPACITY), outstanding);
		assert_int_equal(match_outstanding(&rig.table), 0);
		answered += rig.answered;
		lost += rig.lost;
		early += rig.early;
		match_table_release(&rig.table);
	}
	assert_true(answered > 0 && lost > 0);
	print_message("answered %lu, lost %lu, early %lu\n", (unsigned long)answered, (unsigned long)lost,
	              (unsigned long)early);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_query_sent_is_ended_once_or_still_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The in-flight table, one property a test.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "match/send.h"

#define TIMEOUT (1 * NS_PER_SEC)
#define FIRST   1000

static const struct match_question any = {.check = NULL};

static bool question_is(const void *context, uint32_t question, const uint8_t *bytes, size_t length)
{
	(void)context;
	return length == 1 && bytes[0] == (uint8_t)question;
}

static struct match_question asking(const uint8_t *byte)
{
	return (struct match_question){.check = question_is, .bytes = byte, .length = 1};
}

static struct match_table table_of(uint32_t tuples, uint32_t depth, uint32_t capacity)
{
	struct match_table table;
	struct error error = {0};

	assert_int_equal(match_table_init(&table, FIRST, tuples, depth, capacity, TIMEOUT, &error), 0);
	return table;
}

// Of a tuple of which nothing is known: its places are looked at.
static match_mark unsure(const struct match_table *table)
{
	return match_mark_from(table->tail, table->mark_shift) | MATCH_MARK_UNSURE;
}

static enum match_room reserve(struct match_table *table, uint32_t tuple, uint16_t *id)
{
	match_mark mark = unsure(table);

	return match_reserve(table, tuple, 0, id, &mark);
}

// Stage a query on a tuple with the first id from `id` on; returns the id.
static uint16_t stage(struct match_table *table, uint32_t tuple, uint16_t id, uint32_t question, ns_t now)
{
	assert_int_equal(reserve(table, tuple, &id), MATCH_ROOM);
	match_stage(table, tuple, id, (uint16_t)(question & 511), question, now);
	return id;
}

static uint16_t send_query(struct match_table *table, uint32_t tuple, uint16_t id, uint32_t question,
                           ns_t now)
{
	id = stage(table, tuple, id, question, now);
	match_publish(table, match_staged(table));
	return id;
}

static enum match_result reply(struct match_table *table, uint32_t tuple, uint16_t id, ns_t now,
                               struct match_query *query)
{
	return match_reply(table, tuple, id, &any, true, now, query);
}

static void an_answer_ends_its_query_and_tells_all_about_it(void **state)
{
	struct match_table table = table_of(4, 4, 16);
	struct match_query query;

	(void)state;
	assert_int_equal(send_query(&table, FIRST + 3, 0xfffe, 77, 4096), 0xfffe);
	assert_int_equal(match_outstanding(&table), 1);
	assert_int_equal(reply(&table, FIRST + 3, 0xfffe, 9999, &query), MATCH_IS_ANSWER);
	assert_int_equal(query.tuple, FIRST + 3);
	assert_int_equal(query.id, 0xfffe);
	assert_int_equal(query.question, 77);
	assert_int_equal(query.age_class, 77);
	assert_int_equal(query.sent_at, 4096);
	assert_int_equal(match_latency(&query, 9999), 9999 - 4096);
	assert_int_equal(match_outstanding(&table), 0);
	match_table_release(&table);
}

static void a_second_answer_is_a_duplicate(void **state)
{
	struct match_table table = table_of(1, 2, 4);
	struct match_query query;

	(void)state;
	send_query(&table, FIRST, 5, 1, 0);
	assert_int_equal(reply(&table, FIRST, 5, 1, &query), MATCH_IS_ANSWER);
	assert_int_equal(reply(&table, FIRST, 5, 2, &query), MATCH_IS_DUPLICATE);
	assert_int_equal(match_refuse(&table, FIRST, 5, 3, &query), MATCH_IS_DUPLICATE);
	match_table_release(&table);
}

static void an_answer_after_the_loss_is_late_once(void **state)
{
	struct match_table table = table_of(1, 2, 4);
	struct match_query query, lost;

	(void)state;
	send_query(&table, FIRST, 5, 1, 0);
	assert_int_equal(match_expire(&table, TIMEOUT - 1, &lost, 1), 0);
	assert_int_equal(match_expire(&table, TIMEOUT, &lost, 1), 1);
	assert_int_equal(match_refuse(&table, FIRST, 5, TIMEOUT + 1, &query), MATCH_IS_LATE);
	assert_int_equal(match_reply(&table, FIRST, 5, &any, false, TIMEOUT + 1, &query), MATCH_IS_LATE);
	assert_int_equal(reply(&table, FIRST, 5, TIMEOUT + 1, &query), MATCH_IS_LATE);
	assert_int_equal(query.sent_at, 0);
	assert_int_equal(reply(&table, FIRST, 5, TIMEOUT + 1, &query), MATCH_IS_DUPLICATE);
	match_table_release(&table);
}

static void a_late_reply_of_an_earlier_id_never_ends_the_query_in_its_place(void **state)
{
	struct match_table table = table_of(1, 2, 8);
	struct match_query query, lost[2];

	(void)state;
	send_query(&table, FIRST, 4, 1, 0);
	assert_int_equal(match_expire(&table, TIMEOUT, lost, 2), 1);
	send_query(&table, FIRST, 6, 2, TIMEOUT);
	assert_int_equal(reply(&table, FIRST, 4, TIMEOUT + 9, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(match_outstanding(&table), 1);
	assert_int_equal(reply(&table, FIRST, 6, TIMEOUT + 9, &query), MATCH_IS_ANSWER);
	match_table_release(&table);
}

static void another_question_is_a_mismatch_in_any_state(void **state)
{
	struct match_table table = table_of(1, 2, 4);
	struct match_query query, lost;
	const uint8_t wrong = 8, right = 7;
	struct match_question asks_wrong = asking(&wrong), asks_right = asking(&right),
	                      asks_nothing = asking(NULL);

	(void)state;
	send_query(&table, FIRST, 1, 7, 0);
	assert_int_equal(match_reply(&table, FIRST, 1, &asks_wrong, true, 1, &query), MATCH_IS_MISMATCH);
	assert_int_equal(match_reply(&table, FIRST, 1, &asks_nothing, true, 1, &query), MATCH_IS_MISMATCH);
	assert_int_equal(query.question, 7);
	assert_int_equal(match_reply(&table, FIRST, 1, &asks_right, false, 1, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_reply(&table, FIRST, 1, &asks_right, true, 1, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_reply(&table, FIRST, 1, &asks_wrong, true, 1, &query), MATCH_IS_MISMATCH);
	send_query(&table, FIRST, 2, 7, 0);
	assert_int_equal(match_expire(&table, TIMEOUT, &lost, 1), 1);
	assert_int_equal(match_reply(&table, FIRST, 2, &asks_wrong, true, TIMEOUT, &query),
	                 MATCH_IS_MISMATCH);
	match_table_release(&table);
}

static void looking_without_ending_changes_nothing(void **state)
{
	struct match_table table = table_of(1, 2, 4);
	struct match_query query;

	(void)state;
	send_query(&table, FIRST, 1, 7, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(match_reply(&table, FIRST, 1, &any, false, 1, &query), MATCH_IS_ANSWER);
	}
	assert_int_equal(match_outstanding(&table), 1);
	match_table_release(&table);
}

static void a_reply_to_nothing_is_unexpected(void **state)
{
	struct match_table table = table_of(2, 4, 4);
	struct match_query query;

	(void)state;
	assert_int_equal(reply(&table, FIRST, 0, 1, &query), MATCH_IS_UNEXPECTED);
	send_query(&table, FIRST, 3, 1, 0);
	assert_int_equal(reply(&table, FIRST, 7, 1, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(reply(&table, FIRST, 2, 1, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(reply(&table, FIRST + 1, 3, 1, &query), MATCH_IS_UNEXPECTED);
	match_table_release(&table);
}

static void a_reply_before_publication_is_early_and_counts_after_it(void **state)
{
	struct match_table table = table_of(2, 4, 8);
	struct match_query query;

	(void)state;
	stage(&table, FIRST, 1, 10, 0);
	stage(&table, FIRST + 1, 1, 11, 0);
	assert_int_equal(match_outstanding(&table), 0);
	assert_int_equal(reply(&table, FIRST, 1, 5, &query), MATCH_IS_EARLY);
	match_publish(&table, 1);
	assert_int_equal(match_outstanding(&table), 1);
	assert_int_equal(reply(&table, FIRST, 1, 5, &query), MATCH_IS_ANSWER);
	assert_int_equal(reply(&table, FIRST + 1, 1, 5, &query), MATCH_IS_EARLY);
	assert_int_equal(match_refuse(&table, FIRST + 1, 1, 5, &query), MATCH_IS_EARLY);
	assert_int_equal(match_refuse(&table, FIRST + 1, -1, 5, &query), MATCH_IS_EARLY);
	match_publish(&table, 1);
	assert_int_equal(reply(&table, FIRST + 1, 1, 5, &query), MATCH_IS_ANSWER);
	match_table_release(&table);
}

static void withdrawn_queries_leave_no_trace(void **state)
{
	struct match_table table = table_of(4, 2, 4);
	struct match_query query, lost;

	(void)state;
	send_query(&table, FIRST, 1, 1, 0);
	for (int round = 0; round < 10; round++) {
		stage(&table, FIRST + 1, 1, 2, 5);
		stage(&table, FIRST + 2, 1, 3, 5);
		assert_int_equal(match_staged(&table), 2);
		match_withdraw(&table);
		assert_int_equal(match_staged(&table), 0);
		assert_int_equal(reply(&table, FIRST + 1, 1, 5, &query), MATCH_IS_UNEXPECTED);
	}
	// The sequences of those withdrawn go to others, which are not taken for them.
	send_query(&table, FIRST + 3, 1, 4, 6);
	assert_int_equal(reply(&table, FIRST + 1, 1, 7, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(match_outstanding(&table), 2);
	assert_int_equal(match_expire(&table, 5 + TIMEOUT, &lost, 1), 1);
	assert_int_equal(lost.tuple, FIRST);
	match_table_release(&table);
}

static void restamped_queries_expire_by_their_new_time(void **state)
{
	struct match_table table = table_of(4, 2, 4);
	struct match_query lost[4];

	(void)state;
	stage(&table, FIRST, 1, 1, 0);
	stage(&table, FIRST + 1, 2, 2, 0);
	stage(&table, FIRST + 2, 3, 3, 0);
	match_publish(&table, 1);
	match_restamp(&table, 1, 4096 + 15);
	assert_int_equal(match_staged_query(&table, 0, 4096).sent_at, 0);
	assert_int_equal(match_staged_query(&table, 1, 4096).sent_at, 4096);
	assert_int_equal(match_staged_query(&table, 1, 4096).sent_at, match_send_time(4096 + 15));
	assert_int_equal(match_staged_query(&table, 1, 4096).id, 3);
	assert_int_equal(match_staged_query(&table, 1, 4096).question, 3);
	assert_int_equal(match_staged_query(&table, 1, 4096).age_class, 3);
	assert_int_equal(match_staged_query(&table, 1, 4096).tuple, FIRST + 2);
	match_publish(&table, 2);
	assert_int_equal(match_expire(&table, TIMEOUT + 4095, lost, 4), 2);
	assert_int_equal(match_expire(&table, TIMEOUT + 4096, lost, 4), 1);
	assert_int_equal(lost[0].sent_at, 4096);
	match_table_release(&table);
}

static void a_tuple_is_full_when_every_place_is_in_flight(void **state)
{
	struct match_table table = table_of(2, 8, 64);
	struct match_query query;
	uint16_t id = 65533;

	(void)state;
	for (int i = 0; i < 8; i++) {
		id = (uint16_t)(send_query(&table, FIRST, id, 1, 0) + 1);
	}
	assert_int_equal(id, 5); // wrapped
	assert_int_equal(reserve(&table, FIRST, &id), MATCH_TUPLE_FULL);
	assert_int_equal(reserve(&table, FIRST + 1, &id), MATCH_ROOM);
	assert_int_equal(reply(&table, FIRST, 65535, 5, &query), MATCH_IS_ANSWER);
	id = 5;
	assert_int_equal(reserve(&table, FIRST, &id), MATCH_ROOM);
	assert_int_equal(id, 7); // the only free place
	match_table_release(&table);
}

static void a_deep_tuple_of_lost_queries_is_called_full_after_bounded_probes(void **state)
{
	struct match_table table = table_of(1, 1024, 2048);
	struct match_query query, lost;
	uint16_t id = 0;

	(void)state;
	for (int i = 0; i < 1024; i++) {
		id = (uint16_t)(send_query(&table, FIRST, id, 1, (ns_t)i * 16) + 1);
	}
	assert_int_equal(reply(&table, FIRST, MATCH_PROBES, 20000, &query), MATCH_IS_ANSWER);
	assert_int_equal(reserve(&table, FIRST, &id), MATCH_TUPLE_FULL);
	assert_int_equal(match_expire(&table, TIMEOUT, &lost, 1), 1);
	assert_int_equal(reserve(&table, FIRST, &id), MATCH_ROOM);
	assert_int_equal(id, 1024);
	match_table_release(&table);
}

static void never_more_in_flight_than_the_limit(void **state)
{
	const uint32_t depths[] = {2, 4, 8, 64, 1024};

	(void)state;
	for (unsigned d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		for (uint32_t limit = 1; limit <= depths[d] + 1 && limit < 100; limit += 1 + limit / 8) {
			struct match_table table = table_of(1, depths[d], 4096);
			uint32_t most = limit < depths[d] ? limit : depths[d];
			struct match_query query;
			struct random random;
			uint16_t id = 65000;
			match_mark mark = 0;

			random_seed(&random, d, limit);
			for (uint32_t i = 0; i < 20 * most; i++) {
				uint16_t next = id,
				         answered = (uint16_t)(id - 1 - random_below(&random, 2 * most));

				if (match_reserve(&table, FIRST, limit, &next, &mark) == MATCH_ROOM) {
					match_stage(&table, FIRST, next, 0, 0, i);
					match_publish(&table, 1);
					id = (uint16_t)(next + 1);
				} else {
					// With up to MATCH_PROBES places to look at, full means full.
					assert_true(match_outstanding(&table) == most || most > MATCH_PROBES);
				}
				assert_true(match_outstanding(&table) <= most);
				if (random_below(&random, 4) == 0) {
					(void)reply(&table, FIRST, answered, i, &query);
				}
			}
			match_table_release(&table);
		}
	}
}

// What makes the sender fast: as long as a tuple's block takes longer than its queries, the mark tells at the
// first look, and the index, which RX has not touched yet, is not asked.
static void the_mark_tells_as_long_as_queries_end_in_time(void **state)
{
	struct match_table table = table_of(2, 8, 64);
	struct match_query lost[8], query;
	match_mark mark = 0;
	uint16_t next;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		struct match_staging staging;

		(void)match_expire(&table, (ns_t)i * TIMEOUT / 4, lost, 8); // at most four in flight
		table.head_seen = atomic_load(&table.head);
		staging = match_staging_begin(&table);
		assert_true(match_staging_has_room(&staging, (uint16_t)i, &mark));
		match_staging_put(&staging, FIRST, (uint16_t)i, 0, 0, (ns_t)i * TIMEOUT / 4);
		match_staging_end(&table, &staging);
		match_publish(&table, 1);
	}
	// Nothing ends any more: four places are left. Then one query ends, and its place is found, though
	// the mark can't vouch for its block.
	for (uint16_t id = (uint16_t)100000; match_outstanding(&table) < 8; id++) {
		assert_int_equal(match_reserve(&table, FIRST, 0, &id, &mark), MATCH_ROOM);
		match_stage(&table, FIRST, id, 0, 0, (ns_t)100000 * TIMEOUT / 4);
		match_publish(&table, 1);
	}
	next = (uint16_t)100004;
	assert_int_equal(match_reserve(&table, FIRST, 0, &next, &mark), MATCH_TUPLE_FULL);
	assert_int_equal(mark & MATCH_MARK_UNSURE, 0);
	assert_int_equal(reply(&table, FIRST, (uint16_t)99998, (ns_t)100000 * TIMEOUT / 4, &query),
	                 MATCH_IS_ANSWER);
	assert_int_equal(match_reserve(&table, FIRST, 0, &next, &mark), MATCH_ROOM);
	assert_int_equal(next, (uint16_t)100006);
	assert_int_equal(mark & MATCH_MARK_UNSURE, MATCH_MARK_UNSURE);
	match_table_release(&table);
}

static void a_full_log_holds_the_sender_back_until_the_head_moves(void **state)
{
	struct match_table table = table_of(64, 2, 8);
	struct match_query query, lost[8];
	uint16_t id = 0;

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		send_query(&table, FIRST + i, 0, i, i * 16);
	}
	assert_int_equal(reserve(&table, FIRST + 9, &id), MATCH_TABLE_FULL);
	// An answer in the middle leaves its entry where it is; one at the head lets the head move.
	assert_int_equal(reply(&table, FIRST + 1, 0, 200, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_expire(&table, 200, lost, 8), 0);
	assert_int_equal(reserve(&table, FIRST + 9, &id), MATCH_TABLE_FULL);
	assert_int_equal(reply(&table, FIRST, 0, 200, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_expire(&table, 200, lost, 8), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(reserve(&table, FIRST + 9 + i, &id), MATCH_ROOM);
		match_stage(&table, FIRST + 9 + i, id, 0, 0, 300);
	}
	assert_int_equal(reserve(&table, FIRST + 20, &id), MATCH_TABLE_FULL);
	match_table_release(&table);
}

static void queries_expire_in_the_order_of_sending(void **state)
{
	struct match_table table = table_of(256, 2, 512);
	struct match_query lost[7];
	ns_t last = 0;
	unsigned count, total = 0;

	(void)state;
	for (uint32_t i = 0; i < 256; i++) {
		send_query(&table, FIRST + (i * 37) % 256, (uint16_t)i, i, i * 160);
	}
	while ((count = match_expire(&table, 128 * 160 + TIMEOUT, lost, 7)) > 0) {
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(lost[i].question, total++);
			assert_true(lost[i].sent_at >= last);
			last = lost[i].sent_at;
		}
	}
	assert_int_equal(total, 129);
	assert_int_equal(match_outstanding(&table), 127);
	match_table_release(&table);
}

static void a_place_used_again_does_not_expire_with_its_old_query(void **state)
{
	struct match_table table = table_of(1, 2, 64);
	struct match_query query, lost[4];

	(void)state;
	// Each round's answer frees the place, whose next query leaves while the log still holds the old one.
	for (uint32_t i = 0; i < 20; i++) {
		send_query(&table, FIRST, (uint16_t)(2 * i), i, i * 160);
		if (i < 19) {
			assert_int_equal(reply(&table, FIRST, (uint16_t)(2 * i), i * 160 + 16, &query),
			                 MATCH_IS_ANSWER);
		}
	}
	assert_int_equal(match_expire(&table, 18 * 160 + TIMEOUT, lost, 4), 0);
	assert_int_equal(match_expire(&table, 19 * 160 + TIMEOUT, lost, 4), 1);
	assert_int_equal(lost[0].question, 19);
	match_table_release(&table);
}

static void what_ended_is_remembered_until_the_log_comes_round(void **state)
{
	struct match_table table = table_of(16, 2, 8);
	struct match_query query, lost;

	(void)state;
	send_query(&table, FIRST, 7, 70, 0);
	send_query(&table, FIRST + 1, 7, 71, 0);
	assert_int_equal(match_expire(&table, TIMEOUT, &lost, 1), 1);
	assert_int_equal(reply(&table, FIRST + 1, 7, 5, &query), MATCH_IS_ANSWER);
	for (uint32_t i = 2; i < 8; i++) {
		send_query(&table, FIRST + i, 7, i, TIMEOUT);
		assert_int_equal(reply(&table, FIRST + i, 7, TIMEOUT, &query), MATCH_IS_ANSWER);
	}
	assert_int_equal(match_expire(&table, TIMEOUT, &lost, 1), 0);
	assert_int_equal(match_reply(&table, FIRST, 7, &any, false, TIMEOUT, &query), MATCH_IS_LATE);
	stage(&table, FIRST + 9, 7, 9, TIMEOUT); // over the first
	assert_int_equal(reply(&table, FIRST, 7, TIMEOUT, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(reply(&table, FIRST + 1, 7, TIMEOUT, &query), MATCH_IS_DUPLICATE);
	match_withdraw(&table);
	assert_int_equal(reply(&table, FIRST, 7, TIMEOUT, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(reply(&table, FIRST + 9, 7, TIMEOUT, &query), MATCH_IS_UNEXPECTED);
	match_table_release(&table);
}

static void the_next_expiry_is_that_of_the_oldest_in_flight(void **state)
{
	struct match_table table = table_of(4, 2, 8);
	struct match_query query, lost[4];

	(void)state;
	assert_true(match_next_expiry(&table, 0) == NS_NEVER);
	stage(&table, FIRST, 0, 0, 160);
	assert_true(match_next_expiry(&table, 200) == NS_NEVER);
	match_publish(&table, 1);
	send_query(&table, FIRST + 1, 0, 0, 320);
	assert_int_equal(match_next_expiry(&table, 400), 160 + TIMEOUT);
	assert_int_equal(reply(&table, FIRST, 0, 400, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_next_expiry(&table, 500), 320 + TIMEOUT);
	assert_int_equal(match_expire(&table, 320 + TIMEOUT - 1, lost, 4), 0);
	assert_int_equal(match_expire(&table, match_next_expiry(&table, 600), lost, 4), 1);
	assert_true(match_next_expiry(&table, 700) == NS_NEVER);
	match_table_release(&table);
}

static void sequences_pass_the_wrap(void **state)
{
	struct match_table table = table_of(16, 4, 64);
	struct match_query query, lost[8];
	uint32_t start = table.tail;
	uint64_t answered = 0, gone = 0;

	(void)state;
	assert_true(start > UINT32_MAX - 65536);
	for (uint32_t i = 0; i < 100000; i++) {
		ns_t now = (ns_t)i * (TIMEOUT / 16);
		uint16_t id = (uint16_t)(i >> 4);

		gone += match_expire(&table, now, lost, 8);
		send_query(&table, FIRST + i % 16, id, i, now);
		if (i % 3 != 0) {
			assert_int_equal(reply(&table, FIRST + i % 16, id, now + 1, &query), MATCH_IS_ANSWER);
			assert_int_equal(query.question, i);
			answered++;
		}
		assert_int_equal(answered + gone + match_outstanding(&table), i + 1);
	}
	assert_true(table.tail < start);
	match_table_release(&table);
}

static void send_times_are_exact_across_the_wrap_of_the_clock(void **state)
{
	const ns_t wrap = UINT64_C(1) << 40;
	struct match_table table = table_of(1, 2, 1024);
	struct match_query query, lost;
	struct random random;

	(void)state;
	random_seed(&random, 7, 0);
	for (uint32_t i = 0; i < 3000; i++) {
		ns_t sent = (1 + random_below(&random, 1000)) * wrap - random_below(&random, 2 * TIMEOUT);
		ns_t later = random_below(&random, TIMEOUT);

		send_query(&table, FIRST, (uint16_t)i, i, sent);
		assert_int_equal(match_reply(&table, FIRST, (uint16_t)i, &any, false, sent + later, &query),
		                 MATCH_IS_ANSWER);
		assert_true(query.sent_at == match_send_time(sent));
		// A reader whose clock was read a little earlier.
		assert_int_equal(
		        match_reply(&table, FIRST, (uint16_t)i, &any, false, sent - later / 1000, &query),
		        MATCH_IS_ANSWER);
		assert_true(query.sent_at == match_send_time(sent));
		assert_true(match_latency(&query, sent - 16 - later / 1000) == 0);
		assert_int_equal(match_expire(&table, sent - later / 1000, &lost, 1), 0);
		assert_int_equal(match_expire(&table, match_send_time(sent) + TIMEOUT - 1, &lost, 1), 0);
		assert_int_equal(match_expire(&table, sent + TIMEOUT, &lost, 1), 1);
		assert_true(lost.sent_at == match_send_time(sent));
	}
	match_table_release(&table);
}

static void a_refusal_with_an_id_ends_its_query(void **state)
{
	struct match_table table = table_of(1, 4, 8);
	struct match_query query;

	(void)state;
	send_query(&table, FIRST, 1, 1, 0);
	send_query(&table, FIRST, 2, 2, 0);
	assert_int_equal(match_refuse(&table, FIRST, 2, 5, &query), MATCH_IS_ANSWER);
	assert_int_equal(query.question, 2);
	assert_int_equal(match_refuse(&table, FIRST, 2, 5, &query), MATCH_IS_DUPLICATE);
	assert_int_equal(reply(&table, FIRST, 2, 5, &query), MATCH_IS_DUPLICATE);
	assert_int_equal(match_refuse(&table, FIRST, 9, 5, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(match_outstanding(&table), 1);
	match_table_release(&table);
}

static void a_refusal_without_an_id_ends_the_only_query(void **state)
{
	struct match_table table = table_of(2, 4, 8);
	struct match_query query;

	(void)state;
	assert_int_equal(match_refuse(&table, FIRST, -1, 5, &query), MATCH_IS_UNEXPECTED);
	send_query(&table, FIRST, 1, 1, 0);
	send_query(&table, FIRST + 1, 7, 3, 0);
	stage(&table, FIRST, 2, 2, 0);
	// One in flight, one being sent: it may be about either.
	assert_int_equal(match_refuse(&table, FIRST, -1, 5, &query), MATCH_IS_UNEXPECTED);
	match_publish(&table, 1);
	assert_int_equal(match_refuse(&table, FIRST, -1, 5, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(reply(&table, FIRST, 1, 5, &query), MATCH_IS_ANSWER);
	assert_int_equal(match_refuse(&table, FIRST, -1, 5, &query), MATCH_IS_ANSWER);
	assert_int_equal(query.id, 2);
	assert_int_equal(match_refuse(&table, FIRST, -1, 5, &query), MATCH_IS_UNEXPECTED);
	assert_int_equal(match_outstanding(&table), 1);
	match_table_release(&table);
}

static void the_largest_tuple_depth_uses_every_place(void **state)
{
	struct match_table table = table_of(1, MATCH_DEPTH_MAX, 65536);
	uint16_t id = 40000;

	(void)state;
	for (uint32_t i = 0; i < MATCH_DEPTH_MAX; i++) {
		id = (uint16_t)(send_query(&table, FIRST, id, i, 0) + 1);
		match_catch_up(&table); // TX looks at all that the index does not know
	}
	assert_int_equal(match_outstanding(&table), MATCH_DEPTH_MAX);
	assert_int_equal(reserve(&table, FIRST, &id), MATCH_TUPLE_FULL);
	match_table_release(&table);
}

static void a_table_that_cannot_be_is_refused_with_the_reason(void **state)
{
	const struct {
		uint32_t count, depth, capacity;
		ns_t timeout;
	} cases[] = {
	        {0, 2, 2, 1},
	        {1, 0, 2, 1},
	        {1, 1, 2, 1},
	        {1, 3, 2, 1},
	        {1, MATCH_DEPTH_MAX * 2, 2, 1},
	        {1, 2, 1, 1},
	        {1, 2, 3, 1},
	        {1, 2, UINT32_C(1) << 31, 1},
	        {1, 2, 2, 0},
	        {1, 2, 2, MATCH_TIMEOUT_MAX + 1},
	        {UINT32_MAX, 2, 2, 1},
	};
	struct match_table table;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};

		assert_int_equal(match_table_init(&table, 0, cases[i].count, cases[i].depth,
		                                  cases[i].capacity, cases[i].timeout, &error),
		                 -EINVAL);
		assert_true(error_is_set(&error));
		assert_true(strlen(error.text) > 20);
		match_table_release(&table);
	}
	memset(&table, 0, sizeof(table));
	match_table_release(&table);
}

static void the_depth_holds_a_random_crowd(void **state)
{
	const struct {
		double mean;
		uint32_t tuples;
	} cases[] = {{0.01, 100000}, {0.5, 50000}, {1, 65536}, {3.5, 65536}, {20, 4096}, {300, 128}};
	struct random random;

	(void)state;
	random_seed(&random, 3, 0);
	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint32_t tuples = cases[c].tuples;
		uint32_t depth = match_depth(cases[c].mean * tuples, NS_PER_SEC, tuples, true, 0);
		uint32_t *thrown = (uint32_t *)calloc(tuples, sizeof(*thrown));
		uint64_t throws = (uint64_t)(cases[c].mean * tuples);

		assert_int_equal(depth & (depth - 1), 0);
		assert_true(depth >= match_depth(cases[c].mean * tuples, NS_PER_SEC, tuples, false, 0));
		for (int round = 0; round < 3; round++) {
			memset(thrown, 0, tuples * sizeof(*thrown));
			for (uint64_t i = 0; i < throws; i++) {
				assert_true(++thrown[random_below(&random, tuples)] <= depth);
			}
		}
		free(thrown);
	}
	assert_int_equal(match_depth(1e9, NS_PER_SEC, 1, false, 0), MATCH_DEPTH_MAX);
	assert_int_equal(match_depth(100, NS_PER_SEC, 1, false, 0), 256);
	assert_int_equal(match_depth(1e6, NS_PER_SEC, 1, false, 5), 8);
	assert_int_equal(match_depth(1, NS_PER_SEC, 1000, true, 1), 2);
	assert_true(match_capacity(1e5, 5 * NS_PER_SEC) >= 562500);
	assert_int_equal(match_capacity(1e9, 500 * NS_PER_SEC), MATCH_CAPACITY_MAX);
	assert_int_equal(match_capacity(1, NS_PER_SEC), 65536);
	assert_int_equal(match_table_memory(1000, 4, 1024, false), 1000 * 4 * 4 + 1024 * 16);
	assert_int_equal(match_table_memory(1000, 4, 1024, true), 1000 * 4 * (4 + 16) + 1024 * 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_answer_ends_its_query_and_tells_all_about_it),
	        cmocka_unit_test(a_second_answer_is_a_duplicate),
	        cmocka_unit_test(an_answer_after_the_loss_is_late_once),
	        cmocka_unit_test(a_late_reply_of_an_earlier_id_never_ends_the_query_in_its_place),
	        cmocka_unit_test(another_question_is_a_mismatch_in_any_state),
	        cmocka_unit_test(looking_without_ending_changes_nothing),
	        cmocka_unit_test(a_reply_to_nothing_is_unexpected),
	        cmocka_unit_test(a_reply_before_publication_is_early_and_counts_after_it),
	        cmocka_unit_test(withdrawn_queries_leave_no_trace),
	        cmocka_unit_test(restamped_queries_expire_by_their_new_time),
	        cmocka_unit_test(a_tuple_is_full_when_every_place_is_in_flight),
	        cmocka_unit_test(a_deep_tuple_of_lost_queries_is_called_full_after_bounded_probes),
	        cmocka_unit_test(never_more_in_flight_than_the_limit),
	        cmocka_unit_test(the_mark_tells_as_long_as_queries_end_in_time),
	        cmocka_unit_test(a_full_log_holds_the_sender_back_until_the_head_moves),
	        cmocka_unit_test(queries_expire_in_the_order_of_sending),
	        cmocka_unit_test(a_place_used_again_does_not_expire_with_its_old_query),
	        cmocka_unit_test(what_ended_is_remembered_until_the_log_comes_round),
	        cmocka_unit_test(the_next_expiry_is_that_of_the_oldest_in_flight),
	        cmocka_unit_test(sequences_pass_the_wrap),
	        cmocka_unit_test(send_times_are_exact_across_the_wrap_of_the_clock),
	        cmocka_unit_test(a_refusal_with_an_id_ends_its_query),
	        cmocka_unit_test(a_refusal_without_an_id_ends_the_only_query),
	        cmocka_unit_test(the_largest_tuple_depth_uses_every_place),
	        cmocka_unit_test(a_table_that_cannot_be_is_refused_with_the_reason),
	        cmocka_unit_test(the_depth_holds_a_random_crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

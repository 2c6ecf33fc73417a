// The query before a lost one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "match/send.h"

#define TIMEOUT (100 * MATCH_TIME_UNIT)

static struct match_table table;

static void send(uint32_t tuple, uint16_t id, ns_t now)
{
	match_mark mark = match_mark_from(table.tail, table.mark_shift) | MATCH_MARK_UNSURE;

	assert_int_equal(match_reserve(&table, tuple, 0, &id, &mark), MATCH_ROOM);
	match_stage(&table, tuple, id, 1, id, now);
	match_publish(&table, 1);
}

static void answer(uint32_t tuple, uint16_t id, ns_t now)
{
	static const struct match_question any = {.check = NULL};
	struct match_query query;

	assert_int_equal(match_reply(&table, tuple, id, &any, true, now, &query), MATCH_IS_ANSWER);
}

static void table_open(uint32_t depth)
{
	struct error error = {0};

	memset(&table, 0, sizeof(table));
	assert_int_equal(match_table_init(&table, 10, 4, depth, 16, TIMEOUT, &error), 0);
	assert_int_equal(match_table_remember(&table, &error), 0);
}

static void the_first_loss_of_a_row_has_the_last_answered_query(void **state)
{
	const ns_t start = 16 * MATCH_TIME_UNIT, now = start + 10 * TIMEOUT;
	struct match_query lost[8], before;

	(void)state;
	table_open(8);
	send(11, 65534, start);
	answer(11, 65534, start + 1);
	send(11, 65535, start + MATCH_TIME_UNIT);
	send(11, 0, start + 2 * MATCH_TIME_UNIT);
	send(11, 1, start + 3 * MATCH_TIME_UNIT);
	answer(11, 1, start + 4 * MATCH_TIME_UNIT);
	send(11, 2, start + 5 * MATCH_TIME_UNIT);
	assert_int_equal(match_expire(&table, now, lost, 8), 3);
	assert_int_equal(lost[0].id, 65535);
	assert_true(match_predecessor(&table, &lost[0], now, &before));
	assert_int_equal(before.id, 65534);
	assert_int_equal(before.sent_at, start);
	assert_int_equal(before.question, 65534);
	assert_int_equal(before.tuple, 11);
	assert_false(match_predecessor(&table, &lost[1], now, &before)); // 65535 was lost
	assert_true(match_predecessor(&table, &lost[2], now, &before));
	assert_int_equal(before.id, 1);
	match_table_release(&table);
}

static void a_first_use_has_no_predecessor(void **state)
{
	struct match_query lost, before;
	const ns_t now = 10 * TIMEOUT;

	(void)state;
	table_open(4);
	send(10, 7, MATCH_TIME_UNIT);
	assert_int_equal(match_expire(&table, now, &lost, 1), 1);
	assert_false(match_predecessor(&table, &lost, now, &before));
	match_table_release(&table);
}

static void twice_the_depth_in_flight_keeps_the_predecessor(void **state)
{
	struct match_query lost[8], before;
	const ns_t start = MATCH_TIME_UNIT;

	(void)state;
	table_open(8);
	send(12, 0, start);
	answer(12, 0, start + 1);
	// Four in flight at once, of a depth of eight.
	for (uint16_t id = 1; id <= 4; id++) {
		send(12, id, start + id * MATCH_TIME_UNIT);
	}
	assert_int_equal(match_expire(&table, start + MATCH_TIME_UNIT + TIMEOUT, lost, 8), 1);
	assert_true(match_predecessor(&table, &lost[0], start + MATCH_TIME_UNIT + TIMEOUT, &before));
	assert_int_equal(before.id, 0);
	// A place that was used again is not taken for the predecessor, once that query has ended.
	for (uint16_t id = 5; id <= 8; id++) {
		send(12, id, start + TIMEOUT);
	}
	assert_true(match_predecessor(&table, &lost[0], start + TIMEOUT, &before));
	answer(12, 8, start + TIMEOUT + 1);
	assert_false(match_predecessor(&table, &lost[0], start + TIMEOUT, &before));
	match_table_release(&table);
}

static void a_predecessor_is_known_long_after_the_log_came_round(void **state)
{
	struct match_query lost, before;
	const ns_t start = MATCH_TIME_UNIT, later = start + 300 * NS_PER_SEC;

	(void)state;
	table_open(4);
	send(12, 0, start);
	answer(12, 0, start + 1);
	for (uint16_t id = 0; id < 100; id++) {
		send(13, id, start + TIMEOUT);
		answer(13, id, start + TIMEOUT);
		assert_int_equal(match_expire(&table, start + TIMEOUT, &lost, 1), 0);
	}
	send(12, 1, later);
	assert_int_equal(match_expire(&table, later + TIMEOUT, &lost, 1), 1);
	assert_true(match_predecessor(&table, &lost, later + TIMEOUT, &before));
	assert_int_equal(before.id, 0);
	assert_true(before.sent_at == start);
	match_table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_loss_of_a_row_has_the_last_answered_query),
	        cmocka_unit_test(a_first_use_has_no_predecessor),
	        cmocka_unit_test(twice_the_depth_in_flight_keeps_the_predecessor),
	        cmocka_unit_test(a_predecessor_is_known_long_after_the_log_came_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

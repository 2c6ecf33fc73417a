#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/ledger.h"

static void ledger_starts_zeroed_and_aligned(void **state)
{
	struct flow_ledger ledger;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_ledger_create(&ledger, 100000, &error), 0);
	assert_int_equal((uintptr_t)ledger.sent % 64, 0);
	assert_int_equal((uintptr_t)ledger.answered % 64, 0);
	for (uint32_t i = 0; i < ledger.tuples; i++) {
		assert_true(ledger.sent[i].last_sent == 0 && ledger.sent[i].sent == 0);
		assert_true(ledger.answered[i].lost == 0);
		assert_int_equal(flow_answered_backend(&ledger.answered[i]), FLOW_BACKEND_NONE);
	}
	assert_true(flow_ledger_memory(100000) == 100000 * 80);
	flow_ledger_free(&ledger);
}

static void query_ids_count_up_and_wrap(void **state)
{
	struct flow_sent sent = {.next_id = 65535};

	(void)state;
	assert_int_equal(flow_sent_query(&sent, 5), 65535);
	assert_int_equal(flow_sent_query(&sent, 9), 0);
	assert_int_equal(sent.sent, 2);
	assert_int_equal(sent.last_sent, 9);
}

static void losses_in_a_row_follow_the_order_of_sending(void **state)
{
	struct flow_answered answered = {0};

	(void)state;
	// Queries 65534, 65535 and 0 get nothing, 1 is answered before their timeout has passed, 2 gets
	// nothing.
	flow_answered_loss(&answered, 65534, 10);
	flow_answered_answer(&answered, 40, 2);
	flow_answered_loss(&answered, 65535, 20);
	flow_answered_refusal(&answered, 0, 30);
	assert_int_equal(answered.lost_in_a_row, 3);
	flow_answered_loss(&answered, 2, 50);
	assert_int_equal(answered.lost_in_a_row, 1);
	assert_int_equal(answered.longest_lost, 3);
	assert_int_equal(answered.first_lost, 10);
	assert_int_equal(answered.last_lost, 50);
	assert_int_equal(answered.lost, 3);
	assert_int_equal(answered.refused, 1);
	assert_int_equal(answered.last_answered, 40);
}

static void losses_in_a_row_stay_at_their_highest(void **state)
{
	struct flow_answered answered = {0};

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		flow_answered_loss(&answered, (uint16_t)i, i + 1);
	}
	assert_int_equal(answered.lost_in_a_row, 65535);
	assert_int_equal(answered.longest_lost, 65535);
	assert_int_equal(answered.lost, 70000);
}

static void backend_changes_are_counted(void **state)
{
	struct flow_answered answered = {0};

	(void)state;
	flow_answered_answer(&answered, 1, FLOW_BACKEND_NONE);
	assert_int_equal(flow_answered_backend(&answered), FLOW_BACKEND_NONE);
	flow_answered_answer(&answered, 2, 0);
	flow_answered_answer(&answered, 3, 0);
	assert_int_equal(answered.backend_changes, 0);
	flow_answered_answer(&answered, 4, 7);
	flow_answered_answer(&answered, 5, FLOW_BACKEND_NONE);
	assert_int_equal(answered.backend_changes, 1);
	assert_int_equal(flow_answered_backend(&answered), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ledger_starts_zeroed_and_aligned),
	        cmocka_unit_test(query_ids_count_up_and_wrap),
	        cmocka_unit_test(losses_in_a_row_follow_the_order_of_sending),
	        cmocka_unit_test(losses_in_a_row_stay_at_their_highest),
	        cmocka_unit_test(backend_changes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

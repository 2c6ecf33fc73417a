#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/window.h"

static void window_has_room_for_what_is_not_in_flight(void **state)
{
	(void)state;
	assert_int_equal(load_window_room(100, 0, 0), 100);
	assert_int_equal(load_window_room(100, 60, 0), 40);
	assert_int_equal(load_window_room(100, 1060, 1000), 40);
	assert_int_equal(load_window_room(100, 1100, 1000), 0);
	assert_int_equal(load_window_room(100, 1200, 1000), 0);
}

static void window_survives_wrapping_counters(void **state)
{
	(void)state;
	assert_int_equal(load_window_room(10, 3, UINT64_MAX - 2), 4);
}

static void window_of_zero_is_no_limit(void **state)
{
	(void)state;
	assert_true(load_window_room(0, 1000000, 0) == UINT64_MAX);
}

static void window_shares_sum_to_the_whole(void **state)
{
	(void)state;
	for (unsigned workers = 1; workers < 20; workers++) {
		for (uint64_t size = 0; size < 100; size++) {
			uint64_t sum = 0;

			for (unsigned worker = 0; worker < workers; worker++) {
				uint64_t share = load_window_share(size, worker, workers);

				assert_in_range(share, size / workers, size / workers + 1);
				sum += share;
			}
			assert_int_equal(sum, size);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(window_has_room_for_what_is_not_in_flight),
	        cmocka_unit_test(window_survives_wrapping_counters),
	        cmocka_unit_test(window_of_zero_is_no_limit),
	        cmocka_unit_test(window_shares_sum_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

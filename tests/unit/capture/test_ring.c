// The ring between the lcore that receives and the one that writes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/random.h"
#include "capture/capture.h"

static void records_come_out_in_order(void **state)
{
	struct capture_ring ring;
	struct error error = {0};
	struct random random;
	uint64_t in = 0, out = 0;

	(void)state;
	random_seed(&random, 7, 0);
	assert_int_equal(capture_ring_init(&ring, 100, sizeof(uint64_t), &error), 0);
	assert_int_equal(ring.mask, 127);
	for (unsigned step = 0; step < 100000; step++) {
		if (random_below(&random, 2) == 0) {
			uint64_t *record = (uint64_t *)capture_ring_reserve(&ring);

			if (record == NULL) {
				assert_int_equal(in - out, 128);
				continue;
			}
			*record = in++;
			capture_ring_commit(&ring);
		} else {
			const uint64_t *record = (const uint64_t *)capture_ring_peek(&ring);

			assert_true((record == NULL) == (in == out));
			if (record != NULL) {
				assert_int_equal(*record, out++);
				capture_ring_pop(&ring);
			}
		}
	}
	capture_ring_release(&ring);
}

static void a_full_ring_counts_what_it_drops(void **state)
{
	struct match_query query = {.tuple = 1};
	struct capture capture;
	struct error error = {0};
	uint8_t frame[100] = {0};

	(void)state;
	assert_int_equal(capture_init(&capture, 4, 2, &error), 0);
	for (unsigned i = 0; i < 10; i++) {
		capture_take_query(&capture, CAPTURE_LOST, &query, 0);
		capture_take_frame(&capture, CAPTURE_LATE, frame, sizeof(frame), i);
	}
	assert_int_equal(capture_ring_dropped(&capture.queries), 6);
	assert_int_equal(capture_ring_dropped(&capture.frames), 8);
	assert_int_equal(capture_dropped(&capture), 14);
	capture_release(&capture);
}

static void long_frames_are_cut_and_say_so(void **state)
{
	struct capture capture;
	struct error error = {0};
	uint8_t *frame = (uint8_t *)calloc(1, 9000);
	const struct capture_frame *record;

	(void)state;
	assert_int_equal(capture_init(&capture, 1, 1, &error), 0);
	capture_take_frame(&capture, CAPTURE_UNEXPECTED, frame, 9000, 5);
	record = (const struct capture_frame *)capture_ring_peek(&capture.frames);
	assert_int_equal(record->captured, CAPTURE_FRAME_MAX);
	assert_int_equal(record->original, 9000);
	assert_int_equal(record->arrived, 5);
	capture_release(&capture);
	free(frame);
}

#define CROSSED 20000

static void *produce(void *argument)
{
	struct capture_ring *ring = (struct capture_ring *)argument;

	for (uint64_t i = 1; i <= CROSSED; i++) {
		uint64_t *record = (uint64_t *)capture_ring_reserve(ring);

		if (record == NULL) {
			sched_yield();
			continue; // dropped: the consumer sees a number missing
		}
		record[0] = i;
		record[1] = ~i;
		capture_ring_commit(ring);
	}
	return NULL;
}

static void two_threads_lose_nothing_but_what_is_counted(void **state)
{
	struct capture_ring ring;
	struct error error = {0};
	uint64_t seen = 0, last = 0;
	pthread_t thread;
	bool running = true;

	(void)state;
	assert_int_equal(capture_ring_init(&ring, 64, 2 * sizeof(uint64_t), &error), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, &ring), 0);
	while (running) {
		const uint64_t *record;

		running = seen + capture_ring_dropped(&ring) < CROSSED;
		sched_yield();
		while ((record = (const uint64_t *)capture_ring_peek(&ring)) != NULL) {
			assert_true(record[0] > last && record[1] == ~record[0]);
			last = record[0];
			seen++;
			capture_ring_pop(&ring);
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(seen + capture_ring_dropped(&ring), CROSSED);
	capture_ring_release(&ring);
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CAPTURE_REASONS; i++) {
		assert_non_null(capture_reason_text((enum capture_reason)i));
	}
	assert_string_equal(capture_reason_text(CAPTURE_REASONS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(records_come_out_in_order),
	        cmocka_unit_test(a_full_ring_counts_what_it_drops),
	        cmocka_unit_test(long_frames_are_cut_and_say_so),
	        cmocka_unit_test(two_threads_lose_nothing_but_what_is_counted),
	        cmocka_unit_test(every_reason_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

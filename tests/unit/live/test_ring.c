// The lcore's end of the ring: which frames find room, and what becomes of their buffers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "live/ring.h"

#define FRAMES  256
#define LONGEST 100

static struct rte_mempool *pool;

static struct live_end begin(unsigned slots)
{
	struct live_end end = {.shape = live_shape_of(slots, LONGEST)};

	end.ring = (struct live_ring *)aligned_alloc(64, end.shape.octets);
	memset(end.ring, 0, end.shape.octets);
	return end;
}

static struct rte_mbuf *frame(unsigned number, uint16_t length)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	assert_non_null(mbuf);
	memset(rte_pktmbuf_append(mbuf, length), (int)number, length);
	return mbuf;
}

// What the programs do with slots, in short.
static void take(struct live_end *end, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		live_slot_at(end->ring, &end->shape, end->ring->head++)->length = 0;
	}
}

static void shapes_hold_the_longest_frame_and_are_mappable(void **state)
{
	struct live_shape shape = live_shape_of(1000, 72);

	(void)state;
	assert_int_equal(shape.slots, 1024);
	assert_int_equal(1u << shape.shift, 128);
	shape = live_shape_of(1, 56);
	assert_int_equal(shape.slots, 64);
	assert_int_equal(1u << shape.shift, 64);
	shape = live_shape_of(100000, 9018);
	assert_true(shape.octets <= LIVE_RING_OCTETS_MAX);
	assert_true((1u << shape.shift) >= sizeof(struct live_slot) + 9018);
	assert_int_equal(shape.slots & (shape.slots - 1), 0);
	assert_int_equal(live_shape_of(100000, 72).slots, LIVE_SLOTS_MAX);
}

static void frames_are_copied_until_the_ring_is_full(void **state)
{
	struct live_end end = begin(64);
	struct rte_mbuf *frames[80];

	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		frames[i] = frame(i, (uint16_t)(14 + i));
	}
	assert_int_equal(live_ring_put(&end, frames, 80), 64);
	assert_int_equal(end.ring->tail, 64);
	assert_int_equal(rte_mempool_in_use_count(pool), 16);
	for (unsigned i = 0; i < 64; i++) {
		const struct live_slot *slot = live_slot_at(end.ring, &end.shape, i);

		assert_int_equal(slot->length, 14 + i);
		assert_int_equal(slot->octets[0], i);
		assert_int_equal(slot->octets[13 + i], i);
	}
	assert_int_equal(live_ring_put(&end, frames + 64, 16), 0);
	take(&end, 10);
	assert_int_equal(live_ring_put(&end, frames + 64, 16), 10);
	take(&end, 64);
	assert_int_equal(live_ring_put(&end, frames + 74, 6), 6);
	assert_int_equal(end.ring->tail, 80);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	free(end.ring);
}

// A frame that the driver refused stays in its slot while later ones leave.
static void a_slot_that_is_not_free_ends_the_call(void **state)
{
	struct live_end end = begin(64);
	struct rte_mbuf *frames[64];

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		frames[i] = frame(i, 60);
	}
	assert_int_equal(live_ring_put(&end, frames, 64), 64);
	take(&end, 64);
	live_slot_at(end.ring, &end.shape, 5)->length = 60;
	for (unsigned i = 0; i < 64; i++) {
		frames[i] = frame(i, 60);
	}
	assert_int_equal(live_ring_put(&end, frames, 64), 5);
	live_slot_at(end.ring, &end.shape, 5)->length = 0;
	assert_int_equal(live_ring_put(&end, frames + 5, 59), 59);
	free(end.ring);
}

static void frames_of_no_fitting_length_are_not_taken(void **state)
{
	struct live_end end = begin(64);
	struct rte_mbuf *frames[2] = {frame(1, LONGEST + 1), frame(2, 13)};

	(void)state;
	assert_int_equal(live_ring_put(&end, &frames[0], 1), 0);
	assert_int_equal(live_ring_put(&end, &frames[1], 1), 0);
	assert_int_equal(end.ring->tail, 0);
	rte_pktmbuf_free_bulk(frames, 2);
	free(end.ring);
}

int main(void)
{
	static char program[] = "test", huge[] = "--no-huge", shconf[] = "--no-shconf", pci[] = "--no-pci",
	            memory[] = "-m", size[] = "64", lcores[] = "--lcores=0@0",
	            level[] = "--log-level=*:error";
	char *arguments[] = {program, huge, shconf, pci, memory, size, lcores, level, NULL};
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(shapes_hold_the_longest_frame_and_are_mappable),
	        cmocka_unit_test(frames_are_copied_until_the_ring_is_full),
	        cmocka_unit_test(a_slot_that_is_not_free_ends_the_call),
	        cmocka_unit_test(frames_of_no_fitting_length_are_not_taken),
	};

	if (rte_eal_init(8, arguments) < 0) {
		return 1;
	}
	pool = rte_pktmbuf_pool_create("frames", FRAMES - 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool == NULL ? 1 : cmocka_run_group_tests_name("live/ring", tests, NULL, NULL);
}

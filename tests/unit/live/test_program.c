// The programs on plain memory: what they take from the ring, in which order, and what they do with what the
// driver refuses. The kernel's verifier and its driver are the netns test's business.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "interpreter.h"

#define LONGEST   80
#define INTERFACE 7
#define TASK      UINT64_C(0x0000123400005678)

struct fixture {
	struct machine machine;
	struct bpf_insn code[LIVE_PROGRAMS][LIVE_PROGRAM_MAX];
	unsigned count[LIVE_PROGRAMS];
};

static struct fixture *begin(void)
{
	struct fixture *f = (struct fixture *)calloc(1, sizeof(*f));

	f->machine.shape = live_shape_of(128, LONGEST);
	f->machine.ring = (struct live_ring *)aligned_alloc(64, f->machine.shape.octets);
	memset(f->machine.ring, 0, f->machine.shape.octets);
	f->machine.task = TASK;
	for (int kind = 0; kind < LIVE_PROGRAMS; kind++) {
		f->count[kind] = live_program_write((enum live_program)kind, 3, &f->machine.shape, INTERFACE,
		                                    f->code[kind]);
		assert_int_not_equal(f->count[kind], 0);
	}
	return f;
}

static void end(struct fixture *f)
{
	free(f->machine.ring);
	free(f);
}

// A frame of its number, in the ring.
static void put(struct fixture *f, unsigned number, unsigned length)
{
	struct live_ring *ring = f->machine.ring;
	struct live_slot *slot = live_slot_at(ring, &f->machine.shape, ring->tail);

	assert_int_equal(slot->length, 0);
	memset(slot->octets, (int)number, length);
	slot->length = length;
	ring->tail++;
}

static uint64_t send_one(struct fixture *f)
{
	f->machine.length = LONGEST;
	return machine_run(&f->machine, f->code[LIVE_SEND], f->count[LIVE_SEND], &f->machine.page);
}

static void expect(struct fixture *f, unsigned number, unsigned length)
{
	assert_int_equal(send_one(f), XDP_REDIRECT);
	assert_int_equal(f->machine.interface, INTERFACE);
	assert_int_equal(f->machine.length, length);
	assert_int_equal(f->machine.page[0], number);
	assert_int_equal(f->machine.page[length - 1], number);
}

// The driver took `sent` frames of a bulk and not the `drops` after them.
static void bulk(struct fixture *f, uint64_t sent, uint64_t drops, int error)
{
	const uint64_t arguments[8] = {0, 0, sent, drops, (uint32_t)error};

	machine_run(&f->machine, f->code[LIVE_TAKEN], f->count[LIVE_TAKEN], arguments);
}

static void failed(struct fixture *f, int error)
{
	const uint64_t arguments[8] = {0, 0, 0, (uint32_t)error};

	machine_run(&f->machine, f->code[LIVE_FAILED], f->count[LIVE_FAILED], arguments);
}

static unsigned occupied(const struct fixture *f)
{
	unsigned count = 0;

	for (unsigned i = 0; i < f->machine.shape.slots; i++) {
		count += live_slot_at(f->machine.ring, &f->machine.shape, i)->length != 0;
	}
	return count;
}

static void frames_leave_in_order_with_their_lengths(void **state)
{
	struct fixture *f = begin();

	(void)state;
	put(f, 1, LONGEST);
	put(f, 2, 60);
	put(f, 3, 14);
	expect(f, 1, LONGEST);
	expect(f, 2, 60);
	expect(f, 3, 14);
	assert_int_equal(send_one(f), XDP_DROP);
	assert_int_equal(f->machine.redirects, 3);
	end(f);
}

static void a_slot_is_free_when_the_driver_took_its_frame(void **state)
{
	struct fixture *f = begin();

	(void)state;
	put(f, 1, 60);
	put(f, 2, 60);
	expect(f, 1, 60);
	assert_int_equal(occupied(f), 2);
	expect(f, 2, 60);
	bulk(f, 2, 0, 0);
	assert_int_equal(occupied(f), 0);
	assert_int_equal(f->machine.ring->sent, 2);
	assert_int_equal(f->machine.ring->refused, 0);
	end(f);
}

static void what_the_driver_refuses_goes_again_before_the_rest(void **state)
{
	struct fixture *f = begin();

	(void)state;
	for (unsigned i = 1; i <= 6; i++) {
		put(f, i, 60);
	}
	for (unsigned i = 1; i <= 4; i++) {
		expect(f, i, 60);
	}
	bulk(f, 1, 2, 0); // 1 left, 2 and 3 did not
	bulk(f, 1, 0, 0); // 4 left
	assert_int_equal(occupied(f), 4);
	expect(f, 2, 60);
	expect(f, 3, 60);
	expect(f, 5, 60);
	bulk(f, 0, 3, -ENXIO);
	assert_int_equal((int32_t)f->machine.ring->error, -ENXIO);
	expect(f, 2, 60);
	expect(f, 3, 60);
	expect(f, 5, 60);
	expect(f, 6, 60);
	bulk(f, 4, 0, 0);
	assert_int_equal(occupied(f), 0);
	assert_int_equal(f->machine.ring->sent, 6);
	assert_int_equal(f->machine.ring->refused, 5);
	end(f);
}

static void a_redirect_that_fails_is_that_of_the_last_frame(void **state)
{
	struct fixture *f = begin();

	(void)state;
	put(f, 1, 60);
	put(f, 2, 60);
	put(f, 3, 60);
	expect(f, 1, 60);
	expect(f, 2, 60);
	failed(f, -ENETDOWN);
	bulk(f, 1, 0, 0); // of 1
	assert_int_equal((int32_t)f->machine.ring->error, -ENETDOWN);
	expect(f, 2, 60);
	expect(f, 3, 60);
	bulk(f, 2, 0, 0);
	assert_int_equal(occupied(f), 0);
	assert_int_equal(f->machine.ring->sent, 3);
	assert_int_equal(f->machine.ring->refused, 1);
	end(f);
}

static void what_others_redirect_is_not_ours(void **state)
{
	struct fixture *f = begin();

	(void)state;
	put(f, 1, 60);
	bulk(f, 1, 0, 0); // before anything of ours is on its way
	expect(f, 1, 60);
	f->machine.task = TASK + 1; // on another CPU
	bulk(f, 1, 0, 0);
	bulk(f, 0, 1, -ENXIO);
	failed(f, -ENXIO);
	assert_int_equal(occupied(f), 1);
	f->machine.task = TASK;
	bulk(f, 1, 0, 0);
	bulk(f, 1, 0, 0); // in a softirq at our task's expense
	failed(f, -ENXIO);
	assert_int_equal(f->machine.ring->sent, 1);
	assert_int_equal(f->machine.ring->refused, 0);
	end(f);
}

static void frames_on_their_way_do_not_wait_for_others(void **state)
{
	struct fixture *f = begin();
	unsigned idle, waiting;

	(void)state;
	send_one(f);
	f->machine.steps = 0;
	assert_int_equal(send_one(f), XDP_DROP);
	idle = f->machine.steps;
	put(f, 1, 60);
	expect(f, 1, 60);
	f->machine.steps = 0;
	assert_int_equal(send_one(f), XDP_DROP);
	waiting = f->machine.steps;
	assert_true(waiting * 4 < idle);
	end(f);
}

static void the_ring_goes_round(void **state)
{
	struct fixture *f = begin();

	(void)state;
	for (unsigned i = 0; i < 10 * LIVE_SLOTS_MAX; i++) {
		put(f, i & 0xff, 14 + i % (LONGEST - 13));
		expect(f, i & 0xff, 14 + i % (LONGEST - 13));
		if (i % 3 == 0) { // refused once
			bulk(f, 0, 1, 0);
			expect(f, i & 0xff, 14 + i % (LONGEST - 13));
		}
		bulk(f, 1, 0, 0);
	}
	assert_int_equal(f->machine.ring->sent, 10 * LIVE_SLOTS_MAX);
	assert_int_equal(occupied(f), 0);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(frames_leave_in_order_with_their_lengths),
	        cmocka_unit_test(a_slot_is_free_when_the_driver_took_its_frame),
	        cmocka_unit_test(what_the_driver_refuses_goes_again_before_the_rest),
	        cmocka_unit_test(a_redirect_that_fails_is_that_of_the_last_frame),
	        cmocka_unit_test(what_others_redirect_is_not_ours),
	        cmocka_unit_test(frames_on_their_way_do_not_wait_for_others),
	        cmocka_unit_test(the_ring_goes_round),
	};

	return cmocka_run_group_tests_name("live/program", tests, NULL, NULL);
}

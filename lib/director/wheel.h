#pragma once
// The kernel's timer wheel (kernel/time/timer.c): nine levels of 64 buckets, each level eight times coarser.
// A timer is armed in O(1) and fires late, never early: that lateness is what a client sees as the ramp at
// the end of an IPVS timeout. Private to the director. Timers are indexes; the owner is one thread.

#include <stdint.h>

#define WHEEL_LEVELS 9
#define WHEEL_SLOTS  64
#define WHEEL_NONE   UINT32_MAX

struct wheel_node {
	uint32_t prev;
	uint32_t next;
	uint32_t bucket; ///< WHEEL_NONE: not armed
};

struct wheel {
	uint64_t clock;                 ///< first jiffy that has not been run
	uint64_t next;                  ///< no timer fires before this jiffy; UINT64_MAX: none armed
	uint64_t pending[WHEEL_LEVELS]; ///< a bit a bucket that holds timers
	uint32_t heads[WHEEL_LEVELS * WHEEL_SLOTS];
	struct wheel_node *nodes;
	uint32_t size;
};

/** Prepare for `size` timers, with `clock` as the first jiffy to run. Returns 0 or -ENOMEM. */
int wheel_init(struct wheel *wheel, uint32_t size, uint64_t clock);

void wheel_free(struct wheel *wheel);

/** Arm or re-arm a timer (mod_timer) for jiffy `expires`, at jiffy `now`. All that is due by `now` must have
 * been popped. */
void wheel_arm(struct wheel *wheel, uint32_t timer, uint64_t expires, uint64_t now);

/** Disarm a timer; one that is not armed may be given. */
void wheel_disarm(struct wheel *wheel, uint32_t timer);

/** Take a timer that fires at or before jiffy `now`; `*at` is the jiffy it fires at. WHEEL_NONE when there is
 * none. */
uint32_t wheel_pop(struct wheel *wheel, uint64_t now, uint64_t *at);

/** The jiffy at which a timer of `expires` fires when armed with the wheel's clock at `clock`
 * (calc_wheel_index). */
uint64_t wheel_fires_at(uint64_t expires, uint64_t clock);

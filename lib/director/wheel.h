#pragma once
// The kernel's timer wheel (kernel/time/timer.c): nine levels of 64 buckets, each level eight times coarser.
// A timer is armed in O(1) and fires late, never early: that lateness is what a client sees as the ramp at
// the end of an IPVS timeout. Private to the director. Timers are indexes, and what the wheel knows of them
// lies in the records that they are of, so that whoever has the record at hand has the timer; the owner is
// one thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_LEVELS 9
#define WHEEL_SLOTS  64
#define WHEEL_NONE   UINT32_MAX
/** Octets of a record that holds a timer. */
#define WHEEL_STRIDE 64
// LVL_CLK_SHIFT and LVL_SHIFT(n) of kernel/time/timer.c.
#define LEVEL_BITS     3
#define LEVEL_SHIFT(n) ((n)*LEVEL_BITS)

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
	unsigned char *nodes; ///< that of timer 0; WHEEL_STRIDE octets on is that of timer 1
};

/** Prepare with `clock` as the first jiffy to run; `first` is timer 0 of the owner's records. */
void wheel_init(struct wheel *wheel, struct wheel_node *first, uint64_t clock);

static inline struct wheel_node *wheel_node(const struct wheel *wheel, uint32_t timer)
{
	return (struct wheel_node *)(void *)(wheel->nodes + (size_t)timer * WHEEL_STRIDE);
}

/** Put a timer into the bucket of `expires`. Returns whether that is another one. */
bool wheel_move(struct wheel *wheel, uint32_t timer, uint64_t expires);

/**
 * Would a timer of this bucket stay in it? True only if wheel_bucket() gave the same; false may be wrong. A
 * level's timers have 7.875 to 63 of its units to go: of those with eight or more no other level's are.
 */
static inline bool wheel_stays(uint32_t bucket, uint64_t expires, uint64_t clock)
{
	unsigned shift = LEVEL_SHIFT(bucket / WHEEL_SLOTS);

	return bucket != WHEEL_NONE && ((expires - clock) >> shift) - 8 < WHEEL_SLOTS - 1 - 8 &&
	       (((expires >> shift) + 1 - bucket) & (WHEEL_SLOTS - 1)) == 0;
}

/**
 * Arm or re-arm a timer (mod_timer) for jiffy `expires`, at jiffy `now`. All that is due by `now` must have
 * been popped. The bucket of a new record's timer is WHEEL_NONE. Returns whether the timer changed its
 * bucket.
 */
static inline bool wheel_arm(struct wheel *wheel, uint32_t timer, uint64_t expires, uint64_t now)
{
	wheel->clock = now + 1;
	// Mostly a flow's next packet comes long before its bucket does.
	return !wheel_stays(wheel_node(wheel, timer)->bucket, expires, wheel->clock) &&
	       wheel_move(wheel, timer, expires);
}

/** Disarm a timer; one that is not armed may be given. */
void wheel_disarm(struct wheel *wheel, uint32_t timer);

/** Take a timer that fires at or before jiffy `now`; `*at` is the jiffy it fires at. WHEEL_NONE when there is
 * none. */
uint32_t wheel_pop(struct wheel *wheel, uint64_t now, uint64_t *at);

/** The jiffy at which a timer of `expires` fires when armed with the wheel's clock at `clock`
 * (calc_wheel_index). */
uint64_t wheel_fires_at(uint64_t expires, uint64_t clock);

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
// LVL_CLK_SHIFT, LVL_SHIFT(n) and LVL_START(n) of kernel/time/timer.c.
#define WHEEL_LEVEL_BITS     3
#define WHEEL_LEVEL_SHIFT(n) ((n)*WHEEL_LEVEL_BITS)
#define WHEEL_LEVEL_START(n) ((uint64_t)(WHEEL_SLOTS - 1) << (((n)-1) * WHEEL_LEVEL_BITS))
#define WHEEL_CUTOFF         WHEEL_LEVEL_START(WHEEL_LEVELS)
#define WHEEL_TIMEOUT_MAX    (WHEEL_CUTOFF - (UINT64_C(1) << WHEEL_LEVEL_SHIFT(WHEEL_LEVELS - 1)))

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

/** calc_wheel_index: the bucket of a timer, and when that bucket is run. */
static inline uint32_t wheel_bucket(uint64_t expires, uint64_t clock, uint64_t *fires)
{
	uint64_t delta = expires - clock, end = WHEEL_LEVEL_START(1);
	unsigned level = 0;

	if ((int64_t)delta < 0) {
		*fires = clock;
		return (uint32_t)(clock & (WHEEL_SLOTS - 1));
	}
	if (delta >= WHEEL_CUTOFF) {
		expires = clock + WHEEL_TIMEOUT_MAX;
		level = WHEEL_LEVELS - 1;
	} else {
		for (; delta >= end; end <<= WHEEL_LEVEL_BITS) {
			level++;
		}
	}
	// Rounded up with the level's granularity, so that no timer fires early.
	expires = (expires >> WHEEL_LEVEL_SHIFT(level)) + 1;
	*fires = expires << WHEEL_LEVEL_SHIFT(level);
	return (uint32_t)(level * WHEEL_SLOTS + (expires & (WHEEL_SLOTS - 1)));
}

/** Put a timer into another bucket, which is run at `fires`. */
void wheel_move(struct wheel *wheel, uint32_t timer, uint32_t bucket, uint64_t fires);

/**
 * Arm or re-arm a timer (mod_timer) for jiffy `expires`, at jiffy `now`. All that is due by `now` must have
 * been popped. The bucket of a new record's timer is WHEEL_NONE. Returns whether the timer changed its
 * bucket.
 */
static inline bool wheel_arm(struct wheel *wheel, uint32_t timer, uint64_t expires, uint64_t now)
{
	uint64_t fires;
	uint32_t bucket;

	wheel->clock = now + 1;
	bucket = wheel_bucket(expires, wheel->clock, &fires);
	// Mostly a flow's next packet comes long before its bucket does.
	if (bucket == wheel_node(wheel, timer)->bucket) {
		return false;
	}
	wheel_move(wheel, timer, bucket, fires);
	return true;
}

/** Disarm a timer; one that is not armed may be given. */
void wheel_disarm(struct wheel *wheel, uint32_t timer);

/** Take a timer that fires at or before jiffy `now`; `*at` is the jiffy it fires at. WHEEL_NONE when there is
 * none. */
uint32_t wheel_pop(struct wheel *wheel, uint64_t now, uint64_t *at);

/** The jiffy at which a timer of `expires` fires when armed with the wheel's clock at `clock`
 * (calc_wheel_index). */
uint64_t wheel_fires_at(uint64_t expires, uint64_t clock);

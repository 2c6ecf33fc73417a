#include "wheel.h"

// LVL_START(n) of kernel/time/timer.c and what comes of it.
#define LEVEL_START(n)    ((uint64_t)(WHEEL_SLOTS - 1) << (((n)-1) * LEVEL_BITS))
#define WHEEL_CUTOFF      LEVEL_START(WHEEL_LEVELS)
#define WHEEL_TIMEOUT_MAX (WHEEL_CUTOFF - (UINT64_C(1) << LEVEL_SHIFT(WHEEL_LEVELS - 1)))

/** calc_wheel_index: the bucket of a timer, and when that bucket is run. */
static uint32_t find_bucket(uint64_t expires, uint64_t clock, uint64_t *fires)
{
	uint64_t delta = expires - clock;
	unsigned level = 0;

	if ((int64_t)delta < 0) {
		*fires = clock;
		return (uint32_t)(clock & (WHEEL_SLOTS - 1));
	}
	if (delta >= WHEEL_CUTOFF) {
		expires = clock + WHEEL_TIMEOUT_MAX;
		level = WHEEL_LEVELS - 1;
	} else {
		while (delta >= LEVEL_START(level + 1)) {
			level++;
		}
	}
	// Rounded up with the level's granularity, so that no timer fires early.
	expires = (expires >> LEVEL_SHIFT(level)) + 1;
	*fires = expires << LEVEL_SHIFT(level);
	return (uint32_t)(level * WHEEL_SLOTS + (expires & (WHEEL_SLOTS - 1)));
}

uint64_t wheel_fires_at(uint64_t expires, uint64_t clock)
{
	uint64_t fires;

	find_bucket(expires, clock, &fires);
	return fires;
}

void wheel_init(struct wheel *wheel, struct wheel_node *first, uint64_t clock)
{
	*wheel = (struct wheel){.clock = clock, .next = UINT64_MAX, .nodes = (unsigned char *)first};
	for (unsigned i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++) {
		wheel->heads[i] = WHEEL_NONE;
	}
}

void wheel_disarm(struct wheel *wheel, uint32_t timer)
{
	struct wheel_node *node = wheel_node(wheel, timer);
	uint32_t bucket = node->bucket;

	if (bucket == WHEEL_NONE) {
		return;
	}
	if (node->prev == WHEEL_NONE) {
		wheel->heads[bucket] = node->next;
	} else {
		wheel_node(wheel, node->prev)->next = node->next;
	}
	if (node->next != WHEEL_NONE) {
		wheel_node(wheel, node->next)->prev = node->prev;
	}
	if (wheel->heads[bucket] == WHEEL_NONE) {
		wheel->pending[bucket / WHEEL_SLOTS] &= ~(UINT64_C(1) << (bucket % WHEEL_SLOTS));
	}
	node->bucket = WHEEL_NONE;
}

bool wheel_move(struct wheel *wheel, uint32_t timer, uint64_t expires)
{
	struct wheel_node *node = wheel_node(wheel, timer);
	uint64_t fires;
	uint32_t bucket = find_bucket(expires, wheel->clock, &fires);

	if (bucket == node->bucket) {
		return false;
	}
	wheel_disarm(wheel, timer);
	node->bucket = bucket;
	node->prev = WHEEL_NONE;
	node->next = wheel->heads[bucket];
	if (node->next != WHEEL_NONE) {
		wheel_node(wheel, node->next)->prev = timer;
	}
	wheel->heads[bucket] = timer;
	wheel->pending[bucket / WHEEL_SLOTS] |= UINT64_C(1) << (bucket % WHEEL_SLOTS);
	if (fires < wheel->next) {
		wheel->next = fires;
	}
	return true;
}

/** The first bucket to run at or after the clock. Returns its jiffy, UINT64_MAX when no timer is armed. */
static uint64_t find_next(const struct wheel *wheel, uint32_t *bucket)
{
	uint64_t best = UINT64_MAX;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t pending = wheel->pending[level];
		uint64_t first =
		        (wheel->clock + (UINT64_C(1) << LEVEL_SHIFT(level)) - 1) >> LEVEL_SHIFT(level);
		unsigned turn = (unsigned)(first & (WHEEL_SLOTS - 1));
		uint64_t turned, at;

		if (pending == 0) {
			continue;
		}
		turned = turn == 0 ? pending : pending >> turn | pending << (WHEEL_SLOTS - turn);
		first += (unsigned)__builtin_ctzll(turned);
		at = first << LEVEL_SHIFT(level);
		if (at < best) {
			best = at;
			*bucket = (uint32_t)(level * WHEEL_SLOTS + (first & (WHEEL_SLOTS - 1)));
		}
	}
	return best;
}

uint32_t wheel_pop(struct wheel *wheel, uint64_t now, uint64_t *at)
{
	uint32_t bucket = 0;
	uint32_t timer;

	if (wheel->next > now) {
		return WHEEL_NONE;
	}
	wheel->next = find_next(wheel, &bucket);
	if (wheel->next > now) {
		return WHEEL_NONE;
	}
	// Not one beyond: more timers may be waiting in this jiffy.
	wheel->clock = wheel->next;
	*at = wheel->next;
	timer = wheel->heads[bucket];
	wheel_disarm(wheel, timer);
	return timer;
}

#include "wheel.h"

uint64_t wheel_fires_at(uint64_t expires, uint64_t clock)
{
	uint64_t fires;

	wheel_bucket(expires, clock, &fires);
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

void wheel_move(struct wheel *wheel, uint32_t timer, uint32_t bucket, uint64_t fires)
{
	struct wheel_node *node = wheel_node(wheel, timer);

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
}

/** The first bucket to run at or after the clock. Returns its jiffy, UINT64_MAX when no timer is armed. */
static uint64_t find_next(const struct wheel *wheel, uint32_t *bucket)
{
	uint64_t best = UINT64_MAX;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t pending = wheel->pending[level];
		uint64_t first = (wheel->clock + (UINT64_C(1) << WHEEL_LEVEL_SHIFT(level)) - 1) >>
		                 WHEEL_LEVEL_SHIFT(level);
		unsigned turn = (unsigned)(first & (WHEEL_SLOTS - 1));
		uint64_t turned, at;

		if (pending == 0) {
			continue;
		}
		turned = turn == 0 ? pending : pending >> turn | pending << (WHEEL_SLOTS - turn);
		first += (unsigned)__builtin_ctzll(turned);
		at = first << WHEEL_LEVEL_SHIFT(level);
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

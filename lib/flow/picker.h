#pragma once
// What the policies share. Private to the room. Inside a picker tuples are local: 0..count-1, `first` apart
// from the number. A policy's struct begins with a struct flow_picker; its operations are called through
// `operations`.

#include "base/random.h"
#include "flow/policy.h"

#include <stddef.h>

/** No tuple. */
#define FLOW_LOCAL_NONE UINT32_MAX

struct flow_picker_operations {
	size_t size; ///< of the policy's struct
	/** Bytes of the array behind it. */
	uint64_t (*array_size)(uint32_t count);
	/** Fill the policy's fields; `array` is zeroed. NULL: zeroes will do. */
	void (*init)(struct flow_picker *picker, const struct flow_policy_options *options, void *array);
	bool (*next)(struct flow_picker *picker, ns_t now, uint32_t *local);
	void (*used)(struct flow_picker *picker, uint32_t local, ns_t now);
	void (*busy)(struct flow_picker *picker, uint32_t local);
	/** NULL: always at once. */
	ns_t (*ready_at)(const struct flow_picker *picker);
	/** The tuples of the proposals after `skip` uses. NULL: the policy can't tell. */
	unsigned (*upcoming)(const struct flow_picker *picker, unsigned skip, uint32_t *tuples, unsigned max);
	/** The first `count` of them were sent. */
	void (*used_upcoming)(struct flow_picker *picker, unsigned count);
};

struct flow_picker {
	const struct flow_picker_operations *operations;
	const struct flow_sent *sent; ///< of the picker's first tuple
	uint32_t first;
	uint32_t count;
	uint32_t unused; ///< locals from here on have never been proposed and used; not all policies keep it
	uint32_t proposal; ///< local that stands proposed, or FLOW_LOCAL_NONE; not all policies keep it
	void *array;
	uint64_t array_bytes;
	ns_t start;
};

extern const struct flow_picker_operations flow_sequential_operations;
extern const struct flow_picker_operations flow_random_operations;
extern const struct flow_picker_operations flow_lru_operations;
extern const struct flow_picker_operations flow_interval_operations;
extern const struct flow_picker_operations flow_sweep_operations;
extern const struct flow_picker_operations flow_sticky_operations;
extern const struct flow_picker_operations flow_fresh_operations;
extern const struct flow_picker_operations flow_linux_operations;

/**
 * Uniform draws, made FLOW_PICKER_AHEAD of them ahead: a tuple's record is on its way from memory long before
 * the tuple is proposed. The numbers are those that drawing one by one would give.
 */
struct flow_draws {
	struct random random;
	unsigned at; ///< the one whose turn it is
	uint32_t locals[FLOW_PICKER_AHEAD];
};

_Static_assert((FLOW_PICKER_AHEAD & (FLOW_PICKER_AHEAD - 1)) == 0, "places wrap by a mask");

static inline uint32_t flow_draws_ahead(const struct flow_draws *draws, unsigned distance)
{
	return draws->locals[(draws->at + distance) & (FLOW_PICKER_AHEAD - 1)];
}

static inline unsigned flow_draws_upcoming(const struct flow_draws *draws, const struct flow_picker *picker,
                                           unsigned skip, uint32_t *tuples, unsigned max)
{
	uint32_t first = picker->first;
	unsigned from = draws->at + skip;

	for (unsigned i = 0; i < max; i++) {
		tuples[i] = first + draws->locals[(from + i) & (FLOW_PICKER_AHEAD - 1)];
	}
	return max;
}

/** The draw whose turn it is is done with: on to the next, and draw one more. */
static inline void flow_draws_step(struct flow_draws *draws, const struct flow_picker *picker)
{
	uint32_t local = (uint32_t)random_below(&draws->random, picker->count);

	draws->locals[draws->at] = local;
	draws->at = (draws->at + 1) & (FLOW_PICKER_AHEAD - 1);
	// Further ahead it would be out of the first-level cache again before it is needed.
	__builtin_prefetch(&picker->sent[flow_draws_ahead(draws, FLOW_PICKER_AHEAD / 2)], 1);
}

static inline void flow_draws_init(struct flow_draws *draws, const struct flow_picker *picker, uint64_t seed)
{
	random_seed(&draws->random, seed, picker->first);
	for (unsigned i = 0; i < FLOW_PICKER_AHEAD; i++) {
		flow_draws_step(draws, picker);
	}
}

/**
 * A queue of locals, linked through one array of `count` links that all queues of a picker share: a tuple is
 * in one of them at most. First in, first out by push and pop; last in, first out by push_front and pop.
 */
struct flow_queue {
	uint32_t head;
	uint32_t tail; ///< valid unless head is FLOW_LOCAL_NONE
};

#define FLOW_QUEUE_EMPTY ((struct flow_queue){.head = FLOW_LOCAL_NONE, .tail = FLOW_LOCAL_NONE})

static inline bool flow_queue_empty(const struct flow_queue *queue)
{
	return queue->head == FLOW_LOCAL_NONE;
}

static inline void flow_queue_push(struct flow_queue *queue, uint32_t *links, uint32_t local)
{
	links[local] = FLOW_LOCAL_NONE;
	if (flow_queue_empty(queue)) {
		queue->head = local;
	} else {
		links[queue->tail] = local;
	}
	queue->tail = local;
}

static inline void flow_queue_push_front(struct flow_queue *queue, uint32_t *links, uint32_t local)
{
	if (flow_queue_empty(queue)) {
		queue->tail = local;
	}
	links[local] = queue->head;
	queue->head = local;
}

/** Take the head of a queue that is not empty. */
static inline uint32_t flow_queue_pop(struct flow_queue *queue, const uint32_t *links)
{
	uint32_t local = queue->head;

	queue->head = links[local];
	return local;
}

/** Bytes of one link a tuple. */
uint64_t flow_queue_links_size(uint32_t count);

// One first use and one probe a tuple; the age at the probe is the tuple's own, and the ages of all tuples
// are spread evenly over the logarithm of R1..R2. Logarithmic, because the timeout that a sweep looks for is
// unknown within decades (10 s or 300 s): every octave gets as many probes, so the relative precision is the
// same wherever the timeout is, and short ages, which are cheap in time, are not starved as on a linear
// scale.
//
// The place of a tuple in the range is the fraction of n * golden ratio, n its number after a shuffle within
// blocks of 64. Any long run of tuples is spread evenly, so a sweep that is cut short, or split over workers,
// is an even one too. The shuffle makes it a randomised experiment: a director deals first uses out in turns
// (round robin), and without it the flows of one of k real servers would have ages in a pattern of their own
// (at k = 13 and other Fibonacci numbers a coarse one), where the estimate of the timeout counts on chance.
// Probes that are due go before first uses.
#include <math.h>

#include "picker.h"

/** 2^32 / golden ratio (Knuth, The Art of Computer Programming, 6.4). */
#define GOLDEN UINT32_C(2654435769)

/** Numbers are shuffled within blocks of this many bits. */
#define BLOCK_BITS 6
#define BLOCK_MASK ((UINT32_C(1) << BLOCK_BITS) - 1)

/** The age curve as a table of 2^10 straight pieces: within 2^-20 of the exponential over three decades, and
 * no exp() a query. */
#define CURVE_BITS 10
#define PIECE_BITS (32 - CURVE_BITS)

struct probe {
	ns_t due;
	uint64_t local;
};

enum sweep_source { SWEEP_FIRST_USE, SWEEP_PROBE, SWEEP_ASIDE };

struct sweep {
	struct flow_picker picker;
	struct probe *heap; // the earliest due first
	uint32_t heap_count;
	uint32_t *links;
	struct flow_queue aside; // due, but busy when asked
	bool ask_aside;          // one question to those aside is due before the next query
	enum sweep_source source;
	uint64_t seed;
	ns_t curve[(1 << CURVE_BITS) + 1];
};

static uint64_t sweep_array_size(uint32_t count)
{
	return count * (sizeof(struct probe) + sizeof(uint32_t));
}

static void sweep_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct sweep *sweep = (struct sweep *)picker;
	double low = (double)options->reuse_low, high = (double)options->reuse_high;

	sweep->heap = array;
	sweep->links = (uint32_t *)(sweep->heap + picker->count);
	sweep->aside = FLOW_QUEUE_EMPTY;
	sweep->seed = random_mix(options->seed);
	for (unsigned i = 0; i <= 1 << CURVE_BITS; i++) {
		sweep->curve[i] = (ns_t)llround(low * pow(high / low, (double)i / (1 << CURVE_BITS)));
	}
	// The ends are promised to the nanosecond.
	sweep->curve[0] = options->reuse_low;
	sweep->curve[1 << CURVE_BITS] = options->reuse_high;
}

/** A bijection of each block, drawn by the seed: three rounds of an odd factor, a summand and a shift. */
static uint32_t sweep_shuffle(uint64_t seed, uint32_t number)
{
	uint64_t key = random_mix(seed ^ (number >> BLOCK_BITS));
	uint32_t low = number & BLOCK_MASK;

	for (unsigned round = 0; round < 3; round++) {
		low = (low * (uint32_t)(key | 1) + (uint32_t)(key >> BLOCK_BITS)) & BLOCK_MASK;
		low ^= low >> (BLOCK_BITS / 2);
		key >>= 2 * BLOCK_BITS;
	}
	return (number & ~BLOCK_MASK) | low;
}

static ns_t sweep_age(const struct sweep *sweep, uint32_t local)
{
	uint32_t place = sweep_shuffle(sweep->seed, sweep->picker.first + local) * GOLDEN;
	uint32_t piece = place >> PIECE_BITS;
	uint64_t within = place & ((UINT32_C(1) << PIECE_BITS) - 1);
	ns_t low = sweep->curve[piece], rise = sweep->curve[piece + 1] - low;

	return low + (ns_t)(((unsigned __int128)rise * within) >> PIECE_BITS);
}

static void heap_push(struct sweep *sweep, struct probe probe)
{
	uint32_t place = sweep->heap_count++;

	while (place > 0 && sweep->heap[(place - 1) / 2].due > probe.due) {
		sweep->heap[place] = sweep->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	sweep->heap[place] = probe;
}

static void heap_pop(struct sweep *sweep)
{
	struct probe last = sweep->heap[--sweep->heap_count];
	uint32_t place = 0;

	for (;;) {
		uint32_t child = 2 * place + 1;

		if (child >= sweep->heap_count) {
			break;
		}
		if (child + 1 < sweep->heap_count && sweep->heap[child + 1].due < sweep->heap[child].due) {
			child++;
		}
		if (sweep->heap[child].due >= last.due) {
			break;
		}
		sweep->heap[place] = sweep->heap[child];
		place = child;
	}
	sweep->heap[place] = last;
}

static bool sweep_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	struct sweep *sweep = (struct sweep *)picker;
	bool aside = !flow_queue_empty(&sweep->aside);

	if (aside && sweep->ask_aside) {
		sweep->source = SWEEP_ASIDE;
		*local = sweep->aside.head;
	} else if (sweep->heap_count > 0 && sweep->heap[0].due <= now) {
		sweep->source = SWEEP_PROBE;
		*local = (uint32_t)sweep->heap[0].local;
	} else if (picker->unused < picker->count) {
		sweep->source = SWEEP_FIRST_USE;
		*local = picker->unused;
	} else if (aside) {
		sweep->source = SWEEP_ASIDE;
		*local = sweep->aside.head;
	} else {
		return false;
	}
	return true;
}

static void sweep_take(struct sweep *sweep)
{
	switch (sweep->source) {
	case SWEEP_FIRST_USE:
		sweep->picker.unused++;
		break;
	case SWEEP_PROBE:
		heap_pop(sweep);
		break;
	case SWEEP_ASIDE:
		flow_queue_pop(&sweep->aside, sweep->links);
		break;
	}
}

static void sweep_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct sweep *sweep = (struct sweep *)picker;

	sweep_take(sweep);
	if (sweep->source == SWEEP_FIRST_USE) {
		heap_push(sweep, (struct probe){.due = now + sweep_age(sweep, local), .local = local});
	}
	sweep->ask_aside = true;
}

// A tuple without a first use has nothing in flight; one that is reported busy all the same is left out.
static void sweep_busy(struct flow_picker *picker, uint32_t local)
{
	struct sweep *sweep = (struct sweep *)picker;

	sweep_take(sweep);
	if (sweep->source == SWEEP_ASIDE) {
		sweep->ask_aside = false;
	}
	if (sweep->source != SWEEP_FIRST_USE) {
		flow_queue_push(&sweep->aside, sweep->links, local);
	}
}

static ns_t sweep_ready_at(const struct flow_picker *picker)
{
	const struct sweep *sweep = (const struct sweep *)picker;

	if (picker->unused < picker->count || !flow_queue_empty(&sweep->aside)) {
		return 0;
	}
	return sweep->heap_count > 0 ? sweep->heap[0].due : NS_NEVER;
}

const struct flow_picker_operations flow_sweep_operations = {
        .size = sizeof(struct sweep),
        .array_size = sweep_array_size,
        .init = sweep_init,
        .next = sweep_next,
        .used = sweep_used,
        .busy = sweep_busy,
        .ready_at = sweep_ready_at,
};

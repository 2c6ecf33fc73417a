// As a Linux client picks an ephemeral port (udp_lib_get_port() in net/ipv4/udp.c): the first choice is
// uniform over the range (reciprocal_scale()); when a socket holds it, the search steps on by a random stride
// that reaches every port, until one is free. The kernel steps by an odd multiple of its hash table's size
// through a ring of 2^16, leaving out what lies outside of the range; here the stride is coprime to the
// number of tuples, which reaches them all without leaving any out.
#include "picker.h"

#define STRIDES 512

struct ephemeral {
	struct flow_picker picker;
	struct flow_draws draws;
	uint32_t stride;
	bool stepping;
	uint32_t strides[STRIDES]; // drawn at the start: to test a stride takes divisions
};

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static void ephemeral_choose(struct ephemeral *ephemeral)
{
	ephemeral->picker.proposal = flow_draws_ahead(&ephemeral->draws, 0);
	ephemeral->stepping = false;
}

static void ephemeral_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;

	(void)array;
	flow_draws_init(&ephemeral->draws, picker, options->seed);
	for (unsigned i = 0; i < STRIDES; i++) {
		uint32_t stride = 1 + (uint32_t)random_below(&ephemeral->draws.random, picker->count);

		while (greatest_common_divisor(stride, picker->count) != 1) {
			stride = stride < picker->count ? stride + 1
			                                : 1; // 1 is coprime to everything: it ends
		}
		ephemeral->strides[i] = stride;
	}
	ephemeral_choose(ephemeral);
}

static bool ephemeral_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = picker->proposal;
	return true;
}

static void ephemeral_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;

	(void)local;
	(void)now;
	flow_draws_step(&ephemeral->draws, picker);
	ephemeral_choose(ephemeral);
}

static void ephemeral_busy(struct flow_picker *picker, uint32_t local)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;
	uint32_t left = picker->count - local;

	if (!ephemeral->stepping) {
		ephemeral->stride = ephemeral->strides[random_below(&ephemeral->draws.random, STRIDES)];
		ephemeral->stepping = true;
	}
	picker->proposal = ephemeral->stride < left ? local + ephemeral->stride : ephemeral->stride - left;
}

// While the search for a free port steps on, its end is not known.
static unsigned ephemeral_upcoming(const struct flow_picker *picker, unsigned skip, uint32_t *tuples,
                                   unsigned max)
{
	const struct ephemeral *ephemeral = (const struct ephemeral *)picker;

	return ephemeral->stepping ? 0 : flow_draws_upcoming(&ephemeral->draws, picker, skip, tuples, max);
}

static void ephemeral_used_upcoming(struct flow_picker *picker, unsigned count)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;

	for (unsigned i = 0; i < count; i++) {
		flow_draws_step(&ephemeral->draws, picker);
	}
	ephemeral_choose(ephemeral);
}

const struct flow_picker_operations flow_linux_operations = {
        .size = sizeof(struct ephemeral),
        .init = ephemeral_init,
        .next = ephemeral_next,
        .used = ephemeral_used,
        .busy = ephemeral_busy,
        .upcoming = ephemeral_upcoming,
        .used_upcoming = ephemeral_used_upcoming,
};

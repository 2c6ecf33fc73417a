// As a Linux client picks an ephemeral port (udp_lib_get_port() in net/ipv4/udp.c): the first choice is
// uniform over the range (reciprocal_scale()); when a socket holds it, the search steps on by a random stride
// that reaches every port, until one is free. The kernel steps by an odd multiple of its hash table's size
// through a ring of 2^16, leaving out what lies outside of the range; here the stride is coprime to the
// number of tuples, which reaches them all without leaving any out.
#include "base/random.h"
#include "picker.h"

#define STRIDES 512

struct ephemeral {
	struct flow_picker picker;
	struct random random;
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

// One query ahead, for the same reason as in policy random.
static void ephemeral_draw(struct flow_picker *picker)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;

	picker->proposal = (uint32_t)random_below(&ephemeral->random, picker->count);
	ephemeral->stepping = false;
	__builtin_prefetch(&picker->sent[picker->proposal], 1);
}

static void ephemeral_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;

	(void)array;
	random_seed(&ephemeral->random, options->seed, picker->first);
	for (unsigned i = 0; i < STRIDES; i++) {
		uint32_t stride = 1 + (uint32_t)random_below(&ephemeral->random, picker->count);

		while (greatest_common_divisor(stride, picker->count) != 1) {
			stride = stride < picker->count ? stride + 1
			                                : 1; // 1 is coprime to everything: it ends
		}
		ephemeral->strides[i] = stride;
	}
	ephemeral_draw(picker);
}

static bool ephemeral_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = picker->proposal;
	return true;
}

static void ephemeral_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	(void)local;
	(void)now;
	ephemeral_draw(picker);
}

static void ephemeral_busy(struct flow_picker *picker, uint32_t local)
{
	struct ephemeral *ephemeral = (struct ephemeral *)picker;
	uint32_t left = picker->count - local;

	if (!ephemeral->stepping) {
		ephemeral->stride = ephemeral->strides[random_below(&ephemeral->random, STRIDES)];
		ephemeral->stepping = true;
	}
	picker->proposal = ephemeral->stride < left ? local + ephemeral->stride : ephemeral->stride - left;
}

const struct flow_picker_operations flow_linux_operations = {
        .size = sizeof(struct ephemeral),
        .init = ephemeral_init,
        .next = ephemeral_next,
        .used = ephemeral_used,
        .busy = ephemeral_busy,
};

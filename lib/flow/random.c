// Uniform over the tuples: many clients that know nothing of each other. Reuse ages are exponential.
#include "base/random.h"
#include "picker.h"

struct uniform {
	struct flow_picker picker;
	struct random random;
};

// Drawn one query ahead, so that the tuple's record is on its way from memory before it is proposed.
static void uniform_draw(struct flow_picker *picker)
{
	picker->proposal = (uint32_t)random_below(&((struct uniform *)picker)->random, picker->count);
	__builtin_prefetch(&picker->sent[picker->proposal], 1);
}

static void uniform_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	(void)array;
	random_seed(&((struct uniform *)picker)->random, options->seed, picker->first);
	uniform_draw(picker);
}

static bool uniform_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = picker->proposal;
	return true;
}

static void uniform_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	(void)local;
	(void)now;
	uniform_draw(picker);
}

static void uniform_busy(struct flow_picker *picker, uint32_t local)
{
	(void)local;
	uniform_draw(picker);
}

const struct flow_picker_operations flow_random_operations = {
        .size = sizeof(struct uniform),
        .init = uniform_init,
        .next = uniform_next,
        .used = uniform_used,
        .busy = uniform_busy,
};

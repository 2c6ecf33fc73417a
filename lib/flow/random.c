// Uniform over the tuples: many clients that know nothing of each other. Reuse ages are exponential.
#include "base/random.h"
#include "picker.h"

struct uniform {
	struct flow_picker picker;
	struct random random;
};

static void uniform_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	(void)array;
	random_seed(&((struct uniform *)picker)->random, options->seed, picker->first);
}

static bool uniform_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	if (picker->proposal == FLOW_LOCAL_NONE) {
		picker->proposal = (uint32_t)random_below(&((struct uniform *)picker)->random, picker->count);
	}
	*local = picker->proposal;
	return true;
}

static void uniform_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	(void)local;
	(void)now;
	picker->proposal = FLOW_LOCAL_NONE;
}

static void uniform_busy(struct flow_picker *picker, uint32_t local)
{
	(void)local;
	picker->proposal = FLOW_LOCAL_NONE;
}

const struct flow_picker_operations flow_random_operations = {
        .size = sizeof(struct uniform),
        .init = uniform_init,
        .next = uniform_next,
        .used = uniform_used,
        .busy = uniform_busy,
};

// Uniform over the tuples: many clients that know nothing of each other. Reuse ages are exponential.
#include "picker.h"

struct uniform {
	struct flow_picker picker;
	struct flow_draws draws;
};

static void uniform_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	(void)array;
	flow_draws_init(&((struct uniform *)picker)->draws, picker, options->seed);
}

static bool uniform_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = flow_draws_ahead(&((const struct uniform *)picker)->draws, 0);
	return true;
}

static void uniform_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	(void)local;
	(void)now;
	flow_draws_step(&((struct uniform *)picker)->draws, picker);
}

static void uniform_busy(struct flow_picker *picker, uint32_t local)
{
	(void)local;
	flow_draws_step(&((struct uniform *)picker)->draws, picker);
}

static unsigned uniform_upcoming(const struct flow_picker *picker, unsigned skip, uint32_t *tuples,
                                 unsigned max)
{
	return flow_draws_upcoming(&((const struct uniform *)picker)->draws, picker, skip, tuples, max);
}

static void uniform_used_upcoming(struct flow_picker *picker, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		flow_draws_step(&((struct uniform *)picker)->draws, picker);
	}
}

const struct flow_picker_operations flow_random_operations = {
        .size = sizeof(struct uniform),
        .init = uniform_init,
        .next = uniform_next,
        .used = uniform_used,
        .busy = uniform_busy,
        .upcoming = uniform_upcoming,
        .used_upcoming = uniform_used_upcoming,
};

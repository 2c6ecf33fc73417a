// Round the space: the reuse interval is tuples / rate.
#include "picker.h"

struct sequential {
	struct flow_picker picker;
	uint32_t cursor;
};

static bool sequential_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = ((struct sequential *)picker)->cursor;
	return true;
}

static void sequential_step(struct flow_picker *picker, uint32_t local)
{
	((struct sequential *)picker)->cursor = local + 1 < picker->count ? local + 1 : 0;
}

static void sequential_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	(void)now;
	sequential_step(picker, local);
}

static unsigned sequential_upcoming(const struct flow_picker *picker, unsigned skip, uint32_t *tuples,
                                    unsigned max)
{
	uint32_t local = ((const struct sequential *)picker)->cursor;

	// FLOW_PICKER_AHEAD may be several rounds of a small space.
	for (unsigned i = 0; i < skip + max; i++) {
		if (i >= skip) {
			tuples[i - skip] = picker->first + local;
		}
		local = local + 1 < picker->count ? local + 1 : 0;
	}
	return max;
}

static void sequential_used_upcoming(struct flow_picker *picker, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		sequential_step(picker, ((struct sequential *)picker)->cursor);
	}
}

const struct flow_picker_operations flow_sequential_operations = {
        .size = sizeof(struct sequential),
        .next = sequential_next,
        .used = sequential_used,
        .busy = sequential_step,
        .upcoming = sequential_upcoming,
        .used_upcoming = sequential_used_upcoming,
};

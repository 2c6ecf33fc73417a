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

static uint32_t sequential_ahead(const struct flow_picker *picker, unsigned distance)
{
	uint32_t local = ((const struct sequential *)picker)->cursor + distance;

	if (local >= picker->count) {
		local -= picker->count;
	}
	return local < picker->count ? local : 0;
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

const struct flow_picker_operations flow_sequential_operations = {
        .size = sizeof(struct sequential),
        .next = sequential_next,
        .used = sequential_used,
        .busy = sequential_step,
        .ahead = sequential_ahead,
};

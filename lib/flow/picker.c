#include "picker.h"

#include <errno.h>
#include <stdlib.h>

#include "base/lines.h"
#include "base/pages.h"

static const struct flow_picker_operations *const operations[FLOW_POLICY_COUNT] = {
        [FLOW_POLICY_SEQUENTIAL] = &flow_sequential_operations,
        [FLOW_POLICY_RANDOM] = &flow_random_operations,
        [FLOW_POLICY_LRU] = &flow_lru_operations,
        [FLOW_POLICY_INTERVAL] = &flow_interval_operations,
        [FLOW_POLICY_SWEEP] = &flow_sweep_operations,
        [FLOW_POLICY_STICKY] = &flow_sticky_operations,
        [FLOW_POLICY_FRESH] = &flow_fresh_operations,
        [FLOW_POLICY_LINUX] = &flow_linux_operations,
};

uint64_t flow_queue_links_size(uint32_t count)
{
	return count * sizeof(uint32_t);
}

static uint64_t array_bytes(const struct flow_picker_operations *policy, uint32_t count)
{
	return policy->array_size != NULL ? policy->array_size(count) : 0;
}

uint64_t flow_picker_memory(enum flow_policy kind, uint32_t count)
{
	return operations[kind]->size + array_bytes(operations[kind], count);
}

int flow_picker_create(struct flow_picker **out, const struct flow_policy_options *options, uint32_t first,
                       uint32_t count, const struct flow_sent *ledger, ns_t start, struct error *error)
{
	const struct flow_picker_operations *policy;
	struct flow_picker *picker;
	int rc = flow_policy_check(options, count, 0, error);

	*out = NULL;
	if (rc < 0) {
		return rc;
	}
	policy = operations[options->kind];
	// Cache lines of its own: each lcore writes to its pickers with every query.
	picker = (struct flow_picker *)lines_allocate(1, policy->size);
	if (picker == NULL) {
		goto no_memory;
	}
	picker->operations = policy;
	picker->sent = ledger + first;
	picker->first = first;
	picker->count = count;
	picker->start = start;
	picker->array_bytes = array_bytes(policy, count);
	if (picker->array_bytes > 0) {
		picker->array = pages_allocate(picker->array_bytes);
		if (picker->array == NULL) {
			goto no_memory;
		}
	}
	if (policy->init != NULL) {
		policy->init(picker, options, picker->array);
	}
	*out = picker;
	return 0;

no_memory:
	free(picker);
	return error_set(error, -ENOMEM,
	                 "no memory for policy %s over %u tuples; use fewer addresses or ports",
	                 flow_policy_name(options->kind), count);
}

void flow_picker_free(struct flow_picker *picker)
{
	if (picker != NULL) {
		pages_free(picker->array, picker->array_bytes);
		free(picker);
	}
}

bool flow_picker_next(struct flow_picker *picker, ns_t now, uint32_t *tuple)
{
	uint32_t local;

	if (!picker->operations->next(picker, now, &local)) {
		return false;
	}
	*tuple = picker->first + local;
	return true;
}

void flow_picker_used(struct flow_picker *picker, uint32_t tuple, ns_t now)
{
	picker->operations->used(picker, tuple - picker->first, now);
}

void flow_picker_busy(struct flow_picker *picker, uint32_t tuple)
{
	picker->operations->busy(picker, tuple - picker->first);
}

ns_t flow_picker_ready_at(const struct flow_picker *picker)
{
	return picker->operations->ready_at != NULL ? picker->operations->ready_at(picker) : 0;
}

unsigned flow_picker_upcoming(const struct flow_picker *picker, unsigned skip, uint32_t *tuples, unsigned max)
{
	return picker->operations->upcoming != NULL ? picker->operations->upcoming(picker, skip, tuples, max)
	                                            : 0;
}

void flow_picker_used_upcoming(struct flow_picker *picker, unsigned count)
{
	if (count > 0) {
		picker->operations->used_upcoming(picker, count);
	}
}

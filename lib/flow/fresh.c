// Never before R has passed. Tuples that were never used come first, then the longest rested. A rested tuple
// that is still busy (R below the timeout) is set aside and asked again when nothing else may be used.
#include "picker.h"

struct fresh {
	struct flow_picker picker;
	ns_t rest;
	struct flow_queue resting; // by last use
	struct flow_queue aside;   // rested, but busy when asked
	struct flow_queue *source; // of the latest proposal; NULL: a first use
};

static void fresh_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct fresh *fresh = (struct fresh *)picker;

	(void)array;
	fresh->rest = options->reuse_low;
	fresh->resting = fresh->aside = FLOW_QUEUE_EMPTY;
}

static ns_t fresh_head_rested(const struct fresh *fresh)
{
	return fresh->picker.sent[fresh->resting.head].last_sent + fresh->rest;
}

static bool fresh_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	struct fresh *fresh = (struct fresh *)picker;

	if (picker->unused < picker->count) {
		fresh->source = NULL;
		*local = picker->unused;
		return true;
	}
	if (!flow_queue_empty(&fresh->resting) && fresh_head_rested(fresh) <= now) {
		fresh->source = &fresh->resting;
	} else if (!flow_queue_empty(&fresh->aside)) {
		fresh->source = &fresh->aside;
	} else {
		return false;
	}
	*local = fresh->source->head;
	return true;
}

static void fresh_take(struct fresh *fresh)
{
	if (fresh->source == NULL) {
		fresh->picker.unused++;
	} else {
		flow_queue_pop(fresh->source, fresh->picker.array);
	}
}

static void fresh_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct fresh *fresh = (struct fresh *)picker;

	(void)now;
	fresh_take(fresh);
	flow_queue_push(&fresh->resting, picker->array, local);
}

static void fresh_busy(struct flow_picker *picker, uint32_t local)
{
	struct fresh *fresh = (struct fresh *)picker;

	fresh_take(fresh);
	flow_queue_push(&fresh->aside, picker->array, local);
}

static ns_t fresh_ready_at(const struct flow_picker *picker)
{
	const struct fresh *fresh = (const struct fresh *)picker;

	if (picker->unused < picker->count || !flow_queue_empty(&fresh->aside)) {
		return 0;
	}
	return fresh_head_rested(fresh);
}

const struct flow_picker_operations flow_fresh_operations = {
        .size = sizeof(struct fresh),
        .array_size = flow_queue_links_size,
        .init = fresh_init,
        .next = fresh_next,
        .used = fresh_used,
        .busy = fresh_busy,
        .ready_at = fresh_ready_at,
};

// K queries on a tuple, then it rests R: a resolver that keeps its socket. One tuple is open at a time, as
// long as it takes queries; a busy one is parked with what is left of its K, and parked ones, in turn, are
// gone on with before another is opened. A rested tuple is opened before one without any use.
#include "picker.h"

struct sticky {
	struct flow_picker picker;
	ns_t rest;
	uint32_t queries_per_use;
	uint32_t *links;
	uint32_t *left;            // queries before it rests; of the open and the parked ones
	uint32_t open;             // local, or FLOW_LOCAL_NONE
	bool ask_parked;           // one question to a parked one is due before another is opened
	struct flow_queue resting; // by last use
	struct flow_queue parked;
	struct flow_queue *source; // of the latest proposal unless it is the open one; NULL: a first use
};

static uint64_t sticky_array_size(uint32_t count)
{
	return 2 * count * sizeof(uint32_t);
}

static void sticky_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct sticky *sticky = (struct sticky *)picker;

	sticky->rest = options->reuse_low;
	sticky->queries_per_use = options->queries_per_use;
	sticky->links = array;
	sticky->left = sticky->links + picker->count;
	sticky->open = FLOW_LOCAL_NONE;
	sticky->resting = sticky->parked = FLOW_QUEUE_EMPTY;
}

static ns_t sticky_head_rested(const struct sticky *sticky)
{
	return sticky->picker.sent[sticky->resting.head].last_sent + sticky->rest;
}

static bool sticky_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	struct sticky *sticky = (struct sticky *)picker;
	bool parked = !flow_queue_empty(&sticky->parked);

	if (sticky->open != FLOW_LOCAL_NONE) {
		*local = sticky->open;
		return true;
	}
	if (parked && sticky->ask_parked) {
		sticky->source = &sticky->parked;
	} else if (!flow_queue_empty(&sticky->resting) && sticky_head_rested(sticky) <= now) {
		sticky->source = &sticky->resting;
	} else if (picker->unused < picker->count) {
		sticky->source = NULL;
		*local = picker->unused;
		return true;
	} else if (parked) {
		sticky->source = &sticky->parked;
	} else {
		return false;
	}
	*local = sticky->source->head;
	return true;
}

// Take the proposed tuple, which is not open, from where it is; one that is not parked begins its K queries.
static void sticky_take(struct sticky *sticky, uint32_t local)
{
	if (sticky->source == NULL) {
		sticky->picker.unused++;
	} else {
		flow_queue_pop(sticky->source, sticky->links);
	}
	if (sticky->source != &sticky->parked) {
		sticky->left[local] = sticky->queries_per_use;
	}
}

static void sticky_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct sticky *sticky = (struct sticky *)picker;

	(void)now;
	if (sticky->open == FLOW_LOCAL_NONE) {
		sticky_take(sticky, local);
		sticky->open = local;
	}
	sticky->ask_parked = true;
	if (--sticky->left[local] == 0) {
		flow_queue_push(&sticky->resting, sticky->links, local);
		sticky->open = FLOW_LOCAL_NONE;
	}
}

static void sticky_busy(struct flow_picker *picker, uint32_t local)
{
	struct sticky *sticky = (struct sticky *)picker;

	if (sticky->open != FLOW_LOCAL_NONE) {
		sticky->open = FLOW_LOCAL_NONE;
		// Alone it would be asked again at once.
		sticky->ask_parked = sticky->ask_parked && !flow_queue_empty(&sticky->parked);
	} else {
		sticky_take(sticky, local);
		sticky->ask_parked = sticky->ask_parked && sticky->source != &sticky->parked;
	}
	flow_queue_push(&sticky->parked, sticky->links, local);
}

static ns_t sticky_ready_at(const struct flow_picker *picker)
{
	const struct sticky *sticky = (const struct sticky *)picker;

	if (sticky->open != FLOW_LOCAL_NONE || picker->unused < picker->count ||
	    !flow_queue_empty(&sticky->parked)) {
		return 0;
	}
	return sticky_head_rested(sticky);
}

const struct flow_picker_operations flow_sticky_operations = {
        .size = sizeof(struct sticky),
        .array_size = sticky_array_size,
        .init = sticky_init,
        .next = sticky_next,
        .used = sticky_used,
        .busy = sticky_busy,
        .ready_at = sticky_ready_at,
};

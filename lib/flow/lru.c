// The least recently used tuple. Used tuples go to the back of a queue, so its head is it. A busy head is set
// aside; while tuples stand aside, one of them, in turn, is asked again before each query: it is older than
// the whole queue. So one busy tuple costs one question a query, however many there are, and a freed one
// waits for as many queries as stand aside.
#include "picker.h"

struct lru {
	struct flow_picker picker;
	struct flow_queue waiting;
	struct flow_queue aside;
	bool ask_aside; // one question to those aside is due before the next query
};

static void lru_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct lru *lru = (struct lru *)picker;

	(void)options;
	lru->waiting = lru->aside = FLOW_QUEUE_EMPTY;
	for (uint32_t local = 0; local < picker->count; local++) {
		flow_queue_push(&lru->waiting, array, local);
	}
}

static struct flow_queue *lru_source(struct lru *lru)
{
	if (!flow_queue_empty(&lru->aside) && (lru->ask_aside || flow_queue_empty(&lru->waiting))) {
		return &lru->aside;
	}
	return &lru->waiting;
}

static bool lru_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	(void)now;
	*local = lru_source((struct lru *)picker)->head;
	return true;
}

static void lru_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct lru *lru = (struct lru *)picker;

	(void)now;
	flow_queue_pop(lru_source(lru), picker->array);
	flow_queue_push(&lru->waiting, picker->array, local);
	lru->ask_aside = true;
}

static void lru_busy(struct flow_picker *picker, uint32_t local)
{
	struct lru *lru = (struct lru *)picker;
	struct flow_queue *source = lru_source(lru);

	flow_queue_pop(source, picker->array);
	flow_queue_push(&lru->aside, picker->array, local);
	if (source == &lru->aside) {
		lru->ask_aside = false;
	}
}

const struct flow_picker_operations flow_lru_operations = {
        .size = sizeof(struct lru),
        .array_size = flow_queue_links_size,
        .init = lru_init,
        .next = lru_next,
        .used = lru_used,
        .busy = lru_busy,
};

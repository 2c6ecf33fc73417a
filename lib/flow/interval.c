// R after its last use, with as few tuples as the rate needs. Used tuples rest in a queue; those whose R has
// passed are ripe, and of them the one that ripened last goes first. So the age is R again at once after a
// pause or a drop of the rate: what was left over stays at the bottom, where a queue would reuse everything
// late by the pause, round after round.
//
// A ripe tuple is on time for the first query (or burst) after it ripened, or as long as its age is within
// the slack. Then come tuples without any use, which break no promise; then ripe ones past their time, whose
// age is above R; then busy ones.
#include "picker.h"

/** Slack is R / 64 unless the options say otherwise: about a second of a minute. */
#define SLACK_SHIFT 6

/** At most so many tuples ripen a call: more than one, so that it catches up after a pause; bounded, so that
 * none is slow. */
#define RIPEN_MAX 8

struct interval {
	struct flow_picker picker;
	ns_t rest;
	ns_t slack;
	ns_t latest;               // time of the latest use
	ns_t before;               // of the latest use at another time than that
	struct flow_queue resting; // by last use
	struct flow_queue ripe;    // last ripened first
	struct flow_queue aside;   // ripe, but busy when asked
	struct flow_queue *source; // of the latest proposal; NULL: a first use
};

static void interval_init(struct flow_picker *picker, const struct flow_policy_options *options, void *array)
{
	struct interval *interval = (struct interval *)picker;

	(void)array;
	interval->rest = options->reuse_low;
	interval->slack = options->reuse_high > 0 ? options->reuse_high - options->reuse_low
	                                          : options->reuse_low >> SLACK_SHIFT;
	interval->latest = interval->before = picker->start;
	interval->resting = interval->ripe = interval->aside = FLOW_QUEUE_EMPTY;
}

static ns_t interval_ripe_at(const struct interval *interval, uint32_t local)
{
	return interval->picker.sent[local].last_sent + interval->rest;
}

static void interval_ripen(struct interval *interval, ns_t now)
{
	for (unsigned i = 0; i < RIPEN_MAX && !flow_queue_empty(&interval->resting); i++) {
		if (interval_ripe_at(interval, interval->resting.head) > now) {
			return;
		}
		flow_queue_push_front(&interval->ripe, interval->picker.array,
		                      flow_queue_pop(&interval->resting, interval->picker.array));
	}
}

static bool interval_on_time(const struct interval *interval, ns_t now)
{
	ns_t ripe_at = interval_ripe_at(interval, interval->ripe.head);
	// Queries of one burst have one time: what ripened since the burst before is on time for all of them.
	ns_t previous = now > interval->latest ? interval->latest : interval->before;

	return ripe_at > previous || now - ripe_at <= interval->slack;
}

static bool interval_next(struct flow_picker *picker, ns_t now, uint32_t *local)
{
	struct interval *interval = (struct interval *)picker;
	bool ripe;

	interval_ripen(interval, now);
	ripe = !flow_queue_empty(&interval->ripe);
	if (ripe && interval_on_time(interval, now)) {
		interval->source = &interval->ripe;
	} else if (picker->unused < picker->count) {
		interval->source = NULL;
		*local = picker->unused;
		return true;
	} else if (ripe) {
		interval->source = &interval->ripe;
	} else if (!flow_queue_empty(&interval->aside)) {
		interval->source = &interval->aside;
	} else {
		return false;
	}
	*local = interval->source->head;
	return true;
}

static void interval_take(struct interval *interval)
{
	if (interval->source == NULL) {
		interval->picker.unused++;
	} else {
		flow_queue_pop(interval->source, interval->picker.array);
	}
}

static void interval_used(struct flow_picker *picker, uint32_t local, ns_t now)
{
	struct interval *interval = (struct interval *)picker;

	interval_take(interval);
	flow_queue_push(&interval->resting, picker->array, local);
	if (now > interval->latest) {
		interval->before = interval->latest;
		interval->latest = now;
	}
}

static void interval_busy(struct flow_picker *picker, uint32_t local)
{
	struct interval *interval = (struct interval *)picker;

	interval_take(interval);
	flow_queue_push(&interval->aside, picker->array, local);
}

static ns_t interval_ready_at(const struct flow_picker *picker)
{
	const struct interval *interval = (const struct interval *)picker;

	if (picker->unused < picker->count || !flow_queue_empty(&interval->ripe) ||
	    !flow_queue_empty(&interval->aside)) {
		return 0;
	}
	return interval_ripe_at(interval, interval->resting.head);
}

const struct flow_picker_operations flow_interval_operations = {
        .size = sizeof(struct interval),
        .array_size = flow_queue_links_size,
        .init = interval_init,
        .next = interval_next,
        .used = interval_used,
        .busy = interval_busy,
        .ready_at = interval_ready_at,
};

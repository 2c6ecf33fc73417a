#include "evidence/looks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Looks in the rhythm over a run, and how soon after an event the first one comes; each next is twice as
// late.
#define RHYTHM      12
#define RHYTHM_OPEN (10 * NS_PER_SEC)
#define EVENT_FIRST (250 * NS_PER_MS)
#define LOOKS_LEAST 4

static unsigned looks_limit(uint32_t tuples, uint64_t memory)
{
	uint64_t size = (uint64_t)tuples * sizeof(struct flow_sent);
	uint64_t limit = size > 0 ? memory / size : EVIDENCE_LOOKS_MAX;

	return limit < LOOKS_LEAST          ? LOOKS_LEAST
	       : limit > EVIDENCE_LOOKS_MAX ? EVIDENCE_LOOKS_MAX
	                                    : (unsigned)limit;
}

uint64_t evidence_looks_memory(uint32_t tuples, uint64_t memory)
{
	return (uint64_t)looks_limit(tuples, memory) * tuples * sizeof(struct flow_sent);
}

int evidence_looks_init(struct evidence_looks *looks, uint32_t tuples, const struct stats_shape *shape,
                        ns_t duration, uint64_t memory, struct error *error)
{
	uint64_t size = (uint64_t)tuples * sizeof(struct flow_sent);

	memset(looks, 0, sizeof(*looks));
	looks->tuples = tuples;
	looks->limit = looks_limit(tuples, memory);
	looks->every = duration == NS_NEVER ? RHYTHM_OPEN : duration / RHYTHM + 1;
	looks->next = shape->start + looks->every;
	looks->event_next = NS_NEVER;
	looks->shape = shape;
	looks->sums = (struct evidence_sums *)calloc(shape->intervals, sizeof(*looks->sums));
	for (unsigned i = 0; i < looks->limit; i++) {
		looks->looks[i].sent = (struct flow_sent *)malloc(size);
		if (looks->looks[i].sent == NULL) {
			return error_set(error, -ENOMEM, "no memory to look at %u tuples", tuples);
		}
	}
	return looks->sums != NULL ? 0 : error_set(error, -ENOMEM, "no memory for the time line");
}

void evidence_looks_release(struct evidence_looks *looks)
{
	for (unsigned i = 0; i < EVIDENCE_LOOKS_MAX; i++) {
		free(looks->looks[i].sent);
	}
	free(looks->sums);
	memset(looks, 0, sizeof(*looks));
}

// The look that tells least: not at an event if possible, and its neighbours near each other.
static unsigned least_telling(const struct evidence_looks *looks)
{
	unsigned least = looks->count - 1;
	ns_t narrowest = NS_NEVER;
	bool least_is_event = true;

	for (unsigned i = 1; i + 1 < looks->count; i++) {
		ns_t width = looks->looks[i + 1].at - looks->looks[i - 1].at;
		bool event = looks->looks[i].event;

		if ((least_is_event && !event) || (event == least_is_event && width < narrowest)) {
			least = i;
			narrowest = width;
			least_is_event = event;
		}
	}
	return least;
}

static void take(struct evidence_looks *looks, const struct flow_sent *sent, bool event, ns_t now)
{
	struct evidence_look look;

	if (looks->count > 0 && looks->looks[looks->count - 1].at == now) {
		looks->looks[looks->count - 1].event |= event;
		return;
	}
	if (looks->count == looks->limit) {
		unsigned gone = least_telling(looks);

		look = looks->looks[gone];
		looks->dropped_events += look.event;
		memmove(&looks->looks[gone], &looks->looks[gone + 1],
		        (looks->count - gone - 1) * sizeof(look));
		looks->looks[--looks->count] = look;
	}
	look = looks->looks[looks->count];
	look.at = now;
	look.event = event;
	// A record that is written meanwhile is seen as it was before or after: the reader compares times.
	memcpy(look.sent, sent, looks->tuples * sizeof(*sent));
	looks->looks[looks->count++] = look;
}

void evidence_looks_event(struct evidence_looks *looks, const struct flow_sent *sent, ns_t now)
{
	take(looks, sent, true, now);
	looks->event_at = now;
	looks->event_next = now + EVENT_FIRST;
}

void evidence_looks_step(struct evidence_looks *looks, const struct flow_sent *sent,
                         struct evidence_sums sums, ns_t now)
{
	if (sums.wrong_source != looks->seen.wrong_source || sums.closed != looks->seen.closed) {
		struct evidence_sums *here = &looks->sums[stats_interval(looks->shape, now)];

		here->wrong_source += sums.wrong_source - looks->seen.wrong_source;
		here->closed += sums.closed - looks->seen.closed;
		looks->seen = sums;
	}
	if (now < evidence_looks_due(looks)) {
		return;
	}
	take(looks, sent, false, now);
	while (looks->next <= now) {
		looks->next += looks->every;
	}
	while (looks->event_next <= now) {
		looks->event_next = looks->event_at + 2 * (looks->event_next - looks->event_at);
	}
	if (looks->event_next != NS_NEVER && looks->event_next - looks->event_at > looks->every) {
		looks->event_next = NS_NEVER; // the rhythm is as dense from here on
	}
}

ns_t evidence_looks_due(const struct evidence_looks *looks)
{
	return looks->next < looks->event_next ? looks->next : looks->event_next;
}

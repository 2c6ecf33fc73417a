#include "director/backend.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MAX       (1u << 20)
#define SERVICE_TIME_MAX (3600 * NS_PER_SEC)

static int prepare_answer(struct backend *backend)
{
	const struct backend_options *options = &backend->options;
	const struct dns_answer_options answer = {
	        .rcode = options->rcode,
	        .authoritative = true,
	        .ttl = options->ttl,
	        .addresses = options->answers,
	        .address_count = options->answer_count,
	        .nsid = (const uint8_t *)options->nsid,
	        .nsid_length = (uint16_t)strlen(options->nsid),
	};

	return dns_answer_prepare(&backend->answer, &answer);
}

int backend_init(struct backend *backend, const struct backend_options *options, uint64_t seed,
                 struct error *error)
{
	uint64_t stream = 0;

	*backend = (struct backend){.options = *options};
	if (options->name[0] == 0 || options->address.family == ADDRESS_NONE) {
		return error_set(error, -EINVAL, "a real server needs a name and an address");
	}
	if (!(options->loss >= 0 && options->loss <= 1)) {
		return error_set(error, -ERANGE, "the loss of real server %s must lie between 0 and 1",
		                 options->name);
	}
	if (options->concurrency > PLACES_MAX || options->queue > PLACES_MAX ||
	    options->service_time > SERVICE_TIME_MAX) {
		return error_set(
		        error, -ERANGE,
		        "real server %s may take at most %u queries at a time, queue %u and take 1h for one",
		        options->name, PLACES_MAX, PLACES_MAX);
	}
	// Each server its own numbers, whatever the order in which they are made.
	for (const char *c = options->name; *c != 0; c++) {
		stream = random_mix(stream ^ (uint8_t)*c);
	}
	random_seed(&backend->random, seed, stream);
	if (options->nsid[0] == 0) {
		memcpy(backend->options.nsid, options->name, sizeof(backend->options.nsid));
	}
	if (prepare_answer(backend) != 0) {
		return error_set(error, -ENOMEM, "no memory for real server %s", options->name);
	}
	if (options->concurrency > 0) {
		backend->places = calloc(options->concurrency, sizeof(*backend->places));
		backend->starts = calloc(options->queue + 1u, sizeof(*backend->starts));
		if (backend->places == NULL || backend->starts == NULL) {
			backend_free(backend);
			return error_set(error, -ENOMEM, "no memory for real server %s", options->name);
		}
	}
	return 0;
}

void backend_free(struct backend *backend)
{
	free(backend->places);
	free(backend->starts);
	dns_answer_free(&backend->answer);
	backend->places = NULL;
	backend->starts = NULL;
}

static ns_t service_time(struct backend *backend)
{
	ns_t mean = backend->options.service_time;

	switch (backend->options.distribution) {
	case BACKEND_EXPONENTIAL:
		return (ns_t)(-log(1 - random_double(&backend->random)) * (double)mean);
	case BACKEND_UNIFORM:
		return random_below(&backend->random, 2 * mean + 1);
	default:
		return mean;
	}
}

/** The place that becomes free first is taken until `until`. */
static void take_place(struct backend *backend, ns_t until)
{
	uint32_t count = backend->options.concurrency, i = 0;
	ns_t *places = backend->places;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < count && places[child + 1] < places[child]) {
			child++;
		}
		if (child >= count || places[child] >= until) {
			break;
		}
		places[i] = places[child];
		i = child;
	}
	places[i] = until;
}

/** When a query that arrives now is begun; NS_NEVER when there is no room to wait. */
static ns_t find_start(struct backend *backend, ns_t now)
{
	uint32_t ring = backend->options.queue + 1;
	uint32_t last;

	while (backend->waiting > 0 && backend->starts[backend->first] <= now) {
		backend->first = backend->first + 1 == ring ? 0 : backend->first + 1;
		backend->waiting--;
	}
	if (backend->places[0] <= now) {
		return now;
	}
	if (backend->waiting >= backend->options.queue) {
		return NS_NEVER;
	}
	last = backend->first + backend->waiting;
	backend->starts[last >= ring ? last - ring : last] = backend->places[0];
	backend->waiting++;
	return backend->places[0];
}

static enum backend_fate serve(struct backend *backend, ns_t now, ns_t *at)
{
	ns_t start = now;

	if (backend->options.concurrency > 0) {
		start = find_start(backend, now);
		if (start == NS_NEVER) {
			return BACKEND_OVERFLOWS;
		}
	}
	*at = start + service_time(backend);
	if (backend->options.concurrency > 0) {
		take_place(backend, *at);
	}
	*at += backend->options.delay;
	if (backend->options.loss > 0 && random_double(&backend->random) < backend->options.loss) {
		return BACKEND_LOSES;
	}
	return BACKEND_ANSWERS;
}

enum backend_fate backend_receive(struct backend *backend, ns_t now, ns_t *at)
{
	backend->received++;
	switch (backend->state) {
	case BACKEND_CLOSED:
		*at = now + backend->options.delay;
		return BACKEND_REFUSES;
	case BACKEND_DEAD:
		return BACKEND_SILENT;
	case BACKEND_GONE:
		// The first packet starts the probes; what comes until they fail waits for them.
		if (now >= backend->probe_until) {
			backend->probe_until = now + BACKEND_UNREACHABLE_AFTER;
		}
		*at = backend->probe_until;
		return BACKEND_UNREACHABLE;
	default:
		return serve(backend, now, at);
	}
}

void backend_set_state(struct backend *backend, enum backend_state state)
{
	backend->state = state;
	if (backend_is_answering(backend)) {
		return;
	}
	backend->life++;
	backend->waiting = 0;
	backend->probe_until = 0;
	if (backend->places != NULL) {
		memset(backend->places, 0, backend->options.concurrency * sizeof(*backend->places));
	}
}

const char *backend_state_name(enum backend_state state)
{
	static const char *const names[] = {[BACKEND_ALIVE] = "alive",
	                                    [BACKEND_LAMEDUCK] = "lameduck",
	                                    [BACKEND_CLOSED] = "closed",
	                                    [BACKEND_DEAD] = "dead",
	                                    [BACKEND_GONE] = "gone"};

	return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

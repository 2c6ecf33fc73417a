#include "worker/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint32_t tuple_of(const struct flow_space *space, const struct worker_trace_query *query)
{
	uint32_t ipv4;

	if (query->source.family == ADDRESS_IPV6) {
		return flow_space_lookup6(space, query->source.bytes, query->port);
	}
	memcpy(&ipv4, query->source.bytes, sizeof(ipv4));
	return flow_space_lookup4(space, ipv4, query->port);
}

static int count_by_sender(struct worker_steps *steps, const struct flow_space *space, unsigned senders,
                           const struct worker_trace_query *queries, uint64_t count, struct error *error)
{
	char text[ADDRESS_TEXT_SIZE];

	for (uint64_t i = 0; i < count; i++) {
		uint32_t tuple = tuple_of(space, &queries[i]);

		if (tuple == FLOW_TUPLE_NONE) {
			return error_set(error, -EINVAL,
			                 "query %" PRIu64
			                 " of the trace comes from %s port %u, which the run has not",
			                 i + 1, address_format(&queries[i].source, text), queries[i].port);
		}
		steps->firsts[flow_space_worker_of(space, tuple) + 1]++;
	}
	for (unsigned i = 0; i < senders; i++) {
		steps->firsts[i + 1] += steps->firsts[i];
	}
	return 0;
}

// Two fingers a sender: the query that leaves, and the oldest whose timeout has not passed then.
static void find_flight(struct worker_steps *steps, unsigned senders, ns_t timeout, uint32_t *in_flight)
{
	for (unsigned i = 0; i < senders; i++) {
		uint64_t oldest = steps->firsts[i];

		for (uint64_t next = oldest; next < steps->firsts[i + 1]; next++) {
			uint32_t of_tuple = ++in_flight[steps->steps[next].tuple];

			while (steps->steps[oldest].due + timeout < steps->steps[next].due) {
				in_flight[steps->steps[oldest++].tuple]--;
			}
			steps->depth = of_tuple > steps->depth ? of_tuple : steps->depth;
			steps->flight = next - oldest + 1 > steps->flight ? (uint32_t)(next - oldest + 1)
			                                                  : steps->flight;
		}
		for (; oldest < steps->firsts[i + 1]; oldest++) {
			in_flight[steps->steps[oldest].tuple] = 0;
		}
	}
}

int worker_steps_make(struct worker_steps *steps, const struct flow_space *space, unsigned senders,
                      const struct worker_trace_query *queries, uint64_t count, ns_t start, ns_t timeout,
                      struct error *error)
{
	uint32_t *in_flight = (uint32_t *)calloc((size_t)space->tuple_count + 1, sizeof(*in_flight));
	uint64_t *next = (uint64_t *)calloc(senders, sizeof(*next));
	int rc;

	memset(steps, 0, sizeof(*steps));
	steps->steps = (struct worker_step *)calloc(count + 1, sizeof(*steps->steps));
	steps->firsts = (uint64_t *)calloc(senders + 1, sizeof(*steps->firsts));
	if (in_flight == NULL || next == NULL || steps->steps == NULL || steps->firsts == NULL) {
		rc = error_set(error, -ENOMEM, "no memory for a trace of %" PRIu64 " queries", count);
		goto done;
	}
	rc = count_by_sender(steps, space, senders, queries, count, error);
	if (rc < 0) {
		goto done;
	}
	memcpy(next, steps->firsts, senders * sizeof(*next));
	for (uint64_t i = 0; i < count; i++) {
		uint32_t tuple = tuple_of(space, &queries[i]);

		steps->steps[next[flow_space_worker_of(space, tuple)]++] =
		        (struct worker_step){start + queries[i].at, tuple, queries[i].question};
	}
	find_flight(steps, senders, timeout, in_flight);
done:
	free(in_flight);
	free(next);
	return rc;
}

void worker_steps_release(struct worker_steps *steps)
{
	free(steps->steps);
	free(steps->firsts);
	memset(steps, 0, sizeof(*steps));
}

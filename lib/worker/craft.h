#pragma once
// Writing the frame of one query: what the sender does for every query, and what a capture does again for one
// that was lost. Private to the room.

#include <endian.h>
#include <string.h>

#include "dns/label.h"
#include "dns/query.h"
#include "flow/space.h"
#include "packet/craft.h"

/** What a query's frame depends on, besides the run's constants. */
struct worker_query {
	uint32_t tuple;
	uint16_t id;
	uint32_t question;
};

static inline struct packet_payload worker_payload(const struct dns_query *query)
{
	return (struct packet_payload){.wire = query->wire, .length = query->length, .sum = query->sum};
}

static inline struct packet_source worker_source(const struct flow_space *space, uint32_t tuple,
                                                 uint8_t family)
{
	struct packet_source source = {0};
	struct flow_source from;

	if (family == ADDRESS_IPV4) {
		const struct flow_tuple *at = flow_space_tuple(space, tuple);

		return packet_source_ipv4(be32toh(at->address), at->port);
	}
	from = flow_space_source(space, tuple);
	source.port = from.port;
	source.sum = packet_sum(from.address, sizeof(source.ipv6));
	memcpy(source.ipv6, from.address, sizeof(source.ipv6));
	return source;
}

/** Write the frame; `resident`: it holds header and payload already. Returns its length. */
static inline uint16_t worker_craft(uint8_t *frame, const struct packet_header *header,
                                    const struct flow_space *space, const struct dns_query_set *queries,
                                    const struct worker_query *query, bool resident)
{
	bool generated = queries->generated != DNS_GENERATED_NONE;
	const struct dns_query *wire = &queries->queries[generated ? 0 : query->question];
	struct packet_payload payload = worker_payload(wire);
	struct packet_source source = worker_source(space, query->tuple, header->family);
	uint32_t label_sum = 0;

	if (!resident) {
		packet_craft(frame, header, &source, &payload, query->id);
	}
	if (generated) {
		label_sum = dns_label_write_sum(queries, query->question,
		                                frame + header->length + queries->label_offset);
	}
	if (resident || generated) {
		packet_patch(frame, header, &source, &payload, query->id, label_sum);
	}
	return (uint16_t)(header->length + wire->length);
}

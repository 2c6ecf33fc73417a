#pragma once
// Private to dns: collects messages into a growing arena and turns them into a query set. One thread.

#include "dns/query.h"

/** Zero-initialise; finish or discard. */
struct dns_builder {
	uint8_t *arena;
	size_t used;
	size_t size;
	struct dns_query *queries; ///< `wire` is set at the end: the arena moves while it grows
	uint32_t count;
	uint32_t capacity;
	uint16_t longest;
};

/** Append a message; its id becomes 0 in the copy. Returns 0, or -ENOMEM, -E2BIG above 2^32 - 1 messages. */
int dns_builder_add(struct dns_builder *builder, const uint8_t *message, uint16_t length,
                    uint16_t question_length, uint32_t line);

/** Turn the messages into a set and leave the builder empty. Returns the set, or NULL when memory is out. */
struct dns_query_set *dns_builder_finish(struct dns_builder *builder);

/** Free what was collected. */
void dns_builder_discard(struct dns_builder *builder);

#include "builder.h"

#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE_FIRST  4096
#define QUERY_COUNT_FIRST 64

static int reserve_arena(struct dns_builder *builder, size_t more)
{
	size_t size = builder->size > 0 ? builder->size : ARENA_SIZE_FIRST;
	uint8_t *arena;

	if (builder->size - builder->used >= more) {
		return 0;
	}
	while (size - builder->used < more) {
		size *= 2;
	}
	arena = realloc(builder->arena, size);
	if (arena == NULL) {
		return -ENOMEM;
	}
	builder->arena = arena;
	builder->size = size;
	return 0;
}

static int reserve_query(struct dns_builder *builder)
{
	uint32_t capacity = builder->capacity > 0 ? builder->capacity : QUERY_COUNT_FIRST / 2;
	struct dns_query *queries;

	if (builder->count < builder->capacity) {
		return 0;
	}
	if (builder->count == UINT32_MAX) {
		return -E2BIG;
	}
	capacity = capacity > UINT32_MAX / 2 ? UINT32_MAX : capacity * 2;
	queries = realloc(builder->queries, capacity * sizeof(*queries));
	if (queries == NULL) {
		return -ENOMEM;
	}
	builder->queries = queries;
	builder->capacity = capacity;
	return 0;
}

int dns_builder_add(struct dns_builder *builder, const uint8_t *message, uint16_t length,
                    uint16_t question_length, uint32_t line)
{
	uint8_t *wire;
	int rc = reserve_query(builder);

	if (rc < 0) {
		return rc;
	}
	rc = reserve_arena(builder, length);
	if (rc < 0) {
		return rc;
	}
	wire = builder->arena + builder->used;
	memcpy(wire, message, length);
	memset(wire, 0, 2); // the id
	builder->queries[builder->count++] = (struct dns_query){
	        .length = length,
	        .question_length = question_length,
	        .sum = dns_message_sum(wire, length),
	        .line = line,
	};
	builder->used += length;
	if (length > builder->longest) {
		builder->longest = length;
	}
	return 0;
}

// Give back what doubling took too much. A smaller block that can't be had is no failure: the larger one
// serves.
static void *trim(void *block, size_t *size, size_t used)
{
	void *smaller = realloc(block, used);

	if (smaller == NULL) {
		return block;
	}
	*size = used;
	return smaller;
}

struct dns_query_set *dns_builder_finish(struct dns_builder *builder)
{
	struct dns_query_set *set = calloc(1, sizeof(*set));
	size_t table_size = builder->capacity * sizeof(*builder->queries);
	const uint8_t *wire;

	if (set == NULL) {
		return NULL;
	}
	builder->arena = trim(builder->arena, &builder->size, builder->used);
	builder->queries = trim(builder->queries, &table_size, builder->count * sizeof(*builder->queries));
	wire = builder->arena;
	for (uint32_t i = 0; i < builder->count; i++) {
		builder->queries[i].wire = wire;
		wire += builder->queries[i].length;
	}
	set->count = builder->count;
	set->queries = builder->queries;
	set->longest = builder->longest;
	set->arena = builder->arena;
	set->arena_size = builder->size;
	memset(builder, 0, sizeof(*builder));
	return set;
}

void dns_builder_discard(struct dns_builder *builder)
{
	free(builder->arena);
	free(builder->queries);
	memset(builder, 0, sizeof(*builder));
}

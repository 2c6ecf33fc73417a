#pragma once
// A bounded cursor over wire data with a sticky error: read or write twenty fields, check once. A failed
// access reads as zero, writes nothing and marks the cursor for good. Borrows the buffer. Any thread, one
// owner a cursor.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *data; ///< the buffer, for reading
	uint8_t *out;        ///< the buffer, for writing; NULL for a reader
	size_t size;
	size_t position;
	bool failed;
};

static inline struct cursor cursor_reader(const void *data, size_t size)
{
	return (struct cursor){.data = (const uint8_t *)data, .size = size};
}

static inline struct cursor cursor_writer(void *data, size_t size)
{
	return (struct cursor){.data = (const uint8_t *)data, .out = (uint8_t *)data, .size = size};
}

static inline size_t cursor_left(const struct cursor *cursor)
{
	return cursor->failed ? 0 : cursor->size - cursor->position;
}

/** Step over `count` octets; returns their start, or NULL and marks the cursor when fewer are left. */
static inline const uint8_t *cursor_take(struct cursor *cursor, size_t count)
{
	const uint8_t *start;

	if (cursor_left(cursor) < count || cursor->failed) {
		cursor->failed = true;
		return NULL;
	}
	start = cursor->data + cursor->position;
	cursor->position += count;
	return start;
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 1);

	return p != NULL ? p[0] : 0;
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 2);

	return p != NULL ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 4);

	return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/** Append `count` octets; marks the cursor when they don't fit or it is a reader. */
static inline void cursor_put(struct cursor *cursor, const void *data, size_t count)
{
	if (cursor->out == NULL || cursor_left(cursor) < count || cursor->failed) {
		cursor->failed = true;
		return;
	}
	if (count > 0) {
		memcpy(cursor->out + cursor->position, data, count);
	}
	cursor->position += count;
}

static inline void cursor_put_u8(struct cursor *cursor, uint8_t value)
{
	cursor_put(cursor, &value, 1);
}

static inline void cursor_put_u16(struct cursor *cursor, uint16_t value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	cursor_put(cursor, bytes, sizeof(bytes));
}

static inline void cursor_put_u32(struct cursor *cursor, uint32_t value)
{
	uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
	                    (uint8_t)value};

	cursor_put(cursor, bytes, sizeof(bytes));
}

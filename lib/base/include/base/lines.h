#pragma once
// Memory of whole cache lines, for what one lcore writes to with every packet: a line that it shares with
// another lcore's goes back and forth between the two. Any thread.

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LINES_SIZE 64

/** `count` zeroed objects of `size` octets that share no cache line with anything else; NULL without memory.
 * The caller frees them with free(). */
static inline void *lines_allocate(size_t count, size_t size)
{
	size_t whole = (count * size + LINES_SIZE - 1) / LINES_SIZE * LINES_SIZE;
	void *memory = aligned_alloc(LINES_SIZE, whole);

	return memory != NULL ? memset(memory, 0, whole) : NULL;
}

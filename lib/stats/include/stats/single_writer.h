#pragma once
// A counter with one writer and any readers: an aligned 64-bit word. The writer adds without a locked
// instruction, since nobody else writes; atomic stores keep the word whole for whoever reads it meanwhile.
// The reader owns nothing and never writes.

#include <stdint.h>

/** Add to a counter of one's own. */
static inline void stats_add(uint64_t *counter, uint64_t amount)
{
	__atomic_store_n(counter, *counter + amount, __ATOMIC_RELAXED);
}

/** Add to a counter of one's own; who reads the new value (stats_read, then an acquire fence) sees all that
 * came before it. */
static inline void stats_add_release(uint64_t *counter, uint64_t amount)
{
	__atomic_store_n(counter, *counter + amount, __ATOMIC_RELEASE);
}

/** Set a number of one's own: an extreme, a time. */
static inline void stats_set(uint64_t *number, uint64_t value)
{
	__atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/** Read another thread's counter. */
static inline uint64_t stats_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#pragma once
// Comparing short runs of octets where they are, for the data path: a call of memcmp() costs more than the
// comparison of a name. Pure functions of what they borrow; any thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Whether two runs of 4 to 8 octets are the same: two words that overlap. */
static inline bool octets_equal_short(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint32_t first[2], last[2];

	memcpy(&first[0], a, sizeof(first[0]));
	memcpy(&first[1], b, sizeof(first[1]));
	memcpy(&last[0], a + length - sizeof(last[0]), sizeof(last[0]));
	memcpy(&last[1], b + length - sizeof(last[1]), sizeof(last[1]));
	return ((first[0] ^ first[1]) | (last[0] ^ last[1])) == 0;
}

/** Whether two runs of `length` octets are the same: words, the last of which overlaps the one before. */
static inline bool octets_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	uint64_t x, y, differs = 0;

	if (length < sizeof(uint32_t)) {
		for (size_t i = 0; i < length; i++) {
			differs |= (uint64_t)(a[i] ^ b[i]);
		}
		return differs == 0;
	}
	if (length <= sizeof(x)) {
		return octets_equal_short(a, b, length);
	}
	for (size_t i = 0; i + sizeof(x) < length; i += sizeof(x)) {
		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		differs |= x ^ y;
	}
	memcpy(&x, a + length - sizeof(x), sizeof(x));
	memcpy(&y, b + length - sizeof(y), sizeof(y));
	return (differs | (x ^ y)) == 0;
}

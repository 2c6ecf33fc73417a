#pragma once
// Reuse age classes: how long a tuple rested before a query, on a log-linear scale of 16 classes an octave (a
// class is at most 1/16 wide relative to its age) from 2^17 ns (131 us) to 2^48 ns (78 h). Class 0 is first
// use, class 1 is anything younger. Pure functions, any thread.

#include "base/units.h"

#include <stdint.h>
#include <string.h>

#define STATS_AGE_CLASSES  512
#define STATS_AGE_FIRST    0 ///< the tuple was never used before
#define STATS_AGE_SUB_BITS 4
#define STATS_AGE_LOW_BIT  17
#define STATS_AGE_TOP_BIT  48

/**
 * The class of an age: `now` - last use. A double has the age's exponent and the highest bits of its mantissa
 * in a row, which is the class but for a constant; below 2^53 the conversion is exact. It takes half the
 * instructions of counting leading zeroes, which AMD's bsr is slow at.
 */
static inline uint16_t stats_age_class(ns_t age)
{
	double value = (double)(int64_t)age;
	uint64_t bits;

	if (age < (UINT64_C(1) << STATS_AGE_LOW_BIT)) {
		return 1;
	}
	if (age >= UINT64_C(1) << STATS_AGE_TOP_BIT) {
		return STATS_AGE_CLASSES - 1;
	}
	memcpy(&bits, &value, sizeof(bits));
	return (uint16_t)((bits >> (52 - STATS_AGE_SUB_BITS)) -
	                  ((1023u + STATS_AGE_LOW_BIT) << STATS_AGE_SUB_BITS) + 2);
}

/** The youngest age of a class (0 for classes 0 and 1); class 498, one past the last octave, gives its end.
 */
static inline ns_t stats_age_low(unsigned class)
{
	unsigned octave;

	if (class < 2) {
		return 0;
	}
	octave = (class - 2) >> STATS_AGE_SUB_BITS;
	return ((UINT64_C(1) << STATS_AGE_SUB_BITS) + ((class - 2) & ((1u << STATS_AGE_SUB_BITS) - 1)))
	       << (octave + STATS_AGE_LOW_BIT - STATS_AGE_SUB_BITS);
}

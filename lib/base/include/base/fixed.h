#pragma once
// Fixed point: multiply-and-shift in place of a division by a number that is known at the start only. Pure
// functions, any thread; the struct is read-only after its init.

#include <stdint.h>

/** A multiplier: value * factor, with 64 fractional bits in two words. */
struct fixed_ratio {
	uint64_t whole;
	uint64_t fraction;
};

/** numerator / denominator, denominator >= 1. Exact to 2^-64. */
static inline struct fixed_ratio fixed_ratio(uint64_t numerator, uint64_t denominator)
{
	return (struct fixed_ratio){
	        .whole = numerator / denominator,
	        .fraction = (uint64_t)((((unsigned __int128)(numerator % denominator)) << 64) / denominator),
	};
}

/** value * ratio, rounded down; at most 1 below the exact quotient. */
static inline uint64_t fixed_scale(uint64_t value, struct fixed_ratio ratio)
{
	return value * ratio.whole + (uint64_t)(((unsigned __int128)value * ratio.fraction) >> 64);
}

/** The smallest power of two >= value (value >= 1, at most 2^63). */
static inline uint64_t fixed_power_of_two(uint64_t value)
{
	return value <= 1 ? 1 : UINT64_C(1) << (64 - __builtin_clzll(value - 1));
}

/** Position of the highest set bit, value >= 1. */
static inline unsigned fixed_log2(uint64_t value)
{
	return 63u - (unsigned)__builtin_clzll(value);
}

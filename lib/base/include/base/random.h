#pragma once
// A seeded pseudo-random generator: xoshiro256** (Blackman, Vigna: "Scrambled linear pseudorandom number
// generators", 2021), seeded by splitmix64. The same seed gives the same numbers on any machine. One owner a
// generator; not for secrets.

#include <stdint.h>

struct random {
	uint64_t state[4];
};

/** One step of splitmix64; also a good 64-bit mixer for hashing and bijective renumbering. */
static inline uint64_t random_mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/** Seed the generator. Different `stream`s of one seed are independent (one a worker, a cohort, a fault). */
static inline void random_seed(struct random *random, uint64_t seed, uint64_t stream)
{
	uint64_t x = random_mix(seed) ^ random_mix(stream + UINT64_C(0x632be59bd9b4e019));

	for (int i = 0; i < 4; i++) {
		x += UINT64_C(0x9e3779b97f4a7c15);
		random->state[i] = random_mix(x);
	}
}

static inline uint64_t random_rotate(uint64_t value, int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

/** The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
	uint64_t *s = random->state;
	uint64_t result = random_rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = random_rotate(s[3], 45);
	return result;
}

/**
 * Uniform over [0, bound), bound >= 1, without a division: the high half of a 64x64-bit product (Lemire,
 * "Fast random integer generation in an interval", 2019). Its bias is below bound / 2^64.
 */
static inline uint64_t random_below(struct random *random, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)random_next(random) * bound) >> 64);
}

/** Uniform over [0, 1). */
static inline double random_double(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1.0p-53;
}

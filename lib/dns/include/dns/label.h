#pragma once
// The varying label of generated names, for the data path: from a number to characters without tables,
// branches on data or divisions, by arithmetic on eight octets at a time in a 64-bit word. Pure functions of
// an immutable set, which they borrow; any thread.

#include "dns/query.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/**
 * Number -> label value, one to one over 5 x label_length bits: every step (xor with a constant, xor with its
 * own right shift, product with an odd constant modulo 2^bits) can be undone. The constants are those of
 * splitmix64 (base/random.h).
 */
static inline uint64_t dns_label_scramble(const struct dns_query_set *set, uint32_t number)
{
	uint64_t mask = set->label_mask;
	uint64_t value = (number ^ set->label_seed) & mask;

	value = ((value ^ (value >> 23)) * UINT64_C(0xbf58476d1ce4e5b9)) & mask;
	value = ((value ^ (value >> 21)) * UINT64_C(0x94d049bb133111eb)) & mask;
	return value ^ (value >> 25);
}

static inline uint64_t dns_label_value(const struct dns_query_set *set, uint32_t number)
{
	return set->generated == DNS_GENERATED_COUNTING ? number : dns_label_scramble(set, number);
}

/**
 * The lowest 40 bits of `value` as eight base-32 digits 0-9a-v (base32hex of RFC 4648 in lower case: its
 * order is that of the numbers), most significant digit in the lowest octet of the word.
 */
static inline uint64_t dns_label_digits(uint64_t value)
{
	uint64_t letter;
	uint64_t x = ((value & 0xfffff) << 32) | ((value >> 20) & 0xfffff);

	x = ((x >> 10) & UINT64_C(0x000003ff000003ff)) | ((x & UINT64_C(0x000003ff000003ff)) << 16);
	x = ((x >> 5) & UINT64_C(0x001f001f001f001f)) | ((x & UINT64_C(0x001f001f001f001f)) << 8);
	letter = ((x + UINT64_C(0x7676767676767676)) >> 7) &
	         UINT64_C(0x0101010101010101); // 1 where the digit is > 9
	return x + UINT64_C(0x3030303030303030) + letter * ('a' - '0' - 10);
}

/** Sums of the octets at even and at odd places of a word: {first, third...} and {second, fourth...}. */
static inline uint32_t dns_label_even(uint64_t word)
{
	return (uint32_t)(((word & UINT64_C(0x00ff00ff00ff00ff)) * UINT64_C(0x0001000100010001)) >> 48);
}

static inline uint32_t dns_label_odd(uint64_t word)
{
	return dns_label_even(word >> 8);
}

/**
 * Write the label of name `number` at `label` (message + set->label_offset): exactly set->label_length
 * octets, as two eight-octet stores that overlap unless there are sixteen.
 */
static inline void dns_label_write(const struct dns_query_set *set, uint32_t number, uint8_t *label)
{
	uint64_t value = dns_label_value(set, number);
	unsigned rest = set->label_length - 8u;
	uint64_t head = htole64(dns_label_digits(value >> (5 * rest)));
	uint64_t tail = htole64(dns_label_digits(value));

	memcpy(label, &head, sizeof(head));
	memcpy(label + rest, &tail, sizeof(tail));
}

/**
 * The same, and returns what the label adds to the checksum of its message: the sum of its octets as parts of
 * the message's big-endian 16-bit words, below 2^20. The label begins at an odd offset, so its first
 * character is the low octet of a word. queries[0].sum + this is the sum of the whole message (with id 0), up
 * to folding.
 */
static inline uint32_t dns_label_write_sum(const struct dns_query_set *set, uint32_t number, uint8_t *label)
{
	uint64_t value = dns_label_value(set, number);
	unsigned rest = set->label_length - 8u;
	uint64_t head = dns_label_digits(value >> (5 * rest));
	uint64_t tail = dns_label_digits(value);
	uint64_t head_only = head & ((UINT64_C(1) << (8 * rest)) - 1); // what the tail doesn't cover
	uint32_t low = dns_label_even(head_only), high = dns_label_odd(head_only);

	low += rest % 2 == 0 ? dns_label_even(tail) : dns_label_odd(tail);
	high += rest % 2 == 0 ? dns_label_odd(tail) : dns_label_even(tail);
	head = htole64(head);
	tail = htole64(tail);
	memcpy(label, &head, sizeof(head));
	memcpy(label + rest, &tail, sizeof(tail));
	return low + (high << 8);
}

#pragma once
// One's-complement arithmetic of the Internet checksum (RFC 1071) over big-endian 16-bit words, as numbers in
// host order: a sum is any uint32_t that is congruent to the true sum modulo 65535 and is zero only when
// every word was. Pure functions, any thread. Sums of parts just add up, so what is constant in a frame is
// summed once and only what varies is added a packet.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** A 16-bit number to or from network byte order. */
static inline uint16_t packet_be16(uint16_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap16(value);
#else
	return value;
#endif
}

/** A 32-bit number to or from network byte order. */
static inline uint32_t packet_be32(uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap32(value);
#else
	return value;
#endif
}

/** Read a big-endian 16-bit number at any alignment. */
static inline uint16_t packet_read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/** Write a big-endian 16-bit number at any alignment. */
static inline void packet_write16(uint8_t *at, uint16_t value)
{
	value = packet_be16(value);
	memcpy(at, &value, sizeof(value));
}

/** Fold a sum into 16 bits with end-around carry. Zero only for zero. */
static inline uint16_t packet_fold(uint32_t sum)
{
	// Both halves added crosswise: the carry out of the low half is the one that comes round.
	return (uint16_t)((sum + (sum << 16 | sum >> 16)) >> 16);
}

/** Fold a 64-bit sum into 16 bits with end-around carry. Zero only for zero. */
static inline uint16_t packet_fold64(uint64_t sum)
{
	return packet_fold((uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32));
}

/** `sum` plus a word that was read from memory as it lies there, with end-around carry. */
static inline uint64_t packet_sum_word(uint64_t sum, const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	sum += word;
	return sum + (sum < word);
}

/**
 * The sum of `length` octets at any alignment, folded to 16 bits; an odd last octet counts as the high half
 * of a word whose low half is zero. The words are counted from `data`: use packet_sum_combine() for data at
 * an odd place of its datagram.
 */
static inline uint32_t packet_sum(const void *data, size_t length)
{
	const uint8_t *at = (const uint8_t *)data;
	uint64_t sum = 0, rest = 0;
	uint32_t half;
	uint16_t quarter;

	// The sum is independent of the byte order (RFC 1071, 2(B)): add native words and turn the result.
	// 2^64 is 1 modulo 65535: the carry out of the top comes in again at the bottom.
	for (; length >= 4 * sizeof(sum); length -= 4 * sizeof(sum), at += 4 * sizeof(sum)) {
		sum = packet_sum_word(sum, at);
		sum = packet_sum_word(sum, at + 8);
		sum = packet_sum_word(sum, at + 16);
		sum = packet_sum_word(sum, at + 24);
	}
	for (; length >= sizeof(sum); length -= sizeof(sum), at += sizeof(sum)) {
		sum = packet_sum_word(sum, at);
	}
	if ((length & 4) != 0) {
		memcpy(&half, at, sizeof(half));
		rest = half;
		at += sizeof(half);
	}
	if ((length & 2) != 0) {
		memcpy(&quarter, at, sizeof(quarter));
		rest += quarter;
		at += sizeof(quarter);
	}
	if ((length & 1) != 0) {
		rest += packet_be16((uint16_t)(at[0] << 8));
	}
	sum += rest;
	return packet_be16(packet_fold64(sum + (sum < rest)));
}

/**
 * `sum` plus the sum `part` of data that starts `offset` octets into the datagram: at an odd offset each of
 * its octets falls into the other half of a word, which in one's complement is a byte swap of the sum (RFC
 * 1071, 2(B)).
 */
static inline uint32_t packet_sum_combine(uint32_t sum, uint32_t part, size_t offset)
{
	uint16_t folded = packet_fold(part);

	return (uint32_t)packet_fold(sum) + ((offset & 1) != 0 ? __builtin_bswap16(folded) : folded);
}

/** The checksum that belongs to a sum: its complement. For IPv4 headers, ICMP and ICMPv6. */
static inline uint16_t packet_checksum_finish(uint32_t sum)
{
	return (uint16_t)~packet_fold(sum);
}

/** The same for UDP, where 0 means "none" and is sent as 0xffff (RFC 768; RFC 8200, 8.1). */
static inline uint16_t packet_checksum_finish_udp(uint32_t sum)
{
	uint16_t checksum = packet_checksum_finish(sum);

	return checksum != 0 ? checksum : 0xffff;
}

/** A finished checksum after one word of its data changed from `before` to `after` (RFC 1624, equation 3).
 * Not for UDP's 0. */
static inline uint16_t packet_checksum_update(uint16_t checksum, uint16_t before, uint16_t after)
{
	return packet_checksum_finish((uint32_t)(uint16_t)~checksum + (uint16_t)~before + after);
}

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
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (uint16_t)sum;
}

/** Fold a 64-bit sum into 16 bits with end-around carry. Zero only for zero. */
static inline uint16_t packet_fold64(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	return packet_fold((uint32_t)sum);
}

/**
 * The sum of `length` octets at any alignment, folded to 16 bits; an odd last octet counts as the high half
 * of a word whose low half is zero. The words are counted from `data`: use packet_sum_combine() for data at
 * an odd place of its datagram.
 */
static inline uint32_t packet_sum(const void *data, size_t length)
{
	const uint8_t *at = (const uint8_t *)data;
	uint64_t sum = 0, other = 0, word = 0;
	uint32_t half;

	// The sum is independent of the byte order (RFC 1071, 2(B)): add native words and turn the result.
	// Two sums of 32-bit halves: no carry is lost below 2^32 octets.
	for (; length >= sizeof(word); length -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += (uint32_t)word;
		other += word >> 32;
	}
	sum += other;
	word = 0;
	for (; length >= sizeof(half); length -= sizeof(half), at += sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		sum += half;
	}
	if (length > 0) {
		memcpy(&word, at, length);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word >>= 32;
#endif
		sum += word;
	}
	return packet_be16(packet_fold64(sum));
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

#pragma once
// Private to dns: making a query message and reading a question, shared by the parsers, the generator and the
// answers.

#include "base/cursor.h"
#include "base/octets.h"
#include "dns/query.h"

/** What one line of a query file adds to the options of the set. */
struct dns_line_options {
	bool edns;
	bool dnssec_ok;
	struct dns_client_subnet client_subnet;
};

/** No message that dns_message_build() makes is longer. */
#define DNS_MESSAGE_SIZE_MAX                                                                                 \
	(DNS_HEADER_SIZE + DNS_NAME_SIZE_MAX + 4 + DNS_OPT_SIZE + 4 + (4 + 4 + 16) +                         \
	 DNS_EDNS_OPTIONS_MAX * (4 + DNS_EDNS_OPTION_SIZE_MAX))

/**
 * Write a query with id 0 for a name in wire form. `line` may be NULL. `out` holds DNS_MESSAGE_SIZE_MAX
 * octets. Returns the length.
 */
uint16_t dns_message_build(uint8_t *out, const uint8_t *name, size_t name_length, uint16_t type,
                           const struct dns_query_options *options, const struct dns_line_options *line);

/** The sum of struct dns_query: big-endian 16-bit words, folded to 16 bits. */
uint32_t dns_message_sum(const uint8_t *data, size_t length);

/**
 * The octets of the question (QNAME uncompressed, QTYPE, QCLASS) that begins `at`, with `left` octets to the
 * end of the message; 0 when it is cut, compressed or its name longer than 255 octets. Every reply passes
 * here: so by hand and not by a cursor, which would keep a record of its failure at each label.
 */
static inline uint16_t dns_question_measure(const uint8_t *at, size_t left)
{
	size_t end = left < DNS_NAME_SIZE_MAX ? left : DNS_NAME_SIZE_MAX;
	size_t length = 0;

	while (length < end) {
		uint8_t label = at[length++];

		if (label > DNS_LABEL_SIZE_MAX) {
			return 0;
		}
		if (label == 0) {
			return left - length >= 4 ? (uint16_t)(length + 4) : 0;
		}
		length += label;
	}
	return 0;
}

/** dns_question_echoed() for a generated set. */
uint16_t dns_question_echoed_generated(const struct dns_query_set *set, uint32_t question, const uint8_t *at,
                                       size_t left);

/**
 * The octets of `question` when they stand `at` as they were asked, with `left` octets to the end of the
 * message; 0 when they don't, which may be the same question in other letters: ask dns_question_matches().
 * Most servers copy the question, so this is nearly always all that is to be known of it: what was asked is
 * in good form, and its name need not be walked.
 */
static inline uint16_t dns_question_echoed(const struct dns_query_set *set, uint32_t question,
                                           const uint8_t *at, size_t left)
{
	const struct dns_query *asked;

	if (set->generated != DNS_GENERATED_NONE) {
		return dns_question_echoed_generated(set, question, at, left);
	}
	if (question >= set->count) {
		return 0;
	}
	asked = &set->queries[question];
	return left >= asked->question_length &&
	                       octets_equal(asked->wire + DNS_HEADER_SIZE, at, asked->question_length)
	               ? asked->question_length
	               : 0;
}

/** Step over a question. Returns its octets, or 0 as above, and then the cursor stays. */
static inline uint16_t dns_question_take(struct cursor *cursor)
{
	uint16_t length = dns_question_measure(cursor->data + cursor->position, cursor_left(cursor));

	cursor_take(cursor, length);
	return length;
}

/** Step over a record's owner name, compressed or not. False when it is cut or has a label type of no use. */
static inline bool dns_owner_take(struct cursor *cursor)
{
	size_t start = cursor->position;

	for (;;) {
		size_t at = cursor->position;
		uint8_t label = cursor_u8(cursor);

		if (label >= 0xc0) { // a pointer ends the name; it is not followed, so it can't loop
			size_t target = (size_t)(label & 0x3f) << 8 | cursor_u8(cursor);

			return !cursor->failed && target >= DNS_HEADER_SIZE && target < at;
		}
		if (cursor->failed || label > DNS_LABEL_SIZE_MAX ||
		    cursor->position - start > DNS_NAME_SIZE_MAX) {
			return false;
		}
		if (label == 0) {
			return true;
		}
		cursor_take(cursor, label);
	}
}

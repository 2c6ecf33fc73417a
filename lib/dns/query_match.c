#include "base/octets.h"
#include "dns/label.h"
#include "dns/query.h"
#include "message.h"

#include <string.h>

static uint8_t fold_case(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

// Length octets are at most 63, below 'A': folding leaves them alone, so that names may be folded as plain
// octets.
static bool names_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (fold_case(a[i]) != fold_case(b[i])) {
			return false;
		}
	}
	return true;
}

// Type and class are numbers: TYPE65 is not TYPE97.
static bool questions_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	// Nearly always the same octets: servers copy the question.
	return octets_equal(a, b, length) ||
	       (memcmp(a + length - 4, b + length - 4, 4) == 0 && names_equal(a, b, length - 4));
}

bool dns_question_matches(const struct dns_query_set *set, uint32_t question, const uint8_t *reply_question,
                          size_t length)
{
	uint8_t label[DNS_LABEL_LENGTH_MAX];
	const uint8_t *asked;
	size_t label_at, label_end;

	if (set->generated == DNS_GENERATED_NONE) {
		return question < set->count && length == set->queries[question].question_length &&
		       questions_equal(set->queries[question].wire + DNS_HEADER_SIZE, reply_question, length);
	}
	if (length != set->queries[0].question_length) {
		return false;
	}
	asked = set->queries[0].wire + DNS_HEADER_SIZE;
	label_at = set->label_offset - (size_t)DNS_HEADER_SIZE;
	label_end = label_at + set->label_length;
	dns_label_write(set, question, label);
	return octets_equal(asked, reply_question, label_at) && // the label's length octet
	       (octets_equal(label, reply_question + label_at, set->label_length) ||
	        names_equal(label, reply_question + label_at, set->label_length)) &&
	       questions_equal(asked + label_end, reply_question + label_end, length - label_end);
}

uint16_t dns_question_echoed_generated(const struct dns_query_set *set, uint32_t question, const uint8_t *at,
                                       size_t left)
{
	const uint8_t *asked = set->queries[0].wire + DNS_HEADER_SIZE;
	uint16_t length = set->queries[0].question_length;
	size_t label_at = set->label_offset - (size_t)DNS_HEADER_SIZE;
	size_t label_end = label_at + set->label_length;
	uint8_t label[DNS_LABEL_LENGTH_MAX];

	if (left < length) {
		return 0;
	}
	dns_label_write(set, question, label);
	return octets_equal(asked, at, label_at) && octets_equal(label, at + label_at, set->label_length) &&
	                       octets_equal(asked + label_end, at + label_end, length - label_end)
	               ? length
	               : 0;
}

// Query files, text and binary, with options that the first octet picks. Whatever loads must hold together:
// sums, lengths, a question that matches itself, and text that loads back to the same question.
#include "dns/query.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

static uint32_t sum_of(const uint8_t *data, size_t length)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < length; i++) {
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint32_t)sum;
}

static void check_round_trip(const struct dns_query_set *set, uint32_t question)
{
	const struct dns_query *query = &set->queries[question];
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *again = NULL;
	char text[DNS_QUESTION_TEXT_SIZE];
	int length = dns_query_set_name_format(set, question, text, sizeof(text));

	require(length > 0 && (size_t)length < sizeof(text));
	if (text[0] == '#') { // would be a comment
		return;
	}
	require(dns_query_set_parse(&again, "text", text, (size_t)length, &options, NULL) == 0);
	require(again->queries[0].question_length == query->question_length);
	// All but the class, which a text file has no say in.
	require(memcmp(again->queries[0].wire + DNS_HEADER_SIZE, query->wire + DNS_HEADER_SIZE,
	               query->question_length - 2u) == 0);
	dns_query_set_free(again);
}

static void check_set(struct dns_query_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		const struct dns_query *query = &set->queries[i];

		require(query->wire[0] == 0 && query->wire[1] == 0);
		require(query->length <= set->longest &&
		        query->length >= DNS_HEADER_SIZE + query->question_length);
		require(query->sum == sum_of(query->wire, query->length));
		require(dns_question_matches(set, i, query->wire + DNS_HEADER_SIZE, query->question_length));
		require(query->line > 0);
		if (i < 16) {
			check_round_trip(set, i);
		}
	}
	dns_query_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set = NULL;
	struct error error = {0};
	uint8_t choice = size > 0 ? data[0] : 0;
	int rc;

	if (size == 0) {
		return 0;
	}
	options.edns = (choice & 2) != 0;
	options.dnssec_ok = (choice & 4) != 0;
	options.nsid = (choice & 8) != 0;
	if ((choice & 1) != 0) {
		rc = dns_query_set_parse_binary(&set, "fuzz", data + 1, size - 1, &error);
	} else {
		rc = dns_query_set_parse(&set, "fuzz", (const char *)data + 1, size - 1, &options, &error);
	}
	require((rc == 0) == (set != NULL));
	require((rc < 0) == error_is_set(&error));
	if (set != NULL) {
		check_set(set);
	}
	return 0;
}

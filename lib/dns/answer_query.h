#pragma once
// Private to dns: what a query asks for, as far as its reply depends on it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What of the query matters; values, no pointers, so that the reply may take its place. */
struct answer_query {
	uint16_t id;
	uint16_t flags;
	uint16_t question_length;
	uint16_t type;
	uint16_t class;
	bool opt;
	bool dnssec_ok;
	bool nsid;
	uint8_t version;
	uint16_t edns_size;
};

/** Read any query. False: it is no well-formed query with one question. */
bool answer_query_read(const uint8_t *query, size_t length, struct answer_query *facts);

#pragma once
// What the tests of dns share: sets from a string, sums recomputed the long way, buffers that end where ASan
// looks.

#include "dns/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline struct dns_query_set *parse_with(const char *text, const struct dns_query_options *options)
{
	struct dns_query_set *set = NULL;
	struct error error = {0};

	if (dns_query_set_parse(&set, "queries", text, strlen(text), options, &error) < 0) {
		fail_msg("%d:%d: %s", error.line, error.column, error.text);
	}
	return set;
}

static inline struct dns_query_set *parse_plain(const char *text)
{
	struct dns_query_options options = dns_query_options_default();

	return parse_with(text, &options);
}

/** RFC 1071, octet by octet. */
static inline uint32_t recompute_sum(const uint8_t *data, size_t length)
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

static inline uint32_t fold_sum(uint32_t sum)
{
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/** A copy in a block of exactly that size: one octet beyond it is an ASan report. The caller frees it. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	if (length > 0) {
		memcpy(copy, data, length);
	}
	return copy;
}

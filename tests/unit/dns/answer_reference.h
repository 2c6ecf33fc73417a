#pragma once
// What dns_answer_write() must write, made the long way from the options themselves.

#include "dns/answer.h"

/** As dns_answer_write(). */
int answer_reference(const uint8_t *query, size_t query_length, const struct dns_answer_options *options,
                     uint8_t *out, size_t out_size);

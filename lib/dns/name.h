#pragma once
// Private to dns: names and types from text, by way of ldns, whose gaps are closed here.

#include "dns/wire.h"

#include <stddef.h>
#include <stdint.h>

/** Room for a piece of the user's text in an error. */
#define DNS_QUOTE_SIZE 72

/**
 * Parse a name in presentation form, absolute with or without the last dot. Returns its octets in `wire`, or
 * 0 and in `reason` a clause that says what is wrong and what is allowed.
 */
size_t dns_name_parse(const char *text, size_t length, uint8_t wire[DNS_NAME_SIZE_MAX], const char **reason);

/** Parse a type: a mnemonic or TYPEnnn, in letters of any case, the whole text. Returns 0 or -EINVAL. */
int dns_type_parse(const char *text, size_t length, uint16_t *type);

/** Copy the beginning of a piece of text for an error: unprintable octets as \DDD, "..." where it was cut. */
const char *dns_quote(const char *text, size_t length, char buffer[DNS_QUOTE_SIZE]);

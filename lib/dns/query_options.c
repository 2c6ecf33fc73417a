#include "dns/query.h"

#include "base/units.h"
#include "name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct dns_query_options dns_query_options_default(void)
{
	return (struct dns_query_options){.edns_size = DNS_EDNS_SIZE_DEFAULT, .recursion_desired = true};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int option_error(struct error *error, const char *text, const char *reason)
{
	char quote[DNS_QUOTE_SIZE];

	return error_set(error, -EINVAL, "EDNS option '%s' %s; write CODE:HEX, e.g. 10:0123456789abcdef",
	                 dns_quote(text, strlen(text), quote), reason);
}

int dns_edns_option_parse(const char *text, struct dns_edns_option *out, struct error *error)
{
	const char *colon = strchr(text, ':');
	char code[sizeof("65535")];
	uint64_t number;
	size_t digits;

	memset(out, 0, sizeof(*out));
	if (colon == NULL) {
		return option_error(error, text, "has no colon");
	}
	if ((size_t)(colon - text) >= sizeof(code)) {
		return option_error(error, text, "has a code above 65535");
	}
	memcpy(code, text, (size_t)(colon - text));
	code[colon - text] = '\0';
	if (units_parse_unsigned(code, 0, UINT16_MAX, &number) < 0) {
		return option_error(error, text, "has a code that is no decimal number up to 65535");
	}
	digits = strlen(colon + 1);
	if (digits % 2 != 0) {
		return option_error(error, text, "has an odd number of hexadecimal digits");
	}
	if (digits / 2 > DNS_EDNS_OPTION_SIZE_MAX) {
		return option_error(error, text, "is longer than 256 octets");
	}
	for (size_t i = 0; i < digits / 2; i++) {
		int high = hex_digit(colon[1 + 2 * i]), low = hex_digit(colon[2 + 2 * i]);

		if (high < 0 || low < 0) {
			return option_error(error, text, "has a character that is no hexadecimal digit");
		}
		out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	out->code = (uint16_t)number;
	out->length = (uint16_t)(digits / 2);
	return 0;
}

#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

#define RANGE_LIMIT (UINT64_C(1) << 32)

int address_parse(const char *text, struct address *out)
{
	char plain[ADDRESS_TEXT_SIZE];
	size_t length = strlen(text);

	memset(out, 0, sizeof(*out));
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']' && length - 2 < sizeof(plain)) {
		memcpy(plain, text + 1, length - 2);
		plain[length - 2] = '\0';
		text = plain;
		if (inet_pton(AF_INET6, text, out->bytes) != 1) {
			return -EINVAL;
		}
		out->family = ADDRESS_IPV6;
		return 0;
	}
	if (inet_pton(AF_INET, text, out->bytes) == 1) {
		out->family = ADDRESS_IPV4;
		return 0;
	}
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET6, text, out->bytes) == 1) {
		out->family = ADDRESS_IPV6;
		return 0;
	}
	memset(out, 0, sizeof(*out));
	return -EINVAL;
}

const char *address_format(const struct address *address, char *buffer)
{
	int family = address->family == ADDRESS_IPV6 ? AF_INET6 : AF_INET;

	if (address->family == ADDRESS_NONE ||
	    inet_ntop(family, address->bytes, buffer, ADDRESS_TEXT_SIZE) == NULL) {
		snprintf(buffer, ADDRESS_TEXT_SIZE, "none");
	}
	return buffer;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, address_length(a->family)) == 0;
}

static unsigned __int128 address_number(const struct address *address)
{
	unsigned __int128 number = 0;

	for (size_t i = 0; i < address_length(address->family); i++) {
		number = (number << 8) | address->bytes[i];
	}
	return number;
}

static struct address address_from_number(uint8_t family, unsigned __int128 number)
{
	struct address address = {.family = family};

	for (size_t i = address_length(family); i > 0; i--) {
		address.bytes[i - 1] = (uint8_t)number;
		number >>= 8;
	}
	return address;
}

struct address address_add(const struct address *address, uint64_t offset)
{
	return address_from_number(address->family, address_number(address) + offset);
}

bool address_subtract(const struct address *address, const struct address *first, uint64_t *difference)
{
	unsigned __int128 a, b;

	if (address->family != first->family) {
		return false;
	}
	a = address_number(address);
	b = address_number(first);
	if (a < b || a - b > UINT64_MAX) {
		return false;
	}
	*difference = (uint64_t)(a - b);
	return true;
}

int address_prefix_parse(const char *text, struct address *out, uint8_t *length)
{
	char buffer[ADDRESS_TEXT_SIZE];
	const char *slash = strchr(text, '/');
	uint64_t bits;

	if (slash == NULL) {
		if (address_parse(text, out) < 0) {
			return -EINVAL;
		}
		*length = (uint8_t)(8 * address_length(out->family));
		return 0;
	}
	if ((size_t)(slash - text) >= sizeof(buffer)) {
		return -EINVAL;
	}
	memcpy(buffer, text, (size_t)(slash - text));
	buffer[slash - text] = '\0';
	if (address_parse(buffer, out) < 0 ||
	    units_parse_unsigned(slash + 1, 0, 8 * address_length(out->family), &bits) < 0) {
		return -EINVAL;
	}
	*length = (uint8_t)bits;
	return 0;
}

static int range_from_ends(const char *text, const char *dash, struct address_range *out, struct error *error)
{
	char first_text[ADDRESS_TEXT_SIZE];
	struct address last;
	uint64_t difference;

	if ((size_t)(dash - text) >= sizeof(first_text)) {
		return error_set(error, -EINVAL, "'%s' is not an address range", text);
	}
	memcpy(first_text, text, (size_t)(dash - text));
	first_text[dash - text] = '\0';
	if (address_parse(first_text, &out->first) < 0 || address_parse(dash + 1, &last) < 0) {
		return error_set(error, -EINVAL,
		                 "'%s' is not an address range; write FIRST-LAST, e.g. 192.0.2.10-192.0.2.20",
		                 text);
	}
	if (!address_subtract(&last, &out->first, &difference)) {
		return error_set(
		        error, -EINVAL,
		        "range '%s' runs backwards or mixes IPv4 and IPv6; write the lower end first", text);
	}
	if (difference >= RANGE_LIMIT) {
		return error_set(error, -ERANGE,
		                 "range '%s' has more than 2^32 addresses; choose a smaller one", text);
	}
	out->count = difference + 1;
	return 0;
}

int address_range_parse(const char *text, bool hosts_only, struct address_range *out, struct error *error)
{
	const char *dash = strchr(text, '-');
	unsigned __int128 network;
	unsigned host_bits;
	uint8_t length;

	memset(out, 0, sizeof(*out));
	if (dash != NULL) {
		return range_from_ends(text, dash, out, error);
	}
	if (address_prefix_parse(text, &out->first, &length) < 0) {
		return error_set(
		        error, -EINVAL,
		        "'%s' is not an address, a prefix or a range; write e.g. 192.0.2.7, 192.0.2.0/24, "
		        "2001:db8::/120 or 192.0.2.10-192.0.2.20",
		        text);
	}
	host_bits = (unsigned)(8 * address_length(out->first.family)) - length;
	if (host_bits > 32) {
		return error_set(error, -ERANGE,
		                 "prefix '%s' has more than 2^32 addresses; the longest allowed is /%u", text,
		                 (unsigned)(8 * address_length(out->first.family)) - 32);
	}
	network = address_number(&out->first) >> host_bits << host_bits;
	out->count = UINT64_C(1) << host_bits;
	if (hosts_only && host_bits >= 2) {
		network += 1;
		out->count -= out->first.family == ADDRESS_IPV4 ? 2 : 1;
	}
	out->first = address_from_number(out->first.family, network);
	return 0;
}

bool address_same_prefix(const struct address *a, const struct address *b, uint8_t length)
{
	unsigned host_bits = (unsigned)(8 * address_length(a->family)) - length;

	if (a->family != b->family) {
		return false;
	}
	if (length == 0) {
		return true; // a shift by the full width would be undefined
	}
	return address_number(a) >> host_bits == address_number(b) >> host_bits;
}

bool address_is_unicast(const struct address *address)
{
	static const struct address unspecified = {.family = ADDRESS_IPV6};

	if (address->family == ADDRESS_IPV4) {
		return address->bytes[0] != 0 && address->bytes[0] < 224;
	}
	return address->family == ADDRESS_IPV6 && address->bytes[0] != 0xff &&
	       !address_equal(address, &unspecified);
}

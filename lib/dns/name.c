#include "name.h"

#include "base/units.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_SIZE_MAX (4 * DNS_NAME_SIZE_MAX) // every octet as \DDD
#define TYPE_SIZE_MAX 16

static const char *status_reason(ldns_status status)
{
	switch (status) {
	case LDNS_STATUS_LABEL_OVERFLOW:
		return "has a label of more than 63 octets; 63 is what DNS allows";
	case LDNS_STATUS_DOMAINNAME_OVERFLOW:
		return "is longer than a name may be: 255 octets, with one a label for its length and one "
		       "for the root";
	case LDNS_STATUS_EMPTY_LABEL:
		return "has an empty label; write one dot between labels and none before the first";
	case LDNS_STATUS_SYNTAX_BAD_ESCAPE:
		return "has a bad escape; allowed are \\DDD, three decimal digits up to 255, and \\X for any "
		       "X but a digit";
	default:
		return ldns_get_errorstr_by_id(status);
	}
}

// ldns bounds neither the last label nor the whole to the octet: look again.
static ldns_status check_wire(const uint8_t *wire, size_t length)
{
	size_t at = 0;

	if (length > DNS_NAME_SIZE_MAX) {
		return LDNS_STATUS_DOMAINNAME_OVERFLOW;
	}
	while (at < length && wire[at] != 0) {
		if (wire[at] > DNS_LABEL_SIZE_MAX) {
			return LDNS_STATUS_LABEL_OVERFLOW;
		}
		at += 1u + wire[at];
	}
	return at + 1 == length ? LDNS_STATUS_OK : LDNS_STATUS_EMPTY_LABEL;
}

size_t dns_name_parse(const char *text, size_t length, uint8_t wire[DNS_NAME_SIZE_MAX], const char **reason)
{
	char copy[TEXT_SIZE_MAX + 1];
	ldns_rdf *name = NULL;
	ldns_status status;
	size_t size = 0;

	if (length > TEXT_SIZE_MAX) {
		*reason = status_reason(LDNS_STATUS_DOMAINNAME_OVERFLOW);
		return 0;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	status = ldns_str2rdf_dname(&name, copy);
	if (status == LDNS_STATUS_OK) {
		status = check_wire(ldns_rdf_data(name), ldns_rdf_size(name));
	}
	if (status == LDNS_STATUS_OK) {
		size = ldns_rdf_size(name);
		memcpy(wire, ldns_rdf_data(name), size);
	} else {
		*reason = status_reason(status);
	}
	ldns_rdf_deep_free(name);
	return size;
}

int dns_type_parse(const char *text, size_t length, uint16_t *type)
{
	char copy[TYPE_SIZE_MAX + 1];
	uint64_t number;

	if (length == 0 || length > TYPE_SIZE_MAX) {
		return -EINVAL;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strncasecmp(copy, "TYPE", 4) == 0) { // ldns would take TYPE1x, TYPE-5 and TYPE65537
		if (units_parse_unsigned(copy + 4, 0, UINT16_MAX, &number) < 0) {
			return -EINVAL;
		}
		*type = (uint16_t)number;
		return 0;
	}
	*type = (uint16_t)ldns_get_rr_type_by_name(copy);
	return *type != 0 ? 0 : -EINVAL;
}

const char *dns_quote(const char *text, size_t length, char buffer[DNS_QUOTE_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (used + sizeof("\\DDD...") > DNS_QUOTE_SIZE) {
			used += (size_t)snprintf(buffer + used, DNS_QUOTE_SIZE - used, "...");
			break;
		}
		if (c >= 0x20 && c < 0x7f) {
			buffer[used++] = (char)c;
		} else {
			used += (size_t)snprintf(buffer + used, DNS_QUOTE_SIZE - used, "\\%03u", c);
		}
	}
	buffer[used] = '\0';
	return buffer;
}

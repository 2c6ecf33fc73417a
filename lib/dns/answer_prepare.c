#include "base/cursor.h"
#include "dns/answer.h"

#include <errno.h>
#include <stdlib.h>

#define OPTION_HEADER_SIZE 4u

/** The addresses of one family as records. False when memory is out. */
static bool make_records(struct dns_answer_records *records, const struct dns_answer_options *options,
                         uint8_t family)
{
	uint16_t length = (uint16_t)address_length(family);
	struct cursor cursor;

	*records = (struct dns_answer_records){.size = family == ADDRESS_IPV4 ? DNS_ANSWER_IPV4_SIZE
	                                                                      : DNS_ANSWER_IPV6_SIZE};
	for (uint32_t i = 0; i < options->address_count; i++) {
		records->count += options->addresses[i].family == family;
	}
	if (records->count == 0) {
		return true;
	}
	records->octets = calloc(records->count, records->size);
	if (records->octets == NULL) {
		return false;
	}
	cursor = cursor_writer(records->octets, (size_t)records->count * records->size);
	for (uint32_t i = 0; i < options->address_count; i++) {
		if (options->addresses[i].family != family) {
			continue;
		}
		cursor_put_u16(&cursor, 0xc000 | DNS_HEADER_SIZE); // the question's name
		cursor_put_u16(&cursor, family == ADDRESS_IPV4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
		cursor_put_u16(&cursor, DNS_CLASS_IN);
		cursor_put_u32(&cursor, options->ttl);
		cursor_put_u16(&cursor, length);
		cursor_put(&cursor, options->addresses[i].bytes, length);
	}
	return true;
}

/** The option that names the server. False when memory is out. */
static bool make_nsid(struct dns_answer *answer, const struct dns_answer_options *options)
{
	struct cursor cursor;

	// A longer one fits into no reply.
	if (options->nsid == NULL || options->nsid_length > UINT16_MAX - OPTION_HEADER_SIZE) {
		return true;
	}
	answer->nsid_length = (uint16_t)(OPTION_HEADER_SIZE + options->nsid_length);
	answer->nsid = malloc(answer->nsid_length);
	if (answer->nsid == NULL) {
		return false;
	}
	cursor = cursor_writer(answer->nsid, answer->nsid_length);
	cursor_put_u16(&cursor, DNS_EDNS_NSID);
	cursor_put_u16(&cursor, options->nsid_length);
	cursor_put(&cursor, options->nsid, options->nsid_length);
	return true;
}

int dns_answer_prepare(struct dns_answer *answer, const struct dns_answer_options *options)
{
	*answer = (struct dns_answer){.flags = DNS_FLAG_RESPONSE, .rcode = options->rcode};
	answer->flags |= options->authoritative ? DNS_FLAG_AUTHORITATIVE : 0;
	answer->flags |= options->recursion_available ? DNS_FLAG_RECURSION_AVAILABLE : 0;
	answer->edns_size = options->edns_size != 0 ? options->edns_size : DNS_EDNS_SIZE_DEFAULT;
	if (!make_records(&answer->ipv4, options, ADDRESS_IPV4) ||
	    !make_records(&answer->ipv6, options, ADDRESS_IPV6) || !make_nsid(answer, options)) {
		dns_answer_free(answer);
		return -ENOMEM;
	}
	return 0;
}

void dns_answer_free(struct dns_answer *answer)
{
	free(answer->ipv4.octets);
	free(answer->ipv6.octets);
	free(answer->nsid);
	*answer = (struct dns_answer){0};
}

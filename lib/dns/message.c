#include "message.h"

#include <string.h>

static void put_option(struct cursor *cursor, uint16_t code, const void *bytes, uint16_t length)
{
	cursor_put_u16(cursor, code);
	cursor_put_u16(cursor, length);
	cursor_put(cursor, bytes, length);
}

// RFC 7871 6: family, source prefix length, scope 0, and as many octets as the prefix needs, the bits beyond
// it zero.
static void put_client_subnet(struct cursor *cursor, const struct dns_client_subnet *subnet)
{
	uint8_t bytes[4 + sizeof(subnet->address.bytes)] = {0};
	size_t octets = (subnet->prefix_length + 7u) / 8;

	if (octets > address_length(subnet->address.family)) {
		octets = address_length(subnet->address.family);
	}
	bytes[1] = subnet->address.family == ADDRESS_IPV6 ? 2 : 1;
	bytes[2] = subnet->prefix_length;
	memcpy(bytes + 4, subnet->address.bytes, octets);
	if (subnet->prefix_length % 8 != 0) {
		bytes[4 + octets - 1] &= (uint8_t)(0xff00 >> (subnet->prefix_length % 8));
	}
	put_option(cursor, DNS_EDNS_CLIENT_SUBNET, bytes, (uint16_t)(4 + octets));
}

static void put_opt_record(struct cursor *cursor, const struct dns_query_options *options,
                           const struct dns_client_subnet *subnet, bool dnssec_ok)
{
	struct cursor length;
	size_t start;

	cursor_put_u8(cursor, 0); // owner: the root
	cursor_put_u16(cursor, DNS_TYPE_OPT);
	cursor_put_u16(cursor, options->edns_size);
	cursor_put_u16(cursor, 0); // extended rcode, version
	cursor_put_u16(cursor, dnssec_ok ? DNS_EDNS_FLAG_DO : 0);
	length = *cursor;
	cursor_put_u16(cursor, 0);
	start = cursor->position;
	if (options->nsid) {
		put_option(cursor, DNS_EDNS_NSID, NULL, 0);
	}
	if (subnet->present) {
		put_client_subnet(cursor, subnet);
	}
	for (uint32_t i = 0; i < options->option_count; i++) {
		put_option(cursor, options->options[i].code, options->options[i].bytes,
		           options->options[i].length);
	}
	cursor_put_u16(&length, (uint16_t)(cursor->position - start));
}

uint16_t dns_message_build(uint8_t *out, const uint8_t *name, size_t name_length, uint16_t type,
                           const struct dns_query_options *options, const struct dns_line_options *line)
{
	static const struct dns_line_options nothing;
	const struct dns_client_subnet *subnet;
	struct cursor cursor = cursor_writer(out, DNS_MESSAGE_SIZE_MAX);
	bool dnssec_ok, opt;

	line = line != NULL ? line : &nothing;
	subnet = line->client_subnet.present ? &line->client_subnet : &options->client_subnet;
	dnssec_ok = options->dnssec_ok || line->dnssec_ok;
	opt = options->edns || line->edns || dnssec_ok || options->nsid || subnet->present ||
	      options->option_count > 0;

	cursor_put_u16(&cursor, 0); // id
	cursor_put_u16(&cursor, options->recursion_desired ? DNS_FLAG_RECURSION_DESIRED : 0);
	cursor_put_u16(&cursor, 1); // QDCOUNT
	cursor_put_u32(&cursor, 0); // ANCOUNT, NSCOUNT
	cursor_put_u16(&cursor, opt ? 1 : 0);
	cursor_put(&cursor, name, name_length);
	cursor_put_u16(&cursor, type);
	cursor_put_u16(&cursor, DNS_CLASS_IN);
	if (opt) {
		put_opt_record(&cursor, options, subnet, dnssec_ok);
	}
	return (uint16_t)cursor.position;
}

uint32_t dns_message_sum(const uint8_t *data, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2) {
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	}
	if (length % 2 != 0) {
		sum += (uint32_t)data[length - 1] << 8;
	}
	while (sum > 0xffff) { // at most 2^15 words: 31 bits
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

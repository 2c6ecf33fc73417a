#include "builder.h"
#include "dns/label.h"
#include "dns/query.h"
#include "message.h"
#include "name.h"

#include "base/random.h"

#include <errno.h>
#include <string.h>

static int generate_error(struct error *error, const char *text, const char *reason)
{
	char quote[DNS_QUOTE_SIZE];

	return error_set(error, -EINVAL, "'%s' %s", dns_quote(text, strlen(text), quote), reason);
}

// The template's name: a label of zero octets and the zone. Returns its octets, 0 when it would be too long.
static size_t template_name(uint8_t name[DNS_NAME_SIZE_MAX], uint8_t label_length, const uint8_t *zone,
                            size_t zone_length)
{
	if (1u + label_length + zone_length > DNS_NAME_SIZE_MAX) {
		return 0;
	}
	memset(name, 0, 1u + label_length);
	name[0] = label_length;
	memcpy(name + 1 + label_length, zone, zone_length);
	return 1u + label_length + zone_length;
}

int dns_query_set_generate(struct dns_query_set **out, const char *zone, const char *type_text,
                           enum dns_generated generated, uint8_t label_length, uint64_t seed,
                           const struct dns_query_options *options, struct error *error)
{
	uint8_t message[DNS_MESSAGE_SIZE_MAX], zone_wire[DNS_NAME_SIZE_MAX], name[DNS_NAME_SIZE_MAX];
	struct dns_builder builder = {0};
	const char *reason = NULL;
	size_t zone_length, name_length;
	uint16_t type;

	*out = NULL;
	label_length = label_length == 0 ? DNS_LABEL_LENGTH_DEFAULT : label_length;
	if (generated != DNS_GENERATED_RANDOM && generated != DNS_GENERATED_COUNTING) {
		return error_set(error, -EINVAL, "names are generated either random or counting");
	}
	if (label_length < DNS_LABEL_LENGTH_MIN || label_length > DNS_LABEL_LENGTH_MAX) {
		return error_set(error, -EINVAL,
		                 "a generated label of %u characters is not possible; choose %u to %u",
		                 label_length, DNS_LABEL_LENGTH_MIN, DNS_LABEL_LENGTH_MAX);
	}
	zone_length = dns_name_parse(zone, strlen(zone), zone_wire, &reason);
	if (zone_length == 0) {
		return generate_error(error, zone, reason);
	}
	if (dns_type_parse(type_text, strlen(type_text), &type) < 0) {
		return generate_error(error, type_text,
		                      "is not a query type; write one such as A, AAAA, HTTPS or TYPE65");
	}
	name_length = template_name(name, label_length, zone_wire, zone_length);
	if (name_length == 0) {
		return generate_error(
		        error, zone, "leaves no room for the generated label: a name has at most 255 octets");
	}
	if (dns_builder_add(&builder, message,
	                    dns_message_build(message, name, name_length, type, options, NULL),
	                    (uint16_t)(name_length + 4), 0) < 0 ||
	    (*out = dns_builder_finish(&builder)) == NULL) {
		dns_builder_discard(&builder);
		return error_set(error, -ENOMEM, "no memory for a query");
	}
	(*out)->generated = generated;
	(*out)->label_offset = DNS_HEADER_SIZE + 1;
	(*out)->label_length = label_length;
	(*out)->label_mask = (UINT64_C(1) << (5 * label_length)) - 1;
	(*out)->label_seed = random_mix(seed);
	return 0;
}

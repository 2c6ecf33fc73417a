// One value of each type: from JSON (or an option's text) to the field, and what to say when it is none.
#include "keys.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/craft.h"

static const char *found(const json_t *value, char *buffer, size_t size)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		snprintf(buffer, size, "\"%.60s\"", json_string_value(value));
		return buffer;
	case JSON_INTEGER:
		snprintf(buffer, size, "%lld", (long long)json_integer_value(value));
		return buffer;
	case JSON_REAL:
		snprintf(buffer, size, "%.12g", json_real_value(value));
		return buffer;
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	case JSON_ARRAY:
		return "a list";
	default:
		return "an object";
	}
}

static int refuse(const struct config_key *key, const json_t *value, struct error *error)
{
	char is[96], allowed[320];

	return error_set(error, -EINVAL, "found %s; allowed is %s", found(value, is, sizeof(is)),
	                 config_value_allowed(key, allowed, sizeof(allowed)));
}

static bool in_bounds(const struct config_key *key, double number)
{
	return (key->min == 0 && key->max == 0) || (number >= key->min && number <= key->max);
}

static void store_unsigned(const struct config_key *key, uint64_t number, void *to)
{
	// Through a value of the field's own width: the table works on any byte order.
	switch (key->size) {
	case 1:
		*(uint8_t *)to = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)to = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)to = (uint32_t)number;
		break;
	default:
		*(uint64_t *)to = number;
	}
}

static int parse_text(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);
	char *copy;

	if (text == NULL || text[0] == '\0') {
		return refuse(key, value, error);
	}
	copy = strdup(text);
	if (copy == NULL) {
		return error_set(error, -ENOMEM, "no memory for a text");
	}
	*(char **)to = copy;
	return 0;
}

static int parse_name(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);

	if (text == NULL || text[0] == '\0' || strlen(text) >= key->size) {
		return refuse(key, value, error);
	}
	snprintf((char *)to, key->size, "%s", text);
	return 0;
}

static int parse_bool(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_boolean(value)) {
		return refuse(key, value, error);
	}
	*(bool *)to = json_is_true(value);
	return 0;
}

static int parse_integer(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    !in_bounds(key, (double)json_integer_value(value))) {
		return refuse(key, value, error);
	}
	store_unsigned(key, (uint64_t)json_integer_value(value), to);
	return 0;
}

static int parse_seed(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	uint64_t number;

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*(uint64_t *)to = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (!json_is_string(value) ||
	    units_parse_unsigned(json_string_value(value), 0, UINT64_MAX, &number) < 0) {
		return refuse(key, value, error);
	}
	*(uint64_t *)to = number;
	return 0;
}

static int parse_number(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	double number;

	if (json_is_number(value)) {
		number = json_number_value(value);
	} else if (key->type != CONFIG_COUNT || !json_is_string(value) ||
	           units_parse_count(json_string_value(value), &number) < 0) {
		return refuse(key, value, error);
	}
	if (!isfinite(number) || !in_bounds(key, number)) {
		return refuse(key, value, error);
	}
	if (key->type == CONFIG_COUNT && floor(number) != number) {
		return refuse(key, value, error);
	}
	*(double *)to = number;
	return 0;
}

// A number of seconds, or text with a unit.
static int duration(const json_t *value, ns_t *out)
{
	if (json_is_string(value)) {
		return units_parse_duration(json_string_value(value), NS_PER_SEC, out);
	}
	if (!json_is_number(value) || !(json_number_value(value) >= 0) || json_number_value(value) > 9.2e9) {
		return -EINVAL;
	}
	*out = (ns_t)(json_number_value(value) * (double)NS_PER_SEC + 0.5);
	return 0;
}

static int parse_duration(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	ns_t time;

	if (duration(value, &time) < 0 || !in_bounds(key, ns_to_seconds(time))) {
		return refuse(key, value, error);
	}
	*(ns_t *)to = time;
	return 0;
}

static int parse_choice(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);

	for (unsigned i = 0; text != NULL && key->choice(i) != NULL; i++) {
		if (strcmp(text, key->choice(i)) == 0) {
			*(uint32_t *)to = i;
			return 0;
		}
	}
	return refuse(key, value, error);
}

static int parse_address(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct address address;

	if (!json_is_string(value) || address_parse(json_string_value(value), &address) < 0 ||
	    !address_is_unicast(&address)) {
		return refuse(key, value, error);
	}
	*(struct address *)to = address;
	return 0;
}

// One element of a value that may be a string or a list of strings.
static const json_t *element(const json_t *value, size_t index, size_t *count)
{
	*count = json_is_array(value) ? json_array_size(value) : 1;
	return json_is_array(value) ? json_array_get(value, index) : value;
}

static int parse_addresses(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_addresses *list = to;
	size_t count;

	element(value, 0, &count);
	list->items = calloc(count > 0 ? count : 1, sizeof(*list->items));
	if (list->items == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu addresses", count);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (!json_is_string(item) || address_parse(json_string_value(item), &list->items[i]) < 0) {
			return refuse(key, item, error);
		}
		list->count++;
	}
	return 0;
}

static int parse_ranges(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_ranges *ranges = to;
	size_t count;
	int rc;

	if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0) {
		ranges->automatic = true;
		return 0;
	}
	element(value, 0, &count);
	if (count == 0) {
		return refuse(key, value, error);
	}
	ranges->items = calloc(count, sizeof(*ranges->items));
	if (ranges->items == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu address ranges", count);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (!json_is_string(item)) {
			return refuse(key, item, error);
		}
		rc = address_range_parse(json_string_value(item), true, &ranges->items[i], error);
		if (rc < 0) {
			return rc;
		}
		ranges->count++;
	}
	return 0;
}

static int parse_ports(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_string(value)) {
		return refuse(key, value, error);
	}
	return flow_ports_parse(to, json_string_value(value), error);
}

static int parse_reuse(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_reuse *reuse = to;
	const char *text = json_string_value(value);
	const char *dots = text != NULL ? strstr(text, "..") : NULL;
	char low[32];

	if (dots == NULL) {
		return duration(value, &reuse->low) < 0 ? refuse(key, value, error) : 0;
	}
	if ((size_t)(dots - text) >= sizeof(low)) {
		return refuse(key, value, error);
	}
	memcpy(low, text, (size_t)(dots - text));
	low[dots - text] = '\0';
	if (units_parse_duration(low, NS_PER_SEC, &reuse->low) < 0 ||
	    units_parse_duration(dots + 2, NS_PER_SEC, &reuse->high) < 0 || reuse->high <= reuse->low) {
		return refuse(key, value, error);
	}
	return 0;
}

// Kept as text: the profile itself is made when all is known.
static int parse_rate(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	char text[64];
	struct load_profile profile;
	char *copy;
	int rc;

	if (json_is_number(value)) {
		snprintf(text, sizeof(text), "%.17g", json_number_value(value));
		if (!(json_number_value(value) >= 0)) {
			return refuse(key, value, error);
		}
	} else if (!json_is_string(value)) {
		return refuse(key, value, error);
	}
	copy = strdup(json_is_string(value) ? json_string_value(value) : text);
	if (copy == NULL) {
		return error_set(error, -ENOMEM, "no memory for a rate profile");
	}
	*(char **)to = copy;
	rc = load_profile_parse(&profile, copy, "", error);
	load_profile_free(&profile);
	return rc;
}

static int parse_timeouts(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_timeouts *timeouts = to;
	size_t count = json_is_array(value) ? json_array_size(value) : 1;

	if (count == 0 || count > STATS_TIMEOUTS) {
		return error_set(error, -EINVAL, "found %zu timeouts; allowed are 1 to %d", count,
		                 STATS_TIMEOUTS);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (duration(item, &timeouts->items[i]) < 0 || timeouts->items[i] < NS_PER_US ||
		    !in_bounds(key, ns_to_seconds(timeouts->items[i]))) {
			return refuse(key, item, error);
		}
		for (size_t j = 0; j < i; j++) {
			if (timeouts->items[j] == timeouts->items[i]) {
				return error_set(error, -EINVAL,
				                 "the same timeout stands there twice; leave one out");
			}
		}
		timeouts->count++;
	}
	return 0;
}

static int parse_edns(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_edns *edns = to;
	size_t count;
	int rc;

	element(value, 0, &count);
	if (count > DNS_EDNS_OPTIONS_MAX) {
		return error_set(error, -EINVAL, "found %zu EDNS options; allowed are %d at the most", count,
		                 DNS_EDNS_OPTIONS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (!json_is_string(item)) {
			return refuse(key, item, error);
		}
		rc = dns_edns_option_parse(json_string_value(item), &edns->items[i], error);
		if (rc < 0) {
			return rc;
		}
		edns->count++;
	}
	return 0;
}

static int parse_subnet(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_subnet *subnet = to;

	if (!json_is_string(value) || address_prefix_parse(json_string_value(value), &subnet->subnet.address,
	                                                   &subnet->subnet.prefix_length) < 0) {
		return refuse(key, value, error);
	}
	subnet->subnet.present = true;
	return 0;
}

static int parse_mac(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct plan_mac *mac = to;
	unsigned b[6];
	char end;

	if (!json_is_string(value) || strlen(json_string_value(value)) != 17 ||
	    strspn(json_string_value(value), "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(json_string_value(value), "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4],
	           &b[5], &end) != 6) {
		return refuse(key, value, error);
	}
	for (unsigned i = 0; i < 6; i++) {
		mac->bytes[i] = (uint8_t)b[i];
	}
	if ((mac->bytes[0] & 1) != 0 || (b[0] | b[1] | b[2] | b[3] | b[4] | b[5]) == 0) {
		return error_set(
		        error, -EINVAL,
		        "%s is a group's address or no station's; allowed is the MAC address of one station",
		        json_string_value(value));
	}
	mac->present = true;
	return 0;
}

static int parse_vlan(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (json_is_string(value) && strcmp(json_string_value(value), "none") == 0) {
		*(uint16_t *)to = PACKET_VLAN_NONE;
		return 0;
	}
	return parse_integer(key, value, to, error);
}

static void release_pointer(void *to)
{
	free(*(void **)to);
	*(void **)to = NULL;
}

/** How a type is parsed, freed and called. */
static const struct {
	int (*parse)(const struct config_key *key, const json_t *value, void *to, struct error *error);
	void (*release)(void *to); ///< the owned pointer is the field's first member
	const char *allowed;
} types[CONFIG_TYPES] = {
        [CONFIG_TEXT] = {parse_text, release_pointer, "a text that is not empty"},
        [CONFIG_NAME] = {parse_name, NULL, "a name"},
        [CONFIG_BOOL] = {parse_bool, NULL, "true or false"},
        [CONFIG_INTEGER] = {parse_integer, NULL, "an integer"},
        [CONFIG_SEED] = {parse_seed, NULL, "an integer of 0 to 2^64 - 1, from 2^63 on as a string"},
        [CONFIG_COUNT] = {parse_number, NULL,
                          "a whole number, or text with a unit such as \"100k\" or \"1.5M\""},
        [CONFIG_NUMBER] = {parse_number, NULL, "a number"},
        [CONFIG_DURATION] = {parse_duration, NULL,
                             "a duration such as \"500ms\", \"10s\", \"5m\", or a number of seconds"},
        [CONFIG_CHOICE] = {parse_choice, NULL, "one of"},
        [CONFIG_ADDRESS] = {parse_address, NULL, "the IPv4 or IPv6 address of one host, e.g. \"10.96.0.10\""},
        [CONFIG_ADDRESSES] = {parse_addresses, release_pointer, "an IPv4 or IPv6 address, or a list of them"},
        [CONFIG_RANGES] =
                {parse_ranges, release_pointer,
                 "an address, a prefix (\"192.0.2.0/24\"), a range (\"192.0.2.10-192.0.2.20\"), a list of "
                 "these, or \"auto\""},
        [CONFIG_PORTS] = {parse_ports, NULL, "a text of ports and ranges, e.g. \"32768-60999,!40000\""},
        [CONFIG_REUSE] = {parse_reuse, NULL,
                          "a duration (\"10s\"), or for policy sweep two (\"1s..300s\"), the shorter first"},
        [CONFIG_RATE] = {parse_rate, release_pointer,
                         "a number of queries a second, \"100k\", \"max\", or a profile such as \"60s 0 "
                         "100k, forever "
                         "100k\""},
        [CONFIG_TIMEOUTS] = {parse_timeouts, NULL, "a duration such as \"500ms\", or a list of them"},
        [CONFIG_EDNS] = {parse_edns, NULL, "an EDNS option \"code:hex\", or a list of them"},
        [CONFIG_SUBNET] = {parse_subnet, NULL, "an address and a prefix length, e.g. \"203.0.113.0/24\""},
        [CONFIG_MAC] = {parse_mac, NULL, "a MAC address, e.g. \"02:00:00:00:00:01\""},
        [CONFIG_VLAN] = {parse_vlan, NULL, "a VLAN identifier, or \"none\""},
};

int config_value_parse(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	return types[key->type].parse(key, value, to, error);
}

void config_value_release(const struct config_key *key, void *to)
{
	if (types[key->type].release != NULL) {
		types[key->type].release(to);
	}
}

int config_value_check(const struct config_key *key, const json_t *value, struct error *error)
{
	void *scratch = calloc(1, key->size);
	int rc;

	if (scratch == NULL) {
		return error_set(error, -ENOMEM, "no memory for %s", key->path);
	}
	rc = config_value_parse(key, value, scratch, error);
	config_value_release(key, scratch);
	free(scratch);
	return rc;
}

bool config_type_appends(enum config_type type)
{
	return type == CONFIG_EDNS;
}

static bool is_list(enum config_type type)
{
	return type == CONFIG_TIMEOUTS || type == CONFIG_RANGES || type == CONFIG_ADDRESSES ||
	       type == CONFIG_EDNS;
}

static json_t *split(const char *text)
{
	json_t *list = json_array();

	for (const char *p = text; list != NULL; p++) {
		size_t length = strcspn(p, ",");

		if (json_array_append_new(list, json_stringn(p, length)) < 0) {
			json_decref(list);
			return NULL;
		}
		p += length;
		if (*p == '\0') {
			break;
		}
	}
	return list;
}

json_t *config_value_from_text(const struct config_key *key, const char *text)
{
	uint64_t number;
	double real;

	switch (key->type) {
	case CONFIG_BOOL:
		return strcmp(text, "true") == 0    ? json_true()
		       : strcmp(text, "false") == 0 ? json_false()
		                                    : json_string(text);
	case CONFIG_INTEGER:
	case CONFIG_SEED:
	case CONFIG_VLAN:
		if (units_parse_unsigned(text, 0, INT64_MAX, &number) == 0) {
			return json_integer((json_int_t)number);
		}
		return json_string(text);
	case CONFIG_NUMBER:
		if (units_parse_count(text, &real) == 0) {
			return json_real(real);
		}
		return json_string(text);
	default:
		return is_list(key->type) && strchr(text, ',') != NULL ? split(text) : json_string(text);
	}
}

const char *config_value_allowed(const struct config_key *key, char *buffer, size_t size)
{
	size_t used = (size_t)snprintf(buffer, size, "%s", types[key->type].allowed);

	if (key->type == CONFIG_CHOICE) {
		for (unsigned i = 0; key->choice(i) != NULL && used < size; i++) {
			used += (size_t)snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : " ",
			                         key->choice(i));
		}
	} else if (key->type == CONFIG_NAME) {
		snprintf(buffer + used, size - used, " of 1 to %zu characters", key->size - 1);
	} else if (key->min != 0 || key->max != 0) {
		bool seconds = key->type == CONFIG_DURATION || key->type == CONFIG_TIMEOUTS;

		snprintf(buffer + used, size - used, "%s %.12g to %.12g%s", seconds ? ", from" : " of",
		         key->min, key->max, seconds ? " s" : "");
	}
	return buffer;
}

static json_t *schema_of(const char *type)
{
	return json_pack("{s:s}", "type", type);
}

static json_t *schema_either(json_t *first, json_t *second)
{
	return json_pack("{s:[o,o]}", "anyOf", first, second);
}

static void schema_bounds(json_t *schema, const struct config_key *key)
{
	if (key->min != 0 || key->max != 0) {
		json_object_set_new(schema, "minimum", json_real(key->min));
		json_object_set_new(schema, "maximum", json_real(key->max));
	}
}

json_t *config_value_schema(const struct config_key *key)
{
	json_t *schema, *names;

	switch (key->type) {
	case CONFIG_BOOL:
		return schema_of("boolean");
	case CONFIG_INTEGER:
		schema = schema_of("integer");
		json_object_set_new(schema, "minimum", json_integer((json_int_t)key->min));
		if (key->max > 0) {
			json_object_set_new(schema, "maximum", json_integer((json_int_t)key->max));
		}
		return schema;
	case CONFIG_NUMBER:
		schema = schema_of("number");
		schema_bounds(schema, key);
		return schema;
	case CONFIG_COUNT:
	case CONFIG_SEED:
	case CONFIG_DURATION:
	case CONFIG_RATE:
	case CONFIG_VLAN:
	case CONFIG_REUSE:
		return schema_either(schema_of("number"), schema_of("string"));
	case CONFIG_CHOICE:
		names = json_array();
		for (unsigned i = 0; key->choice(i) != NULL; i++) {
			json_array_append_new(names, json_string(key->choice(i)));
		}
		return json_pack("{s:o}", "enum", names);
	case CONFIG_TIMEOUTS:
		return json_pack("{s:[{s:s},{s:s},{s:s,s:{s:[{s:s},{s:s}]}}]}", "anyOf", "type", "number",
		                 "type", "string", "type", "array", "items", "anyOf", "type", "number",
		                 "type", "string");
	case CONFIG_ADDRESSES:
	case CONFIG_RANGES:
	case CONFIG_EDNS:
		return json_pack("{s:[{s:s},{s:s,s:{s:s}}]}", "anyOf", "type", "string", "type", "array",
		                 "items", "type", "string");
	default:
		return schema_of("string");
	}
}

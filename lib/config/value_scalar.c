// Values that are one number, name or address: from JSON to the field, and what to say when they are none.
#include "value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int config_refuse(const struct config_key *key, const json_t *value, struct error *error)
{
	char is[96], allowed[320];

	return error_set(error, -EINVAL, "found %s; allowed is %s", found(value, is, sizeof(is)),
	                 config_value_allowed(key, allowed, sizeof(allowed)));
}

bool config_in_bounds(const struct config_key *key, double number)
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

int config_parse_text(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);
	char *copy;

	if (text == NULL || text[0] == '\0') {
		return config_refuse(key, value, error);
	}
	copy = strdup(text);
	if (copy == NULL) {
		return error_set(error, -ENOMEM, "no memory for a text");
	}
	*(char **)to = copy;
	return 0;
}

int config_parse_name(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);

	if (text == NULL || text[0] == '\0' || strlen(text) >= key->size) {
		return config_refuse(key, value, error);
	}
	snprintf((char *)to, key->size, "%s", text);
	return 0;
}

int config_parse_bool(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_boolean(value)) {
		return config_refuse(key, value, error);
	}
	*(bool *)to = json_is_true(value);
	return 0;
}

int config_parse_integer(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    !config_in_bounds(key, (double)json_integer_value(value))) {
		return config_refuse(key, value, error);
	}
	store_unsigned(key, (uint64_t)json_integer_value(value), to);
	return 0;
}

int config_parse_seed(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	uint64_t number;

	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*(uint64_t *)to = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (!json_is_string(value) ||
	    units_parse_unsigned(json_string_value(value), 0, UINT64_MAX, &number) < 0) {
		return config_refuse(key, value, error);
	}
	*(uint64_t *)to = number;
	return 0;
}

int config_parse_number(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	double number;

	if (json_is_number(value)) {
		number = json_number_value(value);
	} else if (key->type != CONFIG_COUNT || !json_is_string(value) ||
	           units_parse_count(json_string_value(value), &number) < 0) {
		return config_refuse(key, value, error);
	}
	if (!isfinite(number) || !config_in_bounds(key, number)) {
		return config_refuse(key, value, error);
	}
	if (key->type == CONFIG_COUNT && floor(number) != number) {
		return config_refuse(key, value, error);
	}
	*(double *)to = number;
	return 0;
}

// A number of seconds, or text with a unit.
int config_duration(const json_t *value, ns_t *out)
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

int config_parse_duration(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	ns_t time;

	if (config_duration(value, &time) < 0 || !config_in_bounds(key, ns_to_seconds(time))) {
		return config_refuse(key, value, error);
	}
	*(ns_t *)to = time;
	return 0;
}

int config_parse_choice(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	const char *text = json_string_value(value);

	for (unsigned i = 0; text != NULL && key->choice(i) != NULL; i++) {
		if (strcmp(text, key->choice(i)) == 0) {
			*(uint32_t *)to = i;
			return 0;
		}
	}
	return config_refuse(key, value, error);
}

int config_parse_address(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct address address;

	if (!json_is_string(value) || address_parse(json_string_value(value), &address) < 0 ||
	    !address_is_unicast(&address)) {
		return config_refuse(key, value, error);
	}
	*(struct address *)to = address;
	return 0;
}

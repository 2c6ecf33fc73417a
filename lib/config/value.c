// The types: how each is parsed, freed and called, and the JSON that an option's text stands for.
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        [CONFIG_TEXT] = {config_parse_text, release_pointer, "a text that is not empty"},
        [CONFIG_NAME] = {config_parse_name, NULL, "a name"},
        [CONFIG_BOOL] = {config_parse_bool, NULL, "true or false"},
        [CONFIG_INTEGER] = {config_parse_integer, NULL, "an integer"},
        [CONFIG_SEED] = {config_parse_seed, NULL, "an integer of 0 to 2^64 - 1, from 2^63 on as a string"},
        [CONFIG_COUNT] = {config_parse_number, NULL,
                          "a whole number, or text with a unit such as \"100k\" or \"1.5M\""},
        [CONFIG_NUMBER] = {config_parse_number, NULL, "a number"},
        [CONFIG_DURATION] = {config_parse_duration, NULL,
                             "a duration such as \"500ms\", \"10s\", \"5m\", or a number of seconds"},
        [CONFIG_CHOICE] = {config_parse_choice, NULL, "one of"},
        [CONFIG_ADDRESS] = {config_parse_address, NULL,
                            "the IPv4 or IPv6 address of one host, e.g. \"10.96.0.10\""},
        [CONFIG_ADDRESSES] = {config_parse_addresses, release_pointer,
                              "an IPv4 or IPv6 address, or a list of them"},
        [CONFIG_RANGES] =
                {config_parse_ranges, release_pointer,
                 "an address, a prefix (\"192.0.2.0/24\"), a range (\"192.0.2.10-192.0.2.20\"), a list of "
                 "these, or \"auto\""},
        [CONFIG_PORTS] = {config_parse_ports, NULL,
                          "a text of ports and ranges, e.g. \"32768-60999,!40000\""},
        [CONFIG_REUSE] = {config_parse_reuse, NULL,
                          "a duration (\"10s\"), or for policy sweep two (\"1s..300s\"), the shorter first"},
        [CONFIG_RATE] = {config_parse_rate, release_pointer,
                         "a number of queries a second, \"100k\", \"max\", or a profile such as \"60s 0 "
                         "100k, forever "
                         "100k\""},
        [CONFIG_TIMEOUTS] = {config_parse_timeouts, NULL, "a duration such as \"500ms\", or a list of them"},
        [CONFIG_EDNS] = {config_parse_edns, NULL, "an EDNS option \"code:hex\", or a list of them"},
        [CONFIG_SUBNET] = {config_parse_subnet, NULL,
                           "an address and a prefix length, e.g. \"203.0.113.0/24\""},
        [CONFIG_MAC] = {config_parse_mac, NULL, "a MAC address, e.g. \"02:00:00:00:00:01\""},
        [CONFIG_VLAN] = {config_parse_vlan, NULL, "\"none\", or a VLAN identifier"},
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
		bool apart = seconds || key->type == CONFIG_COUNT;

		snprintf(buffer + used, size - used, "%s %.12g to %.12g%s", apart ? ", from" : " of",
		         key->min, key->max, seconds ? " s" : "");
	}
	return buffer;
}

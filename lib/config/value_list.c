// Values with a grammar of their own: lists, ranges, profiles.
#include "value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet/craft.h"

/** Address ranges of one cohort, at the most: checks compare each with each. */
#define RANGES_MAX 256

// One element of a value that may be a string or a list of strings.
static const json_t *element(const json_t *value, size_t index, size_t *count)
{
	*count = json_is_array(value) ? json_array_size(value) : 1;
	return json_is_array(value) ? json_array_get(value, index) : value;
}

int config_parse_addresses(const struct config_key *key, const json_t *value, void *to, struct error *error)
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
			return config_refuse(key, item, error);
		}
		list->count++;
	}
	return 0;
}

int config_parse_ranges(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_ranges *ranges = to;
	size_t count;
	int rc;

	if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0) {
		ranges->automatic = true;
		return 0;
	}
	element(value, 0, &count);
	if (count == 0 || count > RANGES_MAX) {
		return error_set(error, -EINVAL, "found %zu addresses and ranges; allowed are 1 to %d", count,
		                 RANGES_MAX);
	}
	ranges->items = calloc(count, sizeof(*ranges->items));
	if (ranges->items == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu address ranges", count);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (!json_is_string(item)) {
			return config_refuse(key, item, error);
		}
		rc = address_range_parse(json_string_value(item), true, &ranges->items[i], error);
		if (rc < 0) {
			return rc;
		}
		if (!address_is_unicast(&ranges->items[i].first)) {
			return error_set(error, -EINVAL,
			                 "%s holds addresses that no host can send from; leave them out",
			                 json_string_value(item));
		}
		ranges->count++;
	}
	return 0;
}

int config_parse_ports(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (!json_is_string(value)) {
		return config_refuse(key, value, error);
	}
	return flow_ports_parse(to, json_string_value(value), error);
}

int config_parse_reuse(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_reuse *reuse = to;
	const char *text = json_string_value(value);
	const char *dots = text != NULL ? strstr(text, "..") : NULL;
	char low[32];

	if (dots == NULL) {
		return config_duration(value, &reuse->low) < 0 ? config_refuse(key, value, error) : 0;
	}
	if ((size_t)(dots - text) >= sizeof(low)) {
		return config_refuse(key, value, error);
	}
	memcpy(low, text, (size_t)(dots - text));
	low[dots - text] = '\0';
	if (units_parse_duration(low, NS_PER_SEC, &reuse->low) < 0 ||
	    units_parse_duration(dots + 2, NS_PER_SEC, &reuse->high) < 0 || reuse->high <= reuse->low) {
		return config_refuse(key, value, error);
	}
	return 0;
}

// Kept as text: the profile itself is made when all is known.
int config_parse_rate(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	char text[64];
	struct load_profile profile;
	char *copy;
	int rc;

	if (json_is_number(value)) {
		snprintf(text, sizeof(text), "%.17g", json_number_value(value));
		if (!(json_number_value(value) >= 0)) {
			return config_refuse(key, value, error);
		}
	} else if (!json_is_string(value)) {
		return config_refuse(key, value, error);
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

int config_parse_timeouts(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_timeouts *timeouts = to;
	size_t count = json_is_array(value) ? json_array_size(value) : 1;

	if (count == 0 || count > STATS_TIMEOUTS) {
		return error_set(error, -EINVAL, "found %zu timeouts; allowed are 1 to %d", count,
		                 STATS_TIMEOUTS);
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *item = element(value, i, &count);

		if (config_duration(item, &timeouts->items[i]) < 0 ||
		    !config_in_bounds(key, ns_to_seconds(timeouts->items[i]))) {
			return config_refuse(key, item, error);
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

int config_parse_edns(const struct config_key *key, const json_t *value, void *to, struct error *error)
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
			return config_refuse(key, item, error);
		}
		rc = dns_edns_option_parse(json_string_value(item), &edns->items[i], error);
		if (rc < 0) {
			return rc;
		}
		edns->count++;
	}
	return 0;
}

int config_parse_subnet(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	struct config_subnet *subnet = to;

	if (!json_is_string(value) || address_prefix_parse(json_string_value(value), &subnet->subnet.address,
	                                                   &subnet->subnet.prefix_length) < 0) {
		return config_refuse(key, value, error);
	}
	subnet->subnet.present = true;
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

// Six pairs of hexadecimal digits with colons between.
static bool read_mac(const char *text, uint8_t *bytes)
{
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0')) {
			return false;
		}
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int config_parse_mac(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	static const uint8_t zero[6];
	struct plan_mac *mac = to;

	if (!json_is_string(value) || !read_mac(json_string_value(value), mac->bytes)) {
		return config_refuse(key, value, error);
	}
	if ((mac->bytes[0] & 1) != 0 || memcmp(mac->bytes, zero, sizeof(zero)) == 0) {
		return error_set(
		        error, -EINVAL,
		        "%s is a group's address or no station's; allowed is the MAC address of one station",
		        json_string_value(value));
	}
	mac->present = true;
	return 0;
}

int config_parse_vlan(const struct config_key *key, const json_t *value, void *to, struct error *error)
{
	if (json_is_string(value) && strcmp(json_string_value(value), "none") == 0) {
		*(uint16_t *)to = PACKET_VLAN_NONE;
		return 0;
	}
	return config_parse_integer(key, value, to, error);
}

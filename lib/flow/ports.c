#include "flow/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

void flow_ports_clear(struct flow_ports *ports)
{
	memset(ports, 0, sizeof(*ports));
}

void flow_ports_default(struct flow_ports *ports)
{
	flow_ports_clear(ports);
	flow_ports_add(ports, FLOW_PORTS_DEFAULT_FIRST, FLOW_PORTS_DEFAULT_LAST, NULL);
}

static int check_range(uint16_t first, uint16_t last, struct error *error)
{
	if (first == 0) {
		return error_set(error, -EINVAL, "port 0 can't be a source port; ports go from 1 to 65535");
	}
	if (first > last) {
		return error_set(error, -EINVAL, "port range %u-%u runs backwards; write the lower end first",
		                 first, last);
	}
	return 0;
}

int flow_ports_add(struct flow_ports *ports, uint16_t first, uint16_t last, struct error *error)
{
	int rc = check_range(first, last, error);

	if (rc < 0) {
		return rc;
	}
	for (uint32_t port = first; port <= last; port++) {
		ports->count += !flow_ports_has(ports, (uint16_t)port);
		ports->words[port / 64] |= UINT64_C(1) << (port % 64);
	}
	return 0;
}

int flow_ports_remove(struct flow_ports *ports, uint16_t first, uint16_t last, struct error *error)
{
	int rc = check_range(first, last, error);

	if (rc < 0) {
		return rc;
	}
	for (uint32_t port = first; port <= last; port++) {
		ports->count -= flow_ports_has(ports, (uint16_t)port);
		ports->words[port / 64] &= ~(UINT64_C(1) << (port % 64));
	}
	return 0;
}

// One item without its "!": PORT or FIRST-LAST. Zero is let through here: its own error says more.
static int parse_item(const char *item, uint16_t *first, uint16_t *last)
{
	char first_text[8];
	const char *dash = strchr(item, '-');
	uint64_t a, b;

	if (dash == NULL) {
		if (units_parse_unsigned(item, 0, UINT16_MAX, &a) < 0) {
			return -EINVAL;
		}
		*first = *last = (uint16_t)a;
		return 0;
	}
	if ((size_t)(dash - item) >= sizeof(first_text)) {
		return -EINVAL;
	}
	memcpy(first_text, item, (size_t)(dash - item));
	first_text[dash - item] = '\0';
	if (units_parse_unsigned(first_text, 0, UINT16_MAX, &a) < 0 ||
	    units_parse_unsigned(dash + 1, 0, UINT16_MAX, &b) < 0) {
		return -EINVAL;
	}
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return 0;
}

static int apply_item(struct flow_ports *ports, const char *item, const char *text, struct error *error)
{
	bool removes = item[0] == '!';
	uint16_t first, last;

	if (parse_item(item + removes, &first, &last) < 0) {
		return error_set(error, -EINVAL,
		                 "'%s' in ports '%s' is no port or range; write e.g. 1024-65535,!5353 (1 to "
		                 "65535, ! takes out)",
		                 item, text);
	}
	return removes ? flow_ports_remove(ports, first, last, error)
	               : flow_ports_add(ports, first, last, error);
}

int flow_ports_parse(struct flow_ports *ports, const char *text, struct error *error)
{
	const char *rest = text;

	if (text[0] == '!') {
		flow_ports_default(ports);
	} else {
		flow_ports_clear(ports);
	}
	for (;;) {
		size_t length = strcspn(rest, ",");
		char item[16];
		int rc;

		// Longer than any item can be: cut, so that it is refused by name.
		snprintf(item, sizeof(item), "%.*s", (int)(length < sizeof(item) ? length : sizeof(item) - 1),
		         rest);
		rc = apply_item(ports, item, text, error);
		if (rc < 0) {
			return rc;
		}
		if (rest[length] == '\0') {
			break;
		}
		rest += length + 1;
	}
	if (ports->count == 0) {
		return error_set(error, -EINVAL, "ports '%s' leave no port at all; take out fewer", text);
	}
	return 0;
}

uint16_t flow_ports_next(const struct flow_ports *ports, uint32_t from)
{
	uint32_t word = from / 64;
	uint64_t bits;

	if (from > UINT16_MAX) {
		return 0;
	}
	bits = ports->words[word] & (UINT64_MAX << (from % 64));
	while (bits == 0) {
		if (++word == sizeof(ports->words) / sizeof(ports->words[0])) {
			return 0;
		}
		bits = ports->words[word];
	}
	return (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(bits));
}

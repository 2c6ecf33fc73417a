#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *suffix;
	ns_t factor;
} duration_units[] = {
        {"ns", 1},
        {"us", NS_PER_US},
        {"ms", NS_PER_MS},
        {"s", NS_PER_SEC},
        {"m", 60 * NS_PER_SEC},
        {"h", 3600 * NS_PER_SEC},
        {"d", 86400 * NS_PER_SEC},
};

// A plain decimal number: strtod alone would also take "0x10", "inf", "nan" and leading blanks.
static int parse_decimal(const char *text, double *out, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) && text[0] != '.') {
		return -EINVAL;
	}
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		return -EINVAL;
	}
	errno = 0;
	*out = strtod(text, &end);
	if (end == text) {
		return -EINVAL;
	}
	if (errno == ERANGE || !isfinite(*out)) {
		return -ERANGE;
	}
	*rest = end;
	return 0;
}

int units_parse_duration(const char *text, ns_t default_unit, ns_t *out)
{
	double number, value;
	ns_t factor = 0;
	const char *rest;
	int rc = parse_decimal(text, &number, &rest);

	if (rc < 0) {
		return rc;
	}
	if (rest[0] == '\0') {
		factor = default_unit;
	}
	for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++) {
		if (strcmp(rest, duration_units[i].suffix) == 0) {
			factor = duration_units[i].factor;
		}
	}
	if (factor == 0) {
		return -EINVAL;
	}
	value = number * (double)factor;
	if (value > 9.2e18) {
		return -ERANGE;
	}
	*out = (ns_t)(value + 0.5);
	return 0;
}

int units_parse_count(const char *text, double *out)
{
	double number, factor = 1;
	const char *rest;
	int rc = parse_decimal(text, &number, &rest);

	if (rc < 0) {
		return rc;
	}
	if (strcmp(rest, "k") == 0 || strcmp(rest, "K") == 0) {
		factor = 1e3;
	} else if (strcmp(rest, "M") == 0) {
		factor = 1e6;
	} else if (strcmp(rest, "G") == 0) {
		factor = 1e9;
	} else if (rest[0] != '\0') {
		return -EINVAL;
	}
	*out = number * factor;
	return 0;
}

int units_parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0])) {
		return -EINVAL;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end != '\0') {
		return -EINVAL;
	}
	if (errno == ERANGE || value < min || value > max) {
		return -ERANGE;
	}
	*out = value;
	return 0;
}

int units_format_duration(ns_t ns, char *buffer, unsigned long size)
{
	size_t unit = 3; // seconds at the most: "300s" is how the field says five minutes

	while (unit > 0 && (ns % duration_units[unit].factor != 0 || ns == 0)) {
		if (ns == 0) {
			return snprintf(buffer, size, "0s");
		}
		unit--;
	}
	return snprintf(buffer, size, "%llu%s", (unsigned long long)(ns / duration_units[unit].factor),
	                duration_units[unit].suffix);
}

int units_format_bytes(uint64_t bytes, char *buffer, unsigned long size)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	return snprintf(buffer, size, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, names[unit]);
}

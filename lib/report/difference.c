#include "difference.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Rates and durations that differ by less are the same: no run hits them exactly.
#define SAME_WITHIN 0.02

// Settings shown at the most; the rest are counted.
#define SETTINGS_SHOWN 24

struct differences {
	FILE *file;
	const char *first, *other; ///< titles
	unsigned lines;
	unsigned settings;
};

__attribute__((format(printf, 2, 3))) static void warn(struct differences *d, const char *format, ...)
{
	va_list arguments;

	fprintf(d->file, "Warning: ");
	va_start(arguments, format);
	vfprintf(d->file, format, arguments);
	va_end(arguments);
	fputc('\n', d->file);
	d->lines++;
}

static double number_at(const json_t *document, const char *group, const char *key)
{
	const json_t *object = group != NULL ? json_object_get(document, group) : document;

	return json_number_value(json_object_get(object, key));
}

static bool is_near(double a, double b)
{
	return fabs(a - b) <= SAME_WITHIN * fmax(fabs(a), fabs(b));
}

static void compare_numbers(struct differences *d, const json_t *first, const json_t *other,
                            const char *group, const char *key, const char *what, const char *unit)
{
	double a = number_at(first, group, key), b = number_at(other, group, key);

	if (!is_near(a, b)) {
		warn(d, "%s differ: %.6g %s in %s, %.6g %s in %s", what, a, unit, d->first, b, unit,
		     d->other);
	}
}

static void write_timeouts(const json_t *document, char *text, size_t size)
{
	const json_t *list = json_object_get(document, "timeouts");
	size_t end = 0;

	text[0] = '\0';
	for (size_t i = 0; i < json_array_size(list) && end < size; i++) {
		int length = snprintf(text + end, size - end, "%s%g", i > 0 ? ", " : "",
		                      number_at(json_array_get(list, i), NULL, "timeout_ms"));

		end += length > 0 ? (size_t)length : 0;
	}
}

static void compare_timeouts(struct differences *d, const json_t *first, const json_t *other)
{
	char a[256], b[256];

	write_timeouts(first, a, sizeof(a));
	write_timeouts(other, b, sizeof(b));
	if (strcmp(a, b) != 0) {
		warn(d, "timeouts differ: %s ms in %s, %s ms in %s; compare at those that both have", a,
		     d->first, b, d->other);
	}
}

// A run that is no clean measurement by itself.
static void look_at(struct differences *d, const json_t *document, const char *title)
{
	if (!json_is_true(json_object_get(json_object_get(document, "accounts"), "consistent"))) {
		warn(d, "the accounts of %s contradict each other: trust none of its numbers", title);
	}
	if (json_is_true(json_object_get(document, "interrupted"))) {
		warn(d, "%s was interrupted", title);
	}
	if (json_is_false(json_object_get(json_object_get(document, "box"), "dropped_nothing"))) {
		warn(d, "the box of %s itself dropped or skipped queries or replies: see its report", title);
	}
}

static void write_value(const json_t *value, char *text, size_t size)
{
	char *dump = value != NULL
	                     ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9))
	                     : NULL;

	snprintf(text, size, "%s", dump != NULL ? dump : "nothing");
	if (dump != NULL && strlen(dump) >= size) {
		memcpy(text + size - 4, "...", 4);
	}
	free(dump);
}

static void settings_differ(struct differences *d, const char *path, const json_t *a, const json_t *b)
{
	char first[64], other[64];

	if (d->settings++ >= SETTINGS_SHOWN) {
		return;
	}
	if (d->settings == 1) {
		fprintf(d->file, "Settings that differ (%s -> %s):\n", d->first, d->other);
	}
	write_value(a, first, sizeof(first));
	write_value(b, other, sizeof(other));
	fprintf(d->file, "  %s: %s -> %s\n", path, first, other);
	d->lines++;
}

static void compare_settings(struct differences *d, const char *path, const json_t *a, const json_t *b,
                             unsigned depth);

static void compare_objects(struct differences *d, const char *path, const json_t *a, const json_t *b,
                            unsigned depth)
{
	static const char *const apart[] = {"name", "description", "output"};
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)a, key, value) {
		char inner[256];
		bool left_out = false;

		for (unsigned i = 0; depth == 0 && i < sizeof(apart) / sizeof(apart[0]); i++) {
			left_out = left_out || strcmp(key, apart[i]) == 0;
		}
		snprintf(inner, sizeof(inner), "%s%s%s", path, path[0] != '\0' ? "." : "", key);
		if (!left_out) {
			compare_settings(d, inner, value, json_object_get(b, key), depth + 1);
		}
	}
	json_object_foreach ((json_t *)(uintptr_t)b, key, value) {
		char inner[256];

		snprintf(inner, sizeof(inner), "%s%s%s", path, path[0] != '\0' ? "." : "", key);
		if (json_object_get(a, key) == NULL) {
			settings_differ(d, inner, NULL, value);
		}
	}
}

// Plans are made by the program and a few levels deep; a document that nests without end is not followed.
static void compare_settings(struct differences *d, const char *path, const json_t *a, const json_t *b,
                             unsigned depth)
{
	bool lists = json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b);

	if (depth > 8 || json_equal(a, b)) {
		return;
	}
	if (json_is_object(a) && json_is_object(b)) {
		compare_objects(d, path, a, b, depth);
		return;
	}
	for (size_t i = 0; lists && i < json_array_size(a); i++) {
		char inner[256];

		snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
		compare_settings(d, inner, json_array_get(a, i), json_array_get(b, i), depth + 1);
	}
	if (!lists) {
		settings_differ(d, path, a, b);
	}
}

unsigned report_write_differences(const json_t *first, const json_t *other, const char *first_title,
                                  const char *other_title, FILE *file)
{
	struct differences d = {.file = file, .first = first_title, .other = other_title};
	const json_t *a = json_object_get(first, "plan"), *b = json_object_get(other, "plan");

	look_at(&d, first, first_title);
	look_at(&d, other, other_title);
	if (json_is_true(json_object_get(first, "simulated")) !=
	    json_is_true(json_object_get(other, "simulated"))) {
		warn(&d, "one of %s and %s is a simulation, the other is not", first_title, other_title);
	}
	compare_timeouts(&d, first, other);
	compare_numbers(&d, first, other, "rate", "requested_qps", "requested rates", "q/s");
	compare_numbers(&d, first, other, "rate", "achieved_qps", "achieved rates", "q/s");
	compare_numbers(&d, first, other, NULL, "sending_s", "durations", "s");
	if (json_equal(json_object_get(first, "plan_digest"), json_object_get(other, "plan_digest"))) {
		fprintf(file, "Both runs had the same plan.\n");
		return d.lines;
	}
	if (!json_is_object(a) || !json_is_object(b)) {
		warn(&d, "the plans differ, and not both files say how");
		return d.lines;
	}
	compare_settings(&d, "", a, b, 0);
	if (d.settings > SETTINGS_SHOWN) {
		fprintf(file, "  and %u more\n", d.settings - SETTINGS_SHOWN);
	}
	return d.lines;
}

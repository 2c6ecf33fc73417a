#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void report_json_set(json_t **object, const char *key, json_t *value)
{
	if (*object == NULL) {
		json_decref(value);
		return;
	}
	if (json_object_set_new(*object, key, value) != 0) {
		json_decref(*object);
		*object = NULL;
	}
}

void report_json_append(json_t **array, json_t *value)
{
	if (*array == NULL) {
		json_decref(value);
		return;
	}
	if (json_array_append_new(*array, value) != 0) {
		json_decref(*array);
		*array = NULL;
	}
}

json_t *report_json_count(uint64_t count)
{
	return json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX);
}

json_t *report_json_number(double number)
{
	return isfinite(number) ? json_real(number) : json_null();
}

json_t *report_json_text(const char *text)
{
	json_t *value;
	char *copy;

	if (text == NULL) {
		return json_null();
	}
	value = json_string(text);
	if (value != NULL) {
		return value;
	}
	// What a command printed or a server calls itself may be anything.
	copy = strdup(text);
	for (char *c = copy; copy != NULL && *c != '\0'; c++) {
		*c = (unsigned char)*c < 0x80 ? *c : '?';
	}
	value = copy != NULL ? json_string(copy) : NULL;
	free(copy);
	return value;
}

json_t *report_json_seconds(ns_t time)
{
	return json_real(ns_to_seconds(time));
}

json_t *report_json_milliseconds(ns_t time)
{
	return json_real((double)time / (double)NS_PER_MS);
}

json_t *report_json_microseconds(ns_t time)
{
	return json_real((double)time / (double)NS_PER_US);
}

json_t *report_json_hex(uint64_t number)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, number);
	return json_string(text);
}

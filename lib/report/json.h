#pragma once
// Small helpers to build JSON: keys keep the order in which they are set, a number that is none becomes null,
// and a failed allocation anywhere makes the whole NULL in the end. Private to the room.

#include "report/report.h"

/** Set a key. Takes `value` over; NULL makes `*object` NULL, and a NULL object stays so. */
void report_json_set(json_t **object, const char *key, json_t *value);

/** Append to an array, as report_json_set(). */
void report_json_append(json_t **array, json_t *value);

/** A count; above 2^63 - 1 it is written as that. */
json_t *report_json_count(uint64_t count);

/** A real number; null when it is not finite. */
json_t *report_json_number(double number);

/** A text; null when NULL. Bytes that are not UTF-8 are written as "?". */
json_t *report_json_text(const char *text);

/** Times as the key's unit has them: seconds, milliseconds, microseconds; exact to the nanosecond. */
json_t *report_json_seconds(ns_t time);
json_t *report_json_milliseconds(ns_t time);
json_t *report_json_microseconds(ns_t time);

/** 64 bits as 16 hexadecimal digits: JSON has no such integers. */
json_t *report_json_hex(uint64_t number);

/** How documents and lines are written. */
#define REPORT_PRECISION JSON_REAL_PRECISION(15)

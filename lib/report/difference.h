#pragma once
// What makes two runs hard to compare, and which of their settings differ. Private to the room.

#include <jansson.h>
#include <stdio.h>

/** Write a line for each difference between `first` and `other`; `titles` name them. Returns how many lines.
 */
unsigned report_write_differences(const json_t *first, const json_t *other, const char *first_title,
                                  const char *other_title, FILE *file);

#pragma once
// As much of JSON Schema as docs/result.schema.json uses: type, properties, required, additionalProperties,
// items, enum, minimum and $ref within $defs. Any other keyword is a fault, so that nothing goes unchecked.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** Check `value`. On a mismatch writes where and what into `text` and returns false. */
bool schema_accepts(const json_t *root, const json_t *schema, const json_t *value, char *text, size_t size);

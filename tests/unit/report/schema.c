#include "schema.h"

#include <stdio.h>
#include <string.h>

struct check {
	const json_t *root;
	char *text;
	size_t size;
};

static bool fault(struct check *check, const char *path, const char *what, const char *detail)
{
	snprintf(check->text, check->size, "%s: %s %s", path, what, detail);
	return false;
}

static bool is_type(const json_t *value, const char *type)
{
	return (strcmp(type, "object") == 0 && json_is_object(value)) ||
	       (strcmp(type, "array") == 0 && json_is_array(value)) ||
	       (strcmp(type, "string") == 0 && json_is_string(value)) ||
	       (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
	       (strcmp(type, "number") == 0 && json_is_number(value)) ||
	       (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
	       (strcmp(type, "null") == 0 && json_is_null(value));
}

static bool check_type(struct check *check, const json_t *type, const json_t *value, const char *path)
{
	bool any = json_is_string(type) && is_type(value, json_string_value(type));

	for (size_t i = 0; i < json_array_size(type); i++) {
		any = any || is_type(value, json_string_value(json_array_get(type, i)));
	}
	return any || fault(check, path, "is of the wrong type", "");
}

static bool check_enum(struct check *check, const json_t *list, const json_t *value, const char *path)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (json_equal(json_array_get(list, i), value)) {
			return true;
		}
	}
	return fault(check, path, "is none of the values allowed", "");
}

static bool check_value(struct check *check, const json_t *schema, const json_t *value, const char *path);

static bool check_object(struct check *check, const json_t *schema, const json_t *value, const char *path)
{
	const json_t *properties = json_object_get(schema, "properties"),
	             *required = json_object_get(schema, "required");
	const json_t *additional = json_object_get(schema, "additionalProperties"), *member;
	const char *key;

	for (size_t i = 0; i < json_array_size(required); i++) {
		key = json_string_value(json_array_get(required, i));
		if (json_object_get(value, key) == NULL) {
			return fault(check, path, "lacks", key);
		}
	}
	for (void *at = json_object_iter((json_t *)(size_t)value); at != NULL;
	     at = json_object_iter_next((json_t *)(size_t)value, at)) {
		const json_t *of_member;
		char inner[256];

		key = json_object_iter_key(at);
		member = json_object_iter_value(at);
		of_member = json_object_get(properties, key);
		of_member = of_member != NULL ? of_member : additional;
		if (of_member == NULL || json_is_false(of_member)) {
			return fault(check, path, "has a key that the schema doesn't know:", key);
		}
		snprintf(inner, sizeof(inner), "%s.%s", path, key);
		if (!json_is_true(of_member) && !check_value(check, of_member, member, inner)) {
			return false;
		}
	}
	return true;
}

static bool check_items(struct check *check, const json_t *items, const json_t *value, const char *path)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		char inner[256];

		snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
		if (!check_value(check, items, json_array_get(value, i), inner)) {
			return false;
		}
	}
	return true;
}

static bool check_keywords(struct check *check, const json_t *schema, const char *path)
{
	static const char *const known[] = {"$schema",     "$defs", "$ref",       "title",
	                                    "description", "type",  "enum",       "minimum",
	                                    "required",    "items", "properties", "additionalProperties"};

	for (void *at = json_object_iter((json_t *)(size_t)schema); at != NULL;
	     at = json_object_iter_next((json_t *)(size_t)schema, at)) {
		bool found = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			found = found || strcmp(json_object_iter_key(at), known[i]) == 0;
		}
		if (!found) {
			return fault(check, path, "has a schema with a keyword that is not understood:",
			             json_object_iter_key(at));
		}
	}
	return true;
}

static bool check_value(struct check *check, const json_t *schema, const json_t *value, const char *path)
{
	const json_t *type = json_object_get(schema, "type"), *list = json_object_get(schema, "enum");
	const json_t *minimum = json_object_get(schema, "minimum"), *items = json_object_get(schema, "items");
	const char *reference = json_string_value(json_object_get(schema, "$ref"));

	if (!check_keywords(check, schema, path)) {
		return false;
	}
	if (reference != NULL) {
		const json_t *named =
		        strncmp(reference, "#/$defs/", 8) == 0
		                ? json_object_get(json_object_get(check->root, "$defs"), reference + 8)
		                : NULL;

		return named != NULL ? check_value(check, named, value, path)
		                     : fault(check, path, "has an unknown $ref", reference);
	}
	if (type != NULL && !check_type(check, type, value, path)) {
		return false;
	}
	if (list != NULL && !check_enum(check, list, value, path)) {
		return false;
	}
	if (minimum != NULL && json_is_number(value) &&
	    json_number_value(value) < json_number_value(minimum)) {
		return fault(check, path, "is below the minimum", "");
	}
	if (json_is_object(value) && !check_object(check, schema, value, path)) {
		return false;
	}
	return items == NULL || check_items(check, items, value, path);
}

bool schema_accepts(const json_t *root, const json_t *schema, const json_t *value, char *text, size_t size)
{
	struct check check = {.root = root, .text = text, .size = size};

	return check_value(&check, schema, value, "$");
}

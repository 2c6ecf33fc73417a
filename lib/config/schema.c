// The JSON schema: of a type, of the table.
#include "keys.h"

#include <errno.h>
#include <stdio.h>

static json_t *schema_of(const char *type)
{
	return json_pack("{s:s}", "type", type);
}

static json_t *schema_either(json_t *first, json_t *second)
{
	return json_pack("{s:[o,o]}", "anyOf", first, second);
}

static void schema_bounds(json_t *schema, const struct config_key *key)
{
	if (key->min != 0 || key->max != 0) {
		json_object_set_new(schema, "minimum", json_real(key->min));
		json_object_set_new(schema, "maximum", json_real(key->max));
	}
}

json_t *config_value_schema(const struct config_key *key)
{
	json_t *schema, *names;

	switch (key->type) {
	case CONFIG_BOOL:
		return schema_of("boolean");
	case CONFIG_INTEGER:
		schema = schema_of("integer");
		json_object_set_new(schema, "minimum", json_integer((json_int_t)key->min));
		if (key->max > 0) {
			json_object_set_new(schema, "maximum", json_integer((json_int_t)key->max));
		}
		return schema;
	case CONFIG_NUMBER:
		schema = schema_of("number");
		schema_bounds(schema, key);
		return schema;
	case CONFIG_COUNT:
	case CONFIG_SEED:
	case CONFIG_DURATION:
	case CONFIG_RATE:
	case CONFIG_VLAN:
	case CONFIG_REUSE:
		return schema_either(schema_of("number"), schema_of("string"));
	case CONFIG_CHOICE:
		names = json_array();
		for (unsigned i = 0; key->choice(i) != NULL; i++) {
			json_array_append_new(names, json_string(key->choice(i)));
		}
		return json_pack("{s:o}", "enum", names);
	case CONFIG_TIMEOUTS:
		return json_pack("{s:[{s:s},{s:s},{s:s,s:{s:[{s:s},{s:s}]}}]}", "anyOf", "type", "number",
		                 "type", "string", "type", "array", "items", "anyOf", "type", "number",
		                 "type", "string");
	case CONFIG_ADDRESSES:
	case CONFIG_RANGES:
	case CONFIG_EDNS:
		return json_pack("{s:[{s:s},{s:s,s:{s:s}}]}", "anyOf", "type", "string", "type", "array",
		                 "items", "type", "string");
	default:
		return schema_of("string");
	}
}

static json_t *schema_object(const char *prefix);

static json_t *schema_key(const struct config_key *key)
{
	char inner[CONFIG_PATH_SIZE];
	json_t *schema;

	if (key->type == CONFIG_OBJECT) {
		schema = schema_object(key->path);
	} else if (key->type == CONFIG_LIST) {
		snprintf(inner, sizeof(inner), "%s[]", key->path);
		schema = json_pack("{s:s,s:o}", "type", "array", "items", schema_object(inner));
		json_object_set_new(schema, "maxItems", json_integer((json_int_t)key->max));
	} else {
		schema = config_value_schema(key);
	}
	json_object_set_new(schema, "description", json_string(key->help));
	if (key->value != NULL) {
		json_object_set_new(schema, "default", config_value_from_text(key, key->value));
	}
	return schema;
}

static json_t *schema_object(const char *prefix)
{
	json_t *properties = json_object();

	for (unsigned i = 0; i < config_key_count; i++) {
		if (config_key_is_child(config_keys[i].path, prefix)) {
			json_object_set_new(properties, config_key_name(&config_keys[i]),
			                    schema_key(&config_keys[i]));
		}
	}
	json_object_set_new(properties, "description", json_pack("{s:s}", "type", "string"));
	return json_pack("{s:s,s:b,s:o}", "type", "object", "additionalProperties", 0, "properties",
	                 properties);
}

int config_schema(FILE *out)
{
	json_t *schema = schema_object("");
	int rc;

	json_object_set_new(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	json_object_set_new(schema, "title", json_string("Staleflow configuration"));
	rc = json_dumpf(schema, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	json_decref(schema);
	if (rc < 0 || fputc('\n', out) == EOF) {
		return -EIO;
	}
	return 0;
}

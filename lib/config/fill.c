// From the tree to the structs, by the table.
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// The key's path within its object: "share" of "cohorts[].share".
static const char *relative(const struct config_key *key, const char *prefix)
{
	return key->path + strlen(prefix) + (prefix[0] != '\0');
}

static bool has_field(const struct config_key *key, enum config_scope scope)
{
	return key->type != CONFIG_OBJECT && key->type != CONFIG_LIST && key->scope == scope;
}

static int fill_one(const struct config_key *key, const json_t *value, void *to, struct error *reason)
{
	json_t *standard;
	int rc;

	if (value != NULL) {
		return config_value_parse(key, value, to, reason);
	}
	if (key->value == NULL) {
		return 0;
	}
	standard = config_value_from_text(key, key->value);
	if (standard == NULL) {
		return error_set(reason, -ENOMEM, "no memory for a default");
	}
	rc = config_value_parse(key, standard, to, reason);
	json_decref(standard);
	return rc;
}

int config_fill(const struct config_builder *builder, const json_t *object, enum config_scope scope,
                const char *prefix, const char *place, void *to, struct error *error)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char path[CONFIG_PATH_SIZE];
		struct error reason = {0};

		if (!has_field(key, scope)) {
			continue;
		}
		if (fill_one(key, config_tree_get(object, relative(key, prefix)), (char *)to + key->offset,
		             &reason) < 0) {
			snprintf(path, sizeof(path), "%s%s%s", place, place[0] != '\0' ? "." : "",
			         relative(key, prefix));
			return config_error_at(builder, error, reason.code, path, "%s", reason.text);
		}
	}
	return 0;
}

void config_fill_release(enum config_scope scope, void *from)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		if (has_field(&config_keys[i], scope)) {
			config_value_release(&config_keys[i], (char *)from + config_keys[i].offset);
		}
	}
}

// The builder: one JSON tree of the settings given so far, and which of them an option set.
#include "keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct config_builder *config_begin(void)
{
	struct config_builder *builder = calloc(1, sizeof(*builder));

	if (builder == NULL) {
		return NULL;
	}
	builder->tree = json_object();
	builder->options = json_object();
	builder->source = strdup("");
	if (builder->tree == NULL || builder->options == NULL || builder->source == NULL) {
		config_end(builder);
		return NULL;
	}
	return builder;
}

void config_end(struct config_builder *builder)
{
	if (builder == NULL) {
		return;
	}
	json_decref(builder->tree);
	json_decref(builder->options);
	free(builder->source);
	free(builder);
}

json_t *config_tree_get(const json_t *tree, const char *path)
{
	char name[CONFIG_PATH_SIZE];

	while (tree != NULL && path[0] != '\0') {
		size_t length = strcspn(path, ".");

		if (length >= sizeof(name)) {
			return NULL;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		tree = json_object_get(tree, name);
		path += length + (path[length] == '.');
	}
	// Jansson's getters take const and give what may be changed; the tree is the builder's.
	return (json_t *)(uintptr_t)tree;
}

// "cohorts[1].share" and "cohorts[].share" are one setting to an option.
static void without_indices(const char *path, char *out, size_t size)
{
	size_t used = 0;

	for (; *path != '\0' && used + 1 < size; path++) {
		out[used++] = *path;
		if (*path == '[') {
			path += strcspn(path, "]") - 1;
		}
	}
	out[used] = '\0';
}

int config_error_at(const struct config_builder *builder, struct error *error, int code, const char *path,
                    const char *format, ...)
{
	char text[sizeof(error->text)], plain[CONFIG_PATH_SIZE], full[CONFIG_PATH_SIZE + 2];
	const char *option;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	without_indices(path, plain, sizeof(plain));
	option = json_string_value(json_object_get(builder->options, plain));
	if (option != NULL) {
		return error_set_path(error, code, option, "", "%s", text);
	}
	snprintf(full, sizeof(full), "$%s%s", path[0] != '\0' ? "." : "", path);
	return error_set_path(error, code, builder->source[0] != '\0' ? builder->source : "command line",
	                      full, "%s", text);
}

// The first list of cohorts decides, as config_set_option has it.
bool config_needs_address(const struct config_builder *builder)
{
	const json_t *cohorts = json_object_get(builder->tree, "cohorts");
	const char *interface = config_peek(builder, "port.interface");
	const json_t *cohort;
	size_t i;

	if (interface == NULL) {
		return false;
	}
	if (json_array_size(cohorts) == 0) {
		return true;
	}
	json_array_foreach (cohorts, i, cohort) {
		const char *addresses = json_string_value(json_object_get(cohort, "addresses"));

		if (json_object_get(cohort, "addresses") == NULL ||
		    (addresses != NULL && strcmp(addresses, "auto") == 0)) {
			return true;
		}
	}
	return false;
}

const char *config_peek(const struct config_builder *builder, const char *path)
{
	const struct config_key *key = config_key_find(path);
	const json_t *value = config_tree_get(builder->tree, path);

	if (key == NULL || value == NULL) {
		return key != NULL ? key->value : NULL;
	}
	if (json_is_string(value)) {
		return json_string_value(value);
	}
	return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
}

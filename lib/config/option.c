// Command-line options: text into the builder's tree.
#include "keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool config_option_at(unsigned index, struct config_option *out)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->letter == NULL && key->option == NULL) {
			continue;
		}
		if (index-- == 0) {
			*out = (struct config_option){.letter = key->letter != NULL ? key->letter[0] : '\0',
			                              .name = key->option,
			                              .argument = key->argument};
			return true;
		}
	}
	if (index < config_alias_count) {
		*out = (struct config_option){.name = config_aliases[index].option};
		return true;
	}
	return false;
}

static const struct config_key *find(const char *option)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if ((key->letter != NULL && strcmp(key->letter, option) == 0) ||
		    (key->option != NULL && strcmp(key->option, option) == 0)) {
			return key;
		}
	}
	return NULL;
}

// The object that holds the last name of `path`, made where it is missing.
static json_t *container(json_t *tree, const char *path, const char **last)
{
	char name[CONFIG_PATH_SIZE];

	for (const char *dot; tree != NULL && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		json_t *next;

		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		next = json_object_get(tree, name);
		if (next == NULL) {
			next = json_object();
			if (json_object_set_new(tree, name, next) < 0) {
				return NULL;
			}
		}
		tree = next;
	}
	*last = path;
	return tree;
}

static int put(json_t *object, const struct config_key *key, const char *name, json_t *value, bool append)
{
	json_t *old = json_object_get(object, name);

	if (!append || old == NULL) {
		return json_object_set(object, name, value);
	}
	if (!json_is_array(old)) {
		old = json_pack("[O]", old);
		if (json_object_set_new(object, name, old) < 0) {
			return -1;
		}
	}
	return config_type_appends(key->type) ? json_array_append(old, value) : -1;
}

static bool is_automatic(const json_t *cohort)
{
	const json_t *addresses = json_object_get(cohort, "addresses");

	return addresses == NULL ||
	       (json_is_string(addresses) && strcmp(json_string_value(addresses), "auto") == 0);
}

// An option of a cohort acts on the only one; source addresses also on all that have none of their own yet.
static int put_cohort(struct config_builder *builder, const struct config_key *key, json_t *value,
                      struct error *reason)
{
	const char *name = config_key_name(key);
	json_t *cohorts = json_object_get(builder->tree, "cohorts");
	bool filled = false;

	if (cohorts == NULL) {
		cohorts = json_array();
		if (json_object_set_new(builder->tree, "cohorts", cohorts) < 0) {
			return -ENOMEM;
		}
	}
	if (json_array_size(cohorts) == 0 && json_array_append_new(cohorts, json_object()) < 0) {
		return -ENOMEM;
	}
	if (key->type == CONFIG_RANGES) {
		for (size_t i = 0; i < json_array_size(cohorts); i++) {
			if (!is_automatic(json_array_get(cohorts, i))) {
				continue;
			}
			filled = true;
			if (json_object_set(json_array_get(cohorts, i), name, value) < 0) {
				return -ENOMEM;
			}
		}
	}
	if (filled) {
		return 0;
	}
	if (json_array_size(cohorts) > 1) {
		return error_set(reason, -EINVAL,
		                 "the configuration has %zu cohorts, and this option does not say which it "
		                 "means; change "
		                 "\"%s\" there",
		                 json_array_size(cohorts), name);
	}
	return json_object_set(json_array_get(cohorts, 0), name, value) < 0 ? -ENOMEM : 0;
}

// Take back settings of the file that this one replaces; those of other options stay, and contradict.
static void drop_rivals(struct config_builder *builder, const char *overrides)
{
	char path[CONFIG_PATH_SIZE];

	while (overrides != NULL && overrides[0] != '\0') {
		size_t length = strcspn(overrides, " ");
		const char *last;
		json_t *object;

		snprintf(path, sizeof(path), "%.*s", (int)length, overrides);
		object = container(builder->tree, path, &last);
		if (object != NULL && json_object_get(builder->options, path) == NULL) {
			json_object_del(object, last);
		}
		overrides += length + (overrides[length] == ' ');
	}
}

static int set_value(struct config_builder *builder, const struct config_key *key, const char *text,
                     const char *option, const char *overrides, struct error *reason)
{
	bool again = json_object_get(builder->options, key->path) != NULL;
	json_t *value, *object;
	const char *last;
	int rc;

	value = config_value_from_text(key, text);
	if (value == NULL) {
		return error_set(reason, -EINVAL, "\"%.60s\" is not UTF-8 text", text);
	}
	rc = config_value_check(key, value, reason);
	if (rc < 0) {
		goto out;
	}
	drop_rivals(builder, overrides);
	if (key->scope == CONFIG_SCOPE_COHORT) {
		rc = put_cohort(builder, key, value, reason);
	} else {
		object = container(builder->tree, key->path, &last);
		rc = object == NULL ? -ENOMEM
		                    : put(object, key, last, value, again && config_type_appends(key->type));
	}
	if (rc == 0) {
		rc = json_object_set_new(builder->options, key->path, json_string(option));
	}
	if (rc < 0) {
		rc = error_set(reason, rc == -EINVAL ? rc : -ENOMEM, "no memory for the setting");
	}
out:
	json_decref(value);
	return rc;
}

// An option for a whole object: its keys' values in the order of the table, with commas between.
static int set_object(struct config_builder *builder, const struct config_key *object, const char *text,
                      const char *option, struct error *reason)
{
	drop_rivals(builder, object->overrides);
	for (unsigned i = 0; i < config_key_count && text != NULL; i++) {
		char part[1024];
		size_t length = strcspn(text, ",");
		int rc;

		if (!config_key_is_child(config_keys[i].path, object->path)) {
			continue;
		}
		snprintf(part, sizeof(part), "%.*s", (int)length, text);
		rc = set_value(builder, &config_keys[i], part, option, NULL, reason);
		if (rc < 0) {
			return rc;
		}
		text = text[length] == ',' ? text + length + 1 : NULL;
	}
	if (json_object_set_new(builder->options, object->path, json_string(option)) < 0) {
		return error_set(reason, -ENOMEM, "no memory for the setting");
	}
	return text == NULL ? 0
	                    : error_set(reason, -EINVAL, "\"%.60s\" is too much; allowed is %s", text,
	                                object->argument);
}

static const struct config_alias *find_alias(const char *option)
{
	for (unsigned i = 0; i < config_alias_count; i++) {
		if (strcmp(config_aliases[i].option, option) == 0) {
			return &config_aliases[i];
		}
	}
	return NULL;
}

int config_set_option(struct config_builder *builder, const char *option, const char *value,
                      struct error *error)
{
	const struct config_key *key = find(option);
	const struct config_alias *alias = key == NULL ? find_alias(option) : NULL;
	const char *argument = key != NULL ? key->argument : NULL;
	struct error reason = {0};
	char shown[72];
	int rc;

	snprintf(shown, sizeof(shown), "%s%.64s", option[0] != '\0' && option[1] == '\0' ? "-" : "--",
	         option);
	if (key == NULL && alias == NULL) {
		return error_set_path(error, -EINVAL, shown, "", "no such option; --help lists them");
	}
	if (alias != NULL ? builder->role != CONFIG_CLIENT : !config_role_uses(builder->role, key->path)) {
		return error_set_path(error, -EINVAL, shown, "",
		                      "is for the client that sends; a director has no use for it (--help "
		                      "lists its options)");
	}
	if (argument == NULL && value != NULL) {
		return error_set_path(error, -EINVAL, shown, "", "takes no argument, but \"%.60s\" was given",
		                      value);
	}
	if (argument != NULL && value == NULL) {
		return error_set_path(error, -EINVAL, shown, "", "needs an argument, %s", argument);
	}
	if (alias != NULL) {
		rc = set_value(builder, config_key_find(alias->path), alias->value, shown, alias->overrides,
		               &reason);
	} else if (key->type == CONFIG_OBJECT) {
		rc = set_object(builder, key, value, shown, &reason);
	} else {
		rc = set_value(builder, key, value != NULL ? value : "true", shown, key->overrides, &reason);
	}
	return rc < 0 ? error_set_path(error, rc, shown, "", "%s", reason.text) : 0;
}

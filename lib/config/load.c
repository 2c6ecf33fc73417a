// JSON into the builder's tree: syntax, unknown keys, each value on its own.
#include "keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Where the walk is: what is being read, and the two spellings of its place. */
struct walk {
	const char *source;
	struct error *error;
};

static int refuse(const struct walk *walk, int code, const char *place, const char *text)
{
	char full[CONFIG_PATH_SIZE + 2];

	snprintf(full, sizeof(full), "$%s%s", place[0] != '\0' ? "." : "", place);
	return error_set_path(walk->error, code, walk->source, full, "%s", text);
}

// Levenshtein's distance; names are short.
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t length = strlen(b);

	if (length + 1 > sizeof(row) / sizeof(row[0])) {
		return UINT32_MAX;
	}
	for (size_t j = 0; j <= length; j++) {
		row[j] = (unsigned)j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= length; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);
			unsigned least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < least ? change : least;
		}
	}
	return row[length];
}

static int refuse_unknown(const struct walk *walk, const char *parent, const char *place, const char *name)
{
	char text[sizeof(walk->error->text)];
	const char *nearest = NULL;
	unsigned best = UINT32_MAX;
	size_t used;

	for (unsigned i = 0; i < config_key_count; i++) {
		const char *known = config_key_name(&config_keys[i]);

		if (config_key_is_child(config_keys[i].path, parent) && distance(name, known) < best) {
			best = distance(name, known);
			nearest = known;
		}
	}
	used = (size_t)snprintf(text, sizeof(text), "no key is called \"%.60s\" here", name);
	if (nearest != NULL && best <= 1 + strlen(nearest) / 3) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "; did you mean \"%s\"?", nearest);
	} else {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "; allowed are");
		for (unsigned i = 0; i < config_key_count && used < sizeof(text); i++) {
			if (config_key_is_child(config_keys[i].path, parent)) {
				used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
				                         config_key_name(&config_keys[i]));
			}
		}
	}
	return refuse(walk, -EINVAL, place, text);
}

// Paths are cut at CONFIG_PATH_SIZE: no key of the table is that long.
static void write_path(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void write_path(char *out, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out, CONFIG_PATH_SIZE, format, arguments);
	va_end(arguments);
}

static int check_object(const struct walk *walk, const json_t *object, const char *prefix, const char *place);

static int check_list(const struct walk *walk, const json_t *list, const struct config_key *key,
                      const char *place)
{
	char prefix[CONFIG_PATH_SIZE], item_place[CONFIG_PATH_SIZE];
	const json_t *item;
	size_t i;

	if (!json_is_array(list)) {
		return refuse(walk, -EINVAL, place, "must be a list of objects, [{...}, ...]");
	}
	if ((double)json_array_size(list) > key->max) {
		char text[96];

		snprintf(text, sizeof(text), "found %zu objects; allowed are %.0f at the most",
		         json_array_size(list), key->max);
		return refuse(walk, -EINVAL, place, text);
	}
	write_path(prefix, "%s[]", key->path);
	json_array_foreach (list, i, item) {
		int rc;

		write_path(item_place, "%s[%zu]", place, i);
		rc = check_object(walk, item, prefix, item_place);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int check_value(const struct walk *walk, const json_t *value, const char *prefix, const char *place,
                       const char *name)
{
	char path[CONFIG_PATH_SIZE], value_place[CONFIG_PATH_SIZE];
	const struct config_key *key;
	struct error reason = {0};

	write_path(path, "%s%s%.64s", prefix, prefix[0] != '\0' ? "." : "", name);
	write_path(value_place, "%s%s%.64s", place, place[0] != '\0' ? "." : "", name);
	key = config_key_find(path);
	if (key == NULL && strcmp(name, "description") == 0) {
		return json_is_string(value) ? 0 : refuse(walk, -EINVAL, value_place, "must be a text");
	}
	if (key == NULL) {
		return refuse_unknown(walk, prefix, place, name);
	}
	if (key->type == CONFIG_OBJECT) {
		return check_object(walk, value, path, value_place);
	}
	if (key->type == CONFIG_LIST) {
		return check_list(walk, value, key, value_place);
	}
	if (config_value_check(key, value, &reason) < 0) {
		return refuse(walk, reason.code, value_place, reason.text);
	}
	return 0;
}

static int check_object(const struct walk *walk, const json_t *object, const char *prefix, const char *place)
{
	const char *name;
	json_t *value;
	int rc;

	if (!json_is_object(object)) {
		return refuse(walk, -EINVAL, place, "must be an object, {...}");
	}
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		rc = check_value(walk, value, prefix, place, name);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

// A later file wins: objects are merged, everything else replaced; what options set stays.
static int merge(struct config_builder *builder, json_t *into, json_t *from, const char *place)
{
	char path[CONFIG_PATH_SIZE];
	const char *name;
	json_t *value;

	json_object_foreach (from, name, value) {
		json_t *old = json_object_get(into, name);
		int rc = 0;

		write_path(path, "%s%s%.64s", place, place[0] != '\0' ? "." : "", name);
		if (json_is_object(old) && json_is_object(value)) {
			rc = merge(builder, old, value, path);
		} else if (json_object_get(builder->options, path) == NULL) {
			rc = json_object_set(into, name, value);
		}
		if (rc < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int config_load_text(struct config_builder *builder, const char *source_name, const char *text, size_t size,
                     struct error *error)
{
	struct walk walk = {.source = source_name, .error = error};
	json_error_t syntax;
	json_t *root;
	char *source;
	int rc;

	root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &syntax);
	if (root == NULL) {
		return error_set_at(error, -EINVAL, source_name, syntax.line, syntax.column,
		                    "this is not JSON: %s; comments go into \"description\" keys",
		                    syntax.text);
	}
	rc = check_object(&walk, root, "", "");
	if (rc < 0) {
		goto out;
	}
	source = strdup(source_name);
	if (source == NULL || merge(builder, builder->tree, root, "") < 0) {
		free(source);
		rc = error_set(error, -ENOMEM, "no memory for the settings of %s", source_name);
		goto out;
	}
	free(builder->source);
	builder->source = source;
out:
	json_decref(root);
	return rc;
}

static int read_all(FILE *file, char **out, size_t *size)
{
	size_t room = 0, used = 0, got;
	char *text = NULL, *grown;

	do {
		if (used == room) {
			room = room == 0 ? 65536 : room * 2;
			grown = realloc(text, room);
			if (grown == NULL) {
				free(text);
				return -ENOMEM;
			}
			text = grown;
		}
		got = fread(text + used, 1, room - used, file);
		used += got;
	} while (got > 0 && used <= CONFIG_FILE_SIZE_MAX);
	if (ferror(file) || used > CONFIG_FILE_SIZE_MAX) {
		free(text);
		return used > CONFIG_FILE_SIZE_MAX ? -EFBIG : errno != 0 ? -errno : -EIO;
	}
	*out = text;
	*size = used;
	return 0;
}

int config_load_file(struct config_builder *builder, const char *path, struct error *error)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	int rc;

	if (file == NULL) {
		return error_set_at(error, -errno, path, 0, 0, "can't be opened: %s", strerror(errno));
	}
	errno = 0;
	rc = read_all(file, &text, &size);
	if (!standard) {
		fclose(file);
	}
	if (rc < 0) {
		return error_set_at(error, rc, path, 0, 0,
		                    "can't be read: %s; a configuration has %zu MiB at the most",
		                    strerror(-rc), CONFIG_FILE_SIZE_MAX >> 20);
	}
	rc = config_load_text(builder, standard ? "standard input" : path, text, size, error);
	free(text);
	return rc;
}

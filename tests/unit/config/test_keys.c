// The table of keys: every line of it has a value in full.json, is stored in its own field, and is
// documented.
#include "support.h"

#include <stdio.h>

#include "../../../lib/config/keys.h"

/** Larger than any scope's struct. */
#define SCRATCH (1 << 17)

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	if (file == NULL) {
		fail_msg("%s is missing", path);
	}
	assert_true(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
	fclose(file);
	return text;
}

static json_t *full(void)
{
	char *text = read_file(SOURCE_ROOT "/tests/unit/config/full.json");
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	free(text);
	assert_non_null(root);
	return root;
}

// The value of a key of the table in full.json, where each list has one item.
static json_t *value_of(json_t *root, const struct config_key *key)
{
	char path[CONFIG_PATH_SIZE];
	char *save = NULL;

	snprintf(path, sizeof(path), "%s", key->path);
	for (char *name = strtok_r(path, ".", &save); name != NULL && root != NULL;
	     name = strtok_r(NULL, ".", &save)) {
		size_t length = strlen(name);
		bool list = length > 2 && strcmp(name + length - 2, "[]") == 0;

		name[list ? length - 2 : length] = '\0';
		root = json_object_get(root, name);
		root = list ? json_array_get(root, 0) : root;
	}
	return root;
}

static bool has_value(const struct config_key *key)
{
	return key->type != CONFIG_OBJECT && key->type != CONFIG_LIST;
}

static void the_full_configuration_has_every_key(void **state)
{
	json_t *root = full();

	(void)state;
	for (unsigned i = 0; i < config_key_count; i++) {
		if (value_of(root, &config_keys[i]) == NULL) {
			fail_msg("full.json has no %s", config_keys[i].path);
		}
	}
	json_decref(root);
}

static void the_full_configuration_loads(void **state)
{
	char *text = read_file(SOURCE_ROOT "/tests/unit/config/full.json");
	struct config_builder *builder = support_load(text);

	(void)state;
	config_end(builder);
	free(text);
}

// Store one value, and look which bytes of its scope's struct changed.
static void check_field(const struct config_key *key, const json_t *value)
{
	unsigned char *memory = calloc(1, SCRATCH), *before = calloc(1, SCRATCH);
	struct error error = {0};
	unsigned changed = 0;

	assert_true(memory != NULL && before != NULL && key->offset + key->size <= SCRATCH);
	if (key->value != NULL) {
		json_t *standard = config_value_from_text(key, key->value);

		assert_int_equal(config_value_parse(key, standard, before + key->offset, &error), 0);
		json_decref(standard);
	}
	if (config_value_parse(key, value, memory + key->offset, &error) < 0) {
		fail_msg("%s: %s", key->path, error.text);
	}
	for (size_t i = 0; i < SCRATCH; i++) {
		bool inside = i >= key->offset && i < key->offset + key->size;

		changed += inside && memory[i] != before[i];
		if (!inside && memory[i] != 0) {
			fail_msg("%s writes beyond its field", key->path);
		}
	}
	if (changed == 0) {
		fail_msg("full.json has %s at its default", key->path);
	}
	config_value_release(key, memory + key->offset);
	config_value_release(key, before + key->offset);
	free(memory);
	free(before);
}

static void every_key_fills_its_field_and_no_other(void **state)
{
	json_t *root = full();

	(void)state;
	for (unsigned i = 0; i < config_key_count; i++) {
		if (has_value(&config_keys[i])) {
			check_field(&config_keys[i], value_of(root, &config_keys[i]));
		}
	}
	json_decref(root);
}

static void no_two_keys_share_a_field_or_an_option(void **state)
{
	(void)state;
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *a = &config_keys[i];

		for (unsigned j = 0; j < i; j++) {
			const struct config_key *b = &config_keys[j];

			assert_string_not_equal(a->path, b->path);
			if (a->letter != NULL && b->letter != NULL) {
				assert_string_not_equal(a->letter, b->letter);
			}
			if (a->option != NULL && b->option != NULL) {
				assert_string_not_equal(a->option, b->option);
			}
			if (has_value(a) && has_value(b) && a->scope == b->scope &&
			    a->offset < b->offset + b->size && b->offset < a->offset + a->size) {
				fail_msg("%s and %s share a field", a->path, b->path);
			}
		}
	}
}

static void every_default_is_allowed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < config_key_count; i++) {
		struct error error = {0};
		json_t *value;

		if (config_keys[i].value == NULL) {
			continue;
		}
		value = config_value_from_text(&config_keys[i], config_keys[i].value);
		if (config_value_check(&config_keys[i], value, &error) < 0) {
			fail_msg("%s: %s", config_keys[i].path, error.text);
		}
		json_decref(value);
	}
}

static void every_override_is_a_key(void **state)
{
	(void)state;
	for (unsigned i = 0; i < config_key_count; i++) {
		char text[256];

		snprintf(text, sizeof(text), "%s",
		         config_keys[i].overrides != NULL ? config_keys[i].overrides : "");
		for (char *path = strtok(text, " "); path != NULL; path = strtok(NULL, " ")) {
			assert_non_null(config_key_find(path));
		}
	}
	for (unsigned i = 0; i < config_alias_count; i++) {
		assert_non_null(config_key_find(config_aliases[i].path));
	}
}

// STALEFLOW_UPDATE=1 writes the file anew.
static void compare(const char *path, void (*write)(FILE *))
{
	char *made = NULL;
	char *kept;
	size_t size;
	FILE *memory = open_memstream(&made, &size);

	assert_non_null(memory);
	write(memory);
	fclose(memory);
	if (getenv("STALEFLOW_UPDATE") != NULL) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		assert_int_equal(fwrite(made, 1, size, file), size);
		fclose(file);
	}
	kept = read_file(path);
	if (strcmp(made, kept) != 0) {
		fail_msg("%s is not what the table of keys says; run this test with STALEFLOW_UPDATE=1",
		         path);
	}
	free(kept);
	free(made);
}

static void write_schema(FILE *out)
{
	assert_int_equal(config_schema(out), 0);
}

static void the_reference_and_the_schema_are_current(void **state)
{
	(void)state;
	compare(SOURCE_ROOT "/docs/config.md", config_describe);
	compare(SOURCE_ROOT "/docs/config.schema.json", write_schema);
}

static void help_names_every_option_in_lines_of_a_terminal(void **state)
{
	struct config_option option;
	char *text = NULL, *save = NULL;
	char word[96];
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	(void)state;
	assert_non_null(memory);
	config_help(CONFIG_CLIENT, memory);
	fclose(memory);
	for (unsigned i = 0; config_option_at(i, &option); i++) {
		snprintf(word, sizeof(word), "--%s", option.name);
		assert_non_null(strstr(text, word));
	}
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		assert_true(strlen(line) <= 100);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_full_configuration_has_every_key),
	        cmocka_unit_test(the_full_configuration_loads),
	        cmocka_unit_test(every_key_fills_its_field_and_no_other),
	        cmocka_unit_test(no_two_keys_share_a_field_or_an_option),
	        cmocka_unit_test(every_default_is_allowed),
	        cmocka_unit_test(every_override_is_a_key),
	        cmocka_unit_test(the_reference_and_the_schema_are_current),
	        cmocka_unit_test(help_names_every_option_in_lines_of_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

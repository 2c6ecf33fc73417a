// Golden errors: each folder of tests/invalid holds a configuration (input.json), options (args, one a line:
// the option without dashes, a blank, its argument), or both, and the error that they give. With a
// file "director" they are a director's.
// STALEFLOW_UPDATE=1 writes the errors anew: read them.
#include "support.h"

#include <dirent.h>
#include <stdio.h>

#define CASES SOURCE_ROOT "/tests/invalid"

static char *read_text(const char *folder, const char *name)
{
	char path[1024];
	char *text = calloc(1, 65536);
	FILE *file;

	assert_non_null(text);
	snprintf(path, sizeof(path), CASES "/%s/%s", folder, name);
	file = fopen(path, "r");
	if (file == NULL) {
		free(text);
		return NULL;
	}
	assert_true(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	return text;
}

static int set_options(struct config_builder *builder, char *lines, struct error *error)
{
	for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *value = strchr(line, ' ');
		int rc;

		if (value != NULL) {
			*value++ = '\0';
		}
		rc = config_set_option(builder, line, value, error);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int run_case(const char *folder, struct error *error)
{
	struct config_builder *builder = config_begin();
	char *json = read_text(folder, "input.json"), *lines = read_text(folder, "args"),
	     *role = read_text(folder, "director");
	struct plan *plan = NULL;
	int rc = 0;

	assert_non_null(builder);
	assert_true(json != NULL || lines != NULL);
	config_set_role(builder, role != NULL ? CONFIG_DIRECTOR : CONFIG_CLIENT);
	if (json != NULL) {
		rc = config_load_text(builder, "input.json", json, strlen(json), error);
	}
	if (rc == 0 && lines != NULL) {
		rc = set_options(builder, lines, error);
	}
	if (rc == 0) {
		rc = config_finish(builder, &plan, error);
	}
	plan_free(plan);
	config_end(builder);
	free(json);
	free(lines);
	free(role);
	return rc;
}

static void write_error(const char *folder, const char *text)
{
	char path[1024];
	FILE *file;

	snprintf(path, sizeof(path), CASES "/%s/error", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	fclose(file);
}

static bool check_case(const char *folder)
{
	struct error error = {0};
	char text[1300];
	char *golden;
	bool same;

	if (run_case(folder, &error) >= 0) {
		print_error("%s is accepted\n", folder);
		return false;
	}
	error_format(&error, text, sizeof(text));
	if (getenv("STALEFLOW_UPDATE") != NULL) {
		write_error(folder, text);
	}
	golden = read_text(folder, "error");
	if (golden == NULL) {
		print_error("%s has no file \"error\"; it would be: %s\n", folder, text);
		return false;
	}
	golden[strcspn(golden, "\n")] = '\0';
	same = strcmp(golden, text) == 0;
	if (!same) {
		print_error("%s\n  gives: %s\n wanted: %s\n", folder, text, golden);
	}
	free(golden);
	return same;
}

static void every_invalid_configuration_gives_its_golden_error(void **state)
{
	DIR *directory = opendir(CASES);
	unsigned cases = 0, wrong = 0;

	(void)state;
	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		if (entry->d_name[0] != '.') {
			wrong += !check_case(entry->d_name);
			cases++;
		}
	}
	closedir(directory);
	assert_int_equal(wrong, 0);
	assert_true(cases >= 80); // not an empty folder
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_invalid_configuration_gives_its_golden_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

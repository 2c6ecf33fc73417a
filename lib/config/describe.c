// What the table says: --help, the reference, the schema.
#include "keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/** Columns of --help: where the text begins, and where lines end. */
#define HELP_INDENT 30
#define HELP_WIDTH  100

// Words of `text` from column `column` on, broken at HELP_WIDTH.
static void wrap(FILE *out, const char *text, int column)
{
	fprintf(out, "%*s", column < HELP_INDENT ? HELP_INDENT - column : 0, "");
	if (column >= HELP_INDENT) {
		fprintf(out, "\n%*s", HELP_INDENT, "");
	}
	column = HELP_INDENT;
	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column > HELP_INDENT && column + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		}
		column += fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", length, text);
		text += length;
		text += *text == ' ';
	}
	fprintf(out, "\n");
}

static void help_option(FILE *out, const char *letter, const char *option, const char *argument,
                        const char *help, const char *value)
{
	char text[640];
	int column = fprintf(out, "  ");

	column += letter != NULL ? fprintf(out, "-%s", letter) : fprintf(out, "  ");
	column += fprintf(out, "%s", letter != NULL && option != NULL ? ", " : "  ");
	if (option != NULL) {
		column += fprintf(out, "--%s", option);
	}
	if (argument != NULL) {
		column += fprintf(out, " %s", argument);
	}
	snprintf(text, sizeof(text), "%s%s%s%s", help, value != NULL ? " [" : "", value != NULL ? value : "",
	         value != NULL ? "]" : "");
	wrap(out, text, column + 1);
}

static bool has_option(enum config_role role, const struct config_key *key)
{
	return (key->letter != NULL || key->option != NULL) && config_role_uses(role, key->path);
}

// Options that stand for a setting are the client's.
static unsigned alias_count(enum config_role role)
{
	return role == CONFIG_CLIENT ? config_alias_count : 0;
}

void config_help(enum config_role role, FILE *out)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if (has_option(role, key)) {
			help_option(out, key->letter, key->option, key->argument, config_role_help(role, key),
			            key->type == CONFIG_BOOL ? NULL : key->value);
		}
	}
	for (unsigned i = 0; i < alias_count(role); i++) {
		help_option(out, NULL, config_aliases[i].option, NULL, config_aliases[i].help, NULL);
	}
}

// Text of a manual page: what troff would take for a command or a hyphen is made literal.
static void troff(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-' || *text == '\\') {
			fputs(*text == '-' ? "\\-" : "\\e", out);
		} else {
			fputc(*text, out);
		}
	}
}

static void man_option(FILE *out, const char *letter, const char *option, const char *argument,
                       const char *help, const char *value)
{
	fprintf(out, ".TP\n");
	if (letter != NULL) {
		fprintf(out, "\\fB\\-%s\\fR%s", letter, option != NULL ? ", " : "");
	}
	if (option != NULL) {
		fprintf(out, "\\fB\\-\\-");
		troff(out, option);
		fprintf(out, "\\fR");
	}
	if (argument != NULL) {
		fprintf(out, " \\fI");
		troff(out, argument);
		fprintf(out, "\\fR");
	}
	fprintf(out, "\n\\&"); // a text may begin with a dot
	troff(out, help);
	if (value != NULL) {
		fprintf(out, "\nThe default is ");
		troff(out, value);
		fprintf(out, ".");
	}
	fprintf(out, "\n");
}

void config_man(enum config_role role, FILE *out)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if (has_option(role, key)) {
			man_option(out, key->letter, key->option, key->argument, config_role_help(role, key),
			           key->type == CONFIG_BOOL ? NULL : key->value);
		}
	}
	for (unsigned i = 0; i < alias_count(role); i++) {
		man_option(out, NULL, config_aliases[i].option, NULL, config_aliases[i].help, NULL);
	}
}

// A cell of a Markdown table: no bar may end it early.
static void cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|') {
			fputc('\\', out);
		}
		fputc(*text, out);
	}
}

static void describe_key(FILE *out, const struct config_key *key)
{
	char allowed[512];

	fprintf(out, "| `%s` | ", key->path);
	cell(out, config_value_allowed(key, allowed, sizeof(allowed)));
	fprintf(out, " | %s%s%s | ", key->value != NULL ? "`" : "", key->value != NULL ? key->value : "",
	        key->value != NULL ? "`" : "");
	if (key->letter != NULL) {
		fprintf(out, "`-%s` ", key->letter);
	}
	if (key->option != NULL) {
		fprintf(out, "`--%s` ", key->option);
	}
	fprintf(out, "| ");
	cell(out, key->help);
	fprintf(out, " |\n");
}

static void describe_group(FILE *out, const char *group, unsigned depth)
{
	fprintf(out, "\n| key | value | default | option | |\n|---|---|---|---|---|\n");
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if (key->type != CONFIG_OBJECT && key->type != CONFIG_LIST &&
		    config_key_is_child(key->path, group)) {
			describe_key(out, key);
		}
	}
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char inner[CONFIG_PATH_SIZE];

		if ((key->type == CONFIG_OBJECT || key->type == CONFIG_LIST) &&
		    config_key_is_child(key->path, group)) {
			snprintf(inner, sizeof(inner), "%s%s", key->path,
			         key->type == CONFIG_LIST ? "[]" : "");
			fprintf(out, "\n%.*s `%s`\n\n%s\n", (int)depth, "#####", inner, key->help);
			if (key->option != NULL) {
				fprintf(out, "\nOption: `--%s %s`.\n", key->option, key->argument);
			}
			describe_group(out, inner, depth + 1);
		}
	}
}

void config_describe(FILE *out)
{
	fprintf(out, "# Settings\n\n"
	             "Every setting is a key of the JSON configuration; many have an option too. Later wins: "
	             "defaults, then the\n"
	             "file, then options. Durations are text with a unit (`\"500ms\"`, `\"5m\"`) or numbers "
	             "of seconds; rates and\n"
	             "counts are numbers or text (`\"100k\"`). JSON has no comments: any object may have a "
	             "`description`.\n\n"
	             "A test makes this page and `config.schema.json` from the table in the sources and "
	             "compares them.\n");
	describe_group(out, "", 2);
	fprintf(out, "\n## Options that stand for a setting\n\n| option | setting | |\n|---|---|---|\n");
	for (unsigned i = 0; i < config_alias_count; i++) {
		const struct config_alias *alias = &config_aliases[i];

		fprintf(out, "| `--%s` | `%s` = `%s` | %s |\n", alias->option, alias->path, alias->value,
		        alias->help);
	}
}

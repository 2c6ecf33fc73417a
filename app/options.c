#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "main.h"

#define OPTIONS_MAX 128
#define LONG_BASE   256

struct table {
	struct option longs[OPTIONS_MAX + 1];
	struct config_option known[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 3];
	unsigned count;
};

int options_fail(const struct error *error)
{
	char text[1280];

	error_format(error, text, sizeof(text));
	fprintf(stderr, "staleflow: %s\n", text);
	return STATUS_USAGE;
}

static void build_table(struct table *table)
{
	unsigned letters = 0;

	memset(table, 0, sizeof(*table));
	table->letters[letters++] = ':'; // a missing argument is told from an unknown option
	for (unsigned i = 0; i < OPTIONS_MAX - 1 && config_option_at(i, &table->known[i]); i++) {
		const struct config_option *known = &table->known[i];

		table->longs[i] = (struct option){known->name != NULL ? known->name : "",
		                                  known->argument != NULL ? required_argument : no_argument,
		                                  NULL, LONG_BASE + (int)i};
		if (known->letter != 0) {
			table->letters[letters++] = known->letter;
			if (known->argument != NULL) {
				table->letters[letters++] = ':';
			}
		}
		table->count = i + 1;
	}
	table->longs[table->count] = (struct option){"help", no_argument, NULL, 'h'};
	table->letters[letters] = 'h';
}

// An option that getopt does not know, or whose argument is missing.
static int refuse(char **arguments, int result, struct error *error)
{
	const char *word = arguments[optind - 1];
	char name[64];

	if (optopt > 0 && optopt < LONG_BASE && strncmp(word, "--", 2) != 0) {
		snprintf(name, sizeof(name), "-%c", optopt);
	} else {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	}
	if (result == '?' && optopt >= LONG_BASE) {
		return error_set_at(error, -EINVAL, name, 0, 0, "the option takes no argument");
	}
	if (result == ':') {
		return error_set_at(error, -EINVAL, name, 0, 0,
		                    "the option needs an argument; --help shows which");
	}
	return error_set_at(error, -EINVAL, name, 0, 0, "there is no such option; --help lists them");
}

static int parse_words(struct config_builder *builder, int count, char **arguments, bool *help,
                       struct error *error)
{
	struct table table;
	int result, rc = 0;

	build_table(&table);
	opterr = 0;
	optind = 0;
	while (rc == 0 && (result = getopt_long(count, arguments, table.letters, table.longs, NULL)) != -1) {
		char letter[2] = {(char)result, '\0'};

		if (result == 'h') {
			*help = true;
			return 0;
		}
		if (result == '?' || result == ':') {
			return refuse(arguments, result, error);
		}
		rc = config_set_option(builder,
		                       result >= LONG_BASE ? table.known[result - LONG_BASE].name : letter,
		                       optarg, error);
	}
	if (rc == 0 && count - optind > 1) {
		rc = error_set(error, -EINVAL,
		               "'%s' is one word too many: give at most one configuration file",
		               arguments[optind + 1]);
	}
	if (rc == 0 && optind < count) {
		rc = config_load_file(builder, arguments[optind], error);
	}
	return rc;
}

// A cohort without addresses sends from the interface's own.
static int fill_address(struct config_builder *builder, struct error *error)
{
	const char *name = config_peek(builder, "port.interface"),
	           *service = config_peek(builder, "service.address");
	const struct interface_address *own;
	struct interface interface;
	struct address destination;
	char text[ADDRESS_TEXT_SIZE];
	int rc;

	if (!config_needs_address(builder) || name == NULL || service == NULL ||
	    address_parse(service, &destination) < 0) {
		return 0; // config_finish() says what is missing
	}
	rc = interface_read(name, &interface, error);
	if (rc < 0) {
		return rc;
	}
	own = interface_source(&interface, &destination);
	if (own == NULL) {
		return error_set_at(
		        error, -EADDRNOTAVAIL, "-a", 0, 0,
		        "interface '%s' has no %s address to send from; give source addresses with -a", name,
		        destination.family == ADDRESS_IPV6 ? "IPv6" : "IPv4");
	}
	return config_set_option(builder, "a", address_format(&own->address, text), error);
}

int options_parse(struct options *options, enum config_role role, int count, char **arguments,
                  const char *usage, struct error *error)
{
	struct config_builder *builder = config_begin();
	int rc;

	memset(options, 0, sizeof(*options));
	if (builder == NULL) {
		return error_set(error, -ENOMEM, "no memory for the settings");
	}
	config_set_role(builder, role);
	rc = parse_words(builder, count, arguments, &options->help, error);
	if (rc == 0 && options->help) {
		printf("%s\n", usage);
		config_help(role, stdout);
	} else if (rc == 0) {
		rc = role == CONFIG_CLIENT ? fill_address(builder, error) : 0;
		config_unused(builder, options->unused, sizeof(options->unused));
		if (rc == 0) {
			rc = config_finish(builder, &options->plan, error);
		}
	}
	config_end(builder);
	return rc;
}

#pragma once
// From settings to a plan. A builder collects settings from a JSON file and from command-line options, later
// ones win, and config_finish() checks them together. All settings are lines of one table (config/keys.h),
// which also makes --help, the reference and the JSON schema. One thread a builder.

#include "base/error.h"
#include "config/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** Configuration files above this size are refused. */
#define CONFIG_FILE_SIZE_MAX ((size_t)16 << 20)

struct config_builder;

/** Whose settings they are: one file may serve both ends of a test. */
enum config_role {
	CONFIG_CLIENT,   ///< who sends: run, simulate, check
	CONFIG_DIRECTOR, ///< the load balancer model behind a port of its own
};

/** An empty builder: all defaults. NULL when there is no memory. */
struct config_builder *config_begin(void);

/**
 * Say whose settings these are, before anything is set; CONFIG_CLIENT without. The director takes the options
 * that concern it and refuses the client's; of a file it uses its own settings and lets the client's be.
 */
void config_set_role(struct config_builder *builder, enum config_role role);

/** Write the settings given that the builder's role has no use for, comma-separated; "" when there are none.
 */
void config_unused(const struct config_builder *builder, char *buffer, size_t size);

/** Free a builder, finished or not; NULL is allowed. Plans made from it live on. */
void config_end(struct config_builder *builder);

/**
 * Load a JSON file over what the builder has; "-" is standard input. Every key and value is checked on its
 * own. Returns 0, or a negative errno with file, line and column (syntax) or JSON path (anything else) in
 * `error`.
 */
int config_load_file(struct config_builder *builder, const char *path, struct error *error);

/** The same from memory; `source_name` stands for the file in errors. `text` needs no terminator. */
int config_load_text(struct config_builder *builder, const char *source_name, const char *text, size_t size,
                     struct error *error);

/** What getopt_long() needs to know of an option. */
struct config_option {
	char letter;          ///< 0: none
	const char *name;     ///< long name; NULL: none
	const char *argument; ///< what the help calls its argument; NULL: takes none
};

/** The option at `index`, 0 and up, in the order of the help. Returns false after the last. */
bool config_option_at(unsigned index, struct config_option *out);

/**
 * Set one option by its letter ("Q") or long name ("policy"), without dashes. `value` is NULL for an option
 * that takes no argument. It wins over the file, whatever the order of the calls; of two of the same the
 * later. Options about a cohort act on the only cohort (made if there is none); "a" fills in all cohorts
 * whose addresses are "auto". Returns 0 or -EINVAL with the option in `error`.
 */
int config_set_option(struct config_builder *builder, const char *option, const char *value,
                      struct error *error);

/**
 * A text or a boolean setting as it stands ("eth1", "true"): the value given, else the default; NULL when
 * there is neither, and for a value given as a number, a list or an object. `path` is as in the reference
 * ("port.interface"). Valid until the builder changes.
 */
const char *config_peek(const struct config_builder *builder, const char *path);

/**
 * True when some cohort takes the interface's own address ("auto", the default) and there is an interface to
 * ask: then the application looks it up and sets option "a" before config_finish().
 */
bool config_needs_address(const struct config_builder *builder);

/**
 * Check all settings together and make the plan, which the caller frees. Returns 0, or a negative errno with
 * the place (option, or file and JSON path) in `error`. The builder stays as it is.
 */
int config_finish(const struct config_builder *builder, struct plan **out, struct error *error);

/** Write the role's options for --help. */
void config_help(enum config_role role, FILE *out);

/** Write the role's options as the section of a manual page (docs/man/staleflow-run.1). */
void config_man(enum config_role role, FILE *out);

/** Write the reference of all keys and options as Markdown (docs/config.md). */
void config_describe(FILE *out);

/** Write the JSON schema of a configuration file (docs/config.schema.json). */
int config_schema(FILE *out);

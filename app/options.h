#pragma once
// From a command's words to a plan: the options are the lines of the configuration's one table of keys. Main
// thread.

#include "config/config.h"

#include <stdbool.h>

/** What the words asked for. */
struct options {
	struct plan *plan; ///< the caller frees it
	bool help;         ///< --help was given: the help was printed, and there is no plan
	char unused[256];  ///< settings of the file that the role has no use for, comma-separated
};

/**
 * Parse "[CONFIG] [OPTIONS]". Fills in the interface's own address where the plan takes it. Returns 0, or a
 * negative errno with the place in `error`. `usage` is the head of --help.
 */
int options_parse(struct options *options, enum config_role role, int count, char **arguments,
                  const char *usage, struct error *error);

/** Print an error as every command does; returns STATUS_USAGE. */
int options_fail(const struct error *error);

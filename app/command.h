#pragma once
// Commands that a scenario starts (`exec` events): run by /bin/sh beside the data path, never waited for.
// Output and exit status are kept for the report. Main thread only.

#include "base/error.h"
#include "base/units.h"

#include <stdbool.h>
#include <sys/types.h>

/** Octets of a command's output (both streams) that are kept; the rest is read and counted. */
#define COMMAND_OUTPUT 4096

struct command {
	pid_t process; ///< 0: not running
	int pipe;      ///< its output
	char output[COMMAND_OUTPUT + 1];
	unsigned length;
	unsigned long long dropped; ///< octets of output that were not kept
	bool ended;
	int status; ///< exit status; 128 + n when signal n ended it, as the shell has it
};

/** Start a command line. Returns 0 or a negative errno. */
int command_start(struct command *command, const char *line, struct error *error);

/** Collect output and, when it has ended, the status. Never blocks. Returns true once it has ended. */
bool command_poll(struct command *command);

/** End a command that still runs: SIGTERM to its process group, SIGKILL after `grace`. */
void command_end(struct command *command, ns_t grace);

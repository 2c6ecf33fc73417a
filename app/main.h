#pragma once
// The commands: each takes its own words (arguments[0] is its name) and returns the exit status.

/** Exit statuses. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, ///< something went wrong on the way; what was measured is reported
	STATUS_USAGE = 2,  ///< bad input; nothing was done
};

int command_run(int count, char **arguments);
int command_simulate(int count, char **arguments);
int command_director(int count, char **arguments);
int command_check(int count, char **arguments);
int command_schema(int count, char **arguments);
int command_compare(int count, char **arguments);
int command_merge(int count, char **arguments);
int command_plan(int count, char **arguments);

#include "main.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int count, char **arguments);
	const char *usage;
	const char *help;
} commands[] = {
        {"run", command_run, "[CONFIG] [OPTIONS]", "send queries, match the replies, report the losses"},
        {"simulate", command_simulate, "CONFIG [OPTIONS]",
         "the same against the director model, under a virtual clock"},
        {"director", command_director, "[CONFIG] [OPTIONS]",
         "the director model behind a port of its own, for others to send to"},
        {"check", command_check, "[CONFIG] [OPTIONS]", "validate, and say what a run would do and need"},
        {"compare", command_compare, "FIRST.json OTHER.json...",
         "results side by side, and whether they differ by more than chance"},
        {"merge", command_merge, "OUT.json IN.json...", "the results of several boxes as one"},
        {"plan", command_plan, "-Q RATE [OPTIONS]",
         "what a rate, a timeout and servers lose, and which run shows it"},
        {"schema", command_schema, "[--reference | --man]",
         "print the JSON schema, or the reference, of configuration files"},
};

static void usage(FILE *out)
{
	fprintf(out,
	        "Staleflow %s: a DNS load generator that finds the queries a load balancer loses to port "
	        "reuse.\n\n"
	        "Usage: staleflow COMMAND ...\n\n",
	        STALEFLOW_VERSION);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(out, "  staleflow %-9s %-24s %s\n", commands[i].name, commands[i].usage,
		        commands[i].help);
	}
	fprintf(out, "\n'staleflow COMMAND --help' lists the options of a command.\n"
	             "Example: staleflow run --iface eth1 -s 10.96.0.10 -d queries.txt -Q 100000 -l 60\n");
}

int main(int count, char **arguments)
{
	if (count < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0 ||
	    strcmp(arguments[1], "help") == 0) {
		usage(stdout);
		return STATUS_OK;
	}
	if (strcmp(arguments[1], "--version") == 0 || strcmp(arguments[1], "-V") == 0) {
		printf("staleflow %s\n", STALEFLOW_VERSION);
		return STATUS_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(arguments[1], commands[i].name) == 0) {
			return commands[i].run(count - 1, arguments + 1);
		}
	}
	fprintf(stderr, "staleflow: there is no command '%s'; there is:", arguments[1]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(stderr, "%s %s", i > 0 ? "," : "", commands[i].name);
	}
	fprintf(stderr, ". 'staleflow --help' says more\n");
	return STATUS_USAGE;
}

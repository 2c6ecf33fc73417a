// Commands that work on result files: compare, merge. They need neither a port nor DPDK.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/reply.h"
#include "main.h"
#include "options.h"
#include "report/result.h"

/** Result files of one command, as they were given. */
struct results {
	json_t **documents;
	const char **names;
	unsigned count;
};

static const char compare_usage[] = "Usage: staleflow compare FIRST.json OTHER.json...\n\n"
                                    "Print the results of runs (--json FILE) side by side: sent, completed "
                                    "and lost at each timeout, the 95 % interval of each loss\n"
                                    "(Wilson), and for each later run whether its loss differs from the "
                                    "first's by more than chance (interval of the difference by\n"
                                    "Newcombe). Where a result knows how its losses fall on ports, the "
                                    "intervals allow for it: the queries of one port share their\n"
                                    "fate. Then it warns of what makes the runs hard to compare (rates, "
                                    "durations, timeouts, an interrupted run, a box that dropped\n"
                                    "packets itself) and lists the settings that differ.\n\n"
                                    "Exit status: 0, or 2 when a file is no result.\n\n"
                                    "Example: staleflow compare before.json after.json\n";

static const char merge_usage[] = "Usage: staleflow merge OUT.json IN.json...\n\n"
                                  "Add up the results of several boxes that ran side by side into one "
                                  "result; OUT may be - for standard output. Counters, latency\n"
                                  "histograms, reuse ages and the time line add up exactly, interval 0 to "
                                  "interval 0; requested rates, tuples and CPUs too. Each\n"
                                  "box's plan stands in plan.merged. Results with other timeouts, intervals "
                                  "or cohorts are refused. Give each box other source\n"
                                  "addresses or ports, or a tuple is used by two.\n\n"
                                  "Exit status: 0, 1 when OUT can't be written, 2 when a file is no result "
                                  "or does not fit the others.\n\n"
                                  "Example: staleflow merge all.json box1.json box2.json\n";

static int load(struct results *results, const char *name, struct error *error)
{
	json_error_t reason;
	json_t *document = strcmp(name, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &reason)
	                                          : json_load_file(name, JSON_REJECT_DUPLICATES, &reason);

	if (document == NULL) {
		// A file that can't be read has no line.
		return error_set_at(error, -EINVAL, name, reason.line > 0 ? reason.line : 0,
		                    reason.line > 0 ? reason.column : 0,
		                    "%s; give a result that a run wrote with --json", reason.text);
	}
	results->documents[results->count] = document;
	results->names[results->count] = name;
	results->count++;
	return report_json_check(document, name, error);
}

static int load_all(struct results *results, int count, char **names, struct error *error)
{
	int rc = 0;

	results->documents = (json_t **)calloc((size_t)count, sizeof(*results->documents));
	results->names = (const char **)calloc((size_t)count, sizeof(*results->names));
	if (results->documents == NULL || results->names == NULL) {
		return error_set(error, -ENOMEM, "no memory for %d results", count);
	}
	for (int i = 0; rc == 0 && i < count; i++) {
		rc = load(results, names[i], error);
	}
	return rc;
}

static void unload(struct results *results)
{
	for (unsigned i = 0; i < results->count; i++) {
		json_decref(results->documents[i]);
	}
	free(results->documents);
	free(results->names);
}

// True when the words ask for help, or are too few or no file names; `status` is what to end with then.
static bool refuse(int count, char **arguments, int fewest, const char *usage, int *status)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
			fputs(usage, stdout);
			*status = STATUS_OK;
			return true;
		}
		if (arguments[i][0] == '-' && arguments[i][1] != '\0') {
			fprintf(stderr, "staleflow: %s: '%s' has no such option; it takes file names\n",
			        arguments[i], arguments[0]);
			*status = STATUS_USAGE;
			return true;
		}
	}
	if (count - 1 < fewest) {
		fprintf(stderr, "staleflow: '%s' needs %d files at least and got %d; --help says which\n",
		        arguments[0], fewest, count - 1);
		*status = STATUS_USAGE;
		return true;
	}
	return false;
}

int command_compare(int count, char **arguments)
{
	struct results results = {0};
	struct error error = {0};
	int status = STATUS_OK;

	if (refuse(count, arguments, 2, compare_usage, &status)) {
		return status;
	}
	if (load_all(&results, count - 1, arguments + 1, &error) < 0) {
		status = options_fail(&error);
	} else if (report_compare((const json_t *const *)results.documents, results.names, results.count,
	                          stdout) < 0) {
		error_set(&error, -EIO, "the comparison could not be written");
		options_fail(&error);
		status = STATUS_FAILED;
	}
	unload(&results);
	return status;
}

// Written to a file of its own first: a merge that fails half-way leaves what was there.
static int write_result(const struct report_input *input, const char *path, struct error *error)
{
	char temporary[4096];
	FILE *file;
	int rc;

	if (strcmp(path, "-") == 0) {
		return report_json_write(input, stdout, error);
	}
	if (snprintf(temporary, sizeof(temporary), "%s.part", path) >= (int)sizeof(temporary)) {
		return error_set_at(error, -ENAMETOOLONG, path, 0, 0, "the name is too long");
	}
	file = fopen(temporary, "we");
	if (file == NULL) {
		return error_set_at(error, -errno, path, 0, 0, "can't write: %s", strerror(errno));
	}
	rc = report_json_write(input, file, error);
	if (fclose(file) != 0 && rc == 0) {
		rc = error_set_at(error, -EIO, path, 0, 0, "can't write: %s", strerror(errno));
	}
	if (rc == 0 && rename(temporary, path) != 0) {
		rc = error_set_at(error, -errno, path, 0, 0, "can't write: %s", strerror(errno));
	}
	if (rc < 0) {
		remove(temporary);
	}
	return rc;
}

int command_merge(int count, char **arguments)
{
	struct results results = {0};
	struct report_result merged;
	struct error error = {0};
	int status = STATUS_OK;

	if (refuse(count, arguments, 2, merge_usage, &status)) {
		return status;
	}
	memset(&merged, 0, sizeof(merged));
	if (load_all(&results, count - 2, arguments + 2, &error) < 0 ||
	    report_result_merge(&merged, (const json_t *const *)results.documents, results.names,
	                        results.count, dns_rcode_name, &error) < 0) {
		status = options_fail(&error);
	} else if (write_result(&merged.input, arguments[1], &error) < 0) {
		options_fail(&error);
		status = STATUS_FAILED;
	}
	report_result_release(&merged);
	unload(&results);
	return status;
}

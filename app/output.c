#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dns/reply.h"
#include "run.h"

static FILE *open_file(const char *path, const char *option, struct error *error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

	if (file == NULL) {
		error_set_at(error, -errno, option, 0, 0, "can't write '%s': %s; name a file in a folder that exists and may be written",
			     path, strerror(errno));
	}
	return file;
}

// The reports are written at the end; find out now that they can be.
static int probe_file(const char *path, const char *option, struct error *error)
{
	FILE *file;

	if (path == NULL || strcmp(path, "-") == 0) {
		return 0;
	}
	file = fopen(path, "ae");
	if (file == NULL) {
		return error_set_at(error, -errno, option, 0, 0,
				    "can't write '%s': %s; name a file in a folder that exists and may be written", path, strerror(errno));
	}
	fclose(file);
	return 0;
}

static int flush_line(struct output *output, FILE *file, json_t *line)
{
	bool ok = line != NULL && json_dumpf(line, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF && fflush(file) == 0;

	json_decref(line);
	if (!ok && !output->jsonl_failed) {
		output->jsonl_failed = true;
		fprintf(stderr, "staleflow: --jsonl: can't write any more: %s; the run goes on\n", strerror(errno));
	}
	return ok ? 0 : -EIO;
}

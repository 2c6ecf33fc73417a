#include "quiet.h"

#include <string.h>
#include <unistd.h>

void quiet_begin(struct quiet *quiet, bool verbose)
{
	memset(quiet, 0, sizeof(*quiet));
	if (verbose) {
		return;
	}
	quiet->said = tmpfile();
	if (quiet->said == NULL) {
		return; // no room for a file: then all is seen
	}
	fflush(stdout);
	fflush(stderr);
	quiet->out = dup(STDOUT_FILENO);
	quiet->err = dup(STDERR_FILENO);
	dup2(fileno(quiet->said), STDOUT_FILENO);
	dup2(fileno(quiet->said), STDERR_FILENO);
}

// Back to what the stream was; it may have been closed from the start.
static void restore(int saved, int stream)
{
	if (saved < 0) {
		close(stream);
		return;
	}
	dup2(saved, stream);
	close(saved);
}

void quiet_end(struct quiet *quiet)
{
	char line[sizeof(quiet->reason)];

	if (quiet->said == NULL) {
		return;
	}
	fflush(stdout);
	fflush(stderr);
	restore(quiet->out, STDOUT_FILENO);
	restore(quiet->err, STDERR_FILENO);
	rewind(quiet->said);
	while (quiet->reason[0] == '\0' && fgets(line, sizeof(line), quiet->said) != NULL) {
		const char *text = strncmp(line, "EAL: ", 5) == 0 ? line + 5 : line;

		snprintf(quiet->reason, sizeof(quiet->reason), "%.*s", (int)strcspn(text, "\n"), text);
	}
	fclose(quiet->said);
	quiet->said = NULL;
}

#include "file.h"

#include <errno.h>
#include <string.h>

FILE *file_open(const char *option, const char *path, const char *mode, struct error *error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, mode);

	if (file == NULL) {
		error_set_at(error, -errno, option, 0, 0,
		             "can't write '%s': %s; name a file in a folder that exists and may be written",
		             path, strerror(errno));
	}
	return file;
}

int file_probe(const char *option, const char *path, struct error *error)
{
	FILE *file;

	if (path == NULL || strcmp(path, "-") == 0) {
		return 0;
	}
	file = file_open(option, path, "ae", error);
	if (file == NULL) {
		return error->code;
	}
	fclose(file);
	return 0;
}

int file_close(FILE *file, const char *path, struct error *error)
{
	if ((file == stdout ? fflush(file) : fclose(file)) != 0) {
		return error_set_at(error, -errno, path, 0, 0, "can't write: %s", strerror(errno));
	}
	return 0;
}

#include "file.h"

#include "dns/query.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE_FIRST (64 * 1024)

const char *dns_file_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

static int file_error(struct error *error, const char *path, int code, const char *what)
{
	return error_set_at(error, code, dns_file_name(path), 0, 0,
	                    "%s: %s; name a query file that can be read", what, strerror(-code));
}

// One octet more than the file has, so that the read that finds the end needs no second block.
static size_t first_size(int fd)
{
	struct stat status;

	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
	    (uint64_t)status.st_size <= DNS_FILE_SIZE_MAX) {
		return (size_t)status.st_size + 1;
	}
	return READ_SIZE_FIRST;
}

static int read_all(int fd, const char *path, char **data, size_t *used, struct error *error)
{
	size_t size = first_size(fd);
	char *larger = malloc(size);
	ssize_t got;

	*data = larger;
	*used = 0;
	for (;;) {
		if (larger == NULL) {
			return file_error(error, path, -ENOMEM, "can't hold the query file");
		}
		*data = larger;
		got = read(fd, *data + *used, size - *used);
		if (got == 0) {
			return 0;
		}
		if (got < 0 && errno != EINTR) {
			return file_error(error, path, -errno, "can't read the query file");
		}
		*used += got > 0 ? (size_t)got : 0;
		if (*used > DNS_FILE_SIZE_MAX) {
			return error_set_at(
			        error, -EFBIG, dns_file_name(path), 0, 0,
			        "the query file is larger than 4 GiB, which is the limit; split it");
		}
		if (*used == size) {
			size *= 2;
			larger = realloc(*data, size);
		}
	}
}

int dns_file_read(const char *path, char **data, size_t *size, struct error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		return file_error(error, path, -errno, "can't open the query file");
	}
	rc = read_all(fd, path, data, size, error);
	if (!standard_input) {
		close(fd);
	}
	if (rc < 0) {
		free(*data);
		*data = NULL;
	}
	return rc;
}

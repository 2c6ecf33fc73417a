#pragma once
// Private to dns: a whole file in memory.

#include "base/error.h"

#include <stddef.h>

/** What a path is called in errors: "-" reads standard input. */
const char *dns_file_name(const char *path);

/**
 * Read a file to its end, "-" for standard input. Returns 0, `data` (the caller frees it) and its size; or a
 * negative errno with the reason in `error`: -EFBIG above DNS_FILE_SIZE_MAX, -ENOMEM, or what reading gave.
 */
int dns_file_read(const char *path, char **data, size_t *size, struct error *error);

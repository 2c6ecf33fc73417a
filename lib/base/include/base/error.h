#pragma once
// Errors are values. A function that can fail for a reason the user can mend takes a `struct error *`, writes
// where and why into it, and returns a negative errno; the first error wins, so a caller may go on and check
// once. The caller owns the struct; only the application prints it. Any thread, one owner at a time.

#include <stdbool.h>

/**
 * Where and why something failed. `text` is one sentence or two: what was found, what is allowed, how to mend
 * it. `source` is a file, option or device name ("" if none), `line` and `column` count from 1 (0: not
 * applicable), `path` is a JSON path such as "$.cohorts[1].share" ("" if none).
 */
struct error {
	int code; ///< negative errno; 0 while nothing has failed
	char source[256];
	int line;
	int column;
	char path[192];
	char text[640];
};

/** Record an error without a place. `code` is a negative errno. Returns the code of the error that won (the
 * first). */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Record an error at a line and column of a file. Line and column count from 1; 0 leaves them out. */
int error_set_at(struct error *error, int code, const char *source, int line, int column, const char *format,
                 ...) __attribute__((format(printf, 6, 7)));

/** Record an error at a JSON path of a file. */
int error_set_path(struct error *error, int code, const char *source, const char *path, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));

/**
 * Write the error as one line for a person, "source:line:column: path: text", without a newline.
 * Returns the length that it would have had, as snprintf does.
 */
int error_format(const struct error *error, char *buffer, unsigned long size);

/** True when an error was recorded. */
static inline bool error_is_set(const struct error *error)
{
	return error->code != 0;
}

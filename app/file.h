#pragma once
// Files that a command writes; "-" is standard output. Main thread.

#include "base/error.h"

#include <stdio.h>

/** Open a file that `option` named. NULL with an error that names the option. */
FILE *file_open(const char *option, const char *path, const char *mode, struct error *error);

/** A file that is written at the end only: find out now that it can be, and leave an older one as it is until
 * then. NULL is no file. */
int file_probe(const char *option, const char *path, struct error *error);

/** Close a file, or flush standard output. */
int file_close(FILE *file, const char *path, struct error *error);

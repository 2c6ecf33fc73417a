#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 7, 0))) // clang: the callers checked the format
static int
error_record(struct error *error, int code, const char *source, int line, int column, const char *path,
             const char *format, va_list arguments)
{
	if (error == NULL) {
		return code;
	}
	if (error->code != 0) {
		return error->code; // the first error is the cause, later ones are its consequences
	}
	error->code = code != 0 ? code : -EINVAL;
	snprintf(error->source, sizeof(error->source), "%s", source);
	snprintf(error->path, sizeof(error->path), "%s", path);
	error->line = line;
	error->column = column;
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	return error->code;
}

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	code = error_record(error, code, "", 0, 0, "", format, arguments);
	va_end(arguments);
	return code;
}

int error_set_at(struct error *error, int code, const char *source, int line, int column, const char *format,
                 ...)
{
	va_list arguments;

	va_start(arguments, format);
	code = error_record(error, code, source, line, column, "", format, arguments);
	va_end(arguments);
	return code;
}

int error_set_path(struct error *error, int code, const char *source, const char *path, const char *format,
                   ...)
{
	va_list arguments;

	va_start(arguments, format);
	code = error_record(error, code, source, 0, 0, path, format, arguments);
	va_end(arguments);
	return code;
}

int error_format(const struct error *error, char *buffer, unsigned long size)
{
	char place[sizeof(error->source) + 32] = "";

	if (error->source[0] != '\0' && error->line > 0 && error->column > 0) {
		snprintf(place, sizeof(place), "%s:%d:%d: ", error->source, error->line, error->column);
	} else if (error->source[0] != '\0' && error->line > 0) {
		snprintf(place, sizeof(place), "%s:%d: ", error->source, error->line);
	} else if (error->source[0] != '\0') {
		snprintf(place, sizeof(place), "%s: ", error->source);
	}
	return snprintf(buffer, size, "%s%s%s%s", place, error->path, error->path[0] != '\0' ? ": " : "",
	                error->text);
}

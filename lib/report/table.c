#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool table_grow(struct report_table *table)
{
	size_t capacity = table->capacity > 0 ? 2 * table->capacity : 16;
	char **cells, **notes;

	if (table->failed || table->rows < table->capacity) {
		return !table->failed;
	}
	cells = (char **)realloc(table->cells, capacity * table->columns * sizeof(*cells));
	table->cells = cells != NULL ? cells : table->cells;
	notes = (char **)realloc(table->notes, capacity * sizeof(*notes));
	table->notes = notes != NULL ? notes : table->notes;
	if (cells == NULL || notes == NULL) {
		table->failed = true;
		return false;
	}
	table->capacity = capacity;
	return true;
}

static bool table_row(struct report_table *table)
{
	if (!table_grow(table)) {
		return false;
	}
	memset(&table->cells[table->rows * table->columns], 0, table->columns * sizeof(*table->cells));
	table->notes[table->rows] = NULL;
	table->rows++;
	return true;
}

void report_table_init(struct report_table *table, const char *const *headings)
{
	bool any = false;

	memset(table, 0, sizeof(*table));
	while (table->columns < REPORT_TABLE_COLUMNS && headings[table->columns] != NULL) {
		table->left[table->columns] = headings[table->columns][0] == '<';
		any = any || headings[table->columns][table->left[table->columns]] != '\0';
		table->columns++;
	}
	for (unsigned i = 0; any && i < table->columns; i++) {
		report_table_text(table, headings[i] + table->left[i]);
	}
}

void report_table_text(struct report_table *table, const char *text)
{
	char **cell;

	if (table->column == 0 && !table_row(table)) {
		return;
	}
	if (table->failed) {
		return;
	}
	cell = &table->cells[(table->rows - 1) * table->columns + table->column];
	*cell = strdup(text);
	table->failed = *cell == NULL;
	table->column = (table->column + 1) % table->columns;
}

void report_table_format(struct report_table *table, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report_table_text(table, text);
}

void report_table_count(struct report_table *table, uint64_t count)
{
	report_table_format(table, "%" PRIu64, count);
}

void report_table_some(struct report_table *table, uint64_t count)
{
	if (count == 0) {
		report_table_text(table, "-");
	} else {
		report_table_count(table, count);
	}
}

void report_table_percent(struct report_table *table, double proportion)
{
	char buffer[REPORT_TABLE_NUMBER];

	report_table_text(table, report_table_write_percent(proportion, buffer));
}

void report_table_note(struct report_table *table, const char *text)
{
	if (table_row(table)) {
		table->notes[table->rows - 1] = strdup(text);
		table->failed = table->notes[table->rows - 1] == NULL;
	}
}

static void table_widths(const struct report_table *table, int *widths)
{
	memset(widths, 0, REPORT_TABLE_COLUMNS * sizeof(*widths));
	for (size_t row = 0; row < table->rows; row++) {
		for (unsigned column = 0; column < table->columns; column++) {
			const char *cell = table->cells[row * table->columns + column];
			int width = cell != NULL ? (int)strlen(cell) : 0;

			widths[column] = width > widths[column] ? width : widths[column];
		}
	}
}

void report_table_write_line(const char *text, FILE *file)
{
	for (; *text != '\0'; text++) {
		fputc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, file);
	}
}

static void table_print_row(const struct report_table *table, size_t row, const int *widths, unsigned indent,
                            FILE *file)
{
	int pending = (int)indent;

	if (table->notes[row] != NULL) {
		fprintf(file, "%*s", (int)indent, "");
		report_table_write_line(table->notes[row], file);
		fputc('\n', file);
		return;
	}
	for (unsigned column = 0; column < table->columns; column++) {
		const char *cell = table->cells[row * table->columns + column];
		int length = cell != NULL ? (int)strlen(cell) : 0;
		int space = widths[column] - length;

		// Spaces are printed when something follows, so no line ends in them.
		if (length > 0) {
			fprintf(file, "%*s%s", pending + (table->left[column] ? 0 : space), "", cell);
			pending = table->left[column] ? space : 0;
		} else {
			pending += space;
		}
		pending += 2;
	}
	fputc('\n', file);
}

int report_table_drop(struct report_table *table)
{
	int failed = table->failed ? -ENOMEM : 0;

	for (size_t i = 0; table->cells != NULL && i < table->rows * table->columns; i++) {
		free(table->cells[i]);
	}
	for (size_t i = 0; table->notes != NULL && i < table->rows; i++) {
		free(table->notes[i]);
	}
	free(table->cells);
	free(table->notes);
	memset(table, 0, sizeof(*table));
	return failed;
}

int report_table_print(struct report_table *table, unsigned indent, FILE *file)
{
	int widths[REPORT_TABLE_COLUMNS];
	int failed;

	if (!table->failed) {
		table_widths(table, widths);
		for (size_t row = 0; row < table->rows; row++) {
			table_print_row(table, row, widths, indent, file);
		}
	}
	failed = report_table_drop(table);
	return failed != 0 ? failed : ferror(file) ? -EIO : 0;
}

const char *report_table_write_percent(double proportion, char *buffer)
{
	double percent = 100 * proportion;
	double edge = percent > 50 ? 100 - percent : percent;
	int digits = 2;

	if (!isfinite(proportion)) {
		memcpy(buffer, "-", sizeof("-"));
		return buffer;
	}
	// One query of a million must not read as none.
	while (digits < 6 && edge > 0 && edge < pow(10, -digits)) {
		digits++;
	}
	snprintf(buffer, REPORT_TABLE_NUMBER, "%.*f %%", digits, percent);
	return buffer;
}

const char *report_table_write_time(ns_t time, char *buffer)
{
	static const struct {
		ns_t ns;
		const char *name;
	} units[] = {{NS_PER_SEC, "s"}, {NS_PER_MS, "ms"}, {NS_PER_US, "us"}, {1, "ns"}};
	unsigned unit = 0;
	double value;

	while (unit < 3 && time < units[unit].ns) {
		unit++;
	}
	value = (double)time / (double)units[unit].ns;
	snprintf(buffer, REPORT_TABLE_NUMBER, "%.*f %s",
	         unit == 3     ? 0
	         : value < 10  ? 2
	         : value < 100 ? 1
	                       : 0,
	         value, units[unit].name);
	return buffer;
}

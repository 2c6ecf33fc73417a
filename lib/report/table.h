#pragma once
// Text tables with aligned columns, and the ways numbers are written in them. Private to the room. A table is
// filled row by row and printed once; cells are copied. Memory that runs out is remembered until the end.

#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Columns of a table, at the most. */
#define REPORT_TABLE_COLUMNS 64
/** Room for a formatted number, terminator included. */
#define REPORT_TABLE_NUMBER 48

struct report_table {
	unsigned columns;
	bool left[REPORT_TABLE_COLUMNS]; ///< aligned to the left
	char **cells;                    ///< [row * columns + column]; NULL: empty
	char **notes;                    ///< [row]: a line of text in place of cells
	size_t rows, capacity;
	unsigned column; ///< the next cell's
	bool failed;
};

/** A table with these headings, NULL after the last. A heading that begins with "<" is of a column aligned
 * left. When all are empty there is no row of headings. */
void report_table_init(struct report_table *table, const char *const *headings);

void report_table_text(struct report_table *table, const char *text);
void report_table_format(struct report_table *table, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void report_table_count(struct report_table *table, uint64_t count);
/** A count, or "-" for 0. */
void report_table_some(struct report_table *table, uint64_t count);
/** A proportion (0..1) in percent; NAN: "-". */
void report_table_percent(struct report_table *table, double proportion);

/** A whole line between the rows. Only between rows. */
void report_table_note(struct report_table *table, const char *text);

/** Print the table with `indent` spaces before each row, and free it. Returns 0, -EIO or -ENOMEM. */
int report_table_print(struct report_table *table, unsigned indent, FILE *file);

/** Print a text of the user's: control characters (a command's newlines) become spaces. */
void report_table_write_line(const char *text, FILE *file);

/** Write a proportion (0..1) in percent with as many digits as tell it from 0 and 1; NAN: "-". `buffer` holds
 * REPORT_TABLE_NUMBER bytes. Returns `buffer`. */
const char *report_table_write_percent(double proportion, char *buffer);

/** Write a time with a unit that suits it, three digits or so: "1.25 ms". As above. */
const char *report_table_write_time(ns_t time, char *buffer);

/** Free a table without printing it. Returns 0 or -ENOMEM. */
int report_table_drop(struct report_table *table);

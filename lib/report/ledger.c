// Rows are written by hand and not by jansson: there may be a hundred million of them.
#include "report/ledger.h"

#include <inttypes.h>
#include <string.h>

enum report_ledger_format report_ledger_format_of(const char *path)
{
	static const char ending[] = ".jsonl";
	size_t length = strlen(path), end = sizeof(ending) - 1;

	return length >= end && strcmp(path + length - end, ending) == 0 ? REPORT_LEDGER_JSONL
	                                                                 : REPORT_LEDGER_CSV;
}

void report_ledger_head(enum report_ledger_format format, FILE *file)
{
	if (format == REPORT_LEDGER_CSV) {
		fputs("tuple,cohort,sent,answered,refused,lost,late,first_lost_s,last_lost_s,longest_lost,"
		      "last_sent_s,last_answered_s,backend\n",
		      file);
	}
}

// ---- CSV (RFC 4180)

static void csv_text(const char *text, FILE *file)
{
	if (text == NULL) {
		return;
	}
	if (strpbrk(text, ",\"\r\n") == NULL) {
		fputs(text, file);
		return;
	}
	fputc('"', file);
	for (; *text != '\0'; text++) {
		if (*text == '"') {
			fputc('"', file);
		}
		fputc(*text, file);
	}
	fputc('"', file);
}

static void write_time(ns_t time, FILE *file)
{
	fprintf(file, "%" PRIu64 ".%09" PRIu64, time / NS_PER_SEC, time % NS_PER_SEC);
}

static void csv_time(ns_t time, FILE *file)
{
	if (time != NS_NEVER) {
		write_time(time, file);
	}
}

static void csv_row(const struct report_tuple *tuple, FILE *file)
{
	fputs(tuple->source, file);
	fputc(',', file);
	csv_text(tuple->cohort, file);
	fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", tuple->sent,
	        tuple->answered, tuple->refused, tuple->lost, tuple->late);
	csv_time(tuple->first_lost, file);
	fputc(',', file);
	csv_time(tuple->last_lost, file);
	fprintf(file, ",%" PRIu64 ",", tuple->longest_lost);
	csv_time(tuple->last_sent, file);
	fputc(',', file);
	csv_time(tuple->last_answered, file);
	fputc(',', file);
	csv_text(tuple->backend, file);
	fputc('\n', file);
}

// ---- JSON lines

// Names come from configurations and NSIDs, whose printable form is ASCII; anything else is written as "?".
static void json_text(const char *text, FILE *file)
{
	if (text == NULL) {
		fputs("null", file);
		return;
	}
	fputc('"', file);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			fputc('\\', file);
		}
		fputc(c >= 0x20 && c < 0x7f ? c : '?', file);
	}
	fputc('"', file);
}

static void json_time(const char *key, ns_t time, FILE *file)
{
	fprintf(file, ",\"%s\":", key);
	if (time == NS_NEVER) {
		fputs("null", file);
	} else {
		write_time(time, file);
	}
}

static void json_row(const struct report_tuple *tuple, FILE *file)
{
	fputs("{\"tuple\":", file);
	json_text(tuple->source, file);
	fputs(",\"cohort\":", file);
	json_text(tuple->cohort, file);
	fprintf(file,
	        ",\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"lost\":%" PRIu64
	        ",\"late\":%" PRIu64,
	        tuple->sent, tuple->answered, tuple->refused, tuple->lost, tuple->late);
	json_time("first_lost_s", tuple->first_lost, file);
	json_time("last_lost_s", tuple->last_lost, file);
	fprintf(file, ",\"longest_lost\":%" PRIu64, tuple->longest_lost);
	json_time("last_sent_s", tuple->last_sent, file);
	json_time("last_answered_s", tuple->last_answered, file);
	fputs(",\"backend\":", file);
	json_text(tuple->backend, file);
	fputs("}\n", file);
}

void report_ledger_row(enum report_ledger_format format, const struct report_tuple *tuple, FILE *file)
{
	if (format == REPORT_LEDGER_JSONL) {
		json_row(tuple, file);
	} else {
		csv_row(tuple, file);
	}
}

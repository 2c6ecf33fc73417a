#include "builder.h"
#include "dns/query.h"
#include "file.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>

struct record {
	const char *source;
	uint32_t number;
	size_t offset; ///< of the length prefix in the file
};

static int record_error(struct error *error, const struct record *record, const char *what, unsigned found,
                        const char *allowed)
{
	return error_set_at(error, -EINVAL, record->source, (int)record->number, 0,
	                    "record %u at octet %zu %s: %u; %s", record->number, record->offset, what, found,
	                    allowed);
}

static int add_record(struct dns_builder *builder, const struct record *record, const uint8_t *message,
                      uint16_t length, struct error *error)
{
	struct cursor cursor = cursor_reader(message, length);
	uint16_t flags, questions, question_length;
	int rc;

	cursor_u16(&cursor); // id
	flags = cursor_u16(&cursor);
	questions = cursor_u16(&cursor);
	cursor_take(&cursor, 6);
	if (cursor.failed) {
		return record_error(error, record, "has too few octets for a DNS message", length,
		                    "a header alone has 12");
	}
	if ((flags & DNS_FLAG_RESPONSE) != 0) {
		return record_error(error, record, "is a response, its header flags", flags,
		                    "only queries are allowed, QR=0 (flags below 32768)");
	}
	if (questions != 1) {
		return record_error(error, record, "has a wrong number of questions", questions,
		                    "exactly one is allowed, by which its reply is known");
	}
	question_length = dns_question_take(&cursor);
	if (question_length == 0) {
		return record_error(error, record, "has a broken question in its octets", length,
		                    "allowed are labels up to 63 octets, names up to 255, no compression");
	}
	rc = dns_builder_add(builder, message, length, question_length, record->number);
	return rc == 0 ? 0
	               : error_set(error, rc, "no memory for the queries of %s; use a smaller file",
	                           record->source);
}

int dns_query_set_parse_binary(struct dns_query_set **out, const char *source_name, const uint8_t *data,
                               size_t size, struct error *error)
{
	struct record record = {.source = source_name};
	struct cursor cursor = cursor_reader(data, size);
	struct dns_builder builder = {0};
	int rc = 0;

	*out = NULL;
	while (cursor_left(&cursor) > 0) {
		const uint8_t *message;
		uint16_t length;

		record.number++;
		record.offset = cursor.position;
		length = cursor_u16(&cursor);
		message = cursor_take(&cursor, length);
		if (message == NULL) {
			rc = record_error(error, &record, "is cut short, its announced octets", length,
			                  "the file must end with a whole record ({16-bit big-endian length, "
			                  "message}*)");
			goto fail;
		}
		rc = add_record(&builder, &record, message, length, error);
		if (rc < 0) {
			goto fail;
		}
	}
	if (builder.count == 0) {
		rc = error_set_at(error, -EINVAL, source_name, 0, 0,
		                  "the binary query file is empty; it needs at least one message");
		goto fail;
	}
	*out = dns_builder_finish(&builder);
	if (*out == NULL) {
		rc = error_set(error, -ENOMEM, "no memory for the queries of %s; use a smaller file",
		               source_name);
		goto fail;
	}
	return 0;
fail:
	dns_builder_discard(&builder);
	return rc;
}

int dns_query_set_load_binary(struct dns_query_set **out, const char *path, struct error *error)
{
	char *data;
	size_t size;
	int rc;

	*out = NULL;
	rc = dns_file_read(path, &data, &size, error);
	if (rc < 0) {
		return rc;
	}
	rc = dns_query_set_parse_binary(out, dns_file_name(path), (const uint8_t *)data, size, error);
	free(data);
	return rc;
}

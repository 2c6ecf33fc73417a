#include "builder.h"
#include "dns/query.h"
#include "file.h"
#include "message.h"
#include "name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
	const char *source;
	const char *text;
	size_t length;
	size_t position; ///< of the reader
	uint32_t number;
};

/** A column of a line, without the blanks around it. */
struct token {
	const char *text;
	size_t length; ///< 0: the line has ended
};

static int line_error(struct error *error, const struct line *line, const struct token *token,
                      const char *reason)
{
	char quote[DNS_QUOTE_SIZE];

	return error_set_at(error, -EINVAL, line->source, (int)line->number,
	                    (int)(token->text - line->text) + 1, "'%s' %s",
	                    dns_quote(token->text, token->length, quote), reason);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// The next column; none when the line has ended or a comment begins.
static struct token next_token(struct line *line)
{
	struct token token = {0};

	while (line->position < line->length && is_blank(line->text[line->position])) {
		line->position++;
	}
	token.text = line->text + line->position;
	while (line->position < line->length && !is_blank(line->text[line->position])) {
		line->position++;
	}
	token.length = (size_t)(line->text + line->position - token.text);
	if (token.length > 0 && (token.text[0] == ';' || token.text[0] == '#')) {
		token.length = 0;
	}
	return token;
}

static int check_octets(const struct line *line, const struct token *token, struct error *error)
{
	for (size_t i = 0; i < token->length; i++) {
		unsigned char c = (unsigned char)token->text[i];

		if (c < 0x20 || c == 0x7f) {
			struct token place = {token->text + i, 1};

			return line_error(
			        error, line, &place,
			        "is a control character; in a name write it as \\DDD (three decimal digits), "
			        "between lines write a line feed");
		}
	}
	return 0;
}

/**
 * A column after the type. What has a slash and an address before it is meant as a subnet, so its errors are
 * errors; all else that isn't known is none of ours (dnsperf ignores every further column).
 */
static int parse_extra(const struct line *line, const struct token *token, struct dns_line_options *extra,
                       struct error *error)
{
	char text[ADDRESS_TEXT_SIZE];
	struct dns_client_subnet *subnet = &extra->client_subnet;
	struct address address;
	char *slash;

	if (token->length == 1 && (token->text[0] == 'E' || token->text[0] == 'D')) {
		extra->edns = true;
		extra->dnssec_ok = extra->dnssec_ok || token->text[0] == 'D';
		return 0;
	}
	if (token->length >= sizeof(text) || memchr(token->text, '/', token->length) == NULL) {
		return 0;
	}
	memcpy(text, token->text, token->length);
	text[token->length] = '\0';
	if (address_prefix_parse(text, &subnet->address, &subnet->prefix_length) == 0) {
		subnet->present = true;
		return 0;
	}
	slash = strchr(text, '/');
	*slash = '\0';
	if (address_parse(text, &address) < 0) {
		return 0;
	}
	return line_error(error, line, token,
	                  "is not a client subnet; the prefix length is 0 to 32 after an IPv4 address, 0 to "
	                  "128 after an IPv6 one");
}

static int parse_line(struct dns_builder *builder, struct line *line, const struct dns_query_options *options,
                      struct error *error)
{
	uint8_t name[DNS_NAME_SIZE_MAX], message[DNS_MESSAGE_SIZE_MAX];
	struct dns_line_options extra = {0};
	struct token token = next_token(line);
	const char *reason = NULL;
	size_t name_length;
	uint16_t type, length;
	int rc;

	if (token.length == 0) {
		return 0; // blank, or a comment
	}
	rc = check_octets(line, &token, error);
	if (rc < 0) {
		return rc;
	}
	name_length = dns_name_parse(token.text, token.length, name, &reason);
	if (name_length == 0) {
		return line_error(error, line, &token, reason);
	}
	token = next_token(line);
	if (token.length == 0) {
		return error_set_at(error, -EINVAL, line->source, (int)line->number,
		                    (int)(token.text - line->text) + 1,
		                    "the query type is missing; a line is NAME TYPE, e.g. www.example.com A");
	}
	if (dns_type_parse(token.text, token.length, &type) < 0) {
		return line_error(error, line, &token,
		                  "is not a query type; a line is NAME TYPE, and a type is one such as A, "
		                  "AAAA, HTTPS or TYPE65 "
		                  "(0 to 65535)");
	}
	for (token = next_token(line); token.length > 0; token = next_token(line)) {
		rc = parse_extra(line, &token, &extra, error);
		if (rc < 0) {
			return rc;
		}
	}
	length = dns_message_build(message, name, name_length, type, options, &extra);
	rc = dns_builder_add(builder, message, length, (uint16_t)(name_length + 4), line->number);
	return rc == 0 ? 0
	               : error_set(error, rc, "no memory for the queries of %s; use a smaller file",
	                           line->source);
}

// Cut the next line off the text: up to a line feed or the end, without a carriage return before it.
static int next_line(struct line *line, const char **rest, const char *end, struct error *error)
{
	const char *feed = memchr(*rest, '\n', (size_t)(end - *rest));
	const char *stop = feed != NULL ? feed : end;
	const char *nul;

	line->text = *rest;
	line->length = (size_t)(stop - *rest);
	line->position = 0;
	line->number++;
	*rest = feed != NULL ? feed + 1 : end;
	nul = memchr(line->text, '\0', line->length);
	if (nul != NULL) {
		return error_set_at(error, -EINVAL, line->source, (int)line->number,
		                    (int)(nul - line->text) + 1,
		                    "found a NUL octet; this is not a text file (a binary query file needs "
		                    "the binary option)");
	}
	if (line->length > DNS_LINE_SIZE_MAX) {
		return error_set_at(error, -EINVAL, line->source, (int)line->number, DNS_LINE_SIZE_MAX + 1,
		                    "the line has %zu characters; %u are allowed", line->length,
		                    DNS_LINE_SIZE_MAX);
	}
	if (line->length > 0 && line->text[line->length - 1] == '\r') {
		line->length--;
	}
	return 0;
}

int dns_query_set_parse(struct dns_query_set **out, const char *source_name, const char *text, size_t size,
                        const struct dns_query_options *options, struct error *error)
{
	static const char byte_order_mark[] =
	        "\xef\xbb\xbf"; // editors leave it; it is no part of the first name
	struct line line = {.source = source_name};
	struct dns_builder builder = {0};
	const char *rest = text, *end = text + size;
	int rc;

	*out = NULL;
	if (size >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
		rest += 3;
	}
	while (rest < end) {
		rc = next_line(&line, &rest, end, error);
		if (rc == 0) {
			rc = parse_line(&builder, &line, options, error);
		}
		if (rc < 0) {
			goto fail;
		}
	}
	if (builder.count == 0) {
		rc = error_set_at(error, -EINVAL, source_name, 0, 0,
		                  "the query file has no query; it needs at least one line NAME TYPE, e.g. "
		                  "www.example.com A");
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

int dns_query_set_load(struct dns_query_set **out, const char *path, const struct dns_query_options *options,
                       struct error *error)
{
	char *text;
	size_t size;
	int rc;

	*out = NULL;
	rc = dns_file_read(path, &text, &size, error);
	if (rc < 0) {
		return rc;
	}
	rc = dns_query_set_parse(out, dns_file_name(path), text, size, options, error);
	free(text);
	return rc;
}

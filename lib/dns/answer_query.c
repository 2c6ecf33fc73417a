#include "answer_query.h"

#include "message.h"

#include <string.h>

static bool read_opt_options(const uint8_t *data, uint16_t length, struct answer_query *facts)
{
	struct cursor cursor = cursor_reader(data, length);

	while (cursor_left(&cursor) > 0) {
		uint16_t code = cursor_u16(&cursor);

		cursor_take(&cursor, cursor_u16(&cursor));
		facts->nsid = facts->nsid || code == DNS_EDNS_NSID;
	}
	return !cursor.failed;
}

static bool read_record(struct cursor *cursor, bool additional, struct answer_query *facts)
{
	size_t start = cursor->position;
	bool root;
	uint16_t type, class, length;
	uint32_t ttl;
	const uint8_t *data;

	if (!dns_owner_take(cursor)) {
		return false;
	}
	root = cursor->position - start == 1;
	type = cursor_u16(cursor);
	class = cursor_u16(cursor);
	ttl = cursor_u32(cursor);
	length = cursor_u16(cursor);
	data = cursor_take(cursor, length);
	if (data == NULL) {
		return false;
	}
	if (!additional || type != DNS_TYPE_OPT) {
		return true;
	}
	if (facts->opt || !root) {
		return false;
	}
	facts->opt = true;
	facts->edns_size = class;
	facts->version = (uint8_t)(ttl >> 16);
	facts->dnssec_ok = (ttl & DNS_EDNS_FLAG_DO) != 0;
	return read_opt_options(data, length, facts);
}

bool answer_query_read(const uint8_t *query, size_t length, struct answer_query *facts)
{
	struct cursor cursor = cursor_reader(query, length);
	const uint8_t *tail;
	uint32_t others, additional;
	uint16_t questions;

	memset(facts, 0, sizeof(*facts));
	facts->id = cursor_u16(&cursor);
	facts->flags = cursor_u16(&cursor);
	questions = cursor_u16(&cursor);
	others = cursor_u16(&cursor);
	others += cursor_u16(&cursor);
	additional = cursor_u16(&cursor);
	if (cursor.failed || (facts->flags & DNS_FLAG_RESPONSE) != 0 || questions != 1) {
		return false;
	}
	facts->question_length = dns_question_take(&cursor);
	if (facts->question_length == 0) {
		return false;
	}
	tail = query + cursor.position - 4;
	facts->type = (uint16_t)(tail[0] << 8 | tail[1]);
	facts->class = (uint16_t)(tail[2] << 8 | tail[3]);
	for (uint32_t i = 0; i < others + additional; i++) {
		if (!read_record(&cursor, i >= others, facts)) {
			return false;
		}
	}
	return true;
}

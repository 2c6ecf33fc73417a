// The reply to a query as the RFCs say it, field by field with a cursor: what dns_answer_write() is held
// against.
#include "answer_reference.h"

#include "base/cursor.h"

#include <errno.h>
#include <string.h>

#define OPCODE_QUERY                0
#define ADDRESS_RECORD_SIZE(length) (12u + (length)) ///< pointer, type, class, TTL, length, address

/** What of the query matters; values, no pointers, so that the reply may take its place. */
struct query_facts {
	uint16_t id;
	uint16_t flags;
	uint16_t question_length;
	uint16_t type;
	uint16_t class;
	bool opt;
	bool dnssec_ok;
	bool nsid;
	uint8_t version;
	uint16_t edns_size;
};

/** The octets of a question; 0 when it is broken. */
static uint16_t take_question(struct cursor *cursor)
{
	size_t start = cursor->position;

	for (;;) {
		uint8_t label = cursor_u8(cursor);

		if (cursor->failed || label > DNS_LABEL_SIZE_MAX) {
			return 0;
		}
		if (label == 0) {
			break;
		}
		cursor_take(cursor, label);
	}
	if (cursor->position - start > DNS_NAME_SIZE_MAX) {
		return 0;
	}
	cursor_take(cursor, 4);
	return cursor->failed ? 0 : (uint16_t)(cursor->position - start);
}

/** Step over an owner name; a pointer ends it, and leads back to an octet behind the header. */
static bool take_owner(struct cursor *cursor)
{
	size_t start = cursor->position;

	for (;;) {
		size_t at = cursor->position;
		uint8_t label = cursor_u8(cursor);

		if (label >= 0xc0) {
			size_t target = (size_t)(label & 0x3f) << 8 | cursor_u8(cursor);

			return !cursor->failed && target >= DNS_HEADER_SIZE && target < at;
		}
		if (cursor->failed || label > DNS_LABEL_SIZE_MAX ||
		    cursor->position - start > DNS_NAME_SIZE_MAX) {
			return false;
		}
		if (label == 0) {
			return true;
		}
		cursor_take(cursor, label);
	}
}

static bool read_opt_options(const uint8_t *data, uint16_t length, struct query_facts *facts)
{
	struct cursor cursor = cursor_reader(data, length);

	while (cursor_left(&cursor) > 0) {
		uint16_t code = cursor_u16(&cursor);

		cursor_take(&cursor, cursor_u16(&cursor));
		facts->nsid = facts->nsid || code == DNS_EDNS_NSID;
	}
	return !cursor.failed;
}

static bool read_record(struct cursor *cursor, bool additional, struct query_facts *facts)
{
	size_t start = cursor->position;
	bool root;
	uint16_t type, class, length;
	uint32_t ttl;
	const uint8_t *data;

	if (!take_owner(cursor)) {
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

static bool read_query(const uint8_t *query, size_t length, struct query_facts *facts)
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
	facts->question_length = take_question(&cursor);
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

static uint16_t choose_rcode(const struct query_facts *facts, const struct dns_answer_options *options)
{
	if ((facts->flags & DNS_MASK_OPCODE) != OPCODE_QUERY) {
		return DNS_RCODE_NOTIMP;
	}
	if (facts->version != 0) {
		return DNS_RCODE_BADVERS;
	}
	// The upper bits travel in the OPT record: without one there is no way to say it.
	return options->rcode > DNS_MASK_RCODE && !facts->opt ? DNS_RCODE_SERVFAIL : options->rcode;
}

/** How long the reply may become, by both sides' word and the room there is. */
static size_t reply_limit(const struct query_facts *facts, uint16_t edns_size, size_t out_size)
{
	size_t limit = DNS_UDP_SIZE_PLAIN;

	if (facts->opt) {
		limit = facts->edns_size < edns_size ? facts->edns_size : edns_size;
		limit = limit < DNS_UDP_SIZE_PLAIN ? DNS_UDP_SIZE_PLAIN : limit; // RFC 6891 6.2.3
	}
	return limit < out_size ? limit : out_size;
}

// Addresses of the question's family while they fit in front of `reserved` octets. Returns their number;
// `all` says whether every one found room.
static uint16_t put_addresses(struct cursor *cursor, size_t reserved, const struct query_facts *facts,
                              const struct dns_answer_options *options, bool *all)
{
	uint8_t family = facts->type == DNS_TYPE_A      ? ADDRESS_IPV4
	                 : facts->type == DNS_TYPE_AAAA ? ADDRESS_IPV6
	                                                : ADDRESS_NONE;
	uint16_t length = (uint16_t)address_length(family);
	uint16_t count = 0;

	if (family == ADDRESS_NONE || facts->class != DNS_CLASS_IN) {
		return 0;
	}
	for (uint32_t i = 0; i < options->address_count; i++) {
		if (options->addresses[i].family != family) {
			continue;
		}
		if (cursor_left(cursor) < ADDRESS_RECORD_SIZE(length) + reserved || count == UINT16_MAX) {
			*all = false;
			break;
		}
		cursor_put_u16(cursor, 0xc000 | DNS_HEADER_SIZE); // the question's name
		cursor_put_u16(cursor, facts->type);
		cursor_put_u16(cursor, DNS_CLASS_IN);
		cursor_put_u32(cursor, options->ttl);
		cursor_put_u16(cursor, length);
		cursor_put(cursor, options->addresses[i].bytes, length);
		count++;
	}
	return count;
}

static void put_opt(struct cursor *cursor, const struct query_facts *facts,
                    const struct dns_answer_options *options, uint16_t edns_size, uint16_t rcode, bool nsid)
{
	cursor_put_u8(cursor, 0);
	cursor_put_u16(cursor, DNS_TYPE_OPT);
	cursor_put_u16(cursor, edns_size);
	cursor_put_u8(cursor, (uint8_t)(rcode >> 4));
	cursor_put_u8(cursor, 0); // version
	cursor_put_u16(cursor, facts->dnssec_ok ? DNS_EDNS_FLAG_DO : 0);
	cursor_put_u16(cursor, nsid ? (uint16_t)(4 + options->nsid_length) : 0);
	if (nsid) {
		cursor_put_u16(cursor, DNS_EDNS_NSID);
		cursor_put_u16(cursor, options->nsid_length);
		cursor_put(cursor, options->nsid, options->nsid_length);
	}
}

static void put_header(uint8_t *out, const struct query_facts *facts,
                       const struct dns_answer_options *options, uint16_t rcode, bool truncated,
                       uint16_t answers)
{
	struct cursor cursor = cursor_writer(out, DNS_HEADER_SIZE);
	uint16_t flags =
	        facts->flags & (DNS_MASK_OPCODE | DNS_FLAG_RECURSION_DESIRED | DNS_FLAG_CHECKING_DISABLED);

	flags |= DNS_FLAG_RESPONSE | (rcode & DNS_MASK_RCODE);
	flags |= options->authoritative ? DNS_FLAG_AUTHORITATIVE : 0;
	flags |= options->recursion_available ? DNS_FLAG_RECURSION_AVAILABLE : 0;
	flags |= truncated ? DNS_FLAG_TRUNCATED : 0;
	cursor_put_u16(&cursor, facts->id);
	cursor_put_u16(&cursor, flags);
	cursor_put_u16(&cursor, 1);
	cursor_put_u16(&cursor, answers);
	cursor_put_u16(&cursor, 0);
	cursor_put_u16(&cursor, facts->opt ? 1 : 0);
}

int answer_reference(const uint8_t *query, size_t query_length, const struct dns_answer_options *options,
                     uint8_t *out, size_t out_size)
{
	uint16_t edns_size = options->edns_size != 0 ? options->edns_size : DNS_EDNS_SIZE_DEFAULT;
	struct query_facts facts;
	struct cursor cursor;
	uint16_t rcode, answers = 0;
	size_t opt_size, fixed_size;
	bool nsid, all = true;

	if (!read_query(query, query_length, &facts)) {
		return -EBADMSG;
	}
	rcode = choose_rcode(&facts, options);
	cursor = cursor_writer(out, reply_limit(&facts, edns_size, out_size));
	fixed_size = (size_t)DNS_HEADER_SIZE + facts.question_length;
	opt_size = facts.opt ? DNS_OPT_SIZE : 0;
	if (cursor_left(&cursor) < fixed_size + opt_size) {
		return -ENOSPC;
	}
	nsid = facts.nsid && options->nsid != NULL &&
	       cursor_left(&cursor) >= fixed_size + opt_size + 4 + options->nsid_length;
	opt_size += nsid ? 4u + options->nsid_length : 0;

	if (out != query) {
		memcpy(out + DNS_HEADER_SIZE, query + DNS_HEADER_SIZE, facts.question_length);
	}
	cursor.position = fixed_size;
	if (rcode == DNS_RCODE_NOERROR) {
		answers = put_addresses(&cursor, opt_size, &facts, options, &all);
	}
	if (facts.opt) {
		put_opt(&cursor, &facts, options, edns_size, rcode, nsid);
	}
	put_header(out, &facts, options, rcode, !all, answers);
	return (int)cursor.position;
}

#include "dns/reply.h"

#include "message.h"

#define DNS_RECORD_FIXED     10 ///< type, class, TTL and length, behind the owner
#define DNS_EDNS_OPTION_HEAD 4  ///< code and length

static inline uint16_t word_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool find_nsid(const uint8_t *data, uint16_t length, struct dns_reply *out)
{
	const uint8_t *end = data + length;

	while (data != end) {
		uint16_t size;

		if (end - data < DNS_EDNS_OPTION_HEAD) {
			return false;
		}
		size = word_at(data + 2);
		if (size > end - data - DNS_EDNS_OPTION_HEAD) {
			return false;
		}
		if (word_at(data) == DNS_EDNS_NSID && out->nsid == NULL) {
			out->nsid = data + DNS_EDNS_OPTION_HEAD;
			out->nsid_length = size;
		}
		data += DNS_EDNS_OPTION_HEAD + size;
	}
	return true;
}

// The usual end of a message: an OPT record as its only record, with the octets that are left. False leaves
// it to the walk, which finds out what else it is.
static inline bool take_lone_opt(const uint8_t *at, size_t left, bool want_nsid, struct dns_reply *out,
                                 bool *whole)
{
	if (out->answers != 0 || out->authority != 0 || out->additional != 1 || left < DNS_OPT_SIZE ||
	    at[0] != 0 || word_at(at + 1) != DNS_TYPE_OPT || left < DNS_OPT_SIZE + (size_t)word_at(at + 9)) {
		return false;
	}
	out->rcode = (uint16_t)(at[5] << 4 | (out->flags & DNS_MASK_RCODE));
	*whole = !want_nsid || find_nsid(at + DNS_OPT_SIZE, word_at(at + 9), out);
	return true;
}

// What matters of a record.
struct record {
	bool root; // its owner is the root
	uint16_t type, length;
	uint32_t ttl;
	const uint8_t *data;
};

// A record as nearly all are: its owner a pointer to a name before it or the root, and whole. False leaves
// it, and the cursor, to the long way, which finds out what else it is.
static inline bool take_usual_record(struct cursor *cursor, struct record *record)
{
	const uint8_t *at = cursor->data + cursor->position;
	size_t left = cursor_left(cursor), owner = 1;

	if (left < 2 + DNS_RECORD_FIXED) {
		return false;
	}
	if (at[0] >= 0xc0) {
		size_t target = (size_t)(at[0] & 0x3f) << 8 | at[1];

		if (target < DNS_HEADER_SIZE || target >= cursor->position) {
			return false;
		}
		owner = 2;
	} else if (at[0] != 0) {
		return false;
	}
	record->root = owner == 1;
	at += owner;
	record->type = word_at(at);
	record->ttl = (uint32_t)word_at(at + 4) << 16 | word_at(at + 6);
	record->length = word_at(at + 8);
	record->data = at + DNS_RECORD_FIXED;
	if (record->length > left - owner - DNS_RECORD_FIXED) {
		return false;
	}
	cursor->position += owner + DNS_RECORD_FIXED + record->length;
	return true;
}

static bool take_record(struct cursor *cursor, struct record *record)
{
	size_t start = cursor->position;

	if (take_usual_record(cursor, record)) {
		return true;
	}
	if (!dns_owner_take(cursor)) {
		return false;
	}
	record->root = cursor->position - start == 1;
	record->type = cursor_u16(cursor);
	cursor_u16(cursor); // class
	record->ttl = cursor_u32(cursor);
	record->length = cursor_u16(cursor);
	record->data = cursor_take(cursor, record->length);
	return record->data != NULL;
}

// One record of the additional section, or (`additional` false) one to step over. Returns false when it is
// broken.
static bool walk_record(struct cursor *cursor, bool additional, bool want_nsid, bool *seen_opt,
                        struct dns_reply *out)
{
	struct record record;

	if (!take_record(cursor, &record)) {
		return false;
	}
	if (!additional || record.type != DNS_TYPE_OPT) {
		return true;
	}
	if (*seen_opt || !record.root) {
		return false;
	}
	*seen_opt = true;
	out->rcode = (uint16_t)((record.ttl >> 24) << 4 | (out->flags & DNS_MASK_RCODE));
	return !want_nsid || find_nsid(record.data, record.length, out);
}

static bool walk_records(struct cursor *cursor, bool want_nsid, struct dns_reply *out)
{
	uint32_t others = (uint32_t)out->answers + out->authority;
	bool seen_opt = false;

	for (uint32_t i = 0; i < others + out->additional; i++) {
		if (!walk_record(cursor, i >= others, want_nsid, &seen_opt, out)) {
			// RFC 2181 9 wants whole records before TC, but not every server reads it: what came
			// is still a reply.
			return out->truncated && cursor->failed;
		}
	}
	return true;
}

// What follows the question, where it is of interest.
static inline bool parse_records(const uint8_t *message, size_t length, size_t position, bool want_nsid,
                                 struct dns_reply *out)
{
	struct cursor cursor;
	bool whole;

	if (take_lone_opt(message + position, length - position, want_nsid, out, &whole)) {
		return whole;
	}
	cursor = cursor_reader(message, length);
	cursor.position = position;
	return walk_records(&cursor, want_nsid, out);
}

static inline void read_header(const uint8_t *message, struct dns_reply *out)
{
	uint16_t flags = word_at(message + 2);

	// Field by field: to clear all first and fill in then costs as much again.
	out->id = word_at(message);
	out->flags = flags;
	out->response = (flags & DNS_FLAG_RESPONSE) != 0;
	out->truncated = (flags & DNS_FLAG_TRUNCATED) != 0;
	out->rcode = flags & DNS_MASK_RCODE;
	out->question = NULL;
	out->question_length = 0;
	out->nsid = NULL;
	out->nsid_length = 0;
	out->answers = word_at(message + 6);
	out->authority = word_at(message + 8);
	out->additional = word_at(message + 10);
}

// `echoed`: the octets of the question, if it is known to be in good form.
static inline enum dns_reply_status parse(const uint8_t *message, size_t length, bool want_nsid,
                                          uint16_t echoed, struct dns_reply *out)
{
	uint16_t questions = word_at(message + 4);
	size_t position = DNS_HEADER_SIZE;

	read_header(message, out);
	if (!out->response) {
		return DNS_REPLY_NOT_A_RESPONSE;
	}
	if (questions > 1) {
		return DNS_REPLY_MALFORMED;
	}
	if (questions == 1) {
		out->question_length = echoed != 0 ? echoed
		                                   : dns_question_measure(message + DNS_HEADER_SIZE,
		                                                          length - DNS_HEADER_SIZE);
		if (out->question_length == 0) {
			return DNS_REPLY_MALFORMED;
		}
		out->question = message + DNS_HEADER_SIZE;
		position += out->question_length;
	}
	if (out->additional > 0 && (want_nsid || out->answers == 0) &&
	    !parse_records(message, length, position, want_nsid, out)) {
		return DNS_REPLY_MALFORMED;
	}
	return DNS_REPLY_OK;
}

enum dns_reply_status dns_reply_parse(const uint8_t *message, size_t length, bool want_nsid,
                                      struct dns_reply *out)
{
	if (length < DNS_HEADER_SIZE) {
		*out = (struct dns_reply){0};
		return DNS_REPLY_SHORT;
	}
	return parse(message, length, want_nsid, 0, out);
}

// The usual reply: it repeats the question, in `echoed` octets, and of its records none matters, or the OPT
// record that it has alone. False leaves it to the long way, which finds out what else it is.
static inline bool parse_usual(uint16_t echoed, const uint8_t *message, size_t length,
                               struct dns_reply_to *out)
{
	size_t position = DNS_HEADER_SIZE + (size_t)echoed;
	uint16_t flags, upper = 0;
	const uint8_t *opt;

	if (echoed == 0 || (message[2] & DNS_FLAG_RESPONSE >> 8) == 0 || word_at(message + 4) != 1) {
		return false;
	}
	if (word_at(message + 10) != 0 && word_at(message + 6) == 0) {
		opt = message + position;
		if (word_at(message + 8) != 0 || word_at(message + 10) != 1 ||
		    length - position < DNS_OPT_SIZE || opt[0] != 0 || word_at(opt + 1) != DNS_TYPE_OPT ||
		    length - position < DNS_OPT_SIZE + (size_t)word_at(opt + 9)) {
			return false;
		}
		upper = opt[5];
	}
	flags = word_at(message + 2);
	out->asks = true;
	out->truncated = (flags & DNS_FLAG_TRUNCATED) != 0;
	out->rcode = (uint16_t)(upper << 4 | (flags & DNS_MASK_RCODE));
	out->nsid = NULL;
	out->nsid_length = 0;
	return true;
}

// Not inlined, so that the usual reply need not keep what only this one needs.
__attribute__((noinline)) static enum dns_reply_status parse_unusual(const struct dns_query_set *set,
                                                                     uint32_t question, uint16_t echoed,
                                                                     const uint8_t *message, size_t length,
                                                                     bool want_nsid, struct dns_reply_to *out)
{
	struct dns_reply reply;
	enum dns_reply_status status = parse(message, length, want_nsid, echoed, &reply);

	if (status == DNS_REPLY_OK) {
		out->asks = reply.question != NULL &&
		            (echoed != 0 ||
		             dns_question_matches(set, question, reply.question, reply.question_length));
		out->truncated = reply.truncated;
		out->rcode = reply.rcode;
		out->nsid = reply.nsid;
		out->nsid_length = reply.nsid_length;
	}
	return status;
}

enum dns_reply_status dns_reply_parse_to(const struct dns_query_set *set, uint32_t question,
                                         const uint8_t *message, size_t length, bool want_nsid,
                                         struct dns_reply_to *out)
{
	uint16_t echoed;

	if (length < DNS_HEADER_SIZE) {
		return DNS_REPLY_SHORT;
	}
	echoed = dns_question_echoed(set, question, message + DNS_HEADER_SIZE, length - DNS_HEADER_SIZE);
	if (!want_nsid && parse_usual(echoed, message, length, out)) {
		return DNS_REPLY_OK;
	}
	return parse_unusual(set, question, echoed, message, length, want_nsid, out);
}

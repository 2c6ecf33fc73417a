#include "dns/answer.h"

#include "answer_query.h"
#include "base/octets.h"
#include "message.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define OPCODE_QUERY 0
#define ASKED_MIN    4u ///< the question's type and class
// The header's counts: one question, and no records but perhaps one additional one, the last bit.
#define ONE_QUESTION (UINT64_C(1) << 48)

static uint64_t read64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static void write16(uint8_t *at, uint16_t value)
{
	value = htobe16(value);
	memcpy(at, &value, sizeof(value));
}

static void write32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, sizeof(value));
}

static void write64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static uint16_t choose_rcode(const struct answer_query *facts, const struct dns_answer *answer)
{
	if ((facts->flags & DNS_MASK_OPCODE) != OPCODE_QUERY) {
		return DNS_RCODE_NOTIMP;
	}
	if (facts->version != 0) {
		return DNS_RCODE_BADVERS;
	}
	// The upper bits travel in the OPT record: without one there is no way to say it.
	return answer->rcode > DNS_MASK_RCODE && !facts->opt ? DNS_RCODE_SERVFAIL : answer->rcode;
}

/** How long the reply may become, by both sides' word and the room there is. */
static size_t reply_limit(const struct answer_query *facts, uint16_t edns_size, size_t out_size)
{
	size_t limit = DNS_UDP_SIZE_PLAIN;

	if (facts->opt) {
		limit = facts->edns_size < edns_size ? facts->edns_size : edns_size;
		limit = limit < DNS_UDP_SIZE_PLAIN ? DNS_UDP_SIZE_PLAIN : limit; // RFC 6891 6.2.3
	}
	return limit < out_size ? limit : out_size;
}

/** The records that answer a question; NULL when there are none of its kind. */
static const struct dns_answer_records *choose_records(const struct answer_query *facts,
                                                       const struct dns_answer *answer)
{
	if (facts->class != DNS_CLASS_IN) {
		return NULL;
	}
	return facts->type == DNS_TYPE_A      ? &answer->ipv4
	       : facts->type == DNS_TYPE_AAAA ? &answer->ipv6
	                                      : NULL;
}

// Questions, records and options, all of four octets or more, in blocks of which the last one may overlap the
// one before it: without a call, and without a loop over octets.
static inline void copy_octets(uint8_t *to, const uint8_t *from, size_t length)
{
	if (length >= 16) {
		for (size_t at = 0; at + 16 < length; at += 16) {
			memcpy(to + at, from + at, 16);
		}
		memcpy(to + length - 16, from + length - 16, 16);
	} else if (length >= 8) {
		memcpy(to, from, 8);
		memcpy(to + length - 8, from + length - 8, 8);
	} else {
		memcpy(to, from, 4);
		memcpy(to + length - 4, from + length - 4, 4);
	}
}

/** Put as many whole records as fit into `room` octets, in their order. Returns the octets they take. */
static size_t put_records(uint8_t *at, size_t room, const struct dns_answer_records *records, uint16_t *count)
{
	size_t length = (size_t)records->count * records->size;

	*count = (uint16_t)records->count;
	if (length > room) {
		*count = (uint16_t)(records->size == DNS_ANSWER_IPV4_SIZE ? room / DNS_ANSWER_IPV4_SIZE
		                                                          : room / DNS_ANSWER_IPV6_SIZE);
		length = (size_t)*count * records->size;
	}
	if (length > 0) {
		copy_octets(at, records->octets, length);
	}
	return length;
}

static void put_opt(uint8_t *at, const struct answer_query *facts, const struct dns_answer *answer,
                    uint16_t rcode, bool nsid)
{
	// The root, the type, the size, the upper bits of the code, version 0, and the upper half of the
	// flags.
	write64(at, (uint64_t)DNS_TYPE_OPT << 40 | (uint64_t)answer->edns_size << 24 |
	                    (uint64_t)(rcode >> 4 & 0xff) << 16 |
	                    (facts->dnssec_ok ? DNS_EDNS_FLAG_DO >> 8 : 0));
	at[8] = 0;
	write16(at + 9, nsid ? answer->nsid_length : 0);
	if (nsid) {
		copy_octets(at + DNS_OPT_SIZE, answer->nsid, answer->nsid_length);
	}
}

static void put_header(uint8_t *out, const struct answer_query *facts, const struct dns_answer *answer,
                       uint16_t rcode, bool truncated, uint16_t answers)
{
	uint16_t flags =
	        facts->flags & (DNS_MASK_OPCODE | DNS_FLAG_RECURSION_DESIRED | DNS_FLAG_CHECKING_DISABLED);

	flags |= answer->flags | (rcode & DNS_MASK_RCODE);
	flags |= truncated ? DNS_FLAG_TRUNCATED : 0;
	write64(out, (uint64_t)facts->id << 48 | (uint64_t)flags << 32 | 1u << 16 | answers);
	write32(out + 8, facts->opt);
}

/** Where what is remembered of queries like this one is. */
static struct dns_answer_last *find_last(struct dns_answer *answer, const uint8_t *query, size_t fixed_size)
{
	return &answer->lasts[(query[3] + query[11] + query[fixed_size - 3]) & (DNS_ANSWER_LASTS - 1)];
}

/** The octets of the last reply to a query that differed in nothing but its id and name; 0: none is known. */
static size_t repeat_last(const struct dns_answer_last *last, const uint8_t *query, size_t query_length,
                          size_t fixed_size, uint8_t *out, size_t out_size)
{
	size_t asked_length = query_length - fixed_size + ASKED_MIN;

	if (asked_length != last->asked_length || memcmp(query + 2, last->asked_header, 8) != 0 ||
	    memcmp(query + 10, last->asked_header + 8, 2) != 0 || out_size != last->out_size ||
	    fixed_size + last->tail_length > last->limit ||
	    !octets_equal(query + fixed_size - ASKED_MIN, last->asked, asked_length)) {
		return 0;
	}
	if (out != query) {
		copy_octets(out, query, fixed_size);
	}
	copy_octets(out + fixed_size, last->tail, last->tail_length);
	memcpy(out + 2, last->header, 8);
	memcpy(out + 10, last->header + 8, 2);
	return fixed_size + last->tail_length;
}

/**
 * Remember a whole reply, if what stands in it behind the question depends on nothing but what stands there
 * in the query: its type and class, and an OPT record or nothing (a name other than the root may be a
 * pointer).
 */
static void remember(struct dns_answer_last *last, const uint8_t *query, size_t query_length,
                     size_t fixed_size, const uint8_t *out, size_t length, size_t limit, size_t out_size)
{
	size_t asked_length = query_length - fixed_size + ASKED_MIN, tail_length = length - fixed_size;

	if ((read64(query + 4) & ~UINT64_C(1)) != ONE_QUESTION ||
	    (query[11] != 0 && query[fixed_size] != 0) || asked_length > sizeof(last->asked) ||
	    tail_length > sizeof(last->tail) || tail_length < 4) {
		return;
	}
	memcpy(last->asked_header, query + 2, sizeof(last->asked_header));
	memcpy(last->asked, query + fixed_size - ASKED_MIN, asked_length);
	memcpy(last->header, out + 2, sizeof(last->header));
	memcpy(last->tail, out + fixed_size, tail_length);
	last->asked_length = (uint16_t)asked_length;
	last->tail_length = (uint16_t)tail_length;
	last->limit = limit;
	last->out_size = out_size;
}

/** The reply, made from the facts. */
static int write_anew(const uint8_t *query, size_t query_length, struct dns_answer *answer, uint8_t *out,
                      size_t out_size)
{
	const struct dns_answer_records *records = NULL;
	struct dns_answer_last *last;
	struct answer_query facts;
	size_t fixed_size, opt_size, limit, length = 0;
	uint16_t rcode, answers = 0;
	bool nsid, truncated;

	if (!answer_query_read(query, query_length, &facts)) {
		return -EBADMSG;
	}
	rcode = choose_rcode(&facts, answer);
	limit = reply_limit(&facts, answer->edns_size, out_size);
	fixed_size = (size_t)DNS_HEADER_SIZE + facts.question_length;
	opt_size = facts.opt ? DNS_OPT_SIZE : 0;
	if (limit < fixed_size + opt_size) {
		return -ENOSPC;
	}
	nsid = facts.nsid && answer->nsid != NULL && limit >= fixed_size + opt_size + answer->nsid_length;
	opt_size += nsid ? answer->nsid_length : 0;

	if (out != query) {
		copy_octets(out + DNS_HEADER_SIZE, query + DNS_HEADER_SIZE, facts.question_length);
	}
	if (rcode == DNS_RCODE_NOERROR) {
		records = choose_records(&facts, answer);
	}
	if (records != NULL && records->count > 0) {
		length = put_records(out + fixed_size, limit - fixed_size - opt_size, records, &answers);
	}
	truncated = records != NULL && answers < records->count;
	if (facts.opt) {
		put_opt(out + fixed_size + length, &facts, answer, rcode, nsid);
	}
	put_header(out, &facts, answer, rcode, truncated, answers);
	length += fixed_size + opt_size;
	if (out != query && !truncated && nsid == (facts.nsid && answer->nsid != NULL)) {
		last = find_last(answer, query, fixed_size);
		remember(last, query, query_length, fixed_size, out, length, limit, out_size);
	}
	return (int)length;
}

int dns_answer_write(const uint8_t *query, size_t query_length, struct dns_answer *answer, uint8_t *out,
                     size_t out_size)
{
	size_t fixed_size = DNS_HEADER_SIZE, length = 0;

	if (query_length > DNS_HEADER_SIZE) {
		fixed_size += dns_question_measure(query + DNS_HEADER_SIZE, query_length - DNS_HEADER_SIZE);
	}
	if (fixed_size > DNS_HEADER_SIZE) {
		length = repeat_last(find_last(answer, query, fixed_size), query, query_length, fixed_size,
		                     out, out_size);
	}
	return length > 0 ? (int)length : write_anew(query, query_length, answer, out, out_size);
}

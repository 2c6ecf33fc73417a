#include "dns/answer.h"

#include "answer_query.h"
#include "message.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define OPCODE_QUERY 0
#define NSID_SIZE    4u ///< of an NSID option without the name: a request for it
// The header's counts: one question, and no records but perhaps one additional one, the last bit.
#define ONE_QUESTION (UINT64_C(1) << 48)

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

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

/**
 * The usual query: one question, and behind it nothing or an OPT record that holds nothing or a request for
 * the NSID. The same facts as answer_query_read() finds, which is asked what else it is when this returns
 * false.
 */
static bool read_plain(const uint8_t *query, size_t length, struct answer_query *facts)
{
	const uint8_t *at = query + DNS_HEADER_SIZE;
	uint16_t options;

	if (length < DNS_HEADER_SIZE || (query[2] & (DNS_FLAG_RESPONSE >> 8)) != 0 ||
	    (read64(query + 4) & ~UINT64_C(1)) != ONE_QUESTION) {
		return false;
	}
	length -= DNS_HEADER_SIZE;
	facts->question_length = dns_question_measure(at, length);
	if (facts->question_length == 0) {
		return false;
	}
	at += facts->question_length;
	facts->id = read16(query);
	facts->flags = read16(query + 2);
	facts->type = read16(at - 4);
	facts->class = read16(at - 2);
	facts->opt = query[11] != 0;
	if (!facts->opt) {
		return true;
	}
	length -= facts->question_length;
	if (length < DNS_OPT_SIZE || at[0] != 0 || read16(at + 1) != DNS_TYPE_OPT) {
		return false;
	}
	facts->edns_size = read16(at + 3);
	facts->version = at[6];
	facts->dnssec_ok = (read16(at + 7) & DNS_EDNS_FLAG_DO) != 0;
	options = read16(at + 9);
	facts->nsid = options == NSID_SIZE && length >= DNS_OPT_SIZE + NSID_SIZE &&
	              read32(at + 11) == (uint32_t)DNS_EDNS_NSID << 16;
	return facts->nsid || options == 0;
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

int dns_answer_write(const uint8_t *query, size_t query_length, const struct dns_answer *answer, uint8_t *out,
                     size_t out_size)
{
	const struct dns_answer_records *records = NULL;
	struct answer_query facts = {0};
	size_t fixed_size, opt_size, limit, length = 0;
	uint16_t rcode, answers = 0;
	bool nsid;

	if (!read_plain(query, query_length, &facts)) {
		struct answer_query odd; // not `facts`, whose address would keep it out of registers

		if (!answer_query_read(query, query_length, &odd)) {
			return -EBADMSG;
		}
		facts = odd;
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
	if (facts.opt) {
		put_opt(out + fixed_size + length, &facts, answer, rcode, nsid);
	}
	put_header(out, &facts, answer, rcode, records != NULL && answers < records->count, answers);
	return (int)(fixed_size + length + opt_size);
}

#pragma once
// The server's side: a valid reply to a query, for the director model and its backends. What a server answers
// is put into wire form once; a reply is then a function of the query and of that, fit for the data path. One
// owner an answer. Options and buffers are the caller's.

#include "base/address.h"
#include "dns/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How a backend answers. All zero: NOERROR without records. */
struct dns_answer_options {
	uint16_t
	        rcode; ///< 12 bits; above 15 a client without EDNS gets SERVFAIL; unless 0 no records are put
	bool authoritative;
	bool recursion_available;
	uint32_t ttl; ///< of the records, seconds
	const struct address
	        *addresses; ///< records for A and AAAA questions, each family to its own type; borrowed
	uint32_t address_count;
	const uint8_t *nsid; ///< this server's name, given to those who ask (RFC 5001); borrowed; NULL: none
	uint16_t nsid_length;
	uint16_t edns_size; ///< payload size to announce and to stay within; 0: DNS_EDNS_SIZE_DEFAULT
};

/** Octets of a record with its name as a pointer, of type A and of type AAAA. */
#define DNS_ANSWER_IPV4_SIZE 16
#define DNS_ANSWER_IPV6_SIZE 28

/** Records of one type, ready to stand behind the question whose name they point to. */
struct dns_answer_records {
	uint8_t *octets;
	uint32_t count;
	uint16_t size; ///< of each
};

/** Queries that replies are remembered of, by what they ask. */
#define DNS_ANSWER_LASTS 8

/** The last whole reply to a query: the next one that differs only in its id and name gets the same behind
 * the question. */
struct dns_answer_last {
	size_t limit;    ///< octets that the reply might have taken
	size_t out_size; ///< of that
	uint16_t asked_length;
	uint16_t tail_length;
	uint8_t asked_header[10]; ///< of the query: flags and counts
	uint8_t header[10];       ///< of the reply
	uint8_t asked[60];        ///< type, class, and what follows in the query; nothing: none is remembered
	uint8_t tail[160];        ///< what follows the question in the reply
};

/** What a server answers, in wire form. Only the functions below write it. One owner. */
struct dns_answer {
	struct dns_answer_records ipv4;
	struct dns_answer_records ipv6;
	uint8_t *nsid;        ///< the whole EDNS option; NULL: none
	uint16_t nsid_length; ///< the option's
	uint16_t flags;       ///< of every reply's header
	uint16_t rcode;
	uint16_t edns_size;
	struct dns_answer_last lasts[DNS_ANSWER_LASTS];
};

/**
 * Put into wire form what the options say; nothing of them is borrowed any longer. Free it with
 * dns_answer_free(). Returns 0 or -ENOMEM, and then it holds nothing.
 */
int dns_answer_prepare(struct dns_answer *answer, const struct dns_answer_options *options);

/** Free what it holds; the struct is the caller's. */
void dns_answer_free(struct dns_answer *answer);

/**
 * Write the reply to a query: id, question, opcode, RD and CD copied; addresses of the question's type in
 * class IN as records that point to the question's name; an OPT record (DO copied) if the query had one, with
 * the NSID only if asked. It stays within `out_size`, 512 octets without EDNS, else what both sides announce;
 * the records that don't fit are left out and TC is set. An opcode other than QUERY gets NOTIMP, an EDNS
 * version other than 0 gets BADVERS.
 *
 * `out` may be `query` itself (the reply takes its place), else they don't overlap. Returns the reply's
 * length, -EBADMSG for what is not a well-formed query with one question (drop it), or -ENOSPC when not even
 * header, question and OPT fit.
 */
int dns_answer_write(const uint8_t *query, size_t query_length, struct dns_answer *answer, uint8_t *out,
                     size_t out_size);

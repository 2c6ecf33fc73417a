#pragma once
// The server's side: a valid reply to a query, for the director model and its backends. No allocation, no
// state: pure functions of the query and the options, any thread, fit for the data path. Options and buffers
// are the caller's.

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
int dns_answer_write(const uint8_t *query, size_t query_length, const struct dns_answer_options *options,
                     uint8_t *out, size_t out_size);

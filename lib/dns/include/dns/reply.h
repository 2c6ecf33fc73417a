#pragma once
// Replies off the wire: header, question, response code, and the server's name (NSID) from an OPT record.
// Input is hostile: nothing outside the message is read and no pointer is followed. Results borrow the
// message. Pure functions, any thread, fit for the data path.

#include "dns/query.h"
#include "dns/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_reply_status {
	DNS_REPLY_OK,
	DNS_REPLY_SHORT,          ///< fewer octets than a header; no field is set
	DNS_REPLY_NOT_A_RESPONSE, ///< QR=0: somebody's query, or ours sent back; id, flags and counts are set
	DNS_REPLY_MALFORMED, ///< the question or a record that was looked at is broken; id, flags and counts
	                     ///< are set
};

/** What a reply says. Pointers go into the message that was parsed. */
struct dns_reply {
	uint16_t id;
	uint16_t flags; ///< the header's second word, enum dns_header_flags
	bool response;  ///< QR
	bool truncated; ///< TC
	uint16_t rcode; ///< 12 bits with the OPT record's upper eight (RFC 6891 6.1.3), 4 where it was not
	                ///< looked at
	const uint8_t *question;  ///< QNAME, QTYPE, QCLASS; NULL when QDCOUNT is 0
	uint16_t question_length; ///< octets of `question`; 0 when QDCOUNT is 0
	const uint8_t *nsid;      ///< NULL when not wanted or not there
	uint16_t nsid_length;
	uint16_t answers;    ///< ANCOUNT
	uint16_t authority;  ///< NSCOUNT
	uint16_t additional; ///< ARCOUNT
};

/**
 * Parse a reply. Records are walked only to find the OPT record, and that only when there is an additional
 * section and either the NSID is wanted or there are no answers: a server that says BADVERS or BADCOOKIE has
 * none. Elsewhere the parse ends with the question, and what follows is not checked.
 *
 * Malformed are: more than one question; a question whose name is compressed, longer than 255 octets or cut;
 * and where records are walked, one that ends beyond the message (unless TC says so), a label type other than
 * length or backward pointer, two OPT records, an OPT record that the root doesn't own (RFC 6891 6.1.1), an
 * option longer than its record.
 */
enum dns_reply_status dns_reply_parse(const uint8_t *message, size_t length, bool want_nsid,
                                      struct dns_reply *out);

/** What a reply to a known question says; the fields as in struct dns_reply. */
struct dns_reply_to {
	bool asks; ///< its question is the one that was asked, as dns_question_matches() sees it
	bool truncated;
	uint16_t rcode;
	uint16_t nsid_length;
	const uint8_t *nsid;
};

/**
 * The same for what should be the reply to `question` of `set`. Status and fields are those that
 * dns_reply_parse() gives, but the usual reply is seen by fewer looks: one comparison with the octets that
 * were asked does for the walk over the name, too. `out` is filled with DNS_REPLY_OK. For the data path.
 */
enum dns_reply_status dns_reply_parse_to(const struct dns_query_set *set, uint32_t question,
                                         const uint8_t *message, size_t length, bool want_nsid,
                                         struct dns_reply_to *out);

/** A first look, before it is known whose reply this is: false when dns_reply_parse() would say
 * DNS_REPLY_SHORT or DNS_REPLY_NOT_A_RESPONSE, else the message's id. For the data path. */
static inline bool dns_reply_peek(const uint8_t *message, size_t length, uint16_t *id)
{
	if (length < DNS_HEADER_SIZE || (message[2] & DNS_FLAG_RESPONSE >> 8) == 0) {
		return false;
	}
	*id = (uint16_t)(message[0] << 8 | message[1]);
	return true;
}

/** Room for any text that dns_rcode_name() makes, terminator included. */
#define DNS_RCODE_TEXT_SIZE 16

/**
 * The name of a response code as IANA and dnsperf have it ("NOERROR", "SERVFAIL"), or "RCODE" and the number,
 * written into `buffer` of DNS_RCODE_TEXT_SIZE. Returns a constant or `buffer`.
 */
const char *dns_rcode_name(uint16_t rcode, char *buffer);

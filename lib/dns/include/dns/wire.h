#pragma once
// The numbers of DNS on the wire: sizes, header flags, types, EDNS option codes. Constants only; any thread.

/** Octets of a message header, which is where the question begins (RFC 1035 4.1.1). */
#define DNS_HEADER_SIZE 12

/** Limits of a name on the wire, length octets and root included (RFC 1035 2.3.4). */
#define DNS_NAME_SIZE_MAX  255
#define DNS_LABEL_SIZE_MAX 63

/** The largest message that a requestor without EDNS takes over UDP (RFC 1035 4.2.1, RFC 6891 6.2.3). */
#define DNS_UDP_SIZE_PLAIN 512

/** What EDNS requestors announce since DNS flag day 2020: fits any IPv6 path unfragmented. */
#define DNS_EDNS_SIZE_DEFAULT 1232

/** Octets of an OPT record without options, its root owner name included (RFC 6891 6.1.2). */
#define DNS_OPT_SIZE 11

/** Flags, opcode and response code: the header's second 16-bit word (RFC 1035 4.1.1, RFC 4035 3). */
enum dns_header_flags {
	DNS_FLAG_RESPONSE = 0x8000,
	DNS_MASK_OPCODE = 0x7800,
	DNS_FLAG_AUTHORITATIVE = 0x0400,
	DNS_FLAG_TRUNCATED = 0x0200,
	DNS_FLAG_RECURSION_DESIRED = 0x0100,
	DNS_FLAG_RECURSION_AVAILABLE = 0x0080,
	DNS_FLAG_AUTHENTIC_DATA = 0x0020,
	DNS_FLAG_CHECKING_DISABLED = 0x0010,
	DNS_MASK_RCODE = 0x000f,
};

/** The DO bit in the lower half of an OPT record's TTL (RFC 6891 6.1.4). */
#define DNS_EDNS_FLAG_DO 0x8000

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
};

enum dns_class {
	DNS_CLASS_IN = 1,
};

enum dns_edns_code {
	DNS_EDNS_NSID = 3,          ///< RFC 5001
	DNS_EDNS_CLIENT_SUBNET = 8, ///< RFC 7871
};

/** Response codes that this house gives or expects by name; the whole list is dns_rcode_name()'s. */
enum dns_rcode {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_FORMERR = 1,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4,
	DNS_RCODE_REFUSED = 5,
	DNS_RCODE_BADVERS = 16, ///< RFC 6891 9
};

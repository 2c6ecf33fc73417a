#pragma once
// Query sets: the DNS messages that a run sends, made once from a query file, a binary file or a name
// generator, then immutable. The caller owns a set and frees it once; while it lives any number of threads
// may read it. Making and freeing a set is for one thread, before and after the run.

#include "base/address.h"
#include "base/error.h"
#include "dns/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bounds of the EDNS options that a user may add by hand; all of them together stay far below an MTU. */
#define DNS_EDNS_OPTIONS_MAX     8
#define DNS_EDNS_OPTION_SIZE_MAX 256

/** The longest line of a query file: a 255-octet name written all in escapes takes 1020 characters. */
#define DNS_LINE_SIZE_MAX 4096

/** Query files above this size are refused: it is not a query file, or not one that memory should hold. */
#define DNS_FILE_SIZE_MAX (UINT64_C(4) << 30)

/** Length of a generated first label, in characters of 5 bits each. */
#define DNS_LABEL_LENGTH_MIN     8
#define DNS_LABEL_LENGTH_MAX     12
#define DNS_LABEL_LENGTH_DEFAULT 12

/** Room for any "name TYPE" text: 255 octets as \DDD, a space, "TYPE65535" and the terminator. */
#define DNS_QUESTION_TEXT_SIZE 1048

/** One EDNS option as it goes out. */
struct dns_edns_option {
	uint16_t code;
	uint16_t length; ///< octets used of `bytes`
	uint8_t bytes[DNS_EDNS_OPTION_SIZE_MAX];
};

/** An EDNS client subnet (RFC 7871). Address bits beyond the prefix are sent as zero. */
struct dns_client_subnet {
	bool present;
	struct address address;
	uint8_t prefix_length; ///< bits: 0 to 32 or 0 to 128
};

/**
 * What every message of a text or generated set carries. An OPT record is added when `edns` is set or
 * anything needs one
 * (`dnssec_ok`, `nsid`, a client subnet, an option). A line of a query file may add to it, never take away.
 */
struct dns_query_options {
	bool edns;
	uint16_t edns_size; ///< the UDP payload size to announce, octets
	bool dnssec_ok;
	bool nsid; ///< ask the server for its name (RFC 5001)
	bool recursion_desired;
	struct dns_client_subnet client_subnet; ///< a line's own subnet goes before this one
	uint32_t option_count;
	struct dns_edns_option options[DNS_EDNS_OPTIONS_MAX];
};

/** One query, ready to be copied into a packet. */
struct dns_query {
	const uint8_t *wire;      ///< the whole message, its id 0; owned by the set
	uint16_t length;          ///< octets of `wire`
	uint16_t question_length; ///< octets of QNAME, QTYPE and QCLASS, which begin at DNS_HEADER_SIZE
	/// One's-complement sum of `wire` as big-endian 16-bit words, an odd last octet padded with zero (RFC
	/// 1071), folded to 16 bits and not inverted: what a UDP checksum adds for the payload.
	uint32_t sum;
	uint32_t line; ///< where it stood: line of a text file, record of a binary one, both from 1; 0 when
	               ///< generated
};

/** How the first label of a generated name comes about. */
enum dns_generated {
	DNS_GENERATED_NONE = 0, ///< not generated: the set came from a file
	DNS_GENERATED_RANDOM,   ///< a one-to-one scramble of the number, by the seed
	DNS_GENERATED_COUNTING, ///< the number itself, zero-padded
};

/**
 * `count` queries. A *question* is the 32-bit word that an in-flight query keeps: the index into `queries`,
 * or in a generated set the number of the name; such a set has one query, the template, whose label is all
 * zero octets (in `sum` as well) until dns_label_write() fills it.
 */
struct dns_query_set {
	uint32_t count;
	const struct dns_query *queries;
	uint16_t longest; ///< length of the longest message, octets

	enum dns_generated generated;
	uint16_t label_offset; ///< of the generated label's first character in the message; always odd
	uint8_t label_length;  ///< its characters, DNS_LABEL_LENGTH_MIN to DNS_LABEL_LENGTH_MAX
	uint64_t label_seed;   ///< private
	uint64_t label_mask;   ///< private: 5 bits a character

	uint8_t *arena;    ///< private: the messages, back to back
	size_t arena_size; ///< private: octets allocated
};

/** No EDNS, 1232 octets if there is, recursion desired: what dnsperf sends, but for the size. */
struct dns_query_options dns_query_options_default(void);

/**
 * Parse an EDNS option as dnsperf's -E takes it, "code:hex", e.g. "10:0123456789abcdef": a decimal code up to
 * 65535, an even number of hexadecimal digits, DNS_EDNS_OPTION_SIZE_MAX octets at most; "code:" is an empty
 * option. Returns 0 or -EINVAL with the reason in `error`.
 */
int dns_edns_option_parse(const char *text, struct dns_edns_option *out, struct error *error);

/**
 * Load a query file, "-" for standard input, in dnsperf's grammar: `name type [column...]` a line, class IN.
 * Blank lines and lines that begin with ; or # are skipped, and so is the rest of a line from a column that
 * begins with one. Names are absolute with or without the last dot; \DDD and \X escape octets. Types are
 * mnemonics or TYPEnnn. Of the further columns `E` adds EDNS, `D` EDNS with DO, `address/prefix` a client
 * subnet; others are ignored.
 *
 * Returns 0 and a set that the caller frees, or in `error` the place (line and column), what was found and
 * what is allowed: -EINVAL for a bad line or a file without a query, -EFBIG, -ENOMEM, or why the file can't
 * be read.
 */
int dns_query_set_load(struct dns_query_set **out, const char *path, const struct dns_query_options *options,
                       struct error *error);

/** The same from memory; `source_name` stands for the file in errors. `text` needs no terminator. */
int dns_query_set_parse(struct dns_query_set **out, const char *source_name, const char *text, size_t size,
                        const struct dns_query_options *options, struct error *error);

/**
 * Load a binary query file, "-" for standard input, as dnsperf's and kxdpgun's -B take it: {16-bit big-endian
 * length, message} until the end. Each message must have QR=0, one question, and that well formed; it goes
 * out as it is but for its id. Returns as dns_query_set_load does; errors name the record and the octet
 * offset in the file.
 */
int dns_query_set_load_binary(struct dns_query_set **out, const char *path, struct error *error);

/** The same from memory. */
int dns_query_set_parse_binary(struct dns_query_set **out, const char *source_name, const uint8_t *data,
                               size_t size, struct error *error);

/**
 * Make a set of 2^32 distinct names under `zone` ("." for the root), all of one length: a first label of
 * `label_length` characters (0: the default) of 0-9a-v. `seed` picks the scramble of DNS_GENERATED_RANDOM;
 * the same seed gives the same names. `type_text` is as in a query file. Returns 0, or -EINVAL, -ENOMEM with
 * the reason in `error` (no place).
 */
int dns_query_set_generate(struct dns_query_set **out, const char *zone, const char *type_text,
                           enum dns_generated generated, uint8_t label_length, uint64_t seed,
                           const struct dns_query_options *options, struct error *error);

/** Free a set; NULL is allowed. */
void dns_query_set_free(struct dns_query_set *set);

/** Octets that a set occupies. */
size_t dns_query_set_memory(const struct dns_query_set *set);

/**
 * Write "name TYPE" of a question for a report, without the last dot, octets escaped as RFC 1035 5.1 has it.
 * It never writes more than `size`; DNS_QUESTION_TEXT_SIZE always suffices. Returns the length that it would
 * have had, as snprintf does, or -ENOENT when the set has no such question, -ENOMEM. Not for the data path.
 */
int dns_query_set_name_format(const struct dns_query_set *set, uint32_t question, char *buffer, size_t size);

/**
 * True when the `length` octets at `reply_question` (QNAME, QTYPE, QCLASS) ask what `question` asked: the
 * same octets, else the same name in other letters (ASCII case only, RFC 4343) and the same type and class.
 * False for a question that the set doesn't have. Reads nothing beyond `length`. For the data path.
 */
bool dns_question_matches(const struct dns_query_set *set, uint32_t question, const uint8_t *reply_question,
                          size_t length);

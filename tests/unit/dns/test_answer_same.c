// Replies against those made the long way: the same octets for every query, usual, odd or hostile.
#include "answer_reference.h"
#include "drawn.h"
#include "support.h"

#include <errno.h>

#define QUERY_MAX     1200
#define OUT_MAX       1500
#define ADDRESSES_MAX 100
#define NSID_MAX      200

static size_t put_name(uint8_t *at)
{
	unsigned labels = below(5);
	size_t length = 0;

	for (unsigned i = 0; i < labels; i++) {
		unsigned octets = 1 + below(one_in(20) ? DNS_LABEL_SIZE_MAX : 9);

		at[length++] = (uint8_t)octets;
		for (unsigned k = 0; k < octets; k++) {
			at[length++] = (uint8_t)random_next(&random_state);
		}
	}
	at[length++] = 0;
	return length;
}

static size_t put_opt(uint8_t *at)
{
	static const uint16_t sizes[] = {0, 100, 511, 512, 513, 700, 1232, 4096, 65535};
	size_t length = 0, options;

	at[length++] = 0;
	length += put16(at + length, DNS_TYPE_OPT);
	length += put16(at + length, sizes[below(sizeof(sizes) / sizeof(sizes[0]))]);
	at[length++] = one_in(10) ? (uint8_t)below(256) : 0;
	at[length++] = one_in(20) ? (uint8_t)below(256) : 0;
	length += put16(at + length, one_in(2) ? DNS_EDNS_FLAG_DO : one_in(4) ? below(65536) : 0);
	options = length;
	length += 2;
	while (!one_in(3)) {
		unsigned octets = one_in(3) ? below(12) : 0;

		length += put16(at + length, one_in(3) ? below(10) : DNS_EDNS_NSID);
		length += put16(at + length, octets);
		memset(at + length, 0x5a, octets);
		length += octets;
	}
	put16(at + options, (unsigned)(length - options - 2));
	return length;
}

static size_t put_record(uint8_t *at)
{
	size_t length = one_in(2) ? put16(at, 0xc000 + below(40)) : put_name(at);
	unsigned octets = below(20);

	length += put16(at + length, one_in(4) ? DNS_TYPE_OPT : below(50));
	length += put16(at + length, DNS_CLASS_IN);
	length += put16(at + length, 0);
	length += put16(at + length, below(1000));
	length += put16(at + length, octets);
	memset(at + length, 0xa5, octets);
	return length + octets;
}

/** A query: most are as clients send them, some have more records, some are damaged or cut. */
static size_t make_query(uint8_t *query)
{
	static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_AAAA, DNS_TYPE_OPT,
	                                 16,         255};
	size_t length = DNS_HEADER_SIZE;

	memset(query, 0, DNS_HEADER_SIZE);
	put16(query, below(65536));
	query[2] = one_in(10) ? (uint8_t)below(256) : 1;
	query[3] = one_in(4) ? (uint8_t)below(256) : 0;
	query[5] = 1;
	length += put_name(query + length);
	length += put16(query + length, types[below(sizeof(types) / sizeof(types[0]))]);
	length += put16(query + length, one_in(20) ? below(256) : DNS_CLASS_IN);
	while (one_in(8) && length < QUERY_MAX / 2) {
		query[one_in(2) ? 7 : one_in(2) ? 9 : 11]++;
		length += put_record(query + length);
	}
	if (!one_in(3)) {
		query[11]++;
		length += put_opt(query + length);
	}
	if (one_in(10)) {
		memset(query + length, (int)below(256), 20);
		length += below(20);
	}
	for (unsigned damage = one_in(5) ? 1 + below(3) : 0; damage > 0; damage--) {
		query[below((unsigned)length)] = (uint8_t)(one_in(2) ? below(256) : below(4));
	}
	return one_in(10) ? below((unsigned)length + 1) : length;
}

static struct dns_answer_options make_options(struct address *addresses, const uint8_t *nsid)
{
	struct dns_answer_options options = {.authoritative = one_in(2),
	                                     .recursion_available = one_in(2),
	                                     .ttl = (uint32_t)random_next(&random_state),
	                                     .addresses = addresses,
	                                     .address_count = below(one_in(3) ? ADDRESSES_MAX : 4),
	                                     .nsid = one_in(4) ? NULL : nsid,
	                                     .nsid_length = (uint16_t)below(one_in(2) ? NSID_MAX : 8)};

	if (one_in(3)) {
		options.rcode = (uint16_t)below(one_in(2) ? 16 : 4096);
	}
	if (one_in(3)) {
		options.edns_size = (uint16_t)below(2000);
	}
	for (uint32_t i = 0; i < options.address_count; i++) {
		uint8_t octet = (uint8_t)below(256);

		addresses[i] = (struct address){.family = one_in(2) ? ADDRESS_IPV4 : ADDRESS_IPV6};
		memset(addresses[i].bytes, octet, address_length(addresses[i].family));
	}
	return options;
}

/** Both in blocks of exactly their sizes, and in place of the query, too, which repeats the reply. */
static int check_same(const uint8_t *query, size_t length, const struct dns_answer_options *options,
                      struct dns_answer *answer, size_t out_size)
{
	size_t place_size = length > out_size ? length : out_size;
	uint8_t *copy = exact_copy(query, length), *place = malloc(place_size + 1);
	uint8_t *expected = malloc(out_size + 1), *out = malloc(out_size > 0 ? out_size : 1);
	int result;

	assert_true(place != NULL && expected != NULL && out != NULL);
	result = answer_reference(query, length, options, expected, out_size);
	assert_int_equal(dns_answer_write(copy, length, answer, out, out_size), result);
	memcpy(place, query, length);
	assert_int_equal(dns_answer_write(place, length, answer, place, out_size), result);
	if (result > 0) {
		assert_memory_equal(out, expected, (size_t)result);
		assert_memory_equal(place, expected, (size_t)result);
	}
	free(copy);
	free(place);
	free(expected);
	free(out);
	return result;
}

static void every_query_gets_the_octets_of_the_reference(void **state)
{
	static const uint8_t nsid[NSID_MAX] = "a name";
	struct address addresses[ADDRESSES_MAX];
	unsigned answered = 0, refused = 0, full = 0;
	uint8_t query[QUERY_MAX];

	(void)state;
	random_seed(&random_state, 11, 0);
	for (int round = 0; round < 3000; round++) {
		struct dns_answer_options options = make_options(addresses, nsid);
		struct dns_answer answer;

		assert_int_equal(dns_answer_prepare(&answer, &options), 0);
		for (int i = 0; i < 50; i++) {
			size_t length = make_query(query);
			size_t out_size = one_in(2) ? OUT_MAX : below(one_in(2) ? OUT_MAX : 100);
			int result = check_same(query, length, &options, &answer, out_size);

			answered += result > 0;
			refused += result == -EBADMSG;
			full += result == -ENOSPC;
		}
		dns_answer_free(&answer);
	}
	// The test tries what it says.
	assert_true(answered > 50000 && refused > 5000 && full > 1000);
}

static void every_room_and_every_cut_give_the_same(void **state)
{
	static const uint8_t nsid[] = "pod-7";
	struct address addresses[ADDRESSES_MAX];
	uint8_t query[QUERY_MAX];

	(void)state;
	random_seed(&random_state, 12, 0);
	for (int round = 0; round < 40; round++) {
		struct dns_answer_options options = make_options(addresses, nsid);
		size_t length = make_query(query);
		struct dns_answer answer;

		options.nsid_length = 5;
		assert_int_equal(dns_answer_prepare(&answer, &options), 0);
		for (size_t out_size = 0; out_size <= OUT_MAX; out_size++) {
			check_same(query, length, &options, &answer, out_size);
		}
		for (size_t cut = 0; cut <= length; cut++) {
			check_same(query, cut, &options, &answer, OUT_MAX);
		}
		dns_answer_free(&answer);
	}
}

// Queries that are alike but for a little, one after another: what is remembered of one is no answer to
// another.
static void a_reply_is_not_repeated_for_what_differs(void **state)
{
	static const uint8_t nsid[NSID_MAX] = "a name";
	static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_AAAA, 9, 16};
	struct address addresses[ADDRESSES_MAX];

	(void)state;
	random_seed(&random_state, 13, 0);
	for (int round = 0; round < 300; round++) {
		struct dns_answer_options options = make_options(addresses, nsid);
		uint8_t behind[QUERY_MAX], query[2 * QUERY_MAX];
		size_t behind_length = one_in(4) ? 0 : one_in(3) ? put_record(behind) : put_opt(behind);
		size_t out_size = OUT_MAX;
		struct dns_answer answer;

		options.rcode = one_in(2) ? 0 : options.rcode;
		assert_int_equal(dns_answer_prepare(&answer, &options), 0);
		for (int i = 0; i < 300; i++) {
			size_t length = DNS_HEADER_SIZE;

			memset(query, 0, DNS_HEADER_SIZE);
			put16(query, below(65536));
			query[2] = one_in(20) ? (uint8_t)below(256) : 1;
			query[3] = one_in(20) ? 0x10 : 0;
			query[5] = 1;
			query[7] = one_in(50);
			query[11] = behind_length > 0 && !one_in(50);
			length += put_name(query + length);
			length += put16(query + length, types[one_in(4) ? below(4) : 0]);
			length += put16(query + length, one_in(30) ? below(3) : DNS_CLASS_IN);
			memcpy(query + length, behind, behind_length);
			if (one_in(10) && behind_length > 0) {
				query[length + below((unsigned)behind_length)] ^= (uint8_t)(1u << below(8));
			}
			length += one_in(30) ? below((unsigned)behind_length + 1) : behind_length;
			out_size = one_in(10) ? below(OUT_MAX) : out_size;
			check_same(query, length, &options, &answer, out_size);
		}
		dns_answer_free(&answer);
	}
}

static void a_name_that_fits_no_option_is_left_out(void **state)
{
	static const uint8_t query[] = "\0\1\1\0\0\1\0\0\0\0\0\1\0\0\1\0\1\0\0\51\377\377\0\0\0\0\0\4\0\3\0";
	uint8_t *nsid = calloc(UINT16_MAX, 1);
	struct dns_answer_options options = {.nsid = nsid, .edns_size = UINT16_MAX};
	struct dns_answer answer;

	(void)state;
	assert_non_null(nsid);
	for (uint16_t length = UINT16_MAX; length > UINT16_MAX - 40; length--) {
		options.nsid_length = length;
		assert_int_equal(dns_answer_prepare(&answer, &options), 0);
		check_same(query, sizeof(query), &options, &answer, UINT16_MAX);
		dns_answer_free(&answer);
	}
	free(nsid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_query_gets_the_octets_of_the_reference),
	        cmocka_unit_test(every_room_and_every_cut_give_the_same),
	        cmocka_unit_test(a_reply_is_not_repeated_for_what_differs),
	        cmocka_unit_test(a_name_that_fits_no_option_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

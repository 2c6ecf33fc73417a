#include "support.h"

#include "base/random.h"
#include "dns/answer.h"
#include "dns/reply.h"

#include <errno.h>
#include <ldns/ldns.h>

static const struct address addresses[] = {
        {ADDRESS_IPV4, {192, 0, 2, 1}},
        {ADDRESS_IPV6, {0x20, 1, 0xd, 0xb8, [15] = 1}},
        {ADDRESS_IPV4, {192, 0, 2, 2}},
};

static struct dns_answer_options answer_options(void)
{
	return (struct dns_answer_options){
	        .authoritative = true,
	        .ttl = 30,
	        .addresses = addresses,
	        .address_count = 3,
	        .nsid = (const uint8_t *)"pod-7",
	        .nsid_length = 5,
	};
}

// dns_answer_write() for one reply, with the options not yet in wire form.
static int write_answer(const uint8_t *query, size_t length, const struct dns_answer_options *options,
                        uint8_t *out, size_t out_size)
{
	struct dns_answer answer;
	int result;

	assert_int_equal(dns_answer_prepare(&answer, options), 0);
	result = dns_answer_write(query, length, &answer, out, out_size);
	dns_answer_free(&answer);
	return result;
}

// Answer a query in an output block of exactly `out_size`; whatever comes is well formed in ldns's eyes too.
static uint8_t *answer(const uint8_t *query, size_t length, const struct dns_answer_options *options,
                       size_t out_size, int *result)
{
	uint8_t *copy = exact_copy(query, length), *out = malloc(out_size > 0 ? out_size : 1);
	ldns_pkt *packet = NULL;

	assert_non_null(out);
	*result = write_answer(copy, length, options, out, out_size);
	if (*result >= 0) {
		assert_true((size_t)*result <= out_size);
		assert_int_equal(ldns_wire2pkt(&packet, out, (size_t)*result), LDNS_STATUS_OK);
		ldns_pkt_free(packet);
	}
	free(copy);
	return out;
}

static void answers_carry_the_addresses_of_the_type(void **state)
{
	static const struct {
		const char *line;
		uint16_t answers;
	} cases[] = {{"Www.Example A", 2},
	             {"www.example AAAA", 1},
	             {"www.example TXT", 0},
	             {". A", 2},
	             {"www.example A D", 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_query_set *set = parse_plain(cases[i].line);
		struct dns_answer_options options = answer_options();
		const struct dns_query *query = &set->queries[0];
		struct dns_reply reply;
		int length;
		uint8_t *out = answer(query->wire, query->length, &options, 1500, &length);

		assert_true(length > 0);
		assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply), DNS_REPLY_OK);
		assert_int_equal(reply.flags,
		                 DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE | DNS_FLAG_RECURSION_DESIRED);
		assert_int_equal(reply.answers, cases[i].answers);
		assert_true(dns_question_matches(set, 0, reply.question, reply.question_length));
		assert_memory_equal(reply.question, query->wire + DNS_HEADER_SIZE, query->question_length);
		assert_null(reply.nsid); // nobody asked
		assert_int_equal(reply.additional, query->wire[11]);
		free(out);
		dns_query_set_free(set);
	}
}

static void a_reply_has_its_known_octets(void **state)
{
	static const uint8_t query[] = {0xbe, 0xef, 1, 0x10, 0,  1, 0, 0, 0, 0,    0, 1, 1, 'a', 0, 0, 1,
	                                0,    1,    0, 0,    41, 2, 0, 0, 0, 0x80, 0, 0, 4, 0,   3, 0, 0};
	static const uint8_t expected[] = {
	        0xbe, 0xef, 0x85, 0x10, 0,    1, 0, 2, 0,  0, 0,  1,   1,   'a', 0,   0,   1,  0,
	        1,    0xc0, 12,   0,    1,    0, 1, 0, 0,  0, 30, 0,   4,   192, 0,   2,   1,  0xc0,
	        12,   0,    1,    0,    1,    0, 0, 0, 30, 0, 4,  192, 0,   2,   2,   0,   0,  41,
	        4,    0xd0, 0,    0,    0x80, 0, 0, 9, 0,  3, 0,  5,   'p', 'o', 'd', '-', '7'};
	struct dns_answer_options options = answer_options();
	uint8_t in_place[128];
	int length;
	uint8_t *out = answer(query, sizeof(query), &options, 1500, &length);

	(void)state;
	assert_int_equal(length, sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
	memcpy(in_place, query, sizeof(query));
	assert_int_equal(write_answer(in_place, sizeof(query), &options, in_place, sizeof(in_place)),
	                 sizeof(expected));
	assert_memory_equal(in_place, expected, sizeof(expected));
	free(out);
}

static void the_name_of_the_server_comes_back_if_asked(void **state)
{
	struct dns_query_options query_options = dns_query_options_default();
	struct dns_answer_options options = answer_options();
	struct dns_query_set *set;
	struct dns_reply reply;
	uint8_t *out;
	int length;

	(void)state;
	query_options.nsid = true;
	set = parse_with("www.example A", &query_options);
	out = answer(set->queries[0].wire, set->queries[0].length, &options, 1500, &length);
	assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply), DNS_REPLY_OK);
	assert_int_equal(reply.nsid_length, 5);
	assert_memory_equal(reply.nsid, "pod-7", 5);
	free(out);
	options.nsid = NULL;
	out = answer(set->queries[0].wire, set->queries[0].length, &options, 1500, &length);
	assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply), DNS_REPLY_OK);
	assert_null(reply.nsid);
	free(out);
	dns_query_set_free(set);
}

static uint16_t rcode_of(const uint8_t *query, size_t query_length, uint16_t rcode)
{
	struct dns_answer_options options = answer_options();
	struct dns_reply reply;
	uint8_t *out;
	int length;

	options.rcode = rcode;
	out = answer(query, query_length, &options, 1500, &length);
	assert_true(length > 0);
	assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply), DNS_REPLY_OK);
	assert_int_equal(reply.answers, 0);
	free(out);
	return reply.rcode;
}

static void refusals_carry_no_records(void **state)
{
	struct dns_query_set *set = parse_plain("www.example A\nwww.example A E\n");
	const struct dns_query *plain = &set->queries[0], *edns = &set->queries[1];
	uint8_t changed[64];

	(void)state;
	assert_int_equal(rcode_of(plain->wire, plain->length, DNS_RCODE_NXDOMAIN), DNS_RCODE_NXDOMAIN);
	assert_int_equal(rcode_of(edns->wire, edns->length, DNS_RCODE_REFUSED), DNS_RCODE_REFUSED);
	assert_int_equal(rcode_of(edns->wire, edns->length, 23), 23);
	assert_int_equal(rcode_of(plain->wire, plain->length, 23), DNS_RCODE_SERVFAIL);
	memcpy(changed, edns->wire, edns->length);
	changed[2] |= 2 << 3; // STATUS
	assert_int_equal(rcode_of(changed, edns->length, 0), DNS_RCODE_NOTIMP);
	memcpy(changed, edns->wire, edns->length);
	changed[edns->length - 5] = 1; // EDNS version
	assert_int_equal(rcode_of(changed, edns->length, 0), DNS_RCODE_BADVERS);
	dns_query_set_free(set);
}

static void records_that_do_not_fit_set_tc(void **state)
{
	enum { COUNT = 200 };
	struct dns_query_set *set = parse_plain("www.example A\nwww.example A E\n");
	struct dns_answer_options options = answer_options();
	struct address many[COUNT];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		many[i] = addresses[0];
	}
	options.addresses = many;
	options.address_count = COUNT;
	for (uint32_t i = 0; i < set->count; i++) {
		size_t limit = i == 0 ? DNS_UDP_SIZE_PLAIN : DNS_EDNS_SIZE_DEFAULT;

		for (size_t out_size = 0; out_size < 1500; out_size += 7) {
			size_t room = out_size < limit ? out_size : limit;
			size_t fixed = 12 + 17 + (i == 0 ? 0 : 11);
			struct dns_reply reply;
			int length;
			uint8_t *out = answer(set->queries[i].wire, set->queries[i].length, &options,
			                      out_size, &length);

			if (room < fixed) {
				assert_int_equal(length, -ENOSPC);
			} else {
				assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply),
				                 DNS_REPLY_OK);
				assert_true(reply.truncated);
				assert_int_equal(reply.answers, (room - fixed) / 16);
				assert_int_equal(length, fixed + 16 * reply.answers);
			}
			free(out);
		}
	}
	dns_query_set_free(set);
}

static void broken_queries_get_no_answer(void **state)
{
	struct dns_query_options query_options = dns_query_options_default();
	struct dns_answer_options options = answer_options();
	uint8_t message[256];
	struct dns_query_set *set;
	struct random random;
	size_t size;
	int length;

	(void)state;
	query_options.nsid = true;
	set = parse_with("www.example A D 192.0.2.0/24", &query_options);
	size = set->queries[0].length;
	for (size_t cut = 0; cut < size; cut++) {
		free(answer(set->queries[0].wire, cut, &options, 1500, &length));
		assert_int_equal(length, -EBADMSG);
	}
	memcpy(message, set->queries[0].wire, size);
	message[2] |= 0x80; // a response
	free(answer(message, size, &options, 1500, &length));
	assert_int_equal(length, -EBADMSG);
	message[2] &= 0x7f;
	message[5] = 0; // no question
	free(answer(message, size, &options, 1500, &length));
	assert_int_equal(length, -EBADMSG);
	random_seed(&random, 9, 0);
	for (int round = 0; round < 50000; round++) {
		uint8_t *out, *place;
		int again;

		memcpy(message, set->queries[0].wire, size);
		for (uint64_t i = 0; i <= random_below(&random, 3); i++) {
			message[random_below(&random, size)] = (uint8_t)random_next(&random);
		}
		out = malloc(200);
		place = malloc(200);
		assert_true(out != NULL && place != NULL);
		memcpy(place, message, size);
		length = write_answer(message, size, &options, out, 200);
		again = write_answer(place, size, &options, place, 200);
		assert_int_equal(length, again);
		if (length > 0) {
			struct dns_reply reply;

			assert_memory_equal(out, place, (size_t)length);
			assert_int_equal(dns_reply_parse(out, (size_t)length, true, &reply), DNS_REPLY_OK);
		}
		free(out);
		free(place);
	}
	dns_query_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(answers_carry_the_addresses_of_the_type),
	        cmocka_unit_test(a_reply_has_its_known_octets),
	        cmocka_unit_test(the_name_of_the_server_comes_back_if_asked),
	        cmocka_unit_test(refusals_carry_no_records),
	        cmocka_unit_test(records_that_do_not_fit_set_tc),
	        cmocka_unit_test(broken_queries_get_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

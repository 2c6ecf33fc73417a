// The quick reader of replies against the general one: the same status and fields for every message, usual,
// odd or hostile, whatever was asked.
#include "drawn.h"
#include "support.h"

#include "dns/label.h"
#include "dns/reply.h"

#define ROUNDS      200000
#define MESSAGE_MAX 600

static size_t put_record(uint8_t *at)
{
	size_t length = 0, octets = below(20);

	length += put16(at, one_in(8) ? below(65536) : 0xc00c);
	length += put16(at + length, one_in(8) ? DNS_TYPE_OPT : DNS_TYPE_A);
	length += put16(at + length, 1);
	length += put16(at + length, below(65536));
	length += put16(at + length, below(65536));
	length += put16(at + length, one_in(20) ? below(40) : (unsigned)octets);
	for (size_t i = 0; i < octets; i++) {
		at[length++] = (uint8_t)below(256);
	}
	return length;
}

static size_t put_opt(uint8_t *at)
{
	static const uint8_t nsid[] = {0, 10, 0, 3, 'p', 'o', 'd'};
	size_t length = 0, octets = one_in(2) ? sizeof(nsid) : 0;

	at[length++] = one_in(50) ? 1 : 0;
	length += put16(at + length, DNS_TYPE_OPT);
	length += put16(at + length, 1232);
	at[length++] = one_in(4) ? (uint8_t)below(256) : 0;
	at[length++] = 0;
	length += put16(at + length, 0);
	length += put16(at + length, one_in(20) ? below(40) : (unsigned)octets);
	memcpy(at + length, nsid, octets);
	return length + octets;
}

// The question of another line, the question in other letters, or with an octet changed: now and then.
static size_t put_question(uint8_t *at, const struct dns_query_set *set, uint32_t asked)
{
	bool generated = set->generated != DNS_GENERATED_NONE;
	const struct dns_query *query = &set->queries[generated ? 0 : asked % set->count];

	memcpy(at, query->wire + DNS_HEADER_SIZE, query->question_length);
	if (generated) {
		dns_label_write(set, one_in(20) ? asked + 1 : asked,
		                at + set->label_offset - DNS_HEADER_SIZE);
	}
	for (unsigned i = 0; one_in(3) && i < query->question_length; i++) {
		at[i] ^= at[i] >= 'A' && one_in(2) ? 0x20 : 0;
	}
	if (one_in(10)) {
		at[below(query->question_length)] ^= (uint8_t)(1 << below(8));
	}
	return query->question_length;
}

static size_t put_message(uint8_t *at, const struct dns_query_set *set, uint32_t asked)
{
	unsigned questions = one_in(20) ? below(3) : 1, answers = below(3),
	         authority = one_in(4) ? below(3) : 0;
	unsigned opts = one_in(3) ? 0 : one_in(20) ? 2 : 1, others = one_in(6) ? below(2) : 0;
	unsigned flags = (one_in(20) ? 0 : DNS_FLAG_RESPONSE) | (one_in(6) ? DNS_FLAG_TRUNCATED : 0) |
	                 (one_in(3) ? below(16) : 0);
	size_t length = 0;

	length += put16(at + length, below(65536));
	length += put16(at + length, flags);
	length += put16(at + length, questions);
	length += put16(at + length, answers);
	length += put16(at + length, authority);
	length += put16(at + length, opts + others);
	for (unsigned i = 0; i < questions; i++) {
		length += put_question(at + length, set, one_in(20) ? asked + 1 : asked);
	}
	for (unsigned i = 0; i < answers + authority + others; i++) {
		length += put_record(at + length);
	}
	for (unsigned i = 0; i < opts; i++) {
		length += put_opt(at + length);
	}
	if (one_in(6)) {
		at[below((unsigned)length)] ^= (uint8_t)(1 << below(8));
	}
	return one_in(6) ? below((unsigned)length + 1) : length;
}

// Returns whether it is a reply to what was asked.
static bool check(const struct dns_query_set *set, uint32_t asked, const uint8_t *message, size_t length,
                  bool want_nsid)
{
	uint8_t *copy = exact_copy(message, length);
	struct dns_reply expected;
	struct dns_reply_to reply;
	enum dns_reply_status status = dns_reply_parse(copy, length, want_nsid, &expected);
	uint16_t id = 0;
	bool asks = false;

	assert_int_equal(dns_reply_parse_to(set, asked, copy, length, want_nsid, &reply), status);
	assert_int_equal(dns_reply_peek(copy, length, &id),
	                 status != DNS_REPLY_SHORT && status != DNS_REPLY_NOT_A_RESPONSE);
	assert_int_equal(id, expected.response ? expected.id : 0);
	if (status == DNS_REPLY_OK) {
		asks = expected.question != NULL &&
		       dns_question_matches(set, asked, expected.question, expected.question_length);
		assert_int_equal(reply.asks, asks);
		assert_int_equal(reply.truncated, expected.truncated);
		assert_int_equal(reply.rcode, expected.rcode);
		assert_ptr_equal(reply.nsid, expected.nsid);
		assert_int_equal(reply.nsid_length, expected.nsid_length);
	}
	free(copy);
	return asks;
}

static void check_set(const struct dns_query_set *set)
{
	uint8_t message[MESSAGE_MAX];
	unsigned asking = 0;

	random_seed(&random_state, 7, 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool generated = set->generated != DNS_GENERATED_NONE;
		uint32_t asked = generated ? below(1 << 30) : below(set->count + one_in(50));
		size_t length = put_message(message, set, asked);

		assert_true(length <= sizeof(message));
		asking += check(set, asked, message, length, one_in(2));
	}
	// Enough of both, or nothing was shown.
	assert_in_range(asking, ROUNDS / 5, ROUNDS * 4 / 5);
}

static void replies_to_a_file_are_read_alike(void **state)
{
	struct dns_query_set *set =
	        parse_plain("www.example.com A\n. NS\na A\nwww.example.net TYPE65\nan.example AAAA\n"
	                    "a.name.of.a.good.many.labels.that.are.all.different.example.org A\n");

	(void)state;
	check_set(set);
	dns_query_set_free(set);
}

static void replies_to_generated_names_are_read_alike(void **state)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set;
	struct error error = {0};

	(void)state;
	assert_int_equal(dns_query_set_generate(&set, "example.com", "A", DNS_GENERATED_RANDOM, 0, 1,
	                                        &options, &error),
	                 0);
	check_set(set);
	dns_query_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(replies_to_a_file_are_read_alike),
	        cmocka_unit_test(replies_to_generated_names_are_read_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "support.h"

#include "base/cursor.h"
#include "base/random.h"
#include "dns/reply.h"

#define FLAGS_REPLY (DNS_FLAG_RESPONSE | DNS_FLAG_RECURSION_DESIRED)

static const uint8_t question[] = {3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

static void put_header(struct cursor *cursor, uint16_t flags, uint16_t questions, uint16_t answers,
                       uint16_t authority, uint16_t additional)
{
	cursor_put_u16(cursor, 0xbeef);
	cursor_put_u16(cursor, flags);
	cursor_put_u16(cursor, questions);
	cursor_put_u16(cursor, answers);
	cursor_put_u16(cursor, authority);
	cursor_put_u16(cursor, additional);
}

static void put_record(struct cursor *cursor, uint16_t type, uint32_t ttl, const void *data, uint16_t length)
{
	cursor_put_u16(cursor, 0xc00c);
	cursor_put_u16(cursor, type);
	cursor_put_u16(cursor, 1);
	cursor_put_u32(cursor, ttl);
	cursor_put_u16(cursor, length);
	cursor_put(cursor, data, length);
}

static void put_opt(struct cursor *cursor, uint8_t upper_rcode, const void *data, uint16_t length)
{
	cursor_put_u8(cursor, 0);
	cursor_put_u16(cursor, DNS_TYPE_OPT);
	cursor_put_u16(cursor, 1232);
	cursor_put_u32(cursor, (uint32_t)upper_rcode << 24);
	cursor_put_u16(cursor, length);
	cursor_put(cursor, data, length);
}

static const uint8_t nsid_option[] = {0, 10, 0, 2, 1, 2, 0, 3, 0, 5, 'p', 'o', 'd', '-', '7'};

// An answer with an authority record and an OPT with cookie and NSID.
static size_t full_reply(uint8_t *out, size_t size)
{
	struct cursor cursor = cursor_writer(out, size);

	put_header(&cursor, FLAGS_REPLY, 1, 2, 1, 2);
	cursor_put(&cursor, question, sizeof(question));
	put_record(&cursor, DNS_TYPE_A, 30, "\x0a\x00\x00\x01", 4);
	put_record(&cursor, DNS_TYPE_A, 30, "\x0a\x00\x00\x02", 4);
	put_record(&cursor, 2, 30, "\xc0\x0c", 2);
	put_record(&cursor, DNS_TYPE_AAAA, 30, "0123456789abcdef", 16);
	put_opt(&cursor, 0, nsid_option, sizeof(nsid_option));
	assert_false(cursor.failed);
	return cursor.position;
}

// Parse a copy that ends where ASan looks; pointers are given back as offsets of `message`.
static enum dns_reply_status parse_exact(const uint8_t *message, size_t length, bool want_nsid,
                                         struct dns_reply *out)
{
	uint8_t *copy = exact_copy(message, length);
	enum dns_reply_status status = dns_reply_parse(copy, length, want_nsid, out);

	if (out->question != NULL) {
		assert_true(out->question >= copy && out->question + out->question_length <= copy + length);
		out->question = message + (out->question - copy);
	}
	if (out->nsid != NULL) {
		assert_true(out->nsid >= copy && out->nsid + out->nsid_length <= copy + length);
		out->nsid = message + (out->nsid - copy);
	}
	free(copy);
	return status;
}

static void a_whole_reply_gives_all_its_fields(void **state)
{
	uint8_t message[256];
	size_t length = full_reply(message, sizeof(message));
	struct dns_reply reply;

	(void)state;
	for (int want_nsid = 0; want_nsid < 2; want_nsid++) {
		assert_int_equal(parse_exact(message, length, want_nsid != 0, &reply), DNS_REPLY_OK);
		assert_int_equal(reply.id, 0xbeef);
		assert_int_equal(reply.flags, FLAGS_REPLY);
		assert_true(reply.response);
		assert_false(reply.truncated);
		assert_int_equal(reply.rcode, 0);
		assert_int_equal(reply.answers, 2);
		assert_int_equal(reply.authority, 1);
		assert_int_equal(reply.additional, 2);
		assert_int_equal(reply.question_length, sizeof(question));
		assert_memory_equal(reply.question, question, sizeof(question));
	}
	assert_int_equal(reply.nsid_length, 5);
	assert_memory_equal(reply.nsid, "pod-7", 5);
}

static void a_reply_cut_anywhere_is_never_read_past_its_end(void **state)
{
	uint8_t message[256];
	size_t length = full_reply(message, sizeof(message));
	struct dns_reply reply;

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		enum dns_reply_status expected =
		        cut < DNS_HEADER_SIZE ? DNS_REPLY_SHORT : DNS_REPLY_MALFORMED;
		bool has_question = cut >= DNS_HEADER_SIZE + sizeof(question);

		assert_int_equal(parse_exact(message, cut, true, &reply), expected);
		assert_null(reply.nsid);
		// Nobody asked for the records: with answers there they are not looked at.
		assert_int_equal(parse_exact(message, cut, false, &reply),
		                 has_question ? DNS_REPLY_OK : expected);
	}
	message[2] |= DNS_FLAG_TRUNCATED >> 8; // TC explains a record that isn't whole
	for (size_t cut = DNS_HEADER_SIZE + sizeof(question); cut < length; cut++) {
		assert_int_equal(parse_exact(message, cut, true, &reply), DNS_REPLY_OK);
		assert_true(reply.truncated);
	}
}

static void extended_rcodes_are_put_together(void **state)
{
	static const struct {
		uint8_t upper, lower;
		uint16_t rcode;
	} cases[] = {{0, 2, 2}, {1, 0, DNS_RCODE_BADVERS}, {1, 7, 23}, {255, 15, 4095}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t message[64];
		struct cursor cursor = cursor_writer(message, sizeof(message));
		struct dns_reply reply;

		put_header(&cursor, FLAGS_REPLY | cases[i].lower, 1, 0, 0, 1);
		cursor_put(&cursor, question, sizeof(question));
		put_opt(&cursor, cases[i].upper, NULL, 0);
		assert_int_equal(parse_exact(message, cursor.position, false, &reply), DNS_REPLY_OK);
		assert_int_equal(reply.rcode, cases[i].rcode);
	}
}

static void replies_without_a_question_are_replies(void **state)
{
	uint8_t message[64];
	struct cursor cursor = cursor_writer(message, sizeof(message));
	struct dns_reply reply;

	(void)state;
	put_header(&cursor, FLAGS_REPLY | DNS_RCODE_FORMERR, 0, 0, 0, 0);
	assert_int_equal(parse_exact(message, cursor.position, true, &reply), DNS_REPLY_OK);
	assert_int_equal(reply.rcode, DNS_RCODE_FORMERR);
	assert_null(reply.question);
	assert_int_equal(reply.question_length, 0);
}

static void queries_are_no_replies(void **state)
{
	uint8_t message[256];
	size_t length = full_reply(message, sizeof(message));
	struct dns_reply reply;

	(void)state;
	message[2] &= 0x7f;
	assert_int_equal(parse_exact(message, length, true, &reply), DNS_REPLY_NOT_A_RESPONSE);
	assert_int_equal(reply.id, 0xbeef);
	assert_false(reply.response);
}

static void bad_questions_are_malformed(void **state)
{
	static const struct {
		uint16_t questions;
		uint8_t size;
		uint8_t bytes[8];
	} cases[] = {
	        {1, 6, {0xc0, 12, 0, 1, 0, 1}},         // a pointer to itself
	        {1, 8, {1, 'a', 0xc0, 12, 0, 1, 0, 1}}, // a loop
	        {1, 6, {0x40, 0, 0, 1, 0, 1}},          // label types that are not in use
	        {1, 6, {0x80, 0, 0, 1, 0, 1}},
	        {1, 4, {0, 0, 1, 0}}, // cut in the class
	        {1, 1, {63}},
	        {2, 5, {0, 0, 1, 0, 1}},
	        {65535, 5, {0, 0, 1, 0, 1}},
	};
	uint8_t message[512];
	struct dns_reply reply;
	struct cursor cursor;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cursor = cursor_writer(message, sizeof(message));
		put_header(&cursor, FLAGS_REPLY, cases[i].questions, 0, 0, 0);
		cursor_put(&cursor, cases[i].bytes, cases[i].size);
		assert_int_equal(parse_exact(message, cursor.position, false, &reply), DNS_REPLY_MALFORMED);
		assert_int_equal(reply.question_length, 0);
	}
	for (unsigned labels = 127; labels <= 128; labels++) { // 255 and 257 octets
		cursor = cursor_writer(message, sizeof(message));
		put_header(&cursor, FLAGS_REPLY, 1, 0, 0, 0);
		for (unsigned i = 0; i < labels; i++) {
			cursor_put(&cursor, "\1a", 2);
		}
		cursor_put(&cursor, "\0\0\1\0\1", 5);
		assert_int_equal(parse_exact(message, cursor.position, false, &reply),
		                 labels == 127 ? DNS_REPLY_OK : DNS_REPLY_MALFORMED);
	}
}

static void bad_records_are_malformed(void **state)
{
	static const struct {
		uint16_t additional;
		uint8_t size;
		uint8_t bytes[48];
	} cases[] = {
	        {2, 22, {0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0,
	                 0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0}},             // two OPT records
	        {1, 12, {0xc0, 12, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0}},      // an owner other than the root
	        {1, 12, {0xc0, 29, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},       // a pointer to itself
	        {1, 12, {0xc0, 60, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},       // a pointer forward
	        {1, 12, {0xc0, 2, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},        // a pointer into the header
	        {1, 12, {0x41, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}},        // a label type not in use
	        {1, 11, {0, 0, 41, 4, 0, 0, 0, 0, 0, 0xff, 0xff}},       // data beyond the end
	        {1, 15, {0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 1}}, // an option beyond its record
	        {1, 14, {0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0}},    // half an option
	        {65535, 11, {0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0}},         // fewer records than announced
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t message[128];
		struct cursor cursor = cursor_writer(message, sizeof(message));
		struct dns_reply reply;

		put_header(&cursor, FLAGS_REPLY, 1, 0, 0, cases[i].additional);
		cursor_put(&cursor, question, sizeof(question));
		cursor_put(&cursor, cases[i].bytes, cases[i].size);
		assert_int_equal(parse_exact(message, cursor.position, true, &reply), DNS_REPLY_MALFORMED);
	}
}

static void an_empty_nsid_is_told_from_none(void **state)
{
	static const uint8_t empty[] = {0, 3, 0, 0};

	(void)state;
	for (int with = 0; with < 2; with++) {
		uint8_t message[64];
		struct cursor cursor = cursor_writer(message, sizeof(message));
		struct dns_reply reply;

		put_header(&cursor, FLAGS_REPLY, 1, 0, 0, 1);
		cursor_put(&cursor, question, sizeof(question));
		put_opt(&cursor, 0, empty, with != 0 ? sizeof(empty) : 0);
		assert_int_equal(parse_exact(message, cursor.position, true, &reply), DNS_REPLY_OK);
		assert_int_equal(reply.nsid != NULL, with);
		assert_int_equal(reply.nsid_length, 0);
	}
}

static void flipped_octets_never_lead_outside(void **state)
{
	uint8_t message[256], changed[256];
	size_t length = full_reply(message, sizeof(message));
	struct random random;
	struct dns_reply reply;

	(void)state;
	random_seed(&random, 5, 0);
	for (int round = 0; round < 100000; round++) {
		memcpy(changed, message, length);
		for (uint64_t i = 0; i <= random_below(&random, 4); i++) {
			changed[random_below(&random, length)] = (uint8_t)random_next(&random);
		}
		parse_exact(changed, length - random_below(&random, 20), round % 4 != 0, &reply);
	}
}

static void rcodes_have_their_names(void **state)
{
	char buffer[DNS_RCODE_TEXT_SIZE];

	(void)state;
	assert_string_equal(dns_rcode_name(0, buffer), "NOERROR");
	assert_string_equal(dns_rcode_name(3, buffer), "NXDOMAIN");
	assert_string_equal(dns_rcode_name(5, buffer), "REFUSED");
	assert_string_equal(dns_rcode_name(16, buffer), "BADVERS");
	assert_string_equal(dns_rcode_name(23, buffer), "BADCOOKIE");
	assert_string_equal(dns_rcode_name(12, buffer), "RCODE12");
	assert_string_equal(dns_rcode_name(24, buffer), "RCODE24");
	assert_string_equal(dns_rcode_name(UINT16_MAX, buffer), "RCODE65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_whole_reply_gives_all_its_fields),
	        cmocka_unit_test(a_reply_cut_anywhere_is_never_read_past_its_end),
	        cmocka_unit_test(extended_rcodes_are_put_together),
	        cmocka_unit_test(replies_without_a_question_are_replies),
	        cmocka_unit_test(queries_are_no_replies),
	        cmocka_unit_test(bad_questions_are_malformed),
	        cmocka_unit_test(bad_records_are_malformed),
	        cmocka_unit_test(an_empty_nsid_is_told_from_none),
	        cmocka_unit_test(flipped_octets_never_lead_outside),
	        cmocka_unit_test(rcodes_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

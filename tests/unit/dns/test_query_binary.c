#include "support.h"

#include <errno.h>

static const uint8_t good[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};

static size_t put_record(uint8_t *out, const uint8_t *message, uint16_t length)
{
	out[0] = (uint8_t)(length >> 8);
	out[1] = (uint8_t)length;
	memcpy(out + 2, message, length);
	return 2u + length;
}

static void text_sets_survive_the_binary_form(void **state)
{
	struct dns_query_set *text =
	        parse_plain("a.example A\n. NS D\nb.example TYPE65 192.0.2.0/24\n\\000.x AAAA E\n");
	struct dns_query_set *binary = NULL;
	struct error error = {0};
	uint8_t data[1024];
	size_t size = 0;

	(void)state;
	for (uint32_t i = 0; i < text->count; i++) {
		size += put_record(data + size, text->queries[i].wire, text->queries[i].length);
		data[size - text->queries[i].length] = 0xab; // an id, which is not kept
	}
	assert_int_equal(dns_query_set_parse_binary(&binary, "records", data, size, &error), 0);
	assert_int_equal(binary->count, text->count);
	assert_int_equal(binary->longest, text->longest);
	for (uint32_t i = 0; i < text->count; i++) {
		const struct dns_query *a = &text->queries[i], *b = &binary->queries[i];

		assert_int_equal(a->length, b->length);
		assert_memory_equal(a->wire, b->wire, a->length);
		assert_int_equal(a->question_length, b->question_length);
		assert_int_equal(a->sum, b->sum);
		assert_int_equal(b->line, i + 1);
	}
	dns_query_set_free(text);
	dns_query_set_free(binary);
}

static void check_refused(const uint8_t *data, size_t size, int record, const char *says)
{
	struct dns_query_set *set = NULL;
	struct error error = {0};
	uint8_t *copy = exact_copy(data, size);

	assert_int_equal(dns_query_set_parse_binary(&set, "records", copy, size, &error), -EINVAL);
	assert_null(set);
	if (error.line != record || strstr(error.text, says) == NULL) {
		fail_msg("expected record %d with '%s', got %d: %s", record, says, error.line, error.text);
	}
	free(copy);
}

static void bad_records_are_refused_with_their_place(void **state)
{
	uint8_t data[256], message[sizeof(good)];
	size_t first = put_record(data, good, sizeof(good));

	(void)state;
	check_refused(data, 0, 0, "empty");
	memcpy(message, good, sizeof(good));
	message[2] |= 0x80;
	check_refused(data, first + put_record(data + first, message, sizeof(message)), 2,
	              "at octet 21 is a response");
	memcpy(message, good, sizeof(good));
	message[5] = 2;
	check_refused(data, first + put_record(data + first, message, sizeof(message)), 2, "questions");
	message[5] = 0;
	check_refused(data, first + put_record(data + first, message, sizeof(message)), 2, "questions");
	memcpy(message, good, sizeof(good));
	message[12] = 0xc0;
	check_refused(data, first + put_record(data + first, message, sizeof(message)), 2, "broken question");
	check_refused(data, first + put_record(data + first, good, 11), 2,
	              "few octets for a DNS message: 11");
	check_refused(data, first + put_record(data + first, good, 0), 2, "few octets for a DNS message: 0");
}

static void a_file_cut_anywhere_is_refused_or_ends_at_a_record(void **state)
{
	uint8_t data[3 * (2 + sizeof(good))];
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		size += put_record(data + size, good, sizeof(good));
	}
	for (size_t cut = 1; cut <= size; cut++) {
		struct dns_query_set *set = NULL;
		uint8_t *copy = exact_copy(data, cut);
		bool whole = cut % (2 + sizeof(good)) == 0;

		assert_int_equal(dns_query_set_parse_binary(&set, "records", copy, cut, NULL),
		                 whole ? 0 : -EINVAL);
		assert_int_equal(set != NULL, whole);
		dns_query_set_free(set);
		free(copy);
	}
}

static void the_longest_message_is_taken(void **state)
{
	uint8_t *data = calloc(1, 2 + 65535);
	struct dns_query_set *set = NULL;

	(void)state;
	assert_non_null(data);
	memset(data + 2 + sizeof(good), 0xff, 65535 - sizeof(good));
	memcpy(data + 2, good, sizeof(good));
	data[0] = data[1] = 0xff;
	assert_int_equal(dns_query_set_parse_binary(&set, "records", data, 2 + 65535, NULL), 0);
	assert_int_equal(set->longest, 65535);
	memset(data + 2, 0, 2);
	assert_int_equal(set->queries[0].sum, recompute_sum(data + 2, 65535));
	dns_query_set_free(set);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(text_sets_survive_the_binary_form),
	        cmocka_unit_test(bad_records_are_refused_with_their_place),
	        cmocka_unit_test(a_file_cut_anywhere_is_refused_or_ends_at_a_record),
	        cmocka_unit_test(the_longest_message_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

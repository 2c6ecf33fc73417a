#include "support.h"

#include "base/random.h"
#include "dns/label.h"

#include <errno.h>

static struct dns_query_set *generate(const char *zone, enum dns_generated generated, uint8_t length,
                                      uint64_t seed)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set = NULL;
	struct error error = {0};

	if (dns_query_set_generate(&set, zone, "A", generated, length, seed, &options, &error) < 0) {
		fail_msg("%s", error.text);
	}
	return set;
}

static void counting_labels_are_padded_base_32_digits(void **state)
{
	static const struct {
		uint32_t number;
		const char *label;
	} cases[] = {{0, "000000000000"},       {1, "000000000001"},         {9, "000000000009"},
	             {10, "00000000000a"},      {31, "00000000000v"},        {32, "000000000010"},
	             {1000000, "00000000ugi0"}, {UINT32_MAX, "000003vvvvvv"}};
	struct dns_query_set *set = generate("example.com", DNS_GENERATED_COUNTING, 0, 7);

	(void)state;
	assert_int_equal(set->label_length, DNS_LABEL_LENGTH_DEFAULT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char label[DNS_LABEL_LENGTH_MAX + 1] = "";
		char text[DNS_QUESTION_TEXT_SIZE], expected[64];

		dns_label_write(set, cases[i].number, (uint8_t *)label);
		assert_string_equal(label, cases[i].label);
		snprintf(expected, sizeof(expected), "%s.example.com A", cases[i].label);
		assert_true(dns_query_set_name_format(set, cases[i].number, text, sizeof(text)) > 0);
		assert_string_equal(text, expected);
	}
	dns_query_set_free(set);
}

// Undo the digits; fails on a character outside the alphabet.
static uint64_t label_number(const uint8_t *label, uint8_t length)
{
	uint64_t value = 0;

	for (uint8_t i = 0; i < length; i++) {
		bool digit = label[i] >= '0' && label[i] <= '9';

		assert_true(digit || (label[i] >= 'a' && label[i] <= 'v'));
		value = value << 5 | (uint64_t)(label[i] - (digit ? '0' : 'a' - 10));
	}
	return value;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void different_numbers_have_different_labels(void **state)
{
	enum { COUNT = 200000 };
	uint64_t *values = malloc(COUNT * sizeof(*values));
	struct random random;

	(void)state;
	assert_non_null(values);
	random_seed(&random, 1, 0);
	for (uint8_t length = DNS_LABEL_LENGTH_MIN; length <= DNS_LABEL_LENGTH_MAX; length++) {
		for (int generated = DNS_GENERATED_RANDOM; generated <= DNS_GENERATED_COUNTING; generated++) {
			struct dns_query_set *set =
			        generate("x", (enum dns_generated)generated, length, length);
			uint32_t step = (uint32_t)random_next(&random) | 1; // odd: no number comes twice

			for (uint32_t i = 0; i < COUNT; i++) {
				uint8_t label[DNS_LABEL_LENGTH_MAX];

				dns_label_write(set, i * step, label);
				values[i] = label_number(label, length);
				if (generated == DNS_GENERATED_COUNTING) {
					assert_int_equal(values[i], i * step);
				}
			}
			qsort(values, COUNT, sizeof(*values), compare_numbers);
			for (uint32_t i = 1; i < COUNT; i++) {
				assert_true(values[i - 1] != values[i]);
			}
			dns_query_set_free(set);
		}
	}
	free(values);
}

static void label_stays_inside_its_octets_and_its_sum_is_true(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2, 0);
	for (int round = 0; round < 20000; round++) {
		uint8_t length = (uint8_t)(DNS_LABEL_LENGTH_MIN + random_below(&random, 5));
		enum dns_generated generated = round % 2 == 0 ? DNS_GENERATED_RANDOM : DNS_GENERATED_COUNTING;
		struct dns_query_set *set = generate(round % 3 == 0 ? "." : "zone.example", generated, length,
		                                     random_next(&random));
		const struct dns_query *query = &set->queries[0];
		uint32_t number = (uint32_t)random_next(&random), sum;
		uint8_t *message = exact_copy(query->wire, query->length),
		        *again = exact_copy(query->wire, query->length);

		assert_int_equal(query->sum, recompute_sum(query->wire, query->length));
		sum = dns_label_write_sum(set, number, message + set->label_offset);
		assert_true(sum < 1 << 20);
		assert_int_equal(fold_sum(query->sum + sum), recompute_sum(message, query->length));
		dns_label_write(set, number, again + set->label_offset);
		assert_memory_equal(message, again, query->length);
		assert_memory_equal(message, query->wire, set->label_offset);
		assert_memory_equal(message + set->label_offset + length,
		                    query->wire + set->label_offset + length,
		                    query->length - set->label_offset - length);
		free(message);
		free(again);
		dns_query_set_free(set);
	}
}

static void generated_questions_match_their_own_number_only(void **state)
{
	struct dns_query_set *set = generate("Zone.Example", DNS_GENERATED_RANDOM, 0, 3);
	uint8_t message[64];
	uint16_t length = set->queries[0].question_length;
	struct random random;

	(void)state;
	random_seed(&random, 3, 0);
	for (int round = 0; round < 20000; round++) {
		uint32_t number = (uint32_t)random_next(&random), other = (uint32_t)random_next(&random);
		uint8_t *question;

		memcpy(message, set->queries[0].wire, set->queries[0].length);
		dns_label_write(set, number, message + set->label_offset);
		question = exact_copy(message + DNS_HEADER_SIZE, length);
		assert_true(dns_question_matches(set, number, question, length));
		assert_int_equal(dns_question_matches(set, other, question, length), other == number);
		for (size_t i = 1; i < length - 4u; i++) {
			question[i] = question[i] >= 'a' && question[i] <= 'z' ? (uint8_t)(question[i] ^ 0x20)
			                                                       : question[i];
		}
		assert_true(dns_question_matches(set, number, question, length));
		assert_false(dns_question_matches(set, number, question, length - 1u));
		question[random_below(&random, length)] ^= 1;
		assert_false(dns_question_matches(set, number, question, length));
		free(question);
	}
	dns_query_set_free(set);
}

static void seeds_pick_the_names_and_keep_them(void **state)
{
	struct dns_query_set *a = generate("x", DNS_GENERATED_RANDOM, 0, 1),
	                     *b = generate("x", DNS_GENERATED_RANDOM, 0, 1),
	                     *c = generate("x", DNS_GENERATED_RANDOM, 0, 2);
	int same = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		uint8_t first[DNS_LABEL_LENGTH_MAX], second[DNS_LABEL_LENGTH_MAX],
		        third[DNS_LABEL_LENGTH_MAX];

		dns_label_write(a, i, first);
		dns_label_write(b, i, second);
		dns_label_write(c, i, third);
		assert_memory_equal(first, second, sizeof(first));
		same += memcmp(first, third, sizeof(first)) == 0;
	}
	assert_int_equal(same, 0);
	dns_query_set_free(a);
	dns_query_set_free(b);
	dns_query_set_free(c);
}

static void bad_generators_are_refused(void **state)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set;
	char zone[300] = "";
	static const struct {
		const char *zone, *type;
		enum dns_generated generated;
		uint8_t length;
	} cases[] = {{"a..b", "A", DNS_GENERATED_RANDOM, 0}, {"", "A", DNS_GENERATED_RANDOM, 0},
	             {"x", "AX", DNS_GENERATED_RANDOM, 0},   {"x", "A", DNS_GENERATED_NONE, 0},
	             {"x", "A", DNS_GENERATED_COUNTING, 7},  {"x", "A", DNS_GENERATED_COUNTING, 13}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};

		assert_int_equal(dns_query_set_generate(&set, cases[i].zone, cases[i].type,
		                                        cases[i].generated, cases[i].length, 0, &options,
		                                        &error),
		                 -EINVAL);
		assert_null(set);
		assert_string_not_equal(error.text, "");
	}
	for (int i = 0; i < 121; i++) { // 121 x 2 + 1 + 12 + 1 = 256
		strcat(zone, "a.");
	}
	assert_int_equal(dns_query_set_generate(&set, zone, "A", DNS_GENERATED_RANDOM, 12, 0, &options, NULL),
	                 -EINVAL);
	assert_int_equal(dns_query_set_generate(&set, zone, "A", DNS_GENERATED_RANDOM, 11, 0, &options, NULL),
	                 0);
	dns_query_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(counting_labels_are_padded_base_32_digits),
	        cmocka_unit_test(different_numbers_have_different_labels),
	        cmocka_unit_test(label_stays_inside_its_octets_and_its_sum_is_true),
	        cmocka_unit_test(generated_questions_match_their_own_number_only),
	        cmocka_unit_test(seeds_pick_the_names_and_keep_them),
	        cmocka_unit_test(bad_generators_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

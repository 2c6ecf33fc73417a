// One's-complement sums against a word-by-word reference and DPDK's.

#include "base/random.h"
#include "packet/checksum.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void fill(struct random *random, uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		data[i] = (uint8_t)random_next(random);
	}
}

static void a_sum_equals_dpdks_at_any_length_and_alignment(void **state)
{
	struct random random;
	uint8_t data[1600];

	(void)state;
	random_seed(&random, 1, 0);
	for (int round = 0; round < 20000; round++) {
		size_t start = random_below(&random, 16);
		size_t length = random_below(&random, round % 100 == 0 ? 1500 : 120);

		fill(&random, data + start, length);
		assert_int_equal(packet_sum(data + start, length),
		                 rte_be_to_cpu_16(rte_raw_cksum(data + start, length)));
	}
}

// The example of RFC 1071, 3.
static void the_example_of_rfc_1071_sums_to_ddf2(void **state)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(packet_sum(data, sizeof(data)), 0xddf2);
	assert_int_equal(packet_checksum_finish(packet_sum(data, sizeof(data))), (uint16_t)~0xddf2);
}

// The example of RFC 1624, 4, where RFC 1141's equation fails: it gives 0xffff.
static void the_example_of_rfc_1624_updates_to_zero(void **state)
{
	(void)state;
	assert_int_equal(packet_checksum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

static void a_sum_is_zero_only_for_zeroes(void **state)
{
	uint8_t data[64] = {0};

	(void)state;
	assert_int_equal(packet_sum(data, sizeof(data)), 0);
	memset(data, 0xff, sizeof(data));
	for (size_t length = 2; length <= sizeof(data); length += 2) {
		assert_int_equal(packet_sum(data, length), 0xffff);
	}
	assert_int_equal(packet_fold(0xffffffff), 0xffff);
	assert_int_equal(packet_fold64(UINT64_MAX), 0xffff);
	assert_int_equal(packet_fold(0), 0);
}

// Numbers on both sides of every carry: 2^32 - 1, 2^32 and so on.
static void a_fold_is_the_rest_modulo_65535_and_zero_only_of_zero(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 4, 0);
	for (int round = 0; round < 20000; round++) {
		uint64_t sum = random_next(&random) >> random_below(&random, 64);

		if (round % 2 == 0) {
			sum = (UINT64_C(1) << random_below(&random, 64)) + random_below(&random, 5) - 2;
		}
		assert_int_equal(packet_fold64(sum), sum == 0 ? 0 : sum % 65535 == 0 ? 65535 : sum % 65535);
		sum = (uint32_t)sum;
		assert_int_equal(packet_fold((uint32_t)sum), sum == 0           ? 0
		                                             : sum % 65535 == 0 ? 65535
		                                                                : sum % 65535);
	}
}

// Octets of all ones carry at every addition.
static void sums_of_large_words_lose_no_carry(void **state)
{
	uint8_t data[200];

	(void)state;
	memset(data, 0xff, sizeof(data));
	for (size_t at = 0; at < 8; at++) {
		for (size_t length = 1; length <= sizeof(data) - at; length++) {
			data[at] = 0xfe;
			assert_int_equal(packet_sum(data + at, length),
			                 rte_be_to_cpu_16(rte_raw_cksum(data + at, length)));
			data[at] = 0xff;
		}
	}
}

static void udp_never_sends_a_zero_checksum(void **state)
{
	(void)state;
	assert_int_equal(packet_checksum_finish(0xffff), 0);
	assert_int_equal(packet_checksum_finish_udp(0xffff), 0xffff);
	assert_int_equal(packet_checksum_finish_udp(0x1fffe), 0xffff);
	assert_int_equal(packet_checksum_finish_udp(0x1234), (uint16_t)~0x1234);
}

static void parts_at_odd_and_even_offsets_combine_to_the_whole(void **state)
{
	struct random random;
	uint8_t data[300];

	(void)state;
	random_seed(&random, 2, 0);
	for (int round = 0; round < 20000; round++) {
		size_t length = random_below(&random, sizeof(data) - 1) + 1;
		size_t cut = random_below(&random, length + 1);
		uint32_t sum;

		fill(&random, data, length);
		sum = packet_sum_combine(packet_sum(data, cut), packet_sum(data + cut, length - cut), cut);
		assert_int_equal(packet_fold(sum), packet_sum(data, length));
	}
}

static void an_updated_checksum_is_the_recomputed_one(void **state)
{
	struct random random;
	uint8_t data[20];

	(void)state;
	random_seed(&random, 3, 0);
	for (int round = 0; round < 20000; round++) {
		size_t word = 2 * random_below(&random, sizeof(data) / 2);
		uint16_t checksum, before, after = (uint16_t)random_next(&random);

		fill(&random, data, sizeof(data));
		checksum = packet_checksum_finish(packet_sum(data, sizeof(data)));
		before = packet_read16(data + word);
		packet_write16(data + word, after);
		assert_int_equal(packet_checksum_update(checksum, before, after),
		                 packet_checksum_finish(packet_sum(data, sizeof(data))));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_sum_equals_dpdks_at_any_length_and_alignment),
	        cmocka_unit_test(the_example_of_rfc_1071_sums_to_ddf2),
	        cmocka_unit_test(the_example_of_rfc_1624_updates_to_zero),
	        cmocka_unit_test(a_sum_is_zero_only_for_zeroes),
	        cmocka_unit_test(a_fold_is_the_rest_modulo_65535_and_zero_only_of_zero),
	        cmocka_unit_test(sums_of_large_words_lose_no_carry),
	        cmocka_unit_test(udp_never_sends_a_zero_checksum),
	        cmocka_unit_test(parts_at_odd_and_even_offsets_combine_to_the_whole),
	        cmocka_unit_test(an_updated_checksum_is_the_recomputed_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

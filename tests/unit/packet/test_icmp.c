// ICMP errors of both families: traced to the query that they quote, and told apart.

#include "frames.h"
#include "sample.h"

#include "packet/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void an_icmp_error_is_traced_to_the_query_that_it_quotes(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1400];

	(void)state;
	random_seed(&random, 14, 0);
	for (int round = 0; round < 5000; round++) {
		uint16_t id = (uint16_t)random_next(&random);
		size_t length, quoted;
		struct address address;
		bool ipv4;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		ipv4 = sample.header.family == ADDRESS_IPV4;
		quoted = (ipv4 ? 24 : 44) + random_below(&random, 24);
		length = frame_icmp_error(frame, &sample, id, ipv4 ? 3 : 1, ipv4 ? 3 : 4, quoted);
		assert_int_equal(packet_parse(frame, length, &view), PACKET_ICMP_UNREACHABLE);
		assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_GOOD);
		assert_int_equal(view.quote.reason, PACKET_UNREACHABLE_PORT);
		address = packet_address(&view, view.quote.source);
		assert_true(address_equal(&address, &sample.source_address));
		address = packet_address(&view, view.quote.destination);
		assert_true(address_equal(&address, &sample.options.destination));
		assert_int_equal(view.quote.source_port, sample.source.port);
		assert_int_equal(view.quote.destination_port, sample.options.destination_port);
		assert_int_equal(view.quote.has_id, quoted >= (size_t)(ipv4 ? 30 : 50));
		if (view.quote.has_id) {
			assert_int_equal(view.quote.id, id);
		}
	}
}

static void an_icmp_quote_that_stops_before_the_ports_is_malformed(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1400];

	(void)state;
	random_seed(&random, 15, 0);
	for (int round = 0; round < 500; round++) {
		bool ipv4;
		size_t length;

		assert_int_equal(sample_draw(&sample, &random, false), 0);
		ipv4 = sample.header.family == ADDRESS_IPV4;
		length = frame_icmp_error(frame, &sample, 1, ipv4 ? 3 : 1, 0,
		                          random_below(&random, ipv4 ? 24 : 44));
		assert_int_equal(packet_parse(frame, length, &view), PACKET_MALFORMED);
		assert_int_equal(view.reason, PACKET_BAD_ICMP_QUOTE);
	}
}

// RFC 4884: the quote ends where the length field says, whatever the extensions behind it look like.
static void icmp_extensions_are_no_part_of_the_quote(void **state)
{
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1400];
	size_t length;

	(void)state;
	random_seed(&random, 16, 0);
	do {
		assert_int_equal(sample_draw(&sample, &random, false), 0);
	} while (sample.header.family != ADDRESS_IPV4 || sample.options.vlan != PACKET_VLAN_NONE);
	length = frame_icmp_error(frame, &sample, 7, 3, 13, 40);
	frame[14 + 20 + 5] = 28 / 4;
	assert_int_equal(packet_parse(frame, length, &view), PACKET_ICMP_UNREACHABLE);
	assert_false(view.quote.has_id);
	assert_int_equal(view.quote.reason, PACKET_UNREACHABLE_ADMIN);
	assert_int_equal(view.quote.code, 13);
}

static void icmp_codes_are_told_apart(void **state)
{
	static const struct {
		uint8_t family, type, code;
		enum packet_unreachable reason;
	} cases[] = {
	        {4, 3, 0, PACKET_UNREACHABLE_NETWORK}, {4, 3, 1, PACKET_UNREACHABLE_HOST},
	        {4, 3, 2, PACKET_UNREACHABLE_OTHER},   {4, 3, 3, PACKET_UNREACHABLE_PORT},
	        {4, 3, 4, PACKET_UNREACHABLE_TOO_BIG}, {4, 3, 10, PACKET_UNREACHABLE_ADMIN},
	        {4, 3, 99, PACKET_UNREACHABLE_OTHER},  {4, 11, 0, PACKET_UNREACHABLE_HOPS},
	        {6, 1, 0, PACKET_UNREACHABLE_NETWORK}, {6, 1, 1, PACKET_UNREACHABLE_ADMIN},
	        {6, 1, 3, PACKET_UNREACHABLE_HOST},    {6, 1, 4, PACKET_UNREACHABLE_PORT},
	        {6, 1, 200, PACKET_UNREACHABLE_OTHER}, {6, 2, 0, PACKET_UNREACHABLE_TOO_BIG},
	        {6, 3, 0, PACKET_UNREACHABLE_HOPS},
	};
	struct random random;
	struct sample sample;
	struct packet_view view;
	uint8_t frame[1400];

	(void)state;
	random_seed(&random, 17, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length;

		do {
			assert_int_equal(sample_draw(&sample, &random, false), 0);
		} while (sample.header.family != cases[i].family);
		length = frame_icmp_error(frame, &sample, 7, cases[i].type, cases[i].code, 60);
		assert_int_equal(packet_parse(frame, length, &view), PACKET_ICMP_UNREACHABLE);
		assert_string_equal(packet_unreachable_text(view.quote.reason),
		                    packet_unreachable_text(cases[i].reason));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_icmp_error_is_traced_to_the_query_that_it_quotes),
	        cmocka_unit_test(an_icmp_quote_that_stops_before_the_ports_is_malformed),
	        cmocka_unit_test(icmp_extensions_are_no_part_of_the_quote),
	        cmocka_unit_test(icmp_codes_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

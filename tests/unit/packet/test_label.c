// The seam between two rooms that don't know each other: names that dns/ generates, in frames that packet/
// patches.

#include "sample.h"

#include "dns/label.h"
#include "dns/query.h"
#include "packet/parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_generated_label_written_in_place_keeps_the_checksum_right(void **state)
{
	const struct dns_query_options options = dns_query_options_default();
	struct random random;
	struct sample sample;

	(void)state;
	random_seed(&random, 30, 0);
	for (int round = 0; round < 500; round++) {
		uint8_t characters =
		        (uint8_t)(DNS_LABEL_LENGTH_MIN +
		                  random_below(&random, DNS_LABEL_LENGTH_MAX - DNS_LABEL_LENGTH_MIN + 1));
		enum dns_generated generated =
		        random_below(&random, 2) ? DNS_GENERATED_RANDOM : DNS_GENERATED_COUNTING;
		const char *zone = random_below(&random, 2) ? "zone.example" : "odd.zone.example";
		struct dns_query_set *set;
		uint8_t frame[1024];

		assert_int_equal(dns_query_set_generate(&set, zone, "A", generated, characters,
		                                        random_next(&random), &options, NULL),
		                 0);
		assert_int_equal(sample_draw(&sample, &random, false), 0);
		sample.payload = (struct packet_payload){set->queries[0].wire, set->queries[0].length,
		                                         set->queries[0].sum};
		packet_craft(frame, &sample.header, &sample.source, &sample.payload, 0);
		for (uint32_t number = 0; number < 40; number++) {
			uint8_t *label = frame + sample.header.length + set->label_offset;
			uint32_t sum = dns_label_write_sum(set, number * 0x01234567, label);
			uint16_t id = (uint16_t)random_next(&random);
			struct packet_view view;

			sample_source(&sample, &random);
			packet_patch(frame, &sample.header, &sample.source, &sample.payload, id, sum);
			assert_int_equal(packet_parse(frame, sizeof(frame), &view), PACKET_UDP);
			assert_int_equal(packet_checksum_verify(&view), PACKET_CHECKSUM_GOOD);
			assert_int_equal(packet_read16(view.payload), id);
		}
		dns_query_set_free(set);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_generated_label_written_in_place_keeps_the_checksum_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

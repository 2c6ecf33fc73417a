// The pcapng file, read back by libpcap.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "capture/file.h"

#define PACKETS 500

static void fill(uint8_t *bytes, size_t length, uint64_t seed)
{
	struct random random;

	random_seed(&random, seed, 0);
	for (size_t i = 0; i < length; i++) {
		bytes[i] = (uint8_t)random_next(&random);
	}
}

static void write_packets(struct capture_file *file)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t bytes[PACKETS + 14];
		char comment[64];
		struct capture_packet packet = {
		        .time = UINT64_C(1700000000123456789) + i,
		        .direction = i % 2 == 0 ? CAPTURE_INBOUND : CAPTURE_OUTBOUND,
		        .bytes = bytes,
		        .captured = 14 + i,
		        .original = 14 + 2 * i,
		        .comment = i % 3 == 0 ? NULL : comment,
		};

		fill(bytes, 14 + i, i);
		memset(comment, 'x', sizeof(comment));
		comment[i % sizeof(comment)] = '\0';
		capture_file_write(file, &packet);
	}
}

static void libpcap_reads_what_was_written(void **state)
{
	char path[] = "/tmp/test_capture_XXXXXX", reason[PCAP_ERRBUF_SIZE];
	struct capture_file *file;
	struct error error = {0};
	struct pcap_pkthdr *head;
	const u_char *bytes;
	unsigned count = 0;
	pcap_t *pcap;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(capture_file_open(&file, path, NULL, "test", "eth1", 2048, &error), 0);
	write_packets(file);
	assert_int_equal(capture_file_count(file), PACKETS);
	assert_int_equal(capture_file_close(file, UINT64_C(1700000001000000000), 3, &error), 0);
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	while (pcap_next_ex(pcap, &head, &bytes) == 1) {
		uint8_t expected[PACKETS + 14];

		fill(expected, 14 + count, count);
		assert_int_equal(head->caplen, 14 + count);
		assert_int_equal(head->len, 14 + 2 * count);
		assert_int_equal(head->ts.tv_sec, 1700000000);
		assert_int_equal(head->ts.tv_usec, 123456789 + count); // nanoseconds
		assert_memory_equal(bytes, expected, head->caplen);
		count++;
	}
	assert_int_equal(count, PACKETS);
	pcap_close(pcap);
	unlink(path);
}

static void a_file_that_can_not_be_made_is_an_error(void **state)
{
	struct capture_file *file;
	struct error error = {0};

	(void)state;
	assert_int_equal(capture_file_open(&file, "/nowhere/x.pcapng", NULL, "test", "eth1", 2048, &error),
	                 -ENOENT);
	assert_null(file);
	assert_int_equal(capture_file_close(NULL, 0, 0, &error), 0);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	struct capture_file *file;
	struct error error = {0};

	(void)state;
	assert_int_equal(capture_file_open(&file, "/dev/full", NULL, "test", "eth1", 2048, &error), 0);
	write_packets(file);
	assert_int_equal(capture_file_close(file, 0, 0, &error), -EIO);
	assert_string_equal(error.source, "/dev/full");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(libpcap_reads_what_was_written),
	        cmocka_unit_test(a_file_that_can_not_be_made_is_an_error),
	        cmocka_unit_test(a_full_disk_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

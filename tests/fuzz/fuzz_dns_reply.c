// Messages off the wire: as a reply, and as a query that gets an answer. Pointers must stay inside, an answer
// must parse as a reply to its query, and the answer in place must be the answer beside.
#include "dns/answer.h"
#include "dns/reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_SIZE_MAX 2048

static void require(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void check_reply(const uint8_t *data, size_t size, bool want_nsid)
{
	struct dns_reply reply;
	enum dns_reply_status status = dns_reply_parse(data, size, want_nsid, &reply);

	require((status == DNS_REPLY_SHORT) == (size < DNS_HEADER_SIZE));
	require(reply.rcode < 4096);
	if (reply.question != NULL) {
		require(reply.question == data + DNS_HEADER_SIZE && reply.question_length >= 5);
		require(reply.question_length <= size - DNS_HEADER_SIZE &&
		        reply.question_length <= DNS_NAME_SIZE_MAX + 4);
	}
	if (reply.nsid != NULL) {
		require(want_nsid && reply.nsid > data && reply.nsid + reply.nsid_length <= data + size);
	}
}

// The message as the reply to a question of its own, in octets of their own: the quick reader must say what
// the general one does.
static void check_reply_to(const uint8_t *data, size_t size, bool want_nsid)
{
	struct dns_reply reply;
	struct dns_reply_to to;
	enum dns_reply_status status = dns_reply_parse(data, size, want_nsid, &reply);
	uint8_t *wire = malloc(size + 1);
	struct dns_query query = {.wire = wire, .length = (uint16_t)size, .question_length = 5};
	const struct dns_query_set set = {.count = 1, .queries = &query};

	require(wire != NULL);
	memset(wire, 0, size + 1);
	memcpy(wire, data, size);
	if (reply.question != NULL) {
		query.question_length = reply.question_length;
		require(dns_reply_parse_to(&set, 0, data, size, want_nsid, &to) == status);
		require(status != DNS_REPLY_OK ||
		        (to.asks && to.rcode == reply.rcode && to.nsid == reply.nsid));
	}
	free(wire);
}

static void check_answer(const uint8_t *data, size_t size, struct dns_answer *answer, size_t out_size)
{
	uint8_t *out = malloc(out_size + 1), *place = malloc((size > out_size ? size : out_size) + 1);
	struct dns_reply reply;
	int length;

	require(out != NULL && place != NULL);
	memcpy(place, data, size);
	length = dns_answer_write(data, size, answer, out, out_size);
	require(dns_answer_write(place, size, answer, place, out_size) == length);
	if (length >= 0) {
		require((size_t)length <= out_size && memcmp(out, place, (size_t)length) == 0);
		require(dns_reply_parse(out, (size_t)length, true, &reply) == DNS_REPLY_OK);
		require(reply.question != NULL && reply.id == (data[0] << 8 | data[1]));
		require(memcmp(reply.question, data + DNS_HEADER_SIZE, reply.question_length) == 0);
	}
	free(out);
	free(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct address addresses[] = {{ADDRESS_IPV4, {192, 0, 2, 1}},
	                                           {ADDRESS_IPV6, {0x20, 1, 0xd, 0xb8}}};
	struct dns_answer_options options = {.addresses = addresses,
	                                     .address_count = 2,
	                                     .nsid = (const uint8_t *)"backend",
	                                     .nsid_length = 7};
	struct dns_answer answer;
	size_t out_size;

	if (size < 2) {
		return 0;
	}
	out_size = (size_t)(data[0] << 8 | data[1]) % OUT_SIZE_MAX; // the id serves as the fuzzer's choice
	options.rcode = data[0] & 1 ? 0 : data[1];
	check_reply(data, size, false);
	check_reply(data, size, true);
	check_reply_to(data, size, false);
	check_reply_to(data, size, true);
	require(dns_answer_prepare(&answer, &options) == 0);
	check_answer(data, size, &answer, out_size);
	dns_answer_free(&answer);
	return 0;
}

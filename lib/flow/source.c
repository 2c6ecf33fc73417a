// The slow questions about a space: text, owners, workers.
#include "flow/space.h"

#include <stdio.h>

struct address flow_space_address(const struct flow_space *space, uint32_t tuple)
{
	struct flow_source source = flow_space_source(space, tuple);
	struct address address = {.family = source.family};

	memcpy(address.bytes, source.address, address_length(source.family));
	return address;
}

const char *flow_space_format(const struct flow_space *space, uint32_t tuple, char *buffer)
{
	struct address address = flow_space_address(space, tuple);
	char text[ADDRESS_TEXT_SIZE];

	address_format(&address, text);
	snprintf(buffer, FLOW_SOURCE_TEXT_SIZE, address.family == ADDRESS_IPV6 ? "[%s]:%u" : "%s:%u", text,
	         space->tuples[tuple].port);
	return buffer;
}

unsigned flow_space_worker_of(const struct flow_space *space, uint32_t tuple)
{
	unsigned low = 0, high = space->workers;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (flow_space_first(space, middle, 0) <= tuple) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

bool flow_space_owns(const struct flow_space *space, const struct address *address)
{
	if (address->family == ADDRESS_IPV4) {
		uint32_t number;

		memcpy(&number, address->bytes, sizeof(number));
		number = be32toh(number);
		for (uint32_t i = 0; i < space->block4_count; i++) {
			if (number >= space->blocks4[i].first && number <= space->blocks4[i].last) {
				return true;
			}
		}
		return false;
	}
	if (address->family == ADDRESS_IPV6) {
		unsigned __int128 number = 0;

		for (size_t i = 0; i < sizeof(address->bytes); i++) {
			number = number << 8 | address->bytes[i];
		}
		for (uint32_t i = 0; i < space->block6_count; i++) {
			if (number >= space->blocks6[i].first && number <= space->blocks6[i].last) {
				return true;
			}
		}
	}
	return false;
}

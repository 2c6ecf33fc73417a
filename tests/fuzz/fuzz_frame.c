// Any octets as a received frame: parse, verify, and answer what can be answered. What parsing promises is
// asserted.

#include "packet/neighbour.h"
#include "packet/parse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};

static void require(bool promise)
{
	if (!promise) {
		abort();
	}
}

static bool inside(const uint8_t *part, size_t length, const uint8_t *data, size_t size)
{
	return part == NULL || (part >= data && length <= size && part <= data + (size - length));
}

static void check_view(const struct packet_view *view, const uint8_t *data, size_t size)
{
	size_t address = address_length(view->family);

	require((view->kind == PACKET_MALFORMED) == (view->reason != PACKET_WELL_FORMED));
	require(inside(view->source, address, data, size) && inside(view->destination, address, data, size));
	require(inside(view->transport, view->transport_length, data, size));
	require(inside(view->payload, view->payload_length, data, size));
	if (view->kind == PACKET_UDP) {
		require(view->payload != NULL && view->source != NULL);
	}
	if (view->kind == PACKET_ICMP_UNREACHABLE) {
		require(view->quote.source != NULL && view->quote.destination != NULL);
		require(inside(view->quote.source, address, data, size));
		require(inside(view->quote.destination, address, data, size));
	}
}

// An answer must itself be a well-formed frame with a good checksum.
static void check_answer(const uint8_t *frame, size_t length, enum packet_kind expected)
{
	struct packet_view view;

	require(packet_parse(frame, length, &view) == expected);
	require(packet_checksum_verify(&view) == PACKET_CHECKSUM_GOOD);
}

static void answer(const struct packet_view *view, size_t size)
{
	uint8_t *frame = malloc(size + PACKET_NEIGHBOUR_FRAME_MAX);
	size_t length;

	require(frame != NULL);
	if (view->kind == PACKET_ARP_REQUEST) {
		check_answer(frame, packet_arp_reply(frame, view, own_mac), PACKET_ARP_REPLY);
	} else if (view->kind == PACKET_ND_SOLICIT) {
		check_answer(frame, packet_nd_advert(frame, view, own_mac), PACKET_ND_ADVERT);
	} else if (view->kind == PACKET_ICMP_ECHO_REQUEST) {
		length = packet_echo_reply(frame, size, view, own_mac);
		require(length <= size);
		if (length > 0) {
			check_answer(frame, length, PACKET_OTHER);
		}
	}
	free(frame);
}

static void resolve(const struct packet_view *view)
{
	struct packet_neighbour_options options = {
	        .own = {.mac = {2, 0, 0, 0, 0, 1}, .vlan = view->vlan},
	        .target = packet_address(view, view->source),
	};
	struct packet_neighbour neighbour;

	address_parse(view->family == ADDRESS_IPV6 ? "2001:db8::1" : "192.0.2.1", &options.own.address);
	if (packet_neighbour_start(&neighbour, &options, 0, NULL) == 0) {
		packet_neighbour_received(&neighbour, view);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_view view;

	packet_parse(data, size, &view);
	check_view(&view, data, size);
	packet_checksum_verify(&view);
	answer(&view, size);
	resolve(&view);
	return 0;
}

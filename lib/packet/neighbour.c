#include "packet/neighbour.h"

#include "wire.h"

#include <errno.h>
#include <stdio.h>

#define DEFAULT_FIRST_INTERVAL   (100 * NS_PER_MS)
#define DEFAULT_LONGEST_INTERVAL NS_PER_SEC
#define DEFAULT_TIMEOUT          (3 * NS_PER_SEC)

static int check_options(const struct packet_neighbour_options *options, struct error *error)
{
	char own[ADDRESS_TEXT_SIZE], target[ADDRESS_TEXT_SIZE];
	int rc = wire_check_mac(options->own.mac, "own", error);

	if (rc == 0) {
		rc = wire_check_vlan(options->own.vlan, error);
	}
	if (rc < 0) {
		return rc;
	}
	address_format(&options->own.address, own);
	address_format(&options->target, target);
	if (!address_is_unicast(&options->own.address) || !address_is_unicast(&options->target)) {
		return error_set(error, -EINVAL,
		                 "can't resolve '%s' from '%s': both must be unicast addresses; give the "
		                 "gateway's address and "
		                 "one of this port's own",
		                 target, own);
	}
	if (options->own.address.family != options->target.family) {
		return error_set(error, -EINVAL,
		                 "can't resolve '%s' from '%s': one is IPv4, the other IPv6; give the port "
		                 "an address of the "
		                 "gateway's family",
		                 target, own);
	}
	if (address_equal(&options->own.address, &options->target)) {
		return error_set(error, -EINVAL,
		                 "the next hop %s is this port's own address; give the gateway's", target);
	}
	return 0;
}

int packet_neighbour_start(struct packet_neighbour *neighbour, const struct packet_neighbour_options *options,
                           ns_t now, struct error *error)
{
	struct packet_neighbour_options *filled = &neighbour->options;
	int rc = check_options(options, error);

	if (rc < 0) {
		return rc;
	}
	*neighbour = (struct packet_neighbour){.options = *options, .started = now, .next = now};
	if (filled->first_interval == 0) {
		filled->first_interval = DEFAULT_FIRST_INTERVAL;
	}
	if (filled->longest_interval == 0) {
		filled->longest_interval = DEFAULT_LONGEST_INTERVAL;
	}
	if (filled->timeout == 0) {
		filled->timeout = DEFAULT_TIMEOUT;
	}
	if (filled->first_interval > filled->longest_interval) {
		return error_set(error, -EINVAL,
		                 "the first interval between neighbour probes, %.3f s, is above the longest, "
		                 "%.3f s; lower the one "
		                 "or raise the other",
		                 ns_to_seconds(filled->first_interval),
		                 ns_to_seconds(filled->longest_interval));
	}
	neighbour->interval = filled->first_interval;
	return 0;
}

static int give_up(struct packet_neighbour *neighbour, struct error *error)
{
	const struct packet_neighbour_options *options = &neighbour->options;
	char text[ADDRESS_TEXT_SIZE], vlan[32] = "untagged";

	neighbour->state = PACKET_NEIGHBOUR_FAILED;
	if (options->own.vlan != PACKET_VLAN_NONE) {
		snprintf(vlan, sizeof(vlan), "VLAN %u", options->own.vlan);
	}
	return error_set(error, -EHOSTUNREACH,
	                 "the next hop %s did not answer %u %s in %.1f s (%s); check that it is on this link "
	                 "and in this VLAN, "
	                 "or give its MAC address (--mac)",
	                 address_format(&options->target, text), neighbour->tries,
	                 options->target.family == ADDRESS_IPV4 ? "ARP requests" : "neighbour solicitations",
	                 ns_to_seconds(options->timeout), vlan);
}

int packet_neighbour_step(struct packet_neighbour *neighbour, ns_t now, uint8_t *frame, struct error *error)
{
	const struct packet_neighbour_options *options = &neighbour->options;

	if (neighbour->state == PACKET_NEIGHBOUR_RESOLVED) {
		return 0;
	}
	if (neighbour->state == PACKET_NEIGHBOUR_FAILED || now - neighbour->started >= options->timeout) {
		return give_up(neighbour, error);
	}
	if (now < neighbour->next) {
		return 0;
	}
	neighbour->tries++;
	neighbour->next = now + neighbour->interval;
	neighbour->interval *= 2;
	if (neighbour->interval > options->longest_interval) {
		neighbour->interval = options->longest_interval;
	}
	if (options->target.family == ADDRESS_IPV4) {
		return (int)packet_arp_request(frame, &options->own, &options->target);
	}
	return (int)packet_nd_solicit(frame, &options->own, &options->target);
}

ns_t packet_neighbour_due(const struct packet_neighbour *neighbour)
{
	ns_t end = neighbour->started + neighbour->options.timeout;

	if (neighbour->state != PACKET_NEIGHBOUR_PROBING) {
		return NS_NEVER;
	}
	return neighbour->next < end ? neighbour->next : end;
}

// Whose hardware address the frame tells; NULL when it tells none.
static const uint8_t *told_about(const struct packet_view *view)
{
	switch (view->kind) {
	case PACKET_ARP_REQUEST:
	case PACKET_ARP_REPLY:
		return view->source;
	case PACKET_ND_SOLICIT:
		return view->neighbour.mac != NULL ? view->source : NULL;
	case PACKET_ND_ADVERT:
		return view->neighbour.mac != NULL ? view->neighbour.target : NULL;
	default:
		return NULL;
	}
}

bool packet_neighbour_received(struct packet_neighbour *neighbour, const struct packet_view *view)
{
	const struct packet_neighbour_options *options = &neighbour->options;
	const uint8_t *about = told_about(view);
	struct address address = packet_address(view, about);

	if (about == NULL || !address_equal(&address, &options->target)) {
		return false;
	}
	// An untagged frame may be one whose tag the port has stripped.
	if (view->vlan != options->own.vlan && view->vlan != PACKET_VLAN_NONE) {
		return false;
	}
	if (wire_check_mac(view->neighbour.mac, "", NULL) < 0 ||
	    packet_checksum_verify(view) != PACKET_CHECKSUM_GOOD) {
		return false;
	}
	if (neighbour->state == PACKET_NEIGHBOUR_RESOLVED &&
	    memcmp(neighbour->mac, view->neighbour.mac, 6) == 0) {
		return false;
	}
	memcpy(neighbour->mac, view->neighbour.mac, 6);
	neighbour->state = PACKET_NEIGHBOUR_RESOLVED;
	return true;
}

#include "interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void interface_list(char *buffer, unsigned long size)
{
	struct if_nameindex *all = if_nameindex();
	unsigned long used = 0;

	buffer[0] = '\0';
	for (const struct if_nameindex *i = all; i != NULL && i->if_index != 0 && used < size; i++) {
		int length = snprintf(buffer + used, size - used, "%s%s", used > 0 ? ", " : "", i->if_name);

		used += length > 0 ? (unsigned long)length : 0;
	}
	if_freenameindex(all);
	if (buffer[0] == '\0') {
		snprintf(buffer, size, "none");
	}
}

static bool read_attribute(const char *name, const char *attribute, long long *value)
{
	char path[128];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, attribute);
	file = fopen(path, "re");
	if (file == NULL) {
		return false;
	}
	ok = fscanf(file, "%lld", value) == 1;
	fclose(file);
	return ok;
}

static uint8_t mask_length(const struct sockaddr *mask, uint8_t family)
{
	const uint8_t *bytes;
	uint8_t length = 0;

	if (mask == NULL) {
		return (uint8_t)(8 * address_length(family));
	}
	bytes = family == ADDRESS_IPV4
	                ? (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr
	                : (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
	for (size_t i = 0; i < address_length(family); i++) {
		length = (uint8_t)(length + __builtin_popcount(bytes[i]));
	}
	return length;
}

static void add_address(struct interface *out, const struct ifaddrs *entry)
{
	struct interface_address address = {0};
	const void *sockaddr = entry->ifa_addr;
	bool link_local = false;

	if (out->address_count == INTERFACE_ADDRESSES) {
		return;
	}
	if (entry->ifa_addr->sa_family == AF_INET) {
		address.address.family = ADDRESS_IPV4;
		memcpy(address.address.bytes, &((const struct sockaddr_in *)sockaddr)->sin_addr, 4);
	} else {
		address.address.family = ADDRESS_IPV6;
		memcpy(address.address.bytes, &((const struct sockaddr_in6 *)sockaddr)->sin6_addr, 16);
		link_local = address.address.bytes[0] == 0xfe && (address.address.bytes[1] & 0xc0) == 0x80;
	}
	address.prefix_length = mask_length(entry->ifa_netmask, address.address.family);
	if (link_local) {
		out->addresses[out->address_count++] = address;
		return;
	}
	// Global addresses go before the link-local ones: they are what a service can answer to.
	memmove(&out->addresses[1], &out->addresses[0], out->address_count * sizeof(address));
	out->addresses[0] = address;
	out->address_count++;
}

int interface_read(const char *name, struct interface *out, struct error *error)
{
	struct ifaddrs *all = NULL;
	char names[256];
	long long value;

	memset(out, 0, sizeof(*out));
	out->index = if_nametoindex(name);
	if (out->index == 0) {
		interface_list(names, sizeof(names));
		return error_set_at(error, -ENODEV, "--iface", 0, 0,
		                    "there is no interface '%s' here; there is: %s. Name one of them (ip -br "
		                    "link shows them)",
		                    name, names);
	}
	snprintf(out->name, sizeof(out->name), "%s", name);
	if (getifaddrs(&all) < 0) {
		return error_set_at(error, -errno, "--iface", 0, 0, "the kernel does not list interfaces: %s",
		                    strerror(errno));
	}
	for (const struct ifaddrs *entry = all; entry != NULL; entry = entry->ifa_next) {
		if (strcmp(entry->ifa_name, name) != 0) {
			continue;
		}
		out->up = (entry->ifa_flags & IFF_UP) != 0;
		out->carrier = (entry->ifa_flags & IFF_RUNNING) != 0;
		if (entry->ifa_addr == NULL) {
			continue;
		}
		if (entry->ifa_addr->sa_family == AF_PACKET) {
			const struct sockaddr_ll *link =
			        (const struct sockaddr_ll *)(const void *)entry->ifa_addr;

			memcpy(out->mac, link->sll_addr, sizeof(out->mac));
		} else if (entry->ifa_addr->sa_family == AF_INET || entry->ifa_addr->sa_family == AF_INET6) {
			add_address(out, entry);
		}
	}
	freeifaddrs(all);
	out->mtu = read_attribute(name, "mtu", &value) ? (unsigned)value : 1500;
	out->speed_mbps = read_attribute(name, "speed", &value) && value > 0 ? (uint64_t)value : 0;
	return 0;
}

const struct interface_address *interface_source(const struct interface *interface,
                                                 const struct address *destination)
{
	const struct interface_address *found = NULL;

	for (unsigned i = 0; i < interface->address_count; i++) {
		const struct interface_address *own = &interface->addresses[i];

		if (own->address.family != destination->family) {
			continue;
		}
		if (address_same_prefix(&own->address, destination, own->prefix_length)) {
			return own;
		}
		found = found == NULL ? own : found;
	}
	return found;
}

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[64];
};

static void request_add(struct route_request *request, unsigned short type, const void *data, size_t length)
{
	struct rtattr *attribute =
	        (struct rtattr *)(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), data, length);
	request->header.nlmsg_len =
	        NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
}

// One RTM_GETROUTE question (rtnetlink(7)); the answer's gateway goes to `out`, or the destination when there
// is none.
static int route_ask(const struct interface *interface, const struct address *destination,
                     struct address *out)
{
	struct route_request request = {
	        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
	                   .nlmsg_type = RTM_GETROUTE,
	                   .nlmsg_flags = NLM_F_REQUEST},
	        .route = {.rtm_family = destination->family == ADDRESS_IPV6 ? AF_INET6 : AF_INET,
	                  .rtm_dst_len = (uint8_t)(8 * address_length(destination->family))},
	};
	union {
		struct nlmsghdr header;
		uint8_t bytes[4096];
	} answer;
	int index = (int)interface->index, rc = -ENETUNREACH;
	int socket_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t received;

	if (socket_fd < 0) {
		return -errno;
	}
	request_add(&request, RTA_DST, destination->bytes, address_length(destination->family));
	request_add(&request, RTA_OIF, &index, sizeof(index));
	if (send(socket_fd, &request, request.header.nlmsg_len, 0) < 0) {
		rc = -errno;
		goto close_socket;
	}
	received = recv(socket_fd, &answer, sizeof(answer), 0);
	if (received < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) ||
	    answer.header.nlmsg_type != RTM_NEWROUTE) {
		goto close_socket;
	}
	*out = *destination;
	rc = 0;
	unsigned left = (unsigned)RTM_PAYLOAD(&answer.header);
	for (const struct rtattr *attribute = RTM_RTA(NLMSG_DATA(&answer.header)); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type == RTA_GATEWAY) {
			memcpy(out->bytes, RTA_DATA(attribute), address_length(destination->family));
		}
	}
close_socket:
	close(socket_fd);
	return rc;
}

int interface_next_hop(const struct interface *interface, const struct address *destination,
                       struct address *out, struct error *error)
{
	char text[ADDRESS_TEXT_SIZE];

	if (route_ask(interface, destination, out) == 0) {
		return 0;
	}
	return error_set_at(error, -ENETUNREACH, "--gateway", 0, 0,
	                    "the kernel has no route to %s out of '%s'; give the next hop with --gateway "
	                    "ADDRESS, or its MAC "
	                    "address with --mac",
	                    address_format(destination, text), interface->name);
}

#include "port.h"

#include <dirent.h>
#include <errno.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fixed.h"
#include "flow/space.h"
#include "interface.h"
#include "interrupt.h"
#include "quiet.h"

#define FRAME_ROOM  (RTE_PKTMBUF_HEADROOM + 2048)
#define PAIR_QUEUES 16
#define QUEUES_MAX  FLOW_WORKERS_MAX // as keys.c bounds senders, and receive queues below

// Frames of 2 KiB in a packet socket's ring, each way.
#define AF_PACKET_FRAMES 8192u

static const struct {
	enum port_driver driver;
	const char *name;    ///< DPDK's driver
	const char *package; ///< Debian's package of it
} virtual_drivers[] = {
        {PORT_DRIVER_AF_PACKET, "net_af_packet", "librte-net-af-packet23"},
        {PORT_DRIVER_AF_XDP, "net_af_xdp", "librte-net-af-xdp23"},
        {PORT_DRIVER_XDP_LIVE, "net_af_xdp", "librte-net-af-xdp23"},
        {PORT_DRIVER_TAP, "net_tap", "librte-net-tap23"},
};

// The drivers whose plug-ins are installed, "net_af_packet, net_ixgbe, ...".
static void list_drivers(char *buffer, size_t size)
{
	DIR *folder = opendir(RTE_EAL_PMD_PATH);
	const struct dirent *entry;
	size_t used = 0;

	buffer[0] = '\0';
	while (folder != NULL && (entry = readdir(folder)) != NULL && used < size) {
		size_t length = strlen(entry->d_name);

		if (strncmp(entry->d_name, "librte_net_", 11) != 0 ||
		    strcmp(entry->d_name + length - 3, ".so") != 0) {
			continue;
		}
		used += (size_t)snprintf(buffer + used, size - used, "%s%.*s", used > 0 ? ", " : "",
		                         (int)(length - 10), entry->d_name + 7);
	}
	if (folder != NULL) {
		closedir(folder);
	}
	if (buffer[0] == '\0') {
		snprintf(buffer, size, "none");
	}
}

// Network controllers on the PCI bus and the kernel driver that holds each, "0000:00:03.0 (virtio-pci), ...".
static void list_pci(char *buffer, size_t size)
{
	static const char root[] = "/sys/bus/pci/devices";
	DIR *folder = opendir(root);
	const struct dirent *entry;
	size_t used = 0;

	buffer[0] = '\0';
	while (folder != NULL && (entry = readdir(folder)) != NULL && used < size) {
		char path[512], link[256];
		unsigned class = 0;
		ssize_t length;
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s/class", root, entry->d_name);
		file = fopen(path, "re");
		if (file == NULL) {
			continue;
		}
		if (fscanf(file, "%x", &class) != 1) {
			class = 0;
		}
		fclose(file);
		if (class >> 16 != 0x02) { // PCI class 02: network controller
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s/driver", root, entry->d_name);
		length = readlink(path, link, sizeof(link) - 1);
		link[length > 0 ? length : 0] = '\0';
		used += (size_t)snprintf(buffer + used, size - used, "%s%s (%s)", used > 0 ? ", " : "",
		                         entry->d_name, length > 0 ? strrchr(link, '/') + 1 : "no driver");
	}
	if (folder != NULL) {
		closedir(folder);
	}
	if (buffer[0] == '\0') {
		snprintf(buffer, size, "none");
	}
}

static int no_link(const struct port_options *options, const char *name, struct error *error)
{
	return error_set_at(error, -ENETDOWN, name, 0, 0,
	                    "no link after %.1f s; check the cable or the peer's interface (ip link set PEER "
	                    "up)",
	                    ns_to_seconds(options->link_timeout));
}

static void read_mac(struct port *port)
{
	struct rte_ether_addr mac;

	if (rte_eth_macaddr_get(port->id, &mac) == 0) {
		memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	}
	if (strcmp(port->driver, "net_tap") == 0) {
		// DPDK names the kernel's end: a neighbour with our own address could not answer us.
		port->mac[5] ^= 1;
	}
}

static void fill_port(struct port *port, uint16_t id)
{
	struct rte_eth_dev_info info;

	memset(port, 0, sizeof(*port));
	port->id = id;
	rte_eth_dev_get_name_by_port(id, port->name);
	if (rte_eth_dev_info_get(id, &info) == 0) {
		snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	}
	read_mac(port);
	if (rte_eth_dev_get_mtu(id, &port->mtu) != 0) {
		port->mtu = 1500;
	}
	port->socket = rte_eth_dev_socket_id(id);
}

static int probe_device(const struct port_options *options, const char *device, const char *package,
                        struct port *port, struct error *error)
{
	struct quiet quiet;
	char name[RTE_ETH_NAME_MAX_LEN], drivers[512];
	uint16_t id;
	int rc;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	quiet_begin(&quiet, options->verbose);
	rc = rte_dev_probe(device);
	quiet_end(&quiet);
	if (rc < 0 || rte_eth_dev_get_port_by_name(name, &id) != 0) {
		list_drivers(drivers, sizeof(drivers));
		rc = rc < 0 ? rc : -ENODEV;
		// The list last: it may be longer than the text has room for.
		return error_set_at(error, rc, device, 0, 0,
		                    "DPDK can't open this device: %s. %s%s%s-v shows DPDK's own messages. "
		                    "Drivers installed: %s",
		                    quiet.reason[0] != '\0' ? quiet.reason : strerror(-rc),
		                    package != NULL ? "Its driver comes with Debian's " : "",
		                    package != NULL ? package : "", package != NULL ? "; " : "", drivers);
	}
	fill_port(port, id);
	return 0;
}

// The drivers of kernel interfaces call their link up whatever it is.
static int wait_for_carrier(const struct port_options *options, struct interface *interface,
                            struct error *error)
{
	uint64_t deadline =
	        rte_get_timer_cycles() + options->link_timeout / NS_PER_MS * (rte_get_timer_hz() / 1000);

	while (!interface->carrier) {
		if (rte_get_timer_cycles() >= deadline || interrupt_count() > 0) {
			return no_link(options, options->device, error);
		}
		rte_delay_us_sleep(10000);
		if (interface_read(options->device, interface, error) < 0) {
			return error->code;
		}
	}
	return 0;
}

static int open_virtual(const struct port_options *options, struct port *port, struct error *error)
{
	unsigned queues = RTE_MAX(options->tx_queues, options->rx_queues);
	const char *driver = NULL, *package = NULL;
	struct interface interface;
	char device[256];
	int rc;

	for (size_t i = 0; i < RTE_DIM(virtual_drivers); i++) {
		if (virtual_drivers[i].driver == options->driver) {
			driver = virtual_drivers[i].name;
			package = virtual_drivers[i].package;
		}
	}
	if (options->driver == PORT_DRIVER_TAP) {
		snprintf(device, sizeof(device), "%s0,iface=%s", driver, options->device);
	} else {
		rc = interface_read(options->device, &interface, error);
		if (rc < 0) {
			return rc;
		}
		if (!interface.up) {
			return error_set_at(error, -ENETDOWN, options->device, 0, 0,
			                    "the interface is down; bring it up (ip link set %s up)",
			                    options->device);
		}
		rc = options->link_optional ? 0 : wait_for_carrier(options, &interface, error);
		if (rc < 0) {
			return rc;
		}
		if (options->driver == PORT_DRIVER_AF_PACKET) {
			// Its rings have to bridge the time slices of a shared CPU; qdisc_bypass hands frames
			// to the driver at once.
			snprintf(device, sizeof(device), "%s0,iface=%s,qpairs=%u,framecnt=%u,qdisc_bypass=1",
			         driver, options->device, queues,
			         RTE_MAX((unsigned)fixed_power_of_two(options->ring_size), AF_PACKET_FRAMES));
		} else {
			snprintf(device, sizeof(device), "%s0,iface=%s,start_queue=0,queue_count=%u", driver,
			         options->device, queues);
		}
	}
	rc = probe_device(options, device, package, port, error);
	port->software = true;
	if (rc == 0 && options->driver != PORT_DRIVER_TAP) {
		port->mtu = (uint16_t)RTE_MIN(interface.mtu, UINT16_MAX); // the drivers say 1500 of any
	}
	return rc;
}

static int open_pci(const struct port_options *options, struct port *port, struct error *error)
{
	char devices[512];
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(options->device, &id) == 0) {
		fill_port(port, id);
		return 0;
	}
	list_pci(devices, sizeof(devices));
	return error_set_at(
	        error, -ENODEV, options->device, 0, 0,
	        "no DPDK port at this PCI address. Network controllers here: %s. Bind it to vfio-pci "
	        "(dpdk-devbind.py -b vfio-pci %s), or name its kernel interface with --iface",
	        devices, options->device);
}

int port_open(const struct port_options *options, struct port *port, struct error *error)
{
	switch (options->driver) {
	case PORT_DRIVER_AF_PACKET:
	case PORT_DRIVER_AF_XDP:
	case PORT_DRIVER_XDP_LIVE:
	case PORT_DRIVER_TAP:
		return open_virtual(options, port, error);
	case PORT_DRIVER_PCI:
		return open_pci(options, port, error);
	case PORT_DRIVER_DEVICE:
		return probe_device(options, options->device, NULL, port, error);
	case PORT_DRIVER_DIRECTOR:
		break;
	}
	return error_set(error, -EINVAL, "the embedded director's port is one of a pair");
}

static int pair_port(const char *name, struct rte_ring **rx, struct rte_ring **tx, unsigned queues,
                     struct port *port, struct error *error)
{
	int id = rte_eth_from_rings(name, rx, queues, tx, queues, 0);

	if (id < 0) {
		return error_set(error, -ENODEV,
		                 "DPDK can't make a port of rings (%s); its driver net_ring comes with "
		                 "Debian's librte-net-ring23",
		                 rte_strerror(rte_errno));
	}
	fill_port(port, (uint16_t)id);
	return 0;
}

int port_open_pair(unsigned queues, unsigned ring_size, struct port *a, struct port *b, struct error *error)
{
	struct rte_ring *forth[PAIR_QUEUES], *back[PAIR_QUEUES];
	int rc;

	if (queues == 0 || queues > PAIR_QUEUES) {
		return error_set_at(error, -EINVAL, "--senders", 0, 0,
		                    "%u senders need a queue each, and the port to the director model has 1 "
		                    "to %u; use fewer",
		                    queues, PAIR_QUEUES);
	}
	for (unsigned i = 0; i < queues; i++) {
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof(name), "forth%u", i);
		forth[i] = rte_ring_create(name, ring_size, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		snprintf(name, sizeof(name), "back%u", i);
		back[i] = rte_ring_create(name, ring_size, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (forth[i] == NULL || back[i] == NULL) {
			return error_set(error, -ENOMEM,
			                 "no memory for the rings to the embedded director; raise --memory");
		}
	}
	rc = pair_port("generator", back, forth, queues, a, error);
	if (rc == 0) {
		rc = pair_port("director", forth, back, queues, b, error);
	}
	return rc;
}

static int wait_for_link(const struct port_options *options, struct port *port, struct error *error)
{
	uint64_t deadline =
	        rte_get_timer_cycles() + options->link_timeout / NS_PER_MS * (rte_get_timer_hz() / 1000);
	struct rte_eth_link link;

	do {
		memset(&link, 0, sizeof(link));
		if (rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP) {
			port->link_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
			return 0;
		}
		rte_delay_us_sleep(10000);
	} while (rte_get_timer_cycles() < deadline && interrupt_count() == 0);
	return no_link(options, port->name, error);
}

static int setup_queues(const struct port_options *options, struct port *port,
                        const struct rte_eth_dev_info *info, struct rte_mempool *const *receive_pools,
                        struct error *error)
{
	uint16_t rx_size = options->ring_size, tx_size = options->ring_size;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_size, &tx_size);

	for (unsigned i = 0; rc == 0 && i < port->rx_queues; i++) {
		rc = rte_eth_rx_queue_setup(port->id, (uint16_t)i, rx_size, (unsigned)port->socket, NULL,
		                            receive_pools[i]);
	}
	for (unsigned i = 0; rc == 0 && i < port->tx_queues; i++) {
		struct rte_eth_txconf config = info->default_txconf;

		config.offloads = port->tx_offloads;
		rc = rte_eth_tx_queue_setup(port->id, (uint16_t)i, tx_size, (unsigned)port->socket, &config);
	}
	if (rc < 0) {
		error_set_at(error, rc, port->name, 0, 0,
		             "driver %s refuses %u send and %u receive queues of %u and %u descriptors: %s",
		             port->driver, port->tx_queues, port->rx_queues, tx_size, rx_size, strerror(-rc));
	}
	return rc;
}

int port_start(const struct port_options *options, struct port *port,
               struct rte_mempool *const *receive_pools, struct error *error)
{
	struct quiet quiet;
	struct rte_eth_conf config = {.rxmode = {.mq_mode = RTE_ETH_MQ_RX_NONE}};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port->id, &info);

	if (rc < 0) {
		return error_set_at(error, rc, port->name, 0, 0, "the driver does not describe this port: %s",
		                    strerror(-rc));
	}
	if (options->tx_queues > info.max_tx_queues || options->rx_queues > info.max_rx_queues) {
		return error_set_at(error, -EINVAL, port->name, 0, 0,
		                    "this plan needs %u send and %u receive queues and driver %s has %u and "
		                    "%u; use fewer sending "
		                    "lcores",
		                    options->tx_queues, options->rx_queues, info.driver_name,
		                    info.max_tx_queues, info.max_rx_queues);
	}
	if (options->offload) {
		port->tx_offloads =
		        info.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
		port->rx_offloads =
		        info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	}
	if (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) {
		port->tx_offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE; // one pool a queue, no references:
		                                                        // its terms are kept
	}
	config.txmode.offloads = port->tx_offloads;
	config.rxmode.offloads = port->rx_offloads;
	if (options->rx_queues > 1 && (info.flow_type_rss_offloads & RTE_ETH_RSS_UDP) != 0) {
		config.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		config.rx_adv_conf.rss_conf.rss_hf =
		        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	}
	port->tx_queues = options->tx_queues;
	port->rx_queues = options->rx_queues;
	if (port->socket < 0) {
		port->socket = 0;
	}
	rc = rte_eth_dev_configure(port->id, (uint16_t)port->rx_queues, (uint16_t)port->tx_queues, &config);
	if (rc < 0) {
		return error_set_at(error, rc, port->name, 0, 0, "driver %s refuses this set-up: %s",
		                    port->driver, strerror(-rc));
	}
	quiet_begin(&quiet, options->verbose);
	rc = setup_queues(options, port, &info, receive_pools, error);
	if (rc == 0) {
		if (options->promiscuous) {
			(void)rte_eth_promiscuous_enable(
			        port->id); // a driver without it has nothing to filter
		}
		rc = rte_eth_dev_start(port->id);
	}
	quiet_end(&quiet);
	if (rc < 0) {
		return error_set_at(error, rc, port->name, 0, 0, "driver %s does not start this port: %s",
		                    port->driver, quiet.reason[0] != '\0' ? quiet.reason : strerror(-rc));
	}
	if (rte_is_zero_ether_addr((const struct rte_ether_addr *)port->mac)) {
		read_mac(port); // a bond has its first member's, and it has members since it was configured
	}
	return options->link_optional ? 0 : wait_for_link(options, port, error);
}

int port_start_shared(const struct port_options *options, struct port *port, struct rte_mempool *receive_pool,
                      struct error *error)
{
	struct rte_mempool *pools[QUEUES_MAX];

	for (unsigned i = 0; i < options->rx_queues; i++) {
		pools[i] = receive_pool;
	}
	return port_start(options, port, pools, error);
}

void port_close(struct port *port)
{
	struct quiet quiet;

	quiet_begin(&quiet, false);
	(void)rte_eth_dev_stop(port->id);
	(void)rte_eth_dev_close(port->id);
	quiet_end(&quiet);
}

struct rte_mempool *port_pool(const char *name, unsigned frames, unsigned cache, int socket,
                              struct error *error)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, frames, cache, 0, FRAME_ROOM, socket);

	if (pool == NULL) {
		error_set(error, -ENOMEM, "no memory for %u frames of the pool '%s' (%s); raise --memory",
		          frames, name, rte_strerror(rte_errno));
	}
	return pool;
}

uint64_t port_pool_memory(unsigned frames)
{
	uint32_t object =
	        rte_mempool_calc_obj_size((uint32_t)(sizeof(struct rte_mbuf) + FRAME_ROOM), 0, NULL);

	return (uint64_t)frames * (object + sizeof(void *)); // and its place in the pool's ring
}

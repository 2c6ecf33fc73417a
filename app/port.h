#pragma once
// Ethernet ports: finding the device, configuring its queues, its offloads and its link. The main thread owns
// a port; once started, each queue belongs to one lcore.

#include "base/error.h"
#include "base/units.h"

#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

enum port_driver {
	PORT_DRIVER_AF_PACKET, ///< a kernel interface, through a packet socket
	PORT_DRIVER_AF_XDP,    ///< a kernel interface, through an XDP socket
	PORT_DRIVER_XDP_LIVE,  ///< as AF_XDP; queries leave by app/live.h, the rest by the port
	PORT_DRIVER_TAP,       ///< a new kernel interface of that name, with us at its other end
	PORT_DRIVER_PCI,       ///< a NIC bound to a user-space driver; the device is its PCI address
	PORT_DRIVER_DEVICE,    ///< any DPDK device string, e.g. "net_memif0,role=client"
	PORT_DRIVER_DIRECTOR,  ///< a pair of rings to the embedded director model
};

struct port_options {
	enum port_driver driver;
	const char *device; ///< interface name, PCI address or device string; not for PORT_DRIVER_DIRECTOR
	unsigned tx_queues, rx_queues;
	uint16_t ring_size; ///< descriptors a queue that are asked for
	bool offload;       ///< use checksum offloads that the port has
	bool promiscuous;   ///< needed when the source addresses' MAC is not the port's own
	ns_t link_timeout;  ///< how long to wait for a link
	bool link_optional; ///< don't wait: the peer may come later
	bool verbose;       ///< show what drivers print when they are probed
};

struct port {
	uint16_t id;
	char name[64];
	char driver[32];
	uint8_t mac[6];
	uint16_t mtu;
	unsigned tx_queues, rx_queues;
	uint64_t tx_offloads; ///< RTE_ETH_TX_OFFLOAD_* in use
	uint64_t rx_offloads;
	bool software;      ///< af_packet, af_xdp, tap, ring: frames may carry the kernel's partial checksums
	uint64_t link_mbps; ///< 0 when the driver does not say
	int socket;
};

/**
 * Probe the device. The port is not configured yet; `port->id`, its MAC and its limits are known. Returns 0,
 * or a negative errno with an error that says what is missing, lists what there is, and how to mend it.
 */
int port_open(const struct port_options *options, struct port *port, struct error *error);

/** A pair of in-process ports whose rings are crossed: what `a` sends, `b` receives. `queues` a side. */
int port_open_pair(unsigned queues, unsigned ring_size, struct port *a, struct port *b, struct error *error);

/** Configure, start and wait for the link. `receive_pools` [rx_queues] give each queue its receive buffers.
 */
int port_start(const struct port_options *options, struct port *port,
               struct rte_mempool *const *receive_pools, struct error *error);

/** The same, all queues receiving into one pool. */
int port_start_shared(const struct port_options *options, struct port *port, struct rte_mempool *receive_pool,
                      struct error *error);

/** Stop and close. */
void port_close(struct port *port);

/** A pool of frames for one owner. NULL with an error when there is no memory. */
struct rte_mempool *port_pool(const char *name, unsigned frames, unsigned cache, int socket,
                              struct error *error);

/** Bytes that such a pool takes. */
uint64_t port_pool_memory(unsigned frames);

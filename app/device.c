#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <string.h>

#include "interrupt.h"
#include "lcore.h"
#include "model.h"
#include "pools.h"
#include "session.h"

// Two: the main lcore, which sleeps, and the model's.
#define LCORES 2

// How often the main lcore looks round when nothing is due.
#define ROUND (10 * NS_PER_MS)

// A model that has had nothing to do for so long looks again only so often: a box that waits for its clients
// leaves them the CPU. And DPDK 22.11's memif unmaps its rings when the peer leaves, whether somebody polls
// them or not: a peer leaves after its traffic, and then hardly anybody does.
#define IDLE_AFTER    (10 * NS_PER_MS)
#define IDLE_PAUSE_US 50

#define MTU_MAX 1500

static int start_environment(struct device *device, struct error *error)
{
	const struct plan *plan = device->plan;
	struct environment_options options = {
	        .program = "staleflow",
	        .lcores = plan->lcores.map,
	        .lcore_count = LCORES,
	        .memory_mib = pools_device_heap_mib(plan),
	        .pages = (enum environment_pages)plan->lcores.hugepages,
	        .pci_address = plan->port.driver == PLAN_DRIVER_PCI ? plan->port.device : NULL,
	        .extra = plan->lcores.eal,
	        .verbose = plan->output.verbose,
	};
	int rc = environment_start(&options, &device->environment, error);

	device->environment_started = rc == 0;
	return rc;
}

static int open_port(struct device *device, struct error *error)
{
	const struct plan *plan = device->plan;
	struct port *port = &device->port;
	struct port_options options;
	int rc;

	session_port_options(plan, &options);
	options.tx_queues = options.rx_queues; // an answer leaves by the queue that its query came from
	options.offload = false; // the model computes its checksums and verifies those that come
	options.link_optional = true;
	rc = port_open(&options, port, error);
	device->port_opened = rc == 0;
	if (rc < 0) {
		return rc;
	}
	if (plan->port.source_mac.present) {
		memcpy(port->mac, plan->port.source_mac.bytes, sizeof(port->mac));
	}
	device->receive_pool =
	        port_pool("receive", pools_receive_frames(plan, 0), POOLS_CACHE, port->socket, error);
	device->pool = port_pool("director", pools_model_frames(plan), POOLS_CACHE, port->socket, error);
	rc = error->code;
	if (rc == 0) {
		rc = port_start_shared(&options, port, device->receive_pool, error);
	}
	if (rc == 0) {
		// Who asks for an IPv6 address asks a multicast group; a driver without it filters nothing.
		(void)rte_eth_allmulticast_enable(port->id);
	}
	return rc;
}

int device_open(struct device *device, const struct plan *plan, struct error *error)
{
	struct model_place place = {.hops = 2, // director, real server and back
	                            .own = plan->service.gateway,
	                            .verify_checksums = plan->port.verify != PLAN_VERIFY_OFF};
	int rc;

	memset(device, 0, sizeof(*device));
	device->plan = plan;
	atomic_init(&device->first_query, NS_NEVER);
	rc = start_environment(device, error);
	if (rc == 0) {
		rc = open_port(device, error);
	}
	if (rc == 0) {
		place.pool = device->pool;
		place.mtu = RTE_MIN(device->port.mtu, MTU_MAX);
		place.refuse_partial = !device->port.software || plan->port.verify == PLAN_VERIFY_ON;
		rc = model_make(&device->seat.director, plan, device->port.mac, &place, error);
	}
	device->seat.port = device->port.id;
	device->seat.queues = plan->port.receive_queues;
	return rc;
}

int device_events(struct device *device, struct events *events, struct error *error)
{
	int rc = events_open(events, device->plan, &device->seat, NS_NEVER, false, error);

	events->not_run = "not run: the client's";
	return rc;
}

void device_close(struct device *device)
{
	director_destroy(device->seat.director);
	if (device->port_opened) {
		port_close(&device->port);
	}
	rte_mempool_free(device->pool);
	rte_mempool_free(device->receive_pool);
	if (device->environment_started) {
		environment_stop();
	}
}

// The lcore's step (lcore_step).
static unsigned step(void *context, ns_t now)
{
	struct device *device = (struct device *)context;
	unsigned moved = events_seat_step(&device->seat, now);

	if (moved > 0 || director_pending(device->seat.director) > 0) {
		device->busy = now;
	} else if (now - device->busy > IDLE_AFTER) {
		rte_delay_us_sleep(IDLE_PAUSE_US);
	}
	if (moved > 0 && atomic_load_explicit(&device->first_query, memory_order_relaxed) == NS_NEVER &&
	    director_counters(device->seat.director)->queries > 0) {
		atomic_store_explicit(&device->first_query, now, memory_order_release);
	}
	return moved;
}

static int launch(struct device *device, struct lcore_plan *lcores, struct error *error)
{
	struct lcore_roles *roles = &lcores->roles[0];

	memset(lcores, 0, sizeof(*lcores));
	lcores->count = 1;
	roles->lcore = rte_get_next_lcore(rte_get_main_lcore(), 1, 0);
	roles->clock = &device->clock;
	roles->leave = &lcores->leave;
	roles->other = step;
	roles->other_context = device;
	// Who sends may be on this box, and needs a CPU, too.
	roles->yields = device->environment.cpus <= LCORES;
	clock_start(&device->clock);
	device->ready = clock_now(&device->clock);
	device->busy = device->ready;
	return lcore_launch(lcores, error);
}

static void say_ready(const struct device *device)
{
	const struct plan *plan = device->plan;
	char address[ADDRESS_TEXT_SIZE], mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), (const struct rte_ether_addr *)device->port.mac);
	fprintf(stderr, "staleflow: the director is ready: %s port %u on %s, MAC address %s\n",
	        address_format(&plan->service.address, address), plan->service.port, plan->port.device, mac);
}

// When the time line begins; NS_NEVER while it is not known.
static ns_t time_line(const struct device *device)
{
	return device->plan->director.begin == PLAN_BEGIN_READY
	               ? device->ready
	               : atomic_load_explicit(&device->first_query, memory_order_acquire);
}

// One round of the main lcore: what is to be done, and how long to wait for the next. False: the run is over.
static bool main_round(struct device *device, struct events *events, ns_t now, ns_t *wait)
{
	ns_t duration = device->plan->load.duration, end;

	end = duration == NS_NEVER ? NS_NEVER : device->ready + duration;
	if (interrupt_count() > 0 || now >= end) {
		device->interrupted = now < end && end != NS_NEVER;
		return false;
	}
	*wait = RTE_MIN(ROUND, end - now);
	events->start = time_line(device);
	if (events->start == NS_NEVER) {
		return true;
	}
	events_step(events, now);
	*wait = events_wait(events, now, *wait);
	return true;
}

// What has left the model goes out, and what is due by now happens; what comes in now is too late.
static void settle(struct device *device)
{
	ns_t now = clock_now(&device->clock);

	while (director_port_step(device->seat.director, device->port.id, 0, now) > 0) {
	}
	director_settle(device->seat.director, now);
	device->ended = now;
}

int device_run(struct device *device, struct events *events, struct error *error)
{
	static struct lcore_plan lcores;
	ns_t wait = 0;
	int rc = launch(device, &lcores, error);

	if (rc < 0) {
		return rc;
	}
	say_ready(device);
	while (main_round(device, events, clock_now(&device->clock), &wait)) {
		rte_delay_us_sleep((unsigned)(wait / NS_PER_US) + 1);
	}
	lcore_leave(&lcores);
	settle(device);
	events_finish(events, 0);
	return 0;
}

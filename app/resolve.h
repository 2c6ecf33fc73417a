#pragma once
// Finding the next hop's MAC address before the run: ARP or neighbour discovery over the started port. Main
// thread, before any lcore polls the port's queues.

#include "clock.h"
#include "packet/neighbour.h"
#include "port.h"

/**
 * Resolve options->target over `port`; answers requests for `own` meanwhile.
 * `place` names in errors what gave the target. Returns 0 and the MAC, or a
 * negative errno with an error that says what was asked and how to go on without (--mac).
 */
int resolve_neighbour(const struct port *port, const struct packet_neighbour_options *options,
                      const char *place, struct rte_mempool *pool, const struct clock *clock, uint8_t mac[6],
                      struct error *error);

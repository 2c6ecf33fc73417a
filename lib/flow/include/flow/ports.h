#pragma once
// A set of source ports, as a bitmap. A value: the caller owns it, copies are fine; any thread, one writer at
// a time. Port 0 is never in a set: it can't be answered (RFC 768: "0 if not used").

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/** Linux's ephemeral ports: the default of net.ipv4.ip_local_port_range. */
#define FLOW_PORTS_DEFAULT_FIRST 32768
#define FLOW_PORTS_DEFAULT_LAST  60999

struct flow_ports {
	uint64_t words[65536 / 64];
	uint32_t count; ///< ports in the set
};

/** The empty set. */
void flow_ports_clear(struct flow_ports *ports);

/** Exactly Linux's default ephemeral ports, 32768-60999: 28,232 ports. */
void flow_ports_default(struct flow_ports *ports);

/** Add `first`..`last`, both included. Returns 0, or -EINVAL when the range holds port 0 or runs backwards.
 */
int flow_ports_add(struct flow_ports *ports, uint16_t first, uint16_t last, struct error *error);

/** Take out `first`..`last`, both included; ports that are not in the set are no error. Returns 0 or -EINVAL
 * as above. */
int flow_ports_remove(struct flow_ports *ports, uint16_t first, uint16_t last, struct error *error);

/**
 * Parse "1024-65535,!5353": ports and ranges, "!" takes out, items apply from left to right. A text whose
 * first item takes out starts from the default ports ("!40000" is all of them but 40000), any other from
 * none. Returns 0, or -EINVAL with the reason: bad text, port 0, a range that runs backwards, nothing left.
 */
int flow_ports_parse(struct flow_ports *ports, const char *text, struct error *error);

static inline bool flow_ports_has(const struct flow_ports *ports, uint16_t port)
{
	return (ports->words[port / 64] >> (port % 64)) & 1;
}

/** The lowest port >= `from` in the set, or 0 when there is none: for (p = next(1); p != 0; p = next(p + 1)).
 */
uint16_t flow_ports_next(const struct flow_ports *ports, uint32_t from);

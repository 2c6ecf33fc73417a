#pragma once
// The client of the conformance suite: one plain UDP socket a (client address, port), unconnected, so that a
// reply from any source is seen, with errors queued by the kernel, so that a refusal is.

#include "suite.h"

struct sockets {
	int fds[CLIENTS_MAX + 1][PORTS_MAX]; ///< -1: not open
	uint16_t ids[CLIENTS_MAX + 1][PORTS_MAX];
	unsigned base; ///< port number n of an item is base + n
	unsigned first_base;
	unsigned highest;
	uint16_t next_id;
	bool six;
};

/** Ports are taken from `first` on, and from there again when they come to `highest`. */
void sockets_open(struct sockets *sockets, unsigned first, unsigned highest);

/** Close all, and go on with other ports. */
void sockets_reset(struct sockets *sockets, bool six);

void sockets_send(struct sockets *sockets, const struct ask *ask);

/** What became of the queries that sockets_send() sent: answers are waited for long, silence not quite so. */
void sockets_collect(struct sockets *sockets, const struct ask *ask);

/** What comes for a port within some seconds. */
void sockets_hear(struct sockets *sockets, unsigned client, unsigned port, double seconds, char *found);

void sockets_close(struct sockets *sockets);

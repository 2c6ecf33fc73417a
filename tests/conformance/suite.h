#pragma once
// The conformance suite: the steps of tests/conformance/items, carried out on a director (a "side"), either
// the model under a virtual clock or a real ip_vs in the lab. One thread.

#include <stdbool.h>
#include <stdint.h>

enum {
	SERVERS_MAX = 4,
	PORTS_MAX = 256, ///< numbers of ports in the steps: 1 to PORTS_MAX - 1; 0 is a persistence template
	CLIENTS_MAX = 2,
	WORDS_MAX = 12,
};

/** What an item starts from. The servers are A, B, ...; the defaults are the list's. */
struct setup {
	double timeout;           ///< seconds
	double conntrack_timeout; ///< seconds
	double persistence;       ///< seconds; 0 = off
	unsigned hz;              ///< what the item is about; 0 = any kernel's (the model's is 100 then)
	unsigned jiffies;         ///< at the start: the phase of the timer wheel (model)
	unsigned drop;            ///< am_droprate with drop_packet=3; 0 = off
	bool expire_nodest;       ///< sysctl expire_nodest_conn
	bool hooks;               ///< conntrack sees the packets
	bool conntrack;           ///< hooks, and sysctl vs/conntrack
	bool lazy;                ///< a kernel < 5.9
	bool one_packet;          ///< -o
	bool six;                 ///< IPv6
};

/** Queries from ports `first` to `first + count - 1` of a client, in this order, at once. */
struct ask {
	unsigned client;
	unsigned first;
	unsigned count;
	const char *how;      ///< words of the name asked for, as tests/conformance/peer.c has them
	const char *expected; ///< a letter a port, or NULL: answers
	char *found;          ///< a letter a port, of ANSWER_... or a server's; ends with 0
};

// What became of a query. 'A' to 'D': answered by that server from the service's address; 'a' to 'd': from
// the server's own.
#define ANSWER_NONE    '-' // no datagram, no ICMP
#define ANSWER_REFUSED 'r' // ICMP port unreachable from the service's address
#define ANSWER_STRANGE '?' // anything else

/** A line of the connection table. */
struct row {
	unsigned client;
	unsigned port;
	char server;
	double left;     ///< seconds
	double accuracy; ///< of `left`
};

struct side;

struct side_operations {
	/** Start afresh, with the servers in the order they are added. Time 0. */
	void (*up)(struct side *side, const struct setup *setup, const char *servers);
	/** Seconds since up(). */
	double (*now)(struct side *side);
	/** Returns false when the time has passed already by more than an item can bear. */
	bool (*wait)(struct side *side, double until);
	void (*ask)(struct side *side, const struct ask *ask);
	/** As ask(), waiting for nothing; hear() gets what comes. */
	void (*send)(struct side *side, const struct ask *ask);
	/** Datagrams and refusals for a port until then, as letters. */
	void (*hear)(struct side *side, unsigned client, unsigned port, double until, char *found);
	/** One of "weight B 0", "add C", "remove B", "threshold B 2 1", "delete" and "create" (the service),
	 * "other" (one more service), "close B" (its port), "set timeout|nodest|quiescent N". */
	void (*change)(struct side *side, char *const *words, unsigned count);
	/** The connection table; returns the number of rows. */
	unsigned (*table)(struct side *side, struct row *rows, unsigned room);
	/** When each of the ports left the table, between `early` and `late` (seconds since up()). */
	void (*watch)(struct side *side, unsigned first, unsigned count, double until, double *early,
	              double *late);
	/** Datagrams that a server's program got since up(). */
	unsigned long (*received)(struct side *side, char server);
	/** Why the side can't show an item with this set-up; NULL when it can. */
	const char *(*excuse)(struct side *side, const struct setup *setup);
	void (*close)(struct side *side);
};

struct side {
	const struct side_operations *operations;
	const char *name;
};

/** The model of lib/director. */
struct side *side_model(void);

/** The lab that is up: `lab` is scripts/lab's path. Runs in the generator's namespace, as root. */
struct side *side_kernel(const char *lab);

/** Ends the program: what is wrong is neither the director's nor the model's fault. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

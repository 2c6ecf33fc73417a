#pragma once
// Sending by XDP live frames: the kernel's BPF_PROG_RUN runs an XDP program on pages of its own and hands
// them to the interface's driver, without a socket buffer a frame (Linux 5.18 and later). Of each send queue
// there is a ring in memory shared with the kernel (live/ring.h), the programs that empty it
// (live/program.h), and a thread that stays in one system call as long as frames are to be sent; it polls, so
// it takes a CPU like an lcore. The main thread opens, starts and closes; a queue's ring belongs to one TX
// lcore.

#include "base/error.h"

#include <rte_mbuf.h>
#include <sched.h>
#include <stdint.h>

struct live;

struct live_options {
	const char *interface; ///< that sends
	unsigned queues;
	unsigned ring_size; ///< frames a queue, about
	unsigned longest;   ///< frame in octets
};

/**
 * Make the rings, load the programs, and send one frame of no meaning (EtherType 0x88b5, local experimental)
 * to see whether the driver takes it. Returns 0, or a negative errno with an error that says what the kernel
 * or the interface lacks and how to mend it.
 */
int live_open(struct live **out, const struct live_options *options, struct error *error);

/** Start the threads that send, each on one of these CPUs. */
int live_start(struct live *live, const cpu_set_t *cpus, struct error *error);

/** The queue of that number, for live_transmit(). */
void *live_queue(struct live *live, unsigned number);

/** Send, as DPDK's eth_tx_burst_t does: returns how many frames there was room for. A call that finds none
 * waits a little. */
uint16_t live_transmit(void *queue, struct rte_mbuf **frames, uint16_t count);

/** Frames of queries that the driver took. */
uint64_t live_sent(const struct live *live);

/** End the threads and free all. What is in the rings is not sent any more. */
void live_close(struct live *live);

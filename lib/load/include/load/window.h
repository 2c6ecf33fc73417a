#pragma once
// Closed loop: so many queries in flight, the next when one completes. Pure functions, any thread.
//
// Both of dnsperf's words limit the same number and share this arithmetic; they differ in what the flow room
// does with it. -q N (DNS-OARC's dnsperf): N queries in flight over a fixed set of sockets, several on one
// port at a time. -c N (the cobblau dnsperf): N slots, each with one query at a time on a socket of its own
// that is opened for it, so every query goes out from a newly chosen port; that is policy linux with 1 query
// in flight on a tuple, and N queries in all.
//
// A closed loop slows down with what it measures: a lost query holds its slot until the timeout. The open
// loop (load/pacer.h) is the default for that reason.

#include <stdint.h>

/**
 * How many queries may be sent now, with `size` slots, `sent` queries so far and `completed` (answered,
 * refused or timed out) of them. Counters may wrap. `completed` may be an older value than `sent`: then the
 * room is smaller than the truth, never larger. A `size` of 0 is no limit: UINT64_MAX.
 */
static inline uint64_t load_window_room(uint64_t size, uint64_t sent, uint64_t completed)
{
	uint64_t in_flight = sent - completed;

	if (size == 0) {
		return UINT64_MAX;
	}
	return in_flight < size ? size - in_flight : 0;
}

/** The slots of one worker of `workers`: they differ by one at most and sum to `size`. */
static inline uint64_t load_window_share(uint64_t size, unsigned worker, unsigned workers)
{
	return size / workers + (worker < size % workers);
}

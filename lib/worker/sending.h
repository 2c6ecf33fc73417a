#pragma once
// What the parts of the sender share: sender.c (when, and to the port), choose.c (which query), write.c (its
// frame). Private to the room; the sender's lcore only.

#include "worker/sender.h"

/**
 * Choose up to `count` queries and book them: pending[0..] is filled, the in-flight table, the tuples'
 * records and the policies know them as used. Returns how many; fewer when the tuples or the table have no
 * room, which is counted.
 */
unsigned sender_choose(struct worker_sender *sender, unsigned count, ns_t now);

/** Write the frames of pending[0..count). */
void sender_craft(struct worker_sender *sender, unsigned count);

/** A query that is due but can't be sent is counted once, however often it is tried. */
void sender_throttle(struct worker_sender *sender, enum stats_sender_counter counter);

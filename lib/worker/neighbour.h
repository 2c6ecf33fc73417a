#pragma once
// Private to the room. Answers to ARP, ND and ICMP echo for the addresses that the pools send from.

#include "worker/receiver.h"

/** Answer what asks for one of our addresses; count what was answered. RX lcore. */
void worker_neighbour_answer(struct worker_receiver *receiver, const struct packet_view *view);

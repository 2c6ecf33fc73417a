#include "lcore.h"

#include <errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <sched.h>
#include <string.h>

static unsigned receive(struct worker_receiver *receiver, const struct clock *clock)
{
	struct rte_mbuf *frames[WORKER_RECEIVE_BURST];
	unsigned total = 0;
	bool more = false;

	for (uint16_t queue = 0; queue < receiver->queue_count; queue++) {
		unsigned count = worker_receiver_poll(receiver, queue, frames);

		if (count > 0) {
			worker_receiver_handle(receiver, frames, count, clock_now(clock));
		}
		total += count;
		more |= count == WORKER_RECEIVE_BURST;
	}
	// After a stall the answers that wait in a queue go before the expiry of their queries: it was this
	// box that was late.
	if (!more) {
		worker_receiver_expire(receiver, clock_now(clock));
	}
	return total;
}

static int loop(void *context)
{
	struct lcore_roles *roles = (struct lcore_roles *)context;

	while (!atomic_load_explicit(roles->leave, memory_order_relaxed)) {
		unsigned work = 0;

		for (unsigned i = 0; i < roles->sender_count; i++) {
			work += worker_sender_step(roles->senders[i], clock_now(roles->clock));
		}
		if (roles->receiver != NULL) {
			work += receive(roles->receiver, roles->clock);
		}
		if (roles->other != NULL) {
			work += roles->other(roles->other_context, clock_now(roles->clock));
		}
		roles->loops++;
		if (work == 0) {
			roles->idle_loops++;
			if (roles->yields) {
				sched_yield();
			} else {
				rte_pause();
			}
		}
	}
	return 0;
}

unsigned lcore_count(unsigned senders, bool director, unsigned cpus)
{
	unsigned wanted = senders + 1 + (director ? 1 : 0);

	// The main lcore sleeps between its rounds: it needs no CPU of its own.
	return 1 + (wanted < cpus ? wanted : cpus > 0 ? cpus : 1);
}

int lcore_assign(struct lcore_plan *plan, struct worker_team *team, lcore_step other, void *other_context,
                 const struct clock *clock, unsigned cpus, struct error *error)
{
	unsigned lcore, next = 0;

	memset(plan, 0, sizeof(*plan));
	RTE_LCORE_FOREACH_WORKER (lcore) {
		plan->roles[plan->count].lcore = lcore;
		plan->roles[plan->count].clock = clock;
		plan->roles[plan->count].leave = &plan->leave;
		plan->count++;
	}
	if (plan->count == 0) {
		return error_set_at(
		        error, -EINVAL, "--lcores", 0, 0,
		        "the map has only a main lcore; give at least one more (e.g. --lcores 0@0,1@1)");
	}
	plan->oversubscribed = plan->count > cpus;
	// The director first, since it is the heaviest; then the senders; the receiver goes where the fewest
	// roles are.
	if (other != NULL) {
		plan->roles[next].other = other;
		plan->roles[next].other_context = other_context;
		next = (next + 1) % plan->count;
	}
	for (unsigned i = 0; i < team->sender_count; i++) {
		struct lcore_roles *roles = &plan->roles[next];

		if (roles->sender_count == LCORE_SENDERS) {
			return error_set(error, -EINVAL, "more than %d senders on one lcore; use fewer",
			                 LCORE_SENDERS);
		}
		roles->senders[roles->sender_count++] = &team->senders[i];
		next = (next + 1) % plan->count;
		if (next == 0 && other != NULL && plan->count > 1) {
			next = 1;
		}
	}
	if (next == 0 && other != NULL && plan->count > 1) {
		next = 1;
	}
	plan->roles[next].receiver = &team->receiver;
	for (unsigned i = 0; i < plan->count; i++) {
		// With every CPU polling, whoever answers on this box (and this process's own main thread)
		// needs to be let in.
		plan->roles[i].yields = plan->count >= cpus;
	}
	return 0;
}

int lcore_launch(struct lcore_plan *plan, struct error *error)
{
	for (unsigned i = 0; i < plan->count; i++) {
		int rc = rte_eal_remote_launch(loop, &plan->roles[i], plan->roles[i].lcore);

		if (rc < 0) {
			lcore_leave(plan);
			return error_set(error, rc, "lcore %u does not start: %s", plan->roles[i].lcore,
			                 strerror(-rc));
		}
	}
	return 0;
}

void lcore_leave(struct lcore_plan *plan)
{
	atomic_store_explicit(&plan->leave, true, memory_order_relaxed);
	rte_eal_mp_wait_lcore();
}

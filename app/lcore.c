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
	ns_t began = receiver->peer_count > 0 ? clock_now(clock) : 0, horizon = NS_NEVER, now;
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
	if (receiver->peer_count > 0) {
		if (!more) {
			worker_receiver_drained(receiver, began);
		}
		horizon = worker_receiver_horizon(receiver, clock_now(clock));
		total += worker_receiver_take(receiver, &more);
	}
	// After a stall the answers that wait in a queue go before the expiry of their queries: it was this
	// box that was late.
	if (!more && horizon > 0) {
		now = clock_now(clock);
		worker_receiver_expire(receiver, now < horizon ? now : horizon);
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
		for (unsigned i = 0; i < roles->receiver_count; i++) {
			work += receive(roles->receivers[i], roles->clock);
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

unsigned lcore_count(const struct lcore_shape *shape, unsigned cpus)
{
	unsigned wanted = shape->senders + (shape->combined ? 0 : shape->receivers) + (shape->other ? 1 : 0);

	unsigned left = cpus > shape->threads ? cpus - shape->threads : 1;

	// The main lcore sleeps between its rounds: it needs no CPU of its own.
	return 1 + (wanted < left ? wanted : left);
}

void lcore_place(const struct lcore_shape *shape, unsigned lcores, struct lcore_places *out)
{
	// The director has the first to itself, where there are several: it is the heaviest.
	unsigned first = shape->other && lcores > 1 ? 1 : 0, next = first;

	out->other = 0;
	for (unsigned i = 0; i < shape->senders; i++) {
		out->senders[i] = next;
		next = next + 1 < lcores ? next + 1 : first;
	}
	for (unsigned i = 0; i < shape->receivers; i++) {
		if (shape->combined) {
			out->receivers[i] = out->senders[i];
			continue;
		}
		out->receivers[i] = next;
		next = next + 1 < lcores ? next + 1 : first;
	}
}

static void find_lcores(struct lcore_plan *plan, const struct clock *clock, unsigned cpus)
{
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		plan->roles[plan->count].lcore = lcore;
		plan->roles[plan->count].clock = clock;
		plan->roles[plan->count].leave = &plan->leave;
		plan->count++;
	}
	plan->oversubscribed = plan->count > cpus;
	for (unsigned i = 0; i < plan->count; i++) {
		// With every CPU polling, whoever answers on this box (and this process's own main thread)
		// needs to be let in.
		plan->roles[i].yields = plan->count >= cpus;
	}
}

int lcore_assign(struct lcore_plan *plan, struct worker_team *team, bool combined, lcore_step other,
                 void *other_context, const struct clock *clock, unsigned cpus, struct error *error)
{
	struct lcore_shape shape = {.senders = team->sender_count,
	                            .receivers = team->receiver_count,
	                            .combined = combined,
	                            .other = other != NULL};
	struct lcore_places places;

	memset(plan, 0, sizeof(*plan));
	find_lcores(plan, clock, cpus);
	if (plan->count == 0) {
		return error_set_at(
		        error, -EINVAL, "--lcores", 0, 0,
		        "the map has only a main lcore; give at least one more (e.g. --lcores 0@0,1@1)");
	}
	lcore_place(&shape, plan->count, &places);
	plan->roles[places.other].other = other;
	plan->roles[places.other].other_context = other_context;
	for (unsigned i = 0; i < shape.senders; i++) {
		struct lcore_roles *roles = &plan->roles[places.senders[i]];

		if (roles->sender_count == LCORE_SENDERS) {
			return error_set(error, -EINVAL, "more than %d senders on one lcore; use fewer",
			                 LCORE_SENDERS);
		}
		roles->senders[roles->sender_count++] = &team->senders[i];
	}
	for (unsigned i = 0; i < shape.receivers; i++) {
		struct lcore_roles *roles = &plan->roles[places.receivers[i]];

		if (roles->receiver_count == LCORE_SENDERS) {
			return error_set(error, -EINVAL, "more than %d receivers on one lcore; use fewer",
			                 LCORE_SENDERS);
		}
		roles->receivers[roles->receiver_count++] = &team->receivers[i];
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

#include "run.h"

#include <errno.h>
#include <time.h>

#include "interrupt.h"
#include "lcore.h"

// How often the main lcore looks round when nothing is due.
#define ROUND (10 * NS_PER_MS)

// After the last query, when nothing is in flight any more: stragglers (duplicates, replies from a wrong
// source) still count.
#define STRAGGLERS (50 * NS_PER_MS)

static void sleep_ns(ns_t duration)
{
	struct timespec pause = {.tv_sec = (time_t)(duration / NS_PER_SEC),
	                         .tv_nsec = (long)(duration % NS_PER_SEC)};

	nanosleep(&pause, NULL); // a signal ends it early, which is what is wanted
}

// True when the drain is over: a timeout has passed since the last query, or nothing is in flight.
static bool is_drained(struct session *session, const struct run_result *result, ns_t now)
{
	if (now >= result->stopped + session->plan->load.drain) {
		return true;
	}
	if (now < result->stopped + STRAGGLERS) {
		return false;
	}
	return worker_team_in_flight(session->team) == 0;
}

static void finish(struct session *session, struct events *events, struct run_result *result, ns_t now)
{
	for (unsigned i = 0; i < session->team->sender_count; i++) {
		worker_sender_finish(&session->team->senders[i]);
	}
	worker_receiver_finish(&session->team->receiver);
	events_finish(events, NS_PER_SEC);
	result->ended = now;
	if (result->stopped == 0) {
		result->stopped = now;
	}
	worker_team_snapshot(session->team, &session->snapshot, now);
	result->outstanding = worker_team_outstanding(session->team);
}

// One round of the main lcore. False when the run is over.
static bool main_round(struct session *session, struct events *events, struct output *output,
                       struct run_result *result, ns_t now)
{
	if (interrupt_count() > 0 && !result->interrupted) {
		result->interrupted = true;
		worker_team_stop(session->team);
	}
	if (interrupt_count() > 1) {
		return false;
	}
	judge_step(&output->judge, session, events, now);
	events_step(events, now);
	output_step(output, session, events, now);
	if (result->stopped == 0 && worker_team_is_done(session->team)) {
		result->stopped = now;
	}
	return result->stopped == 0 || !is_drained(session, result, now);
}

int run_real(struct session *session, struct events *events, struct output *output, struct events_seat *seat,
             struct run_result *result, struct error *error)
{
	static struct lcore_plan lcores;
	bool director = session->director != NULL;
	int rc = lcore_assign(&lcores, session->team, director ? events_seat_step : NULL,
	                      director ? seat : NULL, &session->clock, session->environment.cpus, error);
	ns_t now;

	if (rc < 0) {
		return rc;
	}
	*result = (struct run_result){
	        .started = SESSION_START, .lcores = lcores.count, .oversubscribed = lcores.oversubscribed};
	clock_start(&session->clock);
	rc = lcore_launch(&lcores, error);
	if (rc < 0) {
		return rc;
	}
	for (now = clock_now(&session->clock); main_round(session, events, output, result, now);
	     now = clock_now(&session->clock)) {
		ns_t next = events_next(events), wait = ROUND;

		now = clock_now(&session->clock);
		if (next <= now) {
			wait = 100 * NS_PER_US; // an event waits for the model
		} else if (next - now < wait) {
			wait = next - now;
		}
		sleep_ns(wait);
	}
	lcore_leave(&lcores);
	finish(session, events, result, clock_now(&session->clock));
	return 0;
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static ns_t next_time(struct session *session, const struct events *events, const struct output *output,
                      const struct run_result *result, ns_t now)
{
	ns_t next = earlier(worker_receiver_next(&session->team->receiver, now),
	                    director_next(session->director));

	for (unsigned i = 0; i < session->team->sender_count; i++) {
		next = earlier(next, worker_sender_next(&session->team->senders[i], now));
	}
	next = earlier(next, events_next(events));
	next = earlier(next, output_next(output));
	next = earlier(next, judge_next(&output->judge));
	if (result->stopped != 0) {
		next = earlier(next, result->stopped + session->plan->load.drain);
	} else if (worker_team_is_done(session->team)) {
		return now; // the main lcore has not seen it yet, and nothing else may ever be due
	}
	return next;
}

// One moment of virtual time: everybody steps until nobody has anything left to do at `now`.
static void settle(struct session *session, struct events_seat *seat, ns_t now)
{
	unsigned work;

	do {
		work = 0;
		for (unsigned i = 0; i < session->team->sender_count; i++) {
			work += worker_sender_step(&session->team->senders[i], now);
		}
		work += events_seat_step(seat, now);
		work += worker_receiver_step(&session->team->receiver, now);
	} while (work > 0);
}

int run_virtual(struct session *session, struct events *events, struct output *output,
                struct events_seat *seat, struct run_result *result, struct error *error)
{
	ns_t now = SESSION_START;

	(void)error;
	*result = (struct run_result){.started = SESSION_START, .lcores = 1};
	while (main_round(session, events, output, result, now)) {
		ns_t next;

		settle(session, seat, now);
		next = next_time(session, events, output, result, now);
		// What is due already was tried in vain at this moment (a full ring, a blocked policy): a
		// little later, then.
		now = next > now ? next : now + NS_PER_US;
	}
	finish(session, events, result, now);
	return 0;
}

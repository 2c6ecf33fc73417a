#include "run.h"

#include <errno.h>
#include <string.h>
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
	worker_team_finish(session->team);
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
	int rc = lcore_assign(&lcores, session->team, session->plan->lcores.combined,
	                      director ? events_seat_step : NULL, director ? seat : NULL, &session->clock,
	                      session_lcore_cpus(session), error);
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
		sleep_ns(events_wait(events, clock_now(&session->clock), ROUND));
	}
	lcore_leave(&lcores);
	finish(session, events, result, clock_now(&session->clock));
	return 0;
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

// When each has something to do next, as far as it knows: at a moment of virtual time only those step whose
// time it is, and those to whom somebody handed something. Looked up anew for those alone who did something,
// since at a high rate most moments are one query's arrival or one reply's.
struct agenda {
	ns_t senders, director, main;
	ns_t receiver;  // not before this time; until the end of the sending it may be too early, never too
	                // late
	uint64_t taken; // frames of the director's that the receivers have looked for
	bool sent;      // at this moment a sender had its turn
	bool received;  // or a receiver, who may let a sender go on
};

static ns_t senders_next(const struct worker_team *team, ns_t now)
{
	ns_t next = NS_NEVER;

	for (unsigned i = 0; i < team->sender_count; i++) {
		next = earlier(next, worker_sender_next(&team->senders[i], now));
	}
	return next;
}

// Whether a reply may let one go on.
static bool senders_wait(const struct worker_team *team)
{
	bool wait = false;

	for (unsigned i = 0; i < team->sender_count; i++) {
		wait = wait || worker_sender_waits(&team->senders[i]);
	}
	return wait;
}

static ns_t main_next(const struct events *events, const struct output *output)
{
	return earlier(events_next(events), earlier(output_next(output), judge_next(&output->judge)));
}

// A query that was answered leaves the time of its expiry behind, at which a receiver looks for nothing: that
// costs less than to look for the oldest in flight after each reply. In the drain, which ends with the last
// query in flight, no moment may be made up.
static void agenda_receiver(struct agenda *agenda, struct session *session, bool draining, ns_t now)
{
	if (draining || agenda->receiver <= now || (agenda->receiver == NS_NEVER && agenda->sent)) {
		agenda->receiver = worker_team_next_expiry(session->team, now);
	}
}

static ns_t agenda_fill(struct agenda *agenda, struct session *session, const struct events *events,
                        const struct output *output, const struct run_result *result, ns_t now)
{
	agenda_receiver(agenda, session, result->stopped != 0, now);
	agenda->director = director_next(session->director);
	if (agenda->sent || (agenda->received && senders_wait(session->team))) {
		agenda->senders = senders_next(session->team, now);
	}
	if (result->stopped != 0) {
		agenda->main =
		        earlier(main_next(events, output), result->stopped + session->plan->load.drain);
	} else if (agenda->sent && worker_team_is_done(session->team)) {
		agenda->main = now; // the main lcore has not seen it yet, and nothing else may ever be due
	} else if (agenda->main <= now) {
		agenda->main = main_next(events, output);
	}
	return earlier(earlier(agenda->senders, agenda->director), earlier(agenda->receiver, agenda->main));
}

// The senders whose time it is, or whom others woke, have their turn. Returns how many queries left.
static unsigned step_senders(struct worker_team *team, struct agenda *agenda, bool first, ns_t now)
{
	unsigned sent = 0;

	for (unsigned i = 0; i < team->sender_count; i++) {
		struct worker_sender *sender = &team->senders[i];

		if (first || worker_sender_has_work(sender, now)) {
			sent += worker_sender_step(sender, now);
			agenda->sent = true;
		}
	}
	return sent;
}

// Queries that leave one by one find nothing in the caches unless it is asked for some queries before.
#define FORESIGHT 6

static void foresee(struct session *session, const struct agenda *agenda)
{
	struct address client = {.family = ADDRESS_NONE};
	struct flow_source source;

	for (unsigned i = 0; agenda->sent && i < session->team->sender_count; i++) {
		if (worker_team_foresee(session->team, i, FORESIGHT, &source)) {
			client.family = source.family;
			memcpy(client.bytes, source.address, address_length(source.family));
			director_foresee(session->director, &client, source.port);
		}
	}
}

// One moment of virtual time: until nobody has anything left to do at `now`.
static void settle(struct session *session, struct events_seat *seat, struct agenda *agenda, ns_t now)
{
	bool sending = agenda->senders <= now, passing = agenda->director <= now,
	     receiving = agenda->receiver <= now, first = sending, polling = false;

	agenda->sent = agenda->received = false;
	while (sending || passing || receiving) {
		unsigned sent = sending ? step_senders(session->team, agenda, first, now) : 0;
		unsigned passed = 0, received = 0;

		polling = polling || sent > 0;
		if (polling) {
			passed = events_seat_step(seat, now);
		} else if (passing) {
			passed = director_port_pass(seat->director, seat->port, seat->queues, now);
		}
		if (receiving || (passed > 0 && director_transmitted(session->director) != agenda->taken)) {
			agenda->taken = director_transmitted(session->director);
			received = worker_team_receive(session->team, now);
			agenda->received = true;
		}
		// What ended lets a window's sender go on; what was asked by ARP it answers.
		sending = sent > 0 || (received > 0 && senders_wait(session->team));
		first = false;
		// Less than a burst: that was all.
		passing = polling = passed >= DIRECTOR_BURST;
		receiving = received >= WORKER_RECEIVE_BURST;
	}
}

// Whether the main lcore has anything to do. With a capture file it always has, to take what lcores handed
// over, and in the drain, which may be over at any moment.
static bool main_is_due(const struct session *session, const struct run_result *result,
                        const struct agenda *agenda, ns_t now)
{
	return agenda->main <= now || result->stopped != 0 || session->plan->output.pcap != NULL ||
	       interrupt_count() > 0;
}

int run_virtual(struct session *session, struct events *events, struct output *output,
                struct events_seat *seat, struct run_result *result, struct error *error)
{
	struct agenda agenda = {0};
	ns_t now = SESSION_START;

	(void)error;
	*result = (struct run_result){.started = SESSION_START, .lcores = 1};
	while (!main_is_due(session, result, &agenda, now) ||
	       main_round(session, events, output, result, now)) {
		ns_t next;

		if (result->interrupted) {
			agenda.senders = agenda.director = agenda.receiver = 0;
		}
		settle(session, seat, &agenda, now);
		foresee(session, &agenda);
		next = agenda_fill(&agenda, session, events, output, result, now);
		// What is due already was tried in vain at this moment (a full ring, a blocked policy): a
		// little later, then.
		now = next > now ? next : now + NS_PER_US;
	}
	finish(session, events, result, now);
	return 0;
}

#include "signature_private.h"

#include "verdict/power.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

// More trouble of its own than this, and the generator can't tell it from the director's.
#define THROTTLED_MAX 0.01
#define DELAYED_MAX   0.01
#define DROPPED_MAX   0.001

#define PERCENT 100.0

// A loss that is so many times what matters is never "no loss", whatever the change did.
#define LOST_ALL_ALONG 3

// Of the tuples that lost a query, so many got its answer from the real server's address in a flush.
#define FLUSHED_SHARE 0.5

// A dead server loses all that is sent to it: of the next queries of tuples that lost one, more than this.
#define DEAD_LOSES 0.8

// Second queries that tell kept entries from lazy expiry.
#define AGAIN_MIN 5

// Where the losses themselves say when the change was, chance heaps some there: so many moments to choose
// from.
#define MOMENTS 100

static void rule_out(struct verdict_finding *finding)
{
	if (finding->state != VERDICT_NOT_TESTED) {
		finding->state = VERDICT_RULED_OUT;
	}
}

static double wrong_sources(const struct verdict_evidence *evidence)
{
	double count = 0;

	for (size_t i = 0; i < evidence->slice_count; i++) {
		count += (double)evidence->slices[i].wrong_source;
	}
	return count;
}

static void settle_stale(const struct verdict_evidence *evidence, struct verdict_finding *findings)
{
	struct verdict_finding *kept = &findings[VERDICT_ENTRIES_KEPT];
	struct verdict_finding *weight = &findings[VERDICT_DEAD_WEIGHT];
	size_t length = strlen(kept->statement);

	// Replies from the real server's address say by themselves why their queries were lost.
	if (findings[VERDICT_FLUSHING].state == VERDICT_SHOWN &&
	    wrong_sources(evidence) >= FLUSHED_SHARE * (double)evidence->stale.events) {
		rule_out(&findings[VERDICT_LAZY_EXPIRY]);
		rule_out(kept);
		rule_out(weight);
	}
	if (findings[VERDICT_STILL_LISTED].state == VERDICT_SHOWN) {
		rule_out(&findings[VERDICT_LAZY_EXPIRY]);
		rule_out(kept);
		rule_out(weight);
	} else if (findings[VERDICT_LAZY_EXPIRY].state == VERDICT_SHOWN) {
		rule_out(kept);
		rule_out(weight);
	} else if (weight->state == VERDICT_SHOWN) {
		rule_out(kept);
	} else if (kept->state == VERDICT_SHOWN && evidence->again_sent >= AGAIN_MIN &&
	           2 * evidence->again_lost < evidence->again_sent) {
		rule_out(kept); // kept entries lose every query
	} else if (kept->state == VERDICT_SHOWN && evidence->again_sent < AGAIN_MIN) {
		// The step is one of all three; what tells them apart is a tuple's second query.
		kept->state = VERDICT_UNDECIDED;
		snprintf(kept->statement + length, sizeof(kept->statement) - length,
		         "; no tuple was used twice in that time, and so lazy expiry would look the same");
	}
}

/** What a closed port refuses, on which tuples, is one finding and no other's. */
static void settle_refused(const struct judge *judge, struct verdict_finding *findings)
{
	struct verdict_finding *refused = &findings[VERDICT_REFUSED];
	size_t length = strlen(refused->statement);
	const char *where = "";

	if (refused->state != VERDICT_SHOWN || !judge_is_closed(judge)) {
		return;
	}
	if (findings[VERDICT_STILL_LISTED].state == VERDICT_SHOWN) {
		where = "; on tuples used before the event and new ones alike: the server is still listed";
	} else if (findings[VERDICT_DEAD_WEIGHT].state == VERDICT_SHOWN) {
		where = "; only on tuples used before the event, and endless: the server has weight 0";
	} else if (judge->is_aged) {
		where = "; only on tuples used before the event: the server takes no new ones (weight 0)";
	}
	snprintf(refused->statement + length, sizeof(refused->statement) - length, "%s", where);
	rule_out(&findings[VERDICT_ENTRIES_KEPT]);
	rule_out(&findings[VERDICT_DEAD_WEIGHT]);
	rule_out(&findings[VERDICT_LAZY_EXPIRY]);
	rule_out(&findings[VERDICT_STILL_LISTED]);
}

/** A load that swings makes new tuples lose more at one time than at another; they don't stay lost. */
static void settle_overload(const struct judge *judge, struct verdict_finding *findings)
{
	const struct verdict_evidence *evidence = judge->evidence;
	struct verdict_interval next =
	        verdict_wilson((double)evidence->next_lost, (double)evidence->next_sent, judge->confidence);

	if (findings[VERDICT_OVERLOAD].state == VERDICT_SHOWN && evidence->next_sent >= AGAIN_MIN &&
	    next.high < DEAD_LOSES) {
		rule_out(&findings[VERDICT_STILL_LISTED]);
	}
}

void judge_settle(const struct judge *judge, struct verdict_finding *findings)
{
	settle_overload(judge, findings);
	settle_refused(judge, findings);
	settle_stale(judge->evidence, findings);
}

static bool find_trouble(const struct verdict_evidence *evidence, struct verdict *out)
{
	const struct {
		const char *what;
		uint64_t count;
		double most;
	} troubles[] = {
	        {"had no free slot when they were due; use more tuples, a lower rate or a shorter timeout",
	         evidence->throttled, THROTTLED_MAX},
	        {"were sent late; use more lcores or a lower rate", evidence->delayed, DELAYED_MAX},
	        {"were refused by the port; use more queues or a lower rate", evidence->tx_dropped,
	         DROPPED_MAX},
	        {"have as many answers that the port lost on receiving; use longer queues or a lower rate",
	         evidence->rx_missed, DROPPED_MAX},
	};

	for (unsigned i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		double share =
		        (double)troubles[i].count / ((double)evidence->sent + (double)troubles[i].count);

		if (troubles[i].count > 0 && share > troubles[i].most) {
			snprintf(out->text, sizeof(out->text),
			         "The run can't be trusted: %.3g %% of the queries %s (allowed: %.3g %%).",
			         share * PERCENT, troubles[i].what, troubles[i].most * PERCENT);
			return true;
		}
	}
	return false;
}

static void name_shown(struct verdict *out)
{
	size_t length = 0;

	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		const struct verdict_finding *finding = &out->findings[i];

		if (finding->state == VERDICT_SHOWN && length < sizeof(out->text)) {
			length += (size_t)snprintf(out->text + length, sizeof(out->text) - length,
			                           "%s%s: %s (p = %.2g).", length > 0 ? " " : "",
			                           verdict_signature_name(finding->signature),
			                           finding->statement, finding->adjusted);
		}
	}
}

/** Queries a group to see the least effect above what is lost anyway. */
static double queries_needed(const struct judge *judge)
{
	const struct verdict_clusters *before = &judge->evidence->before;
	double base = before->trials > 0 ? (double)before->events / (double)before->trials : 0;
	double effect = verdict_clusters_design_effect(&judge->after);

	// Where nearly everything is lost anyway, the effect is a fall.
	base = fmin(base, 1 - judge->least_effect);
	return verdict_power_trials(base, base + judge->least_effect, 1 - judge->significance, 0.9,
	                            isnan(effect) ? 1 : fmax(1, effect));
}

/** The mechanisms of stale tuples that are not ruled out, as a question; returns how many. */
static unsigned ask_which(const struct verdict *verdict, char *text, size_t size)
{
	static const enum verdict_signature stale[] = {VERDICT_ENTRIES_KEPT, VERDICT_DEAD_WEIGHT,
	                                               VERDICT_LAZY_EXPIRY};
	static const char *const names[] = {"removed server with entries kept", "weight 0 and dead",
	                                    "lazy expiry"};
	unsigned left = 0, said = 0;
	int length = 0;

	for (unsigned i = 0; i < 3; i++) {
		left += verdict->findings[stale[i]].state != VERDICT_RULED_OUT;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (verdict->findings[stale[i]].state != VERDICT_RULED_OUT) {
			length += snprintf(text + length, size - (size_t)length, "%s%s",
			                   said == 0          ? ""
			                   : said + 1 == left ? " or "
			                                      : ", ",
			                   names[i]);
			said++;
		}
	}
	return left;
}

/** What would tell which of them it is. */
static const char *what_tells(const struct judge *judge, const struct verdict *verdict)
{
	if (judge->evidence->again_sent < AGAIN_MIN) {
		return "use tuples again within half the timeout";
	}
	if (verdict->findings[VERDICT_ENTRIES_KEPT].state == VERDICT_RULED_OUT) {
		return "use more tuples: too few lost a query and were used again to be sure";
	}
	return judge->timeout.answer == VERDICT_TIMEOUT_STEP ? "use more tuples for the first time after the "
	                                                       "event (a control cohort): too few to be "
	                                                       "sure"
	                                                     : "go on until the timeout has passed, or have "
	                                                       "some tuples rest longer than it (policy "
	                                                       "sweep)";
}

/** Stale tuples lose, however little of the run that is, and no mechanism is shown. */
static enum verdict_overall say_aged(const struct judge *judge, struct verdict *out)
{
	char which[128];
	unsigned left = ask_which(out, which, sizeof(which));
	int length = snprintf(out->text, sizeof(out->text),
	                      "Tuples used before the event lose %.3g %% (%.3g to %.3g) more than %s",
	                      judge->aged.estimate * PERCENT, judge->aged.low * PERCENT,
	                      judge->aged.high * PERCENT, judge->fresh_name);

	if (left == 0) {
		snprintf(out->text + length, sizeof(out->text) - (size_t)length,
		         ", and none of the known signatures fits.");
		return VERDICT_NONE_OF_THESE;
	}
	length += snprintf(out->text + length, sizeof(out->text) - (size_t)length, ". ");
	if (judge->timeout.answer == VERDICT_TIMEOUT_STEP) {
		length += snprintf(out->text + length, sizeof(out->text) - (size_t)length,
		                   "Their entries live %.4g s (%.4g to %.4g). ",
		                   judge->timeout.timeout.estimate, judge->timeout.timeout.low,
		                   judge->timeout.timeout.high);
	}
	snprintf(out->text + length, sizeof(out->text) - (size_t)length, "Is it %s? To tell, %s.", which,
	         what_tells(judge, out));
	return VERDICT_NOT_ENOUGH;
}

// Of all queries of the run, whenever they were sent.
static double lost_share(const struct verdict_evidence *evidence)
{
	double sent = 0, lost = 0;

	for (size_t i = 0; i < evidence->slice_count; i++) {
		sent += (double)evidence->slices[i].sent;
		lost += (double)(evidence->slices[i].lost + evidence->slices[i].refused);
	}
	return sent > 0 ? lost / sent : 0;
}

/** What ICMP said of the failures; they are the mechanism's whichever way they came. */
static void say_icmp(const struct verdict_evidence *evidence, struct verdict *out)
{
	const struct verdict_failures *failures = &evidence->failures;
	size_t length = strlen(out->text);
	bool named = out->findings[VERDICT_REFUSED].state == VERDICT_SHOWN;

	if (failures->unreachable > 0) {
		length += (size_t)snprintf(out->text + length, sizeof(out->text) - length,
		                           " Of the %" PRIu64 " queries that failed%s, %" PRIu64
		                           " were answered by ICMP host unreachable: nobody has the server's "
		                           "address any more.",
		                           failures->failed, evidence->event ? " after the event" : "",
		                           failures->unreachable);
	}
	if (failures->refused > 0 && !named && length < sizeof(out->text)) {
		snprintf(out->text + length, sizeof(out->text) - length,
		         " Of the %" PRIu64 " queries that failed%s, %" PRIu64
		         " were answered by ICMP port unreachable: a port was closed.",
		         failures->failed, evidence->event ? " after the event" : "", failures->refused);
	}
}

/** Stale tuples lose more, whatever share of the run that is. */
static bool is_clear(const struct judge *judge)
{
	return judge->is_aged && judge->aged.low > judge->least_effect &&
	       judge->aged_p < judge->significance / JUDGE_MOMENTS;
}

void judge_conclude(const struct judge *judge, struct verdict *out)
{
	unsigned states[VERDICT_SHOWN + 1] = {0};
	bool loss = out->excess.low > 0 && out->excess.estimate > judge->least_effect;

	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		states[out->findings[i].state]++;
	}
	if (find_trouble(judge->evidence, out)) {
		out->overall = VERDICT_UNTRUSTED;
	} else if (states[VERDICT_SHOWN] > 0) {
		out->overall = VERDICT_NAMED;
		name_shown(out);
	} else if (is_clear(judge) ||
	           (judge->is_aged && out->findings[VERDICT_ENTRIES_KEPT].state == VERDICT_UNDECIDED)) {
		out->overall = say_aged(judge, out);
	} else if (out->excess.high < judge->least_effect &&
	           lost_share(judge->evidence) > LOST_ALL_ALONG * judge->least_effect) {
		out->overall = VERDICT_NOT_ENOUGH;
		snprintf(out->text, sizeof(out->text),
		         "%.3g %% of all queries were lost, but no more of them after the change that was "
		         "judged than "
		         "before it: the loss began at an earlier change, or goes on throughout the run. To "
		         "tell, begin the "
		         "run before the first change and let changes lie apart, or add a control cohort "
		         "(policy fresh).",
		         lost_share(judge->evidence) * PERCENT);
	} else if (out->excess.high < judge->least_effect) {
		out->overall = VERDICT_NO_LOSS;
		snprintf(out->text, sizeof(out->text), "No loss that matters: %.3g %% (%.3g to %.3g %%)%s.",
		         out->excess.estimate * PERCENT, out->excess.low * PERCENT,
		         out->excess.high * PERCENT,
		         judge->evidence->event ? " more than before the event" : "");
	} else if (!loss || states[VERDICT_UNDECIDED] > 0) {
		out->overall = VERDICT_NOT_ENOUGH;
		out->needed = queries_needed(judge);
		snprintf(out->text, sizeof(out->text),
		         "Not enough data to name a cause: to see a loss of %.3g %%, send about %.0f queries "
		         "each before and "
		         "after the event and on fresh tuples.",
		         judge->least_effect * PERCENT, out->needed);
	} else {
		out->overall = VERDICT_NONE_OF_THESE;
		snprintf(out->text, sizeof(out->text),
		         "%.3g %% (%.3g to %.3g %%) are lost, and none of the known signatures fits.",
		         out->excess.estimate * PERCENT, out->excess.low * PERCENT,
		         out->excess.high * PERCENT);
	}
	if (out->overall != VERDICT_UNTRUSTED && out->overall != VERDICT_NO_LOSS) {
		say_icmp(judge->evidence, out);
	}
}

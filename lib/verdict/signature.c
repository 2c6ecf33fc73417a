#include "verdict/signature.h"

#include "signature_private.h"
#include "verdict/model.h"
#include "verdict/power.h"

#include <errno.h>
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

// Losses that were there before the event are none of its own.
#define TWICE 2.0

// Second queries that tell kept entries from lazy expiry.
#define AGAIN_MIN 5

// Fewer clean queries compare with nothing.
#define CLEAN_MIN 30

static const struct {
	const char *name;
	const char *null;
	signature_test *test;
} signatures[VERDICT_SIGNATURES] = {
        [VERDICT_ENTRIES_KEPT] = {"removed server, entries kept",
                                  "tuples used before the event lose as many as others, at every age",
                                  signature_entries_kept},
        [VERDICT_DEAD_WEIGHT] = {"weight 0, dead server",
                                 "past the timeout, tuples used before the event lose as many as others",
                                 signature_dead_weight},
        [VERDICT_LAZY_EXPIRY] = {"lazy expiry (kernel before 5.9)",
                                 "a tuple that lost a query loses its next one as often as not",
                                 signature_lazy_expiry},
        [VERDICT_STILL_LISTED] = {"dead server still listed",
                                  "tuples first used after the event lose as many as were lost before it",
                                  signature_still_listed},
        [VERDICT_FLUSHING] = {"flush in flight",
                              "answers from a real server's own address come evenly over the time",
                              signature_flushing},
        [VERDICT_OVERLOAD] = {"overload", "the loss doesn't change with the rate", signature_overload},
        [VERDICT_EXHAUSTION] = {"conntrack or SNAT exhaustion",
                                "tuples that were never answered lose as many as those that were",
                                signature_exhaustion},
        [VERDICT_REFUSED] = {"refused", "as many queries are refused by ICMP as before the event",
                             signature_refused},
};

const char *verdict_signature_name(enum verdict_signature signature)
{
	return signatures[signature].name;
}

const char *verdict_signature_null(enum verdict_signature signature)
{
	return signatures[signature].null;
}

static int check(const struct verdict_evidence *evidence, struct error *error)
{
	const struct verdict_clusters *clusters[] = {&evidence->before, &evidence->stale, &evidence->clean,
	                                             &evidence->first_use, &evidence->reused};

	for (unsigned i = 0; i < sizeof(clusters) / sizeof(clusters[0]); i++) {
		if (clusters[i]->events > clusters[i]->trials ||
		    clusters[i]->clusters > clusters[i]->trials) {
			return error_set(error, -EINVAL,
			                 "the evidence counts more losses or tuples than queries");
		}
	}
	if (evidence->again_lost > evidence->again_sent) {
		return error_set(error, -EINVAL,
		                 "the evidence counts more losses than queries after a first loss");
	}
	for (size_t i = 0; i < evidence->slice_count; i++) {
		const struct verdict_slice *slice = &evidence->slices[i];

		if (!(slice->to > slice->from) || slice->lost > slice->sent || slice->refused > slice->sent) {
			return error_set(
			        error, -EINVAL,
			        "time slice %zu of the evidence is empty or counts more losses than queries",
			        i);
		}
	}
	return 0;
}

/** The timeout from stale losses, and what is lost beyond it. */
static int measure_timeout(struct judge *judge)
{
	const struct verdict_evidence *evidence = judge->evidence;
	double effect = verdict_clusters_design_effect(&evidence->stale);
	struct verdict_timeout_options options = {
	        .confidence = judge->confidence,
	        .design_effect = isnan(effect) ? 1 : fmax(1, effect),
	        .control_sent = evidence->since_use_drawn ? 0 : evidence->clean.trials,
	        .control_lost = evidence->since_use_drawn ? 0 : evidence->clean.events,
	};
	int status = verdict_timeout_estimate(evidence->since_use, evidence->since_use_count, &options,
	                                      &judge->timeout);
	double end;

	if (status != 0) {
		return status;
	}
	if (evidence->past_sent > 0) {
		judge->past_known = true;
		judge->past_sent = (double)evidence->past_sent;
		judge->past_lost = (double)evidence->past_lost;
		return 0;
	}
	if (evidence->timeout > 0) {
		// The coarsest granule there is.
		end = evidence->timeout + fmax(verdict_model_granularity(evidence->timeout, 1000),
		                               verdict_model_granularity(evidence->timeout, 100));
	} else if (judge->timeout.answer == VERDICT_TIMEOUT_STEP) {
		end = judge->timeout.timeout.high + judge->timeout.granularity;
	} else {
		return 0;
	}
	judge->past_known = true;
	for (size_t i = 0; i < evidence->since_use_count; i++) {
		if (evidence->since_use[i].low >= end) {
			judge->past_sent += (double)evidence->since_use[i].sent;
			judge->past_lost += (double)evidence->since_use[i].lost;
		}
	}
	return 0;
}

static double share(const struct verdict_clusters *clusters)
{
	return clusters->trials > 0 ? (double)clusters->events / (double)clusters->trials : 0;
}

static int prepare(struct judge *judge, struct verdict *out)
{
	const struct verdict_evidence *evidence = judge->evidence;
	struct verdict_clusters all = evidence->first_use;

	judge->after = evidence->after;
	if (judge->after.trials == 0) {
		judge->after = evidence->stale;
		verdict_clusters_merge(&judge->after, &evidence->clean);
	}
	verdict_clusters_merge(&all, &evidence->reused);
	judge->fresh = evidence->clean.trials >= CLEAN_MIN ? evidence->clean : evidence->before;
	judge->fresh_name = evidence->clean.trials >= CLEAN_MIN ? "others" : "before it";
	judge->aged = verdict_clusters_difference(&evidence->stale, &judge->fresh, judge->confidence);
	judge->aged_p = verdict_clusters_difference_test(&evidence->stale, &judge->fresh);
	judge->is_aged = judge->aged_p < judge->significance && judge->aged.estimate > judge->least_effect &&
	                 share(&evidence->stale) > TWICE * share(&evidence->before);
	out->excess = evidence->event ? verdict_clusters_difference(&judge->after, &evidence->before,
	                                                            judge->confidence)
	                              : verdict_clusters_interval(&all, judge->confidence);
	return measure_timeout(judge);
}

/** Holm, Scandinavian Journal of Statistics 6 (1979): the smallest of m p-values counts m-fold, the next (m -
 * 1)-fold ... */
static void adjust(struct verdict_finding *findings)
{
	bool done[VERDICT_SIGNATURES] = {false};
	unsigned left = 0;
	double floor = 0;

	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		done[i] = isnan(findings[i].effect.estimate);
		left += !done[i];
	}
	for (; left > 0; left--) {
		unsigned least = VERDICT_SIGNATURES;

		for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
			if (!done[i] &&
			    (least == VERDICT_SIGNATURES || findings[i].p_value < findings[least].p_value)) {
				least = i;
			}
		}
		floor = fmax(floor, fmin(1, left * findings[least].p_value));
		findings[least].adjusted = floor;
		done[least] = true;
	}
}

static enum verdict_state state_of(const struct judge *judge, const struct verdict_finding *finding,
                                   enum signature_fit fit)
{
	bool significant = finding->adjusted < judge->significance;

	if (isnan(finding->effect.estimate)) {
		return VERDICT_NOT_TESTED;
	}
	switch (fit) {
	case SIGNATURE_FITS:
		return significant ? VERDICT_SHOWN : VERDICT_UNDECIDED;
	case SIGNATURE_EXCLUDED:
		return VERDICT_RULED_OUT;
	case SIGNATURE_OPEN:
		return VERDICT_UNDECIDED;
	default:
		// Sure of something else, or sure that there is too little to matter.
		return significant || finding->effect.high < judge->least_effect ? VERDICT_RULED_OUT
		                                                                 : VERDICT_UNDECIDED;
	}
}

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

/** Of those that stale losses may bear, the more particular one wins. */
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
			                           signatures[i].name, finding->statement, finding->adjusted);
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

/** Stale tuples lose, and what would tell which of three mechanisms it is wasn't seen. */
static void say_undecided(const struct judge *judge, struct verdict *out)
{
	bool once = judge->evidence->again_sent < AGAIN_MIN;
	int length = snprintf(out->text, sizeof(out->text),
	                      "Tuples used before the event lose %.3g %% (%.3g to %.3g) more than %s. ",
	                      judge->aged.estimate * PERCENT, judge->aged.low * PERCENT,
	                      judge->aged.high * PERCENT, judge->fresh_name);

	if (judge->timeout.answer == VERDICT_TIMEOUT_STEP) {
		length += snprintf(out->text + length, sizeof(out->text) - (size_t)length,
		                   "Their entries live %.4g s (%.4g to %.4g). ",
		                   judge->timeout.timeout.estimate, judge->timeout.timeout.low,
		                   judge->timeout.timeout.high);
	}
	snprintf(out->text + length, sizeof(out->text) - (size_t)length,
	         "Removed server with entries kept, weight 0 and dead%s? To tell, %s.",
	         once ? ", or lazy expiry" : "",
	         once ? "use tuples again within half the timeout"
	         : judge->timeout.answer == VERDICT_TIMEOUT_STEP
	                 ? "use more tuples for the first time after the event (a control cohort): too few "
	                   "to be sure"
	                 : "go on until the timeout has passed, or have some tuples rest longer than it "
	                   "(policy "
	                   "sweep)");
}

// Of all queries of the run, whenever they were sent.
static double lost_share(const struct verdict_evidence *evidence)
{
	double sent = 0, lost = 0;

	for (size_t i = 0; i < evidence->slice_count; i++) {
		sent += (double)evidence->slices[i].sent;
		lost += (double)evidence->slices[i].lost;
	}
	return sent > 0 ? lost / sent : 0;
}

static void conclude(const struct judge *judge, struct verdict *out)
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
	} else if (judge->is_aged && out->findings[VERDICT_ENTRIES_KEPT].state == VERDICT_UNDECIDED) {
		out->overall = VERDICT_NOT_ENOUGH;
		say_undecided(judge, out);
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
}

int verdict_judge(const struct verdict_evidence *evidence, const struct verdict_options *options,
                  struct verdict *out, struct error *error)
{
	enum signature_fit fits[VERDICT_SIGNATURES];
	struct judge judge = {
	        .evidence = evidence,
	        .significance = options->significance > 0 ? options->significance : 0.01,
	        .confidence = options->confidence > 0 ? options->confidence : 0.95,
	        .least_effect = options->least_effect > 0 ? options->least_effect : 0.01,
	};
	int status = check(evidence, error);

	*out = (struct verdict){.overall = VERDICT_NOT_ENOUGH};
	if (status != 0) {
		return status;
	}
	status = prepare(&judge, out);
	if (status != 0) {
		return error_set(error, status, "the losses by age can't be judged: %s",
		                 status == -ENOMEM ? "out of memory"
		                                   : "bins overlap or count more losses than queries");
	}
	out->timeout = judge.timeout;
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		out->findings[i] = (struct verdict_finding){.signature = (enum verdict_signature)i,
		                                            .p_value = 1,
		                                            .adjusted = 1,
		                                            .effect = {NAN, NAN, NAN}};
		fits[i] = signatures[i].test(&judge, &out->findings[i]);
	}
	adjust(out->findings);
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		out->findings[i].state = state_of(&judge, &out->findings[i], fits[i]);
	}
	settle_stale(evidence, out->findings);
	conclude(&judge, out);
	return 0;
}

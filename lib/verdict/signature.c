#include "verdict/signature.h"

#include "signature_private.h"
#include "verdict/model.h"

#include <errno.h>
#include <math.h>
#include <string.h>

// Losses that were there before the event are none of its own.
#define TWICE 2.0

// Fewer clean queries compare with nothing; so many times the inverse of the least effect would show it (the
// rule of three: none of 3 / p says that it is below p).
#define CLEAN_MIN  30
#define CLEAN_SURE 3.0

// Clean tuples that lose another share than was lost before are compared with, however few they are.
#define CLEAN_DIFFERS 0.05

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
        [VERDICT_REFUSED] = {"refused",
                             "as many queries are refused by ICMP port unreachable as before the event",
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

// Few clean tuples compare worse than the many queries before the event, unless they say that more is lost
// now.
static bool compares_with_clean(const struct judge *judge)
{
	const struct verdict_clusters *clean = &judge->evidence->clean;
	const struct verdict_clusters *before = &judge->evidence->before;

	if (clean->trials < CLEAN_MIN) {
		return false;
	}
	return (double)clean->trials * judge->least_effect >= CLEAN_SURE || before->trials < clean->trials ||
	       verdict_clusters_difference_test(clean, before) < CLEAN_DIFFERS;
}

// "Both lose alike", at the effective numbers of queries: exact where one or two losses would be a share.
static double difference_p(const struct judge *judge, const struct verdict_clusters *first,
                           const struct verdict_clusters *second)
{
	double one = verdict_clusters_effective_trials(first, judge->confidence);
	double other = verdict_clusters_effective_trials(second, judge->confidence);

	if (first->trials == 0 || second->trials == 0) {
		return 1;
	}
	return verdict_difference_test((uint64_t)(share(first) * one + 0.5), (uint64_t)fmax(1, one + 0.5),
	                               (uint64_t)(share(second) * other + 0.5),
	                               (uint64_t)fmax(1, other + 0.5));
}

static int prepare(struct judge *judge, struct verdict *out)
{
	const struct verdict_evidence *evidence = judge->evidence;
	struct verdict_clusters all = evidence->first_use;
	bool clean = compares_with_clean(judge);

	judge->after = evidence->after;
	if (judge->after.trials == 0) {
		judge->after = evidence->stale;
		verdict_clusters_merge(&judge->after, &evidence->clean);
	}
	verdict_clusters_merge(&all, &evidence->reused);
	judge->fresh = clean ? evidence->clean : evidence->before;
	judge->fresh_name = clean ? "others" : "before it";
	judge->aged = verdict_clusters_difference(&evidence->stale, &judge->fresh, judge->confidence);
	judge->aged_p = difference_p(judge, &evidence->stale, &judge->fresh);
	judge->is_aged = judge->aged_p < judge->significance && judge->aged.estimate > judge->least_effect &&
	                 share(&evidence->stale) > TWICE * share(&evidence->before);
	out->excess = evidence->event ? verdict_clusters_difference(&judge->after, &evidence->before,
	                                                            judge->confidence)
	                              : verdict_clusters_interval(&all, judge->confidence);
	judge_failures(judge);
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
		// In sequence: what is asked only after a rejection needs no correction of its own.
		findings[least].adjusted = fmax(floor, findings[least].nested);
		done[least] = true;
	}
	for (unsigned i = 0; i < VERDICT_SIGNATURES; i++) {
		findings[i].p_value = fmax(findings[i].p_value, findings[i].nested);
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
	judge.significance /= options->others > 0 ? JUDGE_MOMENTS * options->others : 1;
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
	judge_settle(&judge, out->findings);
	judge_conclude(&judge, out);
	return 0;
}

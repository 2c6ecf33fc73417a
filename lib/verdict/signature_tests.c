#include "signature_private.h"

#include "verdict/special.h"

#include <math.h>
#include <stdio.h>

// A flush is over in a jiffy; its burst is looked for in the first seconds after the event.
#define BURST_SECONDS 2.0

// A share that is as good as all, or as good as none.
#define MOST 0.8
#define FEW  0.2

// Fewer of anything show nothing.
#define COUNT_MIN 5.0

// Wrong sources explain the losses when there are at most so many times as many.
#define FLUSHED_ALL 1.25

// A trend over the rate needs this many slices, and a rate that varies by this share of its mean.
#define SLICES_MIN 6
#define STEADY     0.05

// Under exhaustion tuples with a connection lose nothing; chance may cost them so much.
#define REUSED_SHARE 0.1
#define REUSED_LEAST 0.01

#define PERCENT 100.0

static double loss(const struct verdict_clusters *clusters)
{
	return clusters->trials > 0 ? (double)clusters->events / (double)clusters->trials : NAN;
}

static enum signature_fit fits(bool fits)
{
	return fits ? SIGNATURE_FITS : SIGNATURE_DIFFERS;
}

/** P(X <= count) of a binomial. */
static double binomial_below(double count, double trials, double p)
{
	return count >= trials ? 1 : 1 - verdict_beta(p, count + 1, trials - count);
}

/** P(X >= count) of a binomial. */
static double binomial_above(double count, double trials, double p)
{
	return count <= 0 ? 1 : verdict_beta(p, count, trials - count + 1);
}

/** A dead server loses all queries of a tuple; where the next one fares well it is chance. */
static bool recovers(const struct verdict_evidence *evidence)
{
	return (double)evidence->next_sent >= COUNT_MIN && 2 * evidence->next_lost < evidence->next_sent;
}

/** A tuple that lost a query loses the next one too. */
static bool stays(const struct verdict_evidence *evidence)
{
	return (double)evidence->again_sent >= COUNT_MIN && 2 * evidence->again_lost > evidence->again_sent;
}

enum signature_fit signature_entries_kept(const struct judge *judge, struct verdict_finding *finding)
{
	const struct verdict_timeout *timeout = &judge->timeout;

	if (judge->evidence->since_use_count == 0 || judge->evidence->stale.trials == 0) {
		return SIGNATURE_DIFFERS;
	}
	finding->effect = judge->aged;
	finding->p_value = judge->aged_p;
	if (timeout->answer != VERDICT_TIMEOUT_STEP) {
		snprintf(finding->statement, sizeof(finding->statement),
		         "tuples used before the event lose %.2f %% more than %s, and no end at a "
		         "timeout was seen",
		         judge->aged.estimate * PERCENT, judge->fresh_name);
		return judge->is_aged &&
		                       (timeout->answer == VERDICT_TIMEOUT_AT_LEAST || stays(judge->evidence))
		               ? SIGNATURE_OPEN
		               : SIGNATURE_DIFFERS;
	}
	// Three parameters (place, height, granule) make the step.
	finding->p_value = fmax(judge->aged_p, verdict_chi_square_tail(timeout->ratio, 3));
	snprintf(finding->statement, sizeof(finding->statement),
	         "silence that ends %.4g s (%.4g to %.4g) after a tuple's last use before the event; until "
	         "then "
	         "tuples used before it lose %.2f %% more than %s",
	         timeout->timeout.estimate, timeout->timeout.low, timeout->timeout.high,
	         judge->aged.estimate * PERCENT, judge->fresh_name);
	return judge->is_aged ? SIGNATURE_FITS : SIGNATURE_DIFFERS;
}

enum signature_fit signature_dead_weight(const struct judge *judge, struct verdict_finding *finding)
{
	const struct verdict_clusters *clean = &judge->fresh;
	double effective = verdict_clusters_effective_trials(clean, judge->confidence);
	double effect = verdict_clusters_design_effect(&judge->evidence->stale);
	double sent;

	if (!judge->past_known || judge->past_sent < COUNT_MIN || clean->trials == 0) {
		return SIGNATURE_DIFFERS;
	}
	effect = isnan(effect) ? 1 : fmax(1, effect);
	sent = judge->past_sent / effect;
	finding->effect = verdict_difference(judge->past_lost / effect, sent, loss(clean) * effective,
	                                     effective, judge->confidence);
	finding->p_value = verdict_difference_test(
	        (uint64_t)(judge->past_lost / effect + 0.5), (uint64_t)(sent + 0.5),
	        (uint64_t)(loss(clean) * effective + 0.5), (uint64_t)(effective + 0.5));
	snprintf(
	        finding->statement, sizeof(finding->statement),
	        "the loss is endless: past the timeout, tuples used before the event and again in time still "
	        "lose %.2f %% more than %s",
	        finding->effect.estimate * PERCENT, judge->fresh_name);
	if (recovers(judge->evidence)) {
		return SIGNATURE_EXCLUDED;
	}
	// What base loss leaves over is no black hole: it must compare with the loss of all stale tuples.
	return fits(judge->is_aged && finding->effect.estimate > FEW * judge->aged.estimate);
}

enum signature_fit signature_lazy_expiry(const struct judge *judge, struct verdict_finding *finding)
{
	double sent = (double)judge->evidence->again_sent;
	double lost = (double)judge->evidence->again_lost;

	if (sent < COUNT_MIN) {
		return SIGNATURE_DIFFERS;
	}
	finding->effect = verdict_wilson(lost, sent, judge->confidence);
	// Which mechanism it is, is asked only where stale tuples lose more; that test is the corrected one.
	finding->p_value = judge->aged_p;
	finding->nested = binomial_below(lost, sent, 0.5);
	snprintf(finding->statement, sizeof(finding->statement),
	         "after a tuple's first loss, %.2f %% of its next queries are lost; kept entries would lose "
	         "them all",
	         finding->effect.estimate * PERCENT);
	if (finding->effect.low > FEW) {
		return SIGNATURE_EXCLUDED;
	}
	// How sure it is that fewer than half are lost, the p-value says; few of a small run are enough.
	return judge->is_aged && finding->effect.estimate < FEW ? SIGNATURE_FITS : SIGNATURE_DIFFERS;
}

enum signature_fit signature_still_listed(const struct judge *judge, struct verdict_finding *finding)
{
	const struct verdict_clusters *clean = &judge->evidence->clean;
	const struct verdict_clusters *stale = &judge->evidence->stale;

	if (clean->trials == 0 || judge->evidence->before.trials == 0) {
		return SIGNATURE_DIFFERS;
	}
	finding->effect = verdict_clusters_difference(clean, &judge->evidence->before, judge->confidence);
	finding->p_value = verdict_clusters_difference_test(clean, &judge->evidence->before);
	snprintf(finding->statement, sizeof(finding->statement),
	         "tuples not used before the event lose %.2f %% (before it: %.2f %%), those used before %.2f "
	         "%%",
	         loss(clean) * PERCENT, loss(&judge->evidence->before) * PERCENT, loss(stale) * PERCENT);
	if (recovers(judge->evidence)) {
		return SIGNATURE_EXCLUDED;
	}
	// Alike: neither loses twice as much as the other.
	return fits(finding->effect.estimate > judge->least_effect && loss(stale) < 2 * loss(clean) &&
	            loss(clean) < 2 * loss(stale));
}

enum signature_fit signature_flushing(const struct judge *judge, struct verdict_finding *finding)
{
	double inside = 0;
	double all = 0;
	double burst = 0;
	double watched = 0;

	for (size_t i = 0; i < judge->evidence->slice_count; i++) {
		const struct verdict_slice *slice = &judge->evidence->slices[i];

		if (slice->to > 0) {
			all += (double)slice->wrong_source;
			watched += slice->to - slice->from;
			if (slice->from < BURST_SECONDS) {
				inside += (double)slice->wrong_source;
				burst += slice->to - slice->from;
			}
		}
	}
	if (!judge->evidence->event || !(watched > burst)) {
		return SIGNATURE_DIFFERS;
	}
	finding->effect =
	        all > 0 ? verdict_wilson(inside, all, judge->confidence) : (struct verdict_interval){0, 0, 0};
	finding->p_value = all > 0 ? binomial_above(inside, all, burst / watched) : 1;
	snprintf(finding->statement, sizeof(finding->statement),
	         "%.0f of %.0f answers from a real server's own address (wrong source) came within %.1f s of "
	         "the "
	         "event%s",
	         inside, all, burst,
	         judge->excess <= FLUSHED_ALL * all ? "; nothing is lost but these, in flight at the flush"
	                                            : "");
	return fits(all >= COUNT_MIN && finding->effect.estimate > MOST);
}

/** Slices that tell of the rate alone: with stale losses, those before the event. */
static bool counts_for_rate(const struct judge *judge, const struct verdict_slice *slice)
{
	return slice->sent > 0 && (!judge->is_aged || slice->to <= 0);
}

static double rate_of(const struct verdict_slice *slice)
{
	return (double)slice->sent / (slice->to - slice->from);
}

/** The trend of loss over rate: Cochran and Armitage's, weighted by queries. */
struct trend {
	double used;
	double sent;
	double lost;
	double rate;   ///< mean
	double spread; ///< sum of sent * (rate - mean)^2
	double slope;
	double deviation; ///< of the slope; slices scatter by more than chance, so their chi-square scales it
};

static void trend_of(const struct judge *judge, struct trend *trend)
{
	const struct verdict_slice *slices = judge->evidence->slices;
	size_t count = judge->evidence->slice_count;
	double covariance = 0;
	double chi_square = 0;
	double loss;

	*trend = (struct trend){0};
	for (size_t i = 0; i < count; i++) {
		if (counts_for_rate(judge, &slices[i])) {
			trend->used++;
			trend->sent += (double)slices[i].sent;
			trend->lost += (double)slices[i].lost;
			trend->rate += (double)slices[i].sent * rate_of(&slices[i]);
		}
	}
	trend->rate /= trend->sent;
	loss = trend->lost / trend->sent;
	for (size_t i = 0; i < count; i++) {
		double away = counts_for_rate(judge, &slices[i]) ? rate_of(&slices[i]) - trend->rate : 0;

		covariance += ((double)slices[i].lost - loss * (double)slices[i].sent) * away;
		trend->spread += (double)slices[i].sent * away * away;
	}
	trend->slope = covariance / trend->spread;
	for (size_t i = 0; i < count; i++) {
		if (counts_for_rate(judge, &slices[i])) {
			double sent = (double)slices[i].sent;
			double fitted = loss + trend->slope * (rate_of(&slices[i]) - trend->rate);
			double residual = (double)slices[i].lost - fitted * sent;

			chi_square += residual * residual / (sent * loss * (1 - loss));
		}
	}
	trend->deviation = sqrt(loss * (1 - loss) / trend->spread * fmax(1, chi_square / (trend->used - 2)));
}

enum signature_fit signature_overload(const struct judge *judge, struct verdict_finding *finding)
{
	struct trend trend;
	double freedom;
	double typical;
	double ratio;
	double t;

	trend_of(judge, &trend);
	freedom = trend.used - 2;
	// A steady rate can't tell.
	if (trend.used < SLICES_MIN || !(sqrt(trend.spread / trend.sent) > STEADY * trend.rate)) {
		return SIGNATURE_DIFFERS;
	}
	typical = 2 * sqrt(trend.spread / trend.sent);
	if (trend.lost <= 0 || trend.lost >= trend.sent) {
		finding->effect = (struct verdict_interval){0, 0, 0};
		return SIGNATURE_DIFFERS;
	}
	ratio = trend.slope / trend.deviation;
	t = verdict_student_quantile(0.5 + judge->confidence / 2, freedom);
	// Student's tail: a steep trend in few slices is worth less than the normal says.
	finding->p_value = verdict_beta(freedom / (freedom + ratio * ratio), freedom / 2, 0.5);
	finding->effect = (struct verdict_interval){trend.slope * typical,
	                                            (trend.slope - t * trend.deviation) * typical,
	                                            (trend.slope + t * trend.deviation) * typical};
	snprintf(finding->statement, sizeof(finding->statement),
	         "from one standard deviation of the rate below its mean to one above, the loss rises by "
	         "%.2f %%",
	         finding->effect.estimate * PERCENT);
	return fits(finding->effect.estimate > judge->least_effect);
}

enum signature_fit signature_exhaustion(const struct judge *judge, struct verdict_finding *finding)
{
	const struct verdict_clusters *first = &judge->evidence->first_use;
	const struct verdict_clusters *reused = &judge->evidence->reused;

	if (first->trials == 0 || reused->trials == 0) {
		return SIGNATURE_DIFFERS;
	}
	finding->effect = verdict_clusters_difference(first, reused, judge->confidence);
	finding->p_value = verdict_clusters_difference_test(first, reused);
	snprintf(finding->statement, sizeof(finding->statement),
	         "of tuples that were never answered %.2f %% of the queries are lost, of others %.2f %%",
	         loss(first) * PERCENT, loss(reused) * PERCENT);
	return fits(finding->effect.estimate > judge->least_effect &&
	            loss(reused) < REUSED_SHARE * loss(first) + REUSED_LEAST);
}

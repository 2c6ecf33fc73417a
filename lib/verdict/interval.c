#include "verdict/interval.h"

#include "verdict/special.h"

#include <math.h>

// Below this expected count the chi-square approximation is left for the exact test.
#define EXPECTED_EXACT 10.0

static const struct verdict_interval nothing = {NAN, NAN, NAN};

struct verdict_interval verdict_wilson(double events, double trials, double confidence)
{
	double z = verdict_normal_quantile(0.5 + confidence / 2);
	double p = events / trials;
	double scale = 1 / (1 + z * z / trials);
	double middle = (p + z * z / (2 * trials)) * scale;
	double half = z * scale * sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials));

	if (!(trials > 0)) {
		return nothing;
	}
	return (struct verdict_interval){
	        .estimate = p,
	        .low = events <= 0 ? 0 : fmax(middle - half, 0),
	        .high = events >= trials ? 1 : fmin(middle + half, 1),
	};
}

struct verdict_interval verdict_clopper_pearson(double events, double trials, double confidence)
{
	double tail = (1 - confidence) / 2;

	if (!(trials > 0)) {
		return nothing;
	}
	return (struct verdict_interval){
	        .estimate = events / trials,
	        .low = events <= 0 ? 0 : verdict_beta_quantile(tail, events, trials - events + 1),
	        .high = events >= trials ? 1 : 1 - verdict_beta_quantile(tail, trials - events, events + 1),
	};
}

struct verdict_interval verdict_difference_of(struct verdict_interval first, struct verdict_interval second)
{
	double estimate = first.estimate - second.estimate;

	return (struct verdict_interval){
	        .estimate = estimate,
	        .low = estimate - hypot(first.estimate - first.low, second.high - second.estimate),
	        .high = estimate + hypot(first.high - first.estimate, second.estimate - second.low),
	};
}

struct verdict_interval verdict_difference(double first_events, double first_trials, double second_events,
                                           double second_trials, double confidence)
{
	return verdict_difference_of(verdict_wilson(first_events, first_trials, confidence),
	                             verdict_wilson(second_events, second_trials, confidence));
}

/** Pearson's statistic, signed: the pooled difference in standard errors. */
static double score_statistic(double first, double first_trials, double second, double second_trials)
{
	double pooled = (first * first_trials + second * second_trials) / (first_trials + second_trials);
	double variance = pooled * (1 - pooled) * (1 / first_trials + 1 / second_trials);

	return variance > 0 ? (first - second) / sqrt(variance) : 0;
}

/** ln of the hypergeometric probability of `events` in the first row, of `total` events in both. */
static double table_log(double events, double first, double second, double total)
{
	return verdict_log_choose(first, events) + verdict_log_choose(second, total - events) -
	       verdict_log_choose(first + second, total);
}

/** Sum the tables from `events` on in direction `step`, skipping those more likely than `limit`. They fall
 * off fast. */
static double tables_sum(double events, double step, double end, double limit, double first, double second,
                         double total)
{
	double sum = 0;

	for (double k = events; step > 0 ? k <= end : k >= end; k += step) {
		double log_probability = table_log(k, first, second, total);

		if (log_probability <= limit) {
			sum += exp(log_probability);
			if (log_probability < limit - 40) {
				break;
			}
		}
	}
	return sum;
}

static double fisher_test(double first_events, double first, double second_events, double second)
{
	double total = first_events + second_events;
	double least = fmax(0, total - second);
	double most = fmin(first, total);
	double mode = fmin(fmax(floor((first + 1) * (total + 1) / (first + second + 2)), least), most);
	// Tables of equal probability count; rounding must not part them.
	double limit = table_log(first_events, first, second, total) + 1e-7;

	return fmin(1, tables_sum(mode, 1, most, limit, first, second, total) +
	                       tables_sum(mode - 1, -1, least, limit, first, second, total));
}

double verdict_difference_test(uint64_t first_events, uint64_t first_trials, uint64_t second_events,
                               uint64_t second_trials)
{
	double first = (double)first_trials;
	double second = (double)second_trials;
	double events = (double)first_events + (double)second_events;
	double others = first + second - events;
	double expected = fmin(first, second) * fmin(events, others) / (first + second);

	if (first_trials == 0 || second_trials == 0) {
		return 1;
	}
	if (expected < EXPECTED_EXACT) {
		return fisher_test((double)first_events, first, (double)second_events, second);
	}
	return verdict_normal_two_sided(
	        score_statistic((double)first_events / first, first, (double)second_events / second, second));
}

struct verdict_interval verdict_poisson(double events, double confidence)
{
	double tail = (1 - confidence) / 2;

	return (struct verdict_interval){
	        .estimate = events,
	        .low = events <= 0 ? 0 : verdict_gamma_quantile(tail, events),
	        .high = verdict_gamma_quantile(1 - tail, events + 1),
	};
}

void verdict_clusters_add(struct verdict_clusters *clusters, uint64_t trials, uint64_t events)
{
	if (trials == 0) {
		return;
	}
	clusters->clusters++;
	clusters->trials += trials;
	clusters->events += events;
	clusters->trials_squared += trials * trials;
	clusters->events_squared += events * events;
	clusters->products += trials * events;
}

void verdict_clusters_merge(struct verdict_clusters *into, const struct verdict_clusters *from)
{
	into->clusters += from->clusters;
	into->trials += from->trials;
	into->events += from->events;
	into->trials_squared += from->trials_squared;
	into->events_squared += from->events_squared;
	into->products += from->products;
}

double verdict_clusters_variance(const struct verdict_clusters *clusters)
{
	double m = (double)clusters->clusters;
	double n = (double)clusters->trials;
	double p = (double)clusters->events / n;
	double residuals = (double)clusters->events_squared - 2 * p * (double)clusters->products +
	                   p * p * (double)clusters->trials_squared;

	return m >= 2 ? m / (m - 1) * fmax(residuals, 0) / (n * n) : NAN;
}

double verdict_clusters_design_effect(const struct verdict_clusters *clusters)
{
	double n = (double)clusters->trials;
	double p = (double)clusters->events / n;

	if (clusters->clusters < 2 || clusters->events == 0 || clusters->events >= clusters->trials) {
		return NAN;
	}
	return verdict_clusters_variance(clusters) / (p * (1 - p) / n);
}

double verdict_clusters_effective_trials(const struct verdict_clusters *clusters, double confidence)
{
	double n = (double)clusters->trials;
	double effect = verdict_clusters_design_effect(clusters);
	double z = verdict_normal_quantile(0.5 + confidence / 2);
	double t;

	if (clusters->trials == 0) {
		return 0;
	}
	if (isnan(effect)) {
		return n * n / (double)clusters->trials_squared;
	}
	t = verdict_student_quantile(0.5 + confidence / 2, (double)clusters->clusters - 1);
	return n / fmax(effect, 1) * (z * z) / (t * t);
}

struct verdict_interval verdict_clusters_interval(const struct verdict_clusters *clusters, double confidence)
{
	double effective = verdict_clusters_effective_trials(clusters, confidence);
	double p = (double)clusters->events / (double)clusters->trials;

	return clusters->trials > 0 ? verdict_wilson(p * effective, effective, confidence) : nothing;
}

struct verdict_interval verdict_clusters_difference(const struct verdict_clusters *first,
                                                    const struct verdict_clusters *second, double confidence)
{
	return verdict_difference_of(verdict_clusters_interval(first, confidence),
	                             verdict_clusters_interval(second, confidence));
}

double verdict_clusters_difference_test(const struct verdict_clusters *first,
                                        const struct verdict_clusters *second)
{
	const double confidence = 0.95;
	double p = (double)first->events / (double)first->trials;
	double q = (double)second->events / (double)second->trials;

	if (first->trials == 0 || second->trials == 0) {
		return 1;
	}
	return verdict_normal_two_sided(
	        score_statistic(p, verdict_clusters_effective_trials(first, confidence), q,
	                        verdict_clusters_effective_trials(second, confidence)));
}

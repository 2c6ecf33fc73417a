#include "verdict/power.h"

#include "verdict/special.h"

#include <math.h>

double verdict_power_trials(double first, double second, double confidence, double power,
                            double design_effect)
{
	double z = verdict_normal_quantile(0.5 + confidence / 2);
	double reach = verdict_normal_quantile(power);
	double mean = 0.5 * (first + second);
	double spread =
	        z * sqrt(2 * mean * (1 - mean)) + reach * sqrt(first * (1 - first) + second * (1 - second));
	double difference = first - second;

	return difference != 0 ? ceil(design_effect * spread * spread / (difference * difference)) : INFINITY;
}

double verdict_power_of(double first, double second, double trials, double confidence)
{
	double z = verdict_normal_quantile(0.5 + confidence / 2);
	double mean = 0.5 * (first + second);
	double spread = sqrt(first * (1 - first) + second * (1 - second));
	double reach = fabs(first - second) * sqrt(trials) - z * sqrt(2 * mean * (1 - mean));

	return spread > 0 ? verdict_normal(reach / spread) : reach > 0;
}

double verdict_power_any(double loss, double power)
{
	return loss > 0 ? ceil(fmax(1, log1p(-power) / log1p(-fmin(loss, 1 - 1e-12)))) : INFINITY;
}

double verdict_power_timeout(double timeout, double granularity, double servers, double span, double within)
{
	double share = 1 / servers;
	double reach = within * timeout;
	// A sharp step: the likelihood falls by 1/20 over three e-folds of -ln(1 - 1/k) a probe below, none
	// above.
	double sharp = 3 / (-log1p(-fmin(share, 1 - 1e-12)) * reach);
	// A ramp: the variance of its position is about g / (density k^-1) from the probes on it.
	double ramp = 4 * granularity / (share * reach * reach);

	return ceil(2 * span * timeout * (sharp + ramp));
}

#include "verdict/special.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

// The fractions and series need about sqrt(a) terms; this bounds them at arguments of 1e12.
#define TERMS_MAX 5000000

/** ln n! minus Stirling's formula. */
static double stirling_error(double n)
{
	double square = n * n;
	int sign;

	if (n < 16) {
		return lgamma_r(n + 1, &sign) - (n + 0.5) * log(n) + n - 0.5 * log(2 * M_PI);
	}
	return (1.0 / 12 -
	        (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square) /
	       n;
}

/** x ln(x / mean) + mean - x, without cancellation where x is near the mean; `away` is x - mean. */
static double deviance(double x, double mean, double away)
{
	double ratio = away / (x + mean);
	double power = 2 * x * ratio;
	double sum = away * ratio;
	double before;

	if (fabs(away) >= 0.1 * (x + mean)) {
		return x * log(x / mean) - away;
	}
	for (int j = 1; j < 1000; j++) {
		power *= ratio * ratio;
		before = sum;
		sum += power / (2 * j + 1);
		if (sum == before) {
			break;
		}
	}
	return sum;
}

/** The binomial probability of k in n, both real and k inside (0, n); q = 1 - p. */
static double binomial_density(double k, double n, double p, double q)
{
	// The smaller of p and q has the digits.
	double away = p < q ? k - n * p : n * q - (n - k);
	double exponent = stirling_error(n) - stirling_error(k) - stirling_error(n - k) -
	                  deviance(k, n * p, away) - deviance(n - k, n * q, -away);

	return exp(exponent) * sqrt(n / (2 * M_PI * k * (n - k)));
}

/** The Poisson probability of a real count a > 0. */
static double poisson_density(double a, double mean)
{
	return exp(-stirling_error(a) - deviance(a, mean, a - mean)) / sqrt(2 * M_PI * a);
}

/** One step of the modified Lentz method: fraction *= (1 + a/(b + ...)). */
static double lentz(double numerator, double *above, double *below)
{
	*below = 1 + numerator * *below;
	*above = 1 + numerator / *above;
	*below = fabs(*below) < DBL_MIN ? DBL_MIN : *below;
	*above = fabs(*above) < DBL_MIN ? DBL_MIN : *above;
	*below = 1 / *below;
	return *above * *below;
}

/** DLMF 8.17.22; converges fast for x < (a + 1)/(a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
	double above = 1;
	double below = 1 / (1 - (a + b) * x / (a + 1));
	double value = below;

	for (int m = 1; m < TERMS_MAX; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		value *= lentz(even, &above, &below);
		step = lentz(odd, &above, &below);
		value *= step;
		if (fabs(step - 1) < DBL_EPSILON) {
			break;
		}
	}
	return value;
}

/** I_x(a, b) where x lies below the mean and y = 1 - x. */
static double beta_below(double x, double y, double a, double b)
{
	double front = binomial_density(a, a + b, x, y) * a * b / (a + b);

	return front * beta_fraction(x, a, b) / a;
}

double verdict_beta(double x, double a, double b)
{
	if (!(x > 0)) {
		return x == x ? 0 : NAN;
	}
	if (x >= 1) {
		return 1;
	}
	if (x <= (a + 1) / (a + b + 2)) {
		return beta_below(x, 1 - x, a, b);
	}
	return 1 - beta_below(1 - x, x, b, a);
}

double verdict_beta_quantile(double p, double a, double b)
{
	double low = 0;
	double high = 1;

	if (!(p > 0) || p >= 1) {
		return p >= 1 ? 1 : 0;
	}
	// Bisect; halve the exponent while the lower end is still zero, so that tiny quantiles cost no more.
	for (int i = 0; i < 2000 && high - low > 2 * DBL_EPSILON * high; i++) {
		double middle = low > 0 || high > 0.25 ? 0.5 * (low + high) : high * 0x1p-8;

		if (verdict_beta(middle, a, b) < p) {
			low = middle;
		} else {
			high = middle;
		}
		if (high < DBL_MIN) {
			break;
		}
	}
	return 0.5 * (low + high);
}

/** P(a, x) by the power series DLMF 8.7.1, for x < a + 1. */
static double gamma_series(double x, double a)
{
	double term = 1;
	double sum = 1;

	for (int n = 1; n < TERMS_MAX && term > sum * DBL_EPSILON; n++) {
		term *= x / (a + n);
		sum += term;
	}
	return poisson_density(a, x) * sum;
}

/** Q(a, x) by the continued fraction DLMF 8.9.2 in its even form, for x >= a + 1. */
static double gamma_fraction(double x, double a)
{
	double b = x + 1 - a;
	double c = 1 / DBL_MIN;
	double d = 1 / b;
	double value = d;

	for (int n = 1; n < TERMS_MAX; n++) {
		double numerator = -n * (n - a);
		double step;

		b += 2;
		d = numerator * d + b;
		c = b + numerator / c;
		d = fabs(d) < DBL_MIN ? DBL_MIN : d;
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		d = 1 / d;
		step = c * d;
		value *= step;
		if (fabs(step - 1) < DBL_EPSILON) {
			break;
		}
	}
	return poisson_density(a, x) * a * value;
}

double verdict_gamma(double x, double a)
{
	if (!(x > 0)) {
		return 0;
	}
	return x < a + 1 ? gamma_series(x, a) : 1 - gamma_fraction(x, a);
}

double verdict_gamma_tail(double x, double a)
{
	if (!(x > 0)) {
		return 1;
	}
	if (isinf(x)) {
		return 0;
	}
	return x < a + 1 ? 1 - gamma_series(x, a) : gamma_fraction(x, a);
}

double verdict_gamma_quantile(double p, double a)
{
	double low = 0;
	double high = a + 1;

	if (!(p > 0)) {
		return 0;
	}
	if (p >= 1) {
		return INFINITY;
	}
	// Compare tails: near p = 1 the lower function has no digits left.
	while (verdict_gamma_tail(high, a) > 1 - p) {
		low = high;
		high *= 2;
	}
	for (int i = 0; i < 2000 && high - low > 2 * DBL_EPSILON * high && high > DBL_MIN; i++) {
		double middle = low > 0 ? 0.5 * (low + high) : high / 4;
		bool below = p < 0.5 ? verdict_gamma(middle, a) < p : verdict_gamma_tail(middle, a) > 1 - p;

		if (below) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return 0.5 * (low + high);
}

double verdict_normal(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

double verdict_normal_two_sided(double z)
{
	return erfc(fabs(z) * M_SQRT1_2);
}

double verdict_normal_quantile(double p)
{
	double tail = p < 0.5 ? p : 1 - p;
	double t;
	double z;

	if (!(p > 0 && p < 1)) {
		return p >= 1 ? INFINITY : p <= 0 ? -INFINITY : NAN;
	}
	// Abramowitz and Stegun 26.2.22 starts within 0.003; Halley's steps triple the digits.
	t = sqrt(-2 * log(tail));
	z = -(t - (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + t * 0.04481)));
	for (int i = 0; i < 4; i++) {
		double newton = (verdict_normal(z) - tail) * sqrt(2 * M_PI) * exp(0.5 * z * z);

		z -= newton / (1 + 0.5 * z * newton);
	}
	return p < 0.5 ? z : -z;
}

double verdict_student_quantile(double p, double freedom)
{
	double tail = p < 0.5 ? p : 1 - p;
	double x;
	double t;

	if (!(p > 0 && p < 1)) {
		return p >= 1 ? INFINITY : p <= 0 ? -INFINITY : NAN;
	}
	if (freedom > 1e9) {
		return verdict_normal_quantile(p);
	}
	// P(|t| > t0) = I_x(freedom/2, 1/2) with x = freedom / (freedom + t0^2), and 1 - x is the other
	// side's quantile.
	if (tail > 0.25) {
		x = verdict_beta_quantile(1 - 2 * tail, 0.5, freedom / 2);
		t = sqrt(freedom * x / (1 - x));
	} else {
		x = verdict_beta_quantile(2 * tail, freedom / 2, 0.5);
		t = sqrt(freedom * (1 - x) / x);
	}
	return p < 0.5 ? -t : t;
}

double verdict_chi_square_tail(double x, double freedom)
{
	return verdict_gamma_tail(x / 2, freedom / 2);
}

double verdict_log_choose(double n, double k)
{
	if (k <= 0 || k >= n) {
		return 0;
	}
	return stirling_error(n) - stirling_error(k) - stirling_error(n - k) + k * log(n / k) +
	       (n - k) * log(n / (n - k)) + 0.5 * log(n / (2 * M_PI * k * (n - k)));
}

double verdict_integrate(verdict_function *f, const void *context, double low, double high, unsigned panels)
{
	// Abscissae and weights of P8: Abramowitz and Stegun, table 25.4.
	static const double nodes[4] = {0.183434642495649805, 0.525532409916328986, 0.796666477413626740,
	                                0.960289856497536232};
	static const double weights[4] = {0.362683783378361983, 0.313706645877887287, 0.222381034453374471,
	                                  0.101228536290376259};
	double half = 0.5 * (high - low) / panels;
	double sum = 0;

	if (!(high > low)) {
		return 0;
	}
	for (unsigned panel = 0; panel < panels; panel++) {
		double middle = low + half * (2 * panel + 1);

		for (int i = 0; i < 4; i++) {
			sum += weights[i] *
			       (f(middle - half * nodes[i], context) + f(middle + half * nodes[i], context));
		}
	}
	return sum * half;
}

#pragma once
// Special functions that the intervals and tests of this room need: incomplete beta and gamma functions,
// quantiles, quadrature. Pure functions of their arguments, nothing is owned, any thread. Relative accuracy
// about 1e-12 up to arguments of 1e9 (1e-7 where one is 1e9 times the other).

/** A function of one variable and whatever `context` points to. */
typedef double verdict_function(double x, const void *context);

/**
 * The regularised incomplete beta function I_x(a, b), a > 0, b > 0, 0 <= x <= 1: the probability that a
 * Beta(a, b) variable is below x. Continued fraction DLMF 8.17.22 with the saddle-point front factor of
 * Loader, "Fast and accurate computation of binomial probabilities" (2000), which stays exact for counts of
 * 1e9.
 */
double verdict_beta(double x, double a, double b);

/** The x with I_x(a, b) = p, 0 <= p <= 1. */
double verdict_beta_quantile(double p, double a, double b);

/** The regularised lower incomplete gamma function P(a, x), a > 0, x >= 0 (DLMF 8.7.1, 8.9.2). */
double verdict_gamma(double x, double a);

/** The upper one, Q(a, x) = 1 - P(a, x), accurate in the tail. */
double verdict_gamma_tail(double x, double a);

/** The x with P(a, x) = p, 0 <= p < 1. */
double verdict_gamma_quantile(double p, double a);

/** P(Z <= z) for a standard normal Z. */
double verdict_normal(double z);

/** The z with P(Z <= z) = p; -INFINITY at 0, INFINITY at 1. */
double verdict_normal_quantile(double p);

/** P(|Z| > |z|): the two-sided p-value of a standard normal statistic. */
double verdict_normal_two_sided(double z);

/** The t with P(X <= t) = p for Student's t with `freedom` > 0 degrees of freedom (may be INFINITY: normal).
 */
double verdict_student_quantile(double p, double freedom);

/** P(X > x) for chi-square with `freedom` > 0 degrees of freedom. */
double verdict_chi_square_tail(double x, double freedom);

/** ln of the binomial coefficient n over k, 0 <= k <= n. */
double verdict_log_choose(double n, double k);

/**
 * The integral of `f` over [low, high], by 8-point Gauss-Legendre in each of `panels` >= 1 equal parts; exact
 * for polynomials of degree 15 in each.
 */
double verdict_integrate(verdict_function *f, const void *context, double low, double high, unsigned panels);

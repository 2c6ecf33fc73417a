#include "expect.h"

#include "base/random.h"
#include "verdict/special.h"

static void incomplete_beta_matches_closed_forms(void **state)
{
	(void)state;
	for (double x = 0.01; x < 1; x += 0.07) {
		assert_close(verdict_beta(x, 1, 1), x, 1e-13);
		assert_close(verdict_beta(x, 3, 1), x * x * x, 1e-13);
		assert_close(verdict_beta(x, 1, 5), 1 - pow(1 - x, 5), 1e-13);
		assert_close(verdict_beta(x, 0.5, 0.5), 2 / M_PI * asin(sqrt(x)), 1e-12);
	}
	assert_true(verdict_beta(0, 2, 3) == 0 && verdict_beta(1, 2, 3) == 1);
}

static double binomial_sum(double x, int n, int from)
{
	double sum = 0;

	for (int k = from; k <= n; k++) {
		sum += exp(verdict_log_choose(n, k) + k * log(x) + (n - k) * log1p(-x));
	}
	return sum;
}

static void incomplete_beta_is_the_binomial_tail(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (int i = 0; i < 300; i++) {
		int n = 1 + (int)random_below(&random, 200);
		int k = 1 + (int)random_below(&random, (uint64_t)n);
		double x = 0.001 + 0.998 * random_double(&random);

		assert_near(verdict_beta(x, k, n - k + 1), binomial_sum(x, n, k), 1e-11);
	}
}

static void incomplete_beta_keeps_its_digits_at_counts_of_a_billion(void **state)
{
	(void)state;
	// Symmetric: exactly one half; and by symmetry the two tails sum to one.
	assert_near(verdict_beta(0.5, 1e9, 1e9), 0.5, 1e-9);
	assert_near(verdict_beta(0.500001, 1e9, 1e9) + verdict_beta(0.499999, 1e9, 1e9), 1, 1e-9);
	// One standard deviation above the mean is the normal's 0.8413 but for the skew.
	assert_near(verdict_beta(0.5 + 0.5 / sqrt(2e9 + 1), 1e9, 1e9), verdict_normal(1), 1e-8);
}

static void beta_quantile_inverts_the_function(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2, 0);
	for (int i = 0; i < 300; i++) {
		double a = exp(12 * random_double(&random) - 1);
		double b = exp(12 * random_double(&random) - 1);
		double p = random_double(&random);

		assert_near(verdict_beta(verdict_beta_quantile(p, a, b), a, b), p, 1e-9);
	}
	// 1 - (1 - p)^(1/n): tiny quantiles keep their relative accuracy.
	assert_close(verdict_beta_quantile(0.975, 1, 1e9), -expm1(log(0.025) / 1e9), 1e-7);
}

static void incomplete_gamma_matches_poisson_sums_and_exponentials(void **state)
{
	(void)state;
	for (double x = 0.1; x < 60; x *= 1.7) {
		double term = exp(-x);
		double sum = 0;

		for (int k = 0; k < 40; k++) {
			sum += term;
			term *= x / (k + 1);
			assert_near(verdict_gamma_tail(x, k + 1), sum, 1e-13);
			assert_near(verdict_gamma(x, k + 1), 1 - sum, 1e-13);
		}
		assert_near(verdict_gamma(x, 0.5), erf(sqrt(x)), 1e-13);
	}
	assert_close(verdict_gamma_tail(500, 1), exp(-500), 1e-11);
}

static void gamma_quantile_inverts_the_function(void **state)
{
	(void)state;
	for (double a = 0.2; a < 1e8; a *= 7) {
		for (double p = 0.0005; p < 1; p += 0.0999) {
			assert_near(verdict_gamma(verdict_gamma_quantile(p, a), a), p, 1e-9);
		}
	}
}

// The tables of Abramowitz and Stegun (26.1, 26.10) and of Fisher and Yates.
static void quantiles_match_the_tables(void **state)
{
	(void)state;
	assert_close(verdict_normal_quantile(0.975), 1.959963984540054, 1e-14);
	assert_close(verdict_normal_quantile(0.9995), 3.290526731491894, 1e-13);
	assert_close(verdict_normal_quantile(0.001), -3.090232306167814, 1e-13);
	assert_near(verdict_normal_quantile(0.5), 0, 1e-15);
	assert_close(verdict_normal_quantile(1e-300), -37.0471, 1e-5);
	assert_close(verdict_student_quantile(0.975, 1), 12.706204736174694, 1e-11);
	assert_close(verdict_student_quantile(0.975, 10), 2.2281388519649385, 1e-11);
	assert_close(verdict_student_quantile(0.05, 5), -2.015048373333023, 1e-11);
	assert_close(verdict_student_quantile(0.6, 30), 0.25560536495191435, 1e-10);
	assert_close(verdict_student_quantile(0.975, 1e10), 1.959963984540054, 1e-9);
	assert_close(verdict_chi_square_tail(3.841458820694124, 1), 0.05, 1e-12);
	assert_close(verdict_chi_square_tail(18.307038053275146, 10), 0.05, 1e-12);
	assert_close(verdict_normal_two_sided(1.959963984540054), 0.05, 1e-13);
}

static void normal_quantile_inverts_the_distribution(void **state)
{
	(void)state;
	for (double p = 1e-12; p < 0.5; p *= 1.9) {
		assert_close(verdict_normal(verdict_normal_quantile(p)), p, 1e-12);
		assert_near(verdict_normal_quantile(p) + verdict_normal_quantile(1 - p), 0,
		            p < 1e-6 ? 1e-4 : 1e-9);
	}
}

static double tenth_power(double x, const void *context)
{
	(void)context;
	return pow(x, 10);
}

static void quadrature_is_exact_for_polynomials(void **state)
{
	(void)state;
	assert_close(verdict_integrate(tenth_power, NULL, -1, 2, 1), (pow(2, 11) + 1) / 11, 1e-13);
	assert_close(verdict_integrate(tenth_power, NULL, -1, 2, 7), (pow(2, 11) + 1) / 11, 1e-13);
	assert_true(verdict_integrate(tenth_power, NULL, 2, 2, 3) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(incomplete_beta_matches_closed_forms),
	        cmocka_unit_test(incomplete_beta_is_the_binomial_tail),
	        cmocka_unit_test(incomplete_beta_keeps_its_digits_at_counts_of_a_billion),
	        cmocka_unit_test(beta_quantile_inverts_the_function),
	        cmocka_unit_test(incomplete_gamma_matches_poisson_sums_and_exponentials),
	        cmocka_unit_test(gamma_quantile_inverts_the_function),
	        cmocka_unit_test(quantiles_match_the_tables),
	        cmocka_unit_test(normal_quantile_inverts_the_distribution),
	        cmocka_unit_test(quadrature_is_exact_for_polynomials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

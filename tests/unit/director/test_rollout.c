// Rolling updates as Kubernetes makes them, and the windows in which they lose queries.
#include "device.h"

static void a_rolling_update_hits_half_then_three_quarters_of_the_ports(void **state)
{
	struct scenario_event roll = {.at = seconds(10),
	                              .kind = SCENARIO_ROLL,
	                              .roll = {.kube_proxy_delay = seconds(1),
	                                       .lameduck = seconds(5),
	                                       .pod_start = seconds(10),
	                                       .max_surge = 1}};
	struct scenario_backend fleet[2] = {{.name = "a", .weight = 1}, {.name = "b", .weight = 1}};
	const struct scenario_event *event;
	struct scenario scenario = {0};
	struct error error = {0};
	uint64_t flushed[2] = {0}, removals = 0;
	struct device device;

	(void)state;
	device_prepare(&device);
	device.options.ipvs.udp_timeout = seconds(300);
	device.options.ipvs.expire_nodest_conn = true;
	device_open(&device);
	for (int i = 0; i < 2; i++) {
		fleet[i].address = device.backends[i].address;
	}
	assert_int_equal(scenario_add(&scenario, &roll, &error), 0);
	assert_int_equal(scenario_expand(&scenario, fleet, 2, &error), 0);
	for (int t = 0; t < 60; t++) {
		while ((event = scenario_pop(&scenario, seconds(t))) != NULL) {
			assert_int_equal(director_apply(device.director, event->at, event, &error), 0);
			if (event->kind == SCENARIO_REMOVE) {
				ipvs_expire((struct ipvs *)(uintptr_t)director_ipvs(device.director),
				            event->at + seconds(0.5));
				flushed[removals++] = ipvs_counters(director_ipvs(device.director))->flushed;
			}
		}
		assert_int_equal(strlen(ask_ports(&device, t + 0.6, 1000, 120)), 120);
	}
	assert_int_equal(removals, 2);
	assert_int_equal(flushed[0], 60);
	assert_int_equal(flushed[1] - flushed[0], 90);
	assert_string_equal(director_backend(device.director, 3)->options.name, "b#2");
	assert_true(director_backend(device.director, 3)->answered > 0);
	assert_null(director_backend(device.director, 4));
	check_balance(&device);
	scenario_clear(&scenario);
	device_close(&device);
}

#define PORTS   40
#define SECONDS 90

/** Of each second: queries lost on ports that are in use all the time, and on ports used once. */
struct losses {
	unsigned old[SECONDS];
	unsigned fresh[SECONDS];
};

/**
 * Replace "a" and only "a": two pods, one is rolled at second 20 (t0). Every port asks once a second, and as
 * many new ones do. The rest of the pod's way is as `roll` has it.
 */
static struct losses run_update(struct device *device, const struct scenario_roll *roll)
{
	struct scenario_backend a = {.name = "a", .address = device->backends[0].address, .weight = 1};
	const struct scenario_event *event;
	struct scenario scenario = {0};
	struct losses losses = {0};
	struct error error = {0};
	uint16_t fresh = 10000;

	device->options.ipvs.connections = 100000;
	device_open(device);
	scenario_expand_roll(roll, &a, 1, seconds(20), &scenario, NULL, &error);
	assert_string_equal(error.text, "");
	for (unsigned t = 0; t < SECONDS; t++) {
		while ((event = scenario_pop(&scenario, seconds(t))) != NULL) {
			struct scenario_event moved = *event;

			// Its replacement must not have the address of "b".
			if (moved.kind == SCENARIO_ADD) {
				moved.address = address_of("10.1.0.3");
			}
			director_apply(device->director, event->at, &moved, &error);
			assert_string_equal(error.text, "");
		}
		losses.old[t] = PORTS - (unsigned)strlen(ask_ports(device, t + 0.5, 1000, PORTS));
		losses.fresh[t] = PORTS - (unsigned)strlen(ask_ports(device, t + 0.6, fresh, PORTS));
		fresh = (uint16_t)(fresh + PORTS);
	}
	check_balance(device);
	scenario_clear(&scenario);
	device_close(device);
	return losses;
}

/** Lost from second `from` to before second `until`. */
static unsigned sum(const unsigned *lost, unsigned from, unsigned until)
{
	unsigned total = 0;

	for (unsigned t = from; t < until; t++) {
		total += lost[t];
	}
	return total;
}

/** delta = 5 s, a lameduck of 20 s; the kernel as kube-proxy sets it up. */
static struct scenario_roll prepare_update(struct device *device)
{
	device_prepare(device);
	device->options.ipvs.udp_timeout = seconds(10);
	device->options.ipvs.expire_nodest_conn = true;
	return (struct scenario_roll){
	        .kube_proxy_delay = seconds(5), .lameduck = seconds(20), .max_unavailable = 1};
}

static void a_long_lameduck_and_a_flush_lose_nothing(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses = run_update(&device, &roll);

	(void)state;
	assert_int_equal(sum(losses.old, 0, SECONDS), 0);
	assert_int_equal(sum(losses.fresh, 0, SECONDS), 0);
}

static void window_1_a_short_lameduck_loses_a_share_of_all(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	roll.lameduck = seconds(2);
	losses = run_update(&device, &roll);
	// From t0 + lameduck to t0 + delta: seconds 22, 23 and 24.
	assert_int_equal(sum(losses.old, 22, 25), 3 * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 22, 25), 3 * PORTS / 2);
	assert_int_equal(sum(losses.old, 0, SECONDS), 3 * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 0, SECONDS), 3 * PORTS / 2);
}

static void window_1_a_closed_port_refuses_before_it_is_silent(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	roll.lameduck = 0;
	roll.port_closed = seconds(3);
	losses = run_update(&device, &roll);
	// Refusals are replies: only the two seconds of silence before the removal are losses.
	assert_int_equal(sum(losses.old, 0, SECONDS), 2 * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 23, 25), 2 * PORTS / 2);
}

static void window_2_the_replies_in_flight_come_from_the_pod(void **state)
{
	struct device device;

	(void)state;
	prepare_update(&device);
	device.backends[0].service_time = 100 * NS_PER_MS;
	device.backends[1].service_time = 100 * NS_PER_MS;
	device_open(&device);
	for (unsigned i = 0; i < 3000; i++) {
		if (i == 1500) {
			apply(&device, 1.5, SCENARIO_REMOVE, "b");
		}
		ask(&device, i / 1000.0, (uint16_t)(1000 + i % 200));
		replies(&device, i / 1000.0);
	}
	replies(&device, 10);
	// Q s / k = 50, less what the removed pod no longer got in the two jiffies until the flush.
	assert_in_range(director_counters(device.director)->own_source, 38, 50);
	assert_int_equal(director_counters(device.director)->answered +
	                         director_counters(device.director)->own_source,
	                 3000);
	check_balance(&device);
	device_close(&device);
}

static void window_3_lazy_expiry_loses_one_query_a_port(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	device.options.ipvs.lazy = true;
	losses = run_update(&device, &roll);
	assert_int_equal(losses.old[25], PORTS / 2);
	assert_int_equal(sum(losses.old, 0, SECONDS), PORTS / 2);
	assert_int_equal(sum(losses.fresh, 0, SECONDS), 0);
}

static void window_4_kept_entries_are_silent_for_a_timeout(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	device.options.ipvs.expire_nodest_conn = false;
	losses = run_update(&device, &roll);
	// Last used at 24.5 s, gone between 34.5 and 35.14 s: ten or eleven queries each, however long the
	// lameduck is.
	assert_in_range(sum(losses.old, 25, 36), 10 * PORTS / 2, 11 * PORTS / 2);
	assert_int_equal(sum(losses.old, 36, SECONDS), 0);
	assert_int_equal(sum(losses.fresh, 0, SECONDS), 0);
}

static void window_5_weight_zero_never_recovers_ports_in_use(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	roll.graceful_weight_zero = true;
	losses = run_update(&device, &roll);
	// The pod answers until t0 + 20 s, and its ports never leave it.
	assert_int_equal(sum(losses.old, 0, 40), 0);
	assert_int_equal(sum(losses.old, 40, SECONDS), (SECONDS - 40) * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 0, SECONDS), 0);
}

static void window_6_a_stalled_kube_proxy_is_window_1_for_longer(void **state)
{
	struct device device;
	struct scenario_roll roll = prepare_update(&device);
	struct losses losses;

	(void)state;
	roll.kube_proxy_delay = seconds(50);
	losses = run_update(&device, &roll);
	assert_int_equal(sum(losses.old, 0, SECONDS), 30 * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 40, 70), 30 * PORTS / 2);
	assert_int_equal(sum(losses.fresh, 70, SECONDS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_rolling_update_hits_half_then_three_quarters_of_the_ports),
	        cmocka_unit_test(a_long_lameduck_and_a_flush_lose_nothing),
	        cmocka_unit_test(window_1_a_short_lameduck_loses_a_share_of_all),
	        cmocka_unit_test(window_1_a_closed_port_refuses_before_it_is_silent),
	        cmocka_unit_test(window_2_the_replies_in_flight_come_from_the_pod),
	        cmocka_unit_test(window_3_lazy_expiry_loses_one_query_a_port),
	        cmocka_unit_test(window_4_kept_entries_are_silent_for_a_timeout),
	        cmocka_unit_test(window_5_weight_zero_never_recovers_ports_in_use),
	        cmocka_unit_test(window_6_a_stalled_kube_proxy_is_window_1_for_longer),
	};

	return cmocka_run_group_tests(tests, device_set_up, device_tear_down);
}

// The ready experiments of configs/: each makes a plan whose events can happen, and says the same again from
// its own JSON.
#include "support.h"

#include <dirent.h>
#include <stdio.h>

#define CONFIGS SOURCE_ROOT "/configs"

static struct plan *load(const char *path)
{
	struct config_builder *builder = config_begin();
	struct error error = {0};

	assert_non_null(builder);
	if (config_load_file(builder, path, &error) < 0) {
		fail_msg("%s:%d:%d %s: %s", path, error.line, error.column, error.path, error.text);
	}
	return support_finish(builder);
}

static void check_config(const char *path)
{
	struct plan *plan = load(path), *again;
	struct scenario scenario;
	struct error error = {0};

	assert_int_equal(plan_scenario(plan, &scenario, &error), 0);
	if (plan->director.present) {
		assert_true(scenario.count > plan->scenario.count); // the rolling update came apart
	}
	assert_non_null(plan->description);
	scenario_clear(&scenario);
	again = support_finish(support_load(plan->json));
	assert_string_equal(again->json, plan->json);
	assert_true(again->digest == plan->digest);
	plan_free(again);
	plan_free(plan);
}

static void every_ready_experiment_makes_a_plan(void **state)
{
	DIR *directory = opendir(CONFIGS);
	unsigned count = 0;
	char path[1024];

	(void)state;
	assert_non_null(directory);
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		if (strstr(entry->d_name, ".json") != NULL) {
			snprintf(path, sizeof(path), CONFIGS "/%s", entry->d_name);
			check_config(path);
			count++;
		}
	}
	closedir(directory);
	assert_true(count >= 6);
}

static void the_article_differs_before_and_after_in_two_settings(void **state)
{
	struct plan *before = load(CONFIGS "/article-before.json"),
	            *after = load(CONFIGS "/article-after.json");

	(void)state;
	assert_true(before->director.ipvs.udp_timeout == 300 * NS_PER_SEC);
	assert_true(after->director.ipvs.udp_timeout == 10 * NS_PER_SEC);
	assert_true(before->scenario.events[1].roll.lameduck == 5 * NS_PER_SEC);
	assert_true(after->scenario.events[1].roll.lameduck == 20 * NS_PER_SEC);
	assert_true(before->digest != after->digest);
	assert_true(before->load.slots && before->load.window == after->load.window);
	assert_int_equal(before->cohorts[0].queries_in_flight, 1);
	assert_true(before->load.timeouts[0] == NS_PER_SEC && before->load.timeouts[1] == NS_PER_SEC / 2);
	plan_free(before);
	plan_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_ready_experiment_makes_a_plan),
	        cmocka_unit_test(the_article_differs_before_and_after_in_two_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

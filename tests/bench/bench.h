#pragma once
// What the benchmarks share: a clock made from the TSC, spans of wall and CPU time, and name=value arguments.

#include "base/error.h"
#include "base/fixed.h"
#include "base/units.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** Time since the start, which is NS_PER_SEC: 0 means never to those who are measured. */
struct bench_clock {
	uint64_t start;
	struct fixed_ratio ns;
};

static inline struct bench_clock bench_clock_start(void)
{
	return (struct bench_clock){rte_rdtsc(), fixed_ratio(NS_PER_SEC, rte_get_tsc_hz())};
}

static inline ns_t bench_now(const struct bench_clock *clock)
{
	return NS_PER_SEC + fixed_scale(rte_rdtsc() - clock->start, clock->ns);
}

/** `count` things done in so much wall time and time on the CPU of the calling thread; the sum of all between
 * begin and end. */
struct bench_span {
	uint64_t count;
	ns_t wall, cpu;
};

static inline ns_t bench_thread_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (ns_t)time.tv_sec * NS_PER_SEC + (ns_t)time.tv_nsec;
}

/** How long the calling thread was ready to run and had no CPU, so far: others' work, not the program's. 0
 * when the kernel doesn't count it. */
static inline ns_t bench_thread_waited(void)
{
	unsigned long long ran = 0, waited = 0;
	FILE *file = fopen("/proc/thread-self/schedstat", "re");

	if (file != NULL) {
		if (fscanf(file, "%llu %llu", &ran, &waited) != 2) {
			waited = 0;
		}
		fclose(file);
	}
	return waited;
}

static inline void bench_span_begin(struct bench_span *span, const struct bench_clock *clock, uint64_t count)
{
	span->count -= count;
	span->wall -= bench_now(clock);
	span->cpu -= bench_thread_time();
}

static inline void bench_span_end(struct bench_span *span, const struct bench_clock *clock, uint64_t count)
{
	span->cpu += bench_thread_time();
	span->wall += bench_now(clock);
	span->count += count;
}

/** One name=value: where a text, a number or a whole number goes. The last has no name. */
struct bench_setting {
	const char *name;
	const char **text;
	double *number;
	unsigned *whole;
};

/** Take the arguments. Returns 0, or -EINVAL with the names that there are. */
static inline int bench_settings(const struct bench_setting *settings, int count, char **arguments,
                                 struct error *error)
{
	for (int i = 0; i < count; i++) {
		const char *value = strchr(arguments[i], '=');
		const struct bench_setting *setting = settings;
		size_t length = value != NULL ? (size_t)(value - arguments[i]) : 0;

		while (setting->name != NULL && (strlen(setting->name) != length ||
		                                 strncmp(setting->name, arguments[i], length) != 0)) {
			setting++;
		}
		if (setting->name == NULL) {
			char list[256] = "";

			for (setting = settings; setting->name != NULL; setting++) {
				strncat(list, " ", sizeof(list) - strlen(list) - 1);
				strncat(list, setting->name, sizeof(list) - strlen(list) - 1);
			}
			return error_set(error, -EINVAL, "'%s' is no setting; name=value with one of:%s",
			                 arguments[i], list);
		}
		if (setting->text != NULL) {
			*setting->text = value + 1;
		} else if (setting->number != NULL) {
			*setting->number = strtod(value + 1, NULL);
		} else {
			*setting->whole = (unsigned)strtoul(value + 1, NULL, 10);
		}
	}
	return 0;
}

_Noreturn static inline void bench_die(const char *program, const struct error *error)
{
	char text[1024];

	error_format(error, text, sizeof(text));
	fprintf(stderr, "%s: %s\n", program, text);
	exit(2);
}

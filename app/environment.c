#include "environment.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quiet.h"

#define ARGUMENTS_MAX 64

struct arguments {
	char *words[ARGUMENTS_MAX + 1];
	int count;
};

static void arguments_add(struct arguments *arguments, const char *word)
{
	if (arguments->count < ARGUMENTS_MAX) {
		arguments->words[arguments->count++] = strdup(word);
	}
}

static void arguments_split(struct arguments *arguments, const char *text)
{
	char *copy = strdup(text), *rest = copy, *word;

	while (copy != NULL && (word = strsep(&rest, " \t")) != NULL) {
		if (word[0] != '\0') {
			arguments_add(arguments, word);
		}
	}
	free(copy);
}

uint64_t environment_huge_free(void)
{
	static const char root[] = "/sys/kernel/mm/hugepages";
	DIR *folder = opendir(root);
	const struct dirent *entry;
	uint64_t mib = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		unsigned long kib, free_pages;
		char path[512];
		FILE *file;

		if (sscanf(entry->d_name, "hugepages-%lukB", &kib) != 1) {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, entry->d_name);
		file = fopen(path, "re");
		if (file == NULL) {
			continue;
		}
		if (fscanf(file, "%lu", &free_pages) == 1) {
			mib += (uint64_t)free_pages * kib / 1024;
		}
		fclose(file);
	}
	if (folder != NULL) {
		closedir(folder);
	}
	return mib;
}

// "0@0,1@1,2@0": lcores laid round the CPUs that the process may use.
static void map_lcores(unsigned lcores, const cpu_set_t *cpus, char *buffer, size_t size)
{
	size_t used = 0;
	int cpu = -1;

	for (unsigned lcore = 0; lcore < lcores && used < size; lcore++) {
		do {
			cpu = (cpu + 1) % CPU_SETSIZE;
		} while (!CPU_ISSET(cpu, cpus));
		used += (size_t)snprintf(buffer + used, size - used, "%s%u@%d", lcore > 0 ? "," : "", lcore,
		                         cpu);
	}
}

static int choose_pages(const struct environment_options *options, bool *huge, struct error *error)
{
	uint64_t free_mib = environment_huge_free();

	*huge = options->pages == ENVIRONMENT_PAGES_HUGE ||
	        (options->pages == ENVIRONMENT_PAGES_AUTO && free_mib >= options->memory_mib);
	if (options->pages == ENVIRONMENT_PAGES_HUGE && free_mib < options->memory_mib) {
		return error_set_at(
		        error, -ENOMEM, "--huge", 0, 0,
		        "%u MiB of hugepages are needed and %" PRIu64
		        " MiB are free; reserve them (echo %u > "
		        "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages) or run with --huge off",
		        options->memory_mib, free_mib, (options->memory_mib + 1) / 2);
	}
	return 0;
}

static void make_arguments(const struct environment_options *options, const char *map, bool huge,
                           struct arguments *arguments)
{
	char text[64];

	arguments_add(arguments, options->program);
	arguments_add(arguments, "--lcores");
	arguments_add(arguments, map);
	arguments_add(arguments, "-m");
	snprintf(text, sizeof(text), "%u", options->memory_mib);
	arguments_add(arguments, text);
	// --in-memory leaves nothing behind when the process is killed; it excludes --no-huge, which then
	// takes --no-shconf.
	arguments_add(arguments, huge ? "--in-memory" : "--no-huge");
	if (!huge) {
		arguments_add(arguments, "--no-shconf");
	}
	snprintf(text, sizeof(text), "--file-prefix=staleflow-%d", (int)getpid());
	arguments_add(arguments, text);
	if (options->pci_address != NULL) {
		arguments_add(arguments, "-a");
		arguments_add(arguments, options->pci_address);
	} else {
		arguments_add(arguments, "--no-pci");
	}
	if (!options->verbose) {
		arguments_add(arguments, "--log-level=*:error");
	}
	if (options->extra != NULL) {
		arguments_split(arguments, options->extra);
	}
}

int environment_start(const struct environment_options *options, struct environment *out, struct error *error)
{
	struct arguments arguments = {.count = 0};
	char map[2048] = "";
	struct quiet quiet;
	cpu_set_t cpus;
	bool huge;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = choose_pages(options, &huge, error);
	if (rc < 0) {
		return rc;
	}
	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0) {
		return error_set(error, -errno, "the CPUs of this process can't be read: %s",
		                 strerror(errno));
	}
	if (options->lcores != NULL) {
		snprintf(map, sizeof(map), "%s", options->lcores);
	} else {
		map_lcores(options->lcore_count, &cpus, map, sizeof(map));
	}
	make_arguments(options, map, huge, &arguments);
	optind = 1; // EAL parses with getopt too
	opterr = 1;
	quiet_begin(&quiet, options->verbose);
	rc = rte_eal_init(arguments.count, arguments.words);
	quiet_end(&quiet);
	if (rc < 0) {
		return error_set_at(error, -(rte_errno > 0 ? rte_errno : EINVAL), "EAL", 0, 0,
		                    "DPDK does not start (%s) with lcores '%s', %u MiB of %s; --lcores, "
		                    "--memory, --huge and --eal change its arguments, -v shows its log",
		                    quiet.reason[0] != '\0' ? quiet.reason : rte_strerror(rte_errno), map,
		                    options->memory_mib, huge ? "hugepages" : "normal pages");
	}
	out->lcores = rte_lcore_count();
	out->allowed = cpus;
	out->cpus = (unsigned)CPU_COUNT(&cpus);
	out->huge = huge;
	if (options->lcores != NULL && out->lcores < 2) {
		rc = error_set_at(
		        error, -EINVAL, "--lcores", 0, 0,
		        "the map '%s' has %u lcore; two are the least, main and one that sends and receives",
		        map, out->lcores);
		rte_eal_cleanup();
		return rc;
	}
	// The words stay allocated: EAL keeps pointers into them.
	return 0;
}

void environment_stop(void)
{
	rte_eal_cleanup();
}

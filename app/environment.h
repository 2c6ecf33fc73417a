#pragma once
// The DPDK environment (EAL): its arguments are made from the plan, so that a user needs none; `--eal=` adds
// to them. Main thread, once a process.

#include "base/error.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

enum environment_pages {
	ENVIRONMENT_PAGES_AUTO, ///< hugepages when enough are free, else normal pages
	ENVIRONMENT_PAGES_HUGE,
	ENVIRONMENT_PAGES_NORMAL,
};

struct environment_options {
	const char *program;
	const char *lcores;   ///< EAL's --lcores map; NULL: `lcore_count` lcores, spread over the CPUs the
	                      ///< process may use
	unsigned lcore_count; ///< main included
	unsigned memory_mib;  ///< for frame pools and rings
	enum environment_pages pages;
	const char *pci_address; ///< the one device to probe; NULL: the PCI bus is left alone
	const char *extra;       ///< words of --eal=, split at blanks
	bool verbose;            ///< show EAL's own log
};

struct environment {
	unsigned lcores;
	unsigned cpus;       ///< CPUs that the process may run on
	cpu_set_t allowed;   ///< which these are
	bool oversubscribed; ///< more lcores that poll than CPUs
	bool huge;
};

/** Start EAL. Returns 0, or a negative errno with an error that says what is missing, what there is and how
 * to mend it. */
int environment_start(const struct environment_options *options, struct environment *out,
                      struct error *error);

/** Stop EAL. */
void environment_stop(void);

/** Free hugepages in MiB, over all sizes. */
uint64_t environment_huge_free(void);

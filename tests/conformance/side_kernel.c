// A real ip_vs as a side of the conformance suite: the lab's, through plain sockets in the generator's
// namespace and ipvsadm in the director's. The lab's real servers have to be tests/conformance/peer, and
// there have to be SERVERS_MAX of them, with connection tracking at hand (lab up --conntrack 1).

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sockets.h"

enum {
	OUTPUT = 1 << 16,
	SCRIPT = 4096,
	FIRST_PORT = 10000,
	HIGHEST_PORT = 60000,
};

// How late a step of an item may be, and what its time table leaves room for.
#define LATE_BY 0.4

struct kernel {
	struct side side;
	const char *lab;
	struct setup setup;
	struct sockets sockets;
	double start;
	bool closed[SERVERS_MAX];
	unsigned long received[SERVERS_MAX];
};

static struct kernel *kernel_of(struct side *side)
{
	return (struct kernel *)side;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void nap(double seconds)
{
	struct timespec time = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};

	nanosleep(&time, NULL);
}

/** Run scripts/lab with these words; what it prints goes to `output`. */
static void run_lab(struct kernel *kernel, const char *const *words, char *output, size_t size)
{
	char *arguments[WORDS_MAX] = {NULL};
	ssize_t got = 1;
	size_t used = 0;
	int ends[2], status;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		die("no process: %s", strerror(errno));
	}
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		arguments[0] = strdup(kernel->lab);
		for (unsigned i = 0; words[i] != NULL; i++) {
			arguments[i + 1] = strdup(words[i]);
		}
		execv(kernel->lab, arguments);
		_exit(127);
	}
	close(ends[1]);
	while (got > 0 && used + 1 < size) {
		got = read(ends[0], output + used, size - used - 1);
		used += got > 0 ? (size_t)got : 0;
	}
	output[used] = 0;
	close(ends[0]);
	if (waitpid(child, &status, 0) < 0 || status != 0) {
		die("scripts/lab %s failed", words[0]);
	}
}

static void run_lab_quietly(struct kernel *kernel, const char *const *words)
{
	char output[OUTPUT];

	run_lab(kernel, words, output, sizeof(output));
}

/** Run a script beside the director. */
static void run_script(struct kernel *kernel, const char *script)
{
	run_lab_quietly(kernel, (const char *[]){"exec", "--", "bash", "-c", script, NULL});
}

static const char *service(const struct kernel *kernel)
{
	return kernel->setup.six ? "[fd00:10:96::a]:53" : "10.96.0.10:53";
}

static const char *server(const struct kernel *kernel, char letter)
{
	static char text[64];

	snprintf(text, sizeof(text), kernel->setup.six ? "[fd00:10:244::%d]:53" : "10.244.0.%d:53",
	         letter - 'A' + (kernel->setup.six ? 1 : 11));
	return text;
}

static const char *backend(char letter)
{
	static char text[8];

	snprintf(text, sizeof(text), "b%d", letter - 'A' + 1);
	return text;
}

/** ipvsadm's words to make the service. */
static const char *service_options(const struct kernel *kernel)
{
	static char text[64];

	text[0] = 0;
	if (kernel->setup.persistence > 0) {
		snprintf(text, sizeof(text), " -p %g", kernel->setup.persistence);
	}
	return kernel->setup.one_packet ? " -o" : text;
}

static unsigned long count_received(struct kernel *kernel, char letter)
{
	const char *words[] = {"exec-backend",   backend(letter),   "--", "cat",
	                       "/proc/net/snmp", "/proc/net/snmp6", NULL};
	char output[OUTPUT], *line;
	unsigned long count = 0;

	run_lab(kernel, words, output, sizeof(output));
	if (kernel->setup.six) {
		line = strstr(output, "Udp6InDatagrams");
		if (line == NULL || sscanf(line, "Udp6InDatagrams %lu", &count) != 1) {
			die("no count of datagrams");
		}
		return count;
	}
	line = strstr(output, "Udp: InDatagrams");
	line = line != NULL ? strstr(line + 1, "Udp: ") : NULL;
	if (line == NULL || sscanf(line, "Udp: %lu", &count) != 1) {
		die("no count of datagrams");
	}
	return count;
}

/** From nothing: a removal with expire_nodest_conn=1 flushes what earlier items left. */
static void reset(struct kernel *kernel, const char *servers)
{
	const struct setup *setup = &kernel->setup;
	const char *lab_name = getenv("LAB_NAME");
	char script[SCRIPT], adds[SCRIPT / 2] = "";

	for (; *servers != 0; servers++) {
		snprintf(adds + strlen(adds), sizeof(adds) - strlen(adds), "-a -u %s -r %s -m -w 1\n",
		         service(kernel), server(kernel, *servers));
	}
	snprintf(script, sizeof(script),
	         "cd /proc/sys/net/ipv4/vs; echo 1 >expire_nodest_conn; echo 0 >drop_packet\n"
	         "ipvsadm -C\n"
	         "for ((i = 0; i < 200; i++)); do mapfile -t rows </proc/net/ip_vs_conn\n"
	         "[[ ${#rows[@]} -le 1 ]] && break; read -t 0.02; done <>/dev/zero 2>/dev/null\n"
	         "echo %d >expire_nodest_conn; echo 0 >expire_quiescent_template; echo %d >conntrack\n"
	         "echo %u >am_droprate; echo %d >drop_packet\n"
	         "echo %g >/proc/sys/net/netfilter/nf_conntrack_udp_timeout\n"
	         "export XTABLES_LOCKFILE=/run/staleflow-lab-%s/work/xtables.lock\n"
	         "for tables in iptables-legacy ip6tables-legacy; do $tables -F INPUT\n"
	         "[[ %d -eq 0 ]] || $tables -A INPUT -m conntrack --ctstate INVALID; done\n"
	         "ipvsadm -R <<<'--set 0 0 %g\n-A -u %s -s rr%s\n%s'",
	         setup->expire_nodest, setup->conntrack, setup->drop > 0 ? setup->drop : 10,
	         setup->drop > 0 ? 3 : 0, setup->conntrack_timeout, lab_name != NULL ? lab_name : "lab",
	         setup->hooks, setup->timeout, service(kernel), service_options(kernel), adds);
	run_script(kernel, script);
}

static void kernel_up(struct side *side, const struct setup *setup, const char *servers)
{
	struct kernel *kernel = kernel_of(side);

	kernel->setup = *setup;
	for (unsigned i = 0; i < SERVERS_MAX; i++) {
		if (kernel->closed[i]) {
			run_lab_quietly(kernel, (const char *[]){"start", backend((char)('A' + i)), NULL});
			kernel->closed[i] = false;
		}
	}
	reset(kernel, servers);
	// Ports of its own, so that nothing of an earlier item comes to them.
	sockets_reset(&kernel->sockets, setup->six);
	for (unsigned i = 0; servers[i] != 0; i++) {
		kernel->received[servers[i] - 'A'] = count_received(kernel, servers[i]);
	}
	kernel->start = seconds_now();
}

static double kernel_now(struct side *side)
{
	return seconds_now() - kernel_of(side)->start;
}

static bool kernel_wait(struct side *side, double until)
{
	double left = until - kernel_now(side);

	if (left > 0) {
		nap(left);
	}
	return kernel_now(side) < until + LATE_BY;
}

static void kernel_ask(struct side *side, const struct ask *ask)
{
	sockets_send(&kernel_of(side)->sockets, ask);
	sockets_collect(&kernel_of(side)->sockets, ask);
}

static void kernel_send(struct side *side, const struct ask *ask)
{
	sockets_send(&kernel_of(side)->sockets, ask);
}

static void kernel_hear(struct side *side, unsigned client, unsigned port, double until, char *found)
{
	struct kernel *kernel = kernel_of(side);

	sockets_hear(&kernel->sockets, client, port, until - kernel_now(side), found);
}

/** The director's part of a change, as words to ipvsadm. */
static void change_by_ipvsadm(struct kernel *kernel, char *const *words, unsigned count)
{
	char line[256], script[512];
	const char *target = count > 1 ? server(kernel, words[1][0]) : "";

	if (strcmp(words[0], "weight") == 0) {
		snprintf(line, sizeof(line), "-e -u %s -r %s -m -w %s", service(kernel), target, words[2]);
	} else if (strcmp(words[0], "threshold") == 0) {
		snprintf(line, sizeof(line), "-e -u %s -r %s -m -w 1 -x %s -y %s", service(kernel), target,
		         words[2], words[3]);
	} else if (strcmp(words[0], "remove") == 0) {
		snprintf(line, sizeof(line), "-d -u %s -r %s", service(kernel), target);
	} else if (strcmp(words[0], "add") == 0) {
		snprintf(line, sizeof(line), "-a -u %s -r %s -m -w 1", service(kernel), target);
	} else if (strcmp(words[0], "delete") == 0) {
		snprintf(line, sizeof(line), "-D -u %s", service(kernel));
	} else if (strcmp(words[0], "create") == 0) {
		snprintf(line, sizeof(line), "-A -u %s -s rr%s", service(kernel), service_options(kernel));
	} else if (strcmp(words[0], "other") == 0) {
		snprintf(line, sizeof(line), "-A -u %s -s rr",
		         kernel->setup.six ? "[fd00:10:96::b]:53" : "10.96.0.11:53");
	} else {
		die("no change \"%s\"", words[0]);
	}
	snprintf(script, sizeof(script), "ipvsadm %s", line);
	run_script(kernel, script);
}

static void kernel_change(struct side *side, char *const *words, unsigned count)
{
	struct kernel *kernel = kernel_of(side);
	char script[256];

	if (strcmp(words[0], "close") == 0) {
		run_lab_quietly(kernel, (const char *[]){"kill", backend(words[1][0]), NULL});
		kernel->closed[words[1][0] - 'A'] = true;
	} else if (strcmp(words[0], "set") != 0) {
		change_by_ipvsadm(kernel, words, count);
	} else if (strcmp(words[1], "timeout") == 0) {
		snprintf(script, sizeof(script), "ipvsadm --set 0 0 %s", words[2]);
		run_script(kernel, script);
	} else {
		snprintf(script, sizeof(script), "echo %s >/proc/sys/net/ipv4/vs/%s", words[2],
		         strcmp(words[1], "nodest") == 0 ? "expire_nodest_conn"
		                                         : "expire_quiescent_template");
		run_script(kernel, script);
	}
}

static unsigned last_number(const char *address)
{
	const char *colon = strrchr(address, ':');

	// 0A00000C, or fd00:...:000c
	return (unsigned)strtoul(colon != NULL ? colon + 1 : address + strlen(address) - 2, NULL, 16);
}

static bool parse_row(const struct kernel *kernel, const char *line, struct row *row)
{
	char client[64], address[64];
	unsigned port, seconds;

	if (sscanf(line, "UDP %63s %x %*s %*x %63s %*x %*s %u", client, &port, address, &seconds) != 4) {
		return false;
	}
	row->client = last_number(client) - 1;
	row->port = port == 0 ? 0 : port - kernel->sockets.base;
	row->server = (char)('A' + (int)last_number(address) - (kernel->setup.six ? 1 : 11));
	row->left = seconds;
	row->accuracy = 1; // whole seconds, rounded down
	return port == 0 || (port > kernel->sockets.base && port < kernel->sockets.base + PORTS_MAX);
}

static unsigned kernel_table(struct side *side, struct row *rows, unsigned room)
{
	struct kernel *kernel = kernel_of(side);
	char output[OUTPUT], *rest = NULL;
	unsigned count = 0;

	run_lab(kernel, (const char *[]){"exec", "--", "cat", "/proc/net/ip_vs_conn", NULL}, output,
	        sizeof(output));
	for (char *line = strtok_r(output, "\n", &rest); line != NULL && count < room;
	     line = strtok_r(NULL, "\n", &rest)) {
		count += parse_row(kernel, line, &rows[count]);
	}
	return count;
}

static void kernel_watch(struct side *side, unsigned first, unsigned count, double until, double *early,
                         double *late)
{
	struct row rows[PORTS_MAX];
	double before, after;

	for (unsigned i = 0; i < count; i++) {
		early[i] = 0;
		late[i] = INFINITY;
	}
	do {
		unsigned size;

		before = kernel_now(side);
		size = kernel_table(side, rows, PORTS_MAX);
		after = kernel_now(side);
		for (unsigned i = 0; i < count; i++) {
			bool there = false;

			for (unsigned j = 0; j < size; j++) {
				there = there || rows[j].port == first + i;
			}
			if (there) {
				early[i] = before;
				late[i] = INFINITY;
			} else if (isinf(late[i])) {
				late[i] = after;
			}
		}
	} while (before < until);
}

static unsigned long kernel_received(struct side *side, char letter)
{
	return count_received(kernel_of(side), letter) - kernel_of(side)->received[letter - 'A'];
}

static const char *kernel_excuse(struct side *side, const struct setup *setup)
{
	struct kernel *kernel = kernel_of(side);
	char output[OUTPUT], *release;
	unsigned major, minor, hz = 100;
	const char *told;

	run_lab(kernel, (const char *[]){"exec", "--", "cat", "/proc/sys/kernel/osrelease", NULL}, output,
	        sizeof(output));
	release = output;
	if (sscanf(release, "%u.%u", &major, &minor) != 2) {
		die("no kernel is called \"%s\"", release);
	}
	if (setup->lazy && (major > 5 || (major == 5 && minor >= 9))) {
		return "needs a kernel before 5.9; shown on the model only";
	}
	told = getenv("LAB_HZ");
	hz = told != NULL ? (unsigned)strtoul(told, NULL, 10) : hz;
	if (setup->hz != 0 && setup->hz != hz) {
		return setup->hz == 100   ? "needs a kernel of HZ=100"
		       : setup->hz == 250 ? "needs a kernel of HZ=250"
		                          : "needs a kernel of HZ=1000";
	}
	return NULL;
}

static void kernel_close(struct side *side)
{
	sockets_close(&kernel_of(side)->sockets);
	free(side);
}

struct side *side_kernel(const char *lab)
{
	static const struct side_operations operations = {
	        .up = kernel_up,
	        .now = kernel_now,
	        .wait = kernel_wait,
	        .ask = kernel_ask,
	        .send = kernel_send,
	        .hear = kernel_hear,
	        .change = kernel_change,
	        .table = kernel_table,
	        .watch = kernel_watch,
	        .received = kernel_received,
	        .excuse = kernel_excuse,
	        .close = kernel_close,
	};
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel == NULL) {
		die("no memory");
	}
	kernel->side = (struct side){.operations = &operations, .name = "kernel"};
	kernel->lab = lab;
	sockets_open(&kernel->sockets, FIRST_PORT, HIGHEST_PORT);
	return &kernel->side;
}

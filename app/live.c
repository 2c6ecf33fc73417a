#include "live.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "live/program.h"

// Ends a thread's system call; its handler does nothing.
#define WAKE SIGUSR2

// Runs of one system call: all that there can be. Its set-up takes tens of milliseconds, in which nothing is
// sent.
#define RUNS (-1)

// A part of the time that a full ring lasts: 1,024 frames at 10 M/s are 100 us. The kernel adds its timer
// slack.
#define FULL_PAUSE_NS 10000

#define PROBES          10
#define PROBE_ETHERTYPE 0x88b5 // IEEE 802, local experimental

struct queue {
	struct live_end end;
	int map, programs[LIVE_PROGRAMS], listeners[LIVE_PROGRAMS];
	uint8_t *page; ///< what the kernel's pages hold at first
	pthread_t thread, waker;
	bool running, woken; ///< which of them was started
	const _Atomic bool *leave;
};

struct live {
	const char *interface;
	struct queue *queues;
	unsigned count;
	_Atomic bool leave;
};

static const struct {
	const char *name, *tracepoint;
	enum bpf_prog_type type;
} kinds[LIVE_PROGRAMS] = {
        [LIVE_SEND] = {"staleflow_send", NULL, BPF_PROG_TYPE_XDP},
        [LIVE_TAKEN] = {"staleflow_taken", "xdp_devmap_xmit", BPF_PROG_TYPE_RAW_TRACEPOINT},
        [LIVE_FAILED] = {"staleflow_fail", "xdp_redirect_err", BPF_PROG_TYPE_RAW_TRACEPOINT},
};

static int refuse(const struct live *live, int rc, const char *what, struct error *error)
{
	if (rc == -EPERM || rc == -EACCES) {
		return error_set_at(
		        error, rc, live->interface, 0, 0,
		        "no right to %s; driver xdp_live needs root, or CAP_NET_ADMIN, CAP_BPF and "
		        "CAP_PERFMON",
		        what);
	}
	return error_set_at(error, rc, live->interface, 0, 0,
	                    "the kernel does not %s: %s. Driver xdp_live needs Linux 5.18 or later with BPF; "
	                    "--driver af_xdp needs less",
	                    what, strerror(-rc));
}

static int make_ring(const struct live *live, struct queue *queue, struct error *error)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	void *memory;

	queue->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "staleflow_ring", sizeof(uint32_t),
	                            queue->end.shape.octets, 1, &options);
	if (queue->map < 0) {
		return refuse(live, queue->map, "make a ring in memory shared with it", error);
	}
	memory = mmap(NULL, queue->end.shape.octets, PROT_READ | PROT_WRITE, MAP_SHARED, queue->map, 0);
	if (memory == MAP_FAILED) {
		return refuse(live, -errno, "map the ring that is shared with it", error);
	}
	queue->end.ring = (struct live_ring *)memory;
	return 0;
}

static int load_program(const struct live *live, struct queue *queue, enum live_program kind,
                        unsigned interface, struct error *error)
{
	struct bpf_insn code[LIVE_PROGRAM_MAX];
	unsigned count = live_program_write(kind, queue->map, &queue->end.shape, interface, code);
	char what[96];
	int fd;

	fd = bpf_prog_load(kinds[kind].type, kinds[kind].name, "Apache-2.0", code, count, NULL);
	snprintf(what, sizeof(what), "load the program %s", kinds[kind].name);
	if (fd < 0) {
		return refuse(live, fd, what, error);
	}
	queue->programs[kind] = fd;
	if (kinds[kind].tracepoint == NULL) {
		return 0;
	}
	queue->listeners[kind] = bpf_raw_tracepoint_open(kinds[kind].tracepoint, fd);
	snprintf(what, sizeof(what), "let a program listen at tracepoint %s", kinds[kind].tracepoint);
	return queue->listeners[kind] < 0 ? refuse(live, queue->listeners[kind], what, error) : 0;
}

// One system call that runs LIVE_SEND `runs` times. Returns 0 or a negative errno; -EINTR after a signal.
static int run(struct queue *queue, int runs)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = queue->page,
	            .data_size_in = queue->end.shape.longest, .repeat = runs,
	            .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	return bpf_prog_test_run_opts(queue->programs[LIVE_SEND], &options);
}

static int unfit(const struct live *live, int rc, struct error *error)
{
	if (rc == -ENETDOWN) {
		return error_set_at(error, rc, live->interface, 0, 0,
		                    "the interface is down; bring it up (ip link set %s up)",
		                    live->interface);
	}
	return error_set_at(
	        error, rc < 0 ? rc : -ENOBUFS, live->interface, 0, 0,
	        "the interface takes no XDP frames to send (%s). A veth takes them when its peer has an "
	        "XDP program or GRO (ethtool -K PEER gro on); of NICs the driver needs ndo_xdp_xmit. "
	        "--driver af_xdp goes without",
	        rc < 0 ? strerror(-rc) : "its queue is full");
}

// The first frame of the ring, to the interface itself: nobody takes it.
static int probe(const struct live *live, struct queue *queue, struct error *error)
{
	struct live_ring *ring = queue->end.ring;
	struct live_slot *slot = live_slot_at(ring, &queue->end.shape, 0);
	int rc = 0;

	memset(slot->octets, 0, queue->end.shape.longest);
	memset(slot->octets, 2, 12); // a locally administered address, to itself
	slot->octets[12] = PROBE_ETHERTYPE >> 8;
	slot->octets[13] = PROBE_ETHERTYPE & 0xff;
	slot->length = queue->end.shape.longest;
	queue->end.tail = ring->tail = 1;
	for (int i = 0; i < PROBES && rc == 0 && ring->sent == 0 && ring->error == 0; i++) {
		rc = run(queue, 1);
		rc = rc == -EINTR ? 0 : rc;
	}
	if (rc < 0) {
		return refuse(live, rc, "run XDP programs with live frames", error);
	}
	return ring->sent > 0 ? 0 : unfit(live, (int32_t)ring->error, error);
}

static int open_queue(const struct live *live, struct queue *queue, const struct live_options *options,
                      struct error *error)
{
	unsigned interface = if_nametoindex(options->interface);
	int rc;

	if (interface == 0) {
		return error_set_at(error, -ENODEV, options->interface, 0, 0, "no such interface");
	}
	queue->leave = &live->leave;
	queue->end.shape = live_shape_of(options->ring_size, options->longest);
	queue->page = (uint8_t *)calloc(1, options->longest);
	if (queue->page == NULL) {
		return error_set(error, -ENOMEM, "no memory for a frame");
	}
	rc = make_ring(live, queue, error);
	for (int kind = 0; rc == 0 && kind < LIVE_PROGRAMS; kind++) {
		rc = load_program(live, queue, (enum live_program)kind, interface, error);
	}
	return rc == 0 ? probe(live, queue, error) : rc;
}

int live_open(struct live **out, const struct live_options *options, struct error *error)
{
	struct live *live = (struct live *)calloc(1, sizeof(*live));
	int rc = 0;

	*out = live;
	if (live == NULL) {
		return error_set(error, -ENOMEM, "no memory for the send queues");
	}
	live->interface = options->interface;
	live->queues = (struct queue *)calloc(options->queues, sizeof(*live->queues));
	if (live->queues == NULL) {
		return error_set(error, -ENOMEM, "no memory for %u send queues", options->queues);
	}
	live->count = options->queues;
	for (unsigned i = 0; i < live->count; i++) {
		struct queue *queue = &live->queues[i];

		queue->map = -1;
		for (int kind = 0; kind < LIVE_PROGRAMS; kind++) {
			queue->programs[kind] = queue->listeners[kind] = -1;
		}
	}
	for (unsigned i = 0; rc == 0 && i < live->count; i++) {
		rc = open_queue(live, &live->queues[i], options, error);
	}
	return rc;
}

static void *send_frames(void *context)
{
	struct queue *queue = (struct queue *)context;
	sigset_t others;
	int rc = 0;

	sigfillset(&others);
	sigdelset(&others, WAKE);
	pthread_sigmask(SIG_SETMASK, &others, NULL);
	queue->end.ring->task = 0; // the probe's was another's
	// All that a run may fail for once it has begun passes: a signal, memory for pages.
	while (!atomic_load(queue->leave) && (rc == 0 || rc == -EINTR || rc == -ENOMEM || rc == -EAGAIN)) {
		rc = run(queue, RUNS);
	}
	if (rc < 0 && !atomic_load(queue->leave)) {
		fprintf(stderr,
		        "staleflow: the kernel does not run the program that sends any more: %s; queries are "
		        "dropped\n",
		        strerror(-rc));
	}
	return NULL;
}

// The kernel's loop is one RCU reader until it has to reschedule (bpf_test_timer_continue(),
// net/bpf/test_run.c). On a CPU with nothing else to do it never has to, and whoever waits for readers
// (removing a device or a program) would wait for seconds. So somebody wants that CPU now and then.
static void *let_readers_end(void *context)
{
	static const struct timespec pause = {.tv_nsec = 10000000};
	const struct queue *queue = (const struct queue *)context;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!atomic_load(queue->leave)) {
		nanosleep(&pause, NULL);
	}
	return NULL;
}

// The CPU of that place in the set, counted round.
static cpu_set_t one_of(const cpu_set_t *cpus, unsigned place)
{
	cpu_set_t found;
	int cpu = -1;

	for (place %= (unsigned)CPU_COUNT(cpus), place++; place > 0; place--) {
		do {
			cpu++;
		} while (!CPU_ISSET(cpu, cpus));
	}
	CPU_ZERO(&found);
	CPU_SET(cpu, &found);
	return found;
}

static int start_queue(struct queue *queue, const cpu_set_t *cpu)
{
	pthread_attr_t attributes;
	int rc;

	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(*cpu), cpu);
	rc = -pthread_create(&queue->thread, &attributes, send_frames, queue);
	queue->running = rc == 0;
	if (rc == 0) {
		rc = -pthread_create(&queue->waker, &attributes, let_readers_end, queue);
		queue->woken = rc == 0;
	}
	pthread_attr_destroy(&attributes);
	return rc;
}

static void on_wake(int number)
{
	(void)number;
}

int live_start(struct live *live, const cpu_set_t *cpus, struct error *error)
{
	struct sigaction action = {.sa_handler = on_wake};
	int rc = 0;

	sigemptyset(&action.sa_mask);
	sigaction(WAKE, &action, NULL);
	for (unsigned i = 0; rc == 0 && i < live->count; i++) {
		cpu_set_t cpu = one_of(cpus, i);

		rc = start_queue(&live->queues[i], &cpu);
	}
	return rc == 0 ? 0
	               : error_set_at(error, rc, live->interface, 0, 0,
	                              "the thread that sends does not start: %s", strerror(-rc));
}

void *live_queue(struct live *live, unsigned number)
{
	return &live->queues[number].end;
}

uint16_t live_transmit(void *queue, struct rte_mbuf **frames, uint16_t count)
{
	static const struct timespec pause = {.tv_nsec = FULL_PAUSE_NS};
	uint16_t put = live_ring_put(queue, frames, count);

	if (put == 0 && count > 0) {
		// The ring is full: whoever empties it may need this CPU, and it takes a while.
		nanosleep(&pause, NULL);
	}
	return put;
}

uint64_t live_sent(const struct live *live)
{
	uint64_t sent = 0;

	for (unsigned i = 0; i < live->count; i++) {
		sent += __atomic_load_n(&live->queues[i].end.ring->sent, __ATOMIC_RELAXED) - 1; // the probe
	}
	return sent;
}

// A signal that comes before the system call does not end it: another follows.
static void stop_thread(struct queue *queue)
{
	struct timespec until;

	do {
		pthread_kill(queue->thread, WAKE);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 10000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(queue->thread, NULL, &until) == ETIMEDOUT);
}

static void close_queue(struct queue *queue)
{
	if (queue->running) {
		stop_thread(queue);
	}
	if (queue->woken) {
		pthread_join(queue->waker, NULL);
	}
	for (int kind = 0; kind < LIVE_PROGRAMS; kind++) {
		if (queue->listeners[kind] >= 0) {
			close(queue->listeners[kind]);
		}
		if (queue->programs[kind] >= 0) {
			close(queue->programs[kind]);
		}
	}
	if (queue->end.ring != NULL) {
		munmap(queue->end.ring, queue->end.shape.octets);
	}
	if (queue->map >= 0) {
		close(queue->map);
	}
	free(queue->page);
}

void live_close(struct live *live)
{
	if (live == NULL) {
		return;
	}
	atomic_store(&live->leave, true);
	for (unsigned i = 0; i < live->count; i++) {
		close_queue(&live->queues[i]);
	}
	free(live->queues);
	free(live);
}

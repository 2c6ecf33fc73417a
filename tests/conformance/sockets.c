// linux/errqueue.h wants struct timespec before it.
#include <time.h>

#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVICE_PORT = 53, MESSAGE = 512, HEARD_MAX = 64 };

// An answer that is expected may take its time on a loaded machine; silence is judged when nothing came for
// longer than an answer takes.
#define PATIENCE 2.0
#define SILENCE  0.35

#define NOT_YET ' '

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static socklen_t make_address(bool six, const char *text, unsigned port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	struct sockaddr_in *in = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = six ? AF_INET6 : AF_INET;
	if (six) {
		in6->sin6_port = htons((uint16_t)port);
		inet_pton(AF_INET6, text, &in6->sin6_addr);
		return sizeof(*in6);
	}
	in->sin_port = htons((uint16_t)port);
	inet_pton(AF_INET, text, &in->sin_addr);
	return sizeof(*in);
}

static const char *service_address(const struct sockets *sockets)
{
	return sockets->six ? "fd00:10:96::a" : "10.96.0.10";
}

static int open_socket(struct sockets *sockets, unsigned client, unsigned port)
{
	struct sockaddr_storage address;
	char text[64];
	socklen_t size;
	int fd, on = 1;

	snprintf(text, sizeof(text), sockets->six ? "fd00:10::%u" : "10.0.0.%u", client + 1);
	size = make_address(sockets->six, text, sockets->base + port, &address);
	fd = socket(sockets->six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0) {
		die("cannot bind %s port %u: %s", text, sockets->base + port, strerror(errno));
	}
	setsockopt(fd, sockets->six ? IPPROTO_IPV6 : IPPROTO_IP, sockets->six ? IPV6_RECVERR : IP_RECVERR,
	           &on, sizeof(on));
	return fd;
}

/** A query for HOW.lab.test, type A, with an empty NSID option. */
static size_t write_query(uint8_t *message, uint16_t id, const char *how)
{
	static const uint8_t tail[] = {3, 'l', 'a', 'b', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1, 0,
	                               0, 41,  4,   208, 0, 0,   0,   0,   0,   4, 0, 3, 0, 0};
	const uint8_t header[] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
	size_t length = strlen(how);

	memcpy(message, header, sizeof(header));
	message[sizeof(header)] = (uint8_t)length;
	memcpy(message + sizeof(header) + 1, how, length);
	memcpy(message + sizeof(header) + 1 + length, tail, sizeof(tail));
	return sizeof(header) + 1 + length + sizeof(tail);
}

void sockets_send(struct sockets *sockets, const struct ask *ask)
{
	struct sockaddr_storage service;
	socklen_t size = make_address(sockets->six, service_address(sockets), SERVICE_PORT, &service);
	uint8_t message[MESSAGE];

	for (unsigned i = 0; i < ask->count; i++) {
		unsigned port = ask->first + i;
		int *fd = &sockets->fds[ask->client][port];
		uint16_t id = sockets->next_id++;
		size_t length = write_query(message, id, ask->how);

		if (*fd < 0) {
			*fd = open_socket(sockets, ask->client, port);
		}
		sockets->ids[ask->client][port] = id;
		// The first try may be told of an earlier refusal.
		if (sendto(*fd, message, length, 0, (struct sockaddr *)&service, size) < 0 &&
		    sendto(*fd, message, length, 0, (struct sockaddr *)&service, size) < 0) {
			die("cannot send: %s", strerror(errno));
		}
	}
}

static const void *host_of(const struct sockaddr *address, size_t *size)
{
	bool six = address->sa_family == AF_INET6;

	*size = six ? 16 : 4;
	return six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
	           : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
}

static bool is_service(const struct sockets *sockets, const struct sockaddr *address)
{
	struct sockaddr_storage service;
	const void *theirs, *ours;
	size_t size;

	make_address(sockets->six, service_address(sockets), SERVICE_PORT, &service);
	theirs = host_of(address, &size);
	ours = host_of((struct sockaddr *)&service, &size);
	return address->sa_family == service.ss_family && memcmp(theirs, ours, size) == 0;
}

/** The server's name is the last thing in the answer: NSID, two octets, "b2". */
static char read_answer(const struct sockets *sockets, const uint8_t *message, size_t size,
                        const struct sockaddr *source)
{
	unsigned number;

	if (size < 6 || memcmp(message + size - 6, "\0\3\0\2b", 5) != 0) {
		return ANSWER_STRANGE;
	}
	number = (unsigned)(message[size - 1] - '1');
	if (number >= SERVERS_MAX) {
		return ANSWER_STRANGE;
	}
	return (char)((is_service(sockets, source) ? 'A' : 'a') + (int)number);
}

/** The ICMP error that the kernel has queued, if there is one. */
static bool read_error(const struct sockets *sockets, int fd, char *found)
{
	char control[512], data[MESSAGE];
	struct iovec vector = {data, sizeof(data)};
	struct msghdr message = {.msg_iov = &vector,
	                         .msg_iovlen = 1,
	                         .msg_control = control,
	                         .msg_controllen = sizeof(control)};

	if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0) {
		return false;
	}
	*found = ANSWER_STRANGE;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL;
	     part = CMSG_NXTHDR(&message, part)) {
		const struct sock_extended_err *error = (const void *)CMSG_DATA(part);
		bool four = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
		bool six = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;

		if ((four && error->ee_type == ICMP_UNREACH && error->ee_code == ICMP_UNREACH_PORT) ||
		    (six && error->ee_type == ICMP6_DST_UNREACH &&
		     error->ee_code == ICMP6_DST_UNREACH_NOPORT)) {
			*found = is_service(sockets, SO_EE_OFFENDER(error)) ? ANSWER_REFUSED : ANSWER_STRANGE;
		}
	}
	return true;
}

/** The next thing that came for a socket. Returns false when there is none. */
static bool read_socket(struct sockets *sockets, int fd, char *found, uint16_t *id)
{
	uint8_t message[MESSAGE];
	struct sockaddr_storage source;
	socklen_t size = sizeof(source);
	ssize_t length;

	*id = 0;
	if (read_error(sockets, fd, found)) {
		return true;
	}
	do {
		length = recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&source, &size);
		// An error that was queued meanwhile.
	} while (length < 0 && errno != EAGAIN && !read_error(sockets, fd, found));
	if (length < 2) {
		return length >= 0 || errno != EAGAIN;
	}
	*id = (uint16_t)(message[0] << 8 | message[1]);
	*found = read_answer(sockets, message, (size_t)length, (struct sockaddr *)&source);
	return true;
}

/** Take what has come. Returns whether all that is expected has come by now. */
static bool take(struct sockets *sockets, const struct ask *ask, double waited)
{
	bool complete = true;

	for (unsigned i = 0; i < ask->count; i++) {
		unsigned port = ask->first + i;
		char found;
		uint16_t id;

		while (read_socket(sockets, sockets->fds[ask->client][port], &found, &id)) {
			// An answer to an earlier query, which was taken for lost, is none to this.
			bool stray = found != ANSWER_REFUSED && id != sockets->ids[ask->client][port];

			ask->found[i] = stray ? ANSWER_STRANGE : found;
		}
		if (ask->found[i] == NOT_YET) {
			bool silent = ask->expected != NULL && ask->expected[i] == ANSWER_NONE;

			complete = complete && silent && waited >= SILENCE;
		}
	}
	return complete;
}

void sockets_collect(struct sockets *sockets, const struct ask *ask)
{
	struct pollfd polls[PORTS_MAX];
	double start = seconds_now();

	memset(ask->found, NOT_YET, ask->count);
	ask->found[ask->count] = 0;
	for (unsigned i = 0; i < ask->count; i++) {
		polls[i] = (struct pollfd){.fd = sockets->fds[ask->client][ask->first + i], .events = POLLIN};
	}
	while (!take(sockets, ask, seconds_now() - start) && seconds_now() < start + PATIENCE) {
		poll(polls, ask->count, 20);
	}
	for (unsigned i = 0; i < ask->count; i++) {
		ask->found[i] = ask->found[i] == NOT_YET ? ANSWER_NONE : ask->found[i];
	}
}

void sockets_hear(struct sockets *sockets, unsigned client, unsigned port, double seconds, char *found)
{
	struct pollfd poll_one = {.fd = sockets->fds[client][port], .events = POLLIN};
	double end = seconds_now() + seconds, left;
	unsigned count = 0;
	uint16_t id;

	while ((left = end - seconds_now()) > 0) {
		poll(&poll_one, 1, (int)(left * 1e3) + 1);
		while (count < HEARD_MAX && read_socket(sockets, poll_one.fd, &found[count], &id)) {
			count++;
		}
	}
	found[count] = 0;
}

void sockets_close(struct sockets *sockets)
{
	for (unsigned client = 0; client <= CLIENTS_MAX; client++) {
		for (unsigned port = 0; port < PORTS_MAX; port++) {
			if (sockets->fds[client][port] >= 0) {
				close(sockets->fds[client][port]);
				sockets->fds[client][port] = -1;
			}
		}
	}
}

void sockets_open(struct sockets *sockets, unsigned first, unsigned highest)
{
	memset(sockets->fds, 0xff, sizeof(sockets->fds));
	sockets->first_base = first;
	sockets->base = first;
	sockets->highest = highest;
	sockets->next_id = 1;
}

void sockets_reset(struct sockets *sockets, bool six)
{
	sockets_close(sockets);
	sockets->six = six;
	sockets->base += PORTS_MAX;
	if (sockets->base + PORTS_MAX > sockets->highest) {
		sockets->base = sockets->first_base;
	}
}

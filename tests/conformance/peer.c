// A DNS server for the lab that does what the name asked for says, so that a test needs no other way to it:
//   peer NAME ADDRESS...     serves UDP port 53 of the addresses, answers with NSID NAME, prints "ready"
// Words among the labels of the name:
//   mute            no answer
//   delay-MS        the answer leaves MS milliseconds later
//   work-US         the answer takes US microseconds of the server, which does one at a time
//   push-MS-COUNT   an answer at once, and the same again every MS milliseconds, COUNT times
// Anything else is answered at once, with NOERROR and no records.

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 53,
	SOCKETS = 4,
	WAITING = 16384,
	MESSAGE = 512,
	HEADER = 12,
	BUFFER = 32 << 20,
};

/** An answer on its way. */
struct answer {
	double due;      ///< seconds
	double interval; ///< seconds between pushes
	unsigned pushes; ///< still to come after this one
	int socket;
	struct sockaddr_storage client;
	socklen_t client_size;
	uint16_t size;
	uint8_t message[MESSAGE];
};

struct server {
	const char *name;
	struct pollfd sockets[SOCKETS];
	unsigned socket_count;
	struct answer *waiting; ///< in no order
	unsigned waiting_count;
	double free_at; ///< when the work taken so far is done
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_socket(const char *text)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	bool is_six = strchr(text, ':') != NULL;
	int size = BUFFER, fd;

	if (inet_pton(is_six ? AF_INET6 : AF_INET, text,
	              is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1) {
		fprintf(stderr, "peer: no address \"%s\"\n", text);
		exit(2);
	}
	fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (fd < 0 || bind(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
	                   is_six ? sizeof(six) : sizeof(four)) < 0) {
		perror("peer: bind");
		exit(1);
	}
	return fd;
}

/** The number behind a word ("delay-" in "delay-600"), moved past; -1 without one. */
static double number_after(const char *word, const char **text)
{
	size_t length = strlen(word);
	double value;
	char *end;

	if (strncmp(*text, word, length) != 0) {
		return -1;
	}
	value = strtod(*text + length, &end);
	*text = end;
	return value;
}

/** What a label asks for. Returns false when there is to be no answer. */
static bool obey_label(struct server *server, const char *label, double now, struct answer *answer)
{
	const char *rest = label;
	double value;

	if (strcmp(label, "mute") == 0) {
		return false;
	}
	value = number_after("delay-", &rest);
	if (value >= 0) {
		answer->due = now + value / 1e3;
	}
	value = number_after("work-", &rest);
	if (value >= 0) {
		server->free_at = (server->free_at > now ? server->free_at : now) + value / 1e6;
		answer->due = server->free_at;
	}
	value = number_after("push-", &rest);
	if (value >= 0) {
		answer->interval = value / 1e3;
		answer->pushes = (unsigned)number_after("-", &rest);
	}
	return true;
}

/** Turn the query into its answer. Returns false when there is to be none. */
static bool make_answer(struct server *server, double now, struct answer *answer)
{
	size_t name_size = strlen(server->name), at = HEADER;
	bool wanted = true;
	char label[64];

	if (answer->size < HEADER || (answer->message[2] & 0x80) != 0) {
		return false;
	}
	while (at < answer->size && answer->message[at] != 0 && answer->message[at] < sizeof(label)) {
		size_t length = answer->message[at];

		if (at + 1 + length >= answer->size) {
			return false;
		}
		memcpy(label, &answer->message[at + 1], length);
		label[length] = 0;
		wanted = obey_label(server, label, now, answer) && wanted;
		at += 1 + length;
	}
	at += 1 + 4; // the root, type and class
	if (at > answer->size || at + 15 + name_size > MESSAGE) {
		return false;
	}
	answer->message[2] |= 0x84;
	answer->message[3] = 0;
	memcpy(&answer->message[6], (uint8_t[]){0, 0, 0, 0, 0, 1}, 6);
	memcpy(&answer->message[at],
	       (uint8_t[]){0, 0, 41, 4, 208, 0, 0, 0, 0, 0, (uint8_t)(4 + name_size), 0, 3, 0,
	                   (uint8_t)name_size},
	       15);
	memcpy(&answer->message[at + 15], server->name, name_size);
	answer->size = (uint16_t)(at + 15 + name_size);
	return wanted;
}

static void send_answer(const struct answer *answer)
{
	sendto(answer->socket, answer->message, answer->size, 0, (const struct sockaddr *)&answer->client,
	       answer->client_size);
}

static void receive(struct server *server, int fd)
{
	for (;;) {
		struct answer answer = {.socket = fd, .client_size = sizeof(answer.client)};
		ssize_t size = recvfrom(fd, answer.message, sizeof(answer.message), 0,
		                        (struct sockaddr *)&answer.client, &answer.client_size);
		double now = seconds_now();

		if (size < 0 && errno == EAGAIN) {
			return;
		}
		if (size < 0) {
			continue; // an ICMP error for an earlier answer
		}
		answer.size = (uint16_t)size;
		answer.due = now;
		if (!make_answer(server, now, &answer)) {
			continue;
		}
		if (answer.due <= now) {
			send_answer(&answer);
			answer.due += answer.interval;
			if (answer.pushes-- == 0) {
				continue;
			}
		}
		if (server->waiting_count < WAITING) {
			server->waiting[server->waiting_count++] = answer;
		}
	}
}

/** Send what is due. Returns the milliseconds until the next is, -1 when none waits. */
static int send_due(struct server *server)
{
	double now = seconds_now(), next = 1e18;

	for (unsigned i = 0; i < server->waiting_count; i++) {
		struct answer *answer = &server->waiting[i];

		if (answer->due <= now) {
			send_answer(answer);
			answer->due += answer->interval;
			if (answer->pushes-- == 0) {
				*answer = server->waiting[--server->waiting_count];
				i--;
				continue;
			}
		}
		next = answer->due < next ? answer->due : next;
	}
	return server->waiting_count == 0 ? -1 : next <= now ? 0 : (int)((next - now) * 1e3) + 1;
}

int main(int count, char **arguments)
{
	struct server server = {0};

	if (count < 3 || count - 2 > SOCKETS) {
		fprintf(stderr, "usage: peer NAME ADDRESS...\n");
		return 2;
	}
	server.name = arguments[1];
	server.waiting = calloc(WAITING, sizeof(*server.waiting));
	for (int i = 2; i < count; i++) {
		server.sockets[server.socket_count++] =
		        (struct pollfd){.fd = open_socket(arguments[i]), .events = POLLIN};
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		poll(server.sockets, server.socket_count, send_due(&server));
		for (unsigned i = 0; i < server.socket_count; i++) {
			receive(&server, server.sockets[i].fd);
		}
	}
}

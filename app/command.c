#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int command_start(struct command *command, const char *line, struct error *error)
{
	char shell[] = "/bin/sh", option[] = "-c";
	char *arguments[] = {shell, option, strdup(line), NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int ends[2], rc;

	memset(command, 0, sizeof(*command));
	command->pipe = -1;
	if (arguments[2] == NULL || pipe2(ends, O_CLOEXEC) < 0) {
		rc = errno;
		free(arguments[2]);
		return error_set(error, -rc, "can't start '%s': %s", line, strerror(rc));
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	// A group of its own: the terminal's Ctrl-C ends the run, not a rollout half-way; and its children
	// can be ended with it.
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigfillset(&defaults);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes,
	                         POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(&command->process, shell, &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(arguments[2]);
	close(ends[1]);
	if (rc != 0) {
		close(ends[0]);
		command->process = 0;
		return error_set(error, -rc, "can't start '%s': %s", line, strerror(rc));
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	command->pipe = ends[0];
	return 0;
}

static void read_output(struct command *command)
{
	char rest[512];
	ssize_t count;

	do {
		unsigned room = COMMAND_OUTPUT - command->length;

		count = read(command->pipe, room > 0 ? command->output + command->length : rest,
		             room > 0 ? room : sizeof(rest));
		if (count > 0 && room > 0) {
			command->length += (unsigned)count;
		} else if (count > 0) {
			command->dropped += (unsigned long long)count;
		}
	} while (count > 0);
	command->output[command->length] = '\0';
}

bool command_poll(struct command *command)
{
	int status;

	if (command->process == 0) {
		return command->ended;
	}
	read_output(command);
	if (waitpid(command->process, &status, WNOHANG) != command->process) {
		return false;
	}
	read_output(command);
	close(command->pipe);
	command->pipe = -1;
	command->process = 0;
	command->ended = true;
	command->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

void command_end(struct command *command, ns_t grace)
{
	const struct timespec pause = {.tv_nsec = (long)(10 * NS_PER_MS)};

	if (command->process == 0) {
		return;
	}
	kill(-command->process, SIGTERM);
	for (ns_t waited = 0; waited < grace; waited += 10 * NS_PER_MS) {
		if (command_poll(command)) {
			return;
		}
		nanosleep(&pause, NULL);
	}
	kill(-command->process, SIGKILL);
	while (!command_poll(command)) {
		nanosleep(&pause, NULL);
	}
}

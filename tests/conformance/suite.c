// Reads the items and holds a director against them.
//   suite ITEMS model [NUMBER...]
//   suite ITEMS kernel LAB [NUMBER...]     LAB is scripts/lab's path; NUMBER may be a range "1-14"
// A line an item: passed, failed (and where), or not shown. Exit status 1 when one failed.

#include "suite.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINES_MAX = 64,
	LINE_SIZE = 160,
	ATTEMPTS = 5, ///< an item whose time table could not be kept is begun again
};

struct item {
	unsigned number;
	bool twin; ///< IPv6 too
	char title[LINE_SIZE];
	char lines[LINES_MAX][LINE_SIZE];
	unsigned line_numbers[LINES_MAX];
	unsigned line_count;
};

enum outcome { PASSED, FAILED, LATE, NOT_SHOWN };

/** One attempt at an item. */
struct run {
	struct side *side;
	struct setup setup;
	unsigned client;
	char last[PORTS_MAX + 1];   ///< what the last ask found
	char before[PORTS_MAX + 1]; ///< and the one before it
	double asked[PORTS_MAX];    ///< when a port was last used
	bool quiet;                 ///< a hopeless attempt: carry out nothing more
	enum outcome outcome;
	char why[2 * LINE_SIZE];
};

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "suite: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\n");
	va_end(arguments);
	exit(2);
}

__attribute__((format(printf, 3, 4))) static void finish(struct run *run, enum outcome outcome,
                                                         const char *format, ...)
{
	va_list arguments;

	if (run->outcome != PASSED) {
		return;
	}
	va_start(arguments, format);
	vsnprintf(run->why, sizeof(run->why), format, arguments);
	va_end(arguments);
	run->outcome = outcome;
}

static void parse_ports(const char *text, unsigned *first, unsigned *count)
{
	*count = 1;
	if (sscanf(text, "%u+%u", first, count) < 1 || *first + *count > PORTS_MAX) {
		die("\"%s\" are no ports", text);
	}
}

static void set_key(struct setup *setup, const char *word)
{
	char key[32];
	double value;

	if (sscanf(word, "%31[a-z_]=%lf", key, &value) != 2) {
		die("\"%s\" is no KEY=VALUE", word);
	}
	if (strcmp(key, "timeout") == 0) {
		setup->timeout = value;
	} else if (strcmp(key, "conntrack_timeout") == 0) {
		setup->conntrack_timeout = value;
	} else if (strcmp(key, "persistence") == 0) {
		setup->persistence = value;
	} else if (strcmp(key, "hz") == 0) {
		setup->hz = (unsigned)value;
	} else if (strcmp(key, "jiffies") == 0) {
		setup->jiffies = (unsigned)value;
	} else if (strcmp(key, "drop") == 0) {
		setup->drop = (unsigned)value;
	} else if (strcmp(key, "nodest") == 0) {
		setup->expire_nodest = value > 0;
	} else if (strcmp(key, "hooks") == 0) {
		setup->hooks = value > 0;
	} else if (strcmp(key, "conntrack") == 0) {
		setup->hooks = setup->conntrack = value > 0;
	} else if (strcmp(key, "lazy") == 0) {
		setup->lazy = value > 0;
	} else if (strcmp(key, "one_packet") == 0) {
		setup->one_packet = value > 0;
	} else {
		die("no key \"%s\"", key);
	}
}

static void set_up(struct run *run, char *const *words, unsigned count)
{
	bool six = run->setup.six;

	run->setup = (struct setup){.timeout = 30, .conntrack_timeout = 30, .six = six};
	for (unsigned i = 1; i < count; i++) {
		set_key(&run->setup, words[i]);
	}
}

static void step_ask(struct run *run, char *const *words, unsigned count)
{
	struct ask ask = {.client = run->client, .how = count > 3 ? words[3] : "www"};
	char found[PORTS_MAX + 1];

	parse_ports(words[1], &ask.first, &ask.count);
	ask.expected = words[2][0] == '*' ? NULL : words[2];
	ask.found = found;
	for (unsigned i = 0; i < ask.count; i++) {
		run->asked[ask.first + i] = run->side->operations->now(run->side);
	}
	run->side->operations->ask(run->side, &ask);
	memcpy(run->before, run->last, sizeof(run->before));
	memcpy(run->last, found, sizeof(run->last));
	if (ask.expected != NULL ? strcmp(found, ask.expected) != 0
	                         : strspn(found, "ABCD") != strlen(found)) {
		finish(run, FAILED, "expected %s, found %s", words[2], found);
	}
}

static void step_send(struct run *run, char *const *words)
{
	char found[PORTS_MAX + 1];
	struct ask ask = {.client = run->client, .how = words[2], .found = found};

	parse_ports(words[1], &ask.first, &ask.count);
	run->side->operations->send(run->side, &ask);
}

static void step_hear(struct run *run, char *const *words)
{
	char found[PORTS_MAX + 1];
	unsigned port, count;

	parse_ports(words[1], &port, &count);
	run->side->operations->hear(run->side, run->client, port, strtod(words[2], NULL), found);
	if (strcmp(found, words[3]) != 0) {
		finish(run, FAILED, "expected %s, heard \"%s\"", words[3], found);
	}
}

static const struct row *find_row(const struct row *rows, unsigned count, unsigned client, unsigned port)
{
	for (unsigned i = 0; i < count; i++) {
		if (rows[i].port == port && (port == 0 || rows[i].client == client)) {
			return &rows[i];
		}
	}
	return NULL;
}

static void step_table(struct run *run, char *const *words)
{
	struct row rows[PORTS_MAX];
	char found[PORTS_MAX + 1] = "";
	unsigned size = run->side->operations->table(run->side, rows, PORTS_MAX), first, count;

	parse_ports(words[1], &first, &count);
	for (unsigned i = 0; i < count; i++) {
		const struct row *row = find_row(rows, size, run->client, first + i);

		found[i] = row != NULL ? row->server : '.';
	}
	if (strcmp(found, words[2]) != 0) {
		finish(run, FAILED, "expected %s in the table, found %s", words[2], found);
	}
}

static void step_connections(struct run *run, char *const *words)
{
	struct row rows[PORTS_MAX];
	unsigned size = run->side->operations->table(run->side, rows, PORTS_MAX);

	if (size != strtoul(words[1], NULL, 10)) {
		finish(run, FAILED, "expected %s connections, found %u", words[1], size);
	}
}

static void step_left(struct run *run, char *const *words)
{
	struct row rows[PORTS_MAX];
	unsigned size = run->side->operations->table(run->side, rows, PORTS_MAX), port, count;
	double low = strtod(words[2], NULL), high = strtod(words[3], NULL);
	const struct row *row;

	parse_ports(words[1], &port, &count);
	row = find_row(rows, size, run->client, port);
	if (row == NULL) {
		finish(run, FAILED, "port %u has no connection", port);
	} else if (row->left < low - row->accuracy || row->left > high + row->accuracy) {
		finish(run, FAILED, "expected %g to %g s left, found %g s", low, high, row->left);
	}
}

static void step_leaves(struct run *run, char *const *words)
{
	double timeout = strtod(words[2], NULL), granularity = strtod(words[3], NULL), until = 0;
	double early[PORTS_MAX], late[PORTS_MAX], latest = 0, blur = 0;
	unsigned first, count;

	parse_ports(words[1], &first, &count);
	for (unsigned i = 0; i < count; i++) {
		until = fmax(until, run->asked[first + i] + timeout + granularity);
	}
	run->side->operations->watch(run->side, first, count, until + 0.5, early, late);
	for (unsigned i = 0; i < count; i++) {
		double asked = run->asked[first + i];

		latest = fmax(latest, early[i] - asked - timeout);
		blur = fmax(blur, late[i] - early[i]);
		if (late[i] - asked <= timeout || early[i] - asked > timeout + granularity ||
		    isinf(late[i])) {
			finish(run, FAILED,
			       "port %u left between %.2f and %.2f s after its query, not in (%g, %g]",
			       first + i, early[i] - asked, late[i] - asked, timeout, timeout + granularity);
		}
	}
	if (latest <= strtod(words[4], NULL) && blur > granularity / 2) {
		finish(run, LATE, "the table could be looked at every %.2f s only", blur);
	} else if (latest <= strtod(words[4], NULL)) {
		finish(run, FAILED, "the last left %.2f s late, not over %s s", latest, words[4]);
	}
}

static void step_received(struct run *run, char *const *words)
{
	unsigned long received = run->side->operations->received(run->side, words[1][0]);

	if (received != strtoul(words[2], NULL, 10)) {
		finish(run, FAILED, "expected %s datagrams at %s, found %lu", words[2], words[1], received);
	}
}

static void step_moved(struct run *run, char *const *words)
{
	unsigned moved = 0;

	for (unsigned i = 0; run->last[i] != 0; i++) {
		moved += run->last[i] != run->before[i];
	}
	if (moved != strtoul(words[1], NULL, 10)) {
		finish(run, FAILED, "expected %s ports to move, found %u", words[1], moved);
	}
}

static void step_up(struct run *run, char *const *words)
{
	const char *excuse = run->side->operations->excuse(run->side, &run->setup);

	if (excuse != NULL) {
		finish(run, NOT_SHOWN, "%s", excuse);
		return;
	}
	run->side->operations->up(run->side, &run->setup, strcmp(words[1], "none") == 0 ? "" : words[1]);
}

/** Commands and the words they need. */
static void step(struct run *run, char *const *words, unsigned count)
{
	static const struct {
		const char *name;
		unsigned words;
		void (*run)(struct run *run, char *const *words);
	} steps[] = {
	        {"up", 2, step_up},         {"send", 3, step_send},
	        {"hear", 4, step_hear},     {"table", 3, step_table},
	        {"left", 4, step_left},     {"connections", 2, step_connections},
	        {"leaves", 5, step_leaves}, {"received", 3, step_received},
	        {"moved", 2, step_moved},
	};

	if (strcmp(words[0], "ask") == 0 && count >= 3) {
		step_ask(run, words, count);
		return;
	}
	if (strcmp(words[0], "with") == 0) {
		set_up(run, words, count);
		return;
	}
	if (strcmp(words[0], "client") == 0 && count == 2) {
		run->client = (unsigned)strtoul(words[1], NULL, 10);
		return;
	}
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (strcmp(words[0], steps[i].name) == 0 && count == steps[i].words) {
			steps[i].run(run, words);
			return;
		}
	}
	run->side->operations->change(run->side, words, count);
}

/** "at 1-4/1 COMMAND...", "after 0.5 COMMAND...", or a command at once. */
static void run_line(struct run *run, const char *line)
{
	char copy[LINE_SIZE], *words[WORDS_MAX], *rest = NULL;
	double from, to, every = 1;
	unsigned count = 0;
	int known;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " \t", &rest); word != NULL && count < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &rest)) {
		words[count++] = word;
	}
	if (strcmp(words[0], "after") == 0 && count > 2) {
		run->side->operations->wait(run->side,
		                            run->side->operations->now(run->side) + strtod(words[1], NULL));
		step(run, words + 2, count - 2);
		return;
	}
	if (strcmp(words[0], "at") != 0 || count < 3) {
		step(run, words, count);
		return;
	}
	known = sscanf(words[1], "%lf-%lf/%lf", &from, &to, &every);
	if (known == 1) {
		to = from;
	}
	for (double at = from; at < to + every / 2 && run->outcome == PASSED; at += every) {
		if (!run->side->operations->wait(run->side, at)) {
			finish(run, LATE, "too late for %g s", at);
			return;
		}
		step(run, words + 2, count - 2);
	}
}

static enum outcome try_item(struct side *side, const struct item *item, bool six, char *why, size_t size)
{
	struct run run = {.side = side, .client = 1};
	char *nothing[] = {NULL};

	run.setup.six = six;
	set_up(&run, nothing, 1);
	for (unsigned i = 0; i < item->line_count && run.outcome == PASSED; i++) {
		run_line(&run, item->lines[i]);
		if (run.outcome == FAILED || run.outcome == LATE) {
			snprintf(why, size, "line %u, \"%s\": %s", item->line_numbers[i], item->lines[i],
			         run.why);
		} else if (run.outcome == NOT_SHOWN) {
			snprintf(why, size, "%s", run.why);
		}
	}
	return run.outcome;
}

/** Returns false when it failed. */
static bool run_item(struct side *side, const struct item *item, bool six)
{
	static const char *const names[] = {"passed", "FAILED", "FAILED", "not shown"};
	enum outcome outcome = LATE;
	char why[4 * LINE_SIZE] = "";

	for (unsigned attempt = 0; attempt < ATTEMPTS && outcome == LATE; attempt++) {
		outcome = try_item(side, item, six, why, sizeof(why));
	}
	printf("%-9s %s %2u%s %s", names[outcome], side->name, item->number, six ? " (IPv6)" : "",
	       item->title);
	printf(outcome == PASSED ? "\n" : ": %s\n", why);
	fflush(stdout);
	return outcome == PASSED || outcome == NOT_SHOWN;
}

static bool is_wanted(unsigned number, char **words, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned from, to;
		int known = sscanf(words[i], "%u-%u", &from, &to);

		if (known < 1) {
			die("\"%s\" is no item", words[i]);
		}
		if (number >= from && number <= (known == 2 ? to : from)) {
			return true;
		}
	}
	return count == 0;
}

/** The next item of the file; the lines up to the next "item" line are its own. Returns false at the end. */
static bool read_item(FILE *file, struct item *item, unsigned *line_number, char *ahead)
{
	char line[LINE_SIZE], families[8];
	int title;

	if (ahead[0] == 0 || sscanf(ahead, "item %u %7s %n", &item->number, families, &title) != 2) {
		return false;
	}
	snprintf(item->title, sizeof(item->title), "%s", ahead + title);
	item->twin = strcmp(families, "46") == 0;
	item->line_count = 0;
	ahead[0] = 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		++*line_number;
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "item ", 5) == 0) {
			memcpy(ahead, line, sizeof(line));
			break;
		}
		if (line[0] == 0 || line[0] == '#') {
			continue;
		}
		if (item->line_count == LINES_MAX) {
			die("item %u is too long", item->number);
		}
		item->line_numbers[item->line_count] = *line_number;
		memcpy(item->lines[item->line_count++], line, sizeof(line));
	}
	return true;
}

static void skip_head(FILE *file, unsigned *line_number, char *ahead)
{
	while (fgets(ahead, LINE_SIZE, file) != NULL) {
		++*line_number;
		ahead[strcspn(ahead, "\n")] = 0;
		if (strncmp(ahead, "item ", 5) == 0) {
			return;
		}
	}
	die("no items");
}

int main(int count, char **arguments)
{
	bool kernel = count > 3 && strcmp(arguments[2], "kernel") == 0;
	unsigned line_number = 0, failed = 0;
	int first = kernel ? 4 : 3;
	char ahead[LINE_SIZE];
	static struct item item;
	struct side *side;
	FILE *file;

	if (!kernel && (count < 3 || strcmp(arguments[2], "model") != 0)) {
		die("usage: suite ITEMS model [NUMBER...] | suite ITEMS kernel LAB [NUMBER...]");
	}
	file = fopen(arguments[1], "r");
	if (file == NULL) {
		die("%s cannot be read", arguments[1]);
	}
	side = kernel ? side_kernel(arguments[3]) : side_model();
	skip_head(file, &line_number, ahead);
	while (read_item(file, &item, &line_number, ahead)) {
		if (!is_wanted(item.number, arguments + first, count - first)) {
			continue;
		}
		failed += !run_item(side, &item, false);
		failed += item.twin && !run_item(side, &item, true);
	}
	fclose(file);
	side->operations->close(side);
	return failed > 0;
}

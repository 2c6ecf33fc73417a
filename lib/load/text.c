// Profiles as text. Items are cut at newlines and commas, words at blanks; every word knows its line and
// column.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/profile.h"

#define WORDS_MAX  3
#define WORD_SIZE  64
#define FILE_LIMIT (16 << 20)

struct text {
	const char *at;
	const char *source;
	int line;
	int column;
	struct error *error;
};

struct word {
	char text[WORD_SIZE];
	int line;
	int column;
};

static void step(struct text *text)
{
	if (*text->at == '\n') {
		text->line++;
		text->column = 0;
	}
	text->column++;
	text->at++;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_item(char c)
{
	return c == '\0' || c == '\n' || c == ',';
}

static int refuse(const struct text *text, const struct word *word, const char *why)
{
	return error_set_at(text->error, -EINVAL, text->source, word->line, word->column, "'%s' %s",
	                    word->text, why);
}

static int read_word(struct text *text, struct word *word)
{
	size_t length = 0;

	word->line = text->line;
	word->column = text->column;
	while (!ends_item(*text->at) && !is_blank(*text->at) && *text->at != '#') {
		if (length + 1 == sizeof(word->text)) {
			word->text[length] = '\0';
			return refuse(text, word, "is longer than any duration or rate");
		}
		word->text[length++] = *text->at;
		step(text);
	}
	word->text[length] = '\0';
	return 0;
}

// Read one item's words and what ends it. Returns their number or a negative errno.
static int read_item(struct text *text, struct word *words)
{
	int count = 0;

	for (;;) {
		struct word word;
		int rc;

		while (is_blank(*text->at)) {
			step(text);
		}
		if (*text->at == '#') {
			while (*text->at != '\0' && *text->at != '\n') {
				step(text);
			}
		}
		if (ends_item(*text->at)) {
			break;
		}
		rc = read_word(text, &word);
		if (rc < 0) {
			return rc;
		}
		if (count == WORDS_MAX) {
			return refuse(text, &word,
			              "is one word too many; a segment is DURATION QPS [TO_QPS]");
		}
		words[count++] = word;
	}
	if (*text->at != '\0') {
		step(text);
	}
	return count;
}

static int parse_rate(const struct text *text, const struct word *word, double *qps)
{
	if (strcmp(word->text, "max") == 0) {
		*qps = LOAD_UNLIMITED;
		return 0;
	}
	if (units_parse_count(word->text, qps) < 0) {
		return refuse(text, word, "is no rate; write queries a second, e.g. 500, 100k, 1.5M, or max");
	}
	return 0;
}

static int parse_segment(struct load_profile *profile, const struct text *text, const struct word *words,
                         int count)
{
	ns_t duration = NS_NEVER;
	double from, to;
	struct error cause = {0};
	int rc = parse_rate(text, &words[count > 1], &from);

	if (rc < 0) {
		return rc;
	}
	to = from;
	if (count > 2) {
		rc = parse_rate(text, &words[2], &to);
		if (rc < 0) {
			return rc;
		}
	}
	if (count > 1 && strcmp(words[0].text, "forever") != 0 &&
	    units_parse_duration(words[0].text, NS_PER_SEC, &duration) < 0) {
		return refuse(text, &words[0], "is no duration; write e.g. 60s, 500ms, 5m, or forever");
	}
	rc = load_profile_add(profile, duration, from, to, &cause);
	if (rc < 0) {
		return error_set_at(text->error, rc, text->source, words[0].line, words[0].column, "%s",
		                    cause.text);
	}
	return 0;
}

static int parse_item(struct load_profile *profile, const struct text *text, const struct word *words,
                      int count)
{
	if (profile->repeat) {
		return refuse(text, &words[0], "comes after repeat, which is the last item");
	}
	if (count > 1 || strcmp(words[0].text, "repeat") != 0) {
		return parse_segment(profile, text, words, count);
	}
	if (profile->count == 0 || profile->duration == NS_NEVER) {
		return refuse(text, &words[0], "needs segments before it, all with a duration");
	}
	profile->repeat = true;
	return 0;
}

int load_profile_parse(struct load_profile *profile, const char *source_text, const char *source,
                       struct error *error)
{
	struct text text = {.at = source_text, .source = source, .line = 1, .column = 1, .error = error};
	int rc = 0;

	load_profile_init(profile);
	while (*text.at != '\0' && rc == 0) {
		struct word words[WORDS_MAX];

		rc = read_item(&text, words);
		if (rc > 0) {
			rc = parse_item(profile, &text, words, rc);
		}
	}
	if (rc == 0 && profile->count == 0) {
		rc = error_set_at(error, -EINVAL, source, 0, 0,
		                  "the rate profile is empty; write e.g. 100k, or a segment DURATION QPS "
		                  "[TO_QPS] a line");
	}
	if (rc < 0) {
		load_profile_free(profile);
	}
	return rc;
}

int load_profile_read(struct load_profile *profile, const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length;
	int rc;

	load_profile_init(profile);
	if (file == NULL) {
		rc = -errno;
		return error_set_at(error, rc, path, 0, 0, "can't open the rate profile: %s", strerror(-rc));
	}
	text = malloc(FILE_LIMIT + 1);
	if (text == NULL) {
		rc = error_set_at(error, -ENOMEM, path, 0, 0, "no memory to read the rate profile");
		goto close;
	}
	errno = 0;
	length = fread(text, 1, FILE_LIMIT + 1, file);
	if (ferror(file)) {
		rc = errno != 0 ? -errno : -EIO;
		rc = error_set_at(error, rc, path, 0, 0, "can't read the rate profile: %s", strerror(-rc));
	} else if (length > FILE_LIMIT) {
		rc = error_set_at(error, -EFBIG, path, 0, 0, "the rate profile is longer than 16 MiB");
	} else if (memchr(text, '\0', length) != NULL) {
		rc = error_set_at(error, -EINVAL, path, 0, 0,
		                  "the rate profile is not text: it holds a zero byte");
	} else {
		text[length] = '\0';
		rc = load_profile_parse(profile, text, path, error);
	}
	free(text);
close:
	fclose(file);
	return rc;
}

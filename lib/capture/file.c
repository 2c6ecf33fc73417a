#include "capture/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Block types and option codes of pcapng.
#define BLOCK_SECTION    0x0A0D0D0Au
#define BLOCK_INTERFACE  1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET     6u
#define BYTE_ORDER_MAGIC 0x1A2B3C4Du
#define LINK_ETHERNET    1u

#define OPTION_END       0u
#define OPTION_COMMENT   1u
#define SECTION_PROGRAM  4u
#define INTERFACE_NAME   2u
#define INTERFACE_RESOL  9u
#define PACKET_FLAGS     2u
#define STATISTICS_TAKEN 4u
#define STATISTICS_DROPS 5u

#define NANOSECONDS 9 ///< if_tsresol: 10^-9

// Blocks are gathered here: a head, a frame of 64 KiB and its options.
#define BLOCK_MAX     (72 * 1024)
#define COMMENT_MAX   2048
#define STREAM_BUFFER (1 << 20)

struct capture_file {
	FILE *stream;
	bool standard;
	int failure; ///< errno of the first write that failed
	uint64_t count;
	size_t length;
	uint8_t block[BLOCK_MAX];
	char name[256];
};

// ---- Blocks

static void put(struct capture_file *file, const void *bytes, size_t length)
{
	if (length > 0) {
		memcpy(file->block + file->length, bytes, length);
		file->length += length;
	}
}

static void put16(struct capture_file *file, uint16_t value)
{
	put(file, &value, sizeof(value));
}

static void put32(struct capture_file *file, uint32_t value)
{
	put(file, &value, sizeof(value));
}

static void put_padded(struct capture_file *file, const void *bytes, size_t length)
{
	static const uint8_t zeroes[4] = {0};

	put(file, bytes, length);
	put(file, zeroes, (4 - length % 4) % 4);
}

static void put_option(struct capture_file *file, uint16_t code, const void *value, size_t length)
{
	put16(file, code);
	put16(file, (uint16_t)length);
	put_padded(file, value, length);
}

static void put_text(struct capture_file *file, uint16_t code, const char *text)
{
	put_option(file, code, text, strnlen(text, COMMENT_MAX));
}

static void put_time(struct capture_file *file, uint64_t time)
{
	put32(file, (uint32_t)(time >> 32));
	put32(file, (uint32_t)time);
}

static void block_begin(struct capture_file *file, uint32_t type)
{
	file->length = 0;
	put32(file, type);
	put32(file, 0); // its length, known at the end
}

static void block_end(struct capture_file *file)
{
	uint32_t length = (uint32_t)file->length + sizeof(length);

	memcpy(file->block + sizeof(uint32_t), &length, sizeof(length));
	put32(file, length);
	if (fwrite(file->block, 1, file->length, file->stream) != file->length && file->failure == 0) {
		file->failure = errno != 0 ? errno : EIO;
	}
}

// ---- The file

static void write_head(struct capture_file *file, const char *program, const char *interface, uint32_t snap)
{
	uint8_t resolution = NANOSECONDS;

	block_begin(file, BLOCK_SECTION);
	put32(file, BYTE_ORDER_MAGIC);
	put16(file, 1); // version 1.0
	put16(file, 0);
	put32(file, UINT32_MAX); // the section's length is not known
	put32(file, UINT32_MAX);
	put_text(file, SECTION_PROGRAM, program);
	put_option(file, OPTION_END, NULL, 0);
	block_end(file);

	block_begin(file, BLOCK_INTERFACE);
	put16(file, LINK_ETHERNET);
	put16(file, 0);
	put32(file, snap);
	put_text(file, INTERFACE_NAME, interface);
	put_option(file, INTERFACE_RESOL, &resolution, sizeof(resolution));
	put_option(file, OPTION_END, NULL, 0);
	block_end(file);
}

int capture_file_open(struct capture_file **out, const char *path, FILE *standard, const char *program,
                      const char *interface, uint32_t snap, struct error *error)
{
	struct capture_file *file = (struct capture_file *)calloc(1, sizeof(*file));

	*out = NULL;
	if (file == NULL) {
		return error_set(error, -ENOMEM, "no memory for the capture file");
	}
	file->standard = strcmp(path, "-") == 0;
	file->stream = file->standard ? standard : fopen(path, "we");
	if (file->stream == NULL) {
		int rc = error_set_at(error, -errno, path, 0, 0, "can't write the capture: %s",
		                      strerror(errno));

		free(file);
		return rc;
	}
	if (!file->standard) {
		setvbuf(file->stream, NULL, _IOFBF, STREAM_BUFFER);
	}
	snprintf(file->name, sizeof(file->name), "%s", path);
	write_head(file, program, interface, snap);
	*out = file;
	return 0;
}

void capture_file_write(struct capture_file *file, const struct capture_packet *packet)
{
	uint32_t direction = packet->direction;
	uint32_t captured = packet->captured <= UINT16_MAX ? packet->captured : UINT16_MAX;

	block_begin(file, BLOCK_PACKET);
	put32(file, 0); // the only interface
	put_time(file, packet->time);
	put32(file, captured);
	put32(file, packet->original);
	put_padded(file, packet->bytes, captured);
	if (packet->comment != NULL) {
		put_text(file, OPTION_COMMENT, packet->comment);
	}
	put_option(file, PACKET_FLAGS, &direction, sizeof(direction));
	put_option(file, OPTION_END, NULL, 0);
	block_end(file);
	file->count++;
}

uint64_t capture_file_count(const struct capture_file *file)
{
	return file->count;
}

void capture_file_flush(struct capture_file *file)
{
	if (fflush(file->stream) != 0 && file->failure == 0) {
		file->failure = errno;
	}
}

int capture_file_close(struct capture_file *file, uint64_t time, uint64_t dropped, struct error *error)
{
	uint64_t taken;
	int failure;

	if (file == NULL) {
		return 0;
	}
	taken = file->count + dropped;
	block_begin(file, BLOCK_STATISTICS);
	put32(file, 0);
	put_time(file, time);
	put_option(file, STATISTICS_TAKEN, &taken, sizeof(taken));
	put_option(file, STATISTICS_DROPS, &dropped, sizeof(dropped));
	put_option(file, OPTION_END, NULL, 0);
	block_end(file);
	capture_file_flush(file);
	if (!file->standard && fclose(file->stream) != 0 && file->failure == 0) {
		file->failure = errno;
	}
	failure = file->failure;
	if (failure != 0) {
		error_set_at(error, -EIO, file->name, 0, 0, "the capture is incomplete: %s",
		             strerror(failure));
	}
	free(file);
	return failure != 0 ? -EIO : 0;
}

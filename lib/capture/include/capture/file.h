#pragma once
// A pcapng file (draft-ietf-opsawg-pcapng): Ethernet frames with nanosecond stamps, a direction and a comment
// each, and how many were dropped. Written by hand, since libpcap writes no pcapng. The opener owns the file;
// one thread.

#include "base/error.h"
#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct capture_file;

enum capture_direction {
	CAPTURE_INBOUND = 1, ///< as epb_flags has it
	CAPTURE_OUTBOUND = 2,
};

/** One packet. */
struct capture_packet {
	uint64_t time; ///< ns since 1970-01-01 UTC
	enum capture_direction direction;
	const uint8_t *bytes;
	uint32_t captured;   ///< octets at `bytes`
	uint32_t original;   ///< octets that the frame had
	const char *comment; ///< NULL: none
};

/**
 * Create the file, "-" for standard output (`standard` then is the stream), and write its head. `program` and
 * `interface` are named in it; `snap` is the most octets that are kept of a frame. Returns 0, a negative
 * errno, or -ENOMEM.
 */
int capture_file_open(struct capture_file **out, const char *path, FILE *standard, const char *program,
                      const char *interface, uint32_t snap, struct error *error);

/** Write a packet. An error is remembered until the close. */
void capture_file_write(struct capture_file *file, const struct capture_packet *packet);

/** Packets written. */
uint64_t capture_file_count(const struct capture_file *file);

/** Bring what was written to the disk: the file is valid then. */
void capture_file_flush(struct capture_file *file);

/**
 * Write how many packets were `dropped` before they came here, at `time`, and close. Returns 0, or -EIO with
 * the reason of the first write that failed. NULL is allowed.
 */
int capture_file_close(struct capture_file *file, uint64_t time, uint64_t dropped, struct error *error);

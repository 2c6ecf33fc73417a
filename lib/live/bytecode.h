#pragma once
// Writing BPF instructions (RFC 9669) into an array, one function a kind. Jumps name labels; code_finish()
// puts the distances in. Private to the room.

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#define CODE_MAX    128
#define CODE_LABELS 16

struct code {
	struct bpf_insn insns[CODE_MAX];
	unsigned count;
	int places[CODE_LABELS]; ///< instruction of each label, -1: not set
	int targets[CODE_MAX];   ///< label that a jump goes to, -1: no jump
	bool full;               ///< an instruction or a label had no room
};

/** Widths of loads and stores. */
enum code_width {
	CODE_32 = BPF_W,
	CODE_64 = BPF_DW,
};

void code_begin(struct code *code);

/** to = from */
void code_move(struct code *code, unsigned to, unsigned from);
/** to = value */
void code_set(struct code *code, unsigned to, int32_t value);
/** to = to OPERATION from; BPF_ADD, BPF_SUB, ... */
void code_calculate(struct code *code, unsigned operation, unsigned to, unsigned from);
/** to = to OPERATION value */
void code_calculate_by(struct code *code, unsigned operation, unsigned to, int32_t value);
/** to = the lower half of from, the upper half zero */
void code_lower_half(struct code *code, unsigned to, unsigned from);
/** to = *(from + offset) */
void code_load(struct code *code, enum code_width width, unsigned to, unsigned from, int offset);
/** *(to + offset) = from */
void code_store(struct code *code, enum code_width width, unsigned to, int offset, unsigned from);
/** *(to + offset) = value */
void code_store_value(struct code *code, enum code_width width, unsigned to, int offset, int32_t value);
/** to = address of the first octet of a map's only value */
void code_map_value(struct code *code, unsigned to, int map);
/** What was loaded before comes before what is loaded from here on. */
void code_load_fence(struct code *code, unsigned scratch, unsigned base, int offset);
void code_call(struct code *code, int helper);
void code_exit(struct code *code);
void code_label(struct code *code, unsigned label);
/** Go on at the label: always, or if left CONDITION right; BPF_JEQ, BPF_JNE, BPF_JGT, ... */
void code_jump(struct code *code, unsigned label);
void code_jump_if(struct code *code, unsigned condition, unsigned left, unsigned right, unsigned label);
void code_jump_if_value(struct code *code, unsigned condition, unsigned left, int32_t value, unsigned label);

/** Put in the distances of all jumps. Returns false when something had no room or a label is missing. */
bool code_finish(struct code *code);

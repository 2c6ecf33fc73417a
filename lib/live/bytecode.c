#include "bytecode.h"

#include <string.h>

void code_begin(struct code *code)
{
	memset(code, 0, sizeof(*code));
	for (unsigned i = 0; i < CODE_LABELS; i++) {
		code->places[i] = -1;
	}
}

static void add(struct code *code, unsigned opcode, unsigned to, unsigned from, int offset, int32_t value)
{
	if (code->count == CODE_MAX) {
		code->full = true;
		return;
	}
	code->targets[code->count] = -1;
	code->insns[code->count++] = (struct bpf_insn){.code = (uint8_t)opcode,
	                                               .dst_reg = to & 15,
	                                               .src_reg = from & 15,
	                                               .off = (int16_t)offset,
	                                               .imm = value};
}

void code_move(struct code *code, unsigned to, unsigned from)
{
	add(code, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_set(struct code *code, unsigned to, int32_t value)
{
	add(code, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void code_calculate(struct code *code, unsigned operation, unsigned to, unsigned from)
{
	add(code, BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
}

void code_calculate_by(struct code *code, unsigned operation, unsigned to, int32_t value)
{
	add(code, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

void code_lower_half(struct code *code, unsigned to, unsigned from)
{
	add(code, BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_load(struct code *code, enum code_width width, unsigned to, unsigned from, int offset)
{
	add(code, BPF_LDX | BPF_MEM | width, to, from, offset, 0);
}

void code_store(struct code *code, enum code_width width, unsigned to, int offset, unsigned from)
{
	add(code, BPF_STX | BPF_MEM | width, to, from, offset, 0);
}

void code_store_value(struct code *code, enum code_width width, unsigned to, int offset, int32_t value)
{
	add(code, BPF_ST | BPF_MEM | width, to, 0, offset, value);
}

void code_map_value(struct code *code, unsigned to, int map)
{
	// Two instructions: the map's descriptor in the first, the offset into its value in the second.
	add(code, BPF_LD | BPF_IMM | BPF_DW, to, BPF_PSEUDO_MAP_VALUE, 0, map);
	add(code, 0, 0, 0, 0, 0);
}

void code_load_fence(struct code *code, unsigned scratch, unsigned base, int offset)
{
#if defined(__x86_64__)
	// Loads keep their order.
	(void)code;
	(void)scratch;
	(void)base;
	(void)offset;
#else
	// An atomic operation that returns what was there is a full barrier (RFC 9669, 5.3, leaves the order
	// open; Documentation/bpf/standardization and the kernel's JITs make it one). It adds nothing.
	code_set(code, scratch, 0);
	add(code, BPF_STX | BPF_ATOMIC | BPF_DW, base, scratch, offset, BPF_ADD | BPF_FETCH);
#endif
}

void code_call(struct code *code, int helper)
{
	add(code, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void code_exit(struct code *code)
{
	add(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void code_label(struct code *code, unsigned label)
{
	if (label >= CODE_LABELS) {
		code->full = true;
		return;
	}
	code->places[label] = (int)code->count;
}

static void jump(struct code *code, unsigned opcode, unsigned left, unsigned right, int32_t value,
                 unsigned label)
{
	add(code, BPF_JMP | opcode, left, right, 0, value);
	if (!code->full) {
		code->targets[code->count - 1] = (int)label;
	}
}

void code_jump(struct code *code, unsigned label)
{
	jump(code, BPF_JA, 0, 0, 0, label);
}

void code_jump_if(struct code *code, unsigned condition, unsigned left, unsigned right, unsigned label)
{
	jump(code, condition | BPF_X, left, right, 0, label);
}

void code_jump_if_value(struct code *code, unsigned condition, unsigned left, int32_t value, unsigned label)
{
	jump(code, condition | BPF_K, left, 0, value, label);
}

bool code_finish(struct code *code)
{
	for (unsigned i = 0; !code->full && i < code->count; i++) {
		int label = code->targets[i];

		if (label < 0) {
			continue;
		}
		if (label >= CODE_LABELS || code->places[label] < 0) {
			return false;
		}
		// From the instruction after the jump.
		code->insns[i].off = (int16_t)(code->places[label] - (int)i - 1);
	}
	return !code->full;
}

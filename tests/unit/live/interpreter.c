#include "interpreter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static uint64_t call(struct machine *machine, int helper, const uint64_t *r)
{
	switch (helper) {
	case BPF_FUNC_get_current_pid_tgid:
		return machine->task;
	case BPF_FUNC_xdp_adjust_tail:
		machine->length = (unsigned)((int)machine->length + (int)r[2]);
		return 0;
	case BPF_FUNC_xdp_store_bytes:
		assert_true(r[2] + r[4] <= machine->length);
		memcpy(machine->page + r[2], (const void *)(uintptr_t)r[3], r[4]);
		return 0;
	case BPF_FUNC_redirect:
		machine->interface = (unsigned)r[1];
		machine->redirects++;
		return XDP_REDIRECT;
	default:
		fail_msg("helper %d", helper);
		return 0;
	}
}

static uint64_t calculate(unsigned operation, uint64_t a, uint64_t b)
{
	switch (operation) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_AND:
		return a & b;
	case BPF_LSH:
		return a << b;
	case BPF_MOV:
		return b;
	default:
		fail_msg("operation %x", operation);
		return 0;
	}
}

static int is_true(unsigned condition, uint64_t a, uint64_t b)
{
	switch (condition) {
	case BPF_JA:
		return 1;
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	default:
		fail_msg("condition %x", condition);
		return 0;
	}
}

// Nothing outside the ring and the context is touched.
static void check_access(const struct machine *machine, uintptr_t at, const void *context)
{
	uintptr_t ring = (uintptr_t)machine->ring;

	assert_true((at >= ring && at + 8 <= ring + machine->shape.octets) ||
	            (context != NULL && at >= (uintptr_t)context && at < (uintptr_t)context + 64));
}

static void access_memory(const struct machine *machine, const struct bpf_insn *in, uint64_t *r,
                          const void *context)
{
	unsigned kind = BPF_CLASS(in->code), size = BPF_SIZE(in->code) == BPF_W ? 4 : 8;
	uintptr_t at =
	        (uintptr_t)r[kind == BPF_LDX ? in->src_reg : in->dst_reg] + (uintptr_t)(intptr_t)in->off;
	uint64_t value = kind == BPF_ST ? (uint64_t)(int64_t)in->imm : r[in->src_reg];

	check_access(machine, at, context);
	if ((in->code & 0xe0) == BPF_ATOMIC) {
		memcpy(&r[in->src_reg], (const void *)at, 8); // a fence: adds nothing, returns what was there
	} else if (kind == BPF_LDX) {
		r[in->dst_reg] = 0;
		memcpy(&r[in->dst_reg], (const void *)at, size);
	} else {
		memcpy((void *)at, &value, size);
	}
}

uint64_t machine_run(struct machine *machine, const struct bpf_insn *code, unsigned count,
                     const void *context)
{
	uint64_t r[11] = {[1] = (uintptr_t)context};

	for (unsigned place = 0; place < count; place++) {
		const struct bpf_insn *in = &code[place];
		uint64_t right = (in->code & BPF_X) != 0 ? r[in->src_reg] : (uint64_t)(int64_t)in->imm;

		machine->steps++;
		switch (BPF_CLASS(in->code)) {
		case BPF_ALU64:
			r[in->dst_reg] = calculate(BPF_OP(in->code), r[in->dst_reg], right);
			break;
		case BPF_ALU:
			r[in->dst_reg] = (uint32_t)calculate(BPF_OP(in->code), r[in->dst_reg], right);
			break;
		case BPF_LD:
			assert_int_equal(in->src_reg, BPF_PSEUDO_MAP_VALUE);
			r[in->dst_reg] = (uintptr_t)machine->ring;
			place++;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_EXIT) {
				return r[0];
			}
			if (BPF_OP(in->code) == BPF_CALL) {
				r[0] = call(machine, in->imm, r);
			} else if (is_true(BPF_OP(in->code), r[in->dst_reg], right)) {
				place += (unsigned)(int)in->off;
			}
			break;
		default:
			access_memory(machine, in, r, context);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

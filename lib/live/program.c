#include "live/program.h"

#include "bytecode.h"

#include <string.h>

_Static_assert(CODE_MAX == LIVE_PROGRAM_MAX, "the caller's array holds any program");

// Where the ring's fields are.
#define AT(field) ((int)offsetof(struct live_ring, field))

// Registers, as the kernel's calling convention has them: 0 is what a call returns, 1 to 5 are its arguments
// and lost by it, 6 to 9 stay.
enum { RESULT, A, B, C, D, E, CONTEXT, RING, SLOT, LENGTH };

// How often a run that finds nothing looks again before it ends: what a run costs besides is more than a
// look, and the number of runs is bounded.
#define LOOKS 128

// Of a bulk, DEV_MAP_BULK_SIZE (include/net/xdp.h: 16) at the most; a bound for the verifier.
#define BULK_MAX 64

// `to` = address of list[number mod size], for lists of 32 bits behind the fields that a load's offset
// reaches.
static void find_entry(struct code *code, unsigned to, unsigned number, int list, unsigned size)
{
	code_move(code, to, number);
	code_calculate_by(code, BPF_AND, to, (int32_t)size - 1);
	code_calculate_by(code, BPF_LSH, to, 2);
	code_calculate(code, BPF_ADD, to, RING);
	code_calculate_by(code, BPF_ADD, to, list);
}

// SLOT = address of the slot of that number, in place of the number.
static void find_slot(struct code *code, const struct live_shape *shape)
{
	code_calculate_by(code, BPF_AND, SLOT, (int32_t)shape->slots - 1);
	code_calculate_by(code, BPF_LSH, SLOT, (int32_t)shape->shift);
	code_calculate(code, BPF_ADD, SLOT, RING);
	code_calculate_by(code, BPF_ADD, SLOT, AT(slots));
}

// Remember who runs this program: the tracepoints are the whole machine's.
static void learn_task(struct code *code, unsigned known)
{
	code_load(code, CODE_64, A, RING, AT(task));
	code_jump_if_value(code, BPF_JNE, A, 0, known);
	code_call(code, BPF_FUNC_get_current_pid_tgid);
	code_store(code, CODE_64, RING, AT(task), RESULT);
	code_label(code, known);
}

// SLOT = number of the slot whose frame is next; to `none` when there is none.
static void choose(struct code *code, unsigned fresh, unsigned look, unsigned have, unsigned none,
                   unsigned chosen)
{
	// What the driver refused goes first.
	code_load(code, CODE_64, A, RING, AT(again_head));
	code_load(code, CODE_64, B, RING, AT(again_tail));
	code_jump_if(code, BPF_JEQ, A, B, fresh);
	find_entry(code, C, A, AT(again), LIVE_SLOTS_MAX);
	code_load(code, CODE_32, SLOT, C, 0);
	code_calculate_by(code, BPF_ADD, A, 1);
	code_store(code, CODE_64, RING, AT(again_head), A);
	code_jump(code, chosen);

	code_label(code, fresh);
	code_load(code, CODE_64, A, RING, AT(head));
	code_load(code, CODE_64, B, RING, AT(tail));
	code_jump_if(code, BPF_JNE, A, B, have);
	// Frames that were redirected leave at the end of the kernel's batch: it must not wait for this run.
	code_load(code, CODE_64, C, RING, AT(flight_head));
	code_load(code, CODE_64, D, RING, AT(flight_tail));
	code_jump_if(code, BPF_JNE, C, D, none);
	code_set(code, E, LOOKS);
	code_label(code, look);
	code_load(code, CODE_64, B, RING, AT(tail));
	code_jump_if(code, BPF_JNE, A, B, have);
	code_calculate_by(code, BPF_SUB, E, 1);
	code_jump_if_value(code, BPF_JNE, E, 0, look);
	code_jump(code, none);

	code_label(code, have);
	code_load_fence(code, C, RING, AT(sent)); // the slot's content is read after the tail
	code_move(code, SLOT, A);
	code_calculate_by(code, BPF_ADD, A, 1);
	code_store(code, CODE_64, RING, AT(head), A);
	code_label(code, chosen);
}

static void write_send(struct code *code, int map, const struct live_shape *shape, unsigned interface)
{
	enum { KNOWN, FRESH, LOOK, HAVE, NONE, CHOSEN, COPY };

	code_move(code, CONTEXT, A);
	code_map_value(code, RING, map);
	learn_task(code, KNOWN);
	choose(code, FRESH, LOOK, HAVE, NONE, CHOSEN);
	// flight[flight_tail++] = number; SLOT = its address
	code_load(code, CODE_64, A, RING, AT(flight_tail));
	find_entry(code, B, A, AT(flight), LIVE_FLIGHT);
	code_store(code, CODE_32, B, 0, SLOT);
	code_calculate_by(code, BPF_ADD, A, 1);
	code_store(code, CODE_64, RING, AT(flight_tail), A);
	find_slot(code, shape);
	// The ring's other end puts no other lengths; the verifier wants to see it.
	code_load(code, CODE_32, LENGTH, SLOT, (int)offsetof(struct live_slot, length));
	code_jump_if_value(code, BPF_JGT, LENGTH, (int32_t)shape->longest, NONE);
	code_jump_if_value(code, BPF_JEQ, LENGTH, 0, NONE);
	// The page holds a frame of the longest kind; the kernel makes it so again before each run.
	code_move(code, B, LENGTH);
	code_calculate_by(code, BPF_SUB, B, (int32_t)shape->longest);
	code_jump_if_value(code, BPF_JEQ, B, 0, COPY);
	code_move(code, A, CONTEXT);
	code_call(code, BPF_FUNC_xdp_adjust_tail);
	code_label(code, COPY);
	// bpf_xdp_store_bytes(context, 0, SLOT->octets, LENGTH)
	code_move(code, A, CONTEXT);
	code_set(code, B, 0);
	code_move(code, C, SLOT);
	code_calculate_by(code, BPF_ADD, C, (int32_t)offsetof(struct live_slot, octets));
	code_move(code, D, LENGTH);
	code_call(code, BPF_FUNC_xdp_store_bytes);
	// return bpf_redirect(interface, 0)
	code_set(code, A, (int32_t)interface);
	code_set(code, B, 0);
	code_call(code, BPF_FUNC_redirect);
	code_exit(code);
	code_label(code, NONE);
	code_set(code, RESULT, XDP_DROP);
	code_exit(code);
}

// To `out` unless this tracepoint was reached by our task with frames of ours on their way. In softirqs at
// our task's expense other programs redirect frames, too, but then none of ours is on its way: from a batch's
// first redirect to its flush softirqs wait (xdp_test_run_batch(), net/bpf/test_run.c).
static void leave_unless_ours(struct code *code, int map, unsigned out)
{
	code_move(code, CONTEXT, A);
	code_map_value(code, RING, map);
	code_call(code, BPF_FUNC_get_current_pid_tgid);
	code_load(code, CODE_64, A, RING, AT(task));
	code_jump_if(code, BPF_JNE, RESULT, A, out);
	code_load(code, CODE_64, A, RING, AT(flight_head));
	code_load(code, CODE_64, B, RING, AT(flight_tail));
	code_jump_if(code, BPF_JEQ, A, B, out);
}

// again[again_tail++] = SLOT, by way of C and D.
static void put_again(struct code *code)
{
	code_load(code, CODE_64, C, RING, AT(again_tail));
	find_entry(code, D, C, AT(again), LIVE_SLOTS_MAX);
	code_store(code, CODE_32, D, 0, SLOT);
	code_calculate_by(code, BPF_ADD, C, 1);
	code_store(code, CODE_64, RING, AT(again_tail), C);
}

// field += register
static void count(struct code *code, int field, unsigned more)
{
	code_load(code, CODE_64, C, RING, field);
	code_calculate(code, BPF_ADD, C, more);
	code_store(code, CODE_64, RING, field, C);
}

// The tracepoint's arguments: device that it came from, device, sent, dropped, error. A driver takes the
// first `sent` of a bulk and the rest is dropped (bq_xmit_all(), kernel/bpf/devmap.c).
static void write_taken(struct code *code, int map, const struct live_shape *shape)
{
	enum { OUT, FREE, FREED, AGAIN, DONE };

	leave_unless_ours(code, map, OUT);
	// A = flight_head, LENGTH = how many
	code_load(code, CODE_64, B, CONTEXT, 2 * 8);
	code_lower_half(code, LENGTH, B);
	code_jump_if_value(code, BPF_JGT, LENGTH, BULK_MAX, OUT);
	count(code, AT(sent), LENGTH);
	code_label(code, FREE);
	code_jump_if_value(code, BPF_JEQ, LENGTH, 0, FREED);
	find_entry(code, C, A, AT(flight), LIVE_FLIGHT);
	code_load(code, CODE_32, SLOT, C, 0);
	find_slot(code, shape);
	code_store_value(code, CODE_32, SLOT, (int)offsetof(struct live_slot, length), 0);
	code_calculate_by(code, BPF_ADD, A, 1);
	code_calculate_by(code, BPF_SUB, LENGTH, 1);
	code_jump(code, FREE);

	code_label(code, FREED);
	code_load(code, CODE_64, B, CONTEXT, 3 * 8);
	code_lower_half(code, LENGTH, B);
	code_jump_if_value(code, BPF_JGT, LENGTH, BULK_MAX, OUT);
	code_jump_if_value(code, BPF_JEQ, LENGTH, 0, DONE);
	count(code, AT(refused), LENGTH);
	code_load(code, CODE_64, B, CONTEXT, 4 * 8);
	code_store(code, CODE_64, RING, AT(error), B);
	code_label(code, AGAIN);
	find_entry(code, C, A, AT(flight), LIVE_FLIGHT);
	code_load(code, CODE_32, SLOT, C, 0);
	put_again(code);
	code_calculate_by(code, BPF_ADD, A, 1);
	code_calculate_by(code, BPF_SUB, LENGTH, 1);
	code_jump_if_value(code, BPF_JNE, LENGTH, 0, AGAIN);
	code_label(code, DONE);
	code_store(code, CODE_64, RING, AT(flight_head), A);
	code_label(code, OUT);
	code_set(code, RESULT, 0);
	code_exit(code);
}

// The tracepoint's arguments: device, program, target, error, ... It is reached within the redirect of the
// frame that LIVE_SEND wrote last: the interface is down, or its driver sends no XDP frames.
static void write_failed(struct code *code, int map)
{
	enum { OUT };

	leave_unless_ours(code, map, OUT);
	code_calculate_by(code, BPF_SUB, B, 1);
	code_store(code, CODE_64, RING, AT(flight_tail), B);
	find_entry(code, C, B, AT(flight), LIVE_FLIGHT);
	code_load(code, CODE_32, SLOT, C, 0);
	put_again(code);
	code_set(code, B, 1);
	count(code, AT(refused), B);
	code_load(code, CODE_64, B, CONTEXT, 3 * 8);
	code_store(code, CODE_64, RING, AT(error), B);
	code_label(code, OUT);
	code_set(code, RESULT, 0);
	code_exit(code);
}

unsigned live_program_write(enum live_program program, int map, const struct live_shape *shape,
                            unsigned interface, struct bpf_insn out[LIVE_PROGRAM_MAX])
{
	struct code code;

	code_begin(&code);
	switch (program) {
	case LIVE_SEND:
		write_send(&code, map, shape, interface);
		break;
	case LIVE_TAKEN:
		write_taken(&code, map, shape);
		break;
	case LIVE_FAILED:
		write_failed(&code, map);
		break;
	default:
		return 0;
	}
	if (!code_finish(&code)) {
		return 0;
	}
	memcpy(out, code.insns, code.count * sizeof(code.insns[0]));
	return code.count;
}

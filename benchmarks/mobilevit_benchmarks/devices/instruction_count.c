/*
 * A plugin for QEMU's user-mode emulator: how many instructions a program executes in each run that
 * it marks.
 *
 *     qemu-aarch64 -plugin instruction_count.so,out=FILE PROGRAM
 *
 * The program makes the system call prctl(MARK, BEGIN) before a run and prctl(MARK, END) after it.
 * Linux has no such option and refuses both with EINVAL, on a device as here. Every END adds a line
 * to FILE:
 *
 *     run N          N instructions from after BEGIN's system call to END's, that one included
 *     refused WHY    the run has no count
 *
 * FILE is empty until then, so a program that makes no marks leaves no count, not even 0.
 *
 * Counted are instructions of the thread that marks. If another one executes anything meanwhile, the
 * run is refused: how two threads share a load, and how long one waits for the other, depends on the
 * machine. Threads that sleep do not matter. What the kernel does is not counted.
 *
 * Instructions are added up by block, when it is entered. A block ends at a branch or a system call
 * at the latest; one that a signal interrupts is counted whole.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is used of QEMU's plugin API, version 1. Debian's qemu-user comes without the header. */

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;

typedef struct {
    const char *target_name;
    struct {
        int min;
        int cur;
    } version;
    bool system_emulation;
    union {
        struct {
            int smp_vcpus;
            int max_vcpus;
        } system;
    };
} qemu_info_t;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

struct qemu_plugin_tb;

typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_syscall_cb_t)(
    qemu_plugin_id_t, unsigned int vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t,
    uint64_t, uint64_t, uint64_t, uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t);
void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *, qemu_plugin_vcpu_udata_cb_t, enum qemu_plugin_cb_flags, void *userdata);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, qemu_plugin_vcpu_syscall_cb_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t, const qemu_info_t *, int argc, char **argv);

/* The marks, as in counted_runs.py */

#define PRCTL 167       /* on arm64 */
#define MARK 0x4d566954 /* "MViT" */
#define BEGIN 1
#define END 2

#define NO_VCPU UINT64_MAX /* QEMU's name for a thread is its virtual processor */

static const char *out;
static _Atomic uint64_t marking = NO_VCPU; /* the thread in whose run we are */
static _Atomic uint64_t own;               /* written by that thread alone */
static _Atomic uint64_t foreign;           /* of all others since its BEGIN */

static void fail(void)
{
    fprintf(stderr, "instruction_count: cannot write `%s`: %s\n", out, strerror(errno));
    _exit(EXIT_FAILURE); /* without a place for the counts there is no use in going on */
}

/* Opened for each line: the program has the same descriptors as QEMU, and may close them. */
static void write_line(int flags, const char *line)
{
    int file = open(out, O_WRONLY | O_CLOEXEC | flags, 0666);
    if (file < 0 || write(file, line, strlen(line)) != (ssize_t)strlen(line) || close(file) != 0) {
        fail();
    }
}

static void on_block(unsigned int vcpu, void *instructions)
{
    uint64_t thread = atomic_load_explicit(&marking, memory_order_relaxed);
    if (thread == NO_VCPU) {
        return;
    }
    if (thread == vcpu) { /* no other writes it: no need of an atomic addition */
        uint64_t sum = atomic_load_explicit(&own, memory_order_relaxed) + (uintptr_t)instructions;
        atomic_store_explicit(&own, sum, memory_order_relaxed);
    } else {
        atomic_fetch_add(&foreign, (uintptr_t)instructions);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(
        block, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)qemu_plugin_tb_n_insns(block));
}

static void begin(unsigned int vcpu)
{
    uint64_t none = NO_VCPU;
    atomic_store(&own, 0);
    atomic_store(&foreign, 0);
    if (!atomic_compare_exchange_strong(&marking, &none, vcpu)) {
        atomic_store(&marking, NO_VCPU);
        write_line(O_APPEND, "refused it began within another\n");
    }
}

static void end(unsigned int vcpu)
{
    char line[100];
    uint64_t thread = atomic_exchange(&marking, NO_VCPU);
    uint64_t others = atomic_load(&foreign);
    if (thread == NO_VCPU) {
        snprintf(line, sizeof line, "refused it ended without having begun\n");
    } else if (thread != vcpu) {
        snprintf(line, sizeof line, "refused it began on one thread and ended on another\n");
    } else if (others != 0) {
        snprintf(line, sizeof line,
                 "refused other threads executed %" PRIu64 " instructions meanwhile\n", others);
    } else {
        snprintf(line, sizeof line, "run %" PRIu64 "\n", atomic_load(&own));
    }
    write_line(O_APPEND, line);
}

static void on_syscall(
    qemu_plugin_id_t id, unsigned int vcpu, int64_t number, uint64_t option, uint64_t which,
    uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != PRCTL || option != MARK) {
        return;
    }
    if (which == BEGIN) {
        begin(vcpu);
    } else if (which == END) {
        end(vcpu);
    } else {
        write_line(O_APPEND, "refused its mark is neither a beginning nor an end\n");
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    if (info->system_emulation || strcmp(info->target_name, "aarch64") != 0) {
        fprintf(stderr, "instruction_count: made for qemu-aarch64 in user mode\n");
        return -1;
    }
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || argv[0][4] == '\0') {
        fprintf(stderr, "instruction_count: takes one option, out=FILE\n");
        return -1;
    }
    out = argv[0] + 4;
    write_line(O_CREAT | O_TRUNC, "");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    return 0;
}

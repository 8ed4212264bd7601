// A plugin for qemu-user: counts how often each block of instructions is executed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Counts are exact and the same in every run of a program with one thread. At its
// end, a line for every block: its address in hexadecimal, its instructions, how
// often it ran, and the function it lies in ("?" when the program has no symbols).
//
//   gcc -shared -fPIC -O2 InstructionCounter.c -o libicount.so
//   qemu-aarch64 -plugin $PWD/libicount.so,out=FILE ./program
//
// Debian's qemu-user comes without headers; what is declared here is version 1 of
// the plugin interface (QEMU 4.2 and later).
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum { kInlineAddU64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
                                           void (*)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb*, int operation, void* pointer,
                                              uint64_t value);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void*), void*);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
const char* qemu_plugin_insn_symbol(const struct qemu_plugin_insn*);

EXPORT int qemu_plugin_version = 1;

struct Block {
  struct Block* next;
  const char* symbol;  // of the program's symbol table, which stays
  uint64_t address, instructions, executions;
};

static struct Block* blocks;  // translation is serialised by qemu
static const char* out;

// A block may be translated again; its counts are added up by whoever reads them.
static void OnTranslation(qemu_plugin_id_t id, struct qemu_plugin_tb* translated) {
  struct Block* block = calloc(1, sizeof(*block));
  if (block == NULL) return;
  struct qemu_plugin_insn* first = qemu_plugin_tb_get_insn(translated, 0);
  const char* symbol = qemu_plugin_insn_symbol(first);
  block->symbol = symbol != NULL && *symbol != '\0' ? symbol : "?";
  block->address = qemu_plugin_insn_vaddr(first);
  block->instructions = qemu_plugin_tb_n_insns(translated);
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_inline(translated, kInlineAddU64, &block->executions, 1);
}

static void OnExit(qemu_plugin_id_t id, void* data) {
  FILE* file = out != NULL ? fopen(out, "w") : stderr;
  if (file == NULL) {
    fprintf(stderr, "InstructionCounter: cannot write '%s'\n", out);
    return;
  }
  for (const struct Block* block = blocks; block != NULL; block = block->next) {
    if (block->executions == 0) continue;
    fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 " %s\n", block->address, block->instructions,
            block->executions, block->symbol);
  }
  if (file != stderr) fclose(file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t* info, int argc,
                               char** argv) {
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0) {
      out = strdup(argv[i] + 4);
    } else {
      fprintf(stderr, "InstructionCounter: expected out=FILE, but got '%s'\n", argv[i]);
      return 1;
    }
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, OnTranslation);
  qemu_plugin_register_atexit_cb(id, OnExit, NULL);
  return 0;
}

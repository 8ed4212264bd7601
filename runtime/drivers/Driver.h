// What executes the commands of a submission.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_DRIVERS_DRIVER_H
#define GEM_RUNTIME_DRIVERS_DRIVER_H

#include <atomic>
#include <cstdint>

#include "runtime/core/Memory.h"
#include "runtime/core/Observer.h"
#include "runtime/core/ThreadPool.h"
#include "runtime/loader/Bundle.h"

namespace gem {

struct CpuKernels;

inline constexpr uint32_t kDriverVersion = 3;

// What a driver gets to prepare a submission. Everything outlives what the
// driver makes of it.
struct DriverContext {
  Memory* memory;  // for all the driver needs; running takes none
  const Bundle* bundle;
  const unpacked::Program* program;
  const unpacked::Entry* entry;
  const unpacked::Submission* submission;
  uint32_t first_command;  // the entry's number of the submission's first command
  uint8_t* arena;          // 64-byte aligned, of the entry's arena_size
  ThreadPool* pool;
  const CpuKernels* cpu_kernels;
  const Observer* observer;  // told of each command that has run; never null
};

// The functions of a driver. A submission that is handed to one was verified
// when its bundle was loaded.
struct Driver {
  uint32_t version;  // kDriverVersion
  schema::Driver id;
  const char* name;

  // Prepares a submission and takes all memory that running it needs.
  gem_status_t (*create)(const DriverContext& context, void** out_state, gem_error_t* error);
  void (*destroy)(void* state);
  // Binds the program's symbols, in its order. Called before the first run and
  // when a value has changed.
  void (*bind)(void* state, const uint32_t* symbols);
  // Executes the commands. Looks at `cancelled` between them and returns
  // CANCELLED when it is set.
  gem_status_t (*run)(void* state, const std::atomic<bool>& cancelled, gem_error_t* error);
  // Switches the timing of commands on, clearing what was counted, or off.
  void (*profile)(void* state, bool on);
  // Fills all of `out` but its size for the submission's command `index`.
  void (*command_profile)(const void* state, uint32_t index, gem_command_profile_t* out);
};

// The driver with this id, or null when the library was built without it.
const Driver* FindDriver(schema::Driver id);

}  // namespace gem

#endif  // GEM_RUNTIME_DRIVERS_DRIVER_H

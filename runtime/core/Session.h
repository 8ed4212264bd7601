// A session: one entry of a bundle, its memory and its inputs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_SESSION_H
#define GEM_RUNTIME_CORE_SESSION_H

#include <atomic>
#include <cstdint>

#include "gem/gem.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Observer.h"
#include "runtime/core/ThreadPool.h"
#include "runtime/core/Variant.h"
#include "runtime/drivers/Driver.h"
#include "runtime/drivers/cpu/CpuDriver.h"
#include "runtime/loader/Bundle.h"

namespace gem {

struct SessionOptions {
  uint32_t thread_count = 1;
  uint32_t variant = GEM_VARIANT_AUTO;
  const char* entry = nullptr;
  const char* cpu = nullptr;
};

class Session {
 public:
  Session(const Bundle& bundle, const gem_allocator_t& allocator, const Observer& observer)
      : memory_(allocator), bundle_(bundle), observer_(observer) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Takes all memory; the session is usable when this returns OK.
  gem_status_t Initialize(const SessionOptions& options, gem_error_t* error);

  gem_status_t DescribeInput(uint32_t index, gem_tensor_t* out_tensor, gem_error_t* error) const;
  gem_status_t DescribeOutput(uint32_t index, gem_tensor_t* out_tensor, gem_error_t* error) const;
  // `role` is any number a caller may have given.
  gem_status_t DescribeOutputByRole(int role, gem_tensor_t* out_tensor, gem_error_t* error) const;
  gem_status_t SetInput(uint32_t index, const void* data, const uint32_t* dims, uint32_t rank,
                        gem_error_t* error);
  gem_status_t Run(gem_error_t* error);
  gem_status_t RunTokens(const int32_t* ids, uint32_t count, gem_error_t* error);
  void Cancel() { cancelled_.store(true); }
  void Profile(bool on);
  // Fills all of `out` but its size. False past the last command.
  bool CommandProfile(uint32_t index, gem_command_profile_t* out) const;

  const gem_allocator_t& allocator() const { return memory_.allocator(); }
  uint64_t bytes() const { return memory_.bytes(); }
  const unpacked::Entry& entry() const { return *entry_; }
  const VariantChoice& variant() const { return variant_; }
  const char* variant_device() const {
    return bundle_.root().variants[variant_.index].device->c_str();
  }
  const CpuSelection& cpu() const { return cpu_; }
  const Observer& observer() const { return observer_; }
  uint32_t thread_count() const { return pool_.thread_count(); }

 private:
  // An input is kept outside the arena, whose bytes commands reuse: so a run can
  // be repeated without setting its inputs again.
  struct Input {
    uint8_t* data;
    size_t size;  // of what was set
    uint32_t dims[GEM_MAX_RANK];
    bool is_set;
  };
  struct PreparedSubmission {
    const Driver* driver;
    void* state;
  };

  gem_status_t FindEntry(const SessionOptions& options, gem_error_t* error);
  gem_status_t AllocateInputs(gem_error_t* error);
  gem_status_t PrepareSubmissions(gem_error_t* error);
  gem_status_t CheckDims(uint32_t index, const uint32_t* dims, uint32_t rank, size_t* out_size,
                         gem_error_t* error) const;
  gem_status_t CheckValues(uint32_t index, const void* data, size_t size, gem_error_t* error) const;
  gem_status_t BindSymbols(gem_error_t* error);
  gem_status_t Execute(gem_error_t* error);
  // A binding's type and its extents, symbols at `values` or their maximum.
  void Describe(const unpacked::Binding& binding, const uint32_t* values,
                gem_tensor_t* out_tensor) const;
  uint32_t Extent(const schema::Dim& dim, const uint32_t* values) const;

  Memory memory_;
  const Bundle& bundle_;
  const Observer observer_;
  VariantChoice variant_ = {};
  const unpacked::Program* program_ = nullptr;
  const unpacked::Entry* entry_ = nullptr;
  CpuSelection cpu_ = {};
  Array<uint8_t> arena_;
  Array<uint8_t> input_bytes_;
  Array<Input> inputs_;
  Array<uint32_t> symbols_;      // what the drivers are bound to
  Array<uint32_t> new_symbols_;  // what the inputs say; 0: not bound by one
  ThreadPool pool_;
  Array<PreparedSubmission> submissions_;
  bool is_bound_ = false;
  bool has_results_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace gem

// What the C API hands out.
struct gem_session_t : gem::Session {
  using gem::Session::Session;
};

#endif  // GEM_RUNTIME_CORE_SESSION_H

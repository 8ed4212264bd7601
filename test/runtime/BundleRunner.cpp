// Opens a bundle that may be hostile and runs all of it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/BundleRunner.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"
#include "test/runtime/GuardedMemory.h"

namespace gem::test {
namespace {

[[noreturn]] void Die(const char* where, gem_status_t status, const char* message) {
  fprintf(stderr, "%s: a status that no bundle may cause: %s (%d): %s\n", where,
          gem_status_name(status), static_cast<int>(status), message);
  abort();
}

// Checks that a refusal is one of `permitted` and says something in one line.
RunResult Refusal(RunResult::Kind kind, const char* where, gem_status_t status,
                  const gem_error_t& error, std::initializer_list<gem_status_t> permitted) {
  if (std::find(permitted.begin(), permitted.end(), status) == permitted.end()) {
    Die(where, status, error.message);
  }
  const size_t length = strnlen(error.message, sizeof(error.message));
  if (error.status != status || length == 0 || length == sizeof(error.message) ||
      std::any_of(error.message, error.message + length,
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    Die("a refusal without a message of one line", status, error.message);
  }
  return {kind, status, error.message};
}

// The extents of a program's symbols at one end of their range.
class Bindings {
 public:
  Bindings(const schema::Program& program, bool at_maximum)
      : program_(program), at_maximum_(at_maximum) {}

  uint64_t Extent(const schema::Dim& dim) const {
    if (dim.kind() == schema::DimKind::CONSTANT) return dim.value();
    const schema::Symbol& symbol = *program_.symbols()->Get(dim.value());
    return at_maximum_ ? symbol.maximum() : symbol.minimum();
  }

  // About how much there is to do. Every operand's elements, and for what multiplies
  // more than that the product of its extents.
  uint64_t Operations(const schema::Entry& entry) const {
    uint64_t sum = 0;
    for (const schema::Submission* submission : *entry.submissions()) {
      for (const schema::Command* command : *submission->commands()) {
        sum = Add(sum, Operations(entry, *command));
      }
    }
    return sum;
  }

 private:
  static uint64_t Add(uint64_t a, uint64_t b) {
    return __builtin_add_overflow(a, b, &a) ? ~uint64_t{0} : a;
  }
  static uint64_t Multiply(uint64_t a, uint64_t b) {
    return __builtin_mul_overflow(a, b, &a) ? ~uint64_t{0} : a;
  }

  uint64_t Elements(const schema::Entry& entry, const schema::Operand& operand,
                    uint64_t* first_extent) const {
    uint64_t elements = 1;
    if (operand.kind() == schema::OperandKind::BUFFER) {
      const auto& shape = *entry.buffers()->Get(operand.index())->shape();
      for (const schema::Dim* dim : shape) elements = Multiply(elements, Extent(*dim));
      *first_extent = Extent(*shape.Get(0));
    } else if (operand.kind() == schema::OperandKind::CONSTANT) {
      const auto& shape = *program_.constants()->Get(operand.index())->shape();
      for (const uint32_t extent : shape) elements = Multiply(elements, extent);
      *first_extent = shape.Get(0);
    }
    return elements;
  }

  uint64_t Operations(const schema::Entry& entry, const schema::Command& command) const {
    uint64_t sum = 0, rows = 1, largest = 0, unused = 0;
    for (uint32_t i = 0; i < command.inputs()->size(); ++i) {
      const uint64_t elements =
          Elements(entry, *command.inputs()->Get(i), i == 0 ? &rows : &unused);
      largest = std::max(largest, elements);
      sum = Add(sum, elements);
    }
    for (const schema::Operand* operand : *command.outputs()) {
      sum = Add(sum, Elements(entry, *operand, &unused));
    }
    switch (command.kernel()) {
      case schema::Kernel::LINEAR:
      case schema::Kernel::LINEAR_QUANTIZED:
      case schema::Kernel::ATTENTION:
      case schema::Kernel::SCAR_ATTENTION:
      case schema::Kernel::ROUTE_TOKENS:
        return Add(sum, Multiply(Multiply(rows, largest), 2));
      default:
        return sum;
    }
  }

  const schema::Program& program_;
  bool at_maximum_;
};

// Sets every input with extents and values at one end of their ranges, and runs.
RunResult RunOnce(gem_session_t* session, const schema::Program& program,
                  const schema::Entry& entry, bool longest, bool largest) {
  const Bindings bindings(program, longest);
  gem_error_t error;
  for (uint32_t i = 0; i < entry.inputs()->size(); ++i) {
    const schema::Binding& binding = *entry.inputs()->Get(i);
    const schema::Buffer& buffer = *entry.buffers()->Get(binding.buffer());
    gem_tensor_t tensor;
    if (gem_session_input(session, i, &tensor, &error) != GEM_STATUS_OK) {
      Die("gem_session_input", error.status, error.message);
    }
    uint32_t dims[GEM_MAX_RANK] = {};
    size_t elements = 1;
    for (uint32_t d = 0; d < buffer.shape()->size(); ++d) {
      dims[d] = static_cast<uint32_t>(bindings.Extent(*buffer.shape()->Get(d)));
      elements *= dims[d];
    }
    // Bytes of 0xFF are NaN.
    std::vector<uint32_t> data(elements, 0xFFFFFFFF);
    if (buffer.element_type() == schema::ElementType::I32) {
      std::fill(data.begin(), data.end(),
                static_cast<uint32_t>(largest ? binding.maximum() : binding.minimum()));
    }
    const gem_status_t status =
        gem_session_set_input(session, i, data.data(), dims, buffer.shape()->size(), &error);
    if (status != GEM_STATUS_OK) {
      return Refusal(RunResult::kRunRefused, "gem_session_set_input", status, error,
                     {GEM_STATUS_OUT_OF_RANGE});
    }
  }
  const gem_status_t status = gem_session_run(session, &error);
  if (status != GEM_STATUS_OK) {
    return Refusal(RunResult::kRunRefused, "gem_session_run", status, error,
                   {GEM_STATUS_OUT_OF_RANGE});
  }
  for (uint32_t i = 0; i < entry.outputs()->size(); ++i) {
    gem_tensor_t tensor;
    if (gem_session_output(session, i, &tensor, &error) != GEM_STATUS_OK) {
      Die("gem_session_output", error.status, error.message);
    }
    // Volatile, so that they are read although nothing uses them.
    const auto* bytes = static_cast<const volatile uint8_t*>(tensor.data);
    for (size_t b = 0; b < tensor.size; ++b) (void)bytes[b];
  }
  return {};
}

RunResult RunEntry(gem_bundle_t* bundle, uint32_t variant, const schema::Program& program,
                   const schema::Entry& entry, const gem_allocator_t& allocator,
                   const RunOptions& options) {
  gem_session_options_t session_options;
  gem_session_options_init(&session_options);
  session_options.variant = variant;
  session_options.entry = entry.name()->c_str();
  session_options.cpu = options.cpu;
  session_options.allocator = &allocator;
  gem_session_t* session = nullptr;
  gem_error_t error;
  const gem_status_t status = gem_session_create(bundle, &session_options, &session, &error);
  if (status != GEM_STATUS_OK) {
    return Refusal(RunResult::kNoSession, "gem_session_create", status, error,
                   {GEM_STATUS_OUT_OF_MEMORY, GEM_STATUS_CORRUPT, GEM_STATUS_UNSUPPORTED});
  }
  RunResult result = {RunResult::kTooMuch, GEM_STATUS_OK, ""};
  bool has_run = false;
  for (const bool longest : {true, false}) {
    if (Bindings(program, longest).Operations(entry) > options.operation_limit) continue;
    for (const bool largest : {true, false}) {
      const RunResult one = RunOnce(session, program, entry, longest, largest);
      has_run |= one.kind == RunResult::kRun;
      if (!has_run || one.kind == RunResult::kRun) result = one;
    }
  }
  gem_session_close(session);
  return result;
}

}  // namespace

RunResult RunBundle(std::span<const uint8_t> bytes, const RunOptions& options) {
  const GuardedBlock file = GuardedCopy(bytes, kSegmentAlignment);
  GuardedAllocator memory(options.memory_limit);
  const gem_allocator_t allocator = memory.allocator();
  gem_bundle_options_t bundle_options;
  gem_bundle_options_init(&bundle_options);
  bundle_options.hash_check = options.check_hashes ? GEM_HASH_ALL : GEM_HASH_PROGRAM;
  bundle_options.allocator = &allocator;
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_bundle_open_memory(file.data(), file.size(), &bundle_options, &bundle, &error);
  if (status != GEM_STATUS_OK) {
    return Refusal(RunResult::kRefused, "gem_bundle_open_memory", status, error,
                   {GEM_STATUS_CORRUPT, GEM_STATUS_UNSUPPORTED, GEM_STATUS_OUT_OF_MEMORY});
  }
  // The loader has verified it.
  const schema::Bundle& root = *schema::GetBundle(file.data() + kPreambleSize);
  RunResult result;
  for (uint32_t v = 0; v < root.variants()->size(); ++v) {
    const schema::Program& program = *root.variants()->Get(v)->program();
    for (const schema::Entry* entry : *program.entries()) {
      const RunResult one = RunEntry(bundle, v, program, *entry, allocator, options);
      if (result.kind == RunResult::kRun) result = one;
    }
  }
  gem_bundle_close(bundle);
  return result;
}

}  // namespace gem::test

// A session: one entry of a bundle, its memory and its inputs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Session.h"

#include <cstring>

#include "runtime/core/FloatingPoint.h"
#include "runtime/core/KernelContracts.h"
#include "runtime/core/Status.h"
#include "runtime/schema/Preamble.h"

namespace gem {

using schema::DimKind;
using schema::ElementType;
using schema::Role;

// Elements, roles and ranks are handed out as they are stored.
static_assert(GEM_ELEMENT_F32 == static_cast<int>(ElementType::F32));
static_assert(GEM_ELEMENT_U8 == static_cast<int>(ElementType::U8));
static_assert(GEM_ELEMENT_I32 == static_cast<int>(ElementType::I32));
static_assert(GEM_ROLE_TOKEN_IDS == static_cast<int>(Role::TOKEN_IDS));
static_assert(GEM_ROLE_CLUSTER == static_cast<int>(Role::CLUSTER));
static_assert(GEM_ROLE_ACTIVATION == static_cast<int>(Role::ACTIVATION));
static_assert(static_cast<int>(Role::MAX) == GEM_ROLE_ACTIVATION);

Session::~Session() {
  // Drivers first: they may still hold the pool's threads.
  for (PreparedSubmission& submission : submissions_) {
    if (submission.driver != nullptr) submission.driver->destroy(submission.state);
  }
}

// --- creation ----------------------------------------------------------------

gem_status_t Session::FindEntry(const SessionOptions& options, gem_error_t* error) {
  const auto& variants = bundle_.root().variants;
  if (options.variant == GEM_VARIANT_AUTO) {
    variant_ = ChooseVariant(bundle_.root(), options.entry, PhysicalMemory(), *cpu_.kernels);
  } else if (options.variant < variants.size()) {
    variant_ = {options.variant, "asked for"};
  } else {
    return Fail(error, GEM_STATUS_NOT_FOUND,
                "variant: expected less than the bundle's %u variants, but got %u"_msg,
                variants.size(), options.variant);
  }
  program_ = &variants[variant_.index].program;
  const auto& entries = program_->entries;
  if (options.entry == nullptr) {
    entry_ = &entries[0];
    return GEM_STATUS_OK;
  }
  for (const unpacked::Entry& entry : entries) {
    if (strcmp(entry.name->c_str(), options.entry) == 0) {
      entry_ = &entry;
      return GEM_STATUS_OK;
    }
  }
  return Fail(error, GEM_STATUS_NOT_FOUND,
              "entry: expected one of the bundle's %u ('%.48s'%s), but got '%.48s'"_msg,
              entries.size(), entries[0].name->c_str(), entries.size() > 1 ? ", ..." : "",
              options.entry);
}

gem_status_t Session::AllocateInputs(gem_error_t* error) {
  const auto& inputs = entry_->inputs;
  gem_tensor_t tensor;
  size_t total = 0;
  for (const unpacked::Binding& input : inputs) {
    Describe(input, nullptr, &tensor);
    // Inputs share no bytes of the arena, so their sum fits as it did.
    total += AlignUp(tensor.size, kDataAlignment);
  }
  if (!inputs_.Allocate(&memory_, inputs.size()) ||
      !input_bytes_.AllocateUninitialized(&memory_, total, kDataAlignment)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "session: no memory for %zu bytes of inputs"_msg,
                total);
  }
  size_t offset = 0;
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    Describe(inputs[i], nullptr, &tensor);
    inputs_[i].data = input_bytes_.data() + offset;
    offset += AlignUp(tensor.size, kDataAlignment);
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::PrepareSubmissions(gem_error_t* error) {
  const auto& submissions = entry_->submissions;
  if (!submissions_.Allocate(&memory_, submissions.size())) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "session: no memory for %u submissions"_msg,
                submissions.size());
  }
  uint32_t first_command = 0;
  for (uint32_t i = 0; i < submissions.size(); ++i) {
    const unpacked::Submission& submission = submissions[i];
    const Driver* driver = FindDriver(submission.driver);
    if (driver == nullptr) {
      return Fail(error, GEM_STATUS_UNSUPPORTED,
                  "entry '%.48s': submission %u: expected a driver of this build, but got %s"_msg,
                  entry_->name->c_str(), i, schema::EnumNameDriver(submission.driver));
    }
    const DriverContext context = {.memory = &memory_,
                                   .bundle = &bundle_,
                                   .program = program_,
                                   .entry = entry_,
                                   .submission = &submission,
                                   .first_command = first_command,
                                   .arena = arena_.data(),
                                   .pool = &pool_,
                                   .cpu_kernels = cpu_.kernels,
                                   .observer = &observer_};
    void* state = nullptr;
    const gem_status_t status = driver->create(context, &state, error);
    if (status != GEM_STATUS_OK) return status;
    submissions_[i] = {driver, state};
    first_command += submission.commands.size();
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::Initialize(const SessionOptions& options, gem_error_t* error) {
  if (options.thread_count < 1 || options.thread_count > kMaxThreads) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "thread_count: expected 1 to %u, but got %u"_msg, kMaxThreads,
                options.thread_count);
  }
  gem_status_t status = bundle_.CheckLength(error);
  if (status == GEM_STATUS_OK) status = SelectCpuKernels(options.cpu, &cpu_, error);
  if (status == GEM_STATUS_OK) status = FindEntry(options, error);
  if (status == GEM_STATUS_OK) status = bundle_.CheckSegmentsOf(*program_, error);
  if (status != GEM_STATUS_OK) return status;
  const uint64_t arena_size = entry_->arena_size;
  // The arena is not cleared: the loader has shown that nothing is read before
  // it is written.
  if (arena_size > SIZE_MAX ||
      !arena_.AllocateUninitialized(&memory_, static_cast<size_t>(arena_size), kDataAlignment)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY,
                "session: no memory for an arena of %llu bytes"_msg, arena_size);
  }
  const uint32_t symbol_count = program_->symbols.size();
  if (!symbols_.Allocate(&memory_, symbol_count) ||
      !new_symbols_.Allocate(&memory_, symbol_count)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "session: no memory for %u symbols"_msg,
                symbol_count);
  }
  status = AllocateInputs(error);
  if (status == GEM_STATUS_OK) status = pool_.Start(&memory_, options.thread_count, error);
  if (status == GEM_STATUS_OK) status = PrepareSubmissions(error);
  return status;
}

// --- tensors -----------------------------------------------------------------

uint32_t Session::Extent(const schema::Dim& dim, const uint32_t* values) const {
  if (dim.kind() == DimKind::CONSTANT) return dim.value();
  if (values != nullptr) return values[dim.value()];
  return program_->symbols[dim.value()].maximum;
}

void Session::Describe(const unpacked::Binding& binding, const uint32_t* values,
                       gem_tensor_t* out_tensor) const {
  const unpacked::Buffer& buffer = entry_->buffers[binding.buffer];
  *out_tensor = {};
  out_tensor->name = binding.name->c_str();
  out_tensor->role = static_cast<gem_role_t>(binding.role);
  out_tensor->element_type = static_cast<gem_element_type_t>(buffer.element_type);
  out_tensor->rank = buffer.shape.rank;
  size_t size = static_cast<size_t>(ElementSize(buffer.element_type));
  for (uint32_t d = 0; d < out_tensor->rank; ++d) {
    out_tensor->dims[d] = Extent(buffer.shape[d], values);
    size *= out_tensor->dims[d];
  }
  out_tensor->size = size;
}

gem_status_t Session::DescribeInput(uint32_t index, gem_tensor_t* out_tensor,
                                    gem_error_t* error) const {
  if (index >= entry_->inputs.size()) {
    return Fail(error, GEM_STATUS_NOT_FOUND,
                "input: expected less than the entry's %u, but got %u"_msg, entry_->inputs.size(),
                index);
  }
  Describe(entry_->inputs[index], nullptr, out_tensor);
  return GEM_STATUS_OK;
}

gem_status_t Session::DescribeOutput(uint32_t index, gem_tensor_t* out_tensor,
                                     gem_error_t* error) const {
  if (index >= entry_->outputs.size()) {
    return Fail(error, GEM_STATUS_NOT_FOUND,
                "output: expected less than the entry's %u, but got %u"_msg, entry_->outputs.size(),
                index);
  }
  const unpacked::Binding& binding = entry_->outputs[index];
  Describe(binding, has_results_ ? symbols_.data() : nullptr, out_tensor);
  if (has_results_) {
    out_tensor->data = arena_.data() + entry_->buffers[binding.buffer].offset;
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::DescribeOutputByRole(int role, gem_tensor_t* out_tensor,
                                           gem_error_t* error) const {
  for (uint32_t i = 0; i < entry_->outputs.size(); ++i) {
    if (static_cast<int>(entry_->outputs[i].role) == role) {
      return DescribeOutput(i, out_tensor, error);
    }
  }
  const bool exists = role >= 0 && role <= static_cast<int>(Role::MAX);
  return Fail(error, GEM_STATUS_NOT_FOUND, "entry '%.48s' has no output with role %d%s%s"_msg,
              entry_->name->c_str(), role, exists ? " " : "",
              exists ? schema::EnumNameRole(static_cast<Role>(role)) : "");
}

// --- inputs ------------------------------------------------------------------

gem_status_t Session::CheckDims(uint32_t index, const uint32_t* dims, uint32_t rank,
                                size_t* out_size, gem_error_t* error) const {
  const unpacked::Binding& binding = entry_->inputs[index];
  const unpacked::Buffer& buffer = entry_->buffers[binding.buffer];
  const unpacked::Shape& shape = buffer.shape;
  const char* name = binding.name->c_str();
  if (rank != shape.rank) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "input %u ('%.48s'): rank: expected %u, but got %u"_msg, index, name, shape.rank,
                rank);
  }
  size_t size = static_cast<size_t>(ElementSize(buffer.element_type));
  for (uint32_t d = 0; d < rank; ++d) {
    const schema::Dim& dim = shape[d];
    if (dim.kind() == DimKind::CONSTANT) {
      if (dims[d] != dim.value()) {
        return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                    "input %u ('%.48s'): extent %u: expected %u, but got %u"_msg, index, name, d,
                    dim.value(), dims[d]);
      }
    } else {
      const unpacked::Symbol& symbol = program_->symbols[dim.value()];
      if (dims[d] < symbol.minimum || dims[d] > symbol.maximum) {
        return Fail(error, GEM_STATUS_OUT_OF_RANGE,
                    "input %u ('%.48s'): extent %u: expected %u to %u, but got %u"_msg, index, name,
                    d, symbol.minimum, symbol.maximum, dims[d]);
      }
    }
    size *= dims[d];
  }
  *out_size = size;
  return GEM_STATUS_OK;
}

gem_status_t Session::CheckValues(uint32_t index, const void* data, size_t size,
                                  gem_error_t* error) const {
  const unpacked::Binding& binding = entry_->inputs[index];
  if (entry_->buffers[binding.buffer].element_type != ElementType::I32) {
    return GEM_STATUS_OK;
  }
  for (size_t i = 0; i < size / sizeof(int32_t); ++i) {
    int32_t value;
    memcpy(&value, static_cast<const uint8_t*>(data) + i * sizeof(value), sizeof(value));
    if (value < binding.minimum || value > binding.maximum) {
      return Fail(error, GEM_STATUS_OUT_OF_RANGE,
                  "input %u ('%.48s'): expected %d to %d at position %zu, but got %d"_msg, index,
                  binding.name->c_str(), binding.minimum, binding.maximum, i, value);
    }
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::SetInput(uint32_t index, const void* data, const uint32_t* dims,
                               uint32_t rank, gem_error_t* error) {
  if (index >= inputs_.size()) {
    return Fail(error, GEM_STATUS_NOT_FOUND,
                "input: expected less than the entry's %zu, but got %u"_msg, inputs_.size(), index);
  }
  size_t size = 0;
  gem_status_t status = CheckDims(index, dims, rank, &size, error);
  if (status == GEM_STATUS_OK) status = CheckValues(index, data, size, error);
  if (status != GEM_STATUS_OK) return status;
  Input& input = inputs_[index];
  memcpy(input.data, data, size);
  input.size = size;
  memcpy(input.dims, dims, rank * sizeof(uint32_t));
  input.is_set = true;
  return GEM_STATUS_OK;
}

// --- running -----------------------------------------------------------------

gem_status_t Session::BindSymbols(gem_error_t* error) {
  for (uint32_t& value : new_symbols_) value = 0;
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const unpacked::Binding& binding = entry_->inputs[i];
    if (!inputs_[i].is_set) {
      return Fail(error, GEM_STATUS_INVALID_ARGUMENT, "input %u ('%.48s') has not been set"_msg, i,
                  binding.name->c_str());
    }
    const unpacked::Shape& shape = entry_->buffers[binding.buffer].shape;
    for (uint32_t d = 0; d < shape.rank; ++d) {
      if (shape[d].kind() != DimKind::SYMBOL) continue;
      uint32_t& value = new_symbols_[shape[d].value()];
      if (value == 0) value = inputs_[i].dims[d];
      if (value == inputs_[i].dims[d]) continue;
      return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                  "input %u ('%.48s'): extent %u: expected %u, to which another extent has bound "
                  "'%.48s', but got %u"_msg,
                  i, binding.name->c_str(), d, value,
                  program_->symbols[shape[d].value()].name->c_str(), inputs_[i].dims[d]);
    }
  }
  bool changed = !is_bound_;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    changed |= symbols_[i] != new_symbols_[i];
    symbols_[i] = new_symbols_[i];
  }
  if (changed) {
    for (PreparedSubmission& submission : submissions_) {
      submission.driver->bind(submission.state, symbols_.data());
    }
    is_bound_ = true;
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::Execute(gem_error_t* error) {
  FloatingPointScope floating_point;
  for (PreparedSubmission& submission : submissions_) {
    const gem_status_t status = submission.driver->run(submission.state, cancelled_, error);
    if (status != GEM_STATUS_OK) return status;
  }
  return GEM_STATUS_OK;
}

gem_status_t Session::Run(gem_error_t* error) {
  has_results_ = false;
  gem_status_t status = BindSymbols(error);
  if (status == GEM_STATUS_OK) status = bundle_.CheckLength(error);
  if (status != GEM_STATUS_OK) return status;
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const uint32_t buffer = entry_->inputs[i].buffer;
    memcpy(arena_.data() + entry_->buffers[buffer].offset, inputs_[i].data, inputs_[i].size);
  }
  status = Execute(error);
  // Also looks after the last command, so that a cancellation meant for this run
  // does not hit the next.
  if (cancelled_.exchange(false)) {
    return Fail(error, GEM_STATUS_CANCELLED, "the run was cancelled"_msg);
  }
  has_results_ = status == GEM_STATUS_OK;
  return status;
}

void Session::Profile(bool on) {
  for (PreparedSubmission& submission : submissions_) {
    submission.driver->profile(submission.state, on);
  }
}

bool Session::CommandProfile(uint32_t index, gem_command_profile_t* out) const {
  for (uint32_t i = 0; i < submissions_.size(); ++i) {
    const uint32_t commands = entry_->submissions[i].commands.size();
    if (index < commands) {
      submissions_[i].driver->command_profile(submissions_[i].state, index, out);
      return true;
    }
    index -= commands;
  }
  return false;
}

gem_status_t Session::RunTokens(const int32_t* ids, uint32_t count, gem_error_t* error) {
  const auto& bindings = entry_->inputs;
  constexpr uint32_t kNone = 0xFFFFFFFF;
  uint32_t ids_index = kNone, count_index = kNone;
  for (uint32_t i = 0; i < bindings.size(); ++i) {
    if (bindings[i].role == Role::TOKEN_IDS) ids_index = i;
    if (bindings[i].role == Role::TOKEN_COUNT) count_index = i;
  }
  if (ids_index == kNone) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "entry '%.48s': expected an input with role TOKEN_IDS, but got none"_msg,
                entry_->name->c_str());
  }
  const unpacked::Binding& binding = bindings[ids_index];
  const schema::Dim& extent = entry_->buffers[binding.buffer].shape[0];
  const unpacked::Text* text = bundle_.root().text;
  const bool padded = text != nullptr && text->padded != 0;
  // Padded programs take a constant number of tokens, others what the symbol
  // says.
  const uint32_t maximum = Extent(extent, nullptr);
  uint32_t minimum = maximum;
  if (padded) {
    minimum = 1;
  } else if (extent.kind() == DimKind::SYMBOL) {
    minimum = program_->symbols[extent.value()].minimum;
  }
  if (count < minimum || count > maximum) {
    return Fail(error, GEM_STATUS_OUT_OF_RANGE, "count: expected %u to %u tokens, but got %u"_msg,
                minimum, maximum, count);
  }
  gem_status_t status = CheckValues(ids_index, ids, count * sizeof(int32_t), error);
  if (status != GEM_STATUS_OK) return status;
  const auto token_count = static_cast<int32_t>(count);
  if (count_index != kNone) {
    const uint32_t one = 1;
    status = SetInput(count_index, &token_count, &one, 1, error);
    if (status != GEM_STATUS_OK) return status;
  }
  Input& input = inputs_[ids_index];
  memcpy(input.data, ids, count * sizeof(int32_t));
  input.dims[0] = count;
  if (padded) {
    // The loader has checked that the id is one the input takes.
    const auto pad = static_cast<int32_t>(text->pad_id);
    for (uint32_t i = count; i < maximum; ++i) memcpy(input.data + i * 4, &pad, 4);
    input.dims[0] = maximum;
  }
  input.size = input.dims[0] * sizeof(int32_t);
  input.is_set = true;
  return Run(error);
}

}  // namespace gem

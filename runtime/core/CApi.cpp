// The C API: checks arguments, hands over to Bundle and Session.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstddef>
#include <cstring>
#include <new>

#include "gem/gem.h"
#include "runtime/core/Observer.h"
#include "runtime/core/Session.h"
#include "runtime/core/Status.h"
#include "runtime/loader/Bundle.h"

namespace {

using gem::Fail;
using gem::Memory;
using gem::Observer;
using gem::Succeed;
using gem::operator""_msg;

gem_status_t NullArgument(gem_error_t* error, const char* name) {
  return Fail(error, GEM_STATUS_INVALID_ARGUMENT, "%s: expected a pointer, but got NULL"_msg, name);
}

// Copies what a caller, compiled against this header or another version of it, gives
// of its options into `out`, which holds the defaults of the `known` bytes of this
// version. `first` is the size that the first version had.
gem_status_t ReadStruct(const void* options, size_t first, size_t known, void* out,
                        gem_error_t* error) {
  if (options == nullptr) return GEM_STATUS_OK;
  const auto* bytes = static_cast<const uint8_t*>(options);
  uint32_t size;
  memcpy(&size, bytes, sizeof(size));  // every struct begins with its size
  // No version will have larger ones; a size that nobody set may be any.
  constexpr uint32_t kMost = 4096;
  if (size < first || size > kMost) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "options: struct_size: expected %zu to %u, but got %u; initialise options with "
                "their init function"_msg,
                first, kMost, size);
  }
  // A newer caller's further fields: zero is their default, anything else asks for
  // what this runtime does not have.
  for (size_t i = known; i < size; ++i) {
    if (bytes[i] == 0) continue;
    return Fail(error, GEM_STATUS_UNSUPPORTED,
                "options: expected zeros after the %zu bytes that runtime %s knows, but got a "
                "value at byte %zu; use a newer runtime"_msg,
                known, GEM_VERSION, i);
  }
  memcpy(out, bytes, size < known ? size : known);
  return GEM_STATUS_OK;
}

template <typename Options>
gem_status_t ReadOptions(const Options* options, size_t first, Options* out, gem_error_t* error) {
  static_assert(offsetof(Options, struct_size) == 0);
  return ReadStruct(options, first, sizeof(Options), out, error);
}

// Copies as much of the `known` bytes at `info` as the caller's struct `out` has room
// for, but for its size. False when it has less than the first version had.
bool WriteStruct(const void* info, size_t first, size_t known, void* out) {
  uint32_t size;
  memcpy(&size, out, sizeof(size));
  if (size < first) return false;
  const size_t count = size < known ? size : known;
  memcpy(static_cast<uint8_t*>(out) + sizeof(size),
         static_cast<const uint8_t*>(info) + sizeof(size), count - sizeof(size));
  return true;
}

template <typename Info>
bool WriteInfo(const Info& info, size_t first, Info* out) {
  static_assert(offsetof(Info, struct_size) == 0);
  return WriteStruct(&info, first, sizeof(Info), out);
}

// The structs of version 0.1.
constexpr size_t kFirstBundleOptions = offsetof(gem_bundle_options_t, hash_threads);
constexpr size_t kFirstSessionOptions = offsetof(gem_session_options_t, observer);
constexpr size_t kFirstSessionInfo = offsetof(gem_session_info_t, variant);
constexpr size_t kFirstBundleInfo =
    offsetof(gem_bundle_info_t, padded) + sizeof(gem_bundle_info_t::padded);
constexpr size_t kFirstCommandProfile =
    offsetof(gem_command_profile_t, weight_bytes) + sizeof(gem_command_profile_t::weight_bytes);

// An enum of the caller as the number it is: it may be out of range.
template <typename Enum>
int ToInt(const Enum& value) {
  int number = 0;
  static_assert(sizeof(number) == sizeof(value));
  memcpy(&number, &value, sizeof(number));
  return number;
}

// Makes a bundle of the file at `path` or, when that is null, of the bytes at `data`, in
// memory from the options' allocator. The options were checked.
gem_status_t MakeBundle(const char* path, const void* data, size_t size,
                        const gem_bundle_options_t& options, gem_bundle_t** out_bundle,
                        gem_error_t* error) {
  const gem_allocator_t allocator =
      options.allocator != nullptr ? *options.allocator : gem::DefaultAllocator();
  void* place = Memory(allocator).Allocate(sizeof(gem_bundle_t), alignof(gem_bundle_t));
  if (place == nullptr) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for a bundle"_msg);
  }
  auto* bundle = new (place) gem_bundle_t(allocator);
  const gem_status_t status = path != nullptr ? bundle->Open(path, options, error)
                                              : bundle->OpenMemory(data, size, options, error);
  if (status != GEM_STATUS_OK) {
    gem_bundle_close(bundle);
    return status;
  }
  *out_bundle = bundle;
  return Succeed(error);
}

void TellOpened(const Observer& observer, uint64_t begin, const char* path,
                const gem_bundle_options_t& options, const gem::Bundle& bundle) {
  const gem::unpacked::Bundle& root = bundle.root();
  observer.Message(begin,
                   "opened %s: model '%.48s' (%.48s) by %.48s, format %u.%u, variants %u, %zu "
                   "bytes%s; hashes checked: %s; signature: %s"_msg,
                   path != nullptr ? path : "memory", root.model.name->c_str(),
                   root.model.architecture->c_str(), root.producer->c_str(),
                   bundle.preamble().format_major, bundle.preamble().format_minor,
                   root.variants.size(), bundle.bytes().size(),
                   options.load_mode == GEM_LOAD_COPY ? " copied" : "",
                   options.hash_check == GEM_HASH_ALL ? "the program and all segments"
                   : bundle.checks_before_use()       ? "the program, segments before their use"
                                                      : "the program",
                   options.public_key != nullptr                        ? "good"
                   : bundle.preamble().signature != gem::kSignatureNone ? "not checked"
                                                                        : "none");
}

// Opens the file at `path` or, when that is null, the bytes at `data`.
gem_status_t OpenBundle(const char* path, const void* data, size_t size,
                        const gem_bundle_options_t* options, gem_bundle_t** out_bundle,
                        gem_error_t* error) {
  gem_bundle_options_t resolved;
  gem_bundle_options_init(&resolved);
  gem_status_t status = ReadOptions(options, kFirstBundleOptions, &resolved, error);
  if (status != GEM_STATUS_OK) return status;
  const int mode = ToInt(resolved.load_mode);
  if (mode != GEM_LOAD_MAP && mode != GEM_LOAD_COPY) {
    return Fail(
        error, GEM_STATUS_INVALID_ARGUMENT,
        "options: load_mode: expected 0 (GEM_LOAD_MAP) or 1 (GEM_LOAD_COPY), but got %d"_msg, mode);
  }
  const int check = ToInt(resolved.hash_check);
  if (check < GEM_HASH_PROGRAM || check > GEM_HASH_LAZY) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "options: hash_check: expected 0 (GEM_HASH_PROGRAM), 1 (GEM_HASH_ALL) or 2 "
                "(GEM_HASH_LAZY), but got %d"_msg,
                check);
  }
  if (resolved.hash_threads > gem::kMaxThreads) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "options: hash_threads: expected 0 to %u, but got %u"_msg, gem::kMaxThreads,
                resolved.hash_threads);
  }
  if (resolved.public_key != nullptr &&
      (resolved.verifier == nullptr || resolved.verifier->verify == nullptr)) {
    return Fail(error, GEM_STATUS_INVALID_ARGUMENT,
                "options: verifier: expected one that checks signatures with the public key, but "
                "got NULL; link gem::signature and give gem_ed25519_verifier()"_msg);
  }
  status = gem::CheckAllocator(resolved.allocator, error);
  if (status == GEM_STATUS_OK) status = gem::CheckObserver(resolved.observer, error);
  if (status != GEM_STATUS_OK) return status;
  const Observer observer(resolved.observer);
  const uint64_t begin = observer.Now();
  gem_error_t own;  // the observer is told why, even if the caller does not ask
  if (error == nullptr) error = &own;
  status = MakeBundle(path, data, size, resolved, out_bundle, error);
  if (status != GEM_STATUS_OK) {
    observer.Failure(begin, *error);
  } else if (observer.exists()) {
    TellOpened(observer, begin, path, resolved, **out_bundle);
  }
  return status;
}

gem_status_t MakeSession(gem_bundle_t* bundle, const gem_session_options_t& options,
                         const Observer& observer, gem_session_t** out_session,
                         gem_error_t* error) {
  const gem_allocator_t allocator =
      options.allocator != nullptr ? *options.allocator : bundle->allocator();
  void* place = Memory(allocator).Allocate(sizeof(gem_session_t), alignof(gem_session_t));
  if (place == nullptr) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for a session"_msg);
  }
  auto* session = new (place) gem_session_t(*bundle, allocator, observer);
  const gem_status_t status = session->Initialize({.thread_count = options.thread_count,
                                                   .variant = options.variant,
                                                   .entry = options.entry,
                                                   .cpu = options.cpu},
                                                  error);
  if (status != GEM_STATUS_OK) {
    gem_session_close(session);
    return status;
  }
  *out_session = session;
  return Succeed(error);
}

void TellCreated(uint64_t begin, const gem_session_t* session) {
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  gem_session_info(session, &info);
  session->observer().Message(begin,
                              "session: entry '%.48s' of variant %u (%s), kernels %s (%s), threads "
                              "%u, %llu bytes of memory, of "
                              "which the arena %llu"_msg,
                              session->entry().name->c_str(), info.variant, info.variant_reason,
                              info.cpu, info.cpu_reason, info.thread_count, info.session_bytes,
                              info.arena_bytes);
}

gem_status_t RunEnded(const gem_session_t& session, uint64_t begin, gem_status_t status,
                      gem_error_t* error) {
  session.observer().Run(begin, status, session.entry().name->c_str());
  return status == GEM_STATUS_OK ? Succeed(error) : status;
}

}  // namespace

extern "C" {

const char* gem_version(void) { return GEM_VERSION; }

const char* gem_status_name(gem_status_t status) {
  switch (ToInt(status)) {
    case GEM_STATUS_OK:
      return "OK";
    case GEM_STATUS_INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case GEM_STATUS_NOT_FOUND:
      return "NOT_FOUND";
    case GEM_STATUS_IO:
      return "IO";
    case GEM_STATUS_CORRUPT:
      return "CORRUPT";
    case GEM_STATUS_UNSUPPORTED:
      return "UNSUPPORTED";
    case GEM_STATUS_OUT_OF_MEMORY:
      return "OUT_OF_MEMORY";
    case GEM_STATUS_OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case GEM_STATUS_CANCELLED:
      return "CANCELLED";
    case GEM_STATUS_UNTRUSTED:
      return "UNTRUSTED";
    default:
      return "UNKNOWN";
  }
}

// --- bundles -----------------------------------------------------------------

// What the header's init functions take for granted.
static_assert(GEM_LOAD_MAP == 0 && GEM_HASH_PROGRAM == 0);

gem_status_t gem_bundle_open(const char* path, const gem_bundle_options_t* options,
                             gem_bundle_t** out_bundle, gem_error_t* out_error) {
  if (out_bundle == nullptr) return NullArgument(out_error, "out_bundle");
  *out_bundle = nullptr;
  if (path == nullptr) return NullArgument(out_error, "path");
  return OpenBundle(path, nullptr, 0, options, out_bundle, out_error);
}

gem_status_t gem_bundle_open_memory(const void* data, size_t size,
                                    const gem_bundle_options_t* options, gem_bundle_t** out_bundle,
                                    gem_error_t* out_error) {
  if (out_bundle == nullptr) return NullArgument(out_error, "out_bundle");
  *out_bundle = nullptr;
  if (data == nullptr) return NullArgument(out_error, "data");
  return OpenBundle(nullptr, data, size, options, out_bundle, out_error);
}

void gem_bundle_close(gem_bundle_t* bundle) {
  if (bundle == nullptr) return;
  const gem_allocator_t allocator = bundle->allocator();
  bundle->~gem_bundle_t();
  allocator.release(allocator.self, bundle, sizeof(gem_bundle_t));
}

gem_status_t gem_bundle_info(const gem_bundle_t* bundle, gem_bundle_info_t* out_info) {
  if (bundle == nullptr || out_info == nullptr) return GEM_STATUS_INVALID_ARGUMENT;
  const gem::unpacked::Bundle& root = bundle->root();
  const gem::unpacked::Model& model = root.model;
  const gem::unpacked::Text* text = root.text;
  gem_bundle_info_t info = {};
  info.producer = root.producer->c_str();
  info.model_name = model.name->c_str();
  info.architecture = model.architecture->c_str();
  info.parameters = model.parameters;
  info.file_size = bundle->bytes().size();
  info.format_major = bundle->preamble().format_major;
  info.format_minor = bundle->preamble().format_minor;
  info.variant_count = root.variants.size();
  info.label_count = model.labels == nullptr ? 0 : model.labels->size();
  info.maximum_tokens = text == nullptr ? 0 : text->maximum_tokens;
  info.padded = text != nullptr && text->padded != 0 ? 1 : 0;
  return WriteInfo(info, kFirstBundleInfo, out_info) ? GEM_STATUS_OK : GEM_STATUS_INVALID_ARGUMENT;
}

const char* gem_bundle_label(const gem_bundle_t* bundle, uint32_t index) {
  if (bundle == nullptr) return nullptr;
  const auto* labels = bundle->root().model.labels;
  return labels == nullptr || index >= labels->size() ? nullptr : labels->Get(index)->c_str();
}

const char* gem_bundle_variant_device(const gem_bundle_t* bundle, uint32_t index) {
  if (bundle == nullptr || index >= bundle->root().variants.size()) return nullptr;
  return bundle->root().variants[index].device->c_str();
}

// --- sessions ----------------------------------------------------------------

const char* gem_cpu_kernels(uint32_t index, int32_t* out_supported) {
  size_t count = 0;
  const gem::CpuKernels* const* all = gem::AllCpuKernels(&count);
  if (index >= count) return nullptr;
  if (out_supported != nullptr) *out_supported = all[index]->supported() ? 1 : 0;
  return all[index]->name;
}

gem_status_t gem_session_create(gem_bundle_t* bundle, const gem_session_options_t* options,
                                gem_session_t** out_session, gem_error_t* out_error) {
  if (out_session == nullptr) return NullArgument(out_error, "out_session");
  *out_session = nullptr;
  if (bundle == nullptr) return NullArgument(out_error, "bundle");
  gem_session_options_t resolved;
  gem_session_options_init(&resolved);
  gem_status_t status = ReadOptions(options, kFirstSessionOptions, &resolved, out_error);
  if (status == GEM_STATUS_OK) status = gem::CheckAllocator(resolved.allocator, out_error);
  if (status == GEM_STATUS_OK) status = gem::CheckObserver(resolved.observer, out_error);
  if (status != GEM_STATUS_OK) return status;
  const Observer observer(resolved.observer);
  const uint64_t begin = observer.Now();
  gem_error_t own;  // the observer is told why, even if the caller does not ask
  if (out_error == nullptr) out_error = &own;
  status = MakeSession(bundle, resolved, observer, out_session, out_error);
  if (status != GEM_STATUS_OK) {
    observer.Failure(begin, *out_error);
  } else if (observer.exists()) {
    TellCreated(begin, *out_session);
  }
  return status;
}

void gem_session_close(gem_session_t* session) {
  if (session == nullptr) return;
  const gem_allocator_t allocator = session->allocator();
  session->~gem_session_t();
  allocator.release(allocator.self, session, sizeof(gem_session_t));
}

gem_status_t gem_session_info(const gem_session_t* session, gem_session_info_t* out_info) {
  if (session == nullptr || out_info == nullptr) return GEM_STATUS_INVALID_ARGUMENT;
  gem_session_info_t info = {};
  info.cpu = session->cpu().kernels->name;
  info.cpu_reason = session->cpu().reason;
  info.thread_count = session->thread_count();
  info.arena_bytes = session->entry().arena_size;
  info.session_bytes = session->bytes() + sizeof(gem_session_t);
  info.input_count = session->entry().inputs.size();
  info.output_count = session->entry().outputs.size();
  info.variant = session->variant().index;
  info.variant_device = session->variant_device();
  info.variant_reason = session->variant().reason;
  return WriteInfo(info, kFirstSessionInfo, out_info) ? GEM_STATUS_OK : GEM_STATUS_INVALID_ARGUMENT;
}

gem_status_t gem_session_input(const gem_session_t* session, uint32_t index,
                               gem_tensor_t* out_tensor, gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  if (out_tensor == nullptr) return NullArgument(out_error, "out_tensor");
  const gem_status_t status = session->DescribeInput(index, out_tensor, out_error);
  return status == GEM_STATUS_OK ? Succeed(out_error) : status;
}

gem_status_t gem_session_output(const gem_session_t* session, uint32_t index,
                                gem_tensor_t* out_tensor, gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  if (out_tensor == nullptr) return NullArgument(out_error, "out_tensor");
  const gem_status_t status = session->DescribeOutput(index, out_tensor, out_error);
  return status == GEM_STATUS_OK ? Succeed(out_error) : status;
}

gem_status_t gem_session_output_by_role(const gem_session_t* session, gem_role_t role,
                                        gem_tensor_t* out_tensor, gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  if (out_tensor == nullptr) return NullArgument(out_error, "out_tensor");
  const gem_status_t status = session->DescribeOutputByRole(ToInt(role), out_tensor, out_error);
  return status == GEM_STATUS_OK ? Succeed(out_error) : status;
}

gem_status_t gem_session_set_input(gem_session_t* session, uint32_t index, const void* data,
                                   const uint32_t* dims, uint32_t rank, gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  if (data == nullptr) return NullArgument(out_error, "data");
  if (dims == nullptr) return NullArgument(out_error, "dims");
  const gem_status_t status = session->SetInput(index, data, dims, rank, out_error);
  return status == GEM_STATUS_OK ? Succeed(out_error) : status;
}

gem_status_t gem_session_run(gem_session_t* session, gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  const uint64_t begin = session->observer().Now();
  return RunEnded(*session, begin, session->Run(out_error), out_error);
}

gem_status_t gem_session_run_tokens(gem_session_t* session, const int32_t* ids, uint32_t count,
                                    gem_error_t* out_error) {
  if (session == nullptr) return NullArgument(out_error, "session");
  if (ids == nullptr) return NullArgument(out_error, "ids");
  const uint64_t begin = session->observer().Now();
  return RunEnded(*session, begin, session->RunTokens(ids, count, out_error), out_error);
}

void gem_session_cancel(gem_session_t* session) {
  if (session != nullptr) session->Cancel();
}

// --- profiling ---------------------------------------------------------------

void gem_session_profile(gem_session_t* session, int32_t on) {
  if (session != nullptr) session->Profile(on != 0);
}

gem_status_t gem_session_command_profile(const gem_session_t* session, uint32_t index,
                                         gem_command_profile_t* out_profile) {
  if (session == nullptr || out_profile == nullptr) return GEM_STATUS_INVALID_ARGUMENT;
  gem_command_profile_t profile = {};
  if (!session->CommandProfile(index, &profile)) return GEM_STATUS_NOT_FOUND;
  return WriteInfo(profile, kFirstCommandProfile, out_profile) ? GEM_STATUS_OK
                                                               : GEM_STATUS_INVALID_ARGUMENT;
}

}  // extern "C"

// The C API for C++17: objects that close themselves, spans, results. Header only.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   auto bundle = gem::Bundle::Open("model.gemb");
//   if (!bundle) return Fail(bundle.message());
//   auto session = gem::Session::Create(*bundle);
//   if (!session) return Fail(session.message());
//   if (auto run = session->RunTokens(ids); !run) return Fail(run.message());
//   gem::Span<const float> logits = session->Output(GEM_ROLE_LOGITS)->As<float>();
//
// Errors: what can fail returns a Result<T>, which is a T or a gem_error_t, like
// std::expected of C++23. So the header serves programs built with -fno-exceptions,
// which is how small devices are programmed. With exceptions on, `.value()` gives the
// T or throws gem::Exception; with them off it does not exist, for it could only abort.
// `*` and `->` want a result that is there.
//
// Memory: nothing here allocates. Bundle, Session and Tokenizer are as large as a
// pointer; an error holds its message; outputs are spans of the session's memory.
//
// The C API stays in reach: its enums and structs are used as they are, options
// derive from its options, and c() gives an object's handle. Ownership and threads
// are gem.h's: a bundle must outlive its sessions and tokenizers. Moving a Bundle
// does not move what they refer to.
#ifndef GEM_GEM_HPP
#define GEM_GEM_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "gem/gem.h"
#if defined(__cpp_exceptions) && !defined(GEM_NO_EXCEPTIONS)
#define GEM_HAS_EXCEPTIONS 1
#include <exception>
#endif

namespace gem {
// Inline: a program that links the runtime statically also has its inner names.
inline namespace api {

// --- spans --------------------------------------------------------------------

// A pointer and a count, made from any container with data() and size(). C++20's
// std::span can be made from it.
template <typename T>
class Span {
 public:
  using element_type = T;

  constexpr Span() = default;
  constexpr Span(T* data, size_t size) : data_(data), size_(size) {}
  template <size_t N>
  constexpr Span(T (&array)[N]) : data_(array), size_(N) {}
  template <typename Container, typename = std::enable_if_t<std::is_convertible_v<
                                    decltype(std::declval<Container&>().data()), T*>>>
  constexpr Span(Container&& container) : data_(container.data()), size_(container.size()) {}

  constexpr T* data() const { return data_; }
  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T& operator[](size_t index) const { return data_[index]; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

// --- errors -------------------------------------------------------------------

inline std::string_view StatusName(gem_status_t status) { return gem_status_name(status); }

// "MAJOR.MINOR.PATCH", of the library that is linked.
inline std::string_view Version() { return gem_version(); }

struct CpuKernelInfo {
  std::string_view name;  // empty past the last
  bool supported;         // by this CPU
};

// The CPU kernels that are compiled in, best first.
inline CpuKernelInfo GetCpuKernelInfo(uint32_t index) {
  int32_t supported = 0;
  const char* name = gem_cpu_kernels(index, &supported);
  return {name != nullptr ? std::string_view(name) : std::string_view(), supported != 0};
}

#ifdef GEM_HAS_EXCEPTIONS
// What value() throws.
class Exception : public std::exception {
 public:
  explicit Exception(const gem_error_t& error) : error_(error) {}
  const char* what() const noexcept override { return error_.message; }
  gem_status_t status() const noexcept { return error_.status; }

 private:
  gem_error_t error_;
};
#endif

namespace detail {

inline gem_error_t MakeError(gem_status_t status, const char* message) {
  gem_error_t error = {};
  error.status = status;
  for (size_t i = 0; i + 1 < sizeof(error.message) && message[i] != '\0'; ++i) {
    error.message[i] = message[i];
  }
  return error;
}

}  // namespace detail

// A T, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : ok_(true) { new (&value_) T(std::move(value)); }
  Result(const gem_error_t& error) : ok_(false) { error_ = error; }
  Result(Result&& other) noexcept : ok_(other.ok_) { Take(other); }
  Result& operator=(Result&& other) noexcept {
    if (this != &other) {
      Clear();
      ok_ = other.ok_;
      Take(other);
    }
    return *this;
  }
  ~Result() { Clear(); }

  explicit operator bool() const { return ok_; }
  bool ok() const { return ok_; }
  gem_status_t status() const { return ok_ ? GEM_STATUS_OK : error_.status; }
  // One line of UTF-8; "" when ok.
  const char* message() const { return ok_ ? "" : error_.message; }

  // Only when ok.
  T& operator*() & { return value_; }
  const T& operator*() const& { return value_; }
  T&& operator*() && { return std::move(value_); }
  T* operator->() { return &value_; }
  const T* operator->() const { return &value_; }

#ifdef GEM_HAS_EXCEPTIONS
  T& value() & {
    Check();
    return value_;
  }
  T&& value() && {
    Check();
    return std::move(value_);
  }
#endif

 private:
#ifdef GEM_HAS_EXCEPTIONS
  void Check() const {
    if (!ok_) throw Exception(error_);
  }
#endif
  void Take(Result& other) {
    if (ok_) {
      new (&value_) T(std::move(other.value_));
    } else {
      error_ = other.error_;
    }
  }
  void Clear() {
    if (ok_) value_.~T();
  }

  union {
    T value_;
    gem_error_t error_;
  };
  bool ok_;
};

// Of what only succeeds or fails.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() : error_{} {}
  Result(const gem_error_t& error) : error_(error) {}

  explicit operator bool() const { return ok(); }
  bool ok() const { return error_.status == GEM_STATUS_OK; }
  gem_status_t status() const { return error_.status; }
  const char* message() const { return error_.message; }

#ifdef GEM_HAS_EXCEPTIONS
  void value() const {
    if (!ok()) throw Exception(error_);
  }
#endif

 private:
  gem_error_t error_;
};

namespace detail {

// A handle of the C API, closed once. Moved from, it is null; what is called on a
// null object fails with INVALID_ARGUMENT.
template <typename Handle, void (*Close)(Handle*)>
class Owner {
 public:
  Owner() = default;
  explicit Owner(Handle* handle) : handle_(handle) {}
  Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    if (this != &other) {
      Close(handle_);
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Owner() { Close(handle_); }

  // The handle, which stays this object's.
  Handle* c() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle* handle_ = nullptr;
};

inline Result<void> Outcome(gem_status_t status, const gem_error_t& error) {
  if (status != GEM_STATUS_OK) return error;
  return {};
}

template <typename T>
constexpr gem_element_type_t kElementType = GEM_ELEMENT_INVALID;
template <>
inline constexpr gem_element_type_t kElementType<float> = GEM_ELEMENT_F32;
template <>
inline constexpr gem_element_type_t kElementType<uint8_t> = GEM_ELEMENT_U8;
template <>
inline constexpr gem_element_type_t kElementType<int32_t> = GEM_ELEMENT_I32;

}  // namespace detail

// --- observation ----------------------------------------------------------------

// An observer that calls `function(const gem_event_t&)`, which must live as long as
// what is observed, and must not throw.
template <typename Function>
gem_observer_t MakeObserver(Function& function) {
  gem_observer_t observer;
  observer.self = &function;
  observer.event = [](void* self, const gem_event_t* event) {
    (*static_cast<Function*>(self))(*event);
  };
  return observer;
}

// --- bundles --------------------------------------------------------------------

// gem_bundle_options_t with the defaults set. Pointers in it must live until Open
// returns; `allocator` and `observer` name what gem.h says of them.
struct BundleOptions : gem_bundle_options_t {
  BundleOptions() { gem_bundle_options_init(this); }

  // Refuses bundles that are not signed with `key`. gem/signature.h has a verifier.
  BundleOptions& Trust(const uint8_t (&key)[GEM_PUBLIC_KEY_SIZE],
                       const gem_verifier_t* signature_verifier) {
    public_key = key;
    verifier = signature_verifier;
    return *this;
  }
};

class Bundle : public detail::Owner<gem_bundle_t, gem_bundle_close> {
 public:
  using Owner::Owner;

  static Result<Bundle> Open(const char* path, const BundleOptions& options = {}) {
    gem_error_t error = {};
    gem_bundle_t* bundle = nullptr;
    if (gem_bundle_open(path, &options, &bundle, &error) != GEM_STATUS_OK) return error;
    return Bundle(bundle);
  }

  // `bytes` are aligned to 64. In GEM_LOAD_MAP mode they stay in use.
  static Result<Bundle> OpenMemory(const void* bytes, size_t size,
                                   const BundleOptions& options = {}) {
    gem_error_t error = {};
    gem_bundle_t* bundle = nullptr;
    if (gem_bundle_open_memory(bytes, size, &options, &bundle, &error) != GEM_STATUS_OK) {
      return error;
    }
    return Bundle(bundle);
  }

  // All zeros for a null object.
  gem_bundle_info_t Info() const {
    gem_bundle_info_t info = {};
    info.struct_size = sizeof(info);
    gem_bundle_info(c(), &info);
    return info;
  }

  // Empty past the last.
  std::string_view Label(uint32_t index) const { return View(gem_bundle_label(c(), index)); }
  std::string_view VariantDevice(uint32_t index) const {
    return View(gem_bundle_variant_device(c(), index));
  }

 private:
  static std::string_view View(const char* text) { return text != nullptr ? text : ""; }
};

// --- tensors --------------------------------------------------------------------

struct Tensor : gem_tensor_t {
  Tensor() : gem_tensor_t{} {}

  Span<const uint32_t> Dims() const { return {dims, rank}; }

  // The elements; empty when they are of another type, or before the first run.
  template <typename T>
  Span<const T> As() const {
    static_assert(detail::kElementType<T> != GEM_ELEMENT_INVALID,
                  "tensors hold float, uint8_t or int32_t");
    if (element_type != detail::kElementType<T> || data == nullptr) return {};
    return {static_cast<const T*>(data), size / sizeof(T)};
  }
};

// --- sessions -------------------------------------------------------------------

// gem_session_options_t with the defaults set.
struct SessionOptions : gem_session_options_t {
  SessionOptions() { gem_session_options_init(this); }
};

class Session : public detail::Owner<gem_session_t, gem_session_close> {
 public:
  using Owner::Owner;

  static Result<Session> Create(const Bundle& bundle, const SessionOptions& options = {}) {
    gem_error_t error = {};
    gem_session_t* session = nullptr;
    if (gem_session_create(bundle.c(), &options, &session, &error) != GEM_STATUS_OK) return error;
    return Session(session);
  }

  gem_session_info_t Info() const {
    gem_session_info_t info = {};
    info.struct_size = sizeof(info);
    gem_session_info(c(), &info);
    return info;
  }

  Result<Tensor> Input(uint32_t index) const { return Describe(gem_session_input, index); }
  Result<Tensor> Output(uint32_t index) const { return Describe(gem_session_output, index); }
  // The first output with `role`.
  Result<Tensor> Output(gem_role_t role) const {
    return Describe(gem_session_output_by_role, role);
  }

  // Copies `data` in, whose size must be that of `dims`.
  template <typename T>
  Result<void> SetInput(uint32_t index, Span<const T> data, Span<const uint32_t> dims) {
    static_assert(detail::kElementType<T> != GEM_ELEMENT_INVALID,
                  "tensors hold float, uint8_t or int32_t");
    auto input = Input(index);
    if (!input) return detail::MakeError(input.status(), input.message());
    if (input->element_type != detail::kElementType<T>) {
      return detail::MakeError(GEM_STATUS_INVALID_ARGUMENT,
                               "SetInput: the input's elements are of another type");
    }
    size_t elements = 1;
    for (const uint32_t extent : dims) elements *= extent;
    if (elements != data.size()) {
      return detail::MakeError(GEM_STATUS_INVALID_ARGUMENT,
                               "SetInput: data has another number of elements than dims tell");
    }
    gem_error_t error = {};
    return detail::Outcome(gem_session_set_input(c(), index, data.data(), dims.data(),
                                                 static_cast<uint32_t>(dims.size()), &error),
                           error);
  }

  Result<void> Run() {
    gem_error_t error = {};
    return detail::Outcome(gem_session_run(c(), &error), error);
  }

  Result<void> RunTokens(Span<const int32_t> ids) {
    gem_error_t error = {};
    return detail::Outcome(
        gem_session_run_tokens(c(), ids.data(), static_cast<uint32_t>(ids.size()), &error), error);
  }

  // The one function that another thread may call during a run.
  void Cancel() const { gem_session_cancel(c()); }

  void Profile(bool on) { gem_session_profile(c(), on ? 1 : 0); }

  // NOT_FOUND past the last command.
  Result<gem_command_profile_t> CommandProfile(uint32_t index) const {
    gem_command_profile_t profile = {};
    profile.struct_size = sizeof(profile);
    const gem_status_t status = gem_session_command_profile(c(), index, &profile);
    if (status == GEM_STATUS_OK) return profile;
    return detail::MakeError(status, "CommandProfile: there is no such command");
  }

 private:
  template <typename Function, typename Which>
  Result<Tensor> Describe(Function function, Which which) const {
    gem_error_t error = {};
    Tensor tensor;
    if (function(c(), which, &tensor, &error) != GEM_STATUS_OK) return error;
    return tensor;
  }
};

}  // namespace api
}  // namespace gem

#endif  // GEM_GEM_HPP

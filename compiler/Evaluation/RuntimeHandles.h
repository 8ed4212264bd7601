// The runtime's objects, closed by themselves, and its errors as statuses.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_RUNTIMEHANDLES_H
#define GEM_COMPILER_EVALUATION_RUNTIMEHANDLES_H

#include "absl/status/status.h"
#include "gem/gem.h"
#include "gem/text.h"
#include <memory>

namespace gem {

template <typename T, void (*close)(T *)> struct RuntimeCloser {
  void operator()(T *object) const { close(object); }
};
using BundlePtr = std::unique_ptr<gem_bundle_t, RuntimeCloser<gem_bundle_t, gem_bundle_close>>;
using SessionPtr = std::unique_ptr<gem_session_t, RuntimeCloser<gem_session_t, gem_session_close>>;
using TokenizerPtr =
    std::unique_ptr<gem_tokenizer_t, RuntimeCloser<gem_tokenizer_t, gem_tokenizer_close>>;

/// Ok, or the runtime's message under the nearest code.
inline absl::Status toStatus(gem_status_t status, const gem_error_t &error) {
  switch (status) {
  case GEM_STATUS_OK:
    return absl::OkStatus();
  case GEM_STATUS_INVALID_ARGUMENT:
    return absl::InvalidArgumentError(error.message);
  case GEM_STATUS_NOT_FOUND:
    return absl::NotFoundError(error.message);
  case GEM_STATUS_IO:
    return absl::UnavailableError(error.message);
  case GEM_STATUS_CORRUPT:
    return absl::DataLossError(error.message);
  case GEM_STATUS_UNSUPPORTED:
    return absl::UnimplementedError(error.message);
  case GEM_STATUS_OUT_OF_MEMORY:
    return absl::ResourceExhaustedError(error.message);
  case GEM_STATUS_OUT_OF_RANGE:
    return absl::OutOfRangeError(error.message);
  case GEM_STATUS_CANCELLED:
    return absl::CancelledError(error.message);
  case GEM_STATUS_UNTRUSTED:
    return absl::PermissionDeniedError(error.message);
  }
  return absl::InternalError(error.message);
}

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_RUNTIMEHANDLES_H

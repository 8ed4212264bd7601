// A change of a program, and how the loader refuses it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_REFUSAL_H
#define GEM_TEST_RUNTIME_REFUSAL_H

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>

#include "gem/gem.h"
#include "test/runtime/BundleBuilder.h"

namespace gem::test {

struct Refusal {
  const char* name;
  // Parts of the message, all of which must occur, separated by '|'.
  const char* message;
  void (*change)(BundleBuilder& b);
  gem_status_t status = GEM_STATUS_CORRUPT;
  bool padded = false;
};

// Also keeps gtest from printing a case as bytes, which reads its padding.
inline std::ostream& operator<<(std::ostream& out, const Refusal& refusal) {
  return out << refusal.name;
}

// Makes the change and opens the result.
inline void ExpectRefusal(BundleBuilder& builder, const Refusal& refusal) {
  refusal.change(builder);
  const AlignedBytes bytes(builder.Build());
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error),
            refusal.status)
      << error.message;
  EXPECT_EQ(error.status, refusal.status);
  ASSERT_EQ(bundle, nullptr);
  const std::string message = error.message;
  const std::string parts = refusal.message;
  for (size_t at = 0; at <= parts.size();) {
    const size_t end = std::min(parts.find('|', at), parts.size());
    EXPECT_NE(message.find(parts.substr(at, end - at)), std::string::npos)
        << "expected: " << parts.substr(at, end - at) << "\ngot: " << message;
    at = end + 1;
  }
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_REFUSAL_H

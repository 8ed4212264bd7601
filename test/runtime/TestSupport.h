// Handles that close themselves, and files that remove themselves.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_TESTSUPPORT_H
#define GEM_TEST_RUNTIME_TESTSUPPORT_H

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "gem/gem.h"
#include "test/runtime/BundleBuilder.h"

namespace gem::test {

struct CloseBundle {
  void operator()(gem_bundle_t* bundle) const { gem_bundle_close(bundle); }
};
struct CloseSession {
  void operator()(gem_session_t* session) const { gem_session_close(session); }
};
using BundlePtr = std::unique_ptr<gem_bundle_t, CloseBundle>;
using SessionPtr = std::unique_ptr<gem_session_t, CloseSession>;

// Opens a bundle that must be good.
inline BundlePtr OpenBundle(const AlignedBytes& bytes,
                            const gem_bundle_options_t* options = nullptr) {
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), options, &bundle, &error),
            GEM_STATUS_OK)
      << error.message;
  return BundlePtr(bundle);
}

// Creates a session that must be good.
inline SessionPtr CreateSession(gem_bundle_t* bundle, uint32_t thread_count = 1,
                                const char* cpu = nullptr) {
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = thread_count;
  options.cpu = cpu;
  gem_session_t* session = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle, &options, &session, &error), GEM_STATUS_OK) << error.message;
  return SessionPtr(session);
}

// The elements of an output, as bits: two results are equal when these are.
inline Bytes OutputBytes(gem_session_t* session, uint32_t index) {
  gem_tensor_t tensor;
  gem_error_t error;
  EXPECT_EQ(gem_session_output(session, index, &tensor, &error), GEM_STATUS_OK) << error.message;
  if (tensor.data == nullptr) {
    ADD_FAILURE() << "output " << index << " has no data";
    return {};
  }
  Bytes bytes(tensor.size);
  memcpy(bytes.data(), tensor.data, tensor.size);
  return bytes;
}

// All outputs, one after the other.
inline Bytes AllOutputs(gem_session_t* session) {
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  EXPECT_EQ(gem_session_info(session, &info), GEM_STATUS_OK);
  Bytes all;
  for (uint32_t i = 0; i < info.output_count; ++i) {
    const Bytes one = OutputBytes(session, i);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

template <typename T>
std::vector<T> OutputByRole(gem_session_t* session, gem_role_t role) {
  gem_tensor_t tensor;
  gem_error_t error;
  EXPECT_EQ(gem_session_output_by_role(session, role, &tensor, &error), GEM_STATUS_OK)
      << error.message;
  std::vector<T> values(tensor.size / sizeof(T));
  memcpy(values.data(), tensor.data, tensor.size);
  return values;
}

// A file with these bytes, removed with its owner.
class TemporaryFile {
 public:
  explicit TemporaryFile(const Bytes& bytes) {
    path_ = testing::TempDir() + "gem-runtime-test-XXXXXX";
    const int file = mkstemp(path_.data());
    EXPECT_GE(file, 0);
    EXPECT_EQ(write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    close(file);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_TESTSUPPORT_H

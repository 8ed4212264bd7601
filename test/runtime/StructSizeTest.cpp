// Callers of other versions of gem.h: their structs are shorter or longer.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#include "gem/gem.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {
namespace {

constexpr uint8_t kFill = 0xEE;

// Calls `get` for a caller whose struct has `size` bytes: nothing is written past them.
template <typename Info, typename Get>
gem_status_t GetWithSize(size_t size, Info* out, Get get) {
  alignas(Info) uint8_t bytes[sizeof(Info) + 64];
  memset(bytes, kFill, sizeof(bytes));
  auto* info = reinterpret_cast<Info*>(bytes);
  info->struct_size = static_cast<uint32_t>(size);
  const gem_status_t status = get(info);
  EXPECT_EQ(info->struct_size, size);
  const size_t written = status == GEM_STATUS_OK ? std::min(size, sizeof(Info)) : sizeof(uint32_t);
  for (size_t i = std::max(written, sizeof(uint32_t)); i < sizeof(bytes); ++i) {
    EXPECT_EQ(bytes[i], kFill) << "byte " << i << " of a struct of " << size;
  }
  memcpy(out, bytes, sizeof(Info));
  return status;
}

class StructSizeTest : public testing::Test {
 protected:
  StructSizeTest()
      : bytes_(TinyGem().builder.Build()),
        bundle_(OpenBundle(bytes_)),
        session_(CreateSession(bundle_.get())) {}

  // Every size is refused below `first`, and accepted from it on.
  template <typename Info, typename Get>
  void ExpectFrom(size_t first, Get get) {
    Info full;
    ASSERT_EQ(GetWithSize<Info>(sizeof(Info), &full, get), GEM_STATUS_OK);
    for (size_t size = 0; size < sizeof(Info) + 32; ++size) {
      Info info;
      const gem_status_t status = GetWithSize<Info>(size, &info, get);
      ASSERT_EQ(status, size < first ? GEM_STATUS_INVALID_ARGUMENT : GEM_STATUS_OK) << size;
      if (status != GEM_STATUS_OK) continue;
      // What a caller has is what everybody gets.
      EXPECT_EQ(
          memcmp(reinterpret_cast<const uint8_t*>(&info) + 8,
                 reinterpret_cast<const uint8_t*>(&full) + 8, std::min(size, sizeof(Info)) - 8),
          0)
          << size;
    }
  }

  AlignedBytes bytes_;
  BundlePtr bundle_;
  SessionPtr session_;
};

TEST_F(StructSizeTest, BundleInfo) {
  ExpectFrom<gem_bundle_info_t>(
      offsetof(gem_bundle_info_t, padded) + sizeof(int32_t),
      [this](gem_bundle_info_t* info) { return gem_bundle_info(bundle_.get(), info); });
}

TEST_F(StructSizeTest, SessionInfo) {
  ExpectFrom<gem_session_info_t>(
      offsetof(gem_session_info_t, output_count) + sizeof(uint32_t),
      [this](gem_session_info_t* info) { return gem_session_info(session_.get(), info); });
}

TEST_F(StructSizeTest, CommandProfile) {
  ExpectFrom<gem_command_profile_t>(
      offsetof(gem_command_profile_t, weight_bytes) + sizeof(uint64_t),
      [this](gem_command_profile_t* profile) {
        return gem_session_command_profile(session_.get(), 0, profile);
      });
}

// An older caller's struct ends before the fields of trust: whatever follows it in
// memory is not read.
TEST_F(StructSizeTest, BundleOptionsOfAnOlderCaller) {
  const size_t older = offsetof(gem_bundle_options_t, hash_threads);
  gem_bundle_options_t options;
  memset(&options, kFill, sizeof(options));
  gem_bundle_options_t defaults;
  gem_bundle_options_init(&defaults);
  memcpy(&options, &defaults, older);
  options.struct_size = static_cast<uint32_t>(older);
  const BundlePtr bundle = OpenBundle(bytes_, &options);
  EXPECT_NE(bundle, nullptr);
  options.struct_size = static_cast<uint32_t>(older - 1);
  gem_bundle_t* refused = nullptr;
  EXPECT_EQ(gem_bundle_open_memory(bytes_.data(), bytes_.size(), &options, &refused, nullptr),
            GEM_STATUS_INVALID_ARGUMENT);
}

TEST_F(StructSizeTest, SessionOptionsOfAnOlderCaller) {
  const size_t older = offsetof(gem_session_options_t, observer);
  gem_session_options_t options;
  memset(&options, kFill, sizeof(options));
  gem_session_options_t defaults;
  gem_session_options_init(&defaults);
  memcpy(&options, &defaults, older);
  options.struct_size = static_cast<uint32_t>(older);
  gem_session_t* session = nullptr;
  EXPECT_EQ(gem_session_create(bundle_.get(), &options, &session, nullptr), GEM_STATUS_OK);
  gem_session_close(session);
  options.struct_size = static_cast<uint32_t>(older - 1);
  EXPECT_EQ(gem_session_create(bundle_.get(), &options, &session, nullptr),
            GEM_STATUS_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace gem::test

// A bundle's file changes while it is mapped: what gem.h says of GEM_LOAD_MAP.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

BundlePtr OpenFile(const char* path, gem_load_mode_t mode = GEM_LOAD_MAP) {
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.load_mode = mode;
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open(path, &options, &bundle, &error), GEM_STATUS_OK) << error.message;
  return BundlePtr(bundle);
}

gem_status_t RunIds(gem_session_t* session, gem_error_t* error) {
  const std::vector<int32_t> ids = TinyGem::Ids(TinyGem::kMaxTokens);
  return gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), error);
}

Bytes MustRun(gem_session_t* session) {
  gem_error_t error;
  EXPECT_EQ(RunIds(session, &error), GEM_STATUS_OK) << error.message;
  return AllOutputs(session);
}

// Writes over the file from its start, in place.
void Overwrite(const char* path, const Bytes& bytes) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_EQ(pwrite(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(file);
}

struct Model {
  const char* name;
  Bytes (*build)();
};

class FileChangeTest : public testing::TestWithParam<Model> {
 protected:
  Bytes bytes_ = GetParam().build();
  TemporaryFile file_{bytes_};
};

INSTANTIATE_TEST_SUITE_P(
    Models, FileChangeTest,
    testing::Values(Model{"Gem", [] { return TinyGem().builder.Build(); }},
                    Model{"Padded", [] { return TinyGem(true).builder.Build(); }},
                    Model{"Quantized", [] { return TinyQuantized().builder.Build(); }}),
    [](const testing::TestParamInfo<Model>& info) { return std::string(info.param.name); });

TEST_P(FileChangeTest, ReplacingByRenameIsSafe) {
  const BundlePtr bundle = OpenFile(file_.path());
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get());
  const std::string other = std::string(file_.path()) + ".new";
  {
    const int file = open(other.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0);
    EXPECT_EQ(write(file, "short", 5), 5);
    close(file);
  }
  ASSERT_EQ(rename(other.c_str(), file_.path()), 0);
  EXPECT_EQ(MustRun(session.get()), expected);
  EXPECT_EQ(MustRun(CreateSession(bundle.get()).get()), expected);
}

TEST_P(FileChangeTest, RemovingIsSafe) {
  const BundlePtr bundle = OpenFile(file_.path());
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get());
  ASSERT_EQ(unlink(file_.path()), 0);
  EXPECT_EQ(MustRun(session.get()), expected);
}

TEST_P(FileChangeTest, AppendingIsSafe) {
  const BundlePtr bundle = OpenFile(file_.path());
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get());
  ASSERT_EQ(truncate(file_.path(), static_cast<off_t>(bytes_.size() + 100000)), 0);
  EXPECT_EQ(MustRun(session.get()), expected);
  EXPECT_EQ(MustRun(CreateSession(bundle.get()).get()), expected);
}

TEST_P(FileChangeTest, ACutFileIsRefused) {
  const BundlePtr bundle = OpenFile(file_.path());
  const SessionPtr session = CreateSession(bundle.get());
  MustRun(session.get());
  for (const size_t left : {bytes_.size() - 1, bytes_.size() / 2, size_t{0}}) {
    ASSERT_EQ(truncate(file_.path(), static_cast<off_t>(left)), 0);
    const std::string expected = "file size: expected the " + std::to_string(bytes_.size()) +
                                 " bytes that are mapped, but got " + std::to_string(left) + ": ";
    gem_error_t error;
    EXPECT_EQ(RunIds(session.get(), &error), GEM_STATUS_IO);
    EXPECT_EQ(std::string(error.message).find(expected), 0u) << error.message;
    gem_tensor_t tensor;
    ASSERT_EQ(gem_session_output(session.get(), 0, &tensor, &error), GEM_STATUS_OK);
    EXPECT_EQ(tensor.data, nullptr);
    gem_session_t* none = nullptr;
    EXPECT_EQ(gem_session_create(bundle.get(), nullptr, &none, &error), GEM_STATUS_IO);
    EXPECT_EQ(std::string(error.message).find(expected), 0u) << error.message;
    EXPECT_EQ(none, nullptr);
  }
}

TEST_P(FileChangeTest, NothingReachesACopy) {
  const BundlePtr bundle = OpenFile(file_.path(), GEM_LOAD_COPY);
  const SessionPtr session = CreateSession(bundle.get());
  const Bytes expected = MustRun(session.get());
  Overwrite(file_.path(), Bytes(bytes_.size(), 0xFF));
  EXPECT_EQ(MustRun(session.get()), expected);
  ASSERT_EQ(truncate(file_.path(), 0), 0);
  EXPECT_EQ(MustRun(session.get()), expected);
  EXPECT_EQ(MustRun(CreateSession(bundle.get()).get()), expected);
}

// Bytes of the whole file, the program's too, change under runs and creations. Numbers
// may be anything; addresses may not, which the sanitizers of preset asan look at.
TEST_P(FileChangeTest, RewritingReachesNumbersOnly) {
  const BundlePtr bundle = OpenFile(file_.path());
  const SessionPtr session = CreateSession(bundle.get(), 2);
  const Bytes expected = MustRun(session.get());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    Random random(3);
    Bytes garbage(bytes_.size());
    for (int pattern = 0; !stop.load(); ++pattern) {
      // Among them what reads as NaN, infinities, the largest codes and indices.
      const uint8_t fill[] = {0xFF, 0x7F, 0x80, 0x00};
      for (uint8_t& byte : garbage) {
        byte = pattern % 5 == 4 ? static_cast<uint8_t>(random.Next()) : fill[pattern % 5];
      }
      Overwrite(file_.path(), garbage);
    }
  });
  size_t different = 0;
  for (int i = 0; i < 300 || (different == 0 && i < 100000); ++i) {
    gem_error_t error;
    ASSERT_EQ(RunIds(session.get(), &error), GEM_STATUS_OK) << error.message;
    different += AllOutputs(session.get()) != expected;
    gem_session_t* other = nullptr;
    const gem_status_t status = gem_session_create(bundle.get(), nullptr, &other, &error);
    const SessionPtr closer(other);
    if (status == GEM_STATUS_OK) {
      ASSERT_EQ(RunIds(other, &error), GEM_STATUS_OK) << error.message;
    } else {
      // An embedding's map indexes memory, so a session looks at its copy.
      ASSERT_EQ(status, GEM_STATUS_CORRUPT) << error.message;
      ASSERT_NE(std::string(error.message).find("the file has changed"), std::string::npos);
    }
  }
  stop = true;
  writer.join();
  EXPECT_GT(different, 0u) << "the map shows what is written, or this test shows nothing";
  // With its bytes back it computes as before: nothing else was changed.
  Overwrite(file_.path(), bytes_);
  EXPECT_EQ(MustRun(session.get()), expected);
}

// What the runtime cannot prevent, as gem.h says: the file is cut between two commands.
TEST(FileChangeDeathTest, CuttingUnderARunRaisesSigbus) {
  const TemporaryFile file(TinyGem().builder.Build());
  const auto run = [&] {
    signal(SIGBUS, SIG_DFL);  // a sanitizer would report it
    const BundlePtr bundle = OpenFile(file.path());
    const gem_observer_t cut = {const_cast<char*>(file.path()),
                                [](void* path, const gem_event_t* event) {
                                  if (event->kind != GEM_EVENT_COMMAND) return;
                                  if (truncate(static_cast<char*>(path), 0) != 0) _exit(2);
                                }};
    gem_session_options_t options;
    gem_session_options_init(&options);
    options.observer = &cut;
    gem_session_t* session = nullptr;
    if (gem_session_create(bundle.get(), &options, &session, nullptr) != GEM_STATUS_OK) _exit(3);
    (void)RunIds(session, nullptr);
    _exit(0);
  };
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace gem::test

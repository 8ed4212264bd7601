// Who observes is told what happens, when and in which order, and nothing is taken for it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <array>
#include <ctime>
#include <vector>

#include "runtime/schema/generated/gem_bundle_generated.h"
#include "test/runtime/AllocationCounter.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

// Keeps events, and the text of messages, without taking memory.
class Log {
 public:
  struct Entry {
    gem_event_t event;
    char text[400];
  };

  const gem_observer_t* observer() const { return &observer_; }
  size_t size() const { return size_; }
  const gem_event_t& operator[](size_t i) const { return entries_[i].event; }
  std::string text(size_t i) const { return entries_[i].text; }
  void Clear() { size_ = 0; }
  size_t Count(gem_event_kind_t kind) const {
    size_t count = 0;
    for (size_t i = 0; i < size_; ++i) count += entries_[i].event.kind == kind;
    return count;
  }

  // Cancels this session once it has told of this many commands.
  void CancelAfter(gem_session_t* session, size_t commands) {
    session_ = session;
    cancel_after_ = commands;
  }

 private:
  static void OnEvent(void* self, const gem_event_t* event) {
    auto* log = static_cast<Log*>(self);
    if (log->size_ == log->entries_.size()) {
      ADD_FAILURE() << "more events than expected";
      return;
    }
    Entry& entry = log->entries_[log->size_++];
    entry.event = *event;
    snprintf(entry.text, sizeof(entry.text), "%s", event->text);
    if (log->session_ != nullptr && log->Count(GEM_EVENT_COMMAND) == log->cancel_after_) {
      gem_session_cancel(log->session_);
      log->session_ = nullptr;
    }
  }

  gem_observer_t observer_{this, OnEvent};
  std::array<Entry, 512> entries_;
  size_t size_ = 0;
  gem_session_t* session_ = nullptr;
  size_t cancel_after_ = 0;
};

SessionPtr Observed(gem_bundle_t* bundle, const Log& log, uint32_t threads = 1) {
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = threads;
  options.observer = log.observer();
  gem_session_t* session = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle, &options, &session, &error), GEM_STATUS_OK) << error.message;
  return SessionPtr(session);
}

uint64_t Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

gem_status_t RunIds(gem_session_t* session, const std::vector<int32_t>& ids) {
  return gem_session_run_tokens(session, ids.data(), static_cast<uint32_t>(ids.size()), nullptr);
}

TEST(ObserverTest, OpeningTellsOnce) {
  const Bytes file = TinyGem().builder.Build();
  const AlignedBytes bytes(file);
  const TemporaryFile on_disk(file);
  Log log;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.observer = log.observer();
  const uint64_t before = Now();
  const BundlePtr bundle = OpenBundle(bytes, &options);
  const uint64_t after = Now();
  ASSERT_EQ(log.size(), 1u);
  const gem_event_t& event = log[0];
  EXPECT_EQ(event.struct_size, sizeof(gem_event_t));
  EXPECT_EQ(event.kind, GEM_EVENT_MESSAGE);
  EXPECT_EQ(event.status, GEM_STATUS_OK);
  EXPECT_STREQ(event.kernel, "");
  EXPECT_STREQ(event.name, "");
  EXPECT_STREQ(event.format, "");
  EXPECT_LE(before, event.begin_ns);
  EXPECT_LE(event.begin_ns, event.end_ns);
  EXPECT_LE(event.end_ns, after);
  EXPECT_EQ(log.text(0).find("opened memory: model '"), 0u) << log.text(0);
  EXPECT_NE(log.text(0).find("; hashes checked: the program"), std::string::npos) << log.text(0);

  options.hash_check = GEM_HASH_ALL;
  options.load_mode = GEM_LOAD_COPY;
  gem_bundle_t* opened = nullptr;
  ASSERT_EQ(gem_bundle_open(on_disk.path(), &options, &opened, nullptr), GEM_STATUS_OK);
  gem_bundle_close(opened);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log.text(1).find(std::string("opened ") + on_disk.path()), 0u) << log.text(1);
  EXPECT_NE(log.text(1).find(" bytes copied; hashes checked: the program and all segments"),
            std::string::npos)
      << log.text(1);
}

// The observer gets the error's message, also when the caller did not ask for it.
TEST(ObserverTest, FailedOpeningTellsWhy) {
  Log log;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.observer = log.observer();
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open("/nowhere/at all.gemb", &options, &bundle, &error),
            GEM_STATUS_NOT_FOUND);
  EXPECT_EQ(gem_bundle_open("/nowhere/at all.gemb", &options, &bundle, nullptr),
            GEM_STATUS_NOT_FOUND);
  ASSERT_EQ(log.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(log[i].kind, GEM_EVENT_MESSAGE);
    EXPECT_EQ(log[i].status, GEM_STATUS_NOT_FOUND);
    EXPECT_EQ(log.text(i), error.message);
  }
}

TEST(ObserverTest, CreationTellsOnce) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  Log log;
  const SessionPtr session = Observed(bundle.get(), log, 2);
  gem_session_info_t info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(gem_session_info(session.get(), &info), GEM_STATUS_OK);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].kind, GEM_EVENT_MESSAGE);
  EXPECT_EQ(log[0].status, GEM_STATUS_OK);
  const std::string kernels =
      std::string("kernels ") + info.cpu + " (" + info.cpu_reason + "), threads 2";
  EXPECT_NE(log.text(0).find(kernels), std::string::npos) << log.text(0);
  EXPECT_NE(log.text(0).find(std::to_string(info.session_bytes) + " bytes of memory"),
            std::string::npos)
      << log.text(0);

  gem_session_options_t options;
  gem_session_options_init(&options);
  options.observer = log.observer();
  options.entry = "no such entry";
  gem_session_t* none = nullptr;
  EXPECT_EQ(gem_session_create(bundle.get(), &options, &none, nullptr), GEM_STATUS_NOT_FOUND);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[1].kind, GEM_EVENT_MESSAGE);
  EXPECT_EQ(log[1].status, GEM_STATUS_NOT_FOUND);
  EXPECT_NE(log.text(1).find("'no such entry'"), std::string::npos) << log.text(1);
}

// Each command in order, within its run, with what the profile says of it; then the run.
TEST(ObserverTest, RunsTellOfCommandsAndOfThemselves) {
  for (const bool quantized : {false, true}) {
    TinyGem gem;
    TinyQuantized tiny;
    BundleBuilder& builder = quantized ? tiny.builder : gem.builder;
    const AlignedBytes bytes(builder.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    const size_t commands = builder.entry().submissions[0]->commands.size();
    Log log;
    const SessionPtr session = Observed(bundle.get(), log, 2);
    log.Clear();
    gem_session_profile(session.get(), 1);
    const uint64_t before = Now();
    ASSERT_EQ(RunIds(session.get(), TinyGem::Ids(5)), GEM_STATUS_OK);
    const uint64_t after = Now();
    ASSERT_EQ(log.size(), commands + 1);
    const gem_event_t& run = log[commands];
    EXPECT_EQ(run.kind, GEM_EVENT_RUN);
    EXPECT_EQ(run.status, GEM_STATUS_OK);
    EXPECT_EQ(run.kernel, builder.entry().name);
    EXPECT_LE(before, run.begin_ns);
    EXPECT_LE(run.end_ns, after);
    uint64_t last = run.begin_ns;
    for (uint32_t i = 0; i < commands; ++i) {
      const gem_event_t& event = log[i];
      EXPECT_EQ(event.struct_size, sizeof(gem_event_t));
      EXPECT_EQ(event.kind, GEM_EVENT_COMMAND);
      EXPECT_EQ(event.status, GEM_STATUS_OK);
      EXPECT_EQ(event.command, i);
      EXPECT_EQ(log.text(i), "");
      EXPECT_STREQ(event.kernel, schema::EnumNameKernel(builder.command(i).kernel));
      EXPECT_EQ(event.name, builder.command(i).name);
      EXPECT_LE(last, event.begin_ns);
      EXPECT_LE(event.begin_ns, event.end_ns);
      last = event.end_ns;
      gem_command_profile_t profile;
      profile.struct_size = sizeof(profile);
      ASSERT_EQ(gem_session_command_profile(session.get(), i, &profile), GEM_STATUS_OK);
      EXPECT_STREQ(event.format, profile.format);
      EXPECT_EQ(event.end_ns - event.begin_ns, profile.nanoseconds);
    }
    EXPECT_LE(last, run.end_ns);
    // The strings of commands outlive the call.
    ASSERT_EQ(RunIds(session.get(), TinyGem::Ids(5)), GEM_STATUS_OK);
    ASSERT_EQ(log.size(), 2 * (commands + 1));
    for (size_t i = 0; i < commands; ++i) {
      EXPECT_EQ(log[i].kernel, log[commands + 1 + i].kernel);
      EXPECT_EQ(log[i].name, log[commands + 1 + i].name);
      EXPECT_EQ(log[i].format, log[commands + 1 + i].format);
    }
  }
}

TEST(ObserverTest, FailedRunsTellToo) {
  TinyQuantized model;
  // Ids that only the command finds wrong.
  schema::BindingT& input = *model.builder.entry().inputs[0];
  input.role = schema::Role::NONE;
  input.maximum = 1000;
  const AlignedBytes bytes(model.builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  Log log;
  const SessionPtr session = Observed(bundle.get(), log);
  log.Clear();
  // Before any command: an input is missing.
  EXPECT_EQ(gem_session_run(session.get(), nullptr), GEM_STATUS_INVALID_ARGUMENT);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].kind, GEM_EVENT_RUN);
  EXPECT_EQ(log[0].status, GEM_STATUS_INVALID_ARGUMENT);
  log.Clear();
  const int32_t ids[] = {1, 1000};
  const uint32_t dims[] = {2};
  ASSERT_EQ(gem_session_set_input(session.get(), 0, ids, dims, 1, nullptr), GEM_STATUS_OK);
  EXPECT_EQ(gem_session_run(session.get(), nullptr), GEM_STATUS_OUT_OF_RANGE);
  ASSERT_EQ(log.size(), 2u);
  EXPECT_EQ(log[0].kind, GEM_EVENT_COMMAND);
  EXPECT_EQ(log[0].status, GEM_STATUS_OUT_OF_RANGE);
  EXPECT_STREQ(log[0].kernel, "EMBEDDING_BLOCKS");
  EXPECT_EQ(log[1].kind, GEM_EVENT_RUN);
  EXPECT_EQ(log[1].status, GEM_STATUS_OUT_OF_RANGE);
}

// The one function that an observer may call of what it observes. It also shows the
// granularity: the command after the one that was told about does not run.
TEST(ObserverTest, MayCancel) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  Log log;
  const SessionPtr session = Observed(bundle.get(), log);
  size_t commands = 0;
  {
    log.Clear();
    ASSERT_EQ(RunIds(session.get(), TinyGem::Ids(3)), GEM_STATUS_OK);
    commands = log.Count(GEM_EVENT_COMMAND);
  }
  const Bytes expected = AllOutputs(session.get());
  for (size_t after = 1; after <= commands; ++after) {
    log.Clear();
    log.CancelAfter(session.get(), after);
    EXPECT_EQ(RunIds(session.get(), TinyGem::Ids(3)), GEM_STATUS_CANCELLED);
    ASSERT_EQ(log.size(), after + 1);
    EXPECT_EQ(log[after].kind, GEM_EVENT_RUN);
    EXPECT_EQ(log[after].status, GEM_STATUS_CANCELLED);
    log.Clear();
    ASSERT_EQ(RunIds(session.get(), TinyGem::Ids(3)), GEM_STATUS_OK);
    EXPECT_EQ(AllOutputs(session.get()), expected);
  }
}

TEST(ObserverTest, RunsTakeNoMemory) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  const BundlePtr bundle = OpenBundle(bytes);
  Log log;
  const SessionPtr session = Observed(bundle.get(), log, 2);
  const std::vector<int32_t> ids = TinyGem::Ids(TinyGem::kMaxTokens);
  log.Clear();
  size_t failures = 0;
  const MallocCounter counter;
  for (int i = 0; i < 5; ++i) failures += RunIds(session.get(), ids) != GEM_STATUS_OK;
  EXPECT_EQ(counter.count(), 0u);
  EXPECT_EQ(failures, 0u);
  EXPECT_EQ(log.Count(GEM_EVENT_RUN), 5u);
}

TEST(ObserverTest, MustHaveAFunction) {
  const AlignedBytes bytes(TinyGem().builder.Build());
  const gem_observer_t none = {nullptr, nullptr};
  gem_error_t error;
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.observer = &none;
  gem_bundle_t* opened = nullptr;
  EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), &options, &opened, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "observer: expected an event function, but got NULL");
  const BundlePtr bundle = OpenBundle(bytes);
  gem_session_options_t session_options;
  gem_session_options_init(&session_options);
  session_options.observer = &none;
  gem_session_t* session = nullptr;
  EXPECT_EQ(gem_session_create(bundle.get(), &session_options, &session, &error),
            GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "observer: expected an event function, but got NULL");
}

}  // namespace
}  // namespace gem::test

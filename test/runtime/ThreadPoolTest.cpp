// The thread pool: every unit once, whatever the timing.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/ThreadPool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/core/Memory.h"

namespace gem::test {
namespace {

struct Job {
  explicit Job(uint32_t units) : counts(new std::atomic<int>[units]()), units(units) {}
  std::unique_ptr<std::atomic<int>[]> counts;
  uint32_t units;
  std::atomic<int> ranges{0};

  static void Run(void* opaque, uint32_t begin, uint32_t end) {
    auto* job = static_cast<Job*>(opaque);
    ASSERT_LT(begin, end);
    ASSERT_LE(end, job->units);
    ++job->ranges;
    for (uint32_t i = begin; i < end; ++i) ++job->counts[i];
  }
  bool EachOnce() const {
    for (uint32_t i = 0; i < units; ++i) {
      if (counts[i] != 1) return false;
    }
    return true;
  }
};

class ThreadPoolTest : public testing::TestWithParam<uint32_t> {
 protected:
  Memory memory_{DefaultAllocator()};
};

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 4, 16));

TEST_P(ThreadPoolTest, ComputesEveryUnitOnce) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK) << error.message;
  EXPECT_EQ(pool.thread_count(), GetParam());
  for (const uint32_t units : {1u, 2u, 3u, 7u, 16u, 1000u}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      Job job(units);
      pool.Run(Job::Run, &job, units);
      ASSERT_TRUE(job.EachOnce()) << units;
      ASSERT_LE(job.ranges, static_cast<int>(GetParam()));
    }
  }
  Job none(1);
  pool.Run(Job::Run, &none, 0);
  EXPECT_EQ(none.ranges, 0);
}

// Workers that have gone to sleep wake up.
TEST_P(ThreadPoolTest, WakesSleepers) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    Job job(100);
    pool.Run(Job::Run, &job, 100);
    ASSERT_TRUE(job.EachOnce());
  }
}

// The caller waits for a worker that takes long, asleep.
TEST_P(ThreadPoolTest, CallerWaits) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK);
  std::atomic<int> done{0};
  auto slow = [](void* opaque, uint32_t begin, uint32_t end) {
    if (begin != 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    *static_cast<std::atomic<int>*>(opaque) += static_cast<int>(end - begin);
  };
  pool.Run(slow, &done, 100);
  EXPECT_EQ(done, 100);
}

TEST_P(ThreadPoolTest, StartsAndStopsAtOnce) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    ThreadPool pool;
    gem_error_t error;
    ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK);
  }
  EXPECT_EQ(memory_.bytes(), 0u);
}

TEST(ThreadPoolSignalTest, WorkersTakeNoSignals) {
  Memory memory(DefaultAllocator());
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory, 2, &error), GEM_STATUS_OK);
  std::atomic<int> unblocked{0};
  pool.Run(
      [](void* opaque, uint32_t begin, uint32_t) {
        if (begin == 0) return;  // the caller's thread
        sigset_t blocked;
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        if (!sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM)) {
          ++*static_cast<std::atomic<int>*>(opaque);
        }
      },
      &unblocked, 2);
  EXPECT_EQ(unblocked, 0);
  sigset_t mine;
  pthread_sigmask(SIG_BLOCK, nullptr, &mine);
  EXPECT_FALSE(sigismember(&mine, SIGINT)) << "the caller's mask is put back";
}

}  // namespace
}  // namespace gem::test

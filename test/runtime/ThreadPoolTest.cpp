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
  uint32_t units, grain = 1;
  std::atomic<int> ranges{0};

  static void Run(void* opaque, uint32_t begin, uint32_t end) {
    auto* job = static_cast<Job*>(opaque);
    ASSERT_LT(begin, end);
    ASSERT_LE(end, job->units);
    ASSERT_EQ(begin % job->grain, 0u);
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
      // Few ranges: taking one costs something.
      ASSERT_LE(job.ranges, static_cast<int>(8 * GetParam() + 1));
    }
  }
  Job none(1);
  pool.Run(Job::Run, &none, 0);
  EXPECT_EQ(none.ranges, 0);
}

TEST_P(ThreadPoolTest, RangesStartAtMultiplesOfTheGrain) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK) << error.message;
  for (const uint32_t grain : {2u, 7u, 64u, 1000u, 5000u}) {
    Job job(1000);
    job.grain = grain;
    pool.Run(Job::Run, &job, 1000, grain);
    ASSERT_TRUE(job.EachOnce()) << grain;
  }
}

// Jobs so short that workers come late, to those that follow, with other units.
TEST_P(ThreadPoolTest, ShortJobsFollowEachOther) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK) << error.message;
  for (uint32_t repeat = 0; repeat < 2000; ++repeat) {
    std::atomic<uint32_t> sum{0};
    const uint32_t units = 2 + repeat % 13;
    pool.Run(
        [](void* opaque, uint32_t begin, uint32_t end) {
          for (uint32_t i = begin; i < end; ++i) {
            static_cast<std::atomic<uint32_t>*>(opaque)->fetch_add(i);
          }
        },
        &sum, units);
    ASSERT_EQ(sum, units * (units - 1) / 2);
  }
}

// The largest number of units leaves room for the mark of a closed job.
TEST_P(ThreadPoolTest, TakesTheMostUnits) {
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK) << error.message;
  std::atomic<uint64_t> total{0};
  pool.Run(
      [](void* opaque, uint32_t begin, uint32_t end) {
        static_cast<std::atomic<uint64_t>*>(opaque)->fetch_add(end - begin);
      },
      &total, UINT32_MAX, 64);
  EXPECT_EQ(total, UINT32_MAX);
}

// A thread that takes long does not hold up the others' units.
TEST_P(ThreadPoolTest, OthersTakeWhatASlowThreadDoesNot) {
  if (GetParam() == 1) GTEST_SKIP() << "needs another thread";
  ThreadPool pool;
  gem_error_t error;
  ASSERT_EQ(pool.Start(&memory_, GetParam(), &error), GEM_STATUS_OK) << error.message;
  struct Slow {
    std::atomic<uint32_t> done{0};
    uint32_t units = 1000;
  } slow;
  // The first range ends only when the units of all others are done.
  pool.Run(
      [](void* opaque, uint32_t begin, uint32_t end) {
        auto* slow = static_cast<Slow*>(opaque);
        if (begin == 0) {
          while (slow->done != slow->units - end) std::this_thread::yield();
        }
        slow->done += end - begin;
      },
      &slow, slow.units);
  EXPECT_EQ(slow.done, 1000u);
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
  struct State {
    pthread_t caller = pthread_self();
    std::atomic<bool> looked{false};
    std::atomic<int> unblocked{0};
  } state;
  pool.Run(
      [](void* opaque, uint32_t, uint32_t) {
        auto* state = static_cast<State*>(opaque);
        if (pthread_equal(pthread_self(), state->caller)) {
          while (!state->looked) std::this_thread::yield();
          return;
        }
        sigset_t blocked;
        pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
        if (!sigismember(&blocked, SIGINT) || !sigismember(&blocked, SIGTERM)) ++state->unblocked;
        state->looked = true;
      },
      &state, 2);
  EXPECT_EQ(state.unblocked, 0);
  sigset_t mine;
  pthread_sigmask(SIG_BLOCK, nullptr, &mine);
  EXPECT_FALSE(sigismember(&mine, SIGINT)) << "the caller's mask is put back";
}

}  // namespace
}  // namespace gem::test

// Threads that share the units of a kernel.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_CORE_THREADPOOL_H
#define GEM_RUNTIME_CORE_THREADPOOL_H

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "runtime/core/Memory.h"

namespace gem {

inline constexpr uint32_t kMaxThreads = 256;

// A pool of `thread_count` threads, the caller's included: with 1 it starts none.
// pthreads, because std::thread reports failure by throwing.
class ThreadPool {
 public:
  // Computes the units [begin, end).
  using Function = void (*)(void* context, uint32_t begin, uint32_t end);

  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { Stop(); }

  // Takes all memory and starts all threads; on failure there is nothing to stop.
  gem_status_t Start(Memory* memory, uint32_t thread_count, gem_error_t* error);
  void Stop();

  // Calls `function` on contiguous ranges that together are [0, units) and start at
  // multiples of `grain` (at least 1), and returns when all are done. Each thread has a
  // share, of which it takes ranges, and then takes from those of others: one that is
  // slow, preempted or still asleep computes less. One call at a time.
  void Run(Function function, void* context, uint32_t units, uint32_t grain = 1);

  uint32_t thread_count() const { return thread_count_; }

 private:
  struct Worker {
    ThreadPool* pool;
    uint32_t index;  // 1-based: the caller is thread 0
    pthread_t thread;
  };
  // What is left of a thread's share: the grains [low half, high half).
  struct alignas(64) Share {
    std::atomic<uint64_t> grains;
  };

  static void* ThreadMain(void* worker);
  void WorkerLoop(uint32_t index);
  // Computes ranges until none is left, of share `index` first.
  void RunShares(uint32_t index);
  void RunShare(uint32_t index);

  uint32_t thread_count_ = 1;
  uint32_t started_ = 0;
  Array<Worker> workers_;

  // The job. Written before the shares are, and read by those who have taken a range of
  // one: it cannot end before they are done with it.
  Function function_ = nullptr;
  void* context_ = nullptr;
  uint32_t units_ = 0;
  uint32_t grain_ = 1;
  uint32_t grains_ = 0;
  std::atomic<uint32_t> least_{1};  // grains that are taken at a time, at least
  Array<Share> shares_;

  alignas(64) std::atomic<uint32_t> generation_{0};  // one more for every job
  std::atomic<uint32_t> ready_{0};                   // workers that have started
  std::atomic<uint32_t> sleepers_{0};    // workers that wait for work_
  alignas(64) std::atomic<uint32_t> done_{0};  // grains of the job that are computed
  std::atomic<bool> caller_sleeps_{false};
  std::atomic<bool> stop_{false};
  pthread_mutex_t mutex_;
  pthread_cond_t work_;
  pthread_cond_t done_condition_;
};

}  // namespace gem

#endif  // GEM_RUNTIME_CORE_THREADPOOL_H

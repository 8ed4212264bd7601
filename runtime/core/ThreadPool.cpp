// Threads that share the units of a kernel.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/ThreadPool.h"

#include <sched.h>

#include <csignal>
#include <cstring>

#include "runtime/core/FloatingPoint.h"
#include "runtime/core/Status.h"

namespace gem {
namespace {

// Commands follow each other within microseconds, so a thread looks for work for
// some 50 us before it sleeps. x86's pause takes up to 140 cycles, ARM's yield
// next to nothing.
#if defined(__x86_64__) || defined(__i386__)
constexpr int kSpins = 1000;
inline void Pause() { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
constexpr int kSpins = 8000;
inline void Pause() { __asm__ volatile("yield"); }
#else
constexpr int kSpins = 1000;
inline void Pause() {}
#endif

// Kernels keep at most 80 KiB on the stack.
constexpr size_t kStackSize = 512 * 1024;

}  // namespace

gem_status_t ThreadPool::Start(Memory* memory, uint32_t thread_count, gem_error_t* error) {
  if (thread_count <= 1) return GEM_STATUS_OK;
  if (!workers_.Allocate(memory, thread_count - 1) || !shares_.Allocate(memory, thread_count)) {
    workers_.Reset();
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "thread pool: no memory for %u threads"_msg,
                thread_count);
  }
  pthread_mutex_init(&mutex_, nullptr);
  pthread_cond_init(&work_, nullptr);
  pthread_cond_init(&done_condition_, nullptr);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  // Signals are the application's business: its own threads take them.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  thread_count_ = thread_count;
  int failure = 0;
  for (uint32_t i = 0; i < thread_count - 1 && failure == 0; ++i) {
    workers_[i].pool = this;
    workers_[i].index = i + 1;
    failure = pthread_create(&workers_[i].thread, &attributes, ThreadMain, &workers_[i]);
    if (failure == 0) started_ = i + 1;
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  pthread_attr_destroy(&attributes);
  if (failure != 0) {
    const uint32_t started = started_;
    Stop();
    return Fail(error, GEM_STATUS_IO, "thread pool: cannot start thread %u of %u: %s"_msg,
                started + 2, thread_count, strerror(failure));
  }
  // What the C library takes for a thread as it starts is taken now, not during the
  // first run.
  while (ready_.load() != thread_count - 1) sched_yield();
  return GEM_STATUS_OK;
}

void ThreadPool::Stop() {
  if (workers_.size() == 0) return;
  pthread_mutex_lock(&mutex_);
  stop_.store(true);
  pthread_cond_broadcast(&work_);
  pthread_mutex_unlock(&mutex_);
  for (uint32_t i = 0; i < started_; ++i) pthread_join(workers_[i].thread, nullptr);
  pthread_cond_destroy(&done_condition_);
  pthread_cond_destroy(&work_);
  pthread_mutex_destroy(&mutex_);
  workers_.Reset();
  shares_.Reset();
  started_ = 0;
  ready_.store(0);
  stop_.store(false);
  thread_count_ = 1;
}

void ThreadPool::RunShare(uint32_t index) {
  std::atomic<uint64_t>& share = shares_[index].grains;
  uint64_t grains = share.load(std::memory_order_relaxed);
  for (;;) {
    const auto begin = static_cast<uint32_t>(grains), end = static_cast<uint32_t>(grains >> 32);
    if (begin >= end) return;
    // Half of it, so that others find something, but not ever smaller ranges. What is
    // computed from values of an earlier job only makes the exchange fail, or is of the
    // same share of this one.
    const uint32_t left = end - begin, least = least_;
    uint32_t count = (left + 1) / 2;
    if (count < least) count = least < left ? least : left;
    if (!share.compare_exchange_weak(grains, grains + count, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      continue;
    }
    const uint64_t first = uint64_t{begin} * grain_, last = first + uint64_t{count} * grain_;
    const uint32_t all = grains_;
    function_(context_, static_cast<uint32_t>(first),
              last < units_ ? static_cast<uint32_t>(last) : units_);
    // Sequentially consistent: either the caller sees these grains, or this thread that
    // the caller sleeps.
    if (done_.fetch_add(count) + count == all && caller_sleeps_.load()) {
      pthread_mutex_lock(&mutex_);
      pthread_cond_signal(&done_condition_);
      pthread_mutex_unlock(&mutex_);
    }
    grains = share.load(std::memory_order_relaxed);
  }
}

void ThreadPool::RunShares(uint32_t index) {
  for (uint32_t i = 0; i < thread_count_; ++i) {
    RunShare(index + i < thread_count_ ? index + i : index + i - thread_count_);
  }
}

void ThreadPool::Run(Function function, void* context, uint32_t units, uint32_t grain) {
  if (thread_count_ == 1 || units <= grain) {
    if (units != 0) function(context, 0, units);
    return;
  }
  const uint32_t grains = (units - 1) / grain + 1;
  function_ = function;
  context_ = context;
  units_ = units;
  grain_ = grain;
  grains_ = grains;
  least_.store(grains / (8 * thread_count_) + 1, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  for (uint64_t i = 0; i < thread_count_; ++i) {
    const uint64_t begin = grains * i / thread_count_, end = grains * (i + 1) / thread_count_;
    shares_[i].grains.store(end << 32 | begin, std::memory_order_release);
  }
  // Sequentially consistent, like the loads and stores on the other side: either
  // this thread sees the sleeper, or the sleeper sees the new generation.
  generation_.fetch_add(1);
  if (sleepers_.load() != 0) {
    pthread_mutex_lock(&mutex_);
    pthread_cond_broadcast(&work_);
    pthread_mutex_unlock(&mutex_);
  }
  RunShares(0);
  for (int i = 0; i < kSpins; ++i) {
    if (done_.load(std::memory_order_acquire) == grains) return;
    Pause();
  }
  pthread_mutex_lock(&mutex_);
  caller_sleeps_.store(true);
  while (done_.load() != grains) pthread_cond_wait(&done_condition_, &mutex_);
  caller_sleeps_.store(false);
  pthread_mutex_unlock(&mutex_);
}

void* ThreadPool::ThreadMain(void* argument) {
  const Worker* worker = static_cast<Worker*>(argument);
  FloatingPointScope floating_point;
  worker->pool->WorkerLoop(worker->index);
  return nullptr;
}

void ThreadPool::WorkerLoop(uint32_t index) {
  uint32_t seen = 0;
  ready_.fetch_add(1);
  for (;;) {
    bool found = false;
    for (int i = 0; i < kSpins && !found; ++i) {
      found = generation_.load(std::memory_order_acquire) != seen || stop_.load();
      if (!found) Pause();
    }
    if (!found) {
      pthread_mutex_lock(&mutex_);
      sleepers_.fetch_add(1);
      while (generation_.load() == seen && !stop_.load()) pthread_cond_wait(&work_, &mutex_);
      sleepers_.fetch_sub(1);
      pthread_mutex_unlock(&mutex_);
    }
    if (stop_.load()) return;
    // A job may have ended before this thread came to it, and others followed it.
    seen = generation_.load();
    RunShares(index);
  }
}

}  // namespace gem

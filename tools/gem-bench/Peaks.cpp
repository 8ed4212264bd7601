// What the machine could do at most: the rates that a model's are compared with.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/Peaks.h"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "tools/gem-bench/Statistics.h"

namespace gem::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kLoopSeconds = 0.005;
constexpr size_t kMemory = size_t{256} << 20;  // more than any last-level cache

// Loops of independent instructions on registers, in assembly so that no compiler
// changes them. Registers are zeroed first: denormal floats may be slow.
constexpr long kSteps = 2000;

#define GEM_REPEAT_12(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define GEM_REPEAT_24(f) \
  GEM_REPEAT_12(f)       \
  f(12) f(13) f(14) f(15) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23)

#if defined(__x86_64__)

#define GEM_NAME(i) "xmm" #i,
#define GEM_ZERO(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define GEM_LOOP_512(name, instructions)                                               \
  __attribute__((target("avx512f,avx512bw,avx512vl"))) void name() {                   \
    long steps = kSteps;                                                               \
    asm volatile(GEM_REPEAT_24(GEM_ZERO) GEM_ZERO(28) GEM_ZERO(29) GEM_ZERO(30)        \
                     GEM_ZERO(31) "0:\n" instructions "dec %0\n jnz 0b\n vzeroupper\n" \
                 : "+r"(steps)                                                         \
                 :                                                                     \
                 : GEM_REPEAT_24(GEM_NAME) "xmm28", "xmm29", "xmm30", "xmm31", "cc");  \
  }
#define GEM_DOT(i) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #i "\n"
#define GEM_FMA(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define GEM_PAIRS(i)                       \
  "vpmaddubsw %%zmm30, %%zmm31, %%zmm28\n" \
  "vpmaddwd %%zmm30, %%zmm28, %%zmm29\n"   \
  "vpaddd %%zmm29, %%zmm" #i ", %%zmm" #i "\n"
GEM_LOOP_512(Dot512, GEM_REPEAT_24(GEM_DOT))
GEM_LOOP_512(Fma512, GEM_REPEAT_24(GEM_FMA))
GEM_LOOP_512(Pairs512, GEM_REPEAT_24(GEM_PAIRS))
#undef GEM_ZERO
#undef GEM_DOT
#undef GEM_FMA
#undef GEM_PAIRS

#define GEM_ZERO(i) "vpxor %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define GEM_LOOP_256(name, instructions)                                               \
  __attribute__((target("avx2,fma"))) void name() {                                    \
    long steps = kSteps;                                                               \
    asm volatile(GEM_REPEAT_12(GEM_ZERO) GEM_ZERO(12) GEM_ZERO(13) GEM_ZERO(14)        \
                     GEM_ZERO(15) "0:\n" instructions "dec %0\n jnz 0b\n vzeroupper\n" \
                 : "+r"(steps)                                                         \
                 :                                                                     \
                 : GEM_REPEAT_12(GEM_NAME) "xmm12", "xmm13", "xmm14", "xmm15", "cc");  \
  }
#define GEM_FMA(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define GEM_PAIRS(i)                       \
  "vpmaddubsw %%ymm14, %%ymm15, %%ymm12\n" \
  "vpmaddwd %%ymm14, %%ymm12, %%ymm13\n"   \
  "vpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n"
GEM_LOOP_256(Fma256, GEM_REPEAT_12(GEM_FMA))
GEM_LOOP_256(Pairs256, GEM_REPEAT_12(GEM_PAIRS))
#undef GEM_ZERO
#undef GEM_FMA
#undef GEM_PAIRS
#undef GEM_NAME

#elif defined(__aarch64__)

// The assembler is to know all instructions; which ones run is decided elsewhere.
#define GEM_NAME(i) "v" #i,
#define GEM_ZERO(i) "movi v" #i ".4s, #0\n"
#define GEM_LOOP_128(name, instructions)                                                         \
  void name() {                                                                                  \
    long steps = kSteps;                                                                         \
    asm volatile(".arch armv8.6-a\n" GEM_REPEAT_24(GEM_ZERO) GEM_ZERO(28) GEM_ZERO(29)           \
                     GEM_ZERO(30) GEM_ZERO(31) "0:\n" instructions "subs %0, %0, #1\n b.ne 0b\n" \
                 : "+r"(steps)                                                                   \
                 :                                                                               \
                 : GEM_REPEAT_24(GEM_NAME) "v28", "v29", "v30", "v31", "cc");                    \
  }
#define GEM_FMA(i) "fmla v" #i ".4s, v30.4s, v31.4s\n"
#define GEM_DOT(i) "sdot v" #i ".4s, v30.16b, v31.16b\n"
#define GEM_MATRIX(i) "smmla v" #i ".4s, v30.16b, v31.16b\n"
#define GEM_PAIRS(i)                  \
  "smull v28.8h, v30.8b, v31.8b\n"    \
  "smlal2 v28.8h, v30.16b, v31.16b\n" \
  "sadalp v" #i ".4s, v28.8h\n"
GEM_LOOP_128(Fma128, GEM_REPEAT_24(GEM_FMA))
GEM_LOOP_128(Pairs128, GEM_REPEAT_24(GEM_PAIRS))
GEM_LOOP_128(Dot128, GEM_REPEAT_24(GEM_DOT))
GEM_LOOP_128(Matrix128, GEM_REPEAT_24(GEM_MATRIX))
#undef GEM_ZERO
#undef GEM_FMA
#undef GEM_DOT
#undef GEM_MATRIX
#undef GEM_PAIRS
#undef GEM_NAME

#endif

// Calls `work`, which returns what it did, on each thread until some milliseconds
// have passed. Returns what all did a second.
double Rate(uint32_t threads, const std::function<double(uint32_t)>& work) {
  std::atomic<uint32_t> ready{0};
  std::vector<double> rates(threads);
  const auto run = [&](uint32_t index) {
    ready.fetch_add(1);
    while (ready.load() < threads) std::this_thread::yield();
    const Clock::time_point start = Clock::now();
    double done = 0, seconds = 0;
    do {
      done += work(index);
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
    } while (seconds < kLoopSeconds);
    rates[index] = done / seconds;
  };
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i) others.emplace_back(run, i);
  run(0);
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

// Reads memory with independent sums, which hide the latency.
uint64_t SumOf(const unsigned char* data, size_t size) {
  typedef uint64_t Lanes __attribute__((vector_size(16)));
  Lanes sums[8] = {};
  for (size_t i = 0; i + 128 <= size; i += 128) {
    for (size_t j = 0; j < 8; ++j) {
      Lanes value;
      std::memcpy(&value, data + i + 16 * j, 16);
      sums[j] += value;
    }
  }
  Lanes sum = {};
  for (const Lanes& part : sums) sum += part;
  return sum[0] + sum[1];
}

}  // namespace

struct PeakMeter::Loop {
  void (*run)();
  double macs;  // of a call
  const char* instruction;
};

const PeakMeter::Loop* PeakMeter::Int8Loop(const std::string& isa) {
#if defined(__x86_64__)
  static constexpr Loop kDot = {Dot512, 64.0 * 24 * kSteps, "vpdpbusd"};
  static constexpr Loop kWide = {Pairs512, 64.0 * 24 * kSteps, "vpmaddubsw"};
  static constexpr Loop kPairs = {Pairs256, 32.0 * 12 * kSteps, "vpmaddubsw"};
  if (isa == "avx512vnni") return &kDot;
  if (isa == "avx512") return &kWide;
  if (isa == "avx2") return &kPairs;
#elif defined(__aarch64__)
  static constexpr Loop kMatrix = {Matrix128, 32.0 * 24 * kSteps, "smmla"};
  static constexpr Loop kDot = {Dot128, 16.0 * 24 * kSteps, "sdot"};
  static constexpr Loop kPairs = {Pairs128, 16.0 * 24 * kSteps, "smlal2"};
  if (isa == "i8mm") return &kMatrix;
  if (isa == "dotprod") return &kDot;
  if (isa == "neon") return &kPairs;
#endif
  return nullptr;
}

const PeakMeter::Loop* PeakMeter::F32Loop(const std::string& isa) {
#if defined(__x86_64__)
  static constexpr Loop kWide = {Fma512, 16.0 * 24 * kSteps, "vfmadd231ps"};
  static constexpr Loop kFma = {Fma256, 8.0 * 12 * kSteps, "vfmadd231ps"};
  if (isa == "avx512vnni" || isa == "avx512") return &kWide;
  if (isa == "avx2") return &kFma;
#elif defined(__aarch64__)
  static constexpr Loop kFma = {Fma128, 4.0 * 24 * kSteps, "fmla"};
  if (isa == "neon" || isa == "dotprod" || isa == "i8mm") return &kFma;
#endif
  return nullptr;
}

PeakMeter::PeakMeter(const std::string& isa) : int8_(Int8Loop(isa)), f32_(F32Loop(isa)) {}

PeakMeter::~PeakMeter() {
  if (memory_ != nullptr) munmap(memory_, memory_size_);
}

const char* PeakMeter::int8_instruction() const {
  return int8_ != nullptr ? int8_->instruction : "";
}
const char* PeakMeter::f32_instruction() const { return f32_ != nullptr ? f32_->instruction : ""; }

double PeakMeter::Read(uint32_t threads) {
  if (memory_ == nullptr) {
    void* memory =
        mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 0;
    memory_ = static_cast<unsigned char*>(memory);
    memory_size_ = kMemory;
#ifdef MADV_HUGEPAGE
    (void)madvise(memory_, memory_size_, MADV_HUGEPAGE);
#endif
    std::memset(memory_, 1, memory_size_);
  }
  // Each thread goes round its own part, in pieces of a few microseconds.
  constexpr size_t kPiece = size_t{1} << 18;
  const size_t part = memory_size_ / threads / kPiece * kPiece;
  std::vector<size_t> at(threads * 8);  // 8: a cache line apart
  static std::atomic<uint64_t> sink;
  return Rate(threads, [&](uint32_t index) {
    size_t& offset = at[index * 8];
    sink.fetch_add(SumOf(memory_ + index * part + offset, kPiece), std::memory_order_relaxed);
    offset = (offset + kPiece) % part;
    return static_cast<double>(kPiece);
  });
}

void PeakMeter::Sample(uint32_t threads) {
  Peaks peaks;
  const auto measure = [&](const Loop* loop) {
    if (loop == nullptr) return 0.0;
    return Rate(threads, [&](uint32_t) {
      loop->run();
      return loop->macs;
    });
  };
  peaks.int8_macs = measure(int8_);
  peaks.f32_macs = measure(f32_);
  peaks.read_bytes = Read(threads);
  samples_[threads].push_back(peaks);
}

Peaks PeakMeter::Median(uint32_t threads) const {
  Peaks peaks;
  const auto found = samples_.find(threads);
  if (found == samples_.end()) return peaks;
  const auto median = [&](double Peaks::* member) {
    std::vector<double> values;
    for (const Peaks& sample : found->second) values.push_back(sample.*member);
    return Quantile(values, 0.5);
  };
  peaks.int8_macs = median(&Peaks::int8_macs);
  peaks.f32_macs = median(&Peaks::f32_macs);
  peaks.read_bytes = median(&Peaks::read_bytes);
  return peaks;
}

}  // namespace gem::bench

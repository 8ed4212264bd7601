// Benchmarks of the CPU kernels: every kernel of every table this CPU can run.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One thread. Names are kernel/isa/shape, or kernel/isa/format/shape with the shape
// tokens x outputs x inputs. Counters: GFLOP/s counts an fma as two, GMAC/s counts
// products of integers; `of_peak` is that over the rate of the ISA's fma, or of its
// 8-bit dot product, from registers alone; `of_bandwidth` is the bytes of weights a
// second over what a plain loop reads of the same weights. Both are measured just
// before and just after, so that they hold on a busy or a throttled host too.
#include <benchmark/benchmark.h>
#include <time.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/core/Blake3.h"
#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/ScarPlan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace gem {
namespace {

// --- the fma peak ------------------------------------------------------------

// Loops of independent fmas from registers, in assembly so that no compiler can
// change them. They return their flops. Registers are zeroed first: fmas of
// denormals can be slow.
constexpr long kSteps = 20000;

#define GEM_REPEAT_12(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define GEM_REPEAT_24(f) \
  GEM_REPEAT_12(f)       \
  f(12) f(13) f(14) f(15) f(16) f(17) f(18) f(19) f(20) f(21) f(22) f(23)

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) double DotPeak512() {
#define GEM_ZERO(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define GEM_DOT(i) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #i "\n"
#define GEM_NAME(i) "xmm" #i,
  long steps = kSteps;
  asm volatile(GEM_REPEAT_24(GEM_ZERO) GEM_ZERO(30) GEM_ZERO(31)  //
               "0:\n" GEM_REPEAT_24(GEM_DOT) "dec %0\n jnz 0b\n vzeroupper\n"
               : "+r"(steps)
               :
               : GEM_REPEAT_24(GEM_NAME) "xmm30", "xmm31", "cc");
  return 64.0 * 24 * kSteps;
#undef GEM_ZERO
#undef GEM_DOT
#undef GEM_NAME
}
__attribute__((target("avx512f"))) double Peak512() {
#define GEM_ZERO(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define GEM_FMA(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#define GEM_NAME(i) "xmm" #i,
  long steps = kSteps;
  asm volatile(GEM_REPEAT_24(GEM_ZERO) GEM_ZERO(30) GEM_ZERO(31)  //
               "0:\n" GEM_REPEAT_24(GEM_FMA) "dec %0\n jnz 0b\n vzeroupper\n"
               : "+r"(steps)
               :
               : GEM_REPEAT_24(GEM_NAME) "xmm30", "xmm31", "cc");
  return 2.0 * 16 * 24 * kSteps;
#undef GEM_ZERO
#undef GEM_FMA
}
__attribute__((target("avx2,fma"))) double Peak256() {
#define GEM_ZERO(i) "vpxor %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define GEM_FMA(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
  long steps = kSteps;
  asm volatile(GEM_REPEAT_12(GEM_ZERO) GEM_ZERO(14) GEM_ZERO(15)  //
               "0:\n" GEM_REPEAT_12(GEM_FMA) "dec %0\n jnz 0b\n vzeroupper\n"
               : "+r"(steps)
               :
               : GEM_REPEAT_12(GEM_NAME) "xmm14", "xmm15", "cc");
  return 2.0 * 8 * 12 * kSteps;
#undef GEM_ZERO
#undef GEM_FMA
#undef GEM_NAME
}
#elif defined(__aarch64__)
double Peak128() {
#define GEM_ZERO(i) "movi v" #i ".4s, #0\n"
#define GEM_FMA(i) "fmla v" #i ".4s, v30.4s, v31.4s\n"
#define GEM_NAME(i) "v" #i,
  long steps = kSteps;
  asm volatile(GEM_REPEAT_24(GEM_ZERO) GEM_ZERO(30) GEM_ZERO(31)  //
               "0:\n" GEM_REPEAT_24(GEM_FMA) "subs %0, %0, #1\n b.ne 0b\n"
               : "+r"(steps)
               :
               : GEM_REPEAT_24(GEM_NAME) "v30", "v31", "cc");
  return 2.0 * 4 * 24 * kSteps;
#undef GEM_ZERO
#undef GEM_FMA
#undef GEM_NAME
}
#endif

// The time that this thread was on the CPU.
double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Operations a second of `loop` over 25 ms, or 0 without one.
double Rate(double (*loop)()) {
  if (loop == nullptr) return 0;
  double operations = 0, seconds = 0;
  const double start = CpuSeconds();
  while (seconds < 0.025) {
    operations += loop();
    seconds = CpuSeconds() - start;
  }
  return operations / seconds;
}

// The ISA's loop of fmas, or of 8-bit dot products where one is written; or null.
double (*PeakLoop(const std::string& isa, bool integers))() {
#if defined(__x86_64__)
  if (integers) return isa == "avx512vnni" ? DotPeak512 : nullptr;
  if (isa == "avx512" || isa == "avx512vnni") return Peak512;
  if (isa == "avx2") return Peak256;
#elif defined(__aarch64__)
  if (!integers) return Peak128;
#endif
  return nullptr;
}

// Runs `work`, which takes `operations`, and counts them.
template <class Work>
void Measure(benchmark::State& state, const CpuKernels& kernels, double operations, Work work,
             bool integers = false) {
  double (*const loop)() = PeakLoop(kernels.name, integers);
  double peak = Rate(loop);
  const double start = CpuSeconds();
  for (auto _ : state) {
    work();
    benchmark::ClobberMemory();
  }
  const double rate = operations * static_cast<double>(state.iterations()) / (CpuSeconds() - start);
  peak = (peak + Rate(loop)) / 2;
  state.counters[integers ? "GMAC/s" : "GFLOP/s"] = rate * 1e-9;
  if (peak > 0) state.counters["of_peak"] = rate / peak;
}

// --- inputs ------------------------------------------------------------------

struct Floats {
  explicit Floats(size_t count, uint32_t seed = 1) : storage(count + 16) {
    for (float& value : storage) {
      seed = seed * 1664525u + 1013904223u;
      value = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-32f;
    }
  }
  // 64-byte aligned, as weights are.
  float* data() {
    return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(storage.data()) + 63) &
                                    ~uintptr_t{63});
  }
  std::vector<float> storage;
};

Weight FloatWeight(Floats& values, uint32_t rows, uint32_t width) {
  return {values.data(), rows, width, WeightType::kF32, format::Scales::kNone, 0};
}

// --- kernels -----------------------------------------------------------------

void BenchLinear(benchmark::State& state, const CpuKernels& kernels, uint32_t rows, uint32_t n,
                 uint32_t k, Activation activation) {
  Floats x(size_t{rows} * k), w(size_t{(n + 15) / 16} * 16 * k), bias(n), y(size_t{rows} * n);
  const LinearArgs args = {
      x.data(), FloatWeight(w, n, k), bias.data(), nullptr, y.data(), rows, n, k, activation};
  Measure(state, kernels, 2.0 * rows * n * k, [&] { kernels.linear(args, 0, (n + 15) / 16); });
}

struct Format {
  const char* name;
  WeightType type;
  format::Scales scales;
  uint32_t group, bits;
};
constexpr Format kFormats[] = {
    {"int8", WeightType::kI8, format::Scales::kRow, 0, 8},
    {"int4", WeightType::kI4, format::Scales::kRow, 0, 4},
    {"int4g32", WeightType::kI4, format::Scales::kTwoLevel, 32, 4},
    {"int4g128", WeightType::kI4, format::Scales::kTwoLevel, 128, 4},
    {"int4f16g32", WeightType::kI4, format::Scales::kF16Group, 32, 4},
    {"int3g32", WeightType::kI3, format::Scales::kTwoLevel, 32, 3},
    {"int2g32", WeightType::kI2, format::Scales::kTwoLevel, 32, 2},
};

// Zeros, since no kernel is faster for them.
struct QuantizedLinear {
  QuantizedLinear(const Format& format, uint32_t rows, uint32_t n, uint32_t k,
                  Activation activation)
      : weight_bytes(format::PanelMatrixBytes(format.bits, format.scales, format.group, n, k)),
        weights(weight_bytes / 4),
        x(rows * format::TokenRowBytes(k) / 4),
        bias(n),
        y(size_t{rows} * n) {
    std::memset(weights.data(), 0x11, weight_bytes);
    std::memset(x.data(), 0x01, rows * format::TokenRowBytes(k));
    args = {reinterpret_cast<const uint8_t*>(x.data()),
            {weights.data(), n, k, format.type, format.scales, format.group},
            bias.data(),
            nullptr,
            y.data(),
            rows,
            n,
            k,
            activation};
  }
  size_t weight_bytes;
  Floats weights, x, bias, y;
  LinearQuantizedArgs args;
};

void BenchLinearQuantized(benchmark::State& state, const CpuKernels& kernels, const Format& format,
                          uint32_t rows, uint32_t n, uint32_t k, Activation activation) {
  const QuantizedLinear linear(format, rows, n, k, activation);
  Measure(
      state, kernels, 1.0 * rows * n * k,
      [&] { kernels.linear_quantized(linear.args, 0, (n + 15) / 16); }, true);
}

// Bytes a second that a loop reads.
double ReadRate(const void* data, size_t size) {
  typedef uint64_t Vector __attribute__((vector_size(16)));
  const Vector* const vectors = static_cast<const Vector*>(data);
  Vector sum[4] = {};
  const double start = CpuSeconds();
  for (size_t i = 0; i + 4 <= size / sizeof(Vector); i += 4) {
    __builtin_prefetch(vectors + i + 4096 / sizeof(Vector));
    for (size_t j = 0; j < 4; ++j) sum[j] += vectors[i + j];
  }
  benchmark::DoNotOptimize(sum);
  return static_cast<double>(size) / (CpuSeconds() - start);
}

// A matrix that is larger than any cache, so that memory is the limit.
void BenchMatvec(benchmark::State& state, const CpuKernels& kernels, const Format& format,
                 uint32_t rows) {
  constexpr uint32_t kN = 65536, kK = 4096;
  const QuantizedLinear linear(format, rows, kN, kK, Activation::kNone);
  double read = 0, seconds = 0;
  for (auto _ : state) {  // in turns, since a shared host's bandwidth changes by the second
    state.PauseTiming();
    read += ReadRate(linear.args.w.data, linear.weight_bytes);
    state.ResumeTiming();
    const double start = CpuSeconds();
    kernels.linear_quantized(linear.args, 0, kN / 16);
    seconds += CpuSeconds() - start;
  }
  const double iterations = static_cast<double>(state.iterations());
  const double rate = static_cast<double>(linear.weight_bytes) * iterations / seconds;
  state.counters["GB/s"] = rate * 1e-9;
  state.counters["GMAC/s"] = 1e-9 * rows * kN * kK * iterations / seconds;
  state.counters["of_bandwidth"] = rate / (read / iterations);
}

void BenchQuantizeTokens(benchmark::State& state, const CpuKernels& kernels, uint32_t rows,
                         uint32_t width) {
  Floats x(size_t{rows} * width), y(rows * format::TokenRowBytes(width) / 4);
  const QuantizeTokensArgs args = {x.data(), reinterpret_cast<uint8_t*>(y.data()), width};
  for (auto _ : state) {
    kernels.quantize_tokens(args, 0, rows);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * width);
}

void BenchLayerNormQuantized(benchmark::State& state, const CpuKernels& kernels, uint32_t rows,
                             uint32_t width, bool stores) {
  Floats x(size_t{rows} * width), gamma(width), beta(width), y(size_t{rows} * width),
      quantized(rows * format::TokenRowBytes(width) / 4);
  const LayerNormQuantizedArgs args = {
      {x.data(), gamma.data(), beta.data(), stores ? y.data() : nullptr, width, 1e-12f},
      reinterpret_cast<uint8_t*>(quantized.data())};
  for (auto _ : state) {
    kernels.layer_norm_quantized(args, 0, rows);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * width);
}

void BenchAttention(benchmark::State& state, const CpuKernels& kernels, uint32_t queries,
                    uint32_t keys, uint32_t heads, uint32_t head_dim, bool scar) {
  const size_t width = size_t{heads} * head_dim;
  Floats q(queries * width), k(keys * width, 2), v(keys * width, 3), y(queries * width);
  std::vector<uint8_t> routed(keys);
  std::vector<int32_t> cluster(keys);
  for (uint32_t i = 0; i < keys; ++i) {
    routed[i] = i % 2;
    cluster[i] = static_cast<int32_t>(i % 7);
  }
  std::vector<uint32_t> workspace(ScarWorkspaceSize(queries, keys) / sizeof(uint32_t));
  const ScarAttentionArgs args = {
      {q.data(), k.data(), v.data(), y.data(), queries, keys, heads, head_dim, 0.125f},
      routed.data(),
      cluster.data(),
      0,
      ScarPredicate::kEither,
      false,
      workspace.data()};
  Measure(state, kernels, 4.0 * queries * keys * static_cast<double>(width), [&] {
    if (scar) {
      PlanScarAttention(args);
      kernels.scar_attention(args, 0, heads * queries);
    } else {
      kernels.attention(args.attention, 0, heads * queries);
    }
  });
}

void BenchLayerNorm(benchmark::State& state, const CpuKernels& kernels, uint32_t rows,
                    uint32_t width) {
  Floats x(size_t{rows} * width), gamma(width), beta(width), y(size_t{rows} * width);
  const LayerNormArgs args = {x.data(), gamma.data(), beta.data(), y.data(), width, 1e-12f};
  for (auto _ : state) {
    kernels.layer_norm(args, 0, rows);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * width);
}

void BenchActivation(benchmark::State& state, const CpuKernels& kernels, uint32_t rows,
                     uint32_t width, Activation activation) {
  Floats x(size_t{rows} * width), y(size_t{rows} * width);
  const ActivationArgs args = {x.data(), y.data(), width, activation};
  for (auto _ : state) {
    kernels.activation(args, 0, rows);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * width);
}

void BenchAdd(benchmark::State& state, const CpuKernels& kernels, uint32_t rows, uint32_t width) {
  Floats x(size_t{rows} * width), z(size_t{rows} * width), y(size_t{rows} * width);
  const AddArgs args = {x.data(), z.data(), y.data(), width};
  for (auto _ : state) {
    kernels.add(args, 0, rows);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * rows * width);
}

void BenchEmbedding(benchmark::State& state, const CpuKernels& kernels, uint32_t tokens,
                    uint32_t width) {
  constexpr uint32_t kRows = 8192;
  Floats table(size_t{kRows} * width), y(size_t{tokens} * width);
  std::vector<int32_t> ids(tokens);
  for (uint32_t i = 0; i < tokens; ++i) ids[i] = static_cast<int32_t>(i * 2654435761u % kRows);
  const EmbeddingArgs args = {
      ids.data(), {FloatWeight(table, kRows, width)}, 1, nullptr, y.data(), kRows, width};
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernels.embedding(args, 0, tokens));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * tokens * width);
}

void BenchRouteTokens(benchmark::State& state, const CpuKernels& kernels, uint32_t tokens,
                      uint32_t width, uint32_t classes, uint32_t clusters) {
  Floats x(size_t{tokens} * width), w(size_t{classes} * width, 2),
      centroids(size_t{clusters} * width, 3);
  std::vector<uint8_t> routed(tokens);
  std::vector<int32_t> cluster(tokens);
  const RouteTokensArgs args = {x.data(),
                                FloatWeight(w, classes, width),
                                FloatWeight(centroids, clusters, width),
                                nullptr,
                                routed.data(),
                                cluster.data(),
                                width,
                                classes,
                                clusters,
                                0.65f};
  // A distance costs a subtraction more than an fma.
  Measure(state, kernels, static_cast<double>(tokens) * width * (2.0 * classes + 3.0 * clusters),
          [&] { kernels.route_tokens(args, 0, tokens); });
}

void BenchBlake3(benchmark::State& state) {
  std::vector<uint8_t> data(static_cast<size_t>(state.range(0)), 7);
  uint8_t hash[kBlake3HashSize];
  for (auto _ : state) {
    Blake3(data.data(), data.size(), hash);
    benchmark::DoNotOptimize(hash);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}

// The lanes of each ISA, below the tree.
void BenchBlake3Chunks(benchmark::State& state, const Blake3Lanes& lanes) {
  std::vector<uint8_t> data(256 * kBlake3ChunkSize, 7), out(lanes.lanes * kBlake3HashSize);
  for (auto _ : state) {
    for (size_t i = 0; i < 256; i += lanes.lanes) {
      lanes.chunks(data.data() + i * kBlake3ChunkSize, lanes.lanes, i, out.data());
    }
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * data.size()));
}

void Register() {
  const auto add = [](const std::string& name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)->Unit(benchmark::kMicrosecond);
  };
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  for (size_t i = 0; i < count; ++i) {
    const CpuKernels& kernels = *all[i];
    if (!kernels.supported()) continue;
    const std::string isa = std::string("/") + kernels.name + "/";
    struct Shape {
      uint32_t rows, n, k;
    };
    for (const Shape s :
         {Shape{128, 768, 768}, Shape{128, 3072, 768}, Shape{128, 768, 3072}, Shape{32, 768, 768},
          Shape{9, 768, 768}, Shape{4, 768, 768}, Shape{1, 768, 768}, Shape{20, 312, 312}}) {
      add("linear" + isa + std::to_string(s.rows) + "x" + std::to_string(s.n) + "x" +
              std::to_string(s.k),
          [&kernels, s](benchmark::State& state) {
            BenchLinear(state, kernels, s.rows, s.n, s.k, Activation::kNone);
          });
    }
    for (const Format& format : kFormats) {
      const std::string name = "linear_quantized" + isa + format.name + "/";
      for (const Shape s :
           {Shape{128, 768, 768}, Shape{128, 3072, 768}, Shape{128, 768, 3072}, Shape{32, 768, 768},
            Shape{9, 768, 768}, Shape{4, 768, 768}, Shape{1, 768, 768}, Shape{20, 312, 312}}) {
        add(name + std::to_string(s.rows) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k),
            [&kernels, &format, s](benchmark::State& state) {
              BenchLinearQuantized(state, kernels, format, s.rows, s.n, s.k, Activation::kNone);
            });
      }
      for (const uint32_t rows : {1u, 2u, 4u}) {
        add(name + std::to_string(rows) + "x65536x4096",
            [&kernels, &format, rows](benchmark::State& state) {
              BenchMatvec(state, kernels, format, rows);
            });
      }
    }
    add("linear_quantized_gelu" + isa + "int8/128x3072x768", [&kernels](benchmark::State& state) {
      BenchLinearQuantized(state, kernels, kFormats[0], 128, 3072, 768, Activation::kGelu);
    });
    struct Rows {
      uint32_t rows, width;
    };
    for (const Rows s : {Rows{128, 768}, Rows{128, 3072}, Rows{20, 312}, Rows{1, 768}}) {
      const std::string shape = isa + std::to_string(s.rows) + "x" + std::to_string(s.width);
      add("quantize_tokens" + shape, [&kernels, s](benchmark::State& state) {
        BenchQuantizeTokens(state, kernels, s.rows, s.width);
      });
      if (s.width == 3072) continue;
      add("layer_norm" + shape, [&kernels, s](benchmark::State& state) {
        BenchLayerNorm(state, kernels, s.rows, s.width);
      });
      add("layer_norm_quantized" + shape, [&kernels, s](benchmark::State& state) {
        BenchLayerNormQuantized(state, kernels, s.rows, s.width, true);
      });
      add("layer_norm_quantized_only" + shape, [&kernels, s](benchmark::State& state) {
        BenchLayerNormQuantized(state, kernels, s.rows, s.width, false);
      });
    }
    add("linear_gelu" + isa + "128x3072x768", [&kernels](benchmark::State& state) {
      BenchLinear(state, kernels, 128, 3072, 768, Activation::kGelu);
    });
    for (const uint32_t head_dim : {64u, 32u, 26u}) {
      const std::string shape = "128x128x12x" + std::to_string(head_dim);
      add("attention" + isa + shape, [&kernels, head_dim](benchmark::State& state) {
        BenchAttention(state, kernels, 128, 128, 12, head_dim, false);
      });
      add("scar_attention" + isa + shape, [&kernels, head_dim](benchmark::State& state) {
        BenchAttention(state, kernels, 128, 128, 12, head_dim, true);
      });
    }
    add("attention" + isa + "1x128x12x64", [&kernels](benchmark::State& state) {
      BenchAttention(state, kernels, 1, 128, 12, 64, false);
    });
    add("gelu" + isa + "128x3072", [&kernels](benchmark::State& state) {
      BenchActivation(state, kernels, 128, 3072, Activation::kGelu);
    });
    add("tanh" + isa + "128x768", [&kernels](benchmark::State& state) {
      BenchActivation(state, kernels, 128, 768, Activation::kTanh);
    });
    add("add" + isa + "128x768",
        [&kernels](benchmark::State& state) { BenchAdd(state, kernels, 128, 768); });
    add("embedding" + isa + "128x768",
        [&kernels](benchmark::State& state) { BenchEmbedding(state, kernels, 128, 768); });
    for (const Rows s : {Rows{128, 768}, Rows{20, 312}, Rows{1, 768}}) {
      add("route_tokens" + isa + std::to_string(s.rows) + "x" + std::to_string(s.width) + "x77x256",
          [&kernels, s](benchmark::State& state) {
            BenchRouteTokens(state, kernels, s.rows, s.width, 77, 256);
          });
    }
  }
  for (const int size : {64, 1 << 10, 1 << 14, 1 << 20, 1 << 24}) {
    benchmark::RegisterBenchmark("blake3", BenchBlake3)->Arg(size)->Unit(benchmark::kMicrosecond);
  }
  for (size_t i = 0; i < count; ++i) {
    if (!all[i]->supported()) continue;
    add(std::string("blake3_chunks/") + all[i]->name,
        [lanes = all[i]->blake3](benchmark::State& s) { BenchBlake3Chunks(s, *lanes); });
  }
}

}  // namespace
}  // namespace gem

int main(int argc, char** argv) {
  gem::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

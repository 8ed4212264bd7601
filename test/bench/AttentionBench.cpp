// Attention and SCAR of every ISA: what the sparsity of SCAR's mask is worth.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// attention-bench [--benchmark_filter=scar/avx512]: each SCAR run takes turns with
// dense attention of the same shape. `speedup` is by the median, `limit` is 1/density
// and `of_limit` their ratio. SCAR's time includes sorting the tokens.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/core/ThreadPool.h"
#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/ScarPlan.h"

namespace gem {
namespace {

constexpr uint32_t kHeadDim = 64;

class Random {
 public:
  uint32_t Bits() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  double Unit() { return Bits() * 0x1p-24; }

 private:
  uint32_t state_ = 1;
};

// As the arena has them: on 64 bytes.
struct Floats {
  Floats(size_t count, Random* random)
      : data(static_cast<float*>(std::aligned_alloc(64, (count * 4 + 63) / 64 * 64)), &std::free) {
    for (size_t i = 0; i < count; ++i) data.get()[i] = static_cast<float>(random->Unit() * 2 - 1);
  }
  std::unique_ptr<float, decltype(&std::free)> data;
};

// Synthetic routing: a share of the tokens is routed, clusters are drawn evenly.
struct Routing {
  double routed;
  uint32_t clusters;
  ScarPredicate predicate;
  bool causal;
};

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void BenchScar(benchmark::State& state, const CpuKernels& kernels, uint32_t tokens, uint32_t heads,
               const Routing& routing) {
  Random random;
  const size_t size = size_t{tokens} * heads * kHeadDim;
  Floats q(size, &random), k(size, &random), v(size, &random), y(size, &random);
  std::vector<uint8_t> routed(tokens);
  std::vector<int32_t> cluster(tokens);
  for (uint32_t i = 0; i < tokens; ++i) {
    routed[i] = random.Unit() < routing.routed;
    cluster[i] = static_cast<int32_t>(random.Unit() * routing.clusters);
  }
  double permitted = 0;
  for (uint32_t i = 0; i < tokens; ++i) {
    for (uint32_t j = 0; j < (routing.causal ? i + 1 : tokens); ++j) {
      const bool same_cluster = cluster[i] == cluster[j], same_route = routed[i] == routed[j];
      permitted += routing.predicate == ScarPredicate::kSameCluster ? same_cluster
                   : routing.predicate == ScarPredicate::kSameRoute ? same_route
                                                                    : same_cluster || same_route;
    }
  }
  std::vector<uint32_t> workspace(ScarWorkspaceSize(tokens, tokens) / sizeof(uint32_t));
  const ScarAttentionArgs args = {.attention = {.q = q.data.get(),
                                                .k = k.data.get(),
                                                .v = v.data.get(),
                                                .y = y.data.get(),
                                                .queries = tokens,
                                                .keys = tokens,
                                                .heads = heads,
                                                .head_dim = kHeadDim,
                                                .scale = 0.125f},
                                  .routed = routed.data(),
                                  .cluster = cluster.data(),
                                  .first_query = 0,
                                  .predicate = routing.predicate,
                                  .causal = routing.causal,
                                  .workspace = workspace.data()};
  std::vector<double> scar, dense;
  for (auto _ : state) {
    double start = Seconds();
    PlanScarAttention(args);
    kernels.scar_attention(args, 0, heads * tokens);
    scar.push_back(Seconds() - start);
    state.SetIterationTime(scar.back());
    start = Seconds();
    kernels.attention(args.attention, 0, heads * tokens);
    dense.push_back(Seconds() - start);
  }
  const double speedup = Median(dense) / Median(scar);
  const double limit = static_cast<double>(tokens) * tokens / permitted;
  state.counters["speedup"] = speedup;
  state.counters["limit"] = limit;
  state.counters["of_limit"] = speedup / limit;
}

void BenchDense(benchmark::State& state, const CpuKernels& kernels, uint32_t tokens,
                uint32_t heads) {
  Random random;
  const size_t size = size_t{tokens} * heads * kHeadDim;
  Floats q(size, &random), k(size, &random), v(size, &random), y(size, &random);
  const AttentionArgs args = {q.data.get(), k.data.get(), v.data.get(), y.data.get(), tokens,
                              tokens,       heads,        kHeadDim,     0.125f};
  for (auto _ : state) kernels.attention(args, 0, heads * tokens);
  state.counters["GFLOP/s"] = benchmark::Counter(
      4e-9 * tokens * static_cast<double>(size) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

// What it costs to hand work to other threads and to wait for them.
void BenchForkJoin(benchmark::State& state, uint32_t threads) {
  Memory memory(DefaultAllocator());
  ThreadPool pool;
  gem_error_t error;
  if (pool.Start(&memory, threads, &error) != GEM_STATUS_OK) {
    state.SkipWithError(error.message);
    return;
  }
  for (auto _ : state) pool.Run([](void*, uint32_t, uint32_t) {}, nullptr, threads);
}

std::string Name(const char* isa, uint32_t tokens, const Routing& routing) {
  constexpr const char* kPredicates[] = {"either", "same_cluster", "same_route"};
  return std::string("scar/") + isa + "/" + std::to_string(tokens) + "/" +
         kPredicates[static_cast<int>(routing.predicate)] + (routing.causal ? "/causal" : "") +
         "/routed:" + std::to_string(static_cast<int>(routing.routed * 100)) +
         "%/clusters:" + std::to_string(routing.clusters);
}

void Register() {
  constexpr auto kEither = ScarPredicate::kEither, kCluster = ScarPredicate::kSameCluster,
                 kRoute = ScarPredicate::kSameRoute;
  static constexpr Routing kRoutings[] = {
      {0.5, 256, kEither, false}, {0.5, 16, kEither, false},   {0.5, 4, kEither, false},
      {0.5, 2, kEither, false},   {0.25, 256, kEither, false}, {0.1, 256, kEither, false},
      {0.0, 256, kEither, false}, {0.5, 256, kRoute, false},   {0.5, 4, kCluster, false},
      {0.5, 16, kCluster, false}, {0.5, 64, kCluster, false},  {0.0, 256, kEither, true},
      {0.5, 256, kEither, true},  {0.5, 16, kEither, true},    {0.5, 4, kCluster, true},
      {0.5, 16, kCluster, true},
  };
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  for (size_t i = 0; i < count; ++i) {
    const CpuKernels& kernels = *all[i];
    // Too slow to say anything.
    if (!kernels.supported() || std::strcmp(kernels.name, "scalar") == 0) continue;
    for (const uint32_t tokens : {128u, 512u, 2048u, 4096u}) {
      const uint32_t heads = tokens > 512 ? 1 : 12;
      const std::string name =
          std::string("attention/") + kernels.name + "/" + std::to_string(tokens);
      benchmark::RegisterBenchmark(name.c_str(), [&kernels, tokens, heads](benchmark::State& s) {
        BenchDense(s, kernels, tokens, heads);
      })->Unit(benchmark::kMicrosecond);
      for (const Routing& routing : kRoutings) {
        benchmark::RegisterBenchmark(Name(kernels.name, tokens, routing).c_str(),
                                     [&kernels, tokens, heads, &routing](benchmark::State& s) {
                                       BenchScar(s, kernels, tokens, heads, routing);
                                     })
            ->UseManualTime()
            ->Iterations(tokens > 2048  ? 5
                         : tokens > 128 ? 9
                                        : 41)
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
  for (const uint32_t threads : {2u, 4u}) {
    benchmark::RegisterBenchmark(("fork_join/" + std::to_string(threads)).c_str(),
                                 [threads](benchmark::State& s) { BenchForkJoin(s, threads); });
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

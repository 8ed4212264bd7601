// scar-bench: what sparsity gains in SCAR, against dense attention of the same shape.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   scar-bench [ROUNDS]
//
// One thread, the best kernels of this CPU, 12 heads of 64. Synthetic routings reach
// a density (the share of pairs that are permitted); tokens come in random order.
// Dense and sparse runs alternate, sorting the tokens is part of each sparse one, and
// medians are compared. Prints JSON: "of_ideal" is the speedup times the density, so
// 1 when no work was wasted.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "runtime/kernels/Kernels.h"
#include "runtime/kernels/ScarPlan.h"

namespace gem {
namespace {

constexpr uint32_t kHeads = 12, kHeadDim = 64;
constexpr uint32_t kWidth = kHeads * kHeadDim;
// Multiply-accumulates of a dense run: of large shapes some heads are enough.
constexpr double kMostMacs = 6e8;

uint32_t Random(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(*state >> 33);
}

double Uniform(uint64_t* state) { return Random(state) * 0x1p-31; }

// The time that this thread was on the CPU: others may use it meanwhile.
double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Routing {
  const char* predicate;
  ScarPredicate value;
  bool causal;
  double routed;      // the share of tokens that are
  uint32_t clusters;  // drawn with the same probability
};

struct Floats {
  Floats(size_t count, uint64_t seed) : values(count + 16) {
    for (float& value : values) value = static_cast<float>(Uniform(&seed)) - 0.5f;
  }
  float* data() {
    return reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(values.data()) + 63) &
                                    ~uintptr_t{63});
  }
  std::vector<float> values;
};

bool Permitted(const Routing& routing, const std::vector<uint8_t>& routed,
               const std::vector<int32_t>& cluster, uint32_t i, uint32_t j) {
  if (routing.causal && j > i) return false;
  const bool same_cluster = cluster[i] == cluster[j], same_route = routed[i] == routed[j];
  switch (routing.value) {
    case ScarPredicate::kSameCluster:
      return same_cluster;
    case ScarPredicate::kSameRoute:
      return same_route;
    default:
      return same_cluster || same_route;
  }
}

void Measure(const CpuKernels& kernels, uint32_t tokens, const Routing& routing, int rounds,
             bool* first) {
  Floats q(size_t{tokens} * kWidth, 1), k(size_t{tokens} * kWidth, 2),
      v(size_t{tokens} * kWidth, 3), y(size_t{tokens} * kWidth, 4);
  std::vector<uint8_t> routed(tokens);
  std::vector<int32_t> cluster(tokens);
  uint64_t state = 5;
  for (uint32_t i = 0; i < tokens; ++i) {
    routed[i] = Uniform(&state) < routing.routed;
    cluster[i] = static_cast<int32_t>(Random(&state) % routing.clusters);
  }
  uint64_t permitted = 0;
  for (uint32_t i = 0; i < tokens; ++i) {
    for (uint32_t j = 0; j < tokens; ++j) {
      permitted += Permitted(routing, routed, cluster, i, j);
    }
  }
  const double pairs = static_cast<double>(tokens) * tokens;
  const double density = static_cast<double>(permitted) / pairs;

  const double macs = 2 * pairs * kHeadDim;  // of a head
  const auto heads = static_cast<uint32_t>(
      std::clamp(std::floor(kMostMacs / macs), 1.0, static_cast<double>(kHeads)));
  std::vector<uint64_t> workspace(ScarWorkspaceSize(tokens, tokens) / 8 + 1);
  const ScarAttentionArgs args = {
      {q.data(), k.data(), v.data(), y.data(), tokens, tokens, kHeads, kHeadDim, 0.125f},
      routed.data(),
      cluster.data(),
      0,
      routing.value,
      routing.causal,
      workspace.data()};
  std::vector<double> dense, sparse, ratio;
  for (int round = -1; round < rounds; ++round) {
    const double start = CpuSeconds();
    kernels.attention(args.attention, 0, heads * tokens);
    const double middle = CpuSeconds();
    PlanScarAttention(args);
    kernels.scar_attention(args, 0, heads * tokens);
    const double end = CpuSeconds();
    if (round < 0) continue;  // the first touches the memory
    dense.push_back(middle - start);
    sparse.push_back(end - middle);
    ratio.push_back((middle - start) / (end - middle));
  }
  std::printf(
      "%s\n    {\"tokens\": %u, \"predicate\": \"%s%s\", \"density\": %.4f, \"heads\": %u, "
      "\"dense_seconds\": %.6g, \"scar_seconds\": %.6g, \"speedup\": %.3f, \"of_ideal\": %.3f}",
      *first ? "" : ",", tokens, routing.causal ? "causal " : "", routing.predicate, density, heads,
      Median(dense), Median(sparse), Median(ratio), Median(ratio) * density);
  *first = false;
}

int Main(int rounds) {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  const CpuKernels* kernels = nullptr;
  for (size_t i = 0; i < count && kernels == nullptr; ++i) {
    if (all[i]->supported()) kernels = all[i];
  }
  std::vector<Routing> routings;
  // Of many clusters, only tokens of the same route are permitted: a density d needs
  // a share r of routed tokens with r^2 + (1 - r)^2 = d.
  for (const double density : {0.5, 0.6, 0.7, 0.8, 0.9, 1.0}) {
    routings.push_back(
        {"either", ScarPredicate::kEither, false, 0.5 + 0.5 * std::sqrt(2 * density - 1), 256});
  }
  routings.push_back({"same_route", ScarPredicate::kSameRoute, false, 0.5, 256});
  for (const uint32_t clusters : {2u, 4u, 8u, 16u}) {
    routings.push_back({"same_cluster", ScarPredicate::kSameCluster, false, 0.5, clusters});
  }
  routings.push_back({"either", ScarPredicate::kEither, true, 1.0, 256});
  routings.push_back({"either", ScarPredicate::kEither, true, 0.5, 256});
  routings.push_back({"same_cluster", ScarPredicate::kSameCluster, true, 0.5, 4});

  std::printf("{\n  \"schema_version\": 1,\n  \"isa\": \"%s\",\n  \"scar\": [", kernels->name);
  bool first = true;
  for (const uint32_t tokens : {128u, 512u, 2048u, 4096u}) {
    for (const Routing& routing : routings) Measure(*kernels, tokens, routing, rounds, &first);
  }
  std::printf("\n  ]\n}\n");
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gem

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : argc == 1 ? 15 : 0;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: scar-bench [ROUNDS]\n");
    return 2;
  }
  return gem::Main(rounds);
}

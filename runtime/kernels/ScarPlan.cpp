// Sorts the tokens of SCAR so that the keys of each query are two ranges.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/kernels/ScarPlan.h"

namespace gem {
namespace {

// From this many keys on a cluster has blocks of its own; smaller ones share them.
constexpr uint32_t kOwnBlocks = 32;

// Moves the tokens whose routed is 0 before the others, keeping their order; returns
// how many they are.
uint32_t SplitByRoute(const uint8_t* routed, const uint32_t* from, uint32_t* to, uint32_t count) {
  uint32_t zeros = 0;
  for (uint32_t i = 0; i < count; ++i) zeros += routed[from[i]] == 0;
  uint32_t low = 0, high = zeros;
  for (uint32_t i = 0; i < count; ++i) to[routed[from[i]] == 0 ? low++ : high++] = from[i];
  return zeros;
}

// Sorts the tokens 0, 1, ... by cluster, equal ones by position, with a pass for
// every byte in which clusters differ. The result is in `out`.
void SortByCluster(const int32_t* cluster, uint32_t count, uint32_t* out, uint32_t* spare) {
  uint32_t differing = 0;
  for (uint32_t i = 0; i < count; ++i) {
    out[i] = i;
    differing |= static_cast<uint32_t>(cluster[i]) ^ static_cast<uint32_t>(cluster[0]);
  }
  for (uint32_t shift = 0; shift < 32; shift += 8) {
    if ((differing >> shift & 255) == 0) continue;
    uint32_t starts[256] = {};
    for (uint32_t i = 0; i < count; ++i) ++starts[static_cast<uint32_t>(cluster[i]) >> shift & 255];
    uint32_t sum = 0;
    for (uint32_t& start : starts) {
      const uint32_t next = sum + start;
      start = sum;
      sum = next;
    }
    for (uint32_t i = 0; i < count; ++i) {
      spare[starts[static_cast<uint32_t>(cluster[out[i]]) >> shift & 255]++] = out[i];
    }
    for (uint32_t i = 0; i < count; ++i) out[i] = spare[i];
  }
}

// The tokens of a run of equal clusters in keys[begin, limit): where it ends.
uint32_t EndOfRun(const int32_t* cluster, const uint32_t* keys, uint32_t begin, uint32_t limit) {
  uint32_t end = begin;
  while (end < limit && cluster[keys[end]] == cluster[keys[begin]]) ++end;
  return end;
}

}  // namespace

void PlanScarAttention(const ScarAttentionArgs& args) {
  const uint32_t keys = args.attention.keys, queries = args.attention.queries;
  const ScarPlan plan = PlanIn(args.workspace, queries, keys);
  const bool by_route = args.predicate != ScarPredicate::kSameCluster;
  const bool by_cluster = args.predicate != ScarPredicate::kSameRoute;
  uint32_t* const slot = plan.temporary;  // of each token among the rows
  uint32_t* const spare = plan.temporary + keys;

  uint32_t zeros = keys;
  if (by_cluster) {
    SortByCluster(args.cluster, keys, plan.cluster_keys, spare);
    if (by_route) {
      for (uint32_t i = 0; i < keys; ++i) spare[i] = plan.cluster_keys[i];
      zeros = SplitByRoute(args.routed, spare, plan.cluster_keys, keys);
    }
  }
  // Causal keys of a route are its first ones by position.
  const bool by_position = by_route && (args.causal || !by_cluster);
  if (by_position) {
    for (uint32_t i = 0; i < keys; ++i) spare[i] = i;
    zeros = SplitByRoute(args.routed, spare, plan.route_keys, keys);
  } else {
    for (uint32_t i = 0; i < keys; ++i) plan.route_keys[i] = plan.cluster_keys[i];
  }

  uint32_t next = 0;
  for (uint32_t i = 0; i < keys; ++i) {
    const uint32_t token = plan.route_keys[i];
    if (token - args.first_query >= queries) continue;
    ScarRow& row = plan.rows[next];
    slot[token] = next++;
    row = {token - args.first_query, {}, {}};
    if (by_route) {
      const uint32_t begin = i < zeros ? 0 : zeros;
      row.route = {begin, begin, args.causal ? i + 1 : i < zeros ? zeros : keys};
    }
  }
  if (!by_cluster) return;

  // Gives the queries among the tokens [begin, end) of a cluster the keys [from, to)
  // of it.
  const auto give = [&](uint32_t begin, uint32_t end, uint32_t from, uint32_t to) {
    uint32_t last = args.causal ? from : to;
    for (uint32_t i = begin; i < end; ++i) {
      const uint32_t token = plan.cluster_keys[i];
      while (last < to && plan.cluster_keys[last] <= token) ++last;
      if (token - args.first_query >= queries) continue;
      plan.rows[slot[token]].cluster = {to - from < kOwnBlocks ? 0 : from, from, last};
    }
  };
  if (!by_route) {
    for (uint32_t begin = 0; begin < keys;) {
      const uint32_t end = EndOfRun(args.cluster, plan.cluster_keys, begin, keys);
      give(begin, end, begin, end);
      begin = end;
    }
    return;
  }
  uint32_t low = 0, high = zeros;
  while (low < zeros && high < keys) {
    const auto low_cluster = static_cast<uint32_t>(args.cluster[plan.cluster_keys[low]]);
    const auto high_cluster = static_cast<uint32_t>(args.cluster[plan.cluster_keys[high]]);
    const uint32_t low_end = EndOfRun(args.cluster, plan.cluster_keys, low, zeros);
    const uint32_t high_end = EndOfRun(args.cluster, plan.cluster_keys, high, keys);
    if (low_cluster == high_cluster) {
      give(low, low_end, high, high_end);
      give(high, high_end, low, low_end);
    }
    if (low_cluster <= high_cluster) low = low_end;
    if (high_cluster <= low_cluster) high = high_end;
  }
}

}  // namespace gem

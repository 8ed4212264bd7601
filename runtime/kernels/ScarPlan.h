// Which keys each query of SCAR attends to, as ranges of sorted keys.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sorted by (routed, cluster, position), the keys of a token's own route and those
// of its cluster in the other route are contiguous: SCAR's mask is blocks, of which
// a kernel computes only those that are permitted.
#ifndef GEM_RUNTIME_KERNELS_SCARPLAN_H
#define GEM_RUNTIME_KERNELS_SCARPLAN_H

#include "runtime/kernels/Kernels.h"

namespace gem {

// The keys [begin, end) of an order. Kernels take them in blocks that start at `base`
// (at most `begin`): queries that share their blocks share loads.
struct KeyRange {
  uint32_t base, begin, end;
};

// A query row and the keys it may attend to: those of its route, then those of its
// cluster that are not among them. Not both are empty.
struct ScarRow {
  uint32_t row;
  KeyRange route, cluster;
};

// What a workspace holds: rows in the order in which they are computed, and the key
// that each place of the ranges' orders stands for.
struct ScarPlan {
  ScarRow* rows;           // [queries]
  uint32_t* route_keys;    // [keys]
  uint32_t* cluster_keys;  // [keys]
  uint32_t* temporary;     // [2 * keys]
};

// Bytes of a workspace.
inline size_t ScarWorkspaceSize(uint32_t queries, uint32_t keys) {
  return size_t{queries} * sizeof(ScarRow) + size_t{keys} * 4 * sizeof(uint32_t);
}

inline ScarPlan PlanIn(void* workspace, uint32_t queries, uint32_t keys) {
  auto* rows = static_cast<ScarRow*>(workspace);
  auto* words = reinterpret_cast<uint32_t*>(rows + queries);
  return {rows, words, words + keys, words + size_t{2} * keys};
}

}  // namespace gem

#endif  // GEM_RUNTIME_KERNELS_SCARPLAN_H

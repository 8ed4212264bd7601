// Changes FlatBuffers by their schema, so that most changes get past the first check.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/TreeMutator.h"

#include <cstring>
#include <vector>

namespace gem::fuzz {

using namespace gem::test;

void MutateTree(const TreeSchema& schema, TreeTable& root, Random& random) {
  const TreeTable original = root;
  const TreeDonors donors(schema, original);
  for (uint32_t left = 1 + random.Below(3); left > 0; --left) {
    std::vector<TreeTable*> tables;
    VisitTables(schema, root,
                [&](TreeTable& table, const std::string&) { tables.push_back(&table); });
    TreeTable& table = *tables[random.Below(static_cast<uint32_t>(tables.size()))];
    const std::vector<TreeMutation> mutations = MutationsOf(schema, table, donors);
    if (mutations.empty()) continue;
    mutations[random.Below(static_cast<uint32_t>(mutations.size()))].apply(table);
  }
}

size_t Replace(uint8_t* data, size_t max_size, const Bytes& bytes) {
  if (bytes.size() > max_size) return 0;
  memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

}  // namespace gem::fuzz

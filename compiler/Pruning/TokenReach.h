// Which tokens of a value the results depend on.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_TOKENREACH_H
#define GEM_COMPILER_PRUNING_TOKENREACH_H

#include "dialects/Gem/Gem.h"
#include "llvm/ADT/DenseMap.h"

namespace gem {

/// The rows of a value that a result of its function can depend on, the router's decisions
/// given.
struct TokenReach {
  enum class Kind {
    None,      ///< No row.
    Row,       ///< `row`.
    Permitted, ///< Those that `row` may attend to in `scar`.
    All,
  };
  Kind kind = Kind::None;
  int64_t row = 0;
  ScarAttentionOp scar;
};

/// Finds it by following values to where they are read: row by row (TokenwiseOpInterface),
/// through attention, or one row of them.
class TokenReachAnalysis {
public:
  TokenReach reachOf(mlir::Value value);

private:
  TokenReach reachThrough(mlir::OpOperand &use);
  llvm::DenseMap<mlir::Value, TokenReach> known;
};

/// Whether tokens of these decisions may attend to each other; not by `causal`.
bool isPermitted(ScarPredicate predicate, bool routedA, int32_t clusterA, bool routedB,
                 int32_t clusterB);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_TOKENREACH_H

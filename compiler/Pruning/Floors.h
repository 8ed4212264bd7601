// How good a pruned model must stay in every domain, judged on texts that it was not fitted to.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_FLOORS_H
#define GEM_COMPILER_PRUNING_FLOORS_H

#include "absl/status/statusor.h"
#include "compiler/Evaluation/Evaluator.h"
#include "compiler/Report/CompileReport.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gem {

/// A domain keeps the share exp(-mean loss of the pruned model) / exp(-mean loss of the whole
/// one) of its likelihood; the loss is -log p(label). Judged by the lower end of its 95 %
/// interval, a paired bootstrap over the domain's texts.
class Floors {
public:
  /// Fewer labelled texts of a domain tell nothing.
  static constexpr int64_t kLeastTexts = 8;

  /// Runs the whole model on the texts of `path`. InvalidArgument when texts lack labels, or a
  /// domain texts.
  static absl::StatusOr<Floors> prepare(BundleRunner &whole, const std::string &path,
                                        std::optional<double> floor, uint64_t seed);

  /// What `pruned` keeps in each domain, by name.
  absl::StatusOr<std::vector<PrunedDomain>> judge(BundleRunner &pruned) const;

  /// The domain that is furthest below the floor, in `domains`; null when all keep it.
  const PrunedDomain *findBroken(const std::vector<PrunedDomain> &domains) const;

private:
  TokenizedTexts texts;
  std::vector<double> losses; ///< Of the whole model, by text, nats.
  std::optional<double> floor;
  uint64_t seed = 0;
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_FLOORS_H

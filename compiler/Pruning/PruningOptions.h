// What is to be removed from a model, and what must stay good.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_PRUNINGOPTIONS_H
#define GEM_COMPILER_PRUNING_PRUNINGOPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gem {

struct PruningOptions {
  /// --prune-to: share, of 1, of the multiply-accumulates of encoder, router and SCAR that may
  /// stay, unsliced, every pair of tokens counted, at `sequence` tokens.
  std::optional<double> keptMacs;
  /// --keep-domain: share, of 1, of its uncompressed mean likelihood that no domain may fall
  /// below, judged by the lower end of its interval.
  std::optional<double> keepDomain;
  /// --validate: a file of texts to judge floors on; empty: the compilation holds back a part
  /// of the calibration texts, which nothing else sees (TextSplit.h).
  std::string validation;
  int64_t sequence = 0; ///< Tokens that work is counted for; 0: the model's maximum.
  bool preserve = true; ///< Fit what remains to the uncompressed layers (LayerRefit.h).
  /// "hessian", "fisher", "activation" or "magnitude".
  std::string importance = "hessian";
  bool routerAware = true; ///< Weigh tokens by what the router makes of them.
  bool domainAware = true; ///< Importance of each domain; else of all texts together.
  std::string vocabularyCorpus;       ///< Texts that tell which word pieces stay; empty: all do.
  std::optional<int64_t> vocabulary;  ///< Word pieces that may stay; else those of the corpus.
  std::optional<int64_t> clusters;    ///< Clusters of the router that may stay.
  std::vector<std::string> classes;   ///< Labels that stay; empty: all.
  uint64_t seed = 0;                  ///< Of the split and of the intervals.
  /// Budgets that drive the removal instead of keptMacs; only with keepDomain.
  std::optional<uint64_t> maxBytes;   ///< Of the bundle's file.
  std::optional<double> maxSeconds;   ///< Modelled, on the device.

  /// Whether structures of layers are searched: heads, channels, blocks.
  bool isSearchWanted() const { return keptMacs || keepDomain; }
  bool isWanted() const {
    return isSearchWanted() || !vocabularyCorpus.empty() || clusters || !classes.empty();
  }
  /// Whether it runs the model on texts, which --calibrate must give.
  bool needsTexts() const {
    return clusters || keepDomain || (keptMacs && (preserve || importance != "magnitude"));
  }
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_PRUNINGOPTIONS_H

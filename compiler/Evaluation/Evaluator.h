// Runs a bundle on texts and compares what it gives with the uncompressed model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_EVALUATOR_H
#define GEM_COMPILER_EVALUATION_EVALUATOR_H

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "compiler/Evaluation/RuntimeHandles.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gem {

/// What a bundle gave for one text; empty where it has no output of the role. Of the real
/// tokens only when it pads.
struct TextResult {
  std::span<const float> logits;    ///< [classes]
  std::span<const uint8_t> routed;  ///< [tokens], 0 or 1
  std::span<const int32_t> cluster; ///< [tokens]
  double seconds = 0;               ///< That the run took.
};

/// Called now and then, by one thread at a time.
using EvaluationProgress = std::function<void(size_t done, size_t total)>;

/// A bundle that is run on texts. While sessions are small each thread has one of its own and
/// takes texts, which costs no waiting; else one session has all threads.
class BundleRunner {
public:
  struct Options {
    unsigned threads = 1;
    uint32_t variant = 0;
    std::string cpu = ""; ///< The kernels' name (gem.h); empty: the runtime's choice.
    /// Of sessions up to this size there is one a thread.
    uint64_t smallSessionBytes = 64 << 20;
  };

  static absl::StatusOr<std::unique_ptr<BundleRunner>> open(const std::string &path,
                                                            const Options &options);
  /// `data`, aligned to 64 bytes, must stay as it is while the runner lives.
  static absl::StatusOr<std::unique_ptr<BundleRunner>> openMemory(std::span<const char> data,
                                                                  const Options &options);

  const gem_bundle_t *getBundle() const { return bundle.get(); }
  size_t getNumSessions() const { return sessions.size(); }
  /// Of one of the sessions: threads, and the bytes that it allocated.
  gem_session_info_t getSessionInfo() const;

  /// With the bundle's tokenizer.
  absl::StatusOr<TokenizedTexts> tokenize(const std::vector<CalibrationText> &texts) const;

  /// Runs one text; the result is good until the next run.
  absl::StatusOr<TextResult> run(std::span<const int32_t> ids);

  /// Runs all texts and calls `consume` once for each, in any order and from several threads at
  /// a time. An error of `consume` or of a run ends it.
  absl::Status runAll(const TokenizedTexts &texts,
                      absl::FunctionRef<absl::Status(size_t text, const TextResult &)> consume,
                      const EvaluationProgress &progress = nullptr);

private:
  BundleRunner() = default;
  absl::Status start(const Options &options);
  absl::StatusOr<TextResult> runIn(gem_session_t *session, std::span<const int32_t> ids) const;

  BundlePtr bundle;
  std::vector<SessionPtr> sessions;
};

/// Of more classes than this, a baseline keeps the most likely.
inline constexpr size_t kMostKeptClasses = 64;

/// What a model answered for a text, and how that differs from the baseline.
struct TextOutcome {
  int32_t best = -1;     ///< The most likely class (ties: the lowest); -1 without logits.
  double confidence = 0; ///< Its probability.
  /// -log p(label), nats; 0 without a label. Infinite for a label that is no class.
  double loss = 0;

  // Zero of the baseline itself.
  bool agrees = false;   ///< The baseline has the same most likely class.
  double divergence = 0; ///< KL(baseline || model), nats (Baseline).
  /// Tokens whose routing was compared: none where the tokens are not the baseline's.
  int64_t tokens = 0;
  int64_t routedFlips = 0, clusterFlips = 0; ///< Of them.
  /// Of the tokens squared pairs.
  int64_t maskFlips = 0;
};

/// What the uncompressed model gives for a list of texts, kept to compare candidates with: up
/// to 64 log-probabilities a text, and 4 bytes a token.
///
/// KL(baseline || candidate) is exact for models of at most `mostKept` classes. Of
/// models of more classes the others are one bucket of both distributions, which gives a
/// lower bound (the log sum inequality; Cover and Thomas 2006, theorem 2.7.1): it lacks the
/// bucket's mass, exp(logRest), times the divergence inside it.
class Baseline {
public:
  static absl::StatusOr<Baseline> compute(BundleRunner &runner, const TokenizedTexts &texts,
                                          const EvaluationProgress &progress = nullptr,
                                          size_t mostKept = kMostKeptClasses);

  size_t numKept() const { return std::min(numClasses, mostKept); }
  bool keepsAll() const { return numClasses <= mostKept; }

  size_t mostKept = kMostKeptClasses;
  size_t numClasses = 0;           ///< 0: the model has no logits.
  /// [texts, numKept()], natural logarithms; in the order of classes, or of keptClasses.
  std::vector<float> logProbs;
  /// [texts, numKept()], the most likely first (ties: the lowest); empty when all are kept.
  std::vector<int32_t> keptClasses;
  std::vector<float> logRest;      ///< [texts], log of the others' mass; empty when all are kept.
  bool hasRouting = false;
  std::vector<uint32_t> decisions; ///< By token (TokenizedTexts::ids): 2 * cluster + routed.
  std::vector<TextOutcome> texts;  ///< What the model itself answered.
};

/// How a candidate's results differ from the baseline's, over the texts of a domain or all.
struct ComparisonFigures {
  std::string domain; ///< Empty for texts without one, and for all.
  int64_t texts = 0;
  int64_t tokens = 0;     ///< Whose routing was compared.

  int64_t agreeing = 0;   ///< Texts with the same most likely class (ties: the lowest).
  double divergence = 0;  ///< Sum of KL(baseline || candidate), in nats.
  int64_t labelled = 0;   ///< Texts that have a label.
  int64_t correct = 0, baselineCorrect = 0;

  int64_t routedFlips = 0, clusterFlips = 0; ///< Tokens.
  /// Pairs of tokens of a text, and those of them that may attend to each other in one of the
  /// models only: same cluster or same `routed`.
  int64_t maskEntries = 0, maskFlips = 0;

  double agreement() const { return share(agreeing, texts); }
  double meanDivergence() const { return texts ? divergence / static_cast<double>(texts) : 0; }
  double accuracy() const { return share(correct, labelled); }
  double baselineAccuracy() const { return share(baselineCorrect, labelled); }
  double routedFlipShare() const { return share(routedFlips, tokens); }
  double clusterFlipShare() const { return share(clusterFlips, tokens); }
  double maskFlipShare() const { return share(maskFlips, maskEntries); }

private:
  static double share(int64_t part, int64_t whole) {
    return whole ? static_cast<double>(part) / static_cast<double>(whole) : 0;
  }
};

/// A token's bits in Comparison::changes.
inline constexpr uint8_t kRoutedChanged = 1, kClusterChanged = 2;

struct Comparison {
  bool hasLogits = false, hasRouting = false;
  std::vector<ComparisonFigures> domains; ///< By name.
  ComparisonFigures all;
  std::vector<double> divergenceOfText;   ///< In nats.
  std::vector<TextOutcome> texts;
  /// By token of the baseline's texts; empty without routing.
  std::vector<uint8_t> changes;

  /// The domain with the largest mean divergence; the first of equals.
  const ComparisonFigures &worst() const;
};

/// Runs `candidate` on the texts of the baseline. The figures, but for times, are the same for
/// any number of threads. InvalidArgument when their outputs do not match.
absl::StatusOr<Comparison> compare(BundleRunner &candidate, const Baseline &baseline,
                                   const TokenizedTexts &texts,
                                   const EvaluationProgress &progress = nullptr);

/// The same of a candidate that has a tokenizer of its own, as one whose vocabulary was pruned
/// has: `own` are the texts as it reads them. Routing is compared in the texts for which
/// `sameTokens`, of one flag a text, says that both read the same tokens.
absl::StatusOr<Comparison> compare(BundleRunner &candidate, const Baseline &baseline,
                                   const TokenizedTexts &texts, const TokenizedTexts &own,
                                   const std::vector<bool> &sameTokens,
                                   const EvaluationProgress &progress = nullptr);

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_EVALUATOR_H

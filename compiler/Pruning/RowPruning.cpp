// Rows of tables that a model can do without: vocabulary, positions, clusters and classes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/RowPruning.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Pruning/ModuleWeights.h"
#include "compiler/Pruning/Vocabulary.h"
#include "compiler/Quantization/Candidate.h"
#include "dialects/Gem/Gem.h"
#include "passes/Pruning/Structures.h"
#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>

using namespace mlir;
using namespace gem;

namespace {

class RowPruner {
public:
  RowPruner(ModuleOp module, const RowPruningOptions &options, int64_t tokens,
            PruningReport &report)
      : module(module), options(options), wanted(options.wanted), tokens(tokens), report(report) {}

  absl::Status run() {
    for (auto step : {&RowPruner::pruneVocabulary, &RowPruner::prunePositions,
                      &RowPruner::pruneClusters, &RowPruner::pruneClasses})
      if (absl::Status status = (this->*step)(); !status.ok())
        return status;
    return absl::OkStatus();
  }

private:
  absl::Status pruneVocabulary() {
    if (wanted.vocabularyCorpus.empty())
      return absl::OkStatus();
    absl::StatusOr<VocabularyUse> use = countVocabulary(module, wanted.vocabularyCorpus);
    if (!use.ok())
      return use.status();
    VocabularyOptions choose;
    choose.maximumPieces = wanted.vocabulary.value_or(0);
    absl::StatusOr<std::vector<int64_t>> kept = chooseVocabulary(module, *use, choose);
    if (!kept.ok())
      return kept.status();
    // On texts that the choice did not see, where there are some: on its own it is flattering.
    const std::string &judge = !wanted.validation.empty()     ? wanted.validation
                               : !options.calibration.empty() ? options.calibration
                                                              : wanted.vocabularyCorpus;
    absl::StatusOr<VocabularyChange> change = compareVocabulary(module, *kept, judge);
    if (!change.ok())
      return change.status();
    if (absl::Status status = prune::keepVocabulary(module, *kept); !status.ok())
      return status;
    VocabularyReport &out = report.vocabulary.emplace();
    out.corpus = judge;
    out.texts = change->texts;
    out.piecesBefore = change->piecesBefore;
    out.piecesAfter = change->pieces;
    if (change->texts) {
      auto all = static_cast<double>(change->texts);
      out.resplit = static_cast<double>(change->resplitTexts) / all;
      out.unknown = static_cast<double>(change->unknownTexts - change->unknownTextsBefore) / all;
    }
    report.spaces.push_back(
        {"embeddings.word_embeddings", "vocabulary", out.piecesBefore, out.piecesAfter, 0, 0});
    return absl::OkStatus();
  }

  /// The rows of the position table, 0 without one.
  int64_t countPositions() {
    int64_t rows = 0;
    module.walk([&](AddPositionOp op) {
      rows = std::max(rows, cast<RankedTensorType>(op.getTable().getType()).getDimSize(0));
    });
    return rows;
  }

  absl::Status prunePositions() {
    int64_t before = countPositions();
    if (absl::Status status = prune::dropUnusedPositions(module); !status.ok())
      return status;
    if (int64_t after = countPositions(); after < before)
      report.spaces.push_back({"embeddings.position_embeddings", "positions", before, after, 0, 0});
    return absl::OkStatus();
  }

  absl::Status pruneClusters() {
    if (!wanted.clusters)
      return absl::OkStatus();
    RouteTokensOp router;
    module.walk([&](RouteTokensOp op) { router = op; });
    if (!router)
      return absl::InvalidArgumentError("--clusters: the model has no router");
    int64_t before = router.getNumClusters();
    if (*wanted.clusters >= before)
      return absl::InvalidArgumentError(absl::StrCat("--clusters: expected fewer than the ", before,
                                                     " clusters there are, but got ",
                                                     *wanted.clusters));
    std::vector<double> counts(before);
    if (absl::Status status = countClusters(counts); !status.ok())
      return status;
    auto get = router.getCentroids().getDefiningOp<GetWeightOp>();
    absl::StatusOr<std::vector<float>> centroids = readWeight(module, get.getWeight().str());
    if (!centroids.ok())
      return centroids.status();
    int64_t macs = prune::countPrunableMacs(module, tokens);
    std::vector<int64_t> clusterOf = merge(*centroids, counts, *wanted.clusters);
    if (absl::Status status = prune::mergeClusters(module, clusterOf, counts); !status.ok())
      return status;
    report.spaces.push_back({"router.centroids", "clusters", before, *wanted.clusters, macs,
                             prune::countPrunableMacs(module, tokens)});
    return absl::OkStatus();
  }

  /// Tokens of the calibration texts by cluster.
  absl::Status countClusters(std::vector<double> &counts) {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(module, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<std::vector<CalibrationText>> texts = readTextFile(options.calibration);
    if (!texts.ok())
      return texts.status();
    BundleRunner &runner = (*candidate)->getRunner();
    absl::StatusOr<TokenizedTexts> tokenized = runner.tokenize(*texts);
    if (!tokenized.ok())
      return tokenized.status();
    std::mutex mutex; // Counts are whole numbers: their order does not matter.
    return runner.runAll(
        *tokenized,
        [&](size_t, const TextResult &result) {
          std::lock_guard lock(mutex);
          for (int32_t cluster : result.cluster)
            ++counts[cluster];
          return absl::OkStatus();
        },
        [&](size_t done, size_t total) {
          if (options.progress)
            options.progress("counting clusters", done, total);
        });
  }

  /// Ward's method down to `count` clusters; new numbers follow the lowest old one.
  static std::vector<int64_t> merge(const std::vector<float> &centroids,
                                    const std::vector<double> &counts, int64_t count) {
    auto total = static_cast<int64_t>(counts.size());
    int64_t width = static_cast<int64_t>(centroids.size()) / total;
    std::vector<std::vector<double>> centers;
    // A cluster that no text falls into still stands for some place.
    std::vector<double> weights;
    for (int64_t k = 0; k < total; ++k) {
      centers.emplace_back(centroids.begin() + k * width, centroids.begin() + (k + 1) * width);
      weights.push_back(counts[k] + 0.5);
    }
    std::vector<int64_t> into(total);
    std::iota(into.begin(), into.end(), 0);
    for (int64_t left = total; left > count; --left) {
      int64_t bestA = -1, bestB = -1;
      double least = std::numeric_limits<double>::infinity();
      for (int64_t a = 0; a < total; ++a)
        for (int64_t b = a + 1; into[a] == a && b < total; ++b) {
          if (into[b] != b)
            continue;
          double distance = 0;
          for (int64_t i = 0; i < width; ++i) {
            double difference = centers[a][i] - centers[b][i];
            distance += difference * difference;
          }
          double rise = distance * weights[a] * weights[b] / (weights[a] + weights[b]);
          if (rise < least) {
            least = rise;
            bestA = a;
            bestB = b;
          }
        }
      double sum = weights[bestA] + weights[bestB];
      for (int64_t i = 0; i < width; ++i)
        centers[bestA][i] =
            (centers[bestA][i] * weights[bestA] + centers[bestB][i] * weights[bestB]) / sum;
      weights[bestA] = sum;
      for (int64_t &to : into)
        if (to == bestB)
          to = bestA;
    }
    std::vector<int64_t> numbers(total, -1), clusterOf;
    int64_t next = 0;
    for (int64_t k = 0; k < total; ++k) {
      if (numbers[into[k]] < 0)
        numbers[into[k]] = next++;
      clusterOf.push_back(numbers[into[k]]);
    }
    return clusterOf;
  }

  absl::Status pruneClasses() {
    if (wanted.classes.empty())
      return absl::OkStatus();
    auto labels = module->getAttrOfType<ArrayAttr>(kLabelsAttr);
    if (!labels)
      return absl::InvalidArgumentError("--classes: the model does not name its classes");
    std::vector<int64_t> kept;
    std::string known;
    for (auto [index, label] : llvm::enumerate(labels.getAsRange<StringAttr>())) {
      absl::StrAppend(&known, index ? ", " : "", label.str());
      if (llvm::is_contained(wanted.classes, label.str()))
        kept.push_back(static_cast<int64_t>(index));
    }
    for (const std::string &name : wanted.classes)
      if (!llvm::is_contained(llvm::map_range(labels.getAsRange<StringAttr>(),
                                              [](StringAttr label) { return label.str(); }),
                              name))
        return absl::InvalidArgumentError(absl::StrCat("--classes: the model has no class '", name,
                                                       "'; its classes are ", known));
    if (absl::Status status = prune::keepClasses(module, kept); !status.ok())
      return status;
    report.spaces.push_back({"classifier", "classes", static_cast<int64_t>(labels.size()),
                             static_cast<int64_t>(kept.size()), 0, 0});
    return absl::OkStatus();
  }

  ModuleOp module;
  const RowPruningOptions &options;
  const PruningOptions &wanted;
  int64_t tokens;
  PruningReport &report;
};

} // namespace

absl::Status gem::pruneRows(ModuleOp module, const RowPruningOptions &options, int64_t tokens,
                            PruningReport &report) {
  return RowPruner(module, options, tokens, report).run();
}

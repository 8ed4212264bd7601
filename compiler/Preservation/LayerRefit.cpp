// Knowledge preservation: a compressed model's layers are fitted to the uncompressed ones.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Preservation/LayerRefit.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/ActivationRunner.h"
#include "compiler/Calibration/PairedActivations.h"
#include "compiler/Calibration/StatisticsCollector.h"
#include "compiler/Preservation/LayerGraph.h"
#include "compiler/Preservation/Regression.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace gem;
using namespace gem::preserve;

namespace {

/// What padding counts for in all, where there is some: it is nobody's text, but SCAR attends
/// to it.
constexpr double kPaddingShare = 0.2;
constexpr double kKeepWeights = std::numeric_limits<double>::infinity();

/// How much a text's rows count, by its domain.
class RowWeights {
public:
  /// `rowsOfText` is what a text has with its padding, or 0 for as many as tokens.
  RowWeights(const PreservationOptions &options, const PairedActivations &paired,
             int64_t rowsOfText, int64_t readRow)
      : readRow(readRow) {
    double sum = 0;
    const std::map<std::string, double> &domainWeights = options.domainWeights;
    for (const auto &[domain, count] : paired.getTokensOfDomain()) {
      auto own = domainWeights.find(domain);
      sum += domains[domain].other = own == domainWeights.end() ? 1 : own->second;
    }
    for (auto &[domain, weights] : domains) {
      double share = sum > 0 ? weights.other / sum : 0;
      const auto texts = static_cast<double>(paired.getTextsOfDomain().at(domain));
      auto tokens = static_cast<double>(paired.getTokensOfDomain().at(domain));
      if (rowsOfText == 1) // what was selected
        tokens = texts;
      const double padding = rowsOfText > 1 ? texts * static_cast<double>(rowsOfText) - tokens : 0;
      if (readRow >= 0) {
        const double unread = tokens > texts ? options.unreadRows : 0;
        weights.read = share * (1 - unread) / texts;
        share *= unread;
        tokens -= texts;
      }
      const double padded = padding > 0 ? kPaddingShare : 0;
      weights.other = tokens > 0 ? share * (1 - padded) / tokens : 0;
      weights.padding = padded > 0 ? share * padded / padding : 0;
    }
  }

  double of(const std::string &domain, int64_t row, int64_t tokens) const {
    const Weights &weights = domains.at(domain);
    return row == readRow ? weights.read : row < tokens ? weights.other : weights.padding;
  }

private:
  struct Weights {
    double read = 0, other = 0, padding = 0;
  };
  int64_t readRow;
  std::map<std::string, Weights> domains;
};

/// Sums for the affine correction of a layer norm, a channel by itself: of its result x in
/// the compressed model and what x lacks to the original's.
class NormSums {
public:
  explicit NormSums(int64_t width)
      : inputs(width), errors(width), squares(width), products(width) {}

  void add(const float *input, const float *target, double weight) {
    total += weight;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double x = input[i], e = target[i] - x;
      inputs[i] += weight * x;
      errors[i] += weight * e;
      squares[i] += weight * x * x;
      products[i] += weight * x * e;
    }
  }

  /// The least-squares `factors * x + offsets`, the factors pulled towards 1.
  void solve(double ridge, std::vector<double> &factors, std::vector<double> &offsets) const {
    const double scale = total > 0 ? 1 / total : 0;
    factors.assign(inputs.size(), 1);
    offsets.assign(inputs.size(), 0);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double mean = inputs[i] * scale, error = errors[i] * scale;
      const double variance = squares[i] * scale - mean * mean;
      // A channel that hardly varies has rounding errors for a slope.
      if (variance > 1e-6 * squares[i] * scale)
        factors[i] += (products[i] * scale - mean * error) / (variance * (1 + ridge));
      offsets[i] = error - (factors[i] - 1) * mean;
    }
  }

private:
  double total = 0;
  std::vector<double> inputs, errors, squares, products;
};

/// Layers of a stage whose rows weigh the same.
struct Group {
  int64_t readRow = -1;
  std::vector<Layer *> fitted; ///< The targets of `sums`, in order.
  std::vector<Layer *> layers; ///< Those and the ones that keep their weights.
  RowWeights weights;
  MomentSums sums;
  Moments moments;
  std::unique_ptr<quant::StatisticsCollector> domains;
  quant::InputStatistics statistics;

  Group(int64_t readRow, std::vector<Layer *> fitted, std::vector<Layer *> layers,
        RowWeights weights, int64_t width, const std::vector<int64_t> &outputs, unsigned threads)
      : readRow(readRow), fitted(std::move(fitted)), layers(std::move(layers)),
        weights(std::move(weights)), sums(width, outputs, threads) {}
};

/// The statistics of a stage's inputs by weight, as quantizers take them.
class StageStatistics final : public quant::StatisticsSource {
public:
  explicit StageStatistics(const std::vector<std::unique_ptr<Group>> &groups) {
    for (const auto &group : groups)
      for (Layer *layer : group->layers)
        known[layer->getName()] = &group->statistics;
  }

  std::vector<std::string> weights() const override {
    std::vector<std::string> names;
    for (const auto &[name, statistics] : known)
      names.push_back(name);
    return names;
  }
  absl::StatusOr<quant::InputStatistics> load(const std::string &weight) const override {
    auto found = known.find(weight);
    if (found == known.end())
      return absl::NotFoundError(absl::StrCat("no statistics of '", weight, "' in this stage"));
    return *found->second;
  }

private:
  std::map<std::string, const quant::InputStatistics *> known;
};

/// Sums of a layer's original results, to relate errors to.
class Variation {
public:
  explicit Variation(int64_t width) : sums(width), squares(width) {}

  void add(const float *row, const std::vector<int64_t> &columns, double weight) {
    total += weight;
    for (size_t i = 0; i < columns.size(); ++i) {
      const double value = row[columns[i]];
      sums[i] += weight * value;
      squares[i] += weight * value * value;
    }
  }
  double variance() const {
    double sum = 0;
    for (size_t i = 0; i < sums.size() && total > 0; ++i)
      sum += std::max(0.0, squares[i] / total - sums[i] / total * (sums[i] / total));
    return sum;
  }

private:
  double total = 0;
  std::vector<double> sums, squares;
};

class Refit {
public:
  Refit(ModuleOp original, ModuleOp compressed, const PreservationOptions &given,
        std::vector<RefittedLayer> *report)
      : original(original), compressed(compressed), options(given), report(report),
        texts(original, compressed, {given.texts, given.threads}) {}

  absl::Status run() {
    if (absl::Status status = checkOptions(); !status.ok())
      return status;
    if (absl::Status status = texts.count(); !status.ok())
      return status;
    auto stages = findStages(original, compressed, options);
    if (!stages.ok())
      return stages.status();
    // Rows are recognised by weights that nobody has fitted yet.
    for (const Stage &stage : *stages)
      for (const Layer &layer : stage.layers)
        if (!layer.rows.empty())
          options.keptRows[layer.getName()] = layer.rows;
    for (size_t i = 0; i < stages->size(); ++i) {
      name = absl::StrCat("refitting ", (*stages)[i].getName(), " (", i + 1, " of ", stages->size(),
                          ")");
      Stage &stage = (*stages)[i];
      const bool keeps = i + 1 < stages->size() && isBoundary(stage, (*stages)[i + 1]);
      if (absl::Status status = fit(stage, i, keeps); !status.ok())
        return status;
      if (!hasCallback())
        continue;
      // The callback may have replaced operations.
      const size_t count = stages->size();
      stages = findStages(original, compressed, options);
      if (!stages.ok())
        return stages.status();
      if (stages->size() != count)
        return absl::InternalError(
            absl::StrCat("quantizing the weights of a layer changed the number of layers from ",
                         count, " to ", stages->size()));
    }
    return absl::OkStatus();
  }

private:
  using Groups = std::vector<std::unique_ptr<Group>>;

  bool hasCallback() const { return options.fitted || options.fittedWithInputs; }

  /// Whether the input of `stage` is all of the tokens that `next` depends on.
  static bool isBoundary(Stage &stage, Stage &next) {
    SmallVector<Value> results = next.getResults();
    results.push_back(next.input);
    return stage.originalInput && dependOnlyOn(results, stage.input) &&
           dependOnlyOn(next.getTargets(), stage.originalInput);
  }

  absl::Status checkOptions() const {
    if (!(options.ridge >= 0 && options.ridge <= 1e6))
      return absl::InvalidArgumentError(
          absl::StrCat("ridge: expected 0 to 1e6, but got ", options.ridge));
    if (!(options.unreadRows >= 0 && options.unreadRows <= 1))
      return absl::InvalidArgumentError(
          absl::StrCat("share of unread rows: expected 0 to 1, but got ", options.unreadRows));
    for (const auto &[domain, weight] : options.domainWeights)
      if (!(weight >= 0 && weight <= 1e6))
        return absl::InvalidArgumentError(
            absl::StrCat("weight of domain '", domain, "': expected 0 to 1e6, but got ", weight));
    return absl::OkStatus();
  }

  /// Fits the layers of stage `index`. With `keeps`, later stages are run from its input on.
  absl::Status fit(Stage &stage, size_t index, bool keeps) {
    const bool isFitted = llvm::any_of(
        stage.layers, [](const Layer &layer) { return layer.fit != Layer::Fit::None; });
    Groups groups;
    if (isFitted || stage.norm || options.fittedWithInputs) {
      groups = makeGroups(stage);
      if (keeps) {
        texts.keep(stage.originalInput, stage.input);
        boundary = index;
      }
      if (absl::Status status = collect(stage, groups); !status.ok())
        return status;
    }
    std::map<std::string, double> before;
    for (auto &group : groups) {
      group->moments = group->sums.finish();
      for (auto [layer, target] : llvm::zip(group->fitted, group->moments.targets)) {
        double &error = before[layer->getName()];
        for (auto [variance, mean] : llvm::zip(target.variance, target.mean))
          error += variance + mean * mean;
      }
    }
    if (normSums && correctNorm(stage, groups) && keeps)
      texts.transformKept(normFactors, normOffsets);
    for (auto &group : groups)
      solve(*group, before);
    if (!hasCallback())
      return absl::OkStatus();
    return handOut(stage, groups);
  }

  Groups makeGroups(Stage &stage) {
    std::map<int64_t, std::vector<Layer *>> byRow;
    for (Layer &layer : stage.layers)
      byRow[layer.readRow].push_back(&layer);
    auto type = cast<RankedTensorType>(stage.input.getType());
    std::map<std::string, int64_t> rows = texts.getTokensOfDomain();
    if (!type.isDynamicDim(0))
      for (auto &[domain, count] : rows)
        count = texts.getTextsOfDomain().at(domain) * type.getDimSize(0);
    auto weights = [&](int64_t readRow) {
      return RowWeights(options, texts, type.isDynamicDim(0) ? 0 : type.getDimSize(0), readRow);
    };
    Groups groups;
    for (auto &[readRow, layers] : byRow) {
      std::vector<Layer *> fitted;
      std::vector<int64_t> outputs;
      for (Layer *layer : layers)
        if (layer->fit != Layer::Fit::None) {
          fitted.push_back(layer);
          outputs.push_back(static_cast<int64_t>(layer->rows.size()));
        }
      groups.push_back(std::make_unique<Group>(readRow, std::move(fitted), layers, weights(readRow),
                                               type.getDimSize(1), outputs, options.threads));
      if (options.fittedWithInputs) {
        quant::StatisticsCollector::Options collect;
        collect.name = layers.front()->getName();
        collect.width = type.getDimSize(1);
        collect.rows = readRow < 0 ? rows : texts.getTextsOfDomain();
        collect.gram = false;
        groups.back()->domains = std::make_unique<quant::StatisticsCollector>(std::move(collect));
      }
    }
    normSums.reset();
    normFactors.clear();
    normOffsets.clear();
    if (stage.norm) {
      normSums = std::make_unique<NormSums>(type.getDimSize(1));
      normWeights = std::make_unique<RowWeights>(weights(-1));
    }
    return groups;
  }

  /// Runs the texts through both models and sums up what the stage needs.
  absl::Status collect(Stage &stage, Groups &groups) {
    std::vector<Layer *> layers = stage.getFitted(); // of the values, in order
    SmallVector<Value> compressedValues{stage.input};
    llvm::append_range(compressedValues, stage.getResults());
    variations.clear();
    for (Layer *layer : layers)
      variations.try_emplace(layer->getName(), layer->rows.size());

    std::vector<std::vector<float>> errors(layers.size());
    for (auto [error, layer] : llvm::zip(errors, layers))
      error.resize(layer->rows.size());
    return texts.run(
        stage.getTargets(), compressedValues,
        [&](ArrayRef<ActivationRows> before, ArrayRef<ActivationRows> after,
            const PairedText &text) -> absl::Status {
          const std::string &domain = text.domain;
          const ActivationRows &inputs = after.front();
          for (auto [index, layer] : llvm::enumerate(layers))
            if (before[index].numRows != after[index + 1].numRows)
              return absl::InternalError(absl::StrCat(
                  "'", layer->getName(), "': the original gave ", before[index].numRows,
                  " rows and the compressed model ", after[index + 1].numRows));
          for (int64_t row = 0; row < inputs.numRows; ++row) {
            const float *input = inputs.data.data() + row * inputs.width;
            if (stage.norm)
              normSums->add(input, before.back().data.data() + row * inputs.width,
                            normWeights->of(domain, row, text.tokens));
            for (auto &group : groups) {
              const double weight = group->weights.of(domain, row, text.tokens);
              if (group->domains && (group->readRow < 0 || group->readRow == row))
                group->domains->add(input, 1, domain);
              if (weight <= 0)
                continue;
              std::vector<const float *> rowErrors;
              for (auto [i, layer] : llvm::enumerate(layers))
                if (layer->readRow == group->readRow) {
                  addErrors(*layer, before[i], after[i + 1], row, weight, errors[i]);
                  rowErrors.push_back(errors[i].data());
                }
              group->sums.add(input, rowErrors, weight);
            }
          }
          return absl::OkStatus();
        },
        [&](uint64_t done, uint64_t total) {
          if (options.progress)
            options.progress(name, done, total);
        });
  }

  void addErrors(const Layer &layer, const ActivationRows &before, const ActivationRows &after,
                 int64_t row, double weight, std::vector<float> &errors) {
    const float *target = before.data.data() + row * before.width;
    const float *result = after.data.data() + row * after.width;
    double sum = 0;
    for (size_t i = 0; i < errors.size(); ++i)
      sum += errors[i] = target[layer.rows[i]] - result[i];
    // Classes' likelihoods do not change when all logits do by the same.
    const auto mean = static_cast<float>(sum / static_cast<double>(errors.size()));
    if (layer.isClassifier)
      for (float &error : errors)
        error -= mean;
    variations.at(layer.getName()).add(target, layer.rows, weight);
  }

  /// Corrects gamma and beta, and what the sums say of the norm's result. False when there is
  /// nothing to correct.
  bool correctNorm(Stage &stage, Groups &groups) {
    std::vector<double> factors, offsets;
    normSums->solve(options.ridge, factors, offsets);
    normSums.reset();
    const bool isSame = llvm::all_of(factors, [](double factor) { return factor == 1; }) &&
                        llvm::all_of(offsets, [](double offset) { return offset == 0; });
    if (isSame)
      return false;
    std::vector<float> gamma = readWeight(stage.norm->gamma), beta = readWeight(stage.norm->beta);
    for (size_t i = 0; i < factors.size(); ++i) {
      gamma[i] = static_cast<float>(gamma[i] * factors[i]);
      beta[i] = static_cast<float>(beta[i] * factors[i] + offsets[i]);
    }
    replaceWeight(stage.norm->gamma, std::move(gamma));
    replaceWeight(stage.norm->beta, std::move(beta));
    for (auto &group : groups) {
      std::vector<std::vector<float>> weights;
      for (Layer *layer : group->fitted)
        weights.push_back(readWeight(layer->weight));
      transformInputs(group->moments, factors, offsets, weights, options.threads);
    }
    normFactors = std::move(factors);
    normOffsets = std::move(offsets);
    return true;
  }

  void solve(Group &group, const std::map<std::string, double> &before) {
    std::vector<RidgeRequest> requests;
    for (Layer *layer : group.fitted)
      requests.push_back({static_cast<bool>(layer->bias),
                          layer->fit == Layer::Fit::All ? options.ridge : kKeepWeights});
    std::vector<Correction> corrections = solveRidge(group.moments, requests, options.threads);
    for (auto [layer, correction, target] :
         llvm::zip(group.fitted, corrections, group.moments.targets)) {
      add(layer->weight, correction.weights);
      if (layer->bias)
        add(layer->bias, correction.bias);
      if (!report)
        continue;
      const double variance = variations.at(layer->getName()).variance();
      const double after = errorAfter(group.moments, target, correction, options.threads);
      RefittedLayer fitted{layer->getName()};
      fitted.errorBefore = variance > 0 ? before.at(layer->getName()) / variance : 0;
      fitted.errorAfter = variance > 0 ? after / variance : 0;
      report->push_back(std::move(fitted));
    }
  }

  static void add(WeightOp weight, const std::vector<double> &correction) {
    if (llvm::all_of(correction, [](double value) { return value == 0; }))
      return;
    std::vector<float> values = readWeight(weight);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(values[i] + correction[i]);
    replaceWeight(weight, std::move(values));
  }

  /// Lets the caller have the stage's weights, and makes up for the mean of what it did.
  absl::Status handOut(Stage &stage, Groups &groups) {
    struct Kept {
      std::string weight, bias;
      std::vector<float> values;
      const std::vector<double> *mean;
    };
    std::vector<std::string> names;
    for (Layer &layer : stage.layers)
      names.push_back(layer.getName());
    std::vector<Kept> fitted;
    for (auto &group : groups)
      for (Layer *layer : group->fitted)
        if (layer->fit == Layer::Fit::All && layer->bias)
          fitted.push_back({layer->getName(), layer->bias.getSymName().str(),
                            readWeight(layer->weight), &group->moments.mean});
    if (options.fitted)
      if (absl::Status status = options.fitted(compressed, names); !status.ok())
        return status;
    if (options.fittedWithInputs) {
      for (auto &group : groups)
        if (absl::Status status = finishStatistics(*group); !status.ok())
          return status;
      if (absl::Status status =
              options.fittedWithInputs(compressed, names, StageStatistics(groups));
          !status.ok())
        return status;
    }
    for (const Kept &kept : fitted) {
      auto weight = compressed.lookupSymbol<WeightOp>(kept.weight);
      auto bias = compressed.lookupSymbol<WeightOp>(kept.bias);
      if (!weight || !bias || !isQuantized(weight))
        continue;
      std::vector<float> values = readWeight(weight);
      std::vector<double> shift(bias.getWeightType().getDimSize(0));
      const int64_t width = static_cast<int64_t>(kept.mean->size());
      for (size_t row = 0; row < shift.size(); ++row)
        for (int64_t k = 0; k < width; ++k)
          shift[row] +=
              (static_cast<double>(kept.values[row * width + k]) - values[row * width + k]) *
              (*kept.mean)[k];
      add(bias, shift);
    }
    return absl::OkStatus();
  }

  absl::Status finishStatistics(Group &group) {
    absl::StatusOr<quant::InputStatistics> finished = group.domains->finish();
    if (!finished.ok())
      return finished.status();
    group.statistics = *std::move(finished);
    const Moments &moments = group.moments;
    const int64_t width = moments.width;
    group.statistics.gram.resize(width * width);
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j < width; ++j)
        group.statistics.gram[i * width + j] = static_cast<float>(
            moments.covariance[i * width + j] + moments.mean[i] * moments.mean[j]);
    for (quant::DomainStatistics &domain : group.statistics.domains)
      for (size_t i = 0; i < normFactors.size(); ++i) {
        // The rows were seen before the norm was corrected.
        const double factor = normFactors[i], offset = normOffsets[i], mean = domain.mean[i];
        double minimum = factor * domain.minimum[i] + offset;
        double maximum = factor * domain.maximum[i] + offset;
        domain.squares[i] = static_cast<float>(factor * factor * domain.squares[i] +
                                               2 * factor * offset * mean + offset * offset);
        domain.mean[i] = static_cast<float>(factor * mean + offset);
        domain.minimum[i] = static_cast<float>(std::min(minimum, maximum));
        domain.maximum[i] = static_cast<float>(std::max(minimum, maximum));
      }
    return absl::OkStatus();
  }

  ModuleOp original, compressed;
  PreservationOptions options;
  std::vector<RefittedLayer> *report;
  PairedActivations texts;
  std::string name; ///< Of the stage, for progress.
  size_t boundary = 0; ///< The stage whose input is kept.
  // Of the stage at hand.
  std::unique_ptr<NormSums> normSums; ///< Null: no norm is corrected.
  std::unique_ptr<RowWeights> normWeights;
  std::vector<double> normFactors, normOffsets; ///< Empty: the norm stayed.
  std::map<std::string, Variation> variations;
};

} // namespace

absl::Status gem::preserveKnowledge(ModuleOp original, ModuleOp compressed,
                                    const PreservationOptions &options,
                                    std::vector<RefittedLayer> *layers) {
  return Refit(original, compressed, options, layers).run();
}

// How much each structure of a model matters to each domain.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/Importance.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Gradient/Gradient.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "compiler/Pruning/RouterRisk.h"
#include "compiler/Pruning/TokenReach.h"
#include "compiler/Quantization/Candidate.h"
#include "compiler/Quantization/ModelStatistics.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Quantization/ExactMath.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <mutex>
#include <thread>

using namespace mlir;
using namespace gem;
using prune::ChannelSpace;

namespace {

std::vector<float> valuesOf(WeightOp weight) {
  std::vector<float> values(weight.getValue().getNumElements());
  readAsF32(weight.getValue(), 0, values.size(), values.data());
  return values;
}

int64_t widthOf(Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); }

/// -1, 1, ... from a fixed sequence (splitmix64, Steele et al. 2014).
double signOf(uint64_t text, uint64_t draw, uint64_t index) {
  uint64_t z = (text * 64 + draw) * 0x100000001b3 + index * 0x9e3779b97f4a7c15 + 1;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (z ^ z >> 31) & 1 ? 1 : -1;
}

/// Backward runs for an expectation.
constexpr int kDraws = 2;
/// Of the router's information, over that of the loss.
constexpr double kRouterShare = 0.3;

class Importance {
public:
  Importance(ModuleOp module, const std::vector<ChannelSpace> &spaces,
             const ImportanceOptions &options)
      : module(module), spaces(spaces), options(options), symbols(module) {}

  absl::StatusOr<std::vector<SpaceImportance>> run() {
    result.resize(spaces.size());
    if (absl::Status status = findInputs(); !status.ok())
      return status;
    absl::Status status = options.kind == ImportanceKind::Magnitude    ? measureMagnitude()
                          : options.kind == ImportanceKind::Activation ? measureActivation()
                                                                       : measureFisher();
    if (!status.ok())
      return status;
    return std::move(result);
  }

private:
  //===--------------------------------------------------------------------===//
  // The spaces in the module
  //===--------------------------------------------------------------------===//

  absl::Status findInputs() {
    llvm::StringMap<Value> inputOf; // Of each matrix.
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](WeightUserOpInterface user) {
        for (WeightUse use : user.getWeightUses())
          if (auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>();
              get && use.kind == WeightUseKind::Matrix)
            inputOf[get.getWeight()] = user->getOperand(0);
      });
    for (auto [index, space] : llvm::enumerate(spaces)) {
      Value input = inputOf.lookup(space.consumer);
      if (!input)
        return absl::NotFoundError(absl::StrCat("channels of '", space.name,
                                                "': no layer of the module reads them with '",
                                                space.consumer, "'"));
      if (widthOf(input) != space.count * space.width)
        return absl::InvalidArgumentError(absl::StrCat("channels of '", space.name, "': expected ",
                                                       space.count * space.width,
                                                       ", but the module has ", widthOf(input)));
      for (const auto &names : {space.producers, space.producerBiases, {space.consumer}})
        for (const std::string &name : names) {
          auto weight = symbols.lookup<WeightOp>(name);
          if (!name.empty() && (!weight || !hasData(weight.getValue())))
            return absl::NotFoundError(absl::StrCat("channels of '", space.name,
                                                    "': the module has no data of the weight '",
                                                    name, "'"));
        }
      inputs.push_back(input);
      functions[input.getParentRegion()->getParentOfType<func::FuncOp>()].push_back(index);
    }
    return absl::OkStatus();
  }

  void report(const std::string &stage, uint64_t done, uint64_t total) const {
    if (options.progress)
      options.progress(stage, done, total);
  }

  //===--------------------------------------------------------------------===//
  // Magnitude
  //===--------------------------------------------------------------------===//

  absl::Status measureMagnitude() {
    for (auto [s, space] : llvm::enumerate(spaces)) {
      std::vector<double> &sums = result[s][""];
      sums.resize(space.count);
      int64_t channels = space.count * space.width;
      for (const auto &names : {space.producers, space.producerBiases})
        for (const std::string &name : names) {
          if (name.empty())
            continue;
          std::vector<float> values = valuesOf(symbols.lookup<WeightOp>(name));
          int64_t perEntry = static_cast<int64_t>(values.size()) / space.count;
          for (size_t i = 0; i < values.size(); ++i)
            sums[i / perEntry] += static_cast<double>(values[i]) * values[i];
        }
      std::vector<float> values = valuesOf(symbols.lookup<WeightOp>(space.consumer));
      for (size_t i = 0; i < values.size(); ++i)
        sums[i % channels / space.width] += static_cast<double>(values[i]) * values[i];
    }
    return absl::OkStatus();
  }

  //===--------------------------------------------------------------------===//
  // Activation
  //===--------------------------------------------------------------------===//

  /// Sums over the tokens of a domain, for one space.
  struct Moments {
    double weight = 0;
    std::vector<double> products; ///< [count, width, width]: of an entry's channels.
  };

  absl::Status measureActivation() {
    absl::StatusOr<std::vector<CalibrationText>> texts = readTextFile(options.texts);
    if (!texts.ok())
      return texts.status();
    if (absl::Status status = decide(*texts); !status.ok())
      return status;
    for (const auto &[function, indices] : functions)
      if (absl::Status status = measureActivation(*texts, indices); !status.ok())
        return status;
    return absl::OkStatus();
  }

  void findScar() {
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](ScarAttentionOp op) {
        if (TokenReach reach = analysis.reachOf(op.getResult());
            reach.kind == TokenReach::Kind::Row)
          scar = {TokenReach::Kind::Permitted, reach.row + static_cast<int64_t>(op.getFirstQuery()),
                  op};
      });
  }

  /// Runs the texts for the router's decisions and the number of tokens.
  absl::Status decide(const std::vector<CalibrationText> &texts) {
    for (Value input : inputs)
      reaches.push_back(analysis.reachOf(input));
    findScar();
    absl::StatusOr<TextTokenizer> tokenizer = openTokenizer(module);
    if (!tokenizer.ok())
      return tokenizer.status();
    absl::StatusOr<TokenizedTexts> tokenized = tokenizeTexts(*tokenizer, texts);
    if (!tokenized.ok())
      return tokenized.status();
    tokens = *std::move(tokenized);
    if (!scar.scar || !options.routerAware)
      return absl::OkStatus();
    QuantizeStep step;
    step.threads = options.threads;
    absl::StatusOr<std::unique_ptr<Candidate>> candidate = Candidate::build(module, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<Baseline> baseline =
        Baseline::compute((*candidate)->getRunner(), tokens,
                          [&](size_t done, size_t total) { report("routing", done, total); });
    if (!baseline.ok())
      return baseline.status();
    if (!baseline->hasRouting)
      return absl::FailedPreconditionError(
          "weighing tokens by the router needs results of the roles routed and cluster");
    decisions = std::move(baseline->decisions);

    for (size_t t = 0; t < tokens.size(); ++t) {
      auto &counts = attended[tokens.domainOfText[t]];
      for (size_t j = 0; j < tokens.text(t).size(); ++j) {
        Count &count = counts[decisionOf(t, j)];
        ++count.tokens;
        count.attended += isAttended(scar, t, j);
      }
    }
    return absl::OkStatus();
  }

  uint32_t decisionOf(size_t text, size_t token) const {
    return decisions[(text ? tokens.ends[text - 1] : 0) + token];
  }

  /// Whether the read row attends to token j.
  bool isAttended(const TokenReach &reach, size_t text, size_t j) const {
    if (static_cast<size_t>(reach.row) >= tokens.text(text).size())
      return false;
    ScarAttentionOp op = reach.scar;
    uint32_t a = decisionOf(text, reach.row), b = decisionOf(text, j);
    return isPermitted(op.getPredicate(), a & 1, static_cast<int32_t>(a >> 1), b & 1,
                       static_cast<int32_t>(b >> 1)) &&
           (!op.getCausal() || static_cast<int64_t>(j) <= reach.row);
  }

  double weightOf(const TokenReach &reach, size_t text, size_t j) const {
    if (j >= tokens.text(text).size())
      return 0; // Padding.
    switch (reach.kind) {
    case TokenReach::Kind::None:
      return 0;
    case TokenReach::Kind::Row:
      return static_cast<int64_t>(j) == reach.row;
    case TokenReach::Kind::Permitted:
      return !options.routerAware || isAttended(reach, text, j);
    case TokenReach::Kind::All:
      break;
    }
    if (!options.routerAware || !scar.scar)
      return 1;
    const Count &count = attended.at(tokens.domainOfText[text]).at(decisionOf(text, j));
    return static_cast<double>(count.attended + 1) / static_cast<double>(count.tokens + 1);
  }

  absl::Status measureActivation(const std::vector<CalibrationText> &texts,
                                 const std::vector<size_t> &indices) {
    SmallVector<Value> values;
    for (size_t s : indices)
      values.push_back(inputs[s]);
    RuntimeActivationSource::Options sourceOptions;
    sourceOptions.path = options.texts;
    sourceOptions.numTexts = static_cast<int64_t>(texts.size());
    sourceOptions.threads = options.threads;
    sourceOptions.progress = [&](uint64_t done, uint64_t total) {
      report("importance", done, total);
    };
    RuntimeActivationSource source(sourceOptions);
    ErrorCollector errors(module.getContext());
    std::vector<std::map<std::string, Moments>> moments(indices.size());
    size_t text = 0;
    auto run = source.forEachText(values, [&](ArrayRef<ActivationRows> rows, StringRef domain) {
      for (auto [i, s] : llvm::enumerate(indices))
        addRows(spaces[s], reaches[s], text, rows[i], moments[i][domain.str()]);
      ++text;
      return success();
    });
    if (failed(run))
      return errors.toStatus("running the texts failed");
    for (auto [i, s] : llvm::enumerate(indices)) {
      const ChannelSpace &space = spaces[s];
      std::vector<double> gram = gramOfColumns(space);
      for (const auto &[domain, sums] : moments[i]) {
        std::vector<double> &importance = result[s][domain];
        importance.resize(space.count);
        int64_t square = space.width * space.width;
        for (int64_t e = 0; e < space.count && sums.weight > 0; ++e) {
          double sum = 0;
          for (int64_t k = e * square; k < (e + 1) * square; ++k)
            sum += sums.products[k] * gram[k];
          importance[e] = sum / sums.weight;
        }
      }
    }
    return absl::OkStatus();
  }

  void addRows(const ChannelSpace &space, const TokenReach &reach, size_t text,
               const ActivationRows &rows, Moments &to) const {
    int64_t width = space.width;
    to.products.resize(space.count * width * width);
    for (int64_t j = 0; j < rows.numRows; ++j) {
      double weight = weightOf(reach, text, j);
      if (weight == 0)
        continue;
      to.weight += weight;
      const float *row = rows.data.data() + j * rows.width;
      for (int64_t e = 0; e < space.count; ++e)
        for (int64_t i = 0; i < width; ++i) {
          double left = weight * row[e * width + i];
          double *products = to.products.data() + (e * width + i) * width;
          for (int64_t k = 0; k < width; ++k)
            products[k] += left * row[e * width + k];
        }
    }
  }

  /// W^T W of every entry's columns of the consumer, [count, width, width].
  std::vector<double> gramOfColumns(const ChannelSpace &space) {
    std::vector<float> values = valuesOf(symbols.lookup<WeightOp>(space.consumer));
    int64_t width = space.width, channels = space.count * width;
    std::vector<double> gram(channels * width);
    for (const float *row = values.data(); row < values.data() + values.size(); row += channels)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < width; ++k)
          gram[c * width + k] += static_cast<double>(row[c]) * row[c / width * width + k];
    return gram;
  }

  //===--------------------------------------------------------------------===//
  // Fisher
  //===--------------------------------------------------------------------===//

  absl::Status measureFisher() {
    absl::StatusOr<std::vector<CalibrationText>> texts = readTextFile(options.texts);
    if (!texts.ok())
      return texts.status();
    absl::StatusOr<TextTokenizer> tokenizer = openTokenizer(module);
    if (!tokenizer.ok())
      return tokenizer.status();
    absl::StatusOr<TokenizedTexts> tokenized = tokenizeTexts(*tokenizer, *texts);
    if (!tokenized.ok())
      return tokenized.status();
    tokens = *std::move(tokenized);
    findScar();
    for (const auto &[function, indices] : functions)
      if (absl::Status status = measureFisher(function, indices); !status.ok())
        return status;
    return absl::OkStatus();
  }

  absl::Status measureFisher(func::FuncOp function, const std::vector<size_t> &indices) {
    SmallVector<Value> values;
    int64_t entries = 0;
    for (size_t s : indices) {
      values.push_back(inputs[s]);
      entries += spaces[s].count;
    }
    std::optional<RouterRisk> risk;
    SmallVector<Value> seeded;
    if (options.routerAware && scar.scar &&
        scar.scar->getParentOfType<func::FuncOp>() == function) {
      absl::StatusOr<RouterRisk> created = RouterRisk::create(scar.scar, scar.row);
      if (!created.ok())
        return created.status();
      risk = *std::move(created);
      seeded.push_back(risk->getInput());
    }
    std::vector<std::unique_ptr<Differentiator>> differentiators;
    absl::StatusOr<std::unique_ptr<Differentiator>> first =
        Differentiator::create(function, values, seeded);
    if (!first.ok())
      return first.status();
    differentiators.push_back(*std::move(first));
    while (differentiators.size() < std::max(1u, options.threads))
      differentiators.push_back(differentiators.front()->fork());

    // A batch of texts at a time: threads take texts in any order, sums are in one.
    constexpr size_t kBatch = 64;
    std::map<std::string, std::vector<GateSquares>> sums;
    std::map<std::string, int64_t> counts;
    for (size_t begin = 0; begin < tokens.size(); begin += kBatch) {
      size_t end = std::min(begin + kBatch, tokens.size());
      std::vector<std::vector<GateSquares>> squares(end - begin);
      std::vector<absl::Status> statuses(end - begin);
      std::atomic<size_t> next{begin};
      auto work = [&](Differentiator &differentiator) {
        for (size_t text = next++; text < end; text = next++) {
          squares[text - begin].resize(entries);
          statuses[text - begin] = addText(differentiator, risk ? &*risk : nullptr, indices, text,
                                           squares[text - begin]);
        }
      };
      std::vector<std::thread> helpers;
      for (size_t i = 1; i < differentiators.size(); ++i)
        helpers.emplace_back([&, i] { work(*differentiators[i]); });
      work(*differentiators.front());
      for (std::thread &helper : helpers)
        helper.join();
      for (size_t text = begin; text < end; ++text) {
        if (!statuses[text - begin].ok())
          return statuses[text - begin];
        const std::string &domain = tokens.domains[tokens.domainOfText[text]];
        std::vector<GateSquares> &sum = sums[domain];
        sum.resize(entries);
        ++counts[domain];
        for (int64_t e = 0; e < entries; ++e) {
          sum[e].loss += squares[text - begin][e].loss;
          sum[e].router += squares[text - begin][e].router;
        }
      }
      report("gradients", end, tokens.size());
    }
    for (auto &[domain, sum] : sums) {
      GateSquares all;
      for (const GateSquares &entry : sum) {
        all.loss += entry.loss;
        all.router += entry.router;
      }
      const double scale = all.router > 0 ? kRouterShare * all.loss / all.router : 0;
      const GateSquares *from = sum.data();
      for (size_t s : indices) {
        std::vector<double> &importance = result[s][domain];
        for (int64_t e = 0; e < spaces[s].count; ++e, ++from)
          importance.push_back((from->loss + scale * from->router) /
                               static_cast<double>(counts[domain]));
      }
    }
    return absl::OkStatus();
  }

  /// The squared derivatives by a gate, of the loss and of what decides the router.
  struct GateSquares {
    double loss = 0, router = 0;
  };

  absl::Status addText(Differentiator &differentiator, const RouterRisk *risk,
                       const std::vector<size_t> &indices, size_t text,
                       std::vector<GateSquares> &squares) const {
    const std::optional<int32_t> label = tokens.labels[text];
    size_t classes = 0;
    const int draws = label ? 1 : kDraws;
    for (int draw = 0; draw < draws; ++draw) {
      auto run = differentiator.run(tokens.text(text),
                                    [&](std::span<const float> logits, std::span<float> seed) {
                                      classes = logits.size();
                                      setSeed(logits, label, text, draw, seed);
                                    });
      if (!run.ok())
        return absl::Status(run.status().code(),
                            absl::StrCat("text ", text + 1, ": ", run.status().message()));
      if (label && static_cast<size_t>(*label) >= classes)
        return absl::InvalidArgumentError(absl::StrCat("text ", text + 1,
                                                       ": expected a label of 0 to ", classes - 1,
                                                       ", the model's classes, but got ", *label));
      std::vector<double> derivatives = gateDerivatives(*run, indices);
      for (size_t e = 0; e < derivatives.size(); ++e)
        squares[e].loss += derivatives[e] * derivatives[e] / draws;
    }
    for (int draw = 0; risk && draw < kDraws; ++draw) {
      auto run = differentiator.run(
          tokens.text(text), [](std::span<const float>, std::span<float>) {},
          [&](size_t, const ValueGradient &x, std::span<float> seed) {
            // Other signs than those of the classes.
            risk->addSeed(
                x, [&](uint64_t index) { return signOf(text, kDraws + draw, index); }, seed);
          });
      if (!run.ok())
        return run.status();
      std::vector<double> derivatives = gateDerivatives(*run, indices);
      for (size_t e = 0; e < derivatives.size(); ++e)
        squares[e].router += derivatives[e] * derivatives[e] / kDraws;
    }
    return absl::OkStatus();
  }

  /// By a gate on each entry of each space: values times gradients, summed.
  std::vector<double> gateDerivatives(const std::vector<ValueGradient> &values,
                                      const std::vector<size_t> &indices) const {
    std::vector<double> derivatives;
    for (auto [input, s] : llvm::zip(values, indices)) {
      const size_t first = derivatives.size();
      derivatives.resize(first + spaces[s].count);
      for (int64_t r = 0; r < input.rows; ++r)
        for (int64_t c = 0; c < input.width; ++c)
          derivatives[first + c / spaces[s].width] +=
              static_cast<double>(input.value[r * input.width + c]) *
              input.gradient[r * input.width + c];
    }
    return derivatives;
  }

  static void setSeed(std::span<const float> logits, std::optional<int32_t> label, size_t text,
                      int draw, std::span<float> seed) {
    double largest = *std::max_element(logits.begin(), logits.end()), sum = 0, along = 0;
    std::vector<double> p;
    for (float logit : logits)
      sum += p.emplace_back(quant::exactExp(logit - largest));
    for (double &value : p)
      value /= sum;
    for (size_t c = 0; c < p.size(); ++c)
      along += std::sqrt(p[c]) * signOf(text, draw, c);
    for (size_t c = 0; c < p.size(); ++c)
      seed[c] = static_cast<float>(label ? p[c] - (c == static_cast<size_t>(*label))
                                         : std::sqrt(p[c]) * signOf(text, draw, c) - p[c] * along);
  }

  struct Count {
    int64_t tokens = 0, attended = 0;
  };

  ModuleOp module;
  const std::vector<ChannelSpace> &spaces;
  const ImportanceOptions &options;
  SymbolTable symbols;
  std::vector<Value> inputs; ///< Of the consumers.
  llvm::MapVector<func::FuncOp, std::vector<size_t>> functions; ///< Their spaces.
  std::vector<SpaceImportance> result;

  TokenizedTexts tokens;
  TokenReachAnalysis analysis;
  std::vector<TokenReach> reaches; ///< Of the inputs.
  TokenReach scar;                 ///< What the read row may attend to, in a model that has it.
  std::vector<uint32_t> decisions; ///< By token (Baseline).
  std::map<uint32_t, std::map<uint32_t, Count>> attended; ///< By domain and decision.
};

} // namespace

absl::StatusOr<std::vector<SpaceImportance>>
gem::measureImportance(ModuleOp module, const std::vector<ChannelSpace> &spaces,
                       const ImportanceOptions &options) {
  return Importance(module, spaces, options).run();
}

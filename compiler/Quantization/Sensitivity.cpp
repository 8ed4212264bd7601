// What each format of each weight costs, measured.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/Sensitivity.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <numeric>

using namespace mlir;
using namespace gem;

using Kind = QuantizationUnit::Kind;

uint64_t QuantizationUnit::bytes(const quant::Format &format) const {
  return kind == Kind::Matrix ? format.matrixBytes(rows, width) : format.tableBytes(rows, width);
}

namespace {

std::string elementName(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

} // namespace

static int64_t countOf(const std::vector<int64_t> &tokenCounts, int32_t id) {
  return id < static_cast<int64_t>(tokenCounts.size()) ? tokenCounts[id] : 0;
}

std::vector<int64_t> gem::frequencyParts(const QuantizationUnit &table,
                                         const std::vector<int64_t> &tokenCounts, unsigned parts) {
  int64_t seen = 0;
  for (int64_t id = 0; id < table.rows; ++id)
    seen += countOf(tokenCounts, id) > 0;
  if (parts <= 1 || seen == 0 || table.rows > 65536)
    return {table.rows};
  // Ends of the parts: half of the rows that are looked up, half of those, ...
  std::vector<int64_t> ends;
  for (int64_t end = seen; end > 0 && ends.size() + 1 < parts; end /= 2)
    ends.insert(ends.begin(), end);
  if (ends.back() < table.rows)
    ends.push_back(table.rows);
  std::vector<int64_t> counts;
  int64_t begin = 0;
  for (int64_t end : ends) {
    counts.push_back(end - begin);
    begin = end;
  }
  return counts;
}

std::vector<QuantizationUnit> gem::splitTable(const QuantizationUnit &table,
                                              const std::vector<int64_t> &counts,
                                              const std::vector<int64_t> &tokenCounts) {
  std::vector<int32_t> order(table.rows);
  std::iota(order.begin(), order.end(), 0);
  llvm::stable_sort(order, [&](int32_t a, int32_t b) {
    return countOf(tokenCounts, a) > countOf(tokenCounts, b);
  });
  std::vector<QuantizationUnit> parts;
  int64_t begin = 0;
  for (int64_t count : counts) {
    QuantizationUnit part = table;
    part.ids.assign(order.begin() + begin, order.begin() + begin + count);
    llvm::sort(part.ids);
    part.occurrences = 0;
    for (int32_t id : part.ids)
      part.occurrences += static_cast<double>(countOf(tokenCounts, id));
    part.rows = count;
    if (counts.size() > 1)
      part.name =
          absl::StrCat(table.weight, " (rows ", begin, " to ", begin + count - 1, " by frequency)");
    parts.push_back(std::move(part));
    begin += count;
  }
  return parts;
}

std::vector<QuantizationUnit> gem::findUnits(ModuleOp module) {
  SymbolTable symbols(module);
  std::vector<QuantizationUnit> units;
  llvm::StringSet<> found;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](WeightUserOpInterface user) {
      for (WeightUse use : user.getWeightUses()) {
        auto get = user->getOperand(use.operandIndex).getDefiningOp<GetWeightOp>();
        if (!get || use.kind == WeightUseKind::Vector || use.kind == WeightUseKind::Map ||
            !found.insert(get.getWeight()).second)
          continue;
        auto weight = symbols.lookup<WeightOp>(get.getWeight());
        RankedTensorType type = weight.getWeightType();
        QuantizationUnit unit;
        unit.weight = unit.name = weight.getSymName().str();
        unit.rows = type.getDimSize(0);
        unit.width = type.getDimSize(1);
        unit.sourceType =
            elementName(cast<RankedTensorType>(weight.getValue().getType()).getElementType());
        if (use.kind == WeightUseKind::Table)
          unit.kind = isa<EmbeddingOp>(user) ? Kind::Rows : Kind::Positions;
        else
          unit.kind = use.kind == WeightUseKind::Matrix ? Kind::Matrix : Kind::Router;
        if (unit.kind == Kind::Rows) {
          unit.ids.resize(unit.rows);
          std::iota(unit.ids.begin(), unit.ids.end(), 0);
        }
        units.push_back(std::move(unit));
      }
    });
  return units;
}

std::vector<quant::Format> gem::candidateFormats(const QuantizationUnit &unit) {
  std::vector<std::string_view> names;
  switch (unit.kind) {
  case Kind::Matrix:
    names = {"int8", "int4g32", "int4g128", "int3g32", "int3g64"};
    break;
  case Kind::Rows:
    names = {"int8", "int4g32", "int4", "int3g32", "int3", "int2g32"};
    break;
  case Kind::Positions:
    names = {"f16", "int8", "int4g32"};
    break;
  case Kind::Router:
    names = {"f32", "f16"};
    break;
  }
  std::vector<quant::Format> formats;
  for (std::string_view name : names)
    formats.push_back(*quant::Format::parse(name));
  return formats;
}

FormatPlan gem::makePlan(const std::vector<QuantizationUnit> &units,
                         const std::vector<quant::Format> &formats) {
  FormatPlan plan;
  for (auto [unit, format] : llvm::zip(units, formats)) {
    if (unit.kind != Kind::Rows) {
      plan.weights[unit.weight] = format;
      continue;
    }
    std::vector<TablePart> &parts = plan.tables[unit.weight];
    auto part = llvm::find_if(parts, [&](const TablePart &p) { return p.format == format; });
    if (part == parts.end())
      part = parts.insert(parts.end(), {format, {}});
    part->ids.insert(part->ids.end(), unit.ids.begin(), unit.ids.end());
    llvm::sort(part->ids);
  }
  // A table in one format needs neither parts nor a map.
  for (auto it = plan.tables.begin(); it != plan.tables.end();) {
    auto current = it++;
    if (current->second.size() == 1) {
      plan.weights[current->getKey()] = current->second.front().format;
      plan.tables.erase(current);
    }
  }
  return plan;
}

namespace {

/// Measures one unit after the other.
class SensitivityRun {
public:
  SensitivityRun(ModuleOp module, const std::vector<QuantizationUnit> &units,
                 const quant::StatisticsSource *statistics, const Baseline &baseline,
                 const TokenizedTexts &texts, const SensitivityOptions &options)
      : module(module), units(units), statistics(statistics), baseline(baseline), texts(texts),
        options(options) {}

  absl::StatusOr<std::vector<UnitLoss>> run() {
    std::vector<UnitLoss> losses;
    for (size_t unit = 0; unit < units.size(); ++unit) {
      if (options.progress)
        options.progress(unit, units.size());
      std::vector<quant::Format> formats = candidateFormats(units[unit]);
      absl::Status status = options.scaleByOutputError && isQuantized(units[unit])
                                ? scale(unit, formats, losses)
                                : measureAll(unit, formats, losses);
      if (!status.ok())
        return status;
    }
    return losses;
  }

private:
  /// Whether the unit's formats differ in the power of one kind of error.
  static bool isQuantized(const QuantizationUnit &unit) {
    return unit.kind == Kind::Matrix || unit.kind == Kind::Rows;
  }

  absl::Status measureAll(size_t unit, llvm::ArrayRef<quant::Format> formats,
                          std::vector<UnitLoss> &losses) {
    for (const quant::Format &format : formats) {
      absl::StatusOr<std::vector<double>> loss = measure(unit, format);
      if (!loss.ok())
        return loss.status();
      losses.push_back({unit, format, *std::move(loss)});
    }
    return absl::OkStatus();
  }

  /// Runs the second most precise format, whose loss stands out of the noise, and scales it.
  absl::Status scale(size_t unit, llvm::ArrayRef<quant::Format> formats,
                     std::vector<UnitLoss> &losses) {
    const quant::Format &anchor = formats[1];
    absl::StatusOr<std::vector<double>> measured = measure(unit, anchor);
    if (!measured.ok())
      return measured.status();
    absl::StatusOr<double> anchorError = errorOf(unit, anchor);
    if (!anchorError.ok())
      return anchorError.status();
    for (const quant::Format &format : formats) {
      absl::StatusOr<double> error = errorOf(unit, format);
      if (!error.ok())
        return error.status();
      UnitLoss loss{unit, format, *measured};
      for (double &value : loss.lossOfDomain)
        value *= *anchorError > 0 ? *error / *anchorError : 1.0;
      losses.push_back(std::move(loss));
    }
    return absl::OkStatus();
  }

  QuantizeStep makeStep(size_t unit, const quant::Format &format) const {
    QuantizeStep step;
    step.threads = options.threads;
    std::vector<quant::Format> formats(units.size());
    formats[unit] = format;
    step.plan = makePlan(units, formats);
    if (units[unit].kind == Kind::Matrix || options.tables.count(units[unit].weight)) {
      step.algorithms[units[unit].weight] = options.algorithm;
      step.biasCorrection = options.biasCorrection;
    }
    return step;
  }

  /// The mean divergence by domain with one unit in `format`.
  absl::StatusOr<std::vector<double>> measure(size_t unit, const quant::Format &format) const {
    if (format == quant::Format{})
      return std::vector<double>(texts.domains.size());
    auto candidate = Candidate::build(module, makeStep(unit, format), statistics);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<Comparison> result = compare((*candidate)->getRunner(), baseline, texts);
    if (!result.ok())
      return result.status();
    std::vector<double> losses;
    for (const ComparisonFigures &domain : result->domains)
      losses.push_back(domain.meanDivergence());
    return losses;
  }

  /// The power of the error in what the unit's layer computes, or in a table's values.
  absl::StatusOr<double> errorOf(size_t unit, const quant::Format &format) {
    QuantizeStep step = makeStep(unit, format);
    step.algorithms.try_emplace(units[unit].weight, "rtn");
    OwningOpRef<ModuleOp> copy = module.clone();
    double error = 0;
    absl::Status status =
        quantizeModule(*copy, step, statistics, [&](const QuantizedWeight &weight) {
          error += weight.outputSignal > 0 ? weight.outputNoise : weight.noise;
        });
    if (!status.ok())
      return status;
    return error;
  }

  ModuleOp module;
  const std::vector<QuantizationUnit> &units;
  const quant::StatisticsSource *statistics;
  const Baseline &baseline;
  const TokenizedTexts &texts;
  const SensitivityOptions &options;
};

} // namespace

absl::StatusOr<std::vector<UnitLoss>>
gem::measureSensitivity(ModuleOp module, const std::vector<QuantizationUnit> &units,
                        const quant::StatisticsSource *statistics, const Baseline &baseline,
                        const TokenizedTexts &texts, const SensitivityOptions &options) {
  return SensitivityRun(module, units, statistics, baseline, texts, options).run();
}

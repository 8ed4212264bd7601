// What each format of each weight costs, measured.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/Sensitivity.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/Gem.h"
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

/// Splits an embedding table by how often its rows are looked up.
void addTable(const QuantizationUnit &table, const std::vector<int64_t> &counts, unsigned parts,
              std::vector<QuantizationUnit> &units) {
  std::vector<int32_t> order(table.rows);
  std::iota(order.begin(), order.end(), 0);
  auto count = [&](int32_t id) {
    return id < static_cast<int64_t>(counts.size()) ? counts[id] : int64_t(0);
  };
  llvm::stable_sort(order, [&](int32_t a, int32_t b) { return count(a) > count(b); });
  // Frequencies fall like 1 / rank, so parts grow: each is as large as all before it.
  // Nothing is known of rows without an occurrence, so they share one part.
  std::vector<int64_t> ends;
  int64_t seen = llvm::count_if(order, [&](int32_t id) { return count(id) > 0; });
  for (int64_t end = seen; end > 0 && ends.size() + 1 < parts; end /= 2)
    ends.insert(ends.begin(), end);
  if (ends.empty() || ends.back() < table.rows)
    ends.push_back(table.rows);
  // A map holds 16 bits.
  if (parts == 1 || counts.empty() || table.rows > 65536)
    ends = {table.rows};
  int64_t begin = 0;
  for (int64_t end : ends) {
    QuantizationUnit part = table;
    part.kind = Kind::Rows;
    part.ids.assign(order.begin() + begin, order.begin() + end);
    llvm::sort(part.ids);
    for (int32_t id : part.ids)
      part.occurrences += static_cast<double>(count(id));
    part.rows = end - begin;
    if (ends.size() > 1)
      part.name = absl::StrCat(table.weight, " (rows ", begin, " to ", end - 1, " by frequency)");
    units.push_back(std::move(part));
    begin = end;
  }
}

} // namespace

std::vector<QuantizationUnit> gem::findUnits(ModuleOp module,
                                             const std::vector<int64_t> &tokenCounts,
                                             const UnitOptions &options) {
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
        if (use.kind == WeightUseKind::Table && isa<EmbeddingOp>(user)) {
          addTable(unit, tokenCounts, options.tableParts, units);
          continue;
        }
        unit.kind = use.kind == WeightUseKind::Matrix  ? Kind::Matrix
                    : use.kind == WeightUseKind::Table ? Kind::Positions
                                                       : Kind::Router;
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

absl::StatusOr<std::vector<UnitLoss>>
gem::measureSensitivity(ModuleOp module, const std::vector<QuantizationUnit> &units,
                        const quant::StatisticsSource *statistics, const Baseline &baseline,
                        const TokenizedTexts &texts, const SensitivityOptions &options) {
  std::vector<UnitLoss> losses;
  for (size_t unit = 0; unit < units.size(); ++unit)
    for (const quant::Format &format : candidateFormats(units[unit]))
      losses.push_back({unit, format, {}});
  size_t done = 0;
  for (UnitLoss &loss : losses) {
    const QuantizationUnit &unit = units[loss.unit];
    if (options.progress)
      options.progress(done++, losses.size());
    if (loss.format == quant::Format{}) {
      loss.lossOfDomain.assign(texts.domains.size(), 0.0);
      continue;
    }
    QuantizeStep step;
    step.threads = options.threads;
    std::vector<quant::Format> formats(units.size());
    formats[loss.unit] = loss.format;
    step.plan = makePlan(units, formats);
    if (unit.kind == Kind::Matrix) {
      step.algorithms[unit.weight] = options.algorithm;
      step.biasCorrection = options.biasCorrection;
    }
    absl::StatusOr<std::unique_ptr<Candidate>> candidate =
        Candidate::build(module, step, statistics);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<Comparison> result = compare((*candidate)->getRunner(), baseline, texts);
    if (!result.ok())
      return result.status();
    for (const ComparisonFigures &domain : result->domains)
      loss.lossOfDomain.push_back(domain.meanDivergence());
  }
  return losses;
}

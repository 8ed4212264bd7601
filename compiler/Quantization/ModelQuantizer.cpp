// A model is quantized: calibrated, allocated, quantized, its router fitted again.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Quantization/ModelQuantizer.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/Allocation/Allocator.h"
#include "compiler/Allocation/Recipe.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "compiler/Pipeline/Lowering.h"
#include "compiler/Preservation/LayerRefit.h"
#include "compiler/Quantization/ChannelEqualization.h"
#include "compiler/Quantization/ModelStatistics.h"
#include "compiler/Quantization/RouterFit.h"
#include "compiler/Quantization/TableMetric.h"
#include "dialects/Gem/Gem.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <limits>

using namespace mlir;
using namespace gem;

namespace {

FlipsReport flipsOf(const ComparisonFigures &figures) {
  return {figures.routedFlipShare(), figures.clusterFlipShare(), figures.maskFlipShare()};
}

DomainReport reportDomain(const Comparison &after, const ComparisonFigures &figures,
                          const ComparisonFigures *before) {
  DomainReport out;
  out.domain = figures.domain;
  out.texts = figures.texts;
  if (after.hasLogits) {
    out.agreement = figures.agreement();
    out.divergence = figures.meanDivergence();
  }
  if (after.hasLogits && figures.labelled) {
    out.accuracyF32 = figures.baselineAccuracy();
    out.accuracy = figures.accuracy();
  }
  if (after.hasRouting) {
    out.flips = flipsOf(figures);
    if (before)
      out.flipsBefore = flipsOf(*before);
  }
  return out;
}

/// Pull to the weights as they are while quantizing: more than after pruning, which leaves more
/// to be made up for (docs/adr/0007).
constexpr double kInTurnRidge = 1e-1;
/// With fewer tokens for each channel that the widest layer reads, other texts lose by the fit.
constexpr int64_t kTokensOfChannel = 16;

constexpr unsigned kTableParts = 8; // that a table's rows are measured in
constexpr unsigned kMaxTableFormats = 4; // kMaxTables of the runtime's kernels

class Quantizer {
public:
  Quantizer(ModuleOp module, const QuantizerOptions &options) : module(module), options(options) {}

  absl::StatusOr<QuantizationSummary> run() {
    for (auto step : {&Quantizer::prepare, &Quantizer::decideFormats, &Quantizer::apply,
                      &Quantizer::fitRouter, &Quantizer::evaluate})
      if (absl::Status status = (this->*step)(); !status.ok())
        return status;
    return std::move(summary);
  }

private:
  /// What is known of weights' inputs and tables' readers; null when nothing is.
  const quant::StatisticsSource *getSource() const {
    return source ? static_cast<const quant::StatisticsSource *>(source.get()) : statistics.get();
  }

  bool hasTexts() const { return !options.calibration.empty(); }

  void progress(const std::string &stage, uint64_t done, uint64_t total) const {
    if (options.progress)
      options.progress(stage, done, total);
  }

  /// Statistics, and the uncompressed model's results on the texts.
  absl::Status prepare() {
    algorithm = options.algorithm;
    if (algorithm.empty())
      algorithm = hasTexts() || !options.statistics.empty() ? "gptq" : "rtn";
    if (needsTexts(options) && !hasTexts())
      return absl::InvalidArgumentError(
          "--quantize hybrid measures what each format costs on texts: give them with --calibrate "
          "FILE.jsonl");
    if (!options.statistics.empty()) {
      auto file = quant::StatisticsFile::open(options.statistics);
      if (!file.ok())
        return file.status();
      int64_t sequence = 0;
      for (auto tokenizer : module.getOps<TokenizerOp>())
        sequence = tokenizer.getMaximumTokens();
      if (absl::Status status = (*file)->checkMadeFor(hashWeights(module), sequence); !status.ok())
        return status;
      statistics = *std::move(file);
      summary.inputFiles.push_back(options.statistics);
    } else if (hasTexts()) {
      CalibrationOptions calibration;
      calibration.texts = options.calibration;
      calibration.output = options.saveStatistics;
      calibration.threads = options.threads;
      calibration.progress = options.progress;
      auto file = collectStatistics(module, calibration);
      if (!file.ok())
        return file.status();
      statistics = *std::move(file);
    }
    if (statistics)
      summary.provenance["calibration.hash"] = statistics->getInfo().calibrationHash;
    if (statistics)
      for (const auto &[domain, counts] : statistics->tokenCounts()) {
        tokenCounts.resize(std::max(tokenCounts.size(), counts.size()));
        for (auto [sum, count] : llvm::zip(tokenCounts, counts))
          sum += count;
      }
    if (algorithm == "gptq") {
      auto metrics = findTableMetrics(module);
      for (const auto &[name, metric] : metrics)
        tables.insert(name);
      source = std::make_unique<StatisticsWithTables>(statistics.get(), std::move(metrics));
    }
    units = findUnits(module);
    for (const QuantizationUnit &unit : units)
      summary.sourceTypes[unit.weight] = unit.sourceType;
    if (!hasTexts() && options.evaluation.empty())
      return absl::OkStatus();
    return runOriginal();
  }

  /// The uncompressed model's results on the texts to calibrate and to evaluate on.
  absl::Status runOriginal() {
    QuantizeStep step;
    step.threads = options.threads;
    auto original = Candidate::build(module, step, nullptr);
    if (!original.ok())
      return original.status();
    // Kept for the router's fit, which needs the uncompressed activations.
    originalModule = module.clone();
    originalBytes = (*original)->getBytes();
    originalWeightBytes = (*original)->getWeightBytes();
    auto compute = [&](const std::string &path, TokenizedTexts &texts,
                       Baseline &baseline) -> absl::Status {
      summary.inputFiles.push_back(path);
      auto read = readTextFile(path);
      if (!read.ok())
        return read.status();
      auto tokenized = (*original)->getRunner().tokenize(*read);
      if (!tokenized.ok())
        return tokenized.status();
      texts = *std::move(tokenized);
      auto computed = Baseline::compute((*original)->getRunner(), texts);
      if (!computed.ok())
        return computed.status();
      baseline = *std::move(computed);
      return absl::OkStatus();
    };
    if (hasTexts())
      if (absl::Status status = compute(options.calibration, texts, baseline); !status.ok())
        return status;
    if (options.evaluation.empty())
      return absl::OkStatus();
    return compute(options.evaluation, heldOutTexts, heldOutBaseline);
  }

  //===--------------------------------------------------------------------===//
  // Formats
  //===--------------------------------------------------------------------===//

  absl::Status decideFormats() {
    absl::Status status = !options.recipe.empty()        ? readFormats()
                          : options.quantize == "hybrid" ? allocateFormats()
                                                         : assignOneFormat();
    if (status.ok())
      recordFormats();
    return status;
  }

  absl::Status assignOneFormat() {
    std::string name = options.quantize;
    if (name == "int4" || name == "int3" || name == "int2")
      name += "g32";
    std::optional<quant::Format> format = quant::Format::parse(name);
    if (!format)
      return absl::InvalidArgumentError(
          absl::StrCat("--quantize: expected hybrid or a format such as f32, f16, int8, int4, "
                       "int4g64 or int3, but got '",
                       options.quantize, "'"));
    for (const QuantizationUnit &unit : units)
      formats.push_back(unit.kind == QuantizationUnit::Kind::Router && !format->isFloat()
                            ? quant::Format{}
                            : *format);
    return absl::OkStatus();
  }

  /// The formats of a recipe.
  absl::Status readFormats() {
    absl::StatusOr<Recipe> recipe = readRecipe(options.recipe);
    if (!recipe.ok())
      return recipe.status();
    summary.inputFiles.push_back(options.recipe);
    std::string warning = compareRecipeModel(*recipe, modelName(), hashWeights(module));
    if (!warning.empty())
      summary.notes.push_back(warning);
    std::vector<RecipeTensor> tensors;
    for (const QuantizationUnit &unit : units)
      tensors.push_back(
          {unit.weight, unit.rows, unit.width, unit.kind == QuantizationUnit::Kind::Rows});
    absl::StatusOr<std::vector<TensorRecipe>> applied = applyRecipe(*recipe, tensors);
    if (!applied.ok())
      return applied.status();
    std::vector<QuantizationUnit> split;
    for (auto [unit, tensor] : llvm::zip(units, *applied)) {
      if (tensor.rows.empty()) {
        split.push_back(unit);
        formats.push_back(tensor.format);
      } else {
        std::vector<int64_t> counts;
        for (const RowBlock &block : tensor.rows) {
          counts.push_back(block.count);
          formats.push_back(block.format);
        }
        llvm::append_range(split, splitTable(unit, counts, tokenCounts));
      }
      if (unit.kind == QuantizationUnit::Kind::Matrix && !tensor.format.isFloat())
        algorithms[unit.weight] = tensor.algorithm;
      if (!tensor.biasCorrect.value_or(true))
        keepBiases.insert(unit.weight);
      if (tensor.equalize)
        return absl::UnimplementedError(
            absl::StrCat(options.recipe, ": equalize: true for '", unit.weight,
                         "', but this version does not scale channels; leave it out"));
    }
    units = std::move(split);
    if (tooManyTableFormats())
      return absl::InvalidArgumentError(absl::StrCat(options.recipe,
                                                     ": expected the rows of a table in at most ",
                                                     kMaxTableFormats, " formats, but got more"));
    return absl::OkStatus();
  }

  /// The formats as a recipe: its hash for the bundle's provenance and, where it is asked for,
  /// its text, which the caller writes.
  void recordFormats() {
    Recipe recipe = makeRecipe();
    if (!options.saveRecipe.empty()) {
      Recipe saved = recipe;
      saved.modelName = modelName();
      saved.modelHash = hashWeights(module);
      summary.recipe = printRecipe(saved);
    }
    // The same whether the formats were searched for, in which case there are comments, or
    // read from a file.
    for (RecipeEntry &entry : recipe.entries)
      entry.comment.clear();
    std::string text = printRecipe(recipe);
    summary.provenance["quantize.recipe.hash"] =
        "blake3:" + llvm::toHex(llvm::BLAKE3::hash<32>(llvm::arrayRefFromStringRef(text)),
                                /*LowerCase=*/true);
    if (options.equalize)
      summary.provenance["quantize.equalize"] = "on";
    if (!options.refitRouter)
      summary.provenance["quantize.router-fit"] = "off";
  }

  Recipe makeRecipe() {
    Recipe recipe;
    for (auto [unit, format] : llvm::zip(units, formats)) {
      if (recipe.entries.empty() || recipe.entries.back().name != unit.weight) {
        RecipeEntry &entry = recipe.entries.emplace_back();
        entry.name = unit.weight;
        if (auto found = summary.predicted.find(unit.weight); found != summary.predicted.end())
          entry.comment = absl::StrFormat("predicted to cost %.2g nats in domain %s",
                                          found->second.first, found->second.second);
        if (unit.kind == QuantizationUnit::Kind::Matrix && !format.isFloat()) {
          auto own = algorithms.find(unit.weight);
          entry.algorithm = own == algorithms.end() ? algorithm : own->second;
          entry.biasCorrect =
              options.biasCorrection && statistics && !keepBiases.contains(unit.weight);
        }
      }
      RecipeEntry &entry = recipe.entries.back();
      if (unit.name == unit.weight)
        entry.format = format;
      else if (!entry.rows.empty() && entry.rows.back().format == format)
        entry.rows.back().count += unit.rows;
      else
        entry.rows.push_back({unit.rows, format});
    }
    return recipe;
  }

  std::string modelName() const {
    auto info = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    return info ? info.getAs<StringAttr>("name").str() : "";
  }

  absl::Status allocateFormats() {
    std::vector<QuantizationUnit> split;
    for (const QuantizationUnit &unit : units) {
      if (unit.kind == QuantizationUnit::Kind::Rows)
        llvm::append_range(
            split, splitTable(unit, frequencyParts(unit, tokenCounts, kTableParts), tokenCounts));
      else
        split.push_back(unit);
    }
    units = std::move(split);
    SensitivityOptions sensitivity;
    sensitivity.algorithm = algorithm;
    sensitivity.tables = tables;
    sensitivity.biasCorrection = options.biasCorrection;
    sensitivity.scaleByOutputError = !options.measureEveryFormat;
    sensitivity.threads = options.threads;
    sensitivity.progress = [&](uint64_t done, uint64_t total) {
      progress("measuring formats", done, total);
    };
    auto losses = measureSensitivity(module, units, getSource(), baseline, texts, sensitivity);
    if (!losses.ok())
      return losses.status();
    smoothRareRows(*losses);

    AllocationProblem problem;
    for (const std::string &domain : texts.domains)
      problem.domains.push_back(domain.empty() ? "all" : domain);
    uint64_t unitBytes = 0;
    for (const QuantizationUnit &unit : units) {
      problem.items.push_back({unit.name, {}});
      unitBytes += unit.bytes(quant::Format{});
    }
    problem.fixedBytes = originalBytes - std::min(originalBytes, unitBytes);
    for (const UnitLoss &loss : *losses) {
      AllocationCandidate candidate;
      candidate.format = loss.format.name();
      candidate.bytes = units[loss.unit].bytes(loss.format);
      candidate.losses = loss.lossOfDomain;
      for (double &value : candidate.losses)
        value = std::max(value, 0.0);
      problem.items[loss.unit].candidates.push_back(std::move(candidate));
    }
    if (options.maxSeconds)
      if (absl::Status status = addLatencies(problem); !status.ok())
        return status;
    problem.maxBytes = options.maxBytes;
    if (options.maxBits) {
      // Of the weights alone: what else the file holds comes on top.
      auto bytes = static_cast<uint64_t>(*options.maxBits * options.parameters / 8);
      bytes += originalOverhead();
      problem.maxBytes = std::min(problem.maxBytes.value_or(bytes), bytes);
    }
    return solve(problem);
  }

  /// The modelled seconds of each candidate: what the whole program takes more than with the
  /// fastest format of the same weight.
  absl::Status addLatencies(AllocationProblem &problem) {
    if (!options.latency)
      return absl::InvalidArgumentError(
          "--max-latency needs a device whose profile says how fast it is: see --list-devices");
    auto model = [&](const std::vector<quant::Format> &formats) {
      OwningOpRef<ModuleOp> copy = module.clone();
      QuantizeStep step;
      step.plan = makePlan(units, formats);
      absl::Status status = quantizeModule(*copy, step, nullptr);
      return status.ok() ? options.latency(*copy) : absl::StatusOr<double>(status);
    };
    std::vector<quant::Format> original(units.size());
    absl::StatusOr<double> base = model(original);
    if (!base.ok())
      return base.status();
    problem.fixedSeconds = *base;
    for (size_t unit = 0; unit < units.size(); ++unit) {
      double fastest = std::numeric_limits<double>::infinity();
      for (AllocationCandidate &candidate : problem.items[unit].candidates) {
        std::vector<quant::Format> formats = original;
        formats[unit] = *quant::Format::parse(candidate.format);
        absl::StatusOr<double> seconds = model(formats);
        if (!seconds.ok())
          return seconds.status();
        candidate.seconds = *seconds - *base;
        fastest = std::min(fastest, candidate.seconds);
      }
      for (AllocationCandidate &candidate : problem.items[unit].candidates)
        candidate.seconds -= fastest;
      problem.fixedSeconds += fastest;
    }
    problem.fixedSeconds = std::max(problem.fixedSeconds, 0.0);
    problem.maxSeconds = options.maxSeconds;
    return absl::OkStatus();
  }

  /// Solves, and again with a tighter budget until the file that comes out keeps it.
  absl::Status solve(AllocationProblem &problem) {
    std::optional<uint64_t> budget = problem.maxBytes;
    for (int attempt = 0; attempt < 12; ++attempt) {
      absl::StatusOr<Allocation> allocation = allocate(problem);
      if (!allocation.ok())
        return allocation.status();
      formats.clear();
      for (auto [item, choice] : llvm::zip(problem.items, allocation->choices))
        formats.push_back(*quant::Format::parse(item.candidates[choice].format));
      if (std::optional<quant::Format> rarest = tooManyTableFormats()) {
        for (auto [unit, item] : llvm::zip(units, problem.items))
          if (unit.kind == QuantizationUnit::Kind::Rows)
            llvm::erase_if(item.candidates, [&](const AllocationCandidate &candidate) {
              return candidate.format == rarest->name();
            });
        continue;
      }
      QuantizeStep step;
      step.plan = makePlan(units, formats);
      step.threads = options.threads;
      auto candidate = Candidate::build(module, step, nullptr);
      if (!candidate.ok())
        return candidate.status();
      if (budget && (*candidate)->getBytes() > *budget) {
        // What the file holds beside the units: maps, and padding, which comes in pages.
        problem.fixedBytes += (*candidate)->getBytes() - allocation->bytes + (64 << attempt);
        continue;
      }
      if (options.maxSeconds) {
        OwningOpRef<ModuleOp> copy = module.clone();
        if (absl::Status status = quantizeModule(*copy, step, nullptr); !status.ok())
          return status;
        absl::StatusOr<double> seconds = options.latency(*copy);
        if (!seconds.ok())
          return seconds.status();
        if (*seconds > *options.maxSeconds) {
          *problem.maxSeconds -= (*seconds - *options.maxSeconds) * 1.01 + 1e-9;
          continue;
        }
        usedSeconds = *seconds;
      }
      report(problem, *allocation, budget, (*candidate)->getBytes());
      return absl::OkStatus();
    }
    return absl::InternalError("the budget could not be kept although formats that keep it exist");
  }

  std::optional<quant::Format> tooManyTableFormats() const {
    llvm::StringMap<int64_t> rows;
    for (auto [unit, format] : llvm::zip(units, formats))
      if (unit.kind == QuantizationUnit::Kind::Rows)
        rows[format.name()] += unit.rows;
    if (rows.size() <= kMaxTableFormats)
      return std::nullopt;
    auto rarest = llvm::min_element(rows, [](const auto &a, const auto &b) {
      return std::pair(a.second, a.getKey()) < std::pair(b.second, b.getKey());
    });
    return quant::Format::parse(rarest->getKey().str());
  }

  /// Rows that no calibration text looks up cost nothing there, but will elsewhere: each
  /// counts as half an occurrence that costs what one of the next rarest rows does.
  void smoothRareRows(std::vector<UnitLoss> &losses) const {
    for (UnitLoss &loss : losses) {
      const QuantizationUnit &unit = units[loss.unit];
      if (unit.kind != QuantizationUnit::Kind::Rows || unit.occurrences > 0)
        continue;
      for (const UnitLoss &other : losses) {
        const QuantizationUnit &rarer = units[other.unit];
        if (other.unit + 1 != loss.unit || rarer.weight != unit.weight ||
            !(other.format == loss.format) || rarer.occurrences <= 0)
          continue;
        double scale = 0.5 * static_cast<double>(unit.rows) / rarer.occurrences;
        for (auto [value, known] : llvm::zip(loss.lossOfDomain, other.lossOfDomain))
          value = known * scale;
      }
    }
  }

  /// Bytes of the bundle that hold no weights.
  uint64_t originalOverhead() const { return originalBytes - originalWeightBytes; }

  void report(const AllocationProblem &problem, const Allocation &allocation,
              std::optional<uint64_t> budget, uint64_t used) {
    AllocationReport &out = summary.allocation.emplace();
    out.recipe = "hybrid";
    out.budgetBytes = budget.value_or(0);
    out.usedBytes = used;
    out.budgetSeconds = options.maxSeconds.value_or(0);
    out.usedSeconds = usedSeconds;
    out.gap = allocation.gap;
    out.worstLoss = allocation.worstLoss;
    out.meanLoss = allocation.meanLoss;
    out.worstDomain = problem.domains[allocation.worstDomain];
    for (auto [unit, item, choice] : llvm::zip(units, problem.items, allocation.choices)) {
      ArrayRef<double> losses = item.candidates[choice].losses;
      auto worst = llvm::max_element(losses);
      auto &predicted = summary.predicted[unit.weight];
      if (*worst > predicted.first || predicted.second.empty())
        predicted = {std::max(*worst, predicted.first), problem.domains[worst - losses.begin()]};
    }
  }

  //===--------------------------------------------------------------------===//
  // Quantization
  //===--------------------------------------------------------------------===//

  /// Scales channels before codes are chosen; later steps see the scaled inputs.
  absl::Status equalize() {
    if (!options.equalize)
      return absl::OkStatus();
    if (!statistics)
      return absl::InvalidArgumentError("--equalize needs to know the layers' inputs: give texts "
                                        "with --calibrate, or --statistics");
    llvm::StringMap<quant::Format> matrices;
    for (auto [unit, format] : llvm::zip(units, formats))
      if (unit.kind == QuantizationUnit::Kind::Matrix)
        matrices[unit.weight] = format;
    auto changed = equalizeChannels(module, matrices, *statistics, options.threads);
    if (!changed.ok())
      return changed.status();
    if (!source)
      source = std::make_unique<StatisticsWithTables>(
          statistics.get(), std::map<std::string, quant::InputStatistics>());
    for (auto &[weight, known] : *changed)
      source->replace(weight, std::move(known));
    return absl::OkStatus();
  }

  absl::Status apply() {
    if (absl::Status status = equalize(); !status.ok())
      return status;
    if (isInTurn())
      return applyInTurn();
    size_t done = 0;
    QuantizeStep step = makeStep([](const QuantizationUnit &) { return true; });
    step.biasCorrection = options.biasCorrection && statistics;
    return quantizeModule(module, step, getSource(), [&](const QuantizedWeight &weight) {
      summary.weights[weight.name] = weight;
      progress("quantizing", ++done, step.algorithms.size());
    });
  }

  /// The formats of the units that `takes` takes, and how their codes are chosen.
  QuantizeStep makeStep(llvm::function_ref<bool(const QuantizationUnit &)> takes) const {
    std::vector<QuantizationUnit> taken;
    std::vector<quant::Format> takenFormats;
    QuantizeStep step;
    for (auto [unit, format] : llvm::zip(units, formats)) {
      if (!takes(unit))
        continue;
      taken.push_back(unit);
      takenFormats.push_back(format);
      if (format.isFloat() ||
          (unit.kind != QuantizationUnit::Kind::Matrix && !tables.count(unit.weight)))
        continue;
      // Round-to-nearest is done while the bundle is written.
      if (algorithm != "rtn" || (options.biasCorrection && statistics))
        step.algorithms[unit.weight] = algorithm;
      if (auto own = algorithms.find(unit.weight); own != algorithms.end())
        step.algorithms[unit.weight] = own->second;
    }
    step.plan = makePlan(taken, takenFormats);
    step.keepBiases = keepBiases;
    step.threads = options.threads;
    return step;
  }

  //===--------------------------------------------------------------------===//
  // In turn
  //===--------------------------------------------------------------------===//

  /// Whether each layer is fitted before it is quantized.
  bool isInTurn() {
    bool hasCodes = llvm::any_of(llvm::zip(units, formats), [](const auto &pair) {
      return std::get<0>(pair).kind == QuantizationUnit::Kind::Matrix &&
             !std::get<1>(pair).isFloat();
    });
    if (!options.imported || !hasTexts() || !hasCodes ||
        !options.preserve.value_or(options.parameters <= kMaxPreservedParameters))
      return false;
    if (!options.preserve && (hasSeveralFormats() || hasTooFewTexts()))
      return false;
    // Channels are scaled in the module after graph passes, and the fit moves every bias.
    const char *reason = options.equalize          ? "channels were scaled first"
                         : !options.biasCorrection ? "biases are not corrected"
                         : !keepBiases.empty()     ? "the recipe keeps biases"
                                                   : nullptr;
    if (reason)
      summary.notes.push_back(absl::StrCat("layers were not fitted while quantizing: ", reason));
    return !reason;
  }

  /// Whether matrices differ in format: which ones was measured with them quantized all at once,
  /// and fitting was seen to make that worse as well as better (docs/adr/0007).
  bool hasSeveralFormats() const {
    std::set<std::string> names;
    for (auto [unit, format] : llvm::zip(units, formats))
      if (unit.kind == QuantizationUnit::Kind::Matrix)
        names.insert(format.name());
    return names.size() > 1;
  }

  /// Whether layers would be fitted to these very texts rather than to what the model sees.
  bool hasTooFewTexts() {
    int64_t tokens = 0, widest = 0;
    for (int64_t count : tokenCounts)
      tokens += count;
    for (const QuantizationUnit &unit : units)
      if (unit.kind == QuantizationUnit::Kind::Matrix)
        widest = std::max(widest, unit.width);
    if (tokens >= kTokensOfChannel * widest)
      return false;
    summary.notes.push_back(
        absl::StrCat("layers were not fitted while quantizing: the calibration texts have ", tokens,
                     " tokens, and expected are at least ", kTokensOfChannel, " for each of the ",
                     widest, " channels that a layer reads; give more texts, or --preservation"));
    return true;
  }

  /// Quantizes the module as imported, where layers are still apart from what is fused to them:
  /// tables first, then matrices layer by layer. What comes out goes through the graph passes
  /// and takes the module's place.
  absl::Status applyInTurn() {
    ModuleOp imported = options.imported;
    OwningOpRef<ModuleOp> inTurn = imported.clone();
    // Positions have their final table then.
    if (absl::Status status = runPasses(
            *inTurn, [](PassManager &passes) { passes.addPass(createFoldEmbeddingsPass()); });
        !status.ok())
      return status;
    auto learned = [&](const QuantizedWeight &weight) { summary.weights[weight.name] = weight; };
    auto isTable = [](const QuantizationUnit &unit) {
      return unit.kind == QuantizationUnit::Kind::Rows ||
             unit.kind == QuantizationUnit::Kind::Positions;
    };
    if (absl::Status status = quantizeModule(*inTurn, makeStep(isTable), getSource(), learned);
        !status.ok())
      return status;

    PreservationOptions preservation;
    preservation.texts = options.calibration;
    preservation.threads = options.threads;
    preservation.progress = options.progress;
    preservation.ridge = kInTurnRidge;
    preservation.fittedWithInputs = [&](ModuleOp fitted, const std::vector<std::string> &names,
                                        const quant::StatisticsSource &inputs) {
      QuantizeStep step = makeStep([&](const QuantizationUnit &unit) {
        return unit.kind == QuantizationUnit::Kind::Matrix &&
               llvm::is_contained(names, unit.weight);
      });
      return quantizeModule(fitted, step, &inputs, learned);
    };
    if (absl::Status status = preserveKnowledge(imported, *inTurn, preservation); !status.ok())
      return status;
    if (absl::Status status = runPasses(*inTurn, buildGraphPipeline); !status.ok())
      return status;
    module.getBodyRegion().takeBody(inTurn->getBodyRegion());
    summary.provenance["quantize.preservation"] = "in turn";
    // A matrix that two layers share was not among them: it is quantized by its input in f32.
    QuantizeStep step = makeStep([&](const QuantizationUnit &unit) { return !isTable(unit); });
    step.biasCorrection = statistics != nullptr;
    return quantizeModule(module, step, getSource(), learned);
  }

  static absl::Status runPasses(ModuleOp module, llvm::function_ref<void(PassManager &)> build) {
    ErrorCollector errors(module.getContext());
    PassManager passes(module.getContext());
    build(passes);
    if (failed(passes.run(module)))
      return errors.toStatus("preparing the quantized model failed");
    return absl::OkStatus();
  }

  absl::Status fitRouter() {
    if (!hasTexts() || !baseline.hasRouting || isExact())
      return absl::OkStatus();
    if (absl::Status status = compareNow(flipsBefore); !status.ok())
      return status;
    if (!options.refitRouter)
      return absl::OkStatus();
    RouterFitOptions fit;
    fit.texts = options.calibration;
    fit.threads = options.threads;
    fit.progress = options.progress;
    std::vector<std::pair<WeightOp, ElementsAttr>> saved;
    for (const QuantizationUnit &unit : units)
      if (unit.kind == QuantizationUnit::Kind::Router) {
        auto weight = SymbolTable(module).lookup<WeightOp>(unit.weight);
        saved.push_back({weight, weight.getValue()});
      }
    if (absl::Status status = fitRouterAgain(*originalModule, module, fit); !status.ok())
      return status;
    Results after;
    if (absl::Status status = compareNow(after); !status.ok())
      return status;
    auto flips = [](const Results &results) {
      return results.calibration->all.routedFlips + results.calibration->all.clusterFlips;
    };
    if (flips(after) <= flips(flipsBefore))
      return absl::OkStatus();
    // What is left after gptq may be noise that no other router undoes.
    for (auto &[weight, value] : saved)
      weight.setValueAttr(value);
    summary.notes.push_back("the router was left as it was: fitted again, it flipped more tokens");
    return absl::OkStatus();
  }

  /// Whether every weight is stored as the source has it.
  bool isExact() const {
    return llvm::all_of(formats, [](const quant::Format &format) { return format.bits == 32; });
  }

  /// How the module as it is now compares on the texts at hand.
  struct Results {
    std::optional<Comparison> calibration, heldOut;
  };
  absl::Status compareNow(Results &results) {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(module, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    auto run = [&](const Baseline &baseline, const TokenizedTexts &texts,
                   std::optional<Comparison> &out) -> absl::Status {
      if (texts.size() == 0)
        return absl::OkStatus();
      absl::StatusOr<Comparison> result = compare((*candidate)->getRunner(), baseline, texts);
      if (result.ok())
        out = *std::move(result);
      return result.status();
    };
    if (absl::Status status = run(baseline, texts, results.calibration); !status.ok())
      return status;
    return run(heldOutBaseline, heldOutTexts, results.heldOut);
  }

  absl::Status evaluate() {
    if ((!hasTexts() && options.evaluation.empty()) || isExact())
      return absl::OkStatus();
    Results after;
    if (absl::Status status = compareNow(after); !status.ok())
      return status;
    bool isHeldOut = after.heldOut.has_value();
    const Comparison &shown = isHeldOut ? *after.heldOut : *after.calibration;
    auto &before = isHeldOut ? flipsBefore.heldOut : flipsBefore.calibration;
    summary.evaluation = makeEvaluationReport(isHeldOut ? options.evaluation : options.calibration,
                                              shown, before ? &*before : nullptr);
    summary.evaluation->isCalibration = !isHeldOut;
    const ComparisonFigures &all = (after.calibration ? *after.calibration : shown).all;
    double flips = std::max(all.routedFlipShare(), all.clusterFlipShare());
    if (shown.hasRouting && options.maxRouteFlips && flips > *options.maxRouteFlips)
      return absl::FailedPreconditionError(absl::StrCat(
          "--max-route-flips: expected at most ", *options.maxRouteFlips * 100,
          " % of tokens to be routed otherwise than by the f32 model, but got ",
          all.routedFlipShare() * 100, " % (routed) and ", all.clusterFlipShare() * 100,
          " % (cluster) on the calibration texts; allow more bytes or more flips"));
    return absl::OkStatus();
  }

  ModuleOp module;
  const QuantizerOptions &options;
  QuantizationSummary summary;
  std::string algorithm;
  std::unique_ptr<quant::StatisticsFile> statistics;
  std::set<std::string> tables; ///< That have a metric.
  std::unique_ptr<StatisticsWithTables> source;
  std::vector<QuantizationUnit> units;
  std::vector<quant::Format> formats; ///< By unit.
  std::vector<int64_t> tokenCounts;   ///< In the calibration texts, by id; may be empty.
  std::map<std::string, std::string> algorithms; ///< A recipe's, by weight.
  llvm::StringSet<> keepBiases;                  ///< A recipe's: weights whose biases stay.
  OwningOpRef<ModuleOp> originalModule;
  double usedSeconds = 0; ///< Modelled, of the allocation.
  uint64_t originalBytes = 0, originalWeightBytes = 0;
  TokenizedTexts texts, heldOutTexts;
  Baseline baseline, heldOutBaseline;
  Results flipsBefore;
};

} // namespace

EvaluationReport gem::makeEvaluationReport(const std::string &source, const Comparison &after,
                                           const Comparison *before) {
  EvaluationReport report;
  report.source = source;
  report.overall = reportDomain(after, after.all, before ? &before->all : nullptr);
  for (auto [index, domain] : llvm::enumerate(after.domains))
    report.domains.push_back(
        reportDomain(after, domain, before ? &before->domains[index] : nullptr));
  return report;
}

bool gem::needsTexts(const QuantizerOptions &options) {
  return options.quantize == "hybrid" && options.recipe.empty();
}

absl::StatusOr<QuantizationSummary> gem::quantizeModel(ModuleOp module,
                                                       const QuantizerOptions &options) {
  return Quantizer(module, options).run();
}

// A model is pruned: what costs least is removed, what remains is fitted again.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/ModelPruner.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiler/Allocation/Allocator.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "compiler/Pipeline/Lowering.h"
#include "compiler/Preservation/LayerRefit.h"
#include "compiler/Pruning/Floors.h"
#include "compiler/Pruning/Importance.h"
#include "compiler/Pruning/PruningUnits.h"
#include "compiler/Pruning/RowPruning.h"
#include "compiler/Quantization/Candidate.h"
#include "compiler/Quantization/ModelStatistics.h"
#include "compiler/Quantization/RouterFit.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Quantization/ExactMath.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace gem;

namespace {

/// Texts of a domain that units are run on.
constexpr int64_t kMostTexts = 32;
/// Multiply-accumulates that measuring what units cost may take, about: where a model is large,
/// fewer texts are run, though never fewer than this many of a domain, and then fewer sizes.
constexpr double kMeasuringMacs = 3e12;
constexpr int64_t kLeastTexts = 8;
constexpr size_t kLeastSizes = 3; ///< Of a unit, beside the whole and the last.
/// How closely bisection finds the share of work that floors permit.
constexpr double kStep = 0.025;
/// Shares of the work that are tried where a budget drives pruning.
constexpr double kBudgetShares[] = {1, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2};

/// Sizes of all units, by index.
using Plan = std::vector<size_t>;

class Pruner {
public:
  Pruner(ModuleOp module, const PrunerOptions &options)
      : module(module), options(options), wanted(options.wanted) {}

  absl::StatusOr<PruningSummary> run() {
    summary.report.importance = wanted.importance;
    summary.report.routerAware = wanted.routerAware;
    summary.report.domainAware = wanted.domainAware;
    summary.report.target = wanted.keptMacs;
    summary.report.floor = wanted.keepDomain;
    findTokens();
    macsBefore = prune::countPrunableMacs(module, tokens);
    if (wanted.isSearchWanted())
      for (auto step :
           {&Pruner::prepare, &Pruner::measureUnits, &Pruner::search, &Pruner::reportSearch})
        if (absl::Status status = (this->*step)(); !status.ok())
          return status;
    RowPruningOptions rows{wanted, options.calibration, options.threads, options.progress};
    if (absl::Status status = pruneRows(module, rows, tokens, summary.report); !status.ok())
      return status;
    summary.report.tokens = tokens;
    summary.report.macsBefore = macsBefore;
    summary.report.macsAfter = prune::countPrunableMacs(module, tokens);
    summary.provenance["pruning.kept"] = absl::StrFormat("%.4f", summary.report.reached());
    summary.provenance["pruning.importance"] = wanted.importance;
    summary.provenance["pruning.settings"] = settingsText();
    if (absl::Status status = recordTexts(); !status.ok())
      return status;
    return std::move(summary);
  }

private:
  /// What was asked for, as far as the result depends on it: recipes do not tell.
  std::string settingsText() const {
    std::vector<std::string> settings;
    auto add = [&](const char *name, const auto &value) {
      settings.push_back(absl::StrCat(name, "=", value));
    };
    auto addShare = [&](const char *name, const std::optional<double> &share) {
      if (share)
        settings.push_back(absl::StrFormat("%s=%.6g", name, *share));
    };
    addShare("prune-to", wanted.keptMacs);
    addShare("keep-domain", wanted.keepDomain);
    if (wanted.maxBytes)
      add("max-bytes", *wanted.maxBytes);
    addShare("max-seconds", wanted.maxSeconds);
    add("sequence", wanted.sequence);
    add("preservation", wanted.preserve ? "on" : "off");
    add("router-aware", wanted.routerAware ? "on" : "off");
    add("domain-aware", wanted.domainAware ? "on" : "off");
    if (wanted.vocabulary)
      add("vocabulary", *wanted.vocabulary);
    if (wanted.clusters)
      add("clusters", *wanted.clusters);
    if (!wanted.classes.empty())
      add("classes", absl::StrJoin(wanted.classes, ","));
    add("seed", wanted.seed);
    return absl::StrJoin(settings, " ");
  }

  absl::Status recordTexts() {
    const std::pair<const char *, std::string> files[] = {
        {"pruning.calibration.hash", wanted.needsTexts() ? options.calibration : ""},
        {"pruning.validation.hash", wanted.validation},
        {"pruning.vocabulary.hash", wanted.vocabularyCorpus}};
    for (const auto &[key, path] : files) {
      if (path.empty() || summary.provenance.count(key))
        continue;
      absl::StatusOr<TextFileInfo> texts = scanTextFile(path);
      if (!texts.ok())
        return texts.status();
      summary.provenance[key] = texts->hash;
    }
    return absl::OkStatus();
  }

  void progress(const std::string &stage, uint64_t done, uint64_t total) const {
    if (options.progress)
      options.progress(stage, done, total);
  }

  //===--------------------------------------------------------------------===//
  // What there is
  //===--------------------------------------------------------------------===//

  void findTokens() {
    tokens = wanted.sequence;
    for (auto symbol : module.getOps<gem::SymbolOp>())
      if (tokens == 0 || tokens > static_cast<int64_t>(symbol.getMaximum()))
        tokens = symbol.getMaximum();
    for (auto tokenizer : module.getOps<TokenizerOp>())
      if (tokens == 0)
        tokens = tokenizer.getMaximumTokens();
  }

  absl::Status prepare() {
    units = findPruningUnits(module, tokens);
    if (units.empty())
      return absl::FailedPreconditionError(
          "the model has nothing to prune: expected feed-forward networks or attention between "
          "linear layers");
    if (absl::Status status = checkTarget(); !status.ok())
      return status;
    original = module.clone();
    if (options.calibration.empty()) {
      if (wanted.importance != "magnitude" || wanted.preserve || wanted.keepDomain)
        return absl::InvalidArgumentError("pruning measures what each part is worth on texts: "
                                          "give them with --calibrate FILE.jsonl");
      return prepareByMagnitude();
    }
    if (wanted.keepDomain && wanted.validation.empty())
      return absl::InvalidArgumentError("floors of domains are judged on texts: none were given");
    if (absl::Status status = prepareFloors(); !status.ok())
      return status;
    return prepareUnits();
  }

  /// The least that a plan can keep must not be more than what may stay.
  absl::Status checkTarget() const {
    if (!wanted.keptMacs)
      return absl::OkStatus();
    int64_t least = macsBefore;
    for (const PruningUnit &unit : units)
      least -= unit.sizes.front().macs - unit.sizes.back().macs;
    if (static_cast<double>(least) <= *wanted.keptMacs * static_cast<double>(macsBefore))
      return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrFormat(
        "--prune-to: %.3g of the multiply-accumulates cannot be reached: the embeddings' way to "
        "the router and what it needs take at least %.3g",
        *wanted.keptMacs, static_cast<double>(least) / static_cast<double>(macsBefore)));
  }

  absl::Status prepareFloors() {
    if (wanted.validation.empty())
      return absl::OkStatus();
    QuantizeStep step;
    step.threads = options.threads;
    auto whole = Candidate::build(*original, step, nullptr);
    if (!whole.ok())
      return whole.status();
    absl::StatusOr<Floors> made =
        Floors::prepare((*whole)->getRunner(), wanted.validation, wanted.keepDomain, wanted.seed);
    if (!made.ok())
      return made.status();
    floors = *std::move(made);
    return absl::OkStatus();
  }

  absl::Status prepareUnits() {
    // The statistics of layers as they run: what SCAR's one row reads, no more.
    OwningOpRef<ModuleOp> graph = original->clone();
    {
      ErrorCollector errors(module.getContext());
      PassManager passes(module.getContext());
      buildGraphPipeline(passes);
      if (failed(passes.run(*graph)))
        return errors.toStatus("preparing the model's graph failed");
    }
    CalibrationOptions calibration;
    calibration.texts = options.calibration;
    calibration.threads = options.threads;
    calibration.progress = options.progress;
    auto statistics = collectStatistics(*graph, calibration);
    if (!statistics.ok())
      return statistics.status();
    summary.provenance["pruning.calibration.hash"] = (*statistics)->getInfo().calibrationHash;

    std::vector<SpaceImportance> importance;
    bool isHessian = wanted.importance == "hessian";
    if (!isHessian || wanted.domainAware) {
      ImportanceOptions measure;
      measure.kind = wanted.importance == "magnitude" ? ImportanceKind::Magnitude
                     : wanted.importance == "fisher"  ? ImportanceKind::Fisher
                                                      : ImportanceKind::Activation;
      measure.texts = options.calibration;
      measure.routerAware = wanted.routerAware;
      measure.threads = options.threads;
      measure.progress = options.progress;
      std::vector<prune::ChannelSpace> spaces;
      for (const PruningUnit &unit : units)
        spaces.push_back(unit.space);
      auto measured = measureImportance(*original, spaces, measure);
      if (!measured.ok())
        return measured.status();
      importance = *std::move(measured);
    }
    for (auto [index, unit] : llvm::enumerate(units)) {
      progress("ordering what can go", index, units.size());
      std::vector<double> weights;
      std::vector<int64_t> order;
      if (isHessian && wanted.domainAware)
        weights = worstDomainFactors(importance[index]);
      else if (!isHessian)
        order = orderBy(importance[index]);
      auto prepared = PreparedUnit::prepare(*original, unit, **statistics, weights, order);
      if (!prepared.ok())
        return prepared.status();
      preparedUnits.push_back(*std::move(prepared));
    }
    progress("ordering what can go", units.size(), units.size());
    return absl::OkStatus();
  }

  /// Without texts: weights alone tell what goes, and heads stay whole or go.
  absl::Status prepareByMagnitude() {
    ImportanceOptions measure;
    measure.kind = ImportanceKind::Magnitude;
    std::vector<prune::ChannelSpace> spaces;
    for (PruningUnit &unit : units) {
      llvm::erase_if(unit.sizes, [&](const UnitSize &size) {
        return unit.isAttention() && size.headDim != unit.space.width;
      });
      spaces.push_back(unit.space);
    }
    auto measured = measureImportance(*original, spaces, measure);
    if (!measured.ok())
      return measured.status();
    problem.domains = {"all"};
    int64_t fixed = macsBefore;
    for (auto [unit, importance] : llvm::zip(units, *measured)) {
      std::vector<int64_t> order = orderBy(importance);
      std::vector<double> lost = {0};
      std::vector<double> share = sharesOf(importance).front();
      for (int64_t entry : order)
        lost.push_back(lost.back() + share[entry]);
      AllocationItem &item = problem.items.emplace_back();
      item.name = unit.space.name;
      fixed -= unit.sizes.front().macs;
      for (const UnitSize &size : unit.sizes)
        item.candidates.push_back({size.name,
                                   static_cast<uint64_t>(size.macs),
                                   0,
                                   {lost[unit.space.count - size.entries]}});
      preparedUnits.push_back(PreparedUnit::ordered(unit, std::move(order)));
    }
    problem.fixedBytes = fixed;
    return absl::OkStatus();
  }

  /// By entry, its share of its unit's importance in each domain, domains in order of names.
  static std::vector<std::vector<double>> sharesOf(const SpaceImportance &importance) {
    std::vector<std::vector<double>> shares;
    for (const auto &[domain, values] : importance) {
      double sum = std::accumulate(values.begin(), values.end(), 0.0);
      std::vector<double> &share = shares.emplace_back(values);
      for (double &value : share)
        value = sum > 0 ? value / sum : 1.0 / static_cast<double>(values.size());
    }
    return shares;
  }

  /// What an entry matters in the domain where it matters most, over what it does on average.
  static std::vector<double> worstDomainFactors(const SpaceImportance &importance) {
    auto shares = sharesOf(importance);
    std::vector<double> factors(shares.empty() ? 0 : shares.front().size(), 1.0);
    for (size_t entry = 0; entry < factors.size(); ++entry) {
      double largest = 0, sum = 0;
      for (const std::vector<double> &share : shares) {
        largest = std::max(largest, share[entry]);
        sum += share[entry];
      }
      if (sum > 0)
        factors[entry] = largest / sum * static_cast<double>(shares.size());
    }
    return factors;
  }

  /// The least important first: in its most important domain, or on average.
  std::vector<int64_t> orderBy(const SpaceImportance &importance) const {
    auto shares = sharesOf(importance);
    std::vector<double> score(shares.empty() ? 0 : shares.front().size());
    for (const std::vector<double> &share : shares)
      for (size_t entry = 0; entry < score.size(); ++entry)
        score[entry] =
            wanted.domainAware ? std::max(score[entry], share[entry]) : score[entry] + share[entry];
    std::vector<int64_t> order(score.size());
    std::iota(order.begin(), order.end(), 0);
    llvm::stable_sort(order, [&](int64_t a, int64_t b) { return score[a] < score[b]; });
    return order;
  }

  //===--------------------------------------------------------------------===//
  // What each size costs
  //===--------------------------------------------------------------------===//

  /// The texts that units are run on: of each domain the first ones, as many as are worth it;
  /// and how many sizes of a unit there is work for.
  absl::StatusOr<std::vector<CalibrationText>> sampleTexts() {
    absl::StatusOr<std::vector<CalibrationText>> all = readTextFile(options.calibration);
    if (!all.ok())
      return all.status();
    std::map<std::string, int64_t> counts;
    for (const CalibrationText &text : *all)
      ++counts[text.domain];
    size_t sizes = 0;
    for (const PruningUnit &unit : units)
      sizes += unit.sizes.size() - 1;
    double affordable =
        kMeasuringMacs / (static_cast<double>(macsBefore) * static_cast<double>(counts.size()));
    auto most = static_cast<int64_t>(std::clamp(affordable / static_cast<double>(sizes),
                                                static_cast<double>(kLeastTexts),
                                                static_cast<double>(kMostTexts)));
    double perUnit =
        affordable / static_cast<double>(kLeastTexts) / static_cast<double>(units.size());
    measuredSizes = std::max<size_t>(kLeastSizes, static_cast<size_t>(perUnit));
    std::map<std::string, int64_t> taken;
    std::vector<CalibrationText> some;
    for (CalibrationText &text : *all)
      if (taken[text.domain]++ < most)
        some.push_back(std::move(text));
    return some;
  }

  /// Whether size `index` of `count` is run; the others follow from their neighbours. The whole
  /// costs nothing, and the last may be another kind: a removed block.
  bool isMeasured(size_t index, size_t count) const {
    if (index == 0 || count <= measuredSizes + 2)
      return index > 0;
    size_t stride = (count - 2 + measuredSizes - 1) / measuredSizes;
    return index + 1 == count || (count - 2 - index) % stride == 0;
  }

  /// Losses between those that were measured: exponential in the work; from the whole on,
  /// quadratic.
  void interpolate(AllocationItem &item) const {
    std::vector<AllocationCandidate> &all = item.candidates;
    size_t last = 0;
    for (size_t next = 1; next < all.size(); ++next) {
      if (all[next].losses.empty())
        continue;
      for (size_t between = last + 1; between < next; ++between) {
        double step = static_cast<double>(all[last].bytes - all[between].bytes) /
                      std::max(1.0, static_cast<double>(all[last].bytes - all[next].bytes));
        for (size_t d = 0; d < problem.domains.size(); ++d) {
          double low = all[last].losses[d], high = all[next].losses[d];
          bool isExponential = low > 0 && high > 0;
          all[between].losses.push_back(isExponential
                                            ? quant::exactExp(quant::exactLog(low) * (1 - step) +
                                                              quant::exactLog(high) * step)
                                            : low + (high - low) * step * step);
        }
      }
      last = next;
    }
  }

  absl::Status measureUnits() {
    if (options.calibration.empty()) // by magnitude
      return absl::OkStatus();
    absl::StatusOr<std::vector<CalibrationText>> sample = sampleTexts();
    if (!sample.ok())
      return sample.status();
    QuantizeStep step;
    step.threads = options.threads;
    auto whole = Candidate::build(*original, step, nullptr);
    if (!whole.ok())
      return whole.status();
    absl::StatusOr<TokenizedTexts> tokenized = (*whole)->getRunner().tokenize(*sample);
    if (!tokenized.ok())
      return tokenized.status();
    sampled = *std::move(tokenized);
    absl::StatusOr<Baseline> computed = Baseline::compute((*whole)->getRunner(), sampled);
    if (!computed.ok())
      return computed.status();
    baseline = *std::move(computed);

    size_t total = 0, done = 0;
    for (const PruningUnit &unit : units)
      for (size_t size = 0; size < unit.sizes.size(); ++size)
        total += isMeasured(size, unit.sizes.size());
    problem.domains = wanted.domainAware ? sampled.domains : std::vector<std::string>{"all"};
    int64_t fixed = macsBefore;
    for (auto [index, unit] : llvm::enumerate(units)) {
      AllocationItem &item = problem.items.emplace_back();
      item.name = unit.space.name;
      fixed -= unit.sizes.front().macs;
      for (const UnitSize &size : unit.sizes) {
        AllocationCandidate &candidate = item.candidates.emplace_back();
        candidate.format = size.name;
        candidate.bytes = size.macs;
        if (item.candidates.size() == 1) {
          candidate.losses.assign(problem.domains.size(), 0);
          continue;
        }
        if (!isMeasured(item.candidates.size() - 1, unit.sizes.size()))
          continue;
        progress("measuring what each part is worth", done++, total);
        OwningOpRef<ModuleOp> copy = original->clone();
        if (absl::Status status = preparedUnits[index].apply(*copy, size, wanted.preserve);
            !status.ok())
          return status;
        absl::StatusOr<std::vector<double>> losses = lossesOf(*copy);
        if (!losses.ok())
          return losses.status();
        candidate.losses = *std::move(losses);
        // Else the context would keep the weights of every copy.
        releaseData(*copy, {*original, module});
      }
      interpolate(item);
    }
    problem.fixedBytes = fixed;
    progress("measuring what each part is worth", total, total);
    return absl::OkStatus();
  }

  /// KL(whole || pruned) on the sample, by the problem's domains.
  absl::StatusOr<std::vector<double>> lossesOf(ModuleOp pruned) const {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(pruned, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<Comparison> comparison = compare((*candidate)->getRunner(), baseline, sampled);
    if (!comparison.ok())
      return comparison.status();
    if (!wanted.domainAware)
      return std::vector<double>{comparison->all.meanDivergence()};
    return shrunkLosses(*comparison);
  }

  /// The mean loss of every domain, taken nearer to the mean of all by as much as the differences
  /// between domains are what so few texts give by chance (James and Stein, 1961): else the
  /// worst domain is the one with the unluckiest texts.
  std::vector<double> shrunkLosses(const Comparison &comparison) const {
    auto count = static_cast<double>(comparison.domains.size());
    double mean = 0, between = 0, chance = 0;
    for (const ComparisonFigures &domain : comparison.domains)
      mean += domain.meanDivergence() / count;
    for (auto [index, domain] : llvm::enumerate(comparison.domains)) {
      double own = domain.meanDivergence(), squares = 0;
      between += (own - mean) * (own - mean);
      for (size_t text = 0; text < sampled.size(); ++text)
        if (sampled.domainOfText[text] == index) {
          double difference = comparison.divergenceOfText[text] - own;
          squares += difference * difference;
        }
      auto texts = static_cast<double>(domain.texts);
      chance += texts > 1 ? squares / (texts * (texts - 1)) : own * own;
    }
    double weight = between > 0 ? std::max(0.0, 1 - chance / between) : 0;
    std::vector<double> losses;
    for (const ComparisonFigures &domain : comparison.domains)
      losses.push_back(mean + weight * (domain.meanDivergence() - mean));
    return losses;
  }

  //===--------------------------------------------------------------------===//
  // Search
  //===--------------------------------------------------------------------===//

  /// A model that keeps at most some share of the work.
  struct Attempt {
    Plan plan;
    OwningOpRef<ModuleOp> module;
    OwningOpRef<ModuleOp> finished; ///< By options.finish; null without it.
    std::vector<RefittedLayer> layers;
    std::vector<PrunedDomain> domains; ///< Without texts to judge on, empty.
    const PrunedDomain *broken = nullptr;

    /// What is written in the end, or the nearest to it.
    ModuleOp outcome() { return finished ? *finished : *module; }
  };

  absl::StatusOr<std::shared_ptr<Attempt>> attempt(double share) {
    auto result = std::make_shared<Attempt>();
    problem.maxBytes = static_cast<uint64_t>(share * static_cast<double>(macsBefore));
    absl::StatusOr<Allocation> allocation = allocate(problem);
    if (!allocation.ok())
      return allocation.status();
    result->plan.assign(allocation->choices.begin(), allocation->choices.end());
    result->module = original->clone();
    for (auto [unit, prepared, choice] : llvm::zip(units, preparedUnits, result->plan))
      if (absl::Status status =
              prepared.apply(*result->module, unit.sizes[choice], wanted.preserve);
          !status.ok())
        return status;
    if (floors && wanted.preserve) {
      absl::StatusOr<std::vector<PrunedDomain>> before = judge(*result->module);
      if (!before.ok())
        return before.status();
      result->domains = *std::move(before);
    }
    if (wanted.preserve) {
      PreservationOptions preservation;
      preservation.texts = options.calibration;
      preservation.threads = options.threads;
      preservation.progress = options.progress;
      if (absl::Status status =
              preserveKnowledge(*original, *result->module, preservation, &result->layers);
          !status.ok())
        return status;
    }
    if (wanted.preserve)
      if (absl::Status status = fitRouter(*result->module); !status.ok())
        return status;
    if (options.finish && (floors || !wanted.keptMacs)) {
      auto finished = options.finish(*result->module);
      if (!finished.ok())
        return finished.status();
      result->finished = *std::move(finished);
    }
    if (!floors)
      return result;
    absl::StatusOr<std::vector<PrunedDomain>> after = judge(result->outcome());
    if (!after.ok())
      return after.status();
    for (auto [index, domain] : llvm::enumerate(*after))
      if (index < result->domains.size())
        domain.ratioBefore = result->domains[index].ratio;
    result->domains = *std::move(after);
    result->broken = floors->findBroken(result->domains);
    return result;
  }

  /// Gives the router weights that repeat the whole model's decisions, if they do.
  absl::Status fitRouter(ModuleOp pruned) const {
    if (!baseline.hasRouting)
      return absl::OkStatus();
    RouterFitOptions fit;
    fit.texts = options.calibration;
    fit.threads = options.threads;
    fit.progress = options.progress;
    OwningOpRef<ModuleOp> fitted = pruned.clone();
    if (absl::Status status = fitRouterAgain(*original, *fitted, fit); !status.ok())
      return status;
    absl::StatusOr<int64_t> before = flipsOf(pruned), after = flipsOf(*fitted);
    for (const absl::Status &status : {before.status(), after.status()})
      if (!status.ok())
        return status;
    if (*after < *before)
      pruned.getBodyRegion().takeBody(fitted->getBodyRegion());
    return absl::OkStatus();
  }

  /// Tokens of the sample that are routed otherwise than by the whole model.
  absl::StatusOr<int64_t> flipsOf(ModuleOp pruned) const {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(pruned, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    absl::StatusOr<Comparison> comparison = compare((*candidate)->getRunner(), baseline, sampled);
    if (!comparison.ok())
      return comparison.status();
    return comparison->all.routedFlips + comparison->all.clusterFlips;
  }

  absl::StatusOr<std::vector<PrunedDomain>> judge(ModuleOp pruned) const {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(pruned, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    return floors->judge((*candidate)->getRunner());
  }

  absl::Status search() {
    if (!wanted.keptMacs && options.finish)
      return searchBudgets();
    // Without a target, as little as the floors permit.
    double low = wanted.keptMacs.value_or(leastShare()), high = 1;
    absl::StatusOr<std::shared_ptr<Attempt>> first = attempt(low);
    if (!first.ok())
      return first.status();
    best = *first;
    if (!best->broken)
      return absl::OkStatus();
    std::shared_ptr<Attempt> stopped = best;
    best.reset();
    while (high - low > kStep) {
      double middle = (low + high) / 2;
      absl::StatusOr<std::shared_ptr<Attempt>> next = attempt(middle);
      if (!next.ok())
        return next.status();
      if ((*next)->broken) {
        stopped = *next;
        low = middle;
      } else {
        best = *next;
        high = middle;
      }
    }
    summary.report.stoppedBy = stopped->broken->domain;
    summary.report.stoppedRatio = stopped->broken->ratio;
    summary.report.stoppedInterval = stopped->broken->interval;
    if (best)
      return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrFormat(
        "--keep-domain: nothing can be removed while every domain keeps %.4g of its likelihood: "
        "with %.3g of the work, '%s' keeps %.4f (95 %% interval %.4f to %.4f); allow a lower "
        "floor, "
        "or give more texts to judge on (--validate), which narrows the interval",
        *wanted.keepDomain, high, stopped->broken->domain, stopped->broken->ratio,
        stopped->broken->interval.low, stopped->broken->interval.high));
  }

  /// Of the shares whose outcome keeps budgets and floors, the one that costs the worst domain
  /// least.
  absl::Status searchBudgets() {
    double least = std::numeric_limits<double>::infinity();
    std::shared_ptr<Attempt> broken;
    absl::Status noBudget;
    for (auto [index, share] : llvm::enumerate(kBudgetShares)) {
      if (share < leastShare())
        break;
      absl::StatusOr<std::shared_ptr<Attempt>> made = attempt(share);
      if (absl::IsFailedPrecondition(made.status())) {
        noBudget = made.status();
        continue;
      }
      if (!made.ok())
        return made.status();
      if ((*made)->broken) {
        if (!broken)
          broken = *made;
        continue;
      }
      absl::StatusOr<std::vector<double>> losses = lossesOf((*made)->outcome());
      if (!losses.ok())
        return losses.status();
      double worst = *std::max_element(losses->begin(), losses->end());
      // Less than this costs more: what could still be gained by finer formats was.
      if (worst >= least)
        break;
      least = worst;
      best = *made;
    }
    if (best)
      return absl::OkStatus();
    if (!broken)
      return noBudget;
    return absl::FailedPreconditionError(absl::StrFormat(
        "--keep-domain: the budget cannot be met while every domain keeps %.4g of its likelihood: "
        "'%s' would keep %.4f (95 %% interval %.4f to %.4f); allow a larger budget or a lower "
        "floor",
        *wanted.keepDomain, broken->broken->domain, broken->broken->ratio,
        broken->broken->interval.low, broken->broken->interval.high));
  }

  double leastShare() const {
    int64_t least = macsBefore;
    for (const PruningUnit &unit : units)
      least -= unit.sizes.front().macs - unit.sizes.back().macs;
    return static_cast<double>(least + 1) / static_cast<double>(macsBefore);
  }

  //===--------------------------------------------------------------------===//
  // Report
  //===--------------------------------------------------------------------===//

  absl::Status reportSearch() {
    // The module takes the attempt's body: symbols, functions and weights.
    module.getBodyRegion().takeBody(best->module->getBodyRegion());
    PruningReport &out = summary.report;
    out.validation = wanted.validation;
    out.domains = best->domains;
    for (const RefittedLayer &layer : best->layers)
      out.layers.push_back({layer.weight, layer.errorBefore, layer.errorAfter});
    for (auto [unit, choice] : llvm::zip(units, best->plan)) {
      const UnitSize &before = unit.sizes.front(), &after = unit.sizes[choice];
      PrunedSpace &space = out.spaces.emplace_back();
      space.name = unit.space.name;
      space.kind = unit.space.kind == prune::ChannelSpace::Kind::Channels ? "channels"
                   : unit.space.kind == prune::ChannelSpace::Kind::Heads  ? "heads"
                                                                          : "scar_heads";
      space.macsBefore = before.macs;
      space.macsAfter = after.macs;
      space.entriesBefore = before.entries;
      space.entriesAfter = after.entries;
      if (after.entries == 0) {
        space.kind = "block";
        space.entriesBefore = 1;
      } else if (after.headDim < before.headDim) {
        out.spaces.push_back(
            {unit.space.name, "head_channels", before.headDim, after.headDim, 0, 0});
      }
    }
    return absl::OkStatus();
  }

  ModuleOp module;
  const PrunerOptions &options;
  const PruningOptions &wanted;
  PruningSummary summary;
  int64_t tokens = 0, macsBefore = 0;
  std::optional<Floors> floors;
  OwningOpRef<ModuleOp> original;
  std::vector<PruningUnit> units;
  std::vector<PreparedUnit> preparedUnits;
  TokenizedTexts sampled;
  Baseline baseline;
  size_t measuredSizes = 0;
  AllocationProblem problem; ///< Its bytes are multiply-accumulates.
  std::shared_ptr<Attempt> best;
};

} // namespace

absl::StatusOr<PruningSummary> gem::pruneModel(ModuleOp module, const PrunerOptions &options) {
  return Pruner(module, options).run();
}

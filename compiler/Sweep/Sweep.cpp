// Compiles several compressions of one model and evaluates each against it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/Sweep.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Calibration/TextOverlap.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "compiler/Evaluation/Brittleness.h"
#include "compiler/Pipeline/Compiler.h"
#include "compiler/Sweep/SweepCache.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "targets/Bundle/BundleWriter.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace gem;

namespace {

/// A file without a name: it is gone when the process ends, however it does.
class NamelessFile final : public BundleSink {
public:
  NamelessFile() = default;
  ~NamelessFile() override {
    if (descriptor >= 0)
      ::close(descriptor);
  }
  NamelessFile(const NamelessFile &) = delete;
  NamelessFile &operator=(const NamelessFile &) = delete;

  absl::Status open(const std::string &folder) {
    descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0) { // a file system that has no such files
      std::string name = folder + "/bundle-XXXXXX";
      descriptor = ::mkostemp(name.data(), O_CLOEXEC);
      if (descriptor >= 0)
        ::unlink(name.c_str());
    }
    if (descriptor < 0)
      return absl::UnavailableError(
          absl::StrCat("cannot write to '", folder, "': ", std::strerror(errno)));
    return absl::OkStatus();
  }

  absl::Status write(uint64_t offset, llvm::ArrayRef<char> data) override {
    while (!data.empty()) {
      ssize_t count = ::pwrite(descriptor, data.data(), data.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR)
        continue;
      if (count <= 0)
        return absl::UnavailableError(
            absl::StrCat("writing a bundle failed: ", std::strerror(errno)));
      data = data.drop_front(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return absl::OkStatus();
  }

  /// By which this process opens it.
  std::string path() const { return absl::StrCat("/proc/self/fd/", descriptor); }

private:
  int descriptor = -1;
};

/// The contents of the model's files: a checkpoint's, or of a module.
absl::StatusOr<std::string> hashOfModel(const SweepOptions &options) {
  checkpoint::LoadOptions load;
  load.overrides = options.overrides;
  absl::StatusOr<checkpoint::ModelSource> source = checkpoint::loadModelSource(options.model, load);
  if (source.ok())
    return hashOfFiles(source->files);
  // A module is one file; what else is wrong the compiler says better.
  if (llvm::sys::fs::is_regular_file(options.model))
    return hashOfFiles({options.model});
  return source.status();
}

std::string firstLine(const absl::Status &status) {
  std::string message(status.message());
  return message.substr(0, message.find('\n'));
}

class Sweep {
public:
  explicit Sweep(const SweepOptions &options) : options(options) {}

  absl::StatusOr<SweepReport> run() {
    if (absl::Status status = prepare(); !status.ok())
      return status;
    SweepReport report;
    report.model = options.model;
    report.calibration = options.calibration;
    report.data = evaluation.path;
    report.dataHash = evaluation.hash;
    report.texts = static_cast<int64_t>(evaluation.texts.size());
    report.score = options.measures.score;
    report.resamples = options.measures.resamples;
    report.seed = options.measures.seed;

    std::vector<std::optional<CachedScores>> known;
    bool isAllKnown = !options.keepBundle;
    for (const SweepRecipe &recipe : options.recipes) {
      known.push_back(cache->find(keyOf(recipe.name())));
      isAllKnown &= known.back().has_value();
    }
    std::optional<CachedScores> baseline = cache->find(keyOf(kBaseline));
    if (!baseline || !isAllKnown) {
      absl::StatusOr<CachedScores> computed = computeBaseline();
      if (!computed.ok())
        return computed.status();
      // Its time too is that of this run.
      baseline = *std::move(computed);
    }
    report.baseline = baseline->scores;
    report.baseline.name = kBaseline;
    report.baseline.path = options.model;

    for (size_t i = 0; i < options.recipes.size(); ++i) {
      const SweepRecipe &recipe = options.recipes[i];
      stage = {i + 1, options.recipes.size(), recipe.name(), "", 0, 0};
      SweepEntry entry;
      entry.recipe = recipe.name();
      absl::Status status = absl::OkStatus();
      if (!known[i] || options.keepBundle)
        status = compute(recipe, known[i], entry);
      else
        take(*known[i], entry);
      if (!status.ok())
        entry.failure = firstLine(status);
      if (entry.scores)
        entry.scores->name = entry.recipe;
      if (options.finished)
        options.finished(entry);
      report.entries.push_back(std::move(entry));
    }
    concludeSweep(report);
    return report;
  }

private:
  static constexpr const char *kBaseline = "f32";

  static void take(const CachedScores &known, SweepEntry &entry) {
    entry.scores = known.scores;
    entry.seconds = known.seconds;
    entry.isCached = true;
  }

  /// Everything that all recipes share.
  absl::Status prepare() {
    measures = options.measures;
    measures.requireScores = true;
    std::vector<std::string> needy;
    for (const SweepRecipe &recipe : options.recipes)
      if (recipe.needsTexts())
        needy.push_back(recipe.name());
    if (options.calibration.empty() && !needy.empty())
      return absl::InvalidArgumentError(
          absl::StrCat("recipes that need to see texts: ", absl::StrJoin(needy, ", "),
                       "; give texts with --calibrate FILE.jsonl"));
    if (absl::Status status = readTexts(); !status.ok())
      return status;
    absl::StatusOr<BrittlenessEvaluator> created =
        BrittlenessEvaluator::create(evaluation, measures);
    if (!created.ok())
      return created.status();
    evaluator = std::make_unique<BrittlenessEvaluator>(*std::move(created));
    absl::StatusOr<std::string> modelHash = hashOfModel(options);
    if (!modelHash.ok())
      return modelHash.status();
    absl::StatusOr<SweepCache> opened = SweepCache::open(options.cache, options.note);
    if (!opened.ok())
      return opened.status();
    cache = std::make_unique<SweepCache>(*std::move(opened));

    shared["tool"] = options.toolHash;
    shared["model"] = *modelHash;
    shared["calibration"] = calibrationHash;
    shared["device"] = options.device;
    shared["sequence"] = absl::StrCat(options.sequence);
    shared["seed"] = absl::StrCat(options.seed);
    for (const auto &[key, value] : options.overrides)
      shared["set." + key] = value;
    return absl::OkStatus();
  }

  absl::Status readTexts() {
    auto read = [](const std::string &path, std::string &hash) {
      absl::StatusOr<TextFileInfo> info = scanTextFile(path);
      if (!info.ok())
        return absl::StatusOr<std::vector<CalibrationText>>(info.status());
      hash = info->hash;
      return readTextFile(path);
    };
    evaluation.path = options.data;
    auto texts = read(options.data, evaluation.hash);
    if (!texts.ok())
      return texts.status();
    evaluation.texts = *std::move(texts);
    for (bool isCalibration : {true, false}) {
      const std::string &path = isCalibration ? options.calibration : options.validation;
      if (path.empty())
        continue;
      auto seen = read(path, isCalibration ? calibrationHash : validationHash);
      if (!seen.ok())
        return seen.status();
      if (absl::Status status = checkHeldOut({options.data, "--data"},
                                             {path, isCalibration ? "--calibrate" : "--validate"});
          !status.ok())
        return status;
      if (isCalibration)
        measures.calibrationDomains = domainsOf(*seen);
    }
    return absl::OkStatus();
  }

  /// Of the figures of a recipe.
  SweepKey keyOf(const std::string &recipe) const {
    SweepKey key = shared;
    key["recipe"] = recipe;
    key["data"] = evaluation.hash;
    key["validation"] = validationHash;
    key["score"] = absl::StrCat(static_cast<int>(measures.score));
    key["specialised"] = absl::StrJoin(measures.specialised, "\n");
    key["resamples"] = absl::StrCat(measures.resamples);
    key["bootstrap_seed"] = absl::StrCat(measures.seed);
    return key;
  }

  void report(const std::string &name, uint64_t done = 0, uint64_t total = 0) {
    stage.stage = name;
    stage.done = done;
    stage.total = total;
    if (options.progress)
      options.progress(stage);
  }

  CompileOptions optionsOf(const SweepRecipe &recipe) {
    CompileOptions compile;
    compile.model = options.model;
    compile.device = options.device;
    compile.calibration = options.calibration;
    compile.overrides = options.overrides;
    compile.sequence = options.sequence;
    compile.seed = options.seed;
    compile.threads = options.threads;
    compile.producer = options.producer;
    compile.quantization.quantize = recipe.format;
    compile.quantization.algorithm = recipe.algorithm;
    compile.quantization.maxBits = recipe.bits;
    compile.quantization.equalize = recipe.equalize;
    compile.pruning.keptMacs = recipe.keptMacs;
    compile.pruning.validation = options.validation;
    compile.pruning.sequence = options.sequence;
    compile.pruning.seed = options.seed;
    compile.progress = [this](const std::string &name, uint64_t done, uint64_t total) {
      report(name, done, total);
    };
    return compile;
  }

  absl::Status compileTo(CompileOptions compile, BundleSink &sink) {
    report("compile");
    Compiler compiler(std::move(compile));
    if (absl::Status status = compiler.import(); !status.ok())
      return status;
    if (absl::Status status = compiler.lower(); !status.ok())
      return status;
    return compiler.write(sink);
  }

  /// What decides a pruned model, or statistics of it.
  SweepKey keyOfSource(const SweepRecipe &recipe) const {
    SweepKey key = shared;
    if (recipe.keptMacs) {
      key["kept"] = absl::StrCat(*recipe.keptMacs);
      key["validation"] = validationHash;
    }
    return key;
  }

  /// Prunes the model, or takes what an earlier recipe of the same share left: a module in the
  /// cache. Sets keptMacs.
  absl::StatusOr<std::string> prunedModule(const SweepRecipe &recipe) {
    SweepKey key = keyOfSource(recipe);
    std::string path = cache->pathOf(key, "mlirbc");
    if (std::optional<CachedScores> known = cache->find(key)) {
      absl::StatusOr<std::string> hash = hashOfFiles({path});
      if (hash.ok() && *hash == known->fileHash) {
        keptMacs = known->scores.macsKept;
        return path;
      }
    }
    report("prune");
    CompileOptions compile = optionsOf(recipe);
    compile.quantization = {};
    Compiler compiler(std::move(compile));
    if (absl::Status status = compiler.import(); !status.ok())
      return status;
    if (absl::Status status = compiler.prune(); !status.ok())
      return status;
    keptMacs = compiler.getReport().pruning ? compiler.getReport().pruning->reached() : 1.0;
    std::string bytecode;
    llvm::raw_string_ostream stream(bytecode);
    if (failed(mlir::writeBytecodeToFile(compiler.getModule(), stream)))
      return absl::InternalError("writing the pruned module failed");
    if (absl::Status status = cache->storeFile(key, "mlirbc", stream.str()); !status.ok())
      return status;
    absl::StatusOr<std::string> hash = hashOfFiles({path});
    if (!hash.ok())
      return hash.status();
    CachedScores facts;
    facts.scores.macsKept = keptMacs;
    facts.fileHash = *hash;
    if (absl::Status status = cache->store(key, facts); !status.ok())
      return status;
    return path;
  }

  /// With the pruned model and the statistics of earlier recipes, or keeping them for later
  /// ones.
  absl::Status compileTo(const SweepRecipe &recipe, BundleSink &sink) {
    CompileOptions compile = optionsOf(recipe);
    if (recipe.keptMacs) {
      absl::StatusOr<std::string> module = prunedModule(recipe);
      if (!module.ok())
        return module.status();
      compile.model = *module;
      compile.pruning = {};
      // A module says these itself.
      compile.overrides.clear();
      compile.sequence = 0;
    }
    if (!recipe.isQuantized() || options.calibration.empty())
      return compileTo(std::move(compile), sink);
    std::string path = cache->pathOf(keyOfSource(recipe), "gems");
    if (!llvm::sys::fs::exists(path)) {
      compile.quantization.saveStatistics = path;
      return compileTo(std::move(compile), sink);
    }
    compile.quantization.statistics = path;
    absl::Status status = compileTo(compile, sink);
    if (!absl::IsDataLoss(status) && !absl::IsFailedPrecondition(status))
      return status;
    // Once more without the file: the error may be its.
    compile.quantization.statistics.clear();
    compile.quantization.saveStatistics = path;
    absl::Status again = compileTo(std::move(compile), sink);
    if (again.ok() && options.note)
      options.note(absl::StrCat("the statistics '", path, "' were of no use (", firstLine(status),
                                "); collected again"));
    return again;
  }

  absl::StatusOr<std::unique_ptr<BundleRunner>> openBundle(const NamelessFile &file) {
    BundleRunner::Options runner;
    runner.threads = options.threads;
    // A session a thread, so that the time of a text is that of one thread.
    runner.smallSessionBytes = uint64_t(1) << 30;
    return BundleRunner::open(file.path(), runner);
  }

  static EvaluationProgress progressOf(Sweep &sweep) {
    return [&sweep](size_t done, size_t total) { sweep.report("evaluate", done, total); };
  }

  absl::StatusOr<CachedScores> computeBaseline() {
    auto start = std::chrono::steady_clock::now();
    stage = {0, options.recipes.size(), kBaseline, "", 0, 0};
    NamelessFile file;
    if (absl::Status status = file.open(cache->getFolder()); !status.ok())
      return status;
    SweepRecipe recipe;
    recipe.format = kBaseline;
    if (absl::Status status = compileTo(recipe, file); !status.ok())
      return status;
    auto runner = openBundle(file);
    if (!runner.ok())
      return runner.status();
    absl::StatusOr<ModelScores> facts = describeBundle(file.path(), **runner);
    if (!facts.ok())
      return facts.status();
    if (absl::Status status = evaluator->setBaseline(**runner, *facts, progressOf(*this));
        !status.ok())
      return status;
    CachedScores computed{evaluator->getReport().baseline, secondsSince(start), ""};
    if (absl::Status status = cache->store(keyOf(kBaseline), computed); !status.ok())
      return status;
    return computed;
  }

  absl::Status compute(const SweepRecipe &recipe, const std::optional<CachedScores> &known,
                       SweepEntry &entry) {
    auto start = std::chrono::steady_clock::now();
    keptMacs.reset();
    NamelessFile file;
    if (absl::Status status = file.open(cache->getFolder()); !status.ok())
      return status;
    if (absl::Status status = compileTo(recipe, file); !status.ok())
      return status;
    if (known) {
      take(*known, entry);
    } else {
      auto runner = openBundle(file);
      if (!runner.ok())
        return runner.status();
      absl::StatusOr<ModelScores> facts = describeBundle(file.path(), **runner);
      if (!facts.ok())
        return facts.status();
      facts->macsKept = keptMacs;
      BrittlenessEvaluator one = *evaluator; // the baseline, and no other model
      if (absl::Status status = one.addModel(**runner, *facts, progressOf(*this)); !status.ok())
        return status;
      CachedScores computed{one.getReport().models.front(), secondsSince(start), ""};
      if (absl::Status status = cache->store(keyOf(entry.recipe), computed); !status.ok())
        return status;
      take(computed, entry);
      entry.isCached = false;
    }
    return options.keepBundle ? options.keepBundle(recipe, file.path()) : absl::OkStatus();
  }

  static double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  const SweepOptions &options;
  BrittlenessOptions measures;
  EvaluationData evaluation;
  std::string calibrationHash, validationHash;
  std::unique_ptr<BrittlenessEvaluator> evaluator;
  std::unique_ptr<SweepCache> cache;
  SweepKey shared; ///< What all recipes have in common, and their statistics depend on.
  SweepStage stage;
  std::optional<double> keptMacs; ///< Of the recipe that was compiled last.
};

} // namespace

absl::StatusOr<SweepReport> gem::runSweep(const SweepOptions &options) {
  return Sweep(options).run();
}

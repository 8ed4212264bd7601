// A model becomes a bundle: the stages of gem-compile as a library.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pipeline/Compiler.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/Calibration/RuntimeActivationSource.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Checkpoint/ModelSource.h"
#include "compiler/Import/ImportModel.h"
#include "compiler/Pipeline/BundleEvaluation.h"
#include "compiler/Pipeline/ErrorCollector.h"
#include "compiler/Pipeline/Lowering.h"
#include "compiler/Pruning/ModelPruner.h"
#include "compiler/Quantization/Candidate.h"
#include "compiler/Report/MemoryMap.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/ModuleFile.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"
#include "passes/Pruning/ModelParts.h"
#include "passes/Quantization/EncodedWeight.h"
#include "targets/Bundle/BundleWriter.h"
#include "targets/Cpu/CpuTarget.h"
#include "targets/Cpu/LatencyModel.h"
#include "targets/Target.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cmath>
#include <set>

using namespace mlir;
using namespace gem;

namespace {

/// Whether a file holds a module rather than a checkpoint: bytecode, or text that begins
/// as textual IR does.
bool isModuleFile(const std::string &path) {
  if (!llvm::sys::fs::is_regular_file(path))
    return false;
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return false;
  StringRef content = (*file)->getBuffer();
  if (content.starts_with("ML\xefR"))
    return true;
  content = content.take_front(64 * 1024);
  while (true) {
    content = content.ltrim();
    if (!content.starts_with("//"))
      break;
    content = content.drop_until([](char c) { return c == '\n'; });
  }
  for (StringRef start :
       {"module", "gem.", "gemrt.", "func.func", "#", "!", "\"builtin.module\"", "{-#"})
    if (content.starts_with(start))
      return true;
  return false;
}

class StageTimer {
public:
  StageTimer(CompileReport &report, std::string name)
      : report(report), name(std::move(name)), start(std::chrono::steady_clock::now()) {}
  ~StageTimer() {
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    report.stages.push_back({name, seconds.count()});
  }

private:
  CompileReport &report;
  std::string name;
  std::chrono::steady_clock::time_point start;
};

std::string nameOfPath(const std::string &path) {
  llvm::SmallString<256> absolute(path);
  llvm::sys::fs::make_absolute(absolute);
  llvm::sys::path::remove_dots(absolute, /*remove_dot_dot=*/true);
  StringRef name = llvm::sys::path::filename(absolute);
  if (name == "." || name.empty()) // a trailing slash
    name = llvm::sys::path::filename(llvm::sys::path::parent_path(absolute));
  if (!llvm::sys::fs::is_directory(path))
    name = llvm::sys::path::stem(name);
  return name.str();
}

std::string typeName(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

} // namespace

Compiler::Compiler(CompileOptions options)
    : options(std::move(options)), context(MLIRContext::Threading::DISABLED) {
  context.loadDialect<GemDialect, rt::GemRTDialect, func::FuncDialect>();
  report.producer = this->options.producer;
}

Compiler::~Compiler() = default;

absl::Status Compiler::runPasses(PassManager &passes) {
  if (options.configurePasses && failed(options.configurePasses(passes)))
    return absl::InvalidArgumentError("the options for MLIR's pass manager do not fit together");
  ErrorCollector errors(&context);
  if (failed(passes.run(*module)))
    return errors.toStatus("a pass failed without saying why");
  return absl::OkStatus();
}

void Compiler::setProvenance(const std::string &key, const std::string &value) {
  NamedAttrList entries;
  if (auto old = (*module)->getAttrOfType<DictionaryAttr>(kProvenanceAttr))
    entries.append(old.begin(), old.end());
  entries.set(key, StringAttr::get(&context, value));
  (*module)->setAttr(kProvenanceAttr, entries.getDictionary(&context));
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

absl::Status Compiler::import() {
  StageTimer timer(report, "import");
  if (absl::Status status = useDevice(options.device); !status.ok())
    return status;
  report.quantize = options.quantization.recipe.empty() ? options.quantization.quantize : "recipe";
  report.modelPath = options.model;
  if (options.pad && options.sequence == 0)
    return absl::InvalidArgumentError(
        "--pad needs --sequence: say to how many tokens texts are padded, e.g. --sequence 128");

  absl::Status status = isModuleFile(options.model) ? parseModule() : importCheckpoint();
  if (!status.ok())
    return status;
  PassManager passes(&context);
  passes.addPass(createVerifyModelPass());
  if (status = runPasses(passes); !status.ok())
    return status;
  if (status = prepareEvaluation(); !status.ok())
    return status;
  if (status = fitCentroids(); !status.ok())
    return status;
  if (evaluation)
    evaluation->setOriginal(*module);
  reportModel();
  return absl::OkStatus();
}

absl::Status Compiler::useDevice(const std::string &name) {
  absl::StatusOr<DeviceProfile> found = findDevice(name);
  if (!found.ok())
    return found.status();
  device = *std::move(found);
  if (isDeviceFile(name) && !llvm::is_contained(inputFiles, name))
    inputFiles.push_back(name);
  report.device = device.name;
  report.deviceIsa = device.isa;
  report.deviceMemoryLimit = device.memoryLimit;
  return absl::OkStatus();
}

absl::Status Compiler::importCheckpoint() {
  checkpoint::LoadOptions loadOptions;
  loadOptions.overrides = options.overrides;
  absl::StatusOr<checkpoint::ModelSource> source =
      checkpoint::loadModelSource(options.model, loadOptions);
  if (!source.ok())
    return source.status();
  inputFiles.insert(inputFiles.end(), source->files.begin(), source->files.end());
  // Which names a folder has decides which of its files are read.
  if (llvm::sys::fs::is_directory(options.model))
    inputFiles.push_back(options.model);
  ImportOptions importOptions;
  importOptions.name = options.name.empty() ? nameOfPath(options.model) : options.name;
  importOptions.sequence = options.sequence;
  importOptions.pad = options.pad;
  ErrorCollector errors(&context);
  absl::StatusOr<OwningOpRef<ModuleOp>> imported = importModel(context, *source, importOptions);
  if (!imported.ok())
    return imported.status();
  module = *std::move(imported);

  report.sourceFormat = source->format;
  report.hiddenSize = source->hiddenSize;
  report.numLayers = source->numLayers;
  report.numHeads = source->numHeads;
  report.numClasses = source->numClasses;
  report.numClusters = source->numClusters;
  report.notes = source->notes;
  if (!source->tokenizerNote.empty())
    report.notes.push_back(source->tokenizerNote);
  for (const checkpoint::DroppedTensor &dropped : source->dropped)
    report.dropped.push_back({dropped.name, static_cast<int64_t>(dropped.bytes), dropped.reason});
  return absl::OkStatus();
}

absl::Status Compiler::parseModule() {
  if (options.sequence || options.pad || !options.overrides.empty() || !options.name.empty())
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.model,
                     "' is a module, which says its name, sequence and hyper-parameters "
                     "itself: --name, --sequence, --pad and --set do not go with it"));
  inputFiles.push_back(options.model);
  ErrorCollector errors(&context);
  module = parseModuleFile(options.model, context);
  if (!module)
    return errors.toStatus(absl::StrCat("'", options.model, "' cannot be parsed"));
  if (!(*module)->hasAttr(kModelAttr))
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.model,
                     "' has no attribute gem.model: expected a module in the "
                     "gem dialect, as --emit=gem writes it"));
  if (module->getOps<func::FuncOp>().empty())
    return absl::InvalidArgumentError(
        absl::StrCat("'", options.model, "' has no entry point: expected a func.func"));
  report.sourceFormat = "mlir";
  return absl::OkStatus();
}

absl::Status Compiler::fitCentroids() {
  bool needsFit = false;
  module->walk([&](RouteTokensOp router) { needsFit |= !router.getCentroids(); });
  if (!needsFit) {
    if (!options.calibration.empty() && isF32())
      report.notes.push_back("the calibration texts were not needed: the model has centroids");
    return absl::OkStatus();
  }
  if (options.calibration.empty())
    return absl::InvalidArgumentError(
        "the router has no centroids (a checkpoint straight from training has none): give "
        "texts to fit them on with --calibrate FILE.jsonl, or a checkpoint with "
        "router.centroids");
  StageTimer timer(report, "fit centroids");
  absl::StatusOr<TextFileInfo> texts = scanTextFile(options.calibration);
  if (!texts.ok())
    return texts.status();
  inputFiles.push_back(options.calibration);
  RuntimeActivationSource::Options sourceOptions;
  sourceOptions.path = options.calibration;
  sourceOptions.numTexts = texts->numTexts;
  sourceOptions.threads = options.threads;
  if (options.progress)
    sourceOptions.progress = [this](uint64_t done, uint64_t total) {
      options.progress("running the calibration texts", done, total);
    };
  RuntimeActivationSource source(sourceOptions);
  FitRouterCentroidsPassOptions fitOptions;
  fitOptions.seed = options.seed;
  PassManager passes(&context);
  passes.addPass(createFitRouterCentroidsPass(fitOptions, &source));
  if (absl::Status status = runPasses(passes); !status.ok())
    return status;
  setProvenance("calibration.hash", texts->hash);
  setProvenance("calibration.seed", absl::StrCat(options.seed));
  report.calibrationTexts = texts->numTexts;
  report.calibrationTokens = source.getNumTokens();
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Prune
//===----------------------------------------------------------------------===//

absl::Status Compiler::prune() {
  if (!options.pruning.isWanted())
    return absl::OkStatus();
  StageTimer timer(report, "prune");
  PrunerOptions pruner;
  pruner.wanted = options.pruning;
  if (options.pruning.keepDomain && options.pruning.validation.empty()) {
    absl::StatusOr<TextSplit> split =
        TextSplit::splitFile(options.calibration, options.pruning.seed);
    if (!split.ok())
      return split.status();
    heldBack = *std::move(split);
    pruner.wanted.validation = heldBack->getJudge();
  }
  pruner.calibration = calibrationTexts();
  pruner.threads = options.threads;
  pruner.progress = options.progress;
  bool hasBudget = options.pruning.maxBytes || options.pruning.maxSeconds;
  if (!isF32() || hasBudget)
    pruner.finish = [this](ModuleOp pruned) { return finishCopy(pruned); };
  absl::StatusOr<PruningSummary> summary = pruneModel(*module, pruner);
  if (!summary.ok())
    return summary.status();
  for (const auto &[key, value] : summary->provenance)
    setProvenance(key, value);
  for (const std::string &file :
       {options.calibration, options.pruning.validation, options.pruning.vocabularyCorpus})
    if (!file.empty() && !llvm::is_contained(inputFiles, file))
      inputFiles.push_back(file);
  report.pruning = std::move(summary->report);
  report.pruning->validation = nameOfTexts(report.pruning->validation);
  if (report.pruning->vocabulary)
    report.pruning->vocabulary->corpus = nameOfTexts(report.pruning->vocabulary->corpus);
  report.macs = {};
  reportModel();
  report.notes.insert(report.notes.end(), summary->notes.begin(), summary->notes.end());
  return absl::OkStatus();
}

/// Those that compression may see.
const std::string &Compiler::calibrationTexts() const {
  return heldBack ? heldBack->getFit() : options.calibration;
}

/// A file as the user gave it: a part that was split off is named after the whole.
std::string Compiler::nameOfTexts(const std::string &path) const {
  bool isPart = heldBack && (path == heldBack->getFit() || path == heldBack->getJudge());
  return isPart ? options.calibration : path;
}

/// A copy of a pruned module as it will be written, within the budgets.
absl::StatusOr<OwningOpRef<ModuleOp>> Compiler::finishCopy(ModuleOp pruned) {
  OwningOpRef<ModuleOp> copy = pruned.clone();
  {
    ErrorCollector errors(&context);
    PassManager passes(&context);
    buildGraphPipeline(passes);
    if (failed(passes.run(*copy)))
      return errors.toStatus("preparing the pruned model failed");
  }
  if (!isF32()) {
    QuantizerOptions quantizer = quantizerOptions();
    quantizer.imported = pruned;
    quantizer.evaluation.clear();
    quantizer.saveStatistics.clear();
    quantizer.saveRecipe.clear();
    absl::StatusOr<QuantizationSummary> summary = quantizeModel(*copy, quantizer);
    if (!summary.ok())
      return summary.status();
  }
  if (options.pruning.maxBytes) {
    QuantizeStep step;
    step.threads = options.threads;
    auto candidate = Candidate::build(*copy, step, nullptr);
    if (!candidate.ok())
      return candidate.status();
    if ((*candidate)->getBytes() > *options.pruning.maxBytes)
      return absl::FailedPreconditionError(
          absl::StrCat("--max-size: expected a bundle of at most ", *options.pruning.maxBytes,
                       " bytes, but with all pruned that can be it still takes ",
                       (*candidate)->getBytes(), "; combine it with --quantize, or allow more"));
  }
  if (options.pruning.maxSeconds) {
    OwningOpRef<ModuleOp> program = copy->clone();
    absl::StatusOr<double> seconds = modelLatencyOf(*program);
    if (!seconds.ok())
      return seconds.status();
    if (*seconds > *options.pruning.maxSeconds)
      return absl::FailedPreconditionError(absl::StrFormat(
          "--max-latency: expected at most %.3g ms on %s, but with all pruned that can be it "
          "still takes %.3g ms; combine it with --quantize, or allow more",
          *options.pruning.maxSeconds * 1e3, device.name, *seconds * 1e3));
  }
  return copy;
}

//===----------------------------------------------------------------------===//
// Lower
//===----------------------------------------------------------------------===//

bool Compiler::isF32() const {
  const QuantizerOptions &quantizer = options.quantization;
  return quantizer.quantize == "f32" && quantizer.recipe.empty() &&
         quantizer.saveStatistics.empty() && quantizer.saveRecipe.empty();
}

absl::Status Compiler::lower() {
  OwningOpRef<ModuleOp> imported;
  if (!isF32())
    imported = module->clone();
  {
    StageTimer timer(report, "lower");
    PassManager passes(&context);
    buildGraphPipeline(passes);
    if (absl::Status status = runPasses(passes); !status.ok())
      return status;
  }
  if (absl::Status status = quantize(imported.get()); !status.ok())
    return status;
  StageTimer timer(report, "lower");
  PassManager passes(&context);
  passes.addPass(createAssignWeightFormatsPass());
  findTarget("cpu")->buildPipeline(passes, device);
  if (absl::Status status = runPasses(passes); !status.ok())
    return status;
  reportProgram();
  return modelLatencyOfProgram();
}

bool Compiler::isForAnyDevice(const CompileOptions &options) {
  return !options.quantization.maxSeconds && !options.pruning.maxSeconds;
}

absl::Status Compiler::retarget(const std::string &name) {
  if (absl::Status status = useDevice(name); !status.ok())
    return status;
  StringRef kernels = cpuKernelsOf(device);
  for (auto program : module->getOps<rt::ProgramOp>()) {
    program.setDevice(device.name);
    program.setMemoryLimit(device.memoryLimit);
    program.setCpuKernelsAttr(kernels.empty() ? StringAttr() : StringAttr::get(&context, kernels));
  }
  // What was evaluated says another device.
  bundleSummary.reset();
  report.latency.reset();
  // So does what was measured: by the other's threads, and judged by its limit.
  report.memory.sessionBytes = report.memory.bundleBytes = report.memory.tokenizerBytes = 0;
  report.memory.isTooMuch = false;
  return modelLatencyOfProgram();
}

/// "int4g32", or "hybrid" for several formats: the same whether an option or a recipe said
/// so. The router, which is never quantized, does not count.
static std::string formatsOf(ModuleOp module) {
  std::set<std::string> quantized;
  bool isHalf = false;
  for (auto weight : module.getOps<WeightOp>()) {
    std::optional<quant::Format> format = getFormat(weight.getWeightType().getElementType());
    if (format && !format->isFloat())
      quantized.insert(format->name());
    isHalf |= format == quant::Format{.bits = 16};
  }
  if (quantized.empty())
    return isHalf ? "f16" : "f32";
  return quantized.size() == 1 ? *quantized.begin() : "hybrid";
}

QuantizerOptions Compiler::quantizerOptions() {
  QuantizerOptions quantizer = options.quantization;
  quantizer.calibration = calibrationTexts();
  quantizer.parameters = report.parameters;
  quantizer.threads = options.threads;
  quantizer.progress = options.progress;
  if (!device.clusters.empty())
    quantizer.latency = [this](ModuleOp copy) { return modelLatencyOf(copy); };
  return quantizer;
}

/// Quantizes the module; `imported`: as it was before graph passes.
absl::Status Compiler::quantize(ModuleOp imported) {
  setProvenance("quantize", "f32");
  if (isF32())
    return absl::OkStatus();
  StageTimer timer(report, "quantize");
  QuantizerOptions quantizer = quantizerOptions();
  quantizer.imported = imported;
  absl::StatusOr<QuantizationSummary> summary = quantizeModel(*module, quantizer);
  if (!summary.ok())
    return summary.status();
  quantization = *std::move(summary);
  setProvenance("quantize", formatsOf(*module));
  for (const auto &[key, value] : quantization.provenance)
    setProvenance(key, value);
  for (const std::string &file : quantization.inputFiles)
    if (!llvm::is_contained(inputFiles, nameOfTexts(file)))
      inputFiles.push_back(nameOfTexts(file));
  report.allocation = quantization.allocation;
  report.evaluation = quantization.evaluation;
  if (report.evaluation)
    report.evaluation->source = nameOfTexts(report.evaluation->source);
  report.notes.insert(report.notes.end(), quantization.notes.begin(), quantization.notes.end());
  return absl::OkStatus();
}

/// The modelled seconds of a module in the gem dialect, formats decided.
absl::StatusOr<double> Compiler::modelLatencyOf(ModuleOp copy) {
  PassManager passes(&context);
  passes.addPass(createAssignWeightFormatsPass());
  findTarget("cpu")->buildPipeline(passes, device);
  ErrorCollector errors(&context);
  if (failed(passes.run(copy)))
    return errors.toStatus("lowering the model for its latency failed");
  for (auto program : copy.getOps<rt::ProgramOp>())
    for (auto entry : program.getOps<rt::EntryOp>()) {
      absl::StatusOr<ModelledLatency> latency = modelLatency(entry, device);
      if (!latency.ok())
        return latency.status();
      return latency->seconds;
    }
  return absl::InternalError("the program has no entry");
}

/// The latency on the device; nothing where its profile does not say how fast it is.
absl::Status Compiler::modelLatencyOfProgram() {
  if (device.clusters.empty())
    return absl::OkStatus();
  for (auto program : module->getOps<rt::ProgramOp>())
    for (auto entry : program.getOps<rt::EntryOp>()) {
      absl::StatusOr<ModelledLatency> latency = modelLatency(entry, device);
      if (!latency.ok())
        return absl::IsNotFound(latency.status()) ? absl::OkStatus() : latency.status();
      LatencyReport &out = report.latency.emplace();
      out.tokens = latency->tokens;
      out.threads = latency->threads;
      out.seconds = latency->seconds;
      out.assumptions = latency->assumptions;
      for (const ModelledCall &call : latency->calls)
        out.calls.push_back({call.name, call.kernel, call.cost.format, call.time.seconds(),
                             call.cost.macs, call.cost.weightBytes + call.cost.activationBytes,
                             static_cast<Binds>(call.time.bound())});
      return absl::OkStatus();
    }
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// Evaluate
//===----------------------------------------------------------------------===//

/// Refuses what can be refused before the work.
absl::Status Compiler::prepareEvaluation() {
  const QuantizerOptions &quantizer = options.quantization;
  if (quantizer.evaluation.empty())
    return absl::OkStatus();
  BundleEvaluationOptions evaluationOptions;
  evaluationOptions.texts = quantizer.evaluation;
  evaluationOptions.failIf = options.failIf;
  evaluationOptions.seen = {{"--calibrate", options.calibration},
                            {"--validate", options.pruning.validation},
                            {"--vocabulary-corpus", options.pruning.vocabularyCorpus}};
  evaluationOptions.calibration = options.calibration;
  evaluationOptions.statistics = quantizer.statistics;
  evaluationOptions.minimumTexts = options.minimumTexts;
  evaluationOptions.threads = options.threads;
  evaluationOptions.progress = options.progress;
  auto created = BundleEvaluation::create(std::move(evaluationOptions));
  if (!created.ok())
    return created.status();
  evaluation = *std::move(created);
  // The others too: what the compression sees must not be among what it is judged on.
  for (const std::string &file : {quantizer.evaluation, options.calibration, quantizer.statistics,
                                  options.pruning.validation, options.pruning.vocabularyCorpus})
    if (!file.empty())
      inputFiles.push_back(file);
  return absl::OkStatus();
}

absl::Status Compiler::evaluate() {
  if (!evaluation)
    return absl::OkStatus();
  StageTimer timer(report, "evaluate");
  absl::StatusOr<BundleSummary> summary = writeProgram(evaluated);
  if (!summary.ok())
    return summary.status();
  if (absl::Status status = evaluated.seal(); !status.ok())
    return status;
  bundleSummary = *std::move(summary);
  ModelScores facts;
  facts.name = report.modelName;
  facts.bytes = bundleSummary->fileBytes;
  facts.memoryBytes = bundleSummary->weightBytes; // the session comes on top
  if (report.parameters)
    facts.bitsPerWeight = 8.0 * static_cast<double>(bundleSummary->weightBytes) / report.parameters;
  if (report.pruning)
    facts.macsKept = report.pruning->reached();
  auto result = evaluation->run(evaluated.data(), std::move(facts), report.parameters);
  if (!result.ok())
    return result.status();
  noteBundle();
  report.brittleness = *std::move(result);
  report.gates = evaluation->judge(*report.brittleness);
  std::string messages;
  for (const GateReport &gate : report.gates)
    if (gate.failed)
      absl::StrAppend(&messages, messages.empty() ? "" : "\n", gate.message);
  return messages.empty() ? absl::OkStatus() : absl::AbortedError(messages);
}

//===----------------------------------------------------------------------===//
// Write
//===----------------------------------------------------------------------===//

absl::StatusOr<BundleSummary> Compiler::writeProgram(BundleSink &sink) {
  BundleOptions bundleOptions;
  bundleOptions.producer = options.producer;
  bundleOptions.threads = options.threads;
  auto progress = [this](uint64_t done, uint64_t total) {
    if (options.progress)
      options.progress("writing the bundle", done, total);
  };
  bundleOptions.progress = progress;
  return writeBundle(*module, *findTarget("cpu"), bundleOptions, sink);
}

/// Writes what was evaluated, byte by byte.
static absl::Status copyTo(ArrayRef<char> data, BundleSink &sink) {
  constexpr size_t kPiece = 1 << 20;
  for (size_t at = 0; at < data.size(); at += kPiece)
    if (absl::Status status = sink.write(at, data.slice(at).take_front(kPiece)); !status.ok())
      return status;
  return absl::OkStatus();
}

absl::Status Compiler::write(BundleSink &sink) {
  StageTimer timer(report, "write");
  // What is known before the work.
  if (absl::Status status = checkMemory(); !status.ok())
    return status;
  if (!bundleSummary) {
    absl::StatusOr<BundleSummary> written = writeProgram(sink);
    if (!written.ok())
      return written.status();
    bundleSummary = *std::move(written);
  } else if (absl::Status status = copyTo(evaluated.data(), sink); !status.ok()) {
    return status;
  }
  noteBundle();
  return absl::OkStatus();
}

/// Refuses what the device's memory cannot hold, as far as it is known.
absl::Status Compiler::checkMemory() {
  report.memory.isTooMuch = !makeMemoryMap(report).fits();
  return report.memory.isTooMuch ? absl::FailedPreconditionError(explainMemory(report))
                                 : absl::OkStatus();
}

absl::Status Compiler::noteMemory(absl::StatusOr<RuntimeMemory> memory) {
  if (!memory.ok())
    return memory.status();
  report.memory.sessionBytes = memory->sessionBytes;
  report.memory.bundleBytes = memory->bundleBytes;
  report.memory.tokenizerBytes = memory->tokenizerBytes;
  return checkMemory();
}

absl::Status Compiler::checkBundle(const std::string &path) {
  return noteMemory(measureRuntimeMemory(path, device.threads));
}

absl::Status Compiler::checkBundle(ArrayRef<char> bundle) {
  return noteMemory(measureRuntimeMemory(bundle, device.threads));
}

/// What is known of the bundle once it was written.
void Compiler::noteBundle() {
  const BundleSummary &summary = *bundleSummary;
  for (TensorReport &tensor : report.tensors) {
    auto packed = summary.packed.find(tensor.name);
    if (packed != summary.packed.end() && packed->second.noise > 0)
      tensor.snr = 10 * std::log10(packed->second.signal / packed->second.noise);
  }
  report.fileBytes = summary.fileBytes;
  report.weightBytes = summary.weightBytes;
  report.tokenizerBytes = summary.tokenizerBytes;
}

//===----------------------------------------------------------------------===//
// Report
//===----------------------------------------------------------------------===//

void Compiler::reportModel() {
  if (auto info = (*module)->getAttrOfType<DictionaryAttr>(kModelAttr)) {
    report.modelName = info.getAs<StringAttr>("name").str();
    report.architecture = info.getAs<StringAttr>("architecture").str();
    if (auto parameters = info.getAs<IntegerAttr>("parameters"))
      report.parameters = parameters.getInt();
  }
  report.padded = (*module)->hasAttr(kPaddedAttr);
  SymbolSizes sizes;
  for (auto symbol : module->getOps<gem::SymbolOp>()) {
    sizes[symbol.getSymName()] = symbol.getMaximum();
    report.sequence = std::max<int64_t>(report.sequence, symbol.getMaximum());
  }
  for (auto function : module->getOps<func::FuncOp>())
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (auto role = function.getArgAttrOfType<RoleAttr>(index, kRoleAttr);
          role && role.getValue() == Role::TokenIds)
        report.sequence =
            std::max(report.sequence, getExtent(cast<RankedTensorType>(type), 0, sizes));
  llvm::DenseMap<Operation *, ModelPart> parts = partitionModel(*module);
  module->walk([&](CostOpInterface op) {
    int64_t macs = op.getMacs(sizes);
    switch (parts.lookup(op)) {
    case ModelPart::Encoder:
      report.macs.encoder += macs;
      break;
    case ModelPart::Router:
      report.macs.router += macs;
      break;
    case ModelPart::Scar:
      report.macs.scar += macs;
      break;
    case ModelPart::Head:
      report.macs.head += macs;
      break;
    }
  });
}

/// What quantizing learned of a tensor.
void Compiler::addQuantization(TensorReport &tensor) {
  if (auto source = quantization.sourceTypes.find(tensor.name);
      source != quantization.sourceTypes.end())
    tensor.sourceType = source->second;
  if (auto predicted = quantization.predicted.find(tensor.name);
      predicted != quantization.predicted.end())
    std::tie(tensor.predictedLoss, tensor.predictedDomain) = predicted->second;
  auto chosen = quantization.weights.find(tensor.name);
  if (chosen == quantization.weights.end())
    return;
  const QuantizedWeight &weight = chosen->second;
  tensor.algorithm = weight.algorithm;
  if (weight.noise > 0)
    tensor.snr = 10 * std::log10(weight.signal / weight.noise);
  if (weight.outputNoise > 0)
    tensor.outputSnr = 10 * std::log10(weight.outputSignal / weight.outputNoise);
}

void Compiler::reportProgram() {
  for (auto program : module->getOps<rt::ProgramOp>()) {
    for (auto constant : program.getOps<rt::ConstantOp>()) {
      auto type = cast<rt::ConstantType>(constant.getType());
      TensorReport &tensor = report.tensors.emplace_back();
      tensor.name = constant.getSymName();
      tensor.shape.assign(type.getShape().begin(), type.getShape().end());
      tensor.sourceType = typeName(constant.getValue().getElementType());
      std::optional<quant::Format> format = getFormat(type.getElementType());
      tensor.format = format ? format->name() : typeName(type.getElementType());
      if (format && !format->isFloat())
        tensor.algorithm = "rtn";
      addQuantization(tensor);
      tensor.layout = stringifyLayout(type.getLayout());
      tensor.bytes = type.getByteSize();
    }
    SymbolSizes sizes = rt::getMaximumSizes(program);
    for (auto entry : program.getOps<rt::EntryOp>()) {
      report.memory.arenaBytes += entry.getArenaSize().value_or(0);
      report.memory.lowerBoundBytes += entry.getArenaLowerBound().value_or(0);
      llvm::MapVector<Value, BufferReport> buffers;
      for (auto alloc : entry.getOps<rt::AllocOp>()) {
        BufferReport &buffer = buffers[alloc];
        buffer.offset = alloc.getOffset().value_or(0);
        buffer.bytes = alloc.getType().getByteSize(sizes);
        buffer.first = -1;
      }
      auto touch = [&](Value value, int64_t time) {
        auto it = buffers.find(value);
        if (it == buffers.end())
          return;
        if (it->second.first < 0)
          it->second.first = time;
        it->second.last = std::max(it->second.last, time);
      };
      for (auto input : entry.getOps<rt::InputOp>()) {
        touch(input.getBuffer(), 0);
        buffers[input.getBuffer()].name = input.getName();
      }
      int64_t time = 0;
      entry.walk([&](rt::CallOp call) {
        ++time;
        for (Value value : call->getOperands())
          touch(value, time);
        for (Value value : call.getOutputs())
          if (buffers.count(value) && buffers[value].name.empty())
            buffers[value].name = call.getName().value_or("").str();
      });
      for (auto output : entry.getOps<rt::OutputOp>())
        touch(output.getBuffer(), time);
      report.memory.numCalls += time;
      for (auto &[value, buffer] : buffers) {
        buffer.first = std::max<int64_t>(buffer.first, 0);
        report.memory.buffers.push_back(buffer);
      }
    }
  }
  llvm::stable_sort(report.memory.buffers, [](const BufferReport &a, const BufferReport &b) {
    return std::tuple(a.offset, a.first) < std::tuple(b.offset, b.first);
  });
}

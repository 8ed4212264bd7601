// A model becomes a bundle: the stages of gem-compile as a library.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PIPELINE_COMPILER_H
#define GEM_COMPILER_PIPELINE_COMPILER_H

#include "absl/status/status.h"
#include "compiler/Evaluation/BrittlenessMeasures.h"
#include "compiler/Evaluation/Condition.h"
#include "compiler/Pipeline/RuntimeMemory.h"
#include "compiler/Pruning/PruningOptions.h"
#include "compiler/Pruning/TextSplit.h"
#include "compiler/Quantization/ModelQuantizer.h"
#include "compiler/Report/CompileReport.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "targets/Bundle/ScratchBundle.h"
#include "targets/devices/DeviceProfile.h"
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class PassManager;
} // namespace mlir

namespace gem {

class BundleEvaluation;
class BundleSink;

struct CompileOptions {
  std::string model;                            ///< File or directory.
  std::string name;                             ///< Of the model; empty: from the path.
  std::string device = "host";                  ///< See DeviceProfile.h.
  QuantizerOptions quantization;                ///< Texts, threads, progress: set from here.
  PruningOptions pruning;                       ///< Texts are those of `calibration`.
  std::string calibration;                      ///< File of texts; empty: none.
  std::vector<Condition> failIf;                ///< Of what quantization.evaluation gives.
  int64_t minimumTexts = kMinimumTexts;         ///< Of every domain there.
  std::map<std::string, std::string> overrides; ///< Hyper-parameters (ModelSource.h).
  int64_t sequence = 0;                         ///< Tokens at most; 0: the model's positions.
  bool pad = false;                             ///< Run at exactly `sequence` tokens.
  uint64_t seed = 0;                            ///< Of the centroids' fit.
  unsigned threads = 1;                         ///< That calibrate.
  std::string producer;                         ///< Tool and version.
  /// Called now and then in stages that may take long.
  std::function<void(const std::string &stage, uint64_t done, uint64_t total)> progress;
  /// Applied to every pass manager, e.g. MLIR's command line options.
  std::function<mlir::LogicalResult(mlir::PassManager &)> configurePasses;
};

/// Runs the stages in order; each may be followed by a look at the module. A failed stage
/// says what is wrong with which input (InvalidArgument, NotFound, DataLoss,
/// FailedPrecondition) or what failed (any other code); messages of several lines list
/// several problems.
class Compiler {
public:
  explicit Compiler(CompileOptions options);
  ~Compiler();

  /// Reads the model into the gem dialect, verifies it and fits missing centroids.
  absl::Status import();
  /// Removes from it what options.pruning asks for.
  absl::Status prune();
  /// Takes it to a planned program in the gemrt dialect.
  absl::Status lower();
  /// Runs the program and the uncompressed model on the texts of
  /// options.quantization.evaluation. Aborted when a gate fails, a line for each.
  absl::Status evaluate();
  /// Makes the program, lowered before, one for another device. Only when nothing that was
  /// decided depends on the device (isForAnyDevice): then the weights stay as they are.
  absl::Status retarget(const std::string &name);
  /// Whether the bundle for one device differs from that for another in nothing but what it
  /// says of the device.
  static bool isForAnyDevice(const CompileOptions &options);
  /// Writes the program. Refuses one that the device's memory cannot hold, with a map of it
  /// (compiler/Report/MemoryMap.h), as does checkBundle().
  absl::Status write(BundleSink &sink);
  /// Opens what was written as a device would, in a file or in memory aligned to 64 bytes: a
  /// bundle that the runtime refuses must not leave the compiler. Reports what it takes.
  absl::Status checkBundle(const std::string &path);
  absl::Status checkBundle(llvm::ArrayRef<char> bundle);

  mlir::ModuleOp getModule() { return *module; }
  CompileReport &getReport() { return report; }
  /// The formats as a recipe, when options.quantization.saveRecipe asks for it.
  const std::string &getRecipe() const { return quantization.recipe; }
  /// Every file that was read, for a depfile.
  const std::vector<std::string> &getInputFiles() const { return inputFiles; }

private:
  absl::Status importCheckpoint();
  absl::Status parseModule();
  absl::Status useDevice(const std::string &name);
  absl::Status fitCentroids();
  absl::Status prepareEvaluation();
  absl::StatusOr<BundleSummary> writeProgram(BundleSink &sink);
  absl::StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> finishCopy(mlir::ModuleOp pruned);
  QuantizerOptions quantizerOptions();
  const std::string &calibrationTexts() const;
  std::string nameOfTexts(const std::string &path) const;
  absl::Status quantize(mlir::ModuleOp imported);
  absl::Status modelLatencyOfProgram();
  absl::StatusOr<double> modelLatencyOf(mlir::ModuleOp copy);
  absl::Status checkMemory();
  absl::Status noteMemory(absl::StatusOr<RuntimeMemory> memory);
  absl::Status runPasses(mlir::PassManager &passes);
  bool isF32() const;
  void addQuantization(TensorReport &tensor);
  void noteBundle();
  void reportModel();
  void reportProgram();
  void setProvenance(const std::string &key, const std::string &value);

  CompileOptions options;
  CompileReport report;
  std::optional<TextSplit> heldBack; ///< Calibration texts without those to judge floors on.
  QuantizationSummary quantization;
  std::vector<std::string> inputFiles;
  DeviceProfile device;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<BundleEvaluation> evaluation; ///< Null without texts to evaluate on.
  ScratchBundle evaluated; ///< The bundle, which then is what is written.
  std::optional<BundleSummary> bundleSummary; ///< Once it was written, there or elsewhere.
};

} // namespace gem

#endif // GEM_COMPILER_PIPELINE_COMPILER_H

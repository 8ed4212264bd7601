// Activations of two models for the same texts.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_PAIREDACTIVATIONS_H
#define GEM_COMPILER_CALIBRATION_PAIREDACTIVATIONS_H

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/ActivationSource.h"
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gem {

struct PairedText {
  std::string domain;
  int64_t tokens = 0; ///< Without padding.
};

/// Runs an original and a compressed model on the texts of a file, a few texts at a time, and
/// shows values of both: row i of each is the same token. Texts that the two tokenizers split
/// into different numbers of tokens are left out. Memory does not grow with the number of
/// texts; what keep() asks for lies in a temporary file.
class PairedActivations {
public:
  struct Options {
    std::string texts; ///< File of texts (TextFile.h).
    unsigned threads = 1;
  };
  using Consume = absl::FunctionRef<absl::Status(llvm::ArrayRef<ActivationRows> original,
                                                 llvm::ArrayRef<ActivationRows> compressed,
                                                 const PairedText &text)>;
  using Progress = std::function<void(uint64_t done, uint64_t total)>;

  PairedActivations(mlir::ModuleOp original, mlir::ModuleOp compressed, Options options);
  ~PairedActivations();

  /// Checks the file and counts what both models will read of it. To be called once before
  /// run(). FailedPrecondition when a model has no tokenizer, or when they agree on no text.
  absl::Status count();
  const std::map<std::string, int64_t> &getTextsOfDomain() const { return texts; }
  const std::map<std::string, int64_t> &getTokensOfDomain() const { return tokens; }

  /// Lets the next run() keep the rows of a value of each model: runs after it start there
  /// instead of at the token ids, as long as what they want depends on nothing else, so that
  /// the layers of a model are not run again and again.
  void keep(mlir::Value original, mlir::Value compressed);
  /// Changes the kept rows of the compressed model to `factors * row + offsets`, by column:
  /// what a layer norm would give after its weights changed so. Without a call the layers
  /// that kept rows come from must stay as they are.
  void transformKept(std::vector<double> factors, std::vector<double> offsets);
  /// Says which values the kept rows are of, after operations were replaced.
  void moveKept(mlir::Value original, mlir::Value compressed);
  bool hasKept() const { return kept != nullptr; }

  /// Calls `consume` once a text, in the order of the file, with the rows of the values: f32
  /// tensors of rank 1 or 2, of one function of each model. Either list may be empty. The
  /// models are those of now: weights may change between calls.
  absl::Status run(llvm::ArrayRef<mlir::Value> original, llvm::ArrayRef<mlir::Value> compressed,
                   Consume consume, const Progress &progress = nullptr);

private:
  struct Kept;

  mlir::ModuleOp originalModule, compressedModule;
  Options options;
  std::map<std::string, int64_t> texts, tokens; ///< By domain.
  uint64_t numTexts = 0;                        ///< That are run.
  std::unique_ptr<Kept> kept, next;             ///< To start from; of the next run.
};

} // namespace gem

#endif // GEM_COMPILER_CALIBRATION_PAIREDACTIVATIONS_H

// Removing pieces of a model's vocabulary that its texts do without.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_VOCABULARY_H
#define GEM_COMPILER_PRUNING_VOCABULARY_H

#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <string>
#include <vector>

namespace gem {

/// How often the pieces of a vocabulary occur in a corpus, each text cut to the length that
/// the model reads.
struct VocabularyUse {
  std::vector<int64_t> counts; ///< By id, [CLS] and [SEP] included.
  int64_t texts = 0, tokens = 0;
};

/// Which pieces stay; both conditions hold.
struct VocabularyOptions {
  int64_t minimumCount = 1;  ///< Pieces that occur less often go.
  int64_t maximumPieces = 0; ///< Of the rest, the most frequent stay (ties: lower ids); 0: all.
};

/// What a smaller vocabulary does to a corpus.
struct VocabularyChange {
  int64_t pieces = 0, piecesBefore = 0;
  int64_t texts = 0;
  int64_t resplitTexts = 0;                       ///< Whose pieces are not the same.
  int64_t unknownTexts = 0, unknownTextsBefore = 0; ///< With at least one [UNK].
  int64_t tokens = 0, tokensBefore = 0;
  int64_t unknownTokens = 0, unknownTokensBefore = 0;
};

/// Counts the pieces that the tokenizer of `module` (in the gem dialect) makes of the file of
/// texts `corpus` (TextFile.h), which is read as a stream. FailedPrecondition without a
/// tokenizer; else the file's errors.
absl::StatusOr<VocabularyUse> countVocabulary(mlir::ModuleOp module, const std::string &corpus);

/// The ids to keep, ascending. Beside those that `options` asks for, that is
/// * the special pieces, and every piece of a single character, first in a word or not;
/// * of the pieces that occur, those with a character that no such piece stands for: without
///   them the word would become [UNK].
/// Words may still become [UNK], where the longest piece that stays ends inside of one that
/// was needed: compareVocabulary tells how many do. InvalidArgument for options that make no
/// sense or a `use` of another vocabulary.
absl::StatusOr<std::vector<int64_t>>
chooseVocabulary(mlir::ModuleOp module, const VocabularyUse &use, const VocabularyOptions &options);

/// Splits `corpus` with all pieces and with those in `kept`, for the report. As texts come to
/// more pieces, one that is cut to the model's length may lose an [UNK] at its end.
absl::StatusOr<VocabularyChange>
compareVocabulary(mlir::ModuleOp module, llvm::ArrayRef<int64_t> kept, const std::string &corpus);

namespace prune {

/// Keeps the rows `kept` (ascending) of the word embeddings and makes the tokenizer give the
/// new ids, in the order of the old; a word whose pieces went is split into others. Rows past
/// the tokenizer's vocabulary may stay too.
///
/// InvalidArgument for rows that are not there, and without the pieces for unknown words,
/// padding, [CLS] or [SEP]; FailedPrecondition without a tokenizer, or with a table that is
/// in parts, read otherwise, stored in a format already or without data. The module is then
/// as it was.
absl::Status keepVocabulary(mlir::ModuleOp module, llvm::ArrayRef<int64_t> kept);

} // namespace prune
} // namespace gem

#endif // GEM_COMPILER_PRUNING_VOCABULARY_H

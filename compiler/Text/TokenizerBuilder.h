// Builds a bundle's tokenizer segment from a WordPiece vocabulary.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_TEXT_TOKENIZERBUILDER_H
#define GEM_COMPILER_TEXT_TOKENIZERBUILDER_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gem {

/// A WordPiece vocabulary and the rules of BERT's basic tokenizer around it, as
/// read from a `vocab.txt` or a `tokenizer.json`. The defaults are those of an
/// uncased BERT.
struct WordPieceVocabulary {
  /// The pieces' UTF-8 bytes by id. A continuation piece keeps its prefix.
  std::vector<std::string> pieces;
  bool lowercase = true;
  /// Hugging Face takes the value of `lowercase` when its `strip_accents` is
  /// null; whoever reads a tokenizer.json resolves that.
  bool stripAccents = true;
  bool splitCjk = true;
  bool cleanText = true;
  std::string continuationPrefix = "##";
  /// The pieces with a special meaning. The first four must be in `pieces`;
  /// `maskToken` may be missing there, or be empty.
  std::string unknownToken = "[UNK]";
  std::string clsToken = "[CLS]";
  std::string sepToken = "[SEP]";
  std::string padToken = "[PAD]";
  std::string maskToken = "[MASK]";
  /// Longer words become the unknown token. In characters, at least 1.
  uint32_t maxCharactersPerWord = 100;
};

/// Serializes `vocabulary` as a tokenizer segment (runtime/schema/
/// gem_tokenizer.fbs). The bytes depend on nothing but the argument. Refuses a
/// vocabulary without its special tokens, with a piece twice, or past the limits
/// of the format, and lists every problem found.
absl::StatusOr<std::string> buildTokenizerSegment(const WordPieceVocabulary &vocabulary);

} // namespace gem

#endif // GEM_COMPILER_TEXT_TOKENIZERBUILDER_H

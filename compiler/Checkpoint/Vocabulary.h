// Reads WordPiece vocabularies: vocab.txt and tokenizer.json.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules around the pieces come from, in this order: --set; tokenizer_config.json
// beside the vocabulary; the normalizer of tokenizer.json; config.json. When a
// vocab.txt comes with none of these, do_lower_case is read off the pieces: a
// vocabulary without a single capital ASCII letter (outside its [SPECIAL] pieces)
// cannot be meant for cased text. strip_accents follows do_lower_case unless
// something says otherwise, as in Hugging Face's tokenizers.
#ifndef GEM_COMPILER_CHECKPOINT_VOCABULARY_H
#define GEM_COMPILER_CHECKPOINT_VOCABULARY_H

#include "compiler/Checkpoint/Settings.h"
#include "compiler/Text/TokenizerBuilder.h"

#include <optional>
#include <string>
#include <vector>

namespace gem::checkpoint {

struct VocabularyResult {
  /// Absent when there is no vocabulary, or one of a kind that is not supported;
  /// `reason` then says so.
  std::optional<WordPieceVocabulary> vocabulary;
  std::string reason;
  std::vector<std::string> notes;
  std::vector<std::string> files;
  /// The padding token's id, when there is a vocabulary.
  std::optional<int64_t> padTokenId;
};

/// Reads the vocabulary that `settings` names (`tokenizer`), else tokenizer.json
/// or vocab.txt of `directory`. What is broken becomes a problem. `vocabSize` is
/// the model's, 0 when unknown: a vocabulary may be smaller, never larger.
VocabularyResult loadVocabulary(const Settings &settings, const std::string &directory,
                                int64_t vocabSize, Problems &problems);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_VOCABULARY_H

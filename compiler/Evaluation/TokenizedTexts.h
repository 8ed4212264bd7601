// Texts as token ids, as a bundle's own tokenizer makes them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_EVALUATION_TOKENIZEDTEXTS_H
#define GEM_COMPILER_EVALUATION_TOKENIZEDTEXTS_H

#include "absl/status/statusor.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/RuntimeHandles.h"
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gem {

/// A tokenizer and the length that it cuts texts to.
class TextTokenizer {
public:
  /// The tokenizer of a bundle, at the bundle's maximum number of tokens. FailedPrecondition
  /// when it carries none.
  static absl::StatusOr<TextTokenizer> open(const gem_bundle_t *bundle);
  /// From the bytes of a tokenizer segment (TokenizerBuilder.h).
  static absl::StatusOr<TextTokenizer> fromSegment(std::span<const char> segment,
                                                   uint32_t maximumTokens);

  uint32_t vocabularySize() const { return gem_tokenizer_vocabulary_size(tokenizer.get()); }
  uint32_t getMaximumTokens() const { return maximumTokens; }
  /// The piece of an id, "##ing"; empty when there is no such id.
  std::string_view piece(int32_t id) const;

  /// [CLS] pieces [SEP], cut to the maximum; good until the next call.
  absl::StatusOr<std::span<const int32_t>> encode(const std::string &text);

private:
  TokenizerPtr tokenizer;
  uint32_t maximumTokens = 0;
  std::vector<int32_t> ids;
};

/// Texts to evaluate on.
struct TokenizedTexts {
  std::vector<int32_t> ids;            ///< Of all texts, one after the other.
  std::vector<size_t> ends;            ///< Of each text in `ids`.
  std::vector<std::string> domains;    ///< Names, sorted.
  std::vector<uint32_t> domainOfText;  ///< Index into `domains`.
  std::vector<std::optional<int32_t>> labels;

  size_t size() const { return ends.size(); }
  std::span<const int32_t> text(size_t index) const {
    size_t begin = index ? ends[index - 1] : 0;
    return std::span(ids).subspan(begin, ends[index] - begin);
  }
};

absl::StatusOr<TokenizedTexts> tokenizeTexts(TextTokenizer &tokenizer,
                                             const std::vector<CalibrationText> &texts);

/// Counts over texts, one at a time: how often each row of the word embeddings is looked up,
/// and the rows that every domain will give to statistics (StatisticsCollector.h).
class TokenCounter {
public:
  explicit TokenCounter(TextTokenizer &tokenizer) : tokenizer(tokenizer) {}

  absl::Status add(const CalibrationText &text);

  /// Occurrences of each id, [CLS] and [SEP] included, by domain (StatisticsFile.h).
  const std::map<std::string, std::vector<int64_t>> &getIdCounts() const { return idCounts; }
  const std::map<std::string, int64_t> &getTokensOfDomain() const { return tokens; }
  const std::map<std::string, int64_t> &getTextsOfDomain() const { return texts; }

private:
  TextTokenizer &tokenizer;
  std::map<std::string, std::vector<int64_t>> idCounts;
  std::map<std::string, int64_t> tokens, texts;
};

} // namespace gem

#endif // GEM_COMPILER_EVALUATION_TOKENIZEDTEXTS_H

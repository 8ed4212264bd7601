// Texts as token ids, as a bundle's own tokenizer makes them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/TokenizedTexts.h"
#include "absl/strings/str_cat.h"
#include <algorithm>

using namespace gem;

absl::StatusOr<TextTokenizer> TextTokenizer::open(const gem_bundle_t *bundle) {
  TextTokenizer result;
  gem_error_t error;
  gem_tokenizer_t *pointer = nullptr;
  if (gem_tokenizer_create(bundle, nullptr, &pointer, &error) != GEM_STATUS_OK)
    return absl::FailedPreconditionError(
        absl::StrCat("running texts needs the model's tokenizer: ", error.message));
  result.tokenizer.reset(pointer);
  gem_bundle_info_t info{};
  info.struct_size = sizeof(info);
  gem_bundle_info(bundle, &info);
  result.maximumTokens = info.maximum_tokens;
  result.ids.resize(info.maximum_tokens);
  return result;
}

absl::StatusOr<TextTokenizer> TextTokenizer::fromSegment(std::span<const char> segment,
                                                         uint32_t maximumTokens) {
  TextTokenizer result;
  gem_error_t error;
  gem_tokenizer_t *pointer = nullptr;
  gem_status_t status =
      gem_tokenizer_create_from_memory(segment.data(), segment.size(), nullptr, &pointer, &error);
  if (status != GEM_STATUS_OK)
    return toStatus(status, error);
  result.tokenizer.reset(pointer);
  result.maximumTokens = maximumTokens;
  result.ids.resize(maximumTokens);
  return result;
}

absl::StatusOr<std::span<const int32_t>> TextTokenizer::encode(const std::string &text) {
  gem_error_t error;
  gem_encoding_t encoding;
  gem_status_t status = gem_tokenizer_encode(tokenizer.get(), text.data(), text.size(), ids.data(),
                                             ids.size(), &encoding, &error);
  if (status != GEM_STATUS_OK)
    return toStatus(status, error);
  return std::span<const int32_t>(ids.data(), encoding.count);
}

std::string_view TextTokenizer::piece(int32_t id) const {
  size_t size = 0;
  const char *piece = gem_tokenizer_piece(tokenizer.get(), id, &size);
  return piece ? std::string_view(piece, size) : std::string_view();
}

absl::StatusOr<TokenizedTexts> gem::tokenizeTexts(TextTokenizer &tokenizer,
                                                  const std::vector<CalibrationText> &texts) {
  TokenizedTexts result;
  for (const CalibrationText &text : texts)
    result.domains.push_back(text.domain);
  std::sort(result.domains.begin(), result.domains.end());
  result.domains.erase(std::unique(result.domains.begin(), result.domains.end()),
                       result.domains.end());
  for (const CalibrationText &text : texts) {
    absl::StatusOr<std::span<const int32_t>> ids = tokenizer.encode(text.text);
    if (!ids.ok())
      return ids.status();
    result.ids.insert(result.ids.end(), ids->begin(), ids->end());
    result.ends.push_back(result.ids.size());
    auto domain = std::lower_bound(result.domains.begin(), result.domains.end(), text.domain);
    result.domainOfText.push_back(domain - result.domains.begin());
    result.labels.push_back(text.label);
  }
  return result;
}

absl::Status TokenCounter::add(const CalibrationText &text) {
  absl::StatusOr<std::span<const int32_t>> ids = tokenizer.encode(text.text);
  if (!ids.ok())
    return ids.status();
  std::vector<int64_t> &counts = idCounts[text.domain];
  counts.resize(tokenizer.vocabularySize());
  for (int32_t id : *ids)
    ++counts[id];
  tokens[text.domain] += ids->size();
  ++texts[text.domain];
  return absl::OkStatus();
}

// Looking through a model's weights: finiteness, and the bytes that identify it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/FileMapping.h"
#include "compiler/Checkpoint/ModelSource.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace gem::checkpoint {

/// Pages of larger tensors are dropped after they were read once.
static constexpr size_t kDropAbove = 8u << 20;

/// Calls `visit(data, firstElement, count)` over the tensor's elements in
/// row-major order, without copying what is contiguous, until it returns false.
template <typename Visit> static void forEachChunk(const Tensor &tensor, Visit visit) {
  const size_t size = byteSize(tensor.dtype);
  const int64_t total = tensor.numElements();
  const int64_t chunk = static_cast<int64_t>((1u << 20) / size);
  const bool contiguous = tensor.isContiguous();
  const bool drop = tensor.fileBacked && tensor.byteLength() > kDropAbove;
  std::vector<char> buffer;
  for (int64_t first = 0; first < total; first += chunk) {
    int64_t count = std::min(chunk, total - first);
    const char *data = tensor.data + static_cast<size_t>(first) * size;
    if (!contiguous) {
      buffer.resize(static_cast<size_t>(chunk) * size);
      readRaw(tensor, first, count, buffer.data());
      data = buffer.data();
    }
    bool more = visit(data, first, count);
    if (drop && contiguous)
      dropMappedPages(data, static_cast<size_t>(count) * size);
    if (!more)
      break;
  }
  if (drop)
    dropPages(tensor);
}

/// The first element whose exponent bits are all set, or -1.
template <typename Bits>
static int64_t findNonFinite(const char *data, int64_t count, Bits exponent) {
  constexpr int64_t kBlock = 4096;
  Bits block[kBlock];
  for (int64_t first = 0; first < count; first += kBlock) {
    int64_t length = std::min(kBlock, count - first);
    std::memcpy(block, data + first * static_cast<int64_t>(sizeof(Bits)),
                static_cast<size_t>(length) * sizeof(Bits));
    // Without a branch inside, so that compilers vectorize it.
    Bits any = 0;
    for (int64_t i = 0; i < length; ++i)
      any |= static_cast<Bits>((block[i] & exponent) == exponent);
    if (!any)
      continue;
    for (int64_t i = 0; i < length; ++i)
      if ((block[i] & exponent) == exponent)
        return first + i;
  }
  return -1;
}

static int64_t findNonFinite(const Tensor &tensor) {
  int64_t result = -1;
  forEachChunk(tensor, [&](const char *data, int64_t first, int64_t count) {
    int64_t found = -1;
    switch (tensor.dtype) {
    case DType::F32:
      found = findNonFinite<uint32_t>(data, count, 0x7F800000);
      break;
    case DType::F16:
      found = findNonFinite<uint16_t>(data, count, 0x7C00);
      break;
    case DType::BF16:
      found = findNonFinite<uint16_t>(data, count, 0x7F80);
      break;
    default: // no other type gets into a model
      break;
    }
    if (found >= 0)
      result = first + found;
    return found < 0;
  });
  return result;
}

absl::Status checkFinite(const ModelSource &source) {
  Problems problems;
  for (auto &[name, tensor] : source.tensors) {
    int64_t position = findNonFinite(tensor);
    if (position < 0)
      continue;
    float value = 0;
    if (absl::Status status = readAsF32(tensor, position, 1, &value); !status.ok())
      return status;
    std::string index;
    int64_t rest = position;
    for (size_t i = tensor.shape.size(); i-- > 0; rest /= tensor.shape[i])
      index = absl::StrCat(rest % tensor.shape[i], index.empty() ? "" : ",", index);
    problems.add(absl::StrCat(quote(tensor.name), ": found ",
                              value != value ? "NaN"
                              : value > 0    ? "infinity"
                                             : "-infinity",
                              " at [", index, "], expected finite weights"));
  }
  return problems.toStatus(source.path);
}

void visitContent(const ModelSource &source,
                  absl::FunctionRef<void(const char *data, size_t size)> visit) {
  // Lengths before texts, so that no two models have one stream.
  std::string text = "gem-model-source 1\n";
  auto line = [&](const char *key, const auto &value) {
    absl::StrAppend(&text, key, " ", value, "\n");
  };
  auto bits = [](double value) { return absl::Hex(std::bit_cast<uint64_t>(value)); };
  auto string = [&](const char *key, const std::string &value) {
    absl::StrAppend(&text, key, " ", value.size(), " ", value, "\n");
  };
  string("architecture", toString(source.architecture));
  line("vocab_size", source.vocabSize);
  line("hidden_size", source.hiddenSize);
  line("num_layers", source.numLayers);
  line("num_heads", source.numHeads);
  line("intermediate_size", source.intermediateSize);
  line("max_positions", source.maxPositions);
  line("type_vocab_size", source.typeVocabSize);
  line("num_classes", source.numClasses);
  line("num_clusters", source.numClusters);
  line("threshold", bits(source.threshold));
  line("layer_norm_eps", bits(source.layerNormEps));
  string("activation", source.activation);
  line("pad_token_id", source.padTokenId.value_or(-1));
  line("labels", source.labels.size());
  for (const std::string &label : source.labels)
    string("label", label);
  line("has_tokenizer", source.tokenizer.has_value() ? 1 : 0);
  if (source.tokenizer) {
    const WordPieceVocabulary &vocabulary = *source.tokenizer;
    line("lowercase", vocabulary.lowercase ? 1 : 0);
    line("strip_accents", vocabulary.stripAccents ? 1 : 0);
    line("split_cjk", vocabulary.splitCjk ? 1 : 0);
    line("clean_text", vocabulary.cleanText ? 1 : 0);
    line("max_characters_per_word", vocabulary.maxCharactersPerWord);
    string("continuation_prefix", vocabulary.continuationPrefix);
    string("unknown_token", vocabulary.unknownToken);
    string("cls_token", vocabulary.clsToken);
    string("sep_token", vocabulary.sepToken);
    string("pad_token", vocabulary.padToken);
    string("mask_token", vocabulary.maskToken);
    line("pieces", vocabulary.pieces.size());
    for (const std::string &piece : vocabulary.pieces)
      string("piece", piece);
  }
  line("tensors", source.tensors.size());
  for (size_t done = 0; done < text.size(); done += 1u << 20)
    visit(text.data() + done, std::min<size_t>(1u << 20, text.size() - done));

  for (auto &[name, tensor] : source.tensors) {
    text.clear();
    string("tensor", name);
    string("type", describe(tensor));
    visit(text.data(), text.size());
    forEachChunk(tensor, [&](const char *data, int64_t, int64_t count) {
      visit(data, static_cast<size_t>(count) * byteSize(tensor.dtype));
      return true;
    });
  }
}

} // namespace gem::checkpoint

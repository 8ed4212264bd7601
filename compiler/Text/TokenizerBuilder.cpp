// Builds a bundle's tokenizer segment from a WordPiece vocabulary.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Text/TokenizerBuilder.h"

#include "runtime/schema/TokenizerFormat.h"
#include "runtime/schema/generated/gem_tokenizer_generated.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <optional>
#include <unordered_map>

namespace gem {
namespace {

/// A list of problems that stays readable when every piece has one.
class Problems {
public:
  void add(std::string problem) {
    if (++count <= maxListed)
      listed.push_back(std::move(problem));
  }

  bool empty() const { return count == 0; }

  absl::Status toStatus() const {
    std::string text = absl::StrCat("tokenizer: ", absl::StrJoin(listed, "; "));
    if (count > maxListed)
      absl::StrAppend(&text, "; and ", count - maxListed, " more");
    return absl::InvalidArgumentError(text);
  }

private:
  static constexpr size_t maxListed = 10;
  size_t count = 0;
  std::vector<std::string> listed;
};

/// Whether `text` is UTF-8 as RFC 3629 has it.
bool isUtf8(const std::string &text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t i = 0; i < text.size();) {
    unsigned lead = byte(i);
    size_t length = lead < 0x80                    ? 1
                    : lead >= 0xC2 && lead <= 0xDF ? 2
                    : lead >= 0xE0 && lead <= 0xEF ? 3
                    : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                   : 0;
    if (length == 0 || length > text.size() - i)
      return false;
    for (size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80)
        return false;
    // Overlong forms, surrogates and values past U+10FFFF.
    if ((lead == 0xE0 && byte(i + 1) < 0xA0) || (lead == 0xED && byte(i + 1) > 0x9F) ||
        (lead == 0xF0 && byte(i + 1) < 0x90) || (lead == 0xF4 && byte(i + 1) > 0x8F))
      return false;
    i += length;
  }
  return true;
}

/// `piece` for a message: escaped where it would not print, and cut when long.
std::string quote(const std::string &piece) {
  constexpr size_t maxShown = 48;
  if (piece.size() > maxShown)
    return absl::StrCat("\"", absl::CEscape(piece.substr(0, maxShown)), "...\"");
  return absl::StrCat("\"", isUtf8(piece) ? absl::Utf8SafeCEscape(piece) : absl::CEscape(piece),
                      "\"");
}

uint32_t hashPiece(const std::string &piece) {
  uint32_t hash = kPieceHashStart;
  for (char byte : piece)
    hash = ExtendPieceHash(hash, byte);
  return hash;
}

/// The index over `pieces` with `slots` slots, or nothing when a run of used
/// slots comes out longer than a reader accepts.
std::optional<std::vector<uint32_t>> buildIndex(const std::vector<std::string> &pieces,
                                                uint32_t slots) {
  std::vector<uint32_t> index(slots, 0);
  for (size_t id = 0; id < pieces.size(); ++id) {
    uint32_t slot = hashPiece(pieces[id]) & (slots - 1);
    // A long search is a long run. Not going on keeps a vocabulary of pieces with the
    // same hash from taking a time that grows with its square.
    for (uint32_t passed = 0; index[slot] != 0; slot = (slot + 1) & (slots - 1))
      if (++passed > kMaxIndexRun)
        return std::nullopt;
    index[slot] = static_cast<uint32_t>(id) + 1;
  }
  // At least half of the slots are empty, so twice around sees every run whole.
  uint32_t run = 0;
  for (uint64_t i = 0; i < uint64_t{2} * slots; ++i) {
    run = index[i & (slots - 1)] != 0 ? run + 1 : 0;
    if (run > kMaxIndexRun)
      return std::nullopt;
  }
  return index;
}

} // namespace

absl::StatusOr<std::string> buildTokenizerSegment(const WordPieceVocabulary &vocabulary) {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  Problems problems;

  if (pieces.empty())
    return absl::InvalidArgumentError("tokenizer: expected a vocabulary, but got no pieces");
  if (pieces.size() > kMaxPieces)
    return absl::InvalidArgumentError(absl::StrCat("tokenizer: expected at most ", kMaxPieces,
                                                   " pieces, but got ", pieces.size()));

  std::unordered_map<std::string, uint32_t> ids;
  std::string bytes;
  std::vector<uint32_t> offsets{0};
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string &piece = pieces[id];
    auto [it, isNew] = ids.emplace(piece, static_cast<uint32_t>(id));
    if (!isNew)
      problems.add(absl::StrCat("piece ", id, ": expected every piece once, but ", quote(piece),
                                " is piece ", it->second, " too"));
    if (!isUtf8(piece))
      problems.add(absl::StrCat("piece ", id, ": expected UTF-8, but got ", quote(piece)));
    bytes += piece;
    if (bytes.size() > kMaxTokenizerSize)
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer: expected at most ", kMaxTokenizerSize,
                       " bytes of pieces, but piece ", id, " goes past that"));
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }

  auto idOf = [&](const char *role, const std::string &token) -> uint32_t {
    auto it = ids.find(token);
    if (it != ids.end())
      return it->second;
    problems.add(absl::StrCat("expected the ", role, " token ", quote(token),
                              " in the vocabulary of ", pieces.size(),
                              " pieces, but it is not there"));
    return 0;
  };
  uint32_t unknownId = idOf("unknown", vocabulary.unknownToken);
  uint32_t clsId = idOf("classification", vocabulary.clsToken);
  uint32_t sepId = idOf("separator", vocabulary.sepToken);
  uint32_t padId = idOf("padding", vocabulary.padToken);
  int32_t maskId = -1;
  if (!vocabulary.maskToken.empty()) {
    auto it = ids.find(vocabulary.maskToken);
    if (it != ids.end())
      maskId = static_cast<int32_t>(it->second);
  }

  if (vocabulary.continuationPrefix.size() > kMaxContinuationPrefix)
    problems.add(absl::StrCat("expected a continuation prefix of at most ", kMaxContinuationPrefix,
                              " bytes, but got ", vocabulary.continuationPrefix.size()));
  if (!isUtf8(vocabulary.continuationPrefix))
    problems.add(absl::StrCat("expected a continuation prefix in UTF-8, but got ",
                              quote(vocabulary.continuationPrefix)));
  if (vocabulary.maxCharactersPerWord < 1 ||
      vocabulary.maxCharactersPerWord > kMaxCharactersPerWord)
    problems.add(absl::StrCat("expected 1 to ", kMaxCharactersPerWord,
                              " characters per word at most, but got ",
                              vocabulary.maxCharactersPerWord));
  if (!problems.empty())
    return problems.toStatus();

  // At most half full; more room should neighbours pile up.
  uint32_t slots = 4;
  while (slots < 2 * pieces.size())
    slots *= 2;
  std::optional<std::vector<uint32_t>> index = buildIndex(pieces, slots);
  while (!index && slots <= kMaxTokenizerSize / sizeof(uint32_t) / 4) {
    slots *= 2;
    index = buildIndex(pieces, slots);
  }
  if (!index)
    return absl::InvalidArgumentError(absl::StrCat(
        "tokenizer: too many pieces have the same hash for an index with runs of at most ",
        kMaxIndexRun, " slots"));

  flatbuffers::FlatBufferBuilder builder(bytes.size() + 4 * (offsets.size() + slots) + 256);
  auto piecesOffset =
      builder.CreateVector(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  auto offsetsOffset = builder.CreateVector(offsets);
  auto indexOffset = builder.CreateVector(*index);
  auto prefixOffset = builder.CreateString(vocabulary.continuationPrefix);
  schema::TokenizerBuilder table(builder);
  table.add_kind(schema::TokenizerKind::WORDPIECE);
  table.add_pieces(piecesOffset);
  table.add_offsets(offsetsOffset);
  table.add_index(indexOffset);
  table.add_continuation_prefix(prefixOffset);
  table.add_unknown_id(unknownId);
  table.add_cls_id(clsId);
  table.add_sep_id(sepId);
  table.add_pad_id(padId);
  table.add_mask_id(maskId);
  table.add_lowercase(vocabulary.lowercase);
  table.add_strip_accents(vocabulary.stripAccents);
  table.add_split_cjk(vocabulary.splitCjk);
  table.add_clean_text(vocabulary.cleanText);
  table.add_max_characters_per_word(vocabulary.maxCharactersPerWord);
  schema::FinishTokenizerBuffer(builder, table.Finish());
  if (builder.GetSize() > kMaxTokenizerSize)
    return absl::InvalidArgumentError(absl::StrCat("tokenizer: expected a segment of at most ",
                                                   kMaxTokenizerSize, " bytes, but it would take ",
                                                   builder.GetSize()));
  return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()), builder.GetSize());
}

} // namespace gem

// A verified tokenizer segment: pieces by id, ids by piece, and the options.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/text/TokenizerSegment.h"

#include <algorithm>

#include "runtime/core/Status.h"

namespace gem {
namespace {

// The tokenizer's table nests nothing, so a few levels and tables do.
constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxTables = 8;

bool IsWellFormedUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const unsigned length = Utf8SequenceLength(text.data() + i, text.size() - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

uint32_t HashPiece(std::string_view piece) {
  uint32_t hash = kPieceHashStart;
  for (const char byte : piece) hash = ExtendPieceHash(hash, byte);
  return hash;
}

}  // namespace

gem_status_t TokenizerSegment::Open(const void* data, size_t size, gem_error_t* out_error) {
  if (size < 2 * sizeof(flatbuffers::uoffset_t)) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected a segment of at least 8 bytes, but got %zu"_msg, size);
  }
  if (size > kMaxTokenizerSize) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected a segment of at most %zu bytes, but got %zu"_msg,
                kMaxTokenizerSize, size);
  }
  const auto* bytes = static_cast<const uint8_t*>(data);
  if (!schema::TokenizerBufferHasIdentifier(bytes)) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected the file identifier \"%s\" at byte 4, but it is not there"_msg,
                schema::TokenizerIdentifier());
  }
  flatbuffers::Verifier verifier(bytes, size, kMaxDepth, kMaxTables);
  if (!schema::VerifyTokenizerBuffer(verifier)) {
    return Fail(
        out_error, GEM_STATUS_CORRUPT,
        "tokenizer: the segment's structure is damaged (a table, vector or required field is "
        "missing or lies outside of its %zu bytes)"_msg,
        size);
  }
  table_ = schema::GetTokenizer(bytes);

  if (table_->kind() != schema::TokenizerKind::WORDPIECE) {
    return Fail(out_error, GEM_STATUS_UNSUPPORTED,
                "tokenizer: expected kind 1 (WordPiece), but got %u; a newer runtime may "
                "know it"_msg,
                table_->kind());
  }

  // Pieces.
  offsets_ = table_->offsets();
  pieces_ = reinterpret_cast<const char*>(table_->pieces()->data());
  const uint32_t piece_bytes = table_->pieces()->size();
  if (offsets_->size() < 2 || offsets_->size() - 1 > kMaxPieces) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected 2 to %u offsets (one more than pieces), but got %u"_msg,
                kMaxPieces + 1, offsets_->size());
  }
  vocabulary_size_ = offsets_->size() - 1;
  if (offsets_->Get(0) != 0) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected offset 0 to be 0, but got %u"_msg, offsets_->Get(0));
  }
  longest_piece_ = 0;
  for (uint32_t id = 0; id < vocabulary_size_; ++id) {
    const uint32_t begin = offsets_->Get(id);
    const uint32_t end = offsets_->Get(id + 1);
    if (end < begin || end > piece_bytes) {
      return Fail(out_error, GEM_STATUS_CORRUPT,
                  "tokenizer: piece %u: expected its end in [%u, %u], but got %u"_msg, id, begin,
                  piece_bytes, end);
    }
    if (!IsWellFormedUtf8(Piece(id))) {
      return Fail(out_error, GEM_STATUS_CORRUPT,
                  "tokenizer: piece %u: expected well-formed UTF-8"_msg, id);
    }
    longest_piece_ = std::max<size_t>(longest_piece_, end - begin);
  }
  if (offsets_->Get(vocabulary_size_) != piece_bytes) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected the last offset to be %u, the pieces' bytes, but got %u"_msg,
                piece_bytes, offsets_->Get(vocabulary_size_));
  }

  // Options.
  const struct {
    const char* name;
    uint32_t id;
  } special[] = {{"unknown_id", table_->unknown_id()},
                 {"cls_id", table_->cls_id()},
                 {"sep_id", table_->sep_id()},
                 {"pad_id", table_->pad_id()}};
  for (const auto& [name, id] : special) {
    if (id >= vocabulary_size_) {
      return Fail(out_error, GEM_STATUS_CORRUPT,
                  "tokenizer: expected %s below the vocabulary's size %u, but got %u"_msg, name,
                  vocabulary_size_, id);
    }
  }
  if (table_->mask_id() < -1 || table_->mask_id() >= static_cast<int64_t>(vocabulary_size_)) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected mask_id in [-1, %u), but got %d"_msg, vocabulary_size_,
                table_->mask_id());
  }
  continuation_prefix_ = {table_->continuation_prefix()->c_str(),
                          table_->continuation_prefix()->size()};
  if (continuation_prefix_.size() > kMaxContinuationPrefix) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected a continuation_prefix of at most %zu bytes, but got %zu"_msg,
                kMaxContinuationPrefix, continuation_prefix_.size());
  }
  continuation_prefix_hash_ = HashPiece(continuation_prefix_);
  max_characters_per_word_ = table_->max_characters_per_word();
  if (max_characters_per_word_ < 1 || max_characters_per_word_ > kMaxCharactersPerWord) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected max_characters_per_word in [1, %u], but got %u"_msg,
                kMaxCharactersPerWord, max_characters_per_word_);
  }
  lowercase_ = table_->lowercase();
  strip_accents_ = table_->strip_accents();
  split_cjk_ = table_->split_cjk();
  clean_text_ = table_->clean_text();

  // Index. A search stops at an empty slot, so at least one must be empty, and
  // runs of used slots must be short.
  index_ = table_->index();
  const uint32_t slots = index_->size();
  if (slots == 0 || (slots & (slots - 1)) != 0) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected an index of a power of two of slots, but got %u"_msg, slots);
  }
  slot_mask_ = slots - 1;
  uint32_t used = 0;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    const uint32_t value = index_->Get(slot);
    if (value > vocabulary_size_) {
      return Fail(out_error, GEM_STATUS_CORRUPT,
                  "tokenizer: index slot %u: expected at most %u, but got %u"_msg, slot,
                  vocabulary_size_, value);
    }
    if (value != 0) ++used;
  }
  if (used > slots / 2) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected at most half of the index's %u slots in use, but got %u"_msg,
                slots, used);
  }
  // A run may go over the end, so count it from an empty slot, once around.
  uint32_t first_empty = 0;
  while (index_->Get(first_empty) != 0) ++first_empty;
  uint32_t run = 0;
  for (uint32_t i = 0; i < slots; ++i) {
    const uint32_t slot = (first_empty + i) & slot_mask_;
    run = index_->Get(slot) != 0 ? run + 1 : 0;
    if (run > kMaxIndexRun) {
      return Fail(
          out_error, GEM_STATUS_CORRUPT,
          "tokenizer: expected at most %u neighbouring slots of the index in use, but got more "
          "at slot %u"_msg,
          kMaxIndexRun, slot);
    }
  }
  for (uint32_t id = 0; id < vocabulary_size_; ++id) {
    const int32_t found = Find(Piece(id), HashPiece(Piece(id)));
    if (found == kNoPiece || found > static_cast<int32_t>(id)) {
      return Fail(out_error, GEM_STATUS_CORRUPT,
                  "tokenizer: piece %u: expected the index to find it, but it finds %d"_msg, id,
                  found);
    }
  }
  return GEM_STATUS_OK;
}

int32_t TokenizerSegment::Find(std::string_view piece, uint32_t hash) const {
  return Find({}, piece, hash);
}

int32_t TokenizerSegment::Find(std::string_view prefix, std::string_view rest,
                               uint32_t hash) const {
  const size_t size = prefix.size() + rest.size();
  for (uint32_t slot = hash & slot_mask_;; slot = (slot + 1) & slot_mask_) {
    const uint32_t value = index_->Get(slot);
    if (value == 0) return kNoPiece;
    const std::string_view piece = Piece(value - 1);
    if (piece.size() == size && piece.substr(0, prefix.size()) == prefix &&
        piece.substr(prefix.size()) == rest) {
      return static_cast<int32_t>(value - 1);
    }
  }
}

}  // namespace gem

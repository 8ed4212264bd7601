// A verified tokenizer segment: pieces by id, ids by piece, and the options.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_TEXT_TOKENIZERSEGMENT_H
#define GEM_RUNTIME_TEXT_TOKENIZERSEGMENT_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gem/gem.h"
#include "runtime/schema/TokenizerFormat.h"
#include "runtime/schema/generated/gem_tokenizer_generated.h"

namespace gem {

// Reads in place; the bytes must neither change nor go away.
class TokenizerSegment {
 public:
  static constexpr int32_t kNoPiece = -1;

  // Verifies `data`, which must be aligned to 8 bytes: its structure, every
  // offset, every slot of the index, and that the index finds every piece. After
  // that nothing read through this object can be out of bounds.
  gem_status_t Open(const void* data, size_t size, gem_error_t* out_error);

  uint32_t vocabulary_size() const { return vocabulary_size_; }
  std::string_view Piece(uint32_t id) const {
    const uint32_t begin = offsets_->Get(id);
    return {pieces_ + begin, offsets_->Get(id + 1) - begin};
  }

  // The id of the piece with these bytes, whose hash is `hash`, or kNoPiece.
  int32_t Find(std::string_view piece, uint32_t hash) const;
  // The same for the piece `prefix + rest`, without joining them.
  int32_t Find(std::string_view prefix, std::string_view rest, uint32_t hash) const;

  std::string_view continuation_prefix() const { return continuation_prefix_; }
  uint32_t continuation_prefix_hash() const { return continuation_prefix_hash_; }
  size_t longest_piece() const { return longest_piece_; }  // bytes

  int32_t unknown_id() const { return static_cast<int32_t>(table_->unknown_id()); }
  int32_t cls_id() const { return static_cast<int32_t>(table_->cls_id()); }
  int32_t sep_id() const { return static_cast<int32_t>(table_->sep_id()); }
  bool lowercase() const { return lowercase_; }
  bool strip_accents() const { return strip_accents_; }
  bool split_cjk() const { return split_cjk_; }
  bool clean_text() const { return clean_text_; }
  uint32_t max_characters_per_word() const { return max_characters_per_word_; }

 private:
  const schema::Tokenizer* table_ = nullptr;
  const char* pieces_ = nullptr;
  const flatbuffers::Vector<uint32_t>* offsets_ = nullptr;
  const flatbuffers::Vector<uint32_t>* index_ = nullptr;
  uint32_t vocabulary_size_ = 0;
  uint32_t slot_mask_ = 0;
  std::string_view continuation_prefix_;
  uint32_t continuation_prefix_hash_ = kPieceHashStart;
  size_t longest_piece_ = 0;
  uint32_t max_characters_per_word_ = 0;
  bool lowercase_ = false;
  bool strip_accents_ = false;
  bool split_cjk_ = false;
  bool clean_text_ = false;
};

}  // namespace gem

#endif  // GEM_RUNTIME_TEXT_TOKENIZERSEGMENT_H

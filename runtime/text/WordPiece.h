// BERT's basic tokenizer and WordPiece, as one pass over the text.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every step works on one character at a time, with the word being read as the
// only state, so memory is bounded whatever the text. The steps and their order
// are those of Hugging Face's BertNormalizer (clean, separate CJK ideographs,
// decompose and drop accents, lower-case), BertPreTokenizer (split at white
// space, isolate punctuation) and WordPiece (greedy, the longest piece first;
// Wu et al., arXiv 1609.08144).
#ifndef GEM_RUNTIME_TEXT_WORDPIECE_H
#define GEM_RUNTIME_TEXT_WORDPIECE_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/text/TokenizerSegment.h"

namespace gem {

// Writes the ids of a text's pieces, up to `room`. Lives on the stack.
class WordPieceEncoder {
 public:
  WordPieceEncoder(const TokenizerSegment& segment, int32_t* out_ids, uint32_t room)
      : segment_(segment), out_ids_(out_ids), room_(room) {}

  // Reads the text, no further than is needed to know the answers. To be called
  // once.
  void Encode(std::string_view text);

  uint32_t count() const { return count_; }  // ids written
  bool truncated() const { return truncated_; }  // there was at least one more

 private:
  // The steps, each handing its characters to the next.
  void Clean(char32_t character);
  void SeparateCjk(char32_t character);
  void StripAccents(char32_t character);
  void FoldCase(char32_t character, uint8_t combining_class);
  void Split(char32_t character, uint8_t combining_class);

  void Append(char32_t character, uint8_t combining_class);
  void EndWord();
  void MatchPieces();
  void Emit(int32_t id);

  const TokenizerSegment& segment_;
  int32_t* out_ids_;
  uint32_t room_;
  uint32_t count_ = 0;
  bool truncated_ = false;

  // The word being read, in UTF-8, and the start of its last characters whose
  // canonical order is still open. A word with too many characters keeps only
  // its count, which goes no further than one past the limit.
  char word_[4 * kMaxCharactersPerWord];
  size_t word_size_ = 0;
  size_t open_marks_ = 0;
  uint32_t word_characters_ = 0;
};

}  // namespace gem

#endif  // GEM_RUNTIME_TEXT_WORDPIECE_H

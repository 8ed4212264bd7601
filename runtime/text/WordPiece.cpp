// BERT's basic tokenizer and WordPiece, as one pass over the text.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/text/WordPiece.h"

#include <algorithm>
#include <cstring>

#include "runtime/text/Unicode.h"

namespace gem {

void WordPieceEncoder::Encode(std::string_view text) {
  for (size_t i = 0; i < text.size() && !truncated_;) {
    // Most texts are mostly ASCII, which no step but the last two changes.
    const char byte = text[i];
    if (static_cast<unsigned char>(byte) < 0x80) {
      ++i;
      if (segment_.clean_text() && IsRemovedByCleaning(static_cast<char32_t>(byte))) continue;
      FoldCase(static_cast<char32_t>(byte), 0);
      continue;
    }
    char32_t character;
    i += DecodeUtf8(text.data() + i, text.size() - i, &character);
    Clean(character);
  }
  EndWord();
}

void WordPieceEncoder::Clean(char32_t character) {
  if (segment_.clean_text() && IsRemovedByCleaning(character)) return;
  SeparateCjk(character);
}

void WordPieceEncoder::SeparateCjk(char32_t character) {
  if (!segment_.split_cjk() || !IsCjkIdeograph(character)) return StripAccents(character);
  EndWord();
  StripAccents(character);
  EndWord();
}

void WordPieceEncoder::StripAccents(char32_t character) {
  if (!segment_.strip_accents()) return FoldCase(character, 0);
  char32_t decomposed[kMaxDecomposition];
  const size_t count = Decompose(character, decomposed);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t combining_class = CombiningClass(decomposed[i]);
    if (IsNonspacingMark(decomposed[i])) {
      // Dropping it leaves the order of the others as it is, but those of class
      // 0 end a run of reordered marks even so.
      if (combining_class == 0) open_marks_ = word_size_;
    } else {
      FoldCase(decomposed[i], combining_class);
    }
  }
}

void WordPieceEncoder::FoldCase(char32_t character, uint8_t combining_class) {
  if (!segment_.lowercase()) return Split(character, combining_class);
  char32_t lower[kMaxLowercase];
  const size_t count = Lowercase(character, lower);
  for (size_t i = 0; i < count; ++i) Split(lower[i], combining_class);
}

void WordPieceEncoder::Split(char32_t character, uint8_t combining_class) {
  if (IsWhiteSpace(character)) {
    EndWord();
  } else if (IsPunctuation(character)) {
    EndWord();
    Append(character, combining_class);
    EndWord();
  } else {
    Append(character, combining_class);
  }
}

void WordPieceEncoder::Append(char32_t character, uint8_t combining_class) {
  // A word has at least one piece.
  if (count_ == room_) truncated_ = true;
  if (truncated_ || word_characters_ > segment_.max_characters_per_word()) return;
  if (++word_characters_ > segment_.max_characters_per_word()) return;

  char encoded[4];
  const size_t size = EncodeUtf8(character, encoded);
  size_t at = word_size_;
  if (combining_class != 0) {
    // Canonical order (Unicode, D109): behind the marks of its class and below,
    // before those of higher classes. The run is no longer than a word.
    while (at > open_marks_) {
      size_t previous = at - 1;
      while ((static_cast<unsigned char>(word_[previous]) & 0xC0) == 0x80) --previous;
      char32_t mark;
      DecodeUtf8(word_ + previous, at - previous, &mark);
      if (CombiningClass(mark) <= combining_class) break;
      at = previous;
    }
    std::memmove(word_ + at + size, word_ + at, word_size_ - at);
  }
  std::memcpy(word_ + at, encoded, size);
  word_size_ += size;
  if (combining_class == 0) open_marks_ = word_size_;
}

void WordPieceEncoder::EndWord() {
  if (word_characters_ > segment_.max_characters_per_word()) {
    Emit(segment_.unknown_id());
  } else if (word_characters_ != 0) {
    MatchPieces();
  }
  word_size_ = 0;
  open_marks_ = 0;
  word_characters_ = 0;
}

void WordPieceEncoder::MatchPieces() {
  const uint32_t first = count_;
  for (size_t begin = 0; begin < word_size_;) {
    const std::string_view prefix =
        begin == 0 ? std::string_view() : segment_.continuation_prefix();
    uint32_t hash = begin == 0 ? kPieceHashStart : segment_.continuation_prefix_hash();
    const size_t limit =
        std::min(word_size_, begin + segment_.longest_piece() -
                                 std::min(segment_.longest_piece(), prefix.size()));
    int32_t longest = TokenizerSegment::kNoPiece;
    size_t longest_end = begin;
    for (size_t end = begin; end < limit;) {
      do {
        hash = ExtendPieceHash(hash, word_[end++]);
      } while (end < word_size_ && (static_cast<unsigned char>(word_[end]) & 0xC0) == 0x80);
      const int32_t id = segment_.Find(prefix, std::string_view(word_ + begin, end - begin), hash);
      if (id != TokenizerSegment::kNoPiece) {
        longest = id;
        longest_end = end;
      }
    }
    if (longest == TokenizerSegment::kNoPiece) {
      // One part that cannot be spelt makes the whole word unknown.
      count_ = first;
      truncated_ = false;
      return Emit(segment_.unknown_id());
    }
    Emit(longest);
    begin = longest_end;
  }
}

void WordPieceEncoder::Emit(int32_t id) {
  if (count_ == room_) {
    truncated_ = true;
    return;
  }
  out_ids_[count_++] = id;
}

}  // namespace gem

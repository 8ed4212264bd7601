// gem/text.h for C++17, in the manner of gem/gem.hpp. Needs the text component.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   auto tokenizer = gem::Tokenizer::Create(bundle);
//   int32_t ids[64];
//   auto encoding = tokenizer->Encode("a small tool", ids);
//   session.RunTokens({ids, encoding->count});
#ifndef GEM_TEXT_HPP
#define GEM_TEXT_HPP

#include "gem/gem.hpp"
#include "gem/text.h"

namespace gem {
inline namespace api {

// May be used from several threads at once.
class Tokenizer : public detail::Owner<gem_tokenizer_t, gem_tokenizer_close> {
 public:
  using Owner::Owner;

  // NOT_FOUND when the bundle carries none.
  static Result<Tokenizer> Create(const Bundle& bundle,
                                  const gem_allocator_t* allocator = nullptr) {
    gem_error_t error = {};
    gem_tokenizer_t* tokenizer = nullptr;
    if (gem_tokenizer_create(bundle.c(), allocator, &tokenizer, &error) != GEM_STATUS_OK) {
      return error;
    }
    return Tokenizer(tokenizer);
  }

  // Writes [CLS] pieces [SEP] to `ids`, which has room for 2 or more. A longer text is
  // cut; the encoding says so.
  Result<gem_encoding_t> Encode(std::string_view text, Span<int32_t> ids) const {
    gem_error_t error = {};
    gem_encoding_t encoding = {};
    // A string_view of nothing may be null, which the C API refuses.
    const char* bytes = text.data() != nullptr ? text.data() : "";
    if (gem_tokenizer_encode(c(), bytes, text.size(), ids.data(), static_cast<uint32_t>(ids.size()),
                             &encoding, &error) != GEM_STATUS_OK) {
      return error;
    }
    return encoding;
  }

  // Empty when there is no such id.
  std::string_view Piece(int32_t id) const {
    size_t size = 0;
    const char* piece = gem_tokenizer_piece(c(), id, &size);
    return piece != nullptr ? std::string_view(piece, size) : std::string_view();
  }

  uint32_t VocabularySize() const { return gem_tokenizer_vocabulary_size(c()); }
};

}  // namespace api
}  // namespace gem

#endif  // GEM_TEXT_HPP

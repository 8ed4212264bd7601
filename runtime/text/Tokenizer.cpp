// The C API of the text component (gem/text.h).
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstring>
#include <new>
#include <span>
#include <type_traits>

#include "gem/text.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Status.h"
#include "runtime/loader/Bundle.h"
#include "runtime/text/TokenizerSegment.h"
#include "runtime/text/WordPiece.h"

// One allocation: the object, then the segment's copy.
struct gem_tokenizer_t {
  // FlatBuffers wants 8; a cache line does no harm.
  static constexpr size_t kAlignment = 64;

  gem_allocator_t allocator;
  size_t allocated;
  gem::TokenizerSegment segment;
};
static_assert(std::is_trivially_destructible_v<gem_tokenizer_t>);

using gem::Fail;
using gem::operator""_msg;

gem_status_t gem_tokenizer_create_from_memory(const void* data, size_t size,
                                              const gem_allocator_t* allocator,
                                              gem_tokenizer_t** out_tokenizer,
                                              gem_error_t* out_error) {
  if (out_tokenizer == nullptr || data == nullptr) {
    return Fail(out_error, GEM_STATUS_INVALID_ARGUMENT,
                "gem_tokenizer_create_from_memory: expected %s, but got NULL"_msg,
                data == nullptr ? "data" : "out_tokenizer");
  }
  *out_tokenizer = nullptr;
  if (const gem_status_t status = gem::CheckAllocator(allocator, out_error);
      status != GEM_STATUS_OK) {
    return status;
  }
  if (size > gem::kMaxTokenizerSize) {
    return Fail(out_error, GEM_STATUS_CORRUPT,
                "tokenizer: expected a segment of at most %zu bytes, but got %zu"_msg,
                gem::kMaxTokenizerSize, size);
  }

  // Verified bytes must not change any more, hence the copy.
  const gem_allocator_t memory = allocator != nullptr ? *allocator : gem::DefaultAllocator();
  constexpr size_t kHeader = (sizeof(gem_tokenizer_t) + gem_tokenizer_t::kAlignment - 1) /
                             gem_tokenizer_t::kAlignment * gem_tokenizer_t::kAlignment;
  const size_t total = kHeader + size;
  void* block = memory.allocate(memory.self, total, gem_tokenizer_t::kAlignment);
  if (block == nullptr) {
    return Fail(out_error, GEM_STATUS_OUT_OF_MEMORY, "tokenizer: no memory for %zu bytes"_msg,
                total);
  }
  auto* tokenizer = new (block) gem_tokenizer_t{memory, total, {}};
  char* copy = static_cast<char*>(block) + kHeader;
  std::memcpy(copy, data, size);
  if (const gem_status_t status = tokenizer->segment.Open(copy, size, out_error);
      status != GEM_STATUS_OK) {
    gem_tokenizer_close(tokenizer);
    return status;
  }
  *out_tokenizer = tokenizer;
  return gem::Succeed(out_error);
}

gem_status_t gem_tokenizer_create(const gem_bundle_t* bundle, const gem_allocator_t* allocator,
                                  gem_tokenizer_t** out_tokenizer, gem_error_t* out_error) {
  if (out_tokenizer == nullptr || bundle == nullptr) {
    return Fail(out_error, GEM_STATUS_INVALID_ARGUMENT,
                "gem_tokenizer_create: expected %s, but got NULL"_msg,
                bundle == nullptr ? "a bundle" : "out_tokenizer");
  }
  *out_tokenizer = nullptr;
  const std::span<const uint8_t> segment = bundle->tokenizer_segment();
  if (segment.empty()) {
    return Fail(out_error, GEM_STATUS_NOT_FOUND,
                "the bundle has no tokenizer: it was compiled from a model without a vocabulary, "
                "so give it token ids"_msg);
  }
  if (const gem_status_t status = bundle->CheckLength(out_error); status != GEM_STATUS_OK) {
    return status;
  }
  // What is read for every text is worth its hash; it is small.
  const gem_status_t status = bundle->CheckTokenizerSegment(out_error);
  if (status != GEM_STATUS_OK) return status;
  return gem_tokenizer_create_from_memory(segment.data(), segment.size(), allocator, out_tokenizer,
                                          out_error);
}

void gem_tokenizer_close(gem_tokenizer_t* tokenizer) {
  if (tokenizer == nullptr) return;
  const gem_allocator_t memory = tokenizer->allocator;
  memory.release(memory.self, tokenizer, tokenizer->allocated);
}

gem_status_t gem_tokenizer_encode(const gem_tokenizer_t* tokenizer, const char* text, size_t size,
                                  int32_t* out_ids, uint32_t capacity, gem_encoding_t* out_encoding,
                                  gem_error_t* out_error) {
  if (tokenizer == nullptr || (text == nullptr && size != 0) || out_ids == nullptr ||
      out_encoding == nullptr) {
    return Fail(out_error, GEM_STATUS_INVALID_ARGUMENT,
                "gem_tokenizer_encode: expected %s, but got NULL"_msg,
                tokenizer == nullptr      ? "a tokenizer"
                : out_ids == nullptr      ? "out_ids"
                : out_encoding == nullptr ? "out_encoding"
                                          : "a text");
  }
  if (capacity < 2) {
    return Fail(out_error, GEM_STATUS_INVALID_ARGUMENT,
                "gem_tokenizer_encode: expected a capacity of at least 2 ([CLS] and [SEP]), but "
                "got %u"_msg,
                capacity);
  }
  const gem::TokenizerSegment& segment = tokenizer->segment;
  gem::WordPieceEncoder encoder(segment, out_ids + 1, capacity - 2);
  encoder.Encode(std::string_view(text, size));
  out_ids[0] = segment.cls_id();
  out_ids[1 + encoder.count()] = segment.sep_id();
  out_encoding->count = encoder.count() + 2;
  out_encoding->truncated = encoder.truncated() ? 1 : 0;
  return gem::Succeed(out_error);
}

const char* gem_tokenizer_piece(const gem_tokenizer_t* tokenizer, int32_t id, size_t* out_size) {
  if (out_size != nullptr) *out_size = 0;
  if (tokenizer == nullptr || id < 0 ||
      static_cast<uint32_t>(id) >= tokenizer->segment.vocabulary_size()) {
    return nullptr;
  }
  const std::string_view piece = tokenizer->segment.Piece(static_cast<uint32_t>(id));
  if (out_size != nullptr) *out_size = piece.size();
  return piece.data();
}

uint32_t gem_tokenizer_vocabulary_size(const gem_tokenizer_t* tokenizer) {
  return tokenizer != nullptr ? tokenizer->segment.vocabulary_size() : 0;
}

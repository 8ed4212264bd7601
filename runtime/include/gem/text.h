/* Texts to token ids, with the tokenizer that a bundle carries.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * An optional component of the runtime (it needs utf8proc). WordPiece as BERT
 * has it (Devlin et al., arXiv 1810.04805): clean the text, put spaces around
 * CJK ideographs, lower-case and strip accents when the model is uncased, split
 * at white space and punctuation, then match the longest pieces first.
 * Invalid UTF-8 counts as U+FFFD. Special tokens are never read from a text:
 * "[CLS]" in a text is three ordinary characters runs.
 */
#ifndef GEM_TEXT_H
#define GEM_TEXT_H

#include "gem/gem.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gem_tokenizer_t gem_tokenizer_t;

/* Makes the bundle's tokenizer; NOT_FOUND when it carries none. The tokenizer
 * may be used from several threads at once. `allocator` NULL: the C library's. */
GEM_API gem_status_t gem_tokenizer_create(const gem_bundle_t* bundle,
                                          const gem_allocator_t* allocator,
                                          gem_tokenizer_t** out_tokenizer, gem_error_t* out_error);

/* Makes a tokenizer from the bytes of a tokenizer segment (copied). */
GEM_API gem_status_t gem_tokenizer_create_from_memory(const void* data, size_t size,
                                                      const gem_allocator_t* allocator,
                                                      gem_tokenizer_t** out_tokenizer,
                                                      gem_error_t* out_error);

GEM_API void gem_tokenizer_close(gem_tokenizer_t* tokenizer);

/* What became of a text. */
typedef struct gem_encoding_t {
  uint32_t count;    /* ids written, [CLS] and [SEP] included */
  int32_t truncated; /* 1: the text had more tokens than fit */
} gem_encoding_t;

/* Encodes `size` bytes of UTF-8 as [CLS] pieces [SEP] into `out_ids`, which has
 * room for `capacity` >= 2 ids. A longer text is cut as BERT does: the first
 * capacity - 2 pieces, and [SEP]. Reads no further than it must and takes no
 * memory. */
GEM_API gem_status_t gem_tokenizer_encode(const gem_tokenizer_t* tokenizer, const char* text,
                                          size_t size, int32_t* out_ids, uint32_t capacity,
                                          gem_encoding_t* out_encoding, gem_error_t* out_error);

/* The piece of an id ("##ing"), not NUL-terminated, `*out_size` bytes; NULL when
 * there is no such id. */
GEM_API const char* gem_tokenizer_piece(const gem_tokenizer_t* tokenizer, int32_t id,
                                        size_t* out_size);

GEM_API uint32_t gem_tokenizer_vocabulary_size(const gem_tokenizer_t* tokenizer);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GEM_TEXT_H */

// What a tokenizer segment holds beyond its schema: the hash of its index, and
// the limits a reader enforces.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by the writer (the compiler) and the reader (the runtime).
#ifndef GEM_RUNTIME_SCHEMA_TOKENIZERFORMAT_H
#define GEM_RUNTIME_SCHEMA_TOKENIZERFORMAT_H

#include <cstddef>
#include <cstdint>

namespace gem {

// A tokenizer is metadata: a larger one is a mistake or an attack.
inline constexpr size_t kMaxTokenizerSize = size_t{64} << 20;
inline constexpr uint32_t kMaxPieces = uint32_t{1} << 22;
inline constexpr size_t kMaxContinuationPrefix = 16;  // bytes

// A word that may still match pieces is kept on the stack while it is read.
inline constexpr uint32_t kMaxCharactersPerWord = 1024;

// Most neighbouring slots of the index in use, and so the most steps of a
// search. A good hash stays below 100 in the largest index; a crafted index
// could make every search walk through all of it.
inline constexpr uint32_t kMaxIndexRun = 256;

// The 32-bit FNV-1a hash (Fowler, Noll, Vo; RFC 9923), one byte at a time.
inline constexpr uint32_t kPieceHashStart = 2166136261u;
constexpr uint32_t ExtendPieceHash(uint32_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 16777619u;
}

}  // namespace gem

#endif  // GEM_RUNTIME_SCHEMA_TOKENIZERFORMAT_H

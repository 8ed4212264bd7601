// The first 64 bytes of a bundle, and where its parts lie.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by the writer (the compiler) and the reader (the runtime).
// docs/artifact-format.md is the byte table. All integers are little endian.
#ifndef GEM_RUNTIME_SCHEMA_PREAMBLE_H
#define GEM_RUNTIME_SCHEMA_PREAMBLE_H

#include <cstddef>
#include <cstdint>

namespace gem {

// Like PNG's: a byte above 127, CR LF, ^Z and LF show a file that was mangled
// as text.
inline constexpr uint8_t kBundleMagic[8] = {0x89, 'G', 'E', 'M', '\r', '\n', 0x1a, '\n'};

inline constexpr size_t kPreambleSize = 64;
inline constexpr uint8_t kHashBlake3 = 1;
inline constexpr size_t kHashSize = 32;

// Since 1.2 a file may end with a signature block: the next multiple of 64 after the
// last segment, counted in the file size, outside the program. The message that is
// signed is kSignatureContext (without its NUL) followed by the file's 64 bytes of
// preamble, which has the hash of the program, which has the hashes of the segments.
inline constexpr uint8_t kSignatureNone = 0;
inline constexpr uint8_t kSignatureEd25519 = 1;
inline constexpr uint64_t kSignatureBlockSize = 128;
inline constexpr size_t kSignatureOffsetKey = 0;        // 32 bytes, the signer's public key
inline constexpr size_t kSignatureOffsetSignature = 32;  // 64 bytes; 32 zero bytes follow
inline constexpr char kSignatureContext[] = "gem bundle signature 1";

// A program is metadata: a larger one is a mistake or an attack.
inline constexpr uint32_t kMaxProgramSize = 64u << 20;

// Segments start at multiples of 64 (the widest vector); those of at least
// 64 KiB at multiples of a page, so that they can be mapped and dropped alone.
inline constexpr uint64_t kSegmentAlignment = 64;
inline constexpr uint64_t kPageAlignment = 4096;
inline constexpr uint64_t kPageAlignedFrom = 64 * 1024;

// Constants inside a segment, and buffers inside the arena.
inline constexpr uint64_t kDataAlignment = 64;

// Offsets of the preamble's fields.
inline constexpr size_t kOffsetMagic = 0;           // 8 bytes
inline constexpr size_t kOffsetFormatMajor = 8;     // u16
inline constexpr size_t kOffsetFormatMinor = 10;    // u16
inline constexpr size_t kOffsetPreambleSize = 12;   // u32, 64
inline constexpr size_t kOffsetFileSize = 16;       // u64
inline constexpr size_t kOffsetProgramSize = 24;    // u32, bytes of the FlatBuffer
inline constexpr size_t kOffsetHashAlgorithm = 28;  // u8, 1: BLAKE3
inline constexpr size_t kOffsetSignature = 29;      // u8, 0: none, 1: Ed25519 (since 1.2)
inline constexpr size_t kOffsetReserved = 30;       // 2 bytes, zero
inline constexpr size_t kOffsetProgramHash = 32;    // 32 bytes

// The preamble as values.
struct Preamble {
  uint16_t format_major = 0;
  uint16_t format_minor = 0;
  uint64_t file_size = 0;
  uint32_t program_size = 0;
  uint8_t signature = kSignatureNone;
  uint8_t program_hash[kHashSize] = {};
};

constexpr uint64_t LoadLittleEndian(const uint8_t* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

constexpr void StoreLittleEndian(uint64_t value, size_t count, uint8_t* bytes) {
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

// Writes the 64 bytes of `preamble`.
constexpr void EncodePreamble(const Preamble& preamble, uint8_t out[kPreambleSize]) {
  for (size_t i = 0; i < kPreambleSize; ++i) out[i] = 0;
  for (size_t i = 0; i < sizeof(kBundleMagic); ++i) out[kOffsetMagic + i] = kBundleMagic[i];
  StoreLittleEndian(preamble.format_major, 2, out + kOffsetFormatMajor);
  StoreLittleEndian(preamble.format_minor, 2, out + kOffsetFormatMinor);
  StoreLittleEndian(kPreambleSize, 4, out + kOffsetPreambleSize);
  StoreLittleEndian(preamble.file_size, 8, out + kOffsetFileSize);
  StoreLittleEndian(preamble.program_size, 4, out + kOffsetProgramSize);
  out[kOffsetHashAlgorithm] = kHashBlake3;
  out[kOffsetSignature] = preamble.signature;
  for (size_t i = 0; i < kHashSize; ++i) out[kOffsetProgramHash + i] = preamble.program_hash[i];
}

// The values of the 64 bytes of a preamble, whatever they are: magic, sizes and hash
// are the loader's to check.
constexpr Preamble DecodePreamble(const uint8_t bytes[kPreambleSize]) {
  Preamble preamble;
  preamble.format_major = static_cast<uint16_t>(LoadLittleEndian(bytes + kOffsetFormatMajor, 2));
  preamble.format_minor = static_cast<uint16_t>(LoadLittleEndian(bytes + kOffsetFormatMinor, 2));
  preamble.file_size = LoadLittleEndian(bytes + kOffsetFileSize, 8);
  preamble.program_size = static_cast<uint32_t>(LoadLittleEndian(bytes + kOffsetProgramSize, 4));
  preamble.signature = bytes[kOffsetSignature];
  for (size_t i = 0; i < kHashSize; ++i) preamble.program_hash[i] = bytes[kOffsetProgramHash + i];
  return preamble;
}

// The alignment of a segment of `length` bytes.
constexpr uint64_t SegmentAlignment(uint64_t length) {
  return length >= kPageAlignedFrom ? kPageAlignment : kSegmentAlignment;
}

// `value` rounded up to a multiple of `alignment`, a power of two. The caller
// sees to it that this does not overflow.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// The only offset a segment of `length` bytes may have when the part before it
// ends at `previous_end`: so a file has one byte layout for its contents, and no
// room for bytes that nobody explains. The gap is zero.
constexpr uint64_t SegmentOffset(uint64_t previous_end, uint64_t length) {
  return AlignUp(previous_end, SegmentAlignment(length));
}

}  // namespace gem

#endif  // GEM_RUNTIME_SCHEMA_PREAMBLE_H

// How quantized weights and quantized tokens lie in memory, byte by byte.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler packs by this header, the kernels read by it, the loader checks
// sizes by it. Everything is constexpr and needs nothing but the C++ library's
// integers. docs/artifact-format.md says the same in words.
//
// A code is an integer of 8, 4, 3 or 2 bits. Codes of 8 bits are the value
// itself, -127 to 127; a code of b < 8 bits is the value + 2^(b-1), so 0 to
// 2^b - 1 stands for -2^(b-1) to 2^(b-1) - 1. Blocks are 32 codes along the
// contracted axis (k) of a matrix, or along the row of a table; the last block
// is padded with codes of value 0.
//
// A value's scale is one of
//   ROW        s[n]                  one scale a row
//   TWO_LEVEL  s[n] * ratio[n, g]    and an integer ratio, 1 to 255, a group of
//                                    32, 64 or 128 values of the row
//   F16_GROUP  h[n, g]               an f16 a group
#ifndef GEM_RUNTIME_SCHEMA_WEIGHTFORMAT_H
#define GEM_RUNTIME_SCHEMA_WEIGHTFORMAT_H

#include <cstdint>

namespace gem::format {

inline constexpr uint64_t kBlock = 32;    // codes of a block
inline constexpr uint64_t kPanelRows = 16;

// Integer sums are exact over at most this many k: 8192 * 127 * 8 * 255 < 2^31.
// A longer row is summed in parts of it, added in f32 in order.
inline constexpr uint64_t kExactDepth = 8192;

// The widest row of quantized tokens, and of a matrix that is multiplied with them:
// 2^24 * 127 < 2^31 keeps the sums of codes of a row exact.
inline constexpr uint64_t kMaxDepth = uint64_t{1} << 24;

enum class Scales : uint8_t { kNone = 0, kRow = 1, kTwoLevel = 2, kF16Group = 3 };

constexpr uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
constexpr uint64_t Blocks(uint64_t k) { return (k + kBlock - 1) / kBlock; }
constexpr uint64_t Groups(uint64_t k, uint64_t group) { return (k + group - 1) / group; }

// What is added to a value to make its code.
constexpr int CodeOffset(unsigned bits) { return bits == 8 ? 0 : 1 << (bits - 1); }

constexpr bool IsValid(unsigned bits, Scales scales, uint64_t group) {
  const bool grouped = scales == Scales::kTwoLevel || scales == Scales::kF16Group;
  if (grouped != (group == 32 || group == 64 || group == 128)) return false;
  if (!grouped && (scales != Scales::kRow || group != 0)) return false;
  if (bits == 8) return scales == Scales::kRow;
  return bits == 4 || bits == 3 || bits == 2;
}

// --- matrices: layout PANEL_16 -------------------------------------------------
// ceil(N / 16) panels, one after the other; every part of a panel is a multiple of
// 64 bytes:
//   scales        16 x f32 s[n]                        (not with F16_GROUP)
//   row sums      16 x i32, sum_k of the row's codes   (8 bits only)
//   group scales  [groups][16] x u8 ratio or f16 h, padded to 64 bytes
//   codes         [blocks] x a block of 16 rows
// Rows past N have scale 0, ratios 1, and codes of value 0.

struct PanelLayout {
  uint64_t row_sums, group_scales, codes;  // offsets in a panel; scales are at 0
  uint64_t block_bytes;
  uint64_t size;                           // of a panel
};

constexpr PanelLayout LayOutPanel(unsigned bits, Scales scales, uint64_t group, uint64_t k) {
  PanelLayout layout = {};
  uint64_t at = scales == Scales::kF16Group ? 0 : kPanelRows * 4;
  layout.row_sums = at;
  if (bits == 8) at += kPanelRows * 4;
  layout.group_scales = at;
  if (scales == Scales::kTwoLevel) at += RoundUp(Groups(k, group) * kPanelRows, 64);
  if (scales == Scales::kF16Group) at += RoundUp(Groups(k, group) * kPanelRows * 2, 64);
  layout.codes = at;
  layout.block_bytes = kPanelRows * kBlock * bits / 8;
  layout.size = at + Blocks(k) * layout.block_bytes;
  return layout;
}

constexpr uint64_t PanelMatrixBytes(unsigned bits, Scales scales, uint64_t group, uint64_t n,
                                    uint64_t k) {
  return (n + kPanelRows - 1) / kPanelRows * LayOutPanel(bits, scales, group, k).size;
}

// Inside a block, k = 4 * quad + j with quad < 8 and j < 4, `row` < 16:
//   8 bits  byte quad * 64 + row * 4 + j
//   4 bits  byte (quad % 4) * 64 + row * 4 + j; its low half for quad < 4, else its
//           high half
//   2 bits  byte (quad / 4) * 64 + row * 4 + j, bits 2 * (quad % 4) and up
//   3 bits  the code's low two bits as 2 bits have them (128 bytes), then its
//           highest bit at byte 128 + row * 4 + j, bit quad
struct CodePlace {
  uint64_t byte;
  unsigned shift;
};
constexpr CodePlace PanelLowPlace(unsigned bits, uint64_t row, uint64_t k) {
  const uint64_t quad = k / 4, lane = row * 4 + k % 4;
  if (bits == 8) return {quad * 64 + lane, 0};
  if (bits == 4) return {quad % 4 * 64 + lane, quad < 4 ? 0u : 4u};
  return {quad / 4 * 64 + lane, static_cast<unsigned>(2 * (quad % 4))};
}
constexpr CodePlace PanelHighPlace(uint64_t row, uint64_t k) {  // of 3 bits
  return {128 + row * 4 + k % 4, static_cast<unsigned>(k / 4)};
}

// --- tables: layout ROW_MAJOR ---------------------------------------------------
// Planes, each padded to a multiple of 64 bytes:
//   scales        [rows] x bf16 s                     (not with F16_GROUP)
//   group scales  [rows][groups] x u8 ratio or f16 h
//   codes         [rows][blocks] x a block of one row
// A block of one row, k < 32:
//   8 bits  byte k
//   4 bits  byte k % 16; its low half for k < 16, else its high half
//   2 bits  byte k % 8, bits 2 * (k / 8) and up
//   3 bits  the low two bits as 2 bits have them (8 bytes), then the highest bit at
//           byte 8 + k % 4, bit k / 4

struct TableLayout {
  uint64_t group_scales, codes;  // offsets; scales are at 0
  uint64_t group_row_bytes, code_row_bytes;
  uint64_t size;
};

constexpr TableLayout LayOutTable(unsigned bits, Scales scales, uint64_t group, uint64_t rows,
                                  uint64_t width) {
  TableLayout layout = {};
  uint64_t at = scales == Scales::kF16Group ? 0 : RoundUp(rows * 2, 64);
  layout.group_scales = at;
  if (scales == Scales::kTwoLevel) layout.group_row_bytes = Groups(width, group);
  if (scales == Scales::kF16Group) layout.group_row_bytes = Groups(width, group) * 2;
  at += RoundUp(rows * layout.group_row_bytes, 64);
  layout.codes = at;
  layout.code_row_bytes = Blocks(width) * kBlock * bits / 8;
  layout.size = at + RoundUp(rows * layout.code_row_bytes, 64);
  return layout;
}

constexpr CodePlace TableLowPlace(unsigned bits, uint64_t k) {
  if (bits == 8) return {k, 0};
  if (bits == 4) return {k % 16, k < 16 ? 0u : 4u};
  return {k % 8, static_cast<unsigned>(2 * (k / 8))};
}
constexpr CodePlace TableHighPlace(uint64_t k) {  // of 3 bits
  return {8 + k % 4, static_cast<unsigned>(k / 4)};
}

// --- quantized tokens -----------------------------------------------------------
// What QUANTIZE_TOKENS writes and LINEAR_QUANTIZED reads: u8 [m, TokenRowBytes(k)].
// A row:
//   f32 scale, i32 sum of all codes, i16 sum of each block of 32 codes; padded to 64
//   i8 codes [k], zeros up to a multiple of 64

constexpr uint64_t TokenCodesOffset(uint64_t k) { return RoundUp(8 + 2 * Blocks(k), 64); }
constexpr uint64_t TokenRowBytes(uint64_t k) { return TokenCodesOffset(k) + RoundUp(k, 64); }

}  // namespace gem::format

#endif  // GEM_RUNTIME_SCHEMA_WEIGHTFORMAT_H

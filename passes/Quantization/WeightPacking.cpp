// Quantized matrices to the bytes that a bundle holds, and back.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/WeightPacking.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/HalfFloat.h"
#include <algorithm>
#include <bit>
#include <cstring>

using namespace gem;
using namespace gem::quant;

namespace {

constexpr int64_t kBlock = format::kBlock;
constexpr int64_t kPanelRows = format::kPanelRows;

void storeLittle32(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; ++i)
    out[i] = static_cast<uint8_t>(value >> 8 * i);
}
void storeLittle16(uint8_t *out, uint16_t value) {
  out[0] = static_cast<uint8_t>(value);
  out[1] = static_cast<uint8_t>(value >> 8);
}
uint32_t loadLittle32(const uint8_t *in) {
  return in[0] | in[1] << 8 | in[2] << 16 | static_cast<uint32_t>(in[3]) << 24;
}
uint16_t loadLittle16(const uint8_t *in) { return static_cast<uint16_t>(in[0] | in[1] << 8); }

/// A block of one row as stored codes: offset added, padded.
void loadBlock(const int8_t *codes, int64_t count, unsigned bits, uint8_t *block) {
  const int offset = format::CodeOffset(bits);
  for (int64_t k = 0; k < kBlock; ++k)
    block[k] = static_cast<uint8_t>((k < count ? codes[k] : 0) + offset);
}

/// Codes of 8 or 4 bits, and the highest bits of 3: in panels and tables alike, four codes
/// side by side, `stride` bytes from quad to quad.
void packWide(const uint8_t *block, unsigned bits, uint8_t *out, int64_t stride) {
  for (int64_t quad = 0; quad < (bits == 8 ? 8 : 4); ++quad)
    for (int64_t j = 0; j < 4; ++j) {
      const uint8_t *code = block + quad * 4 + j;
      out[quad * stride + j] = bits == 8 ? code[0] : static_cast<uint8_t>(code[0] | code[16] << 4);
    }
}
void unpackWide(const uint8_t *in, unsigned bits, uint8_t *block, int64_t stride) {
  for (int64_t quad = 0; quad < (bits == 8 ? 8 : 4); ++quad)
    for (int64_t j = 0; j < 4; ++j) {
      uint8_t byte = in[quad * stride + j];
      block[quad * 4 + j] = bits == 8 ? byte : byte & 15;
      if (bits == 4)
        block[16 + quad * 4 + j] = byte >> 4;
    }
}

/// The low two bits: byte i of `half` 0 and 1 holds codes half * 16 + i + 4 t in panels,
/// byte i of 8 codes i + 8 t in tables.
uint8_t fourCodes(const uint8_t *code, int64_t step) {
  return static_cast<uint8_t>((code[0] & 3) | (code[step] & 3) << 2 | (code[2 * step] & 3) << 4 |
                              (code[3 * step] & 3) << 6);
}
uint8_t highBits(const uint8_t *code) {
  unsigned bits = 0;
  for (int64_t quad = 0; quad < 8; ++quad)
    bits |= static_cast<unsigned>(code[quad * 4] >> 2 & 1) << quad;
  return static_cast<uint8_t>(bits);
}

/// A block of row `row` of a panel; `out` is the panel's block.
void packPanelBlock(const uint8_t *block, unsigned bits, int64_t row, uint8_t *out) {
  out += row * 4;
  if (bits >= 4)
    return packWide(block, bits, out, 64);
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t j = 0; j < 4; ++j)
      out[half * 64 + j] = fourCodes(block + half * 16 + j, 4);
  if (bits == 3)
    for (int64_t j = 0; j < 4; ++j)
      out[128 + j] = highBits(block + j);
}
void unpackPanelBlock(const uint8_t *in, unsigned bits, int64_t row, uint8_t *block) {
  in += row * 4;
  if (bits >= 4)
    return unpackWide(in, bits, block, 64);
  for (int64_t k = 0; k < kBlock; ++k) {
    unsigned code = in[k / 16 * 64 + k % 4] >> 2 * (k / 4 % 4) & 3;
    if (bits == 3)
      code |= static_cast<unsigned>(in[128 + k % 4] >> k / 4 & 1) << 2;
    block[k] = static_cast<uint8_t>(code);
  }
}

void packTableBlock(const uint8_t *block, unsigned bits, uint8_t *out) {
  if (bits >= 4)
    return packWide(block, bits, out, 4);
  for (int64_t i = 0; i < 8; ++i)
    out[i] = fourCodes(block + i, 8);
  if (bits == 3)
    for (int64_t j = 0; j < 4; ++j)
      out[8 + j] = highBits(block + j);
}
void unpackTableBlock(const uint8_t *in, unsigned bits, uint8_t *block) {
  if (bits >= 4)
    return unpackWide(in, bits, block, 4);
  for (int64_t k = 0; k < kBlock; ++k) {
    unsigned code = in[k % 8] >> 2 * (k / 8) & 3;
    if (bits == 3)
      code |= static_cast<unsigned>(in[8 + k % 4] >> k / 4 & 1) << 2;
    block[k] = static_cast<uint8_t>(code);
  }
}

void storeCodes(const uint8_t *block, int64_t count, unsigned bits, int8_t *codes) {
  const int offset = format::CodeOffset(bits);
  for (int64_t k = 0; k < count; ++k)
    codes[k] = static_cast<int8_t>(static_cast<int8_t>(block[k]) - offset);
}

format::PanelLayout panelLayout(const Format &format, int64_t width) {
  return format::LayOutPanel(format.bits, format.scales, format.group, width);
}

/// Collects small pieces into larger ones.
class Chunks {
public:
  explicit Chunks(ByteConsumer consume) : consume(consume) {}

  /// `size` bytes of zeros, to be written to.
  absl::StatusOr<uint8_t *> take(uint64_t size) {
    if (!buffer.empty() && buffer.size() + size > kChunk)
      if (absl::Status status = flush(); !status.ok())
        return status;
    buffer.resize(buffer.size() + size);
    total += size;
    return buffer.data() + buffer.size() - size;
  }
  absl::Status pad(uint64_t multiple) {
    return take(format::RoundUp(total, multiple) - total).status();
  }
  absl::Status flush() {
    absl::Status status = buffer.empty() ? absl::OkStatus() : consume(buffer);
    buffer.clear();
    return status;
  }

private:
  static constexpr uint64_t kChunk = 64 * 1024;
  ByteConsumer consume;
  std::vector<uint8_t> buffer;
  uint64_t total = 0;
};

} // namespace

QuantizedMatrix gem::quant::makeQuantizedMatrix(const Format &format, int64_t rows, int64_t width) {
  QuantizedMatrix matrix;
  matrix.format = format;
  matrix.rows = rows;
  matrix.width = width;
  matrix.codes.resize(rows * width);
  if (format.scales != Scales::kF16Group)
    matrix.rowScales.resize(rows);
  if (format.scales == Scales::kTwoLevel)
    matrix.ratios.assign(rows * matrix.groups(), 1);
  if (format.scales == Scales::kF16Group)
    matrix.halfScales.resize(rows * matrix.groups());
  return matrix;
}

uint64_t gem::quant::packedPanelBytes(const Format &format, int64_t width) {
  return panelLayout(format, width).size;
}

int64_t gem::quant::panelCount(int64_t rows) { return (rows + kPanelRows - 1) / kPanelRows; }

void gem::quant::packPanel(const QuantizedMatrix &matrix, int64_t panel, uint8_t *out) {
  const Format &format = matrix.format;
  const format::PanelLayout layout = panelLayout(format, matrix.width);
  const int64_t groups = matrix.groups(), firstRow = panel * kPanelRows;
  std::memset(out, 0, layout.codes);
  uint8_t zeros[kBlock], block[kBlock];
  loadBlock(nullptr, 0, format.bits, zeros);
  for (int64_t lane = 0; lane < kPanelRows; ++lane) {
    const int64_t row = firstRow + lane;
    const bool exists = row < matrix.rows;
    if (exists && format.scales != Scales::kF16Group)
      storeLittle32(out + lane * 4, std::bit_cast<uint32_t>(matrix.rowScales[row]));
    for (int64_t group = 0; group < groups; ++group) {
      uint8_t *place = out + layout.group_scales;
      if (format.scales == Scales::kTwoLevel)
        place[group * kPanelRows + lane] = exists ? matrix.ratios[row * groups + group] : 1;
      else if (exists)
        storeLittle16(place + (group * kPanelRows + lane) * 2,
                      matrix.halfScales[row * groups + group]);
    }
    const int8_t *codes = exists ? matrix.codes.data() + row * matrix.width : nullptr;
    int32_t sum = 0;
    for (int64_t k = 0; k < matrix.width; k += kBlock) {
      uint8_t *blockOut = out + layout.codes + k / kBlock * layout.block_bytes;
      if (!exists) {
        packPanelBlock(zeros, format.bits, lane, blockOut);
        continue;
      }
      const int64_t count = std::min(kBlock, matrix.width - k);
      loadBlock(codes + k, count, format.bits, block);
      packPanelBlock(block, format.bits, lane, blockOut);
      if (format.bits == 8)
        for (int64_t i = 0; i < count; ++i)
          sum += codes[k + i];
    }
    if (format.bits == 8)
      storeLittle32(out + layout.row_sums + lane * 4, static_cast<uint32_t>(sum));
  }
}

void gem::quant::unpackPanel(const uint8_t *bytes, int64_t panel, QuantizedMatrix &matrix) {
  const Format &format = matrix.format;
  const format::PanelLayout layout = panelLayout(format, matrix.width);
  const int64_t groups = matrix.groups(), firstRow = panel * kPanelRows;
  uint8_t block[kBlock];
  for (int64_t row = firstRow; row < std::min(firstRow + kPanelRows, matrix.rows); ++row) {
    const int64_t lane = row - firstRow;
    if (format.scales != Scales::kF16Group)
      matrix.rowScales[row] = std::bit_cast<float>(loadLittle32(bytes + lane * 4));
    for (int64_t group = 0; group < groups; ++group) {
      const uint8_t *place = bytes + layout.group_scales;
      if (format.scales == Scales::kTwoLevel)
        matrix.ratios[row * groups + group] = place[group * kPanelRows + lane];
      else
        matrix.halfScales[row * groups + group] =
            loadLittle16(place + (group * kPanelRows + lane) * 2);
    }
    for (int64_t k = 0; k < matrix.width; k += kBlock) {
      unpackPanelBlock(bytes + layout.codes + k / kBlock * layout.block_bytes, format.bits, lane,
                       block);
      storeCodes(block, std::min(kBlock, matrix.width - k), format.bits,
                 matrix.codes.data() + row * matrix.width + k);
    }
  }
}

absl::Status gem::quant::packTable(const QuantizedMatrix &matrix, ByteConsumer consume) {
  const Format &format = matrix.format;
  const int64_t groups = matrix.groups();
  Chunks chunks(consume);
  if (format.scales != Scales::kF16Group) {
    for (int64_t row = 0; row < matrix.rows; ++row) {
      const float scale = matrix.rowScales[row];
      const uint16_t narrow = floatToBfloat16(scale);
      if (bfloat16ToFloat(narrow) != scale)
        return absl::InvalidArgumentError(
            absl::StrCat("expected row scales of a table to be exact in bf16, but got ", scale,
                         " for row ", row, ": quantize the weight as a table"));
      absl::StatusOr<uint8_t *> out = chunks.take(2);
      if (!out.ok())
        return out.status();
      storeLittle16(*out, narrow);
    }
    if (absl::Status status = chunks.pad(64); !status.ok())
      return status;
  }
  if (groups) {
    for (int64_t row = 0; row < matrix.rows; ++row) {
      const bool isHalf = format.scales == Scales::kF16Group;
      absl::StatusOr<uint8_t *> out = chunks.take(isHalf ? groups * 2 : groups);
      if (!out.ok())
        return out.status();
      for (int64_t group = 0; group < groups; ++group) {
        if (isHalf)
          storeLittle16(*out + group * 2, matrix.halfScales[row * groups + group]);
        else
          (*out)[group] = matrix.ratios[row * groups + group];
      }
    }
    if (absl::Status status = chunks.pad(64); !status.ok())
      return status;
  }
  uint8_t block[kBlock];
  const int64_t blockBytes = kBlock * format.bits / 8;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    absl::StatusOr<uint8_t *> out = chunks.take(format::Blocks(matrix.width) * blockBytes);
    if (!out.ok())
      return out.status();
    for (int64_t k = 0; k < matrix.width; k += kBlock) {
      loadBlock(matrix.codes.data() + row * matrix.width + k, std::min(kBlock, matrix.width - k),
                format.bits, block);
      packTableBlock(block, format.bits, *out + k / kBlock * blockBytes);
    }
  }
  if (absl::Status status = chunks.pad(64); !status.ok())
    return status;
  return chunks.flush();
}

absl::StatusOr<QuantizedMatrix> gem::quant::unpackTable(absl::Span<const uint8_t> bytes,
                                                        const Format &format, int64_t rows,
                                                        int64_t width) {
  const format::TableLayout layout =
      format::LayOutTable(format.bits, format.scales, format.group, rows, width);
  if (bytes.size() != layout.size)
    return absl::InvalidArgumentError(absl::StrCat("expected ", layout.size, " bytes of a table [",
                                                   rows, ", ", width, "] in ", format.name(),
                                                   ", but got ", bytes.size()));
  QuantizedMatrix matrix = makeQuantizedMatrix(format, rows, width);
  const int64_t groups = matrix.groups();
  uint8_t block[kBlock];
  for (int64_t row = 0; row < rows; ++row) {
    if (format.scales != Scales::kF16Group)
      matrix.rowScales[row] = bfloat16ToFloat(loadLittle16(bytes.data() + row * 2));
    const uint8_t *place = bytes.data() + layout.group_scales + row * layout.group_row_bytes;
    for (int64_t group = 0; group < groups; ++group) {
      if (format.scales == Scales::kTwoLevel)
        matrix.ratios[row * groups + group] = place[group];
      else
        matrix.halfScales[row * groups + group] = loadLittle16(place + group * 2);
    }
    const uint8_t *codes = bytes.data() + layout.codes + row * layout.code_row_bytes;
    for (int64_t k = 0; k < width; k += kBlock) {
      unpackTableBlock(codes + k / kBlock * (kBlock * format.bits / 8), format.bits, block);
      storeCodes(block, std::min(kBlock, width - k), format.bits,
                 matrix.codes.data() + row * width + k);
    }
  }
  return matrix;
}

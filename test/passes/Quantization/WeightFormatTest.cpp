// Tests of weight formats: names, sizes, values, and every packed byte against the places
// that runtime/schema/WeightFormat.h documents, code by code.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/HalfFloat.h"
#include "passes/Quantization/WeightPacking.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace gem;
using namespace gem::quant;

namespace {

QuantizedMatrix randomMatrix(std::mt19937 &random, const Format &format, int64_t rows,
                             int64_t width) {
  QuantizedMatrix matrix = makeQuantizedMatrix(format, rows, width);
  const int count = format.maximum() - format.minimum() + 1;
  for (int8_t &code : matrix.codes)
    code = static_cast<int8_t>(format.minimum() + static_cast<int>(random() % count));
  for (float &scale : matrix.rowScales)
    scale = bfloat16ToFloat(static_cast<uint16_t>(0x3000 + random() % 0x1000));
  for (uint8_t &ratio : matrix.ratios)
    ratio = static_cast<uint8_t>(1 + random() % 255);
  for (uint16_t &scale : matrix.halfScales)
    scale = static_cast<uint16_t>(random() % 0x7c00);
  return matrix;
}

void expectEqual(const QuantizedMatrix &a, const QuantizedMatrix &b) {
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.rowScales, b.rowScales);
  EXPECT_EQ(a.ratios, b.ratios);
  EXPECT_EQ(a.halfScales, b.halfScales);
}

uint64_t roundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

void put(std::vector<uint8_t> &bytes, uint64_t at, const void *value, size_t size) {
  ASSERT_LE(at + size, bytes.size());
  std::memcpy(bytes.data() + at, value, size); // the tests run on little-endian hosts
}

unsigned codeOf(const QuantizedMatrix &matrix, int64_t row, int64_t k) {
  const int code = row < matrix.rows && k < matrix.width ? matrix.codes[row * matrix.width + k] : 0;
  return static_cast<uint8_t>(matrix.format.bits == 8 ? code
                                                      : code + (1 << (matrix.format.bits - 1)));
}

/// All panels, code by code from the documented places.
std::vector<uint8_t> slowPanels(const QuantizedMatrix &matrix) {
  const Format &format = matrix.format;
  const uint64_t blocks = (matrix.width + 31) / 32, groups = matrix.groups();
  const bool isHalf = format.scales == Scales::kF16Group;
  const uint64_t sums = isHalf ? 0 : 64;
  const uint64_t groupsAt = sums + (format.bits == 8 ? 64 : 0);
  const uint64_t codesAt = groupsAt + roundUp(groups * 16 * (isHalf ? 2 : 1), 64);
  const uint64_t size = codesAt + blocks * 64 * format.bits;
  const int64_t panels = (matrix.rows + 15) / 16;
  std::vector<uint8_t> bytes(panels * size);
  for (int64_t row = 0; row < panels * 16; ++row) {
    const uint64_t panel = row / 16 * size, lane = row % 16;
    const bool exists = row < matrix.rows;
    if (!isHalf && exists)
      put(bytes, panel + lane * 4, &matrix.rowScales[row], 4);
    for (uint64_t group = 0; group < groups; ++group) {
      const uint64_t at = panel + groupsAt + (group * 16 + lane) * (isHalf ? 2 : 1);
      const uint8_t one = 1;
      if (isHalf && exists)
        put(bytes, at, &matrix.halfScales[row * groups + group], 2);
      if (!isHalf)
        put(bytes, at, exists ? &matrix.ratios[row * groups + group] : &one, 1);
    }
    int32_t sum = 0;
    for (int64_t k = 0; k < static_cast<int64_t>(blocks) * 32; ++k) {
      uint8_t *block = bytes.data() + panel + codesAt + k / 32 * 64 * format.bits;
      const unsigned code = codeOf(matrix, row, k);
      format::CodePlace low = format::PanelLowPlace(format.bits, lane, k % 32);
      block[low.byte] |= static_cast<uint8_t>((format.bits == 3 ? code & 3 : code) << low.shift);
      format::CodePlace high = format::PanelHighPlace(lane, k % 32);
      if (format.bits == 3)
        block[high.byte] |= static_cast<uint8_t>(code >> 2 << high.shift);
      sum += static_cast<int8_t>(code);
    }
    if (format.bits == 8)
      put(bytes, panel + sums + lane * 4, &sum, 4);
  }
  return bytes;
}

std::vector<uint8_t> slowTable(const QuantizedMatrix &matrix) {
  const Format &format = matrix.format;
  const uint64_t blocks = (matrix.width + 31) / 32, groups = matrix.groups();
  const bool isHalf = format.scales == Scales::kF16Group;
  const uint64_t groupsAt = isHalf ? 0 : roundUp(matrix.rows * 2, 64);
  const uint64_t codesAt = groupsAt + roundUp(matrix.rows * groups * (isHalf ? 2 : 1), 64);
  const uint64_t blockBytes = 4 * format.bits;
  std::vector<uint8_t> bytes(codesAt + roundUp(matrix.rows * blocks * blockBytes, 64));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    if (!isHalf)
      put(bytes, row * 2, reinterpret_cast<const char *>(&matrix.rowScales[row]) + 2, 2);
    for (uint64_t group = 0; group < groups; ++group) {
      const uint64_t index = row * groups + group;
      if (isHalf)
        put(bytes, groupsAt + index * 2, &matrix.halfScales[index], 2);
      else
        put(bytes, groupsAt + index, &matrix.ratios[index], 1);
    }
    for (int64_t k = 0; k < static_cast<int64_t>(blocks) * 32; ++k) {
      uint8_t *block = bytes.data() + codesAt + (row * blocks + k / 32) * blockBytes;
      const unsigned code = codeOf(matrix, row, k);
      format::CodePlace low = format::TableLowPlace(format.bits, k % 32);
      block[low.byte] |= static_cast<uint8_t>((format.bits == 3 ? code & 3 : code) << low.shift);
      format::CodePlace high = format::TableHighPlace(k % 32);
      if (format.bits == 3)
        block[high.byte] |= static_cast<uint8_t>(code >> 2 << high.shift);
    }
  }
  return bytes;
}

TEST(WeightFormat, NamesRoundTrip) {
  std::vector<std::string> names = integerFormats();
  names.insert(names.end(), {"f32", "f16"});
  for (const std::string &name : names) {
    std::optional<Format> format = Format::parse(name);
    ASSERT_TRUE(format) << name;
    EXPECT_EQ(format->name(), name);
    EXPECT_EQ(Format::parse(format->name()), format);
  }
  EXPECT_EQ(*Format::parse("int4g32"), (Format{4, Scales::kTwoLevel, 32}));
  EXPECT_EQ(*Format::parse("int3g64f16"), (Format{3, Scales::kF16Group, 64}));
  EXPECT_EQ(*Format::parse("int8"), (Format{8, Scales::kRow, 0}));
  EXPECT_EQ(*Format::parse("f16"), (Format{16, Scales::kNone, 0}));
}

TEST(WeightFormat, RefusesOtherNames) {
  for (const char *name : {"", "int", "int5", "int1", "int8g32", "int4g16", "int4g", "int4g032",
                           "int4f16", "bf16", "f64", "Int4", "int4g32f32", " int4"})
    EXPECT_FALSE(Format::parse(name)) << name;
}

TEST(WeightFormat, RangesOfCodes) {
  EXPECT_EQ(Format::parse("int8")->minimum(), -127);
  EXPECT_EQ(Format::parse("int8")->maximum(), 127);
  EXPECT_EQ(Format::parse("int3g32")->minimum(), -4);
  EXPECT_EQ(Format::parse("int3g32")->maximum(), 3);
}

TEST(WeightFormat, Sizes) {
  EXPECT_EQ(Format::parse("f32")->matrixBytes(17, 10), 32u * 10 * 4);
  EXPECT_EQ(Format::parse("f16")->matrixBytes(16, 10), 16u * 10 * 2);
  EXPECT_EQ(Format::parse("f32")->tableBytes(17, 10), 17u * 10 * 4);
  EXPECT_EQ(Format::parse("f16")->tableBytes(17, 10), 17u * 10 * 2);
  EXPECT_EQ(Format::parse("int8")->matrixBytes(768, 768), 768u * 768 + 48 * 128);
  EXPECT_EQ(Format::parse("int4g32")->matrixBytes(768, 768), 48u * (64 + 24 * 16 + 768 * 8));
  EXPECT_EQ(Format::parse("int4g32")->tableBytes(32, 64), 64u + 64 + 32 * 32);
}

TEST(WeightPacking, PanelsHaveEveryBitInItsPlace) {
  std::mt19937 random(1);
  for (const std::string &name : integerFormats())
    for (auto [rows, width] : {std::pair<int64_t, int64_t>{16, 128}, {1, 1}, {17, 33}, {40, 300}}) {
      SCOPED_TRACE(testing::Message() << name << " [" << rows << ", " << width << "]");
      const Format format = *Format::parse(name);
      QuantizedMatrix matrix = randomMatrix(random, format, rows, width);
      const uint64_t size = packedPanelBytes(format, width);
      ASSERT_EQ(panelCount(rows) * size, format.matrixBytes(rows, width));
      std::vector<uint8_t> packed(panelCount(rows) * size, 0xa5);
      for (int64_t panel = 0; panel < panelCount(rows); ++panel)
        packPanel(matrix, panel, packed.data() + panel * size);
      EXPECT_EQ(packed, slowPanels(matrix));

      QuantizedMatrix back = makeQuantizedMatrix(format, rows, width);
      for (int64_t panel = 0; panel < panelCount(rows); ++panel)
        unpackPanel(packed.data() + panel * size, panel, back);
      expectEqual(back, matrix);
    }
}

TEST(WeightPacking, TablesHaveEveryBitInItsPlace) {
  std::mt19937 random(2);
  for (const std::string &name : integerFormats())
    for (auto [rows, width] :
         {std::pair<int64_t, int64_t>{16, 128}, {1, 1}, {17, 33}, {700, 300}}) {
      SCOPED_TRACE(testing::Message() << name << " [" << rows << ", " << width << "]");
      const Format format = *Format::parse(name);
      QuantizedMatrix matrix = randomMatrix(random, format, rows, width);
      std::vector<uint8_t> packed;
      absl::Status status = packTable(matrix, [&](absl::Span<const uint8_t> bytes) {
        EXPECT_LE(bytes.size(), 64u * 1024);
        packed.insert(packed.end(), bytes.begin(), bytes.end());
        return absl::OkStatus();
      });
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(packed.size(), format.tableBytes(rows, width));
      EXPECT_EQ(packed, slowTable(matrix));

      absl::StatusOr<QuantizedMatrix> back = unpackTable(packed, format, rows, width);
      ASSERT_TRUE(back.ok()) << back.status();
      expectEqual(*back, matrix);
      packed.pop_back();
      EXPECT_EQ(unpackTable(packed, format, rows, width).status().code(),
                absl::StatusCode::kInvalidArgument);
    }
}

TEST(WeightPacking, TableErrorsStop) {
  std::mt19937 random(3);
  QuantizedMatrix matrix = randomMatrix(random, *Format::parse("int4g32"), 4000, 64);
  int calls = 0;
  absl::Status status = packTable(matrix, [&](absl::Span<const uint8_t>) {
    ++calls;
    return absl::ResourceExhaustedError("disk full");
  });
  EXPECT_EQ(status, absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(calls, 1);

  matrix.rowScales[7] = 1.0f / 3;
  status = packTable(matrix, [](absl::Span<const uint8_t>) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("row 7"), std::string::npos) << status;
}

TEST(WeightFormat, DequantizesByTheFormula) {
  std::mt19937 random(4);
  for (const std::string &name : integerFormats()) {
    const Format format = *Format::parse(name);
    QuantizedMatrix matrix = randomMatrix(random, format, 3, 130);
    std::vector<float> values = dequantize(matrix);
    for (int64_t row = 0; row < 3; ++row)
      for (int64_t k = 0; k < 130; ++k) {
        float scale = 0;
        if (format.scales == Scales::kF16Group)
          scale = halfToFloat(matrix.halfScales[row * matrix.groups() + k / format.group]);
        else if (format.scales == Scales::kRow)
          scale = matrix.rowScales[row];
        else
          scale = matrix.rowScales[row] *
                  static_cast<float>(matrix.ratios[row * matrix.groups() + k / format.group]);
        EXPECT_EQ(matrix.scaleAt(row, k), scale);
        EXPECT_EQ(values[row * 130 + k], scale * static_cast<float>(matrix.codes[row * 130 + k]));
      }
  }
}

TEST(HalfFloat, RoundsToTheNearest) {
  // Every f16 and the middles between neighbours.
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float value = halfToFloat(static_cast<uint16_t>(bits));
    ASSERT_EQ(floatToHalf(value), bits);
    ASSERT_EQ(floatToHalf(-value), bits | 0x8000);
    const float next = bits + 1 == 0x7c00 ? 65536.0f : halfToFloat(static_cast<uint16_t>(bits + 1));
    const float middle = (value + next) / 2;
    ASSERT_EQ(floatToHalf(middle), bits + (bits & 1)) << bits;
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(floatToHalf(std::nextafter(middle, 1e9f)), bits + 1);
  }
  EXPECT_EQ(floatToHalf(INFINITY), 0x7c00);
  EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(NAN))));
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const float value = bfloat16ToFloat(static_cast<uint16_t>(bits));
    const float middle = std::bit_cast<float>(bits << 16 | 0x8000);
    ASSERT_EQ(floatToBfloat16(value), bits);
    ASSERT_EQ(floatToBfloat16(middle), bits + (bits & 1));
    ASSERT_EQ(floatToBfloat16(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(floatToBfloat16(std::bit_cast<float>(bits << 16 | 0x8001)), bits + 1);
  }
  EXPECT_TRUE(std::isnan(bfloat16ToFloat(floatToBfloat16(NAN))));
}

} // namespace

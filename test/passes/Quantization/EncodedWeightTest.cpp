// Tests of formats as types and of codes as the data of a weight.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/EncodedWeight.h"
#include "dialects/Gem/WeightData.h"
#include "test/passes/Quantization/QuantizationTestSupport.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace gem;
using namespace gem::quant;
using mlir::ElementsAttr;
using mlir::RankedTensorType;

namespace {

class EncodedWeightTest : public ::testing::Test {
protected:
  EncodedWeightTest() : context(mlir::MLIRContext::Threading::DISABLED) {
    context.loadDialect<GemDialect>();
  }

  /// The type of a weight whose encoding this is.
  RankedTensorType storedType(const QuantizedMatrix &matrix) {
    return RankedTensorType::get({matrix.rows, matrix.width},
                                 getElementType(&context, matrix.format));
  }

  ElementsAttr encode(const QuantizedMatrix &matrix) {
    absl::StatusOr<ElementsAttr> value = encodeWeight(&context, "w", matrix);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? *value : ElementsAttr();
  }

  mlir::MLIRContext context;
};

/// A matrix with scales of its own in every row and group; 100 columns leave a short group.
QuantizedMatrix sample(const std::string &format, int64_t rows = 5, int64_t width = 100) {
  std::mt19937 random(7);
  std::vector<float> values = bellValues(random, rows * width);
  WeightView weight{values.data(), rows, width, false};
  return *(*makeQuantizer("rtn"))->quantize(weight, *Format::parse(format), nullptr, 1);
}

void expectSame(const QuantizedMatrix &a, const QuantizedMatrix &b) {
  EXPECT_EQ(a.format, b.format);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.codes, b.codes);
  EXPECT_EQ(a.rowScales, b.rowScales);
  EXPECT_EQ(a.ratios, b.ratios);
  EXPECT_EQ(a.halfScales, b.halfScales);
}

TEST_F(EncodedWeightTest, EveryFormatHasAType) {
  std::vector<std::string> names = integerFormats();
  names.insert(names.end(), {"f32", "f16"});
  for (const std::string &name : names) {
    Format format = *Format::parse(name);
    EXPECT_EQ(getFormat(getElementType(&context, format)), format) << name;
  }
  EXPECT_EQ(getFormat(mlir::BFloat16Type::get(&context)), std::nullopt);
  EXPECT_EQ(getFormat(mlir::IntegerType::get(&context, 8)), std::nullopt);
}

TEST_F(EncodedWeightTest, AnEncodingHasTheBytesOfItsType) {
  for (const std::string &name : integerFormats()) {
    QuantizedMatrix matrix = sample(name);
    ElementsAttr value = encode(matrix);
    auto type = llvm::cast<QuantizedType>(getElementType(&context, matrix.format));
    EXPECT_EQ(value.getNumElements(), type.getEncodedBytes({5, 100})) << name;
    EXPECT_EQ(static_cast<int64_t>(getRawData(value).size()), value.getNumElements()) << name;
    EXPECT_TRUE(value.getShapedType().getElementType().isUnsignedInteger(8)) << name;
  }
  // By hand: 500 codes, 5 scales of 4 bytes, 4 groups a row of 1 or of 2 bytes.
  EXPECT_EQ(encode(sample("int8")).getNumElements(), 500 + 20);
  EXPECT_EQ(encode(sample("int4g32")).getNumElements(), 500 + 20 + 20);
  EXPECT_EQ(encode(sample("int4g32f16")).getNumElements(), 500 + 40);
}

TEST_F(EncodedWeightTest, CodesComeFirstThenRowScalesThenGroups) {
  QuantizedMatrix matrix;
  matrix.format = *Format::parse("int4g32");
  matrix.rows = 2;
  matrix.width = 64;
  for (int i = 0; i < 128; ++i)
    matrix.codes.push_back(static_cast<int8_t>(i % 16 - 8));
  matrix.rowScales = {0.5f, -2.0f};
  matrix.ratios = {1, 2, 254, 255};
  ElementsAttr value = encode(matrix);
  llvm::ArrayRef<char> data = getRawData(value);
  ASSERT_EQ(data.size(), 128u + 8 + 4);
  EXPECT_EQ(static_cast<int8_t>(data[0]), -8);
  EXPECT_EQ(static_cast<int8_t>(data[127]), 7);
  float scale;
  std::memcpy(&scale, data.data() + 132, 4);
  EXPECT_EQ(scale, -2.0f);
  EXPECT_EQ(static_cast<uint8_t>(data[136]), 1);
  EXPECT_EQ(static_cast<uint8_t>(data[139]), 255);
}

TEST_F(EncodedWeightTest, DecodingGivesBackEveryFormat) {
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    QuantizedMatrix matrix = sample(name);
    expectSame(decodeRows(encode(matrix), storedType(matrix), 0, matrix.rows), matrix);
  }
}

TEST_F(EncodedWeightTest, DecodingSomeRowsGivesThose) {
  for (const std::string &name : integerFormats()) {
    SCOPED_TRACE(name);
    QuantizedMatrix matrix = sample(name);
    QuantizedMatrix some = decodeRows(encode(matrix), storedType(matrix), 2, 2);
    ASSERT_EQ(some.rows, 2);
    std::vector<float> expected(matrix.width), row(matrix.width);
    for (int64_t r = 0; r < 2; ++r) {
      matrix.dequantizeRow(2 + r, expected.data());
      some.dequantizeRow(r, row.data());
      EXPECT_EQ(row, expected) << r;
    }
  }
}

TEST_F(EncodedWeightTest, DecodesASplat) {
  auto stored = RankedTensorType::get({2, 8}, getElementType(&context, *Format::parse("int8")));
  auto type =
      RankedTensorType::get({24}, mlir::IntegerType::get(&context, 8, mlir::IntegerType::Unsigned));
  QuantizedMatrix matrix =
      decodeRows(mlir::DenseElementsAttr::get(type, llvm::APInt(8, 0x3F)), stored, 1, 1);
  EXPECT_EQ(matrix.codes, std::vector<int8_t>(8, 0x3F));
  ASSERT_EQ(matrix.rowScales.size(), 1u);
  EXPECT_EQ(matrix.rowScales[0], 0x1.7e7e7ep-1f); // 0x3F3F3F3F
}

TEST_F(EncodedWeightTest, AnEncodingOutlivesItsMatrix) {
  ElementsAttr value;
  RankedTensorType type;
  {
    QuantizedMatrix matrix = sample("int3g64");
    type = storedType(matrix);
    value = encode(matrix);
  }
  expectSame(decodeRows(value, type, 0, 5), sample("int3g64"));
}

} // namespace

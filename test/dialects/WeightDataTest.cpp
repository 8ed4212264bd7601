// Tests of reading weights: every 16-bit pattern against LLVM's software floating point,
// and resources that are not copied.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/WeightData.h"
#include "dialects/Gem/HalfFloat.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace gem;

namespace {

constexpr uint32_t kQuietBit = 0x00400000;

/// The f32 bits of the 16-bit number, by LLVM. A signaling NaN becomes a quiet one.
uint32_t widen(const llvm::fltSemantics &semantics, uint16_t bits) {
  llvm::APFloat value(semantics, llvm::APInt(16, bits));
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return static_cast<uint32_t>(value.bitcastToAPInt().getZExtValue());
}

void expectWidened(float actual, const llvm::fltSemantics &semantics, uint16_t bits) {
  uint32_t expected = widen(semantics, bits), found = std::bit_cast<uint32_t>(actual);
  if (std::isnan(std::bit_cast<float>(expected))) {
    EXPECT_TRUE(std::isnan(actual)) << "pattern " << bits;
    expected |= kQuietBit;
    found |= kQuietBit;
  }
  EXPECT_EQ(found, expected) << "pattern " << bits;
}

template <typename T> ArrayRef<char> bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T)};
}

class WeightDataTest : public testing::Test {
protected:
  WeightDataTest()
      : f32(Float32Type::get(&context)), f16(Float16Type::get(&context)),
        bf16(BFloat16Type::get(&context)) {}

  std::vector<float> read(ElementsAttr value, int64_t first, int64_t count) {
    std::vector<float> out(count, -7.0f);
    readAsF32(value, first, count, out.data());
    return out;
  }

  MLIRContext context;
  Type f32, f16, bf16;
};

TEST(HalfFloat, WidensEveryHalf) {
  for (uint32_t bits = 0; bits < 65536; ++bits)
    expectWidened(halfToFloat(static_cast<uint16_t>(bits)), llvm::APFloat::IEEEhalf(),
                  static_cast<uint16_t>(bits));
}

TEST(HalfFloat, WidensEveryBFloat16) {
  for (uint32_t bits = 0; bits < 65536; ++bits)
    expectWidened(bfloat16ToFloat(static_cast<uint16_t>(bits)), llvm::APFloat::BFloat(),
                  static_cast<uint16_t>(bits));
}

TEST_F(WeightDataTest, ReadsEveryPatternOfAResourceAndOfDenseData) {
  auto patterns = std::make_shared<std::vector<uint16_t>>(65536);
  std::iota(patterns->begin(), patterns->end(), 0);
  for (Type element : {f16, bf16}) {
    const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
    auto type = RankedTensorType::get({256, 256}, element);
    ElementsAttr resource = makeResource(type, "patterns", bytesOf(*patterns), patterns);
    ElementsAttr dense = DenseElementsAttr::getFromRawBuffer(type, bytesOf(*patterns));
    for (ElementsAttr value : {resource, dense}) {
      ASSERT_TRUE(hasData(value));
      std::vector<float> all = read(value, 0, 65536);
      for (uint32_t bits = 0; bits < 65536; ++bits)
        expectWidened(all[bits], semantics, static_cast<uint16_t>(bits));
      // A part, from an odd place on.
      std::vector<float> part = read(value, 0x3bff, 3);
      for (uint32_t i = 0; i < 3; ++i)
        expectWidened(part[i], semantics, static_cast<uint16_t>(0x3bff + i));
    }
  }
}

TEST_F(WeightDataTest, ReadsPartsOfF32) {
  auto values = std::make_shared<std::vector<float>>(100);
  std::iota(values->begin(), values->end(), 0.5f);
  auto type = RankedTensorType::get({20, 5}, f32);
  for (ElementsAttr value :
       {ElementsAttr(makeResource(type, "values", bytesOf(*values), values)),
        ElementsAttr(DenseElementsAttr::getFromRawBuffer(type, bytesOf(*values)))}) {
    EXPECT_EQ(read(value, 0, 100), *values);
    EXPECT_EQ(read(value, 99, 1), std::vector<float>{99.5f});
    EXPECT_EQ(read(value, 7, 2), (std::vector<float>{7.5f, 8.5f}));
    EXPECT_TRUE(read(value, 100, 0).empty());
  }
}

TEST_F(WeightDataTest, ReadsDataThatIsNotAligned) {
  // The tensors of a checkpoint may lie anywhere in its file.
  std::vector<float> values{1.5f, -2.0f, 3.25f};
  auto file = std::make_shared<std::vector<char>>(1 + 12);
  std::memcpy(file->data() + 1, values.data(), 12);
  ElementsAttr value = makeResource(RankedTensorType::get({3}, f32), "odd",
                                    ArrayRef<char>(file->data() + 1, 12), file);
  EXPECT_EQ(read(value, 0, 3), values);
}

TEST_F(WeightDataTest, ReadsSplats) {
  auto splat = [&](Type element, double number) {
    APFloat value(number);
    bool losesInfo;
    value.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return ElementsAttr(DenseElementsAttr::get(RankedTensorType::get({4, 4}, element), value));
  };
  for (Type element : {f32, f16, bf16}) {
    ElementsAttr value = splat(element, -0.375);
    EXPECT_TRUE(hasData(value));
    EXPECT_TRUE(getRawData(value).empty());
    EXPECT_EQ(read(value, 3, 5), std::vector<float>(5, -0.375f));
  }
}

TEST_F(WeightDataTest, DoesNotTakeASingleElementOfAResourceForASplat) {
  auto one = std::make_shared<std::vector<uint16_t>>(1, uint16_t(0x4200));
  ElementsAttr value = makeResource(RankedTensorType::get({1, 1}, f16), "one", bytesOf(*one), one);
  EXPECT_TRUE(hasData(value));
  EXPECT_EQ(read(value, 0, 1), std::vector<float>{3.0f});
}

TEST_F(WeightDataTest, KnowsResourcesWithoutData) {
  context.getOrLoadDialect<BuiltinDialect>();
  auto &manager = DenseResourceElementsHandle::getManagerInterface(&context);
  for (int64_t elements : {1, 4}) {
    ElementsAttr value = DenseResourceElementsAttr::get(RankedTensorType::get({elements}, f32),
                                                        manager.insert("elided"));
    EXPECT_FALSE(hasData(value));
    EXPECT_TRUE(getRawData(value).empty());
  }
}

TEST_F(WeightDataTest, CopiesNothing) {
  auto values = std::make_shared<std::vector<float>>(1000, 1.0f);
  ElementsAttr value =
      makeResource(RankedTensorType::get({1000}, f32), "values", bytesOf(*values), values);
  EXPECT_EQ(getRawData(value).data(), reinterpret_cast<const char *>(values->data()));
  EXPECT_EQ(getRawData(value).size(), 4000u);
}

TEST_F(WeightDataTest, KeepsResourcesOfTheSameNameApart) {
  ElementsAttr first = makeF32Resource(&context, {2}, "name", {1, 2});
  ElementsAttr second = makeF32Resource(&context, {2}, "name", {3, 4});
  EXPECT_NE(first, second);
  EXPECT_EQ(read(first, 0, 2), (std::vector<float>{1, 2}));
  EXPECT_EQ(read(second, 0, 2), (std::vector<float>{3, 4}));
}

TEST(WeightData, ReadsIntegersAsTheyAre) {
  MLIRContext context;
  auto type = [&](int64_t count, unsigned bits) {
    return RankedTensorType::get({count}, IntegerType::get(&context, bits, IntegerType::Unsigned));
  };
  const std::vector<uint16_t> values = {0, 1, 258, 65535};
  auto owner = std::make_shared<const std::vector<uint16_t>>(values);
  auto resource = makeResource(type(4, 16), "map", bytesOf(*owner), owner);
  std::vector<uint16_t> some(2);
  readIntegers(resource, 2, 2, some.data());
  EXPECT_EQ(some, (std::vector<uint16_t>{258, 65535}));
  readIntegers(DenseElementsAttr::get(type(4, 16), ArrayRef<uint16_t>(values)), 1, 2, some.data());
  EXPECT_EQ(some, (std::vector<uint16_t>{1, 258}));
  // One value for all.
  readIntegers(DenseElementsAttr::get(type(9, 16), llvm::APInt(16, 0x1234)), 7, 2, some.data());
  EXPECT_EQ(some, (std::vector<uint16_t>{0x1234, 0x1234}));
  std::vector<uint8_t> bytes(3);
  readIntegers(DenseElementsAttr::get(type(9, 8), llvm::APInt(8, 200)), 0, 3, bytes.data());
  EXPECT_EQ(bytes, std::vector<uint8_t>(3, 200));
}

TEST(WeightData, KeepsTheOwnerAsLongAsTheContext) {
  auto values = std::make_shared<const std::vector<float>>(16, 2.0f);
  std::weak_ptr<const std::vector<float>> owner = values;
  {
    MLIRContext context;
    makeResource(RankedTensorType::get({16}, Float32Type::get(&context)), "values",
                 bytesOf(*values), values);
    values.reset();
    EXPECT_FALSE(owner.expired());
  }
  EXPECT_TRUE(owner.expired());
}

TEST_F(WeightDataTest, ReleasesWhatOnlyTheDiscardedHas) {
  auto shared = makeF32Resource(&context, {2}, "w", {1, 2});
  auto own = makeF32Resource(&context, {2}, "w", {3, 4});
  Location loc = UnknownLoc::get(&context);
  OwningOpRef<ModuleOp> original = ModuleOp::create(loc), copy = ModuleOp::create(loc);
  (*original)->setAttr("test.shared", shared);
  (*copy)->setAttr("test.shared", shared);
  OpBuilder builder(copy->getBodyRegion());
  builder.create<ModuleOp>(loc)->setAttr("test.own", own);
  releaseData(*copy, {*original});
  EXPECT_EQ(read(shared, 0, 2), (std::vector<float>{1, 2}));
  EXPECT_FALSE(hasData(own));
  releaseData(*original, {});
  EXPECT_FALSE(hasData(shared));
}

} // namespace

// Tests what calls of kernels cost, against figures worked out by hand.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/GemRT/GemRT.h"
#include "mlir/AsmParser/AsmParser.h"

#include <gtest/gtest.h>

namespace gem {
namespace {

using namespace mlir;

class KernelCostTest : public ::testing::Test {
protected:
  KernelCostTest() {
    context.loadDialect<GemDialect, rt::GemRTDialect>();
    sizes["n"] = 10;
  }

  /// The cost of a call of `kernel`, "#gemrt.add", whose operands verify.
  rt::KernelCost cost(StringRef kernel, ArrayRef<StringRef> inputs, ArrayRef<StringRef> outputs) {
    auto attribute = dyn_cast_or_null<rt::KernelAttrInterface>(parseAttribute(kernel, &context));
    EXPECT_TRUE(attribute) << kernel.str();
    auto parse = [&](ArrayRef<StringRef> texts) {
      SmallVector<Type> types;
      for (StringRef text : texts)
        types.push_back(parseType(text, &context));
      return types;
    };
    SmallVector<Type> in = parse(inputs), out = parse(outputs);
    auto emitError = [&] { return emitError_(); };
    EXPECT_TRUE(succeeded(attribute.verifyCall(in, out, emitError))) << kernel.str();
    return attribute.getCost(in, out, sizes);
  }

  MLIRContext context;
  SymbolSizes sizes;

private:
  InFlightDiagnostic emitError_() { return mlir::emitError(UnknownLoc::get(&context)); }
};

TEST_F(KernelCostTest, LinearCountsEveryProduct) {
  rt::KernelCost linear =
      cost("#gemrt.linear<activation = none>",
           {"!gemrt.buffer<[n, 64], f32>", "!gemrt.constant<[39, 64], f32, panel_16>",
            "!gemrt.constant<[39], f32, row_major>", "!gemrt.none"},
           {"!gemrt.buffer<[n, 39], f32>"});
  EXPECT_EQ(linear.macs, 10 * 39 * 64);
  EXPECT_EQ(linear.operations, 0);
  EXPECT_EQ(linear.outputs, 10 * 39);
  EXPECT_EQ(linear.tokens, 10);
  EXPECT_EQ(linear.weightBytes, 48 * 64 * 4 + 39 * 4); // whole panels
  EXPECT_EQ(linear.activationBytes, 10 * (64 + 39) * 4);
  EXPECT_EQ(linear.units, 3);
  EXPECT_EQ(linear.format, "f32");
}

TEST_F(KernelCostTest, TheEpilogueCosts) {
  auto linear = [&](StringRef activation, StringRef residual) {
    return cost(("#gemrt.linear<activation = " + activation + ">").str(),
                {"!gemrt.buffer<[n, 64], f32>", "!gemrt.constant<[16, 64], f16, panel_16>",
                 "!gemrt.none", residual},
                {"!gemrt.buffer<[n, 16], f32>"});
  };
  rt::KernelCost plain = linear("none", "!gemrt.none"), gelu = linear("gelu", "!gemrt.none"),
                 tanh = linear("tanh", "!gemrt.none"),
                 residual = linear("none", "!gemrt.buffer<[n, 16], f32>");
  EXPECT_GT(gelu.operations, plain.operations);
  EXPECT_GT(tanh.operations, plain.operations);
  EXPECT_EQ(residual.operations - plain.operations, 10 * 16);
  EXPECT_EQ(residual.activationBytes - plain.activationBytes, 10 * 16 * 4);
  EXPECT_EQ(plain.format, "f16");
}

TEST_F(KernelCostTest, QuantizedLinear) {
  rt::KernelCost linear = cost("#gemrt.linear_quantized<activation = none>",
                               {"!gemrt.buffer<[n, 128], ui8>",
                                "!gemrt.constant<[32, 64], !gem.q<i4, group = 32>, "
                                "panel_16>",
                                "!gemrt.none", "!gemrt.none"},
                               {"!gemrt.buffer<[n, 32], f32>"});
  EXPECT_EQ(linear.macs, 10 * 32 * 64);
  // Of a panel: scales, the ratios of two groups in a line each of 64 bytes, half-byte codes.
  EXPECT_EQ(linear.weightBytes, 2 * (64 + 64 + 16 * 64 / 2));
  EXPECT_EQ(linear.activationBytes, 10 * (128 + 32 * 4));
  EXPECT_EQ(linear.format, "int4g32");
}

TEST_F(KernelCostTest, AttentionCountsEveryPair) {
  for (StringRef kernel :
       {"#gemrt.attention<heads = 4, head_dim = 16, scale = 2.5e-01 : f32, first_query = 0>",
        "#gemrt.scar_attention<heads = 4, head_dim = 16, scale = 2.5e-01 : f32, first_query = 0, "
        "predicate = either>"}) {
    SmallVector<StringRef> inputs{"!gemrt.buffer<[3, 64], f32>", "!gemrt.buffer<[n, 64], f32>",
                                  "!gemrt.buffer<[n, 64], f32>"};
    if (kernel.contains("scar"))
      inputs.append({"!gemrt.buffer<[n], ui8>", "!gemrt.buffer<[n], i32>"});
    else
      inputs.push_back("!gemrt.none");
    rt::KernelCost attention = cost(kernel, inputs, {"!gemrt.buffer<[3, 64], f32>"});
    EXPECT_EQ(attention.macs, 2 * 3 * 10 * 64);
    EXPECT_EQ(attention.operations % (4 * 3 * 10), 0);
    EXPECT_GE(attention.operations, 4 * 3 * 10);
    EXPECT_EQ(attention.weightBytes, 0);
    EXPECT_EQ(attention.units, 4 * 3);
    EXPECT_EQ(attention.format, "f32");
  }
}

TEST_F(KernelCostTest, OfATableOnlyRowsAreRead) {
  auto embedding = [&] {
    return cost("#gemrt.embedding",
                {"!gemrt.buffer<[n], i32>", "!gemrt.constant<[100, 32], f32, row_major>"},
                {"!gemrt.buffer<[n, 32], f32>"});
  };
  EXPECT_EQ(embedding().weightBytes, 10 * 32 * 4);
  EXPECT_EQ(embedding().activationBytes, 10 * 4 + 10 * 32 * 4);
  EXPECT_EQ(embedding().macs, 0);
  sizes["n"] = 1000; // more than there are: no row twice
  EXPECT_EQ(embedding().weightBytes, 100 * 32 * 4);
}

TEST_F(KernelCostTest, TablesInBlocks) {
  rt::KernelCost blocks =
      cost("#gemrt.embedding_blocks",
           {"!gemrt.buffer<[n], i32>", "!gemrt.constant<[100, 32], f32, row_major>",
            "!gemrt.constant<[300, 32], f16, row_major>", "!gemrt.none", "!gemrt.none",
            "!gemrt.constant<[400], ui16, row_major>"},
           {"!gemrt.buffer<[n, 32], f32>"});
  // The mean of the rows, and an index for each.
  EXPECT_EQ(blocks.weightBytes, 10 * (100 * 32 * 4 + 300 * 32 * 2) / 400 + 10 * 2);
}

TEST_F(KernelCostTest, Router) {
  rt::KernelCost router =
      cost("#gemrt.route_tokens<threshold = 5.0e-01 : f32>",
           {"!gemrt.buffer<[n, 64], f32>", "!gemrt.constant<[39, 64], f32, row_major>",
            "!gemrt.constant<[8, 64], f32, row_major>"},
           {"!gemrt.none", "!gemrt.buffer<[n], ui8>", "!gemrt.buffer<[n], i32>"});
  EXPECT_EQ(router.macs, 10 * 64 * (39 + 8));
  EXPECT_EQ(router.weightBytes, (39 + 8) * 64 * 4);
  EXPECT_EQ(router.units, 10);
}

TEST_F(KernelCostTest, ElementwiseKernelsScaleWithTheirElements) {
  const StringRef x = "!gemrt.buffer<[n, 64], f32>", v = "!gemrt.constant<[64], f32, row_major>",
                  q = "!gemrt.buffer<[n, 128], ui8>";
  struct Case {
    StringRef kernel;
    SmallVector<StringRef> inputs, outputs;
  };
  for (const Case &test :
       {Case{"#gemrt.add", {x, x}, {x}}, Case{"#gemrt.quantize_tokens", {x}, {q}},
        Case{"#gemrt.layer_norm<epsilon = 1.0e-05 : f32>", {x, v, v}, {x}},
        Case{"#gemrt.layer_norm_quantized<epsilon = 1.0e-05 : f32>", {x, v, v}, {x, q}},
        Case{"#gemrt.activation<function = gelu>", {x}, {x}}}) {
    sizes["n"] = 10;
    rt::KernelCost ten = cost(test.kernel, test.inputs, test.outputs);
    sizes["n"] = 20;
    rt::KernelCost twenty = cost(test.kernel, test.inputs, test.outputs);
    EXPECT_EQ(ten.macs, 0) << test.kernel.str();
    EXPECT_GE(ten.operations, 10 * 64) << test.kernel.str();
    EXPECT_EQ(twenty.operations, 2 * ten.operations) << test.kernel.str();
    EXPECT_EQ(twenty.activationBytes, 2 * ten.activationBytes) << test.kernel.str();
    EXPECT_EQ(twenty.weightBytes, ten.weightBytes) << test.kernel.str();
    EXPECT_EQ(ten.units, 10) << test.kernel.str();
  }
}

TEST_F(KernelCostTest, OneRowIsCopied) {
  rt::KernelCost row = cost("#gemrt.select_row<row = 0>", {"!gemrt.buffer<[n, 64], f32>"},
                            {"!gemrt.buffer<[1, 64], f32>"});
  EXPECT_EQ(row.activationBytes, 2 * 64 * 4);
  EXPECT_EQ(row.operations, 0);
}

TEST_F(KernelCostTest, HugeExtentsStayAtTheLargestNumber) {
  sizes["n"] = 1 << 20;
  rt::KernelCost attention =
      cost("#gemrt.attention<heads = 2000000000, head_dim = 1, scale = 1.0 : f32, first_query = 0>",
           {"!gemrt.buffer<[n, 2000000000], f32>", "!gemrt.buffer<[n, 2000000000], f32>",
            "!gemrt.buffer<[n, 2000000000], f32>", "!gemrt.none"},
           {"!gemrt.buffer<[n, 2000000000], f32>"});
  EXPECT_EQ(attention.macs, INT64_MAX);
  EXPECT_GT(attention.activationBytes, 0);
}

TEST_F(KernelCostTest, FormatNames) {
  for (auto [type, name] : {std::pair("f32", "f32"),
                            {"f16", "f16"},
                            {"bf16", "bf16"},
                            {"ui16", "ui16"},
                            {"!gem.q<i8>", "int8"},
                            {"!gem.q<i3, group = 64>", "int3g64"},
                            {"!gem.q<i4, group = 32, scales = f16>", "int4g32f16"}})
    EXPECT_EQ(rt::getFormatName(parseType(type, &context)), name);
}

} // namespace
} // namespace gem

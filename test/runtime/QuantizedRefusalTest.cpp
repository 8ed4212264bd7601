// Every rule of format 1.1 is enforced, by name.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "test/runtime/QuantizedWeights.h"
#include "test/runtime/Refusal.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

using Model = TinyQuantized;
using schema::ElementType;
using schema::Scales;

schema::ConstantT& ConstantOf(BundleBuilder& b, const char* name) {
  for (const auto& constant : b.program().constants) {
    if (constant->name == name) return *constant;
  }
  ADD_FAILURE() << "no constant " << name;
  return *b.program().constants[0];
}

uint32_t IndexOf(BundleBuilder& b, const char* name) {
  const auto& constants = b.program().constants;
  for (uint32_t i = 0; i < constants.size(); ++i) {
    if (constants[i]->name == name) return i;
  }
  ADD_FAILURE() << "no constant " << name;
  return 0;
}

// A buffer of the right type and the wrong width, beside all others.
uint32_t AddBytes(BundleBuilder& b, uint32_t width) {
  return b.AddBuffer(ElementType::U8, {Symbol(0), Constant(width)});
}

const Refusal kRefusals[] = {
    // --- scales and groups
    {"ScalesMissing",
     "constant 0 ('embedding.0'): scales, group_size: expected 1 (ROW) and 0, or 2 (TWO_LEVEL) or "
     "3 (F16_GROUP) and 32, 64 or 128 for I4, but got 0 and 0",
     [](BundleBuilder& b) {
       ConstantOf(b, "embedding.0").scales = Scales::NONE;
       ConstantOf(b, "embedding.0").group_size = 0;
     }},
    {"ScalesUnknown", "constant 0 ('embedding.0'): scales, group_size: expected|but got 4 and 32",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.0").scales = static_cast<Scales>(4); }},
    {"GroupWithRowScales", "('embedding.2'): scales, group_size: expected|for I2, but got 1 and 32",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.2").group_size = 32; }},
    {"GroupMissing", "('k.weight'): scales, group_size: expected|for I4, but got 2 and 0",
     [](BundleBuilder& b) { ConstantOf(b, "k.weight").group_size = 0; }},
    {"GroupOfSixteen", "('v.weight'): scales, group_size: expected|for I4, but got 3 and 16",
     [](BundleBuilder& b) { ConstantOf(b, "v.weight").group_size = 16; }},
    {"GroupHuge", "('k.weight'): scales, group_size: expected|but got 2 and 4294967295",
     [](BundleBuilder& b) { ConstantOf(b, "k.weight").group_size = 0xFFFFFFFF; }},
    {"TwoLevelBytes",
     "('q.weight'): scales, group_size: expected 0 (NONE) or 1 (ROW), and 0 for I8, but got 2 and "
     "32",
     [](BundleBuilder& b) {
       ConstantOf(b, "q.weight").scales = Scales::TWO_LEVEL;
       ConstantOf(b, "q.weight").group_size = 32;
     }},
    {"ScalesOfFloats", "('gamma'): scales, group_size: expected 0 (NONE) and 0 for F32, but got 1",
     [](BundleBuilder& b) { ConstantOf(b, "gamma").scales = Scales::ROW; }},
    {"GroupOfHalves", "('embedding.3'): scales, group_size: expected 0 (NONE) and 0 for F16|and 32",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.3").group_size = 32; }},
    {"ScalesOfMap", "('embedding.map'): scales, group_size: expected 0 (NONE) and 0 for U16",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.map").scales = Scales::ROW; }},
    {"BytesWithoutScales",
     "command 1 (ADD_POSITION): input 1 (table): scales: expected those of quantized weights, but "
     "got 0 (NONE)",
     [](BundleBuilder& b) {
       ConstantOf(b, "position").scales = Scales::NONE;
       ConstantOf(b, "position").length = 11 * 72;
     }},
    {"MatrixOfBytesWithoutScales", "('q.weight'): layout: expected an F32, F16 or quantized matrix",
     [](BundleBuilder& b) { ConstantOf(b, "q.weight").scales = Scales::NONE; }},
    {"QuantizedVector", "('embedding.2'): shape: expected 2 extents of a quantized constant|got 1",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.2").shape = {720}; }},
    {"QuantizedRankThree", "('q.weight'): shape: expected 2 extents of a quantized constant|got 3",
     [](BundleBuilder& b) { ConstantOf(b, "q.weight").shape = {72, 72, 1}; }},

    // --- sizes
    {"TableOneByteShort", "constant 0 ('embedding.0'): length: expected 384 bytes|but got 383",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.0").length -= 1; }},
    {"TableOneByteLong", "constant 0 ('embedding.0'): length: expected 384 bytes|but got 385",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.0").length += 1; }},
    {"MatrixOneByteShort", "('k.weight'): length: expected 4480 bytes|but got 4479",
     [](BundleBuilder& b) { ConstantOf(b, "k.weight").length -= 1; }},
    {"MatrixOfAnotherGroup", "('k.weight'): length: expected 4480 bytes|but got 4481",
     [](BundleBuilder& b) {
       ConstantOf(b, "k.weight").group_size = 64;  // the same size, after padding
       ConstantOf(b, "k.weight").length += 1;
     }},
    {"MatrixOfMoreBits", "('up.weight'): length: expected 6272 bytes|but got 3584",
     [](BundleBuilder& b) { ConstantOf(b, "up.weight").element_type = ElementType::I4; }},
    {"MatrixAsTable", "('q.weight'): length: expected 7104 bytes|but got 8320",
     [](BundleBuilder& b) { ConstantOf(b, "q.weight").layout = schema::Layout::ROW_MAJOR; }},
    {"HalvesOneByteShort", "('pooler.weight'): length: expected 11520 bytes|but got 11519",
     [](BundleBuilder& b) { ConstantOf(b, "pooler.weight").length -= 1; }},
    {"MapOneByteLong", "('embedding.map'): length: expected 74 bytes|but got 75",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.map").length += 1; }},
    {"MatrixHuge", "('q.weight'): length: expected 4611686",
     [](BundleBuilder& b) { ConstantOf(b, "q.weight").shape = {0x7FFFFFFF, 0x7FFFFFFF}; }},
    {"TableHuge", "('embedding.0'): length: expected 2449958",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.0").shape = {0x7FFFFFFF, 0x7FFFFFFF}; }},

    // --- types of operands
    {"TableOfIntegers",
     "command 0 (EMBEDDING_BLOCKS embedding): input 1 (table0): element type: expected F32, F16, "
     "I8, I4, I3 or I2, but got U16",
     [](BundleBuilder& b) {
       b.command(Model::kEmbedding).inputs[1] = Const(IndexOf(b, "embedding.map"));
     }},
    {"MapOfFloats", "input 5 (map): element type: expected U16, but got F32",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs[5] = Const(IndexOf(b, "gamma")); }},
    {"LinearOfCodes",
     "command 15 (LINEAR pooler): input 1 (w): element type: expected F32 or F16, but got I8",
     [](BundleBuilder& b) { b.command(Model::kPool).inputs[1] = Const(IndexOf(b, "q.weight")); }},
    {"RouterOfCodes", "input 1 (w_r): element type: expected F32 or F16, but got I2",
     [](BundleBuilder& b) { b.command(Model::kRoute).inputs[1] = Const(2); }},
    {"CentroidsOfCodes", "input 2 (centroids): element type: expected F32 or F16, but got I8",
     [](BundleBuilder& b) { b.command(Model::kRoute).inputs[2] = Const(IndexOf(b, "position")); }},
    {"QuantizedLinearOfHalves",
     "(LINEAR_QUANTIZED q): input 1 (w): element type: expected I8, I4, I3 or I2, but got F16",
     [](BundleBuilder& b) {
       b.command(Model::kQuery).inputs[1] = Const(IndexOf(b, "pooler.weight"));
     }},
    {"QuantizedLinearOfTable", "(LINEAR_QUANTIZED q): input 1 (w): layout: expected PANEL_16",
     [](BundleBuilder& b) { b.command(Model::kQuery).inputs[1] = Const(IndexOf(b, "position")); }},
    {"QuantizedLinearOfFloats", "(LINEAR_QUANTIZED q): input 0 (x): element type: expected U8",
     [](BundleBuilder& b) { b.command(Model::kQuery).inputs[0] = Buf(1); }},
    {"EmbeddingOfPanels", "input 1 (table0): layout: expected ROW_MAJOR, but got PANEL_16",
     [](BundleBuilder& b) {
       b.command(Model::kEmbedding).inputs[1] = Const(IndexOf(b, "q.weight"));
     }},

    // --- quantized rows
    {"RowBytesOfQuantize",
     "command 7 (QUANTIZE_TOKENS): output 0 (y): extent 1: expected 192, the bytes of 72 quantized "
     "values, but got 191",
     [](BundleBuilder& b) { b.command(Model::kQuantizeMixed).outputs[0] = Buf(AddBytes(b, 191)); }},
    {"RowBytesOfWidth", "output 0 (y): extent 1: expected 192, the bytes of 72|but got 72",
     [](BundleBuilder& b) { b.command(Model::kQuantizeMixed).outputs[0] = Buf(AddBytes(b, 72)); }},
    {"RowBytesOfSymbol", "output 0 (y): extent 1: expected 192, the bytes of 72|but got 9",
     [](BundleBuilder& b) {
       b.command(Model::kQuantizeMixed).outputs[0] =
           Buf(b.AddBuffer(ElementType::U8, {Symbol(0), Symbol(0)}));
     }},
    {"RowBytesOfLinear",
     "(LINEAR_QUANTIZED down): input 0 (x): extent 1: expected 192, the bytes of 100 quantized "
     "values, but got 256",
     [](BundleBuilder& b) {
       const uint32_t wide = AddBytes(b, 256);
       b.AddInput("wide", wide, schema::Role::NONE);
       b.command(Model::kDown).inputs[0] = Buf(wide);
     }},
    {"RowBytesOfNorm",
     "(LAYER_NORM_QUANTIZED norm): output 1 (quantized): extent 1: expected 192, the bytes of 72",
     [](BundleBuilder& b) { b.command(Model::kNorm).outputs[1] = Buf(AddBytes(b, 193)); }},
    {"WidthOfSymbol", "input 0 (x): extent 1: expected a constant of at most 16777216, but got 9",
     [](BundleBuilder& b) {
       const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(0), Symbol(0)});
       b.AddInput("square", x, schema::Role::NONE);
       b.command(Model::kQuantizeMixed).inputs[0] = Buf(x);
     }},
    {"WidthHuge",
     "input 0 (x): extent 1: expected a constant of at most 16777216, but got 16777217",
     [](BundleBuilder& b) {
       const uint32_t x = b.AddBuffer(ElementType::F32, {Symbol(0), Constant((1 << 24) + 1)});
       b.AddInput("wide", x, schema::Role::NONE);
       b.command(Model::kQuantizeMixed).inputs[0] = Buf(x);
     }},
    {"RowsDiffer", "(QUANTIZE_TOKENS): output 0 (y): extent 0: expected symbol 'n'|but got 9",
     [](BundleBuilder& b) {
       b.command(Model::kQuantizeMixed).outputs[0] =
           Buf(b.AddBuffer(ElementType::U8, {Constant(9), Constant(192)}));
     }},
    {"BiasOfQuantized", "(LINEAR_QUANTIZED q): input 2 (bias): extent 0: expected 72|but got 100",
     [](BundleBuilder& b) { b.command(Model::kQuery).inputs[2] = Const(IndexOf(b, "up.bias")); }},
    {"QuantizedOverItsInput",
     "(LAYER_NORM_QUANTIZED norm): output 1 (quantized): buffer: expected no byte of input 0 (x)",
     [](BundleBuilder& b) { b.entry().buffers[2]->offset = b.entry().buffers[1]->offset; }},
    {"QuantizeInPlace", "(QUANTIZE_TOKENS): output 0 (y): buffer: expected no byte of input 0 (x)",
     [](BundleBuilder& b) { b.entry().buffers[7]->offset = b.entry().buffers[6]->offset; }},
    {"NothingQuantized", "output 1 (quantized): kind: expected 1 (BUFFER), but got 0",
     [](BundleBuilder& b) { b.command(Model::kNorm).outputs[1] = None(); }},

    // --- parameters
    {"QuantizedActivation", "(LINEAR_QUANTIZED up): activation: expected 0 (NONE)|but got 3",
     [](BundleBuilder& b) {
       b.command(Model::kUp).params.AsLinearQuantizedParams()->activation =
           static_cast<schema::Activation>(3);
     }},
    {"QuantizedEpsilon", "(LAYER_NORM_QUANTIZED norm): epsilon: expected a finite number",
     [](BundleBuilder& b) {
       b.command(Model::kNorm).params.AsLayerNormQuantizedParams()->epsilon = NAN;
     }},
    {"ParamsOfTheFloatKernel", "params: expected LinearQuantizedParams, but got union type 4",
     [](BundleBuilder& b) { b.command(Model::kQuery).params.Set(schema::LinearParamsT{}); }},

    // --- tables and map
    {"FirstTableAbsent", "input 1 (table0): kind: expected 2 (CONSTANT), but got 0",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs[1] = None(); }},
    {"TableAfterAbsentOne",
     "input 3 (table2): kind: expected 0 (NONE) after a table that is absent, but got 2",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs[2] = None(); }},
    {"LastTableAfterAbsentOne", "input 4 (table3): kind: expected 0 (NONE) after a table",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs[3] = None(); }},
    {"TableWidths", "input 2 (table1): extent 1: expected 72, as input 1 (table0) has, but got 24",
     [](BundleBuilder& b) {
       b.command(Model::kEmbedding).inputs[2] =
           Const(b.AddConstant("narrow", {4, 24}, std::vector<float>(96)));
     }},
    {"TooFewTables", "inputs: expected 6 operands, but got 5",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs.pop_back(); }},
    {"MapRankTwo", "input 5 (map): rank: expected 1, but got 2",
     [](BundleBuilder& b) { ConstantOf(b, "embedding.map").shape = {37, 1}; }},
    {"MapEntryTooLarge",
     "command 0 (EMBEDDING_BLOCKS embedding): input 5 (map): expected entry 36 to be less than the "
     "tables' 30 rows, but got 30",
     [](BundleBuilder& b) { b.segment_data(0)[ConstantOf(b, "embedding.map").offset + 72] = 30; }},
    {"MapEntryHuge", "input 5 (map): expected entry 0 to be less than|but got 65535",
     [](BundleBuilder& b) {
       const uint64_t offset = ConstantOf(b, "embedding.map").offset;
       b.segment_data(0)[offset] = b.segment_data(0)[offset + 1] = 0xFF;
     }},
    {"MapOfFewerRows", "input 5 (map): expected entry|to be less than the tables' 23 rows",
     [](BundleBuilder& b) { b.command(Model::kEmbedding).inputs[4] = None(); }},

    // --- what a file that says it is of version 1.0 must not have
    {"KernelInOneZero",
     "command 0 (QUANTIZE_TOKENS): format version: expected at least 1.1, which brought "
     "QUANTIZE_TOKENS, but got 1.0",
     [](BundleBuilder& b) {
       b.format_minor = 0;
       b.program().constants.clear();
       b.entry().outputs.resize(1);
       b.entry().outputs[0] = std::make_unique<schema::BindingT>();
       b.entry().outputs[0]->name = "out";
       b.entry().outputs[0]->buffer = 7;
       auto& commands = b.entry().submissions[0]->commands;
       commands[0] = std::move(commands[Model::kQuantizeMixed]);
       commands.resize(1);
     }},
    {"CodesInOneZero", "format version: expected at least 1.1, which brought I4, but got 1.0",
     [](BundleBuilder& b) { b.format_minor = 0; }},
    {"ScalesInOneZero", "format version: expected at least 1.1, which brought quantized constants",
     [](BundleBuilder& b) {
       b.format_minor = 0;
       b.program().constants.erase(b.program().constants.begin(),
                                   b.program().constants.begin() + 5);
     }},
    {"PanelsOfHalvesInOneZero", "format version: expected at least 1.1, which brought F16 in PANEL",
     [](BundleBuilder& b) {
       b.format_minor = 0;
       const uint32_t pooler = IndexOf(b, "pooler.weight");
       std::swap(b.program().constants[0], b.program().constants[pooler]);
     }},
};

class QuantizedRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(QuantizedRefusalTest, IsRefusedByName) {
  TinyQuantized model;
  ExpectRefusal(model.builder, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Loader, QuantizedRefusalTest, testing::ValuesIn(kRefusals),
                         [](const testing::TestParamInfo<Refusal>& info) {
                           return std::string(info.param.name);
                         });

// In a program of 1.0 otherwise.
TEST(OneZeroTest, CausalAndHalvesNeedOneOne) {
  const Refusal refusals[] = {
      {"Causal",
       "command 14 (SCAR_ATTENTION scar): format version: expected at least 1.1, which brought "
       "causal, but got 1.0",
       [](BundleBuilder& b) {
         b.command(TinyGem::kScar).params.AsScarAttentionParams()->causal = true;
       }},
      {"Halves",
       "command 0 (EMBEDDING embedding): format version: expected at least 1.1, which brought "
       "weights that are not F32, but got 1.0",
       [](BundleBuilder& b) {
         b.program().constants[0]->element_type = ElementType::F16;
         b.program().constants[0]->length /= 2;
       }},
  };
  for (const Refusal& refusal : refusals) {
    TinyGem zero;
    ExpectRefusal(zero.builder, refusal);
    TinyGem one;
    one.builder.format_minor = 1;
    refusal.change(one.builder);
    const AlignedBytes bytes(one.builder.Build());
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error),
              GEM_STATUS_OK)
        << error.message;
    gem_bundle_close(bundle);
  }
}

// Both forms of what the table changes are accepted unchanged.
TEST(QuantizedRefusalTest, UnchangedProgramsLoad) {
  for (const bool attention : {true, false}) {
    TinyQuantized model(attention);
    const AlignedBytes bytes(model.builder.Build());
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    ASSERT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error),
              GEM_STATUS_OK)
        << error.message;
    gem_bundle_close(bundle);
  }
}

}  // namespace
}  // namespace gem::test

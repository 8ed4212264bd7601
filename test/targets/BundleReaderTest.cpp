// Tests that a bundle comes back as the module it was written from.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/BundleReader.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/WeightQuantizer.h"
#include "targets/Bundle/BundleWriter.h"
#include "targets/Bundle/KernelParams.h"
#include "targets/Target.h"
#include "llvm/Support/raw_ostream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace gem {
namespace {

using namespace mlir;
using ::testing::HasSubstr;

/// 17 rows: the last panel of panel_16 is not full. Every constant is dense, so that its
/// data survives the parser.
std::string matrix(int rows, int columns) {
  std::string text = "dense<[";
  for (int row = 0; row < rows; ++row) {
    text += row ? ", [" : "[";
    for (int column = 0; column < columns; ++column)
      text += (column ? ", " : "") + std::to_string(row * columns + column) + ".25";
    text += "]";
  }
  return text + "]> : tensor<" + std::to_string(rows) + "x" + std::to_string(columns) + "xf32>";
}

std::string sampleModule() {
  return R"mlir(
module attributes {gem.labels = ["yes", "no"], gem.model = {architecture = "gem", name = "sample", parameters = 42 : i64}, gem.provenance = {recipe = "none", source = "test"}} {
  gemrt.program @main device("host") memory_limit(1000000) {
    gemrt.symbol @n min(2) max(8)
    gemrt.segment @weights kind(weights)
    gemrt.segment @wordpiece kind(tokenizer) data(dense<[1, 2, 3]> : tensor<3xui8>) {maximum_tokens = 8 : i64, pad_id = 0 : i64}
    gemrt.constant @table in @weights at(0) )mlir" +
         matrix(17, 4) + R"mlir( as !gemrt.constant<[17, 4], f32, row_major>
    gemrt.constant @w in @weights at(320) )mlir" +
         matrix(17, 4) + R"mlir( as !gemrt.constant<[17, 4], f32, panel_16>
    gemrt.entry @encode arena(768) lower_bound(704) {
      %ids = gemrt.alloc at(0) : !gemrt.buffer<[n], i32>
      gemrt.input "ids" role(token_ids) range(0, 16) %ids : !gemrt.buffer<[n], i32>
      %table = gemrt.get_constant @table : !gemrt.constant<[17, 4], f32, row_major>
      %x = gemrt.alloc at(64) : !gemrt.buffer<[n, 4], f32>
      %w = gemrt.get_constant @w : !gemrt.constant<[17, 4], f32, panel_16>
      %none = gemrt.none
      %y = gemrt.alloc at(192) : !gemrt.buffer<[n, 17], f32>
      gemrt.submit cpu {
        gemrt.call #gemrt.embedding ins(%ids, %table) outs(%x) {name = "embeddings"} : (!gemrt.buffer<[n], i32>, !gemrt.constant<[17, 4], f32, row_major>) -> (!gemrt.buffer<[n, 4], f32>)
        gemrt.call #gemrt.linear<activation = gelu> ins(%x, %w, %none, %none) outs(%y) : (!gemrt.buffer<[n, 4], f32>, !gemrt.constant<[17, 4], f32, panel_16>, !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[n, 17], f32>)
      }
      gemrt.output "y" role(hidden_states) %y : !gemrt.buffer<[n, 17], f32>
    }
  }
})mlir";
}

/// The same for a device whose kernels are known.
std::string moduleWithKernels() {
  std::string text = sampleModule(), device = "device(\"host\")";
  return text.replace(text.find(device), device.size(), "device(\"pi\") cpu_kernels(\"neon\")");
}

/// One constant of every kind: f16, f16 panels, indices, and of every format of quantized
/// tables and panels. 17 rows of 70: the last panel, group and block of columns are short.
std::string quantizedModule() {
  const std::vector<std::string> types = {"i8",
                                          "i4",
                                          "i3",
                                          "i2",
                                          "i4, group = 32",
                                          "i4, group = 128",
                                          "i3, group = 64",
                                          "i2, group = 32",
                                          "i4, group = 32, scales = f16",
                                          "i3, group = 32, scales = f16"};
  std::string constants, data = matrix(17, 70);
  auto add = [&](const std::string &name, const std::string &value, const std::string &type) {
    constants +=
        "gemrt.constant @" + name + " in @weights " + value + " as !gemrt.constant<" + type + ">\n";
  };
  add("half", data, "[17, 70], f16, row_major");
  add("half_panels", data, "[17, 70], f16, panel_16");
  add("map", "dense<[3, 1, 65535]> : tensor<3xui16>", "[3], ui16, row_major");
  add("same", "dense<258> : tensor<5xui16>", "[5], ui16, row_major");
  // Codes that were chosen, and their scales: every byte is 2.
  add("codes", "dense<2> : tensor<1258xui8>", "[17, 70], !gem.q<i8>, panel_16");
  for (auto [index, type] : llvm::enumerate(types))
    for (const char *layout : {"row_major", "panel_16"})
      add("q" + std::to_string(index) + layout, data, "[17, 70], !gem.q<" + type + ">, " + layout);
  return "module attributes {gem.model = {architecture = \"gem\", name = \"sample\"}} {\n"
         "gemrt.program @main device(\"host\") {\ngemrt.segment @weights kind(weights)\n" +
         constants + R"mlir(gemrt.entry @gelu arena(64) {
  %x = gemrt.alloc at(0) : !gemrt.buffer<[1, 8], f32>
  gemrt.input "x" %x : !gemrt.buffer<[1, 8], f32>
  %y = gemrt.alloc at(0) : !gemrt.buffer<[1, 8], f32>
  gemrt.submit cpu {
    gemrt.call #gemrt.activation<function = gelu> ins(%x) outs(%y) : (!gemrt.buffer<[1, 8], f32>) -> (!gemrt.buffer<[1, 8], f32>)
  }
  gemrt.output "y" %y : !gemrt.buffer<[1, 8], f32>
}
}
}
)mlir";
}

class BundleReaderTest : public ::testing::Test {
protected:
  BundleReaderTest() : context(MLIRContext::Threading::DISABLED) {
    context.loadDialect<GemDialect, rt::GemRTDialect, func::FuncDialect>();
  }

  std::string write(ModuleOp module) {
    placeConstants(module);
    MemoryBundleSink sink;
    BundleOptions options;
    options.producer = "test 1";
    auto summary = writeBundle(module, *findTarget("cpu"), options, sink);
    EXPECT_TRUE(summary.ok()) << summary.status();
    return std::string(sink.data().data(), sink.data().size());
  }

  /// Gives constants that have none an offset, one behind the other.
  static void placeConstants(ModuleOp module) {
    int64_t next = 0;
    module->walk([&](rt::ConstantOp constant) {
      if (!constant.getOffset())
        constant.setOffset(next);
      next = *constant.getOffset() + cast<rt::ConstantType>(constant.getType()).getByteSize();
      next = (next + 63) / 64 * 64;
    });
  }

  std::string save(const std::string &bytes) {
    const ::testing::TestInfo *test = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string path = ::testing::TempDir() + test->name() + ".gemb";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  absl::StatusOr<OwningOpRef<ModuleOp>> read(const std::string &bytes, BundleData data) {
    auto file = BundleFile::open(save(bytes));
    if (!file.ok())
      return file.status();
    return readBundle(*file, context, data);
  }

  static std::string print(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream, OpPrintingFlags().useLocalScope());
    return text;
  }

  static std::string list(const std::string &path) {
    MLIRContext context(MLIRContext::Threading::DISABLED);
    context.loadDialect<GemDialect, rt::GemRTDialect, func::FuncDialect>();
    auto file = BundleFile::open(path);
    if (!file.ok())
      return file.status().ToString();
    auto module = readBundle(*file, context);
    return module.ok() ? print(**module) : module.status().ToString();
  }

  MLIRContext context;
};

TEST_F(BundleReaderTest, WritingWhatWasReadGivesTheSameBytes) {
  for (const std::string &text : {sampleModule(), moduleWithKernels()}) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    std::string bytes = write(*module);
    auto again = read(bytes, BundleData::Loaded);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(write(**again), bytes);
    EXPECT_EQ(print(**again).find("cpu_kernels(\"neon\")") != std::string::npos,
              text == moduleWithKernels());
  }
}

TEST_F(BundleReaderTest, TheListingIsThatOfTheModule) {
  auto module = parseSourceString<ModuleOp>(sampleModule(), &context);
  ASSERT_TRUE(module);
  auto again = read(write(*module), BundleData::Elided);
  ASSERT_TRUE(again.ok()) << again.status();
  // The data is left out on both sides.
  std::string expected = print(*module);
  auto elide = [&](const std::string &name) {
    size_t begin = expected.find("dense<", expected.find("@" + name + " in"));
    size_t end = expected.find("> : ", begin) + 1;
    expected.replace(begin, end - begin, "dense_resource<" + name + ">");
  };
  elide("table");
  elide("w");
  size_t tokens = expected.find("dense<[1, 2, 3]>");
  ASSERT_NE(tokens, std::string::npos);
  expected.replace(tokens, std::string("dense<[1, 2, 3]>").size(), "dense_resource<wordpiece>");
  EXPECT_EQ(print(**again), expected);
}

TEST_F(BundleReaderTest, LoadedDataIsRowMajor) {
  auto module = parseSourceString<ModuleOp>(sampleModule(), &context);
  ASSERT_TRUE(module);
  auto again = read(write(*module), BundleData::Loaded);
  ASSERT_TRUE(again.ok()) << again.status();
  int constants = 0;
  (**again)->walk([&](rt::ConstantOp constant) {
    ++constants;
    std::vector<float> values(17 * 4);
    readAsF32(constant.getValue(), 0, values.size(), values.data());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(values[i], i + 0.25f) << constant.getSymName().str() << " " << i;
  });
  EXPECT_EQ(constants, 2);
}

TEST_F(BundleReaderTest, QuantizedDataComesBackEncoded) {
  auto module = parseSourceString<ModuleOp>(quantizedModule(), &context);
  ASSERT_TRUE(module);
  std::string bytes = write(*module);
  auto again = read(bytes, BundleData::Loaded);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(write(**again), bytes);
  auto program = *(**again).getOps<rt::ProgramOp>().begin();
  std::vector<float> values(17 * 70), row(70);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) + 0.25f;
  int quantized = 0;
  for (auto constant : program.getOps<rt::ConstantOp>()) {
    SCOPED_TRACE(constant.getSymName().str());
    auto type = cast<rt::ConstantType>(constant.getType());
    auto element = dyn_cast<QuantizedType>(type.getElementType());
    if (!element || constant.getSymName() == "codes")
      continue;
    ++quantized;
    ASSERT_TRUE(constant.getValue().getShapedType().getElementType().isUnsignedInteger(8));
    auto stored = RankedTensorType::get(type.getShape(), element);
    quant::QuantizedMatrix decoded = decodeRows(constant.getValue(), stored, 0, 17);
    // What the writer's quantizer makes of the values, as a table or a matrix.
    quant::WeightView view{values.data(), 17, 70, type.getLayout() == Layout::RowMajor};
    auto expected = (*quant::makeQuantizer("rtn"))->quantize(view, *getFormat(element), nullptr, 1);
    ASSERT_TRUE(expected.ok());
    EXPECT_EQ(decoded.codes, expected->codes);
    EXPECT_EQ(decoded.rowScales, expected->rowScales);
    EXPECT_EQ(decoded.ratios, expected->ratios);
    EXPECT_EQ(decoded.halfScales, expected->halfScales);
  }
  EXPECT_EQ(quantized, 20);
}

TEST_F(BundleReaderTest, HalvesIndicesAndCodesComeBack) {
  auto module = parseSourceString<ModuleOp>(quantizedModule(), &context);
  ASSERT_TRUE(module);
  auto again = read(write(*module), BundleData::Loaded);
  ASSERT_TRUE(again.ok()) << again.status();
  auto value = [&](llvm::StringRef name) {
    auto program = *(**again).getOps<rt::ProgramOp>().begin();
    return program.lookupSymbol<rt::ConstantOp>(name).getValue();
  };
  for (const char *name : {"half", "half_panels"}) {
    std::vector<float> values(17 * 70);
    readAsF32(value(name), 0, values.size(), values.data());
    EXPECT_EQ(values[0], 0.25f) << name;
    EXPECT_EQ(values[1189], 1189.0f) << name; // 1189.25 in f16
  }
  std::vector<uint16_t> map(3), same(5);
  readIntegers(value("map"), 0, 3, map.data());
  EXPECT_THAT(map, ::testing::ElementsAre(3, 1, 65535));
  readIntegers(value("same"), 0, 5, same.data());
  EXPECT_THAT(same, ::testing::Each(258));
  std::vector<uint8_t> codes(1258);
  readIntegers(value("codes"), 0, 1258, codes.data());
  EXPECT_THAT(codes, ::testing::Each(2));
}

TEST_F(BundleReaderTest, TheMinorVersionIsTheLowestThatHasAll) {
  auto minor = [&](const std::string &text) {
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    std::string bytes = module ? write(*module) : std::string(64, '\xff');
    return static_cast<int>(static_cast<unsigned char>(bytes[10]));
  };
  EXPECT_EQ(minor(sampleModule()), 0);
  EXPECT_EQ(minor(moduleWithKernels()), 2);
  EXPECT_EQ(minor(quantizedModule()), 1);
  // One f16 constant is enough, and so is one new kernel.
  std::string half = sampleModule();
  size_t at = 0;
  while ((at = half.find("[17, 4], f32, panel_16", at)) != std::string::npos)
    half.replace(at, 22, "[17, 4], f16, panel_16");
  EXPECT_EQ(minor(half), 1);
  std::string tokens = R"mlir(
module attributes {gem.model = {architecture = "gem", name = "sample"}} {
  gemrt.program @main device("host") {
    gemrt.segment @weights kind(weights)
    gemrt.constant @w in @weights dense<1.0> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
    gemrt.entry @encode arena(1024) {
      %x = gemrt.alloc at(0) : !gemrt.buffer<[2, 8], f32>
      gemrt.input "x" %x : !gemrt.buffer<[2, 8], f32>
      %y = gemrt.alloc at(512) : !gemrt.buffer<[2, 128], ui8>
      gemrt.submit cpu {
        gemrt.call #gemrt.quantize_tokens ins(%x) outs(%y) : (!gemrt.buffer<[2, 8], f32>) -> (!gemrt.buffer<[2, 128], ui8>)
      }
      gemrt.output "y" %y : !gemrt.buffer<[2, 128], ui8>
    }
  }
})mlir";
  EXPECT_EQ(minor(tokens), 1);
}

TEST_F(BundleReaderTest, EveryKernelSurvives) {
  for (llvm::StringRef text :
       {"#gemrt.embedding", "#gemrt.add_position", "#gemrt.add", "#gemrt.linear<activation = none>",
        "#gemrt.linear<activation = gelu>", "#gemrt.layer_norm<epsilon = 9.99999996E-13 : f32>",
        "#gemrt.activation<function = tanh>",
        "#gemrt.attention<heads = 12, head_dim = 64, scale = 0.125 : f32, first_query = 3>",
        "#gemrt.route_tokens<threshold = 6.500000e-01 : f32>",
        "#gemrt.scar_attention<heads = 2, head_dim = 64, scale = 0.333333343 : f32, first_query = "
        "1, "
        "predicate = same_route>",
        "#gemrt.scar_attention<heads = 2, head_dim = 64, scale = 0.125 : f32, first_query = 0, "
        "predicate = either, causal = true>",
        "#gemrt.quantize_tokens", "#gemrt.linear_quantized<activation = gelu>",
        "#gemrt.layer_norm_quantized<epsilon = 9.99999996E-13 : f32>", "#gemrt.embedding_blocks",
        "#gemrt.select_row<row = 7>"}) {
    SCOPED_TRACE(text.str());
    auto kernel = dyn_cast_or_null<rt::KernelAttrInterface>(parseAttribute(text, &context));
    ASSERT_TRUE(kernel);
    flatbuffers::FlatBufferBuilder builder;
    PackedKernel packed = packKernel(kernel, builder);
    auto none = builder.CreateVectorOfStructs(std::vector<schema::Operand>());
    builder.Finish(schema::CreateCommand(builder, packed.kernel, none, none, packed.paramsType,
                                         packed.params));
    auto *command = flatbuffers::GetRoot<schema::Command>(builder.GetBufferPointer());
    auto unpacked = unpackKernel(*command, &context);
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_EQ(Attribute(*unpacked), Attribute(kernel));
  }
}

TEST_F(BundleReaderTest, ParametersOfAnotherKernelAreRefused) {
  flatbuffers::FlatBufferBuilder builder;
  auto none = builder.CreateVectorOfStructs(std::vector<schema::Operand>());
  builder.Finish(schema::CreateCommand(builder, schema::Kernel::LINEAR, none, none,
                                       schema::KernelParams::AddParams,
                                       schema::CreateAddParams(builder).Union()));
  auto *command = flatbuffers::GetRoot<schema::Command>(builder.GetBufferPointer());
  auto unpacked = unpackKernel(*command, &context);
  ASSERT_FALSE(unpacked.ok());
  EXPECT_EQ(unpacked.status().message(),
            "expected the parameters of kernel LINEAR, but got AddParams");
}

TEST_F(BundleReaderTest, TheRuntimesRefusalIsPassedOn) {
  auto module = parseSourceString<ModuleOp>(sampleModule(), &context);
  ASSERT_TRUE(module);
  std::string bytes = write(*module);
  bytes[100] ^= 1;
  auto damaged = read(bytes, BundleData::Elided);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(damaged.status().message()), HasSubstr("program hash: expected"));
  EXPECT_EQ(BundleFile::open("nowhere.gemb").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(read("", BundleData::Elided).ok());
  EXPECT_FALSE(BundleFile::open(::testing::TempDir()).ok());
}

TEST_F(BundleReaderTest, ReadsTheGoldenBundles) {
  const char *source = std::getenv("GEM_SOURCE_DIR");
  ASSERT_NE(source, nullptr);
  for (auto [version, kernel] :
       {std::pair("v1.0", "#gemrt.scar_attention"), std::pair("v1.1", "#gemrt.linear_quantized")}) {
    SCOPED_TRACE(version);
    std::string golden = std::string(source) + "/test/runtime/golden/" + version + ".gemb";
    auto file = BundleFile::open(golden);
    ASSERT_TRUE(file.ok()) << file.status();
    auto module = readBundle(*file, context, BundleData::Loaded);
    ASSERT_TRUE(module.ok()) << module.status();
  // Written again by another writer it is the same program. A context of its own for each
  // listing: names of resources are unique in one.
    std::string again = save(write(**module));
    std::string listing = list(golden);
    EXPECT_THAT(listing, HasSubstr(std::string("gemrt.call ") + kernel));
    EXPECT_EQ(list(again), listing);
  }
}

} // namespace
} // namespace gem

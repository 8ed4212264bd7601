// Tests what is found to be removable in the example model, and that removing it is what
// zeroing it would be.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pruning/Structures.h"
#include "compiler/Pipeline/Compiler.h"
#include "compiler/Quantization/Candidate.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "passes/Pruning/ModelParts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

using namespace mlir;

namespace gem {
namespace {

using prune::ChannelSpace;
using prune::ResidualBlock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

fs::path exampleModel() { return fs::path(std::getenv("GEM_SOURCE_DIR")) / "examples/gem-tiny"; }

/// The model in `folder`, imported.
std::unique_ptr<Compiler> import(const fs::path &folder, bool pad = false) {
  CompileOptions options;
  options.pad = pad;
  options.model = folder;
  options.sequence = 64;
  auto compiler = std::make_unique<Compiler>(options);
  absl::Status status = compiler->import();
  EXPECT_TRUE(status.ok()) << status;
  return compiler;
}

/// Texts as token ids of the example's vocabulary, of 1 to 64 tokens.
std::vector<std::vector<int32_t>> sampleTexts() {
  std::vector<std::vector<int32_t>> texts;
  for (int length : {1, 2, 7, 19, 40, 64}) {
    std::vector<int32_t> ids{2}; // [CLS]
    for (int i = 1; i < length; ++i)
      ids.push_back(5 + (i * 7919 + length * 131) % 8187);
    texts.push_back(ids);
  }
  return texts;
}

/// Logits of all texts and routing decisions, one after the other.
std::vector<float> run(ModuleOp module, const std::string &format = "f32") {
  QuantizeStep step;
  step.plan.format = *quant::Format::parse(format);
  auto candidate = Candidate::build(module, step, nullptr);
  EXPECT_TRUE(candidate.ok()) << candidate.status();
  std::vector<float> results;
  if (!candidate.ok())
    return results;
  for (const std::vector<int32_t> &text : sampleTexts()) {
    absl::StatusOr<TextResult> result = (*candidate)->getRunner().run(text);
    EXPECT_TRUE(result.ok()) << result.status();
    results.insert(results.end(), result->logits.begin(), result->logits.end());
    results.insert(results.end(), result->routed.begin(), result->routed.end());
    results.insert(results.end(), result->cluster.begin(), result->cluster.end());
  }
  return results;
}

double largestDifference(const std::vector<float> &a, const std::vector<float> &b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::abs(double(a[i]) - b[i]));
  return largest;
}

std::vector<float> valuesOf(ModuleOp module, const std::string &name) {
  ElementsAttr value = module.lookupSymbol<WeightOp>(name).getValue();
  std::vector<float> values(value.getNumElements());
  readAsF32(value, 0, values.size(), values.data());
  return values;
}

void setValues(ModuleOp module, const std::string &name, std::vector<float> values) {
  auto weight = module.lookupSymbol<WeightOp>(name);
  weight.setValueAttr(makeF32Resource(module.getContext(), weight.getWeightType().getShape(), name,
                                      std::move(values)));
}

/// Sets columns of a weight to 0, so that what they read has no effect.
void zeroColumns(ModuleOp module, const std::string &name, ArrayRef<int64_t> columns) {
  std::vector<float> values = valuesOf(module, name);
  int64_t width = module.lookupSymbol<WeightOp>(name).getWeightType().getShape().back();
  for (size_t row = 0; row < values.size(); row += width)
    for (int64_t column : columns)
      values[row + column] = 0;
  setValues(module, name, std::move(values));
}

/// Sets rows of a matrix or elements of a vector to 0.
void zeroRows(ModuleOp module, const std::string &name, ArrayRef<int64_t> rows) {
  std::vector<float> values = valuesOf(module, name);
  int64_t count = module.lookupSymbol<WeightOp>(name).getWeightType().getDimSize(0);
  int64_t width = values.size() / count;
  for (int64_t row : rows)
    std::fill_n(values.begin() + row * width, width, 0.0f);
  setValues(module, name, std::move(values));
}

/// Makes channels of `space` 0 and unread: they have no part in any scale either.
void zeroChannels(ModuleOp module, const ChannelSpace &space, ArrayRef<int64_t> channels) {
  for (const auto &names : {space.producers, space.producerBiases})
    for (const std::string &name : names)
      zeroRows(module, name, channels);
  zeroColumns(module, space.consumer, channels);
}

/// The entries of `space` that are not in `kept`, as channels.
std::vector<int64_t> removedChannels(const ChannelSpace &space, ArrayRef<int64_t> kept) {
  std::vector<int64_t> channels;
  for (int64_t channel = 0; channel < space.count * space.width; ++channel)
    if (!llvm::is_contained(kept, channel / space.width))
      channels.push_back(channel);
  return channels;
}

/// Those behind the first `headDim` of each head.
std::vector<int64_t> removedOfHeads(const ChannelSpace &space, int64_t headDim) {
  std::vector<int64_t> channels;
  for (int64_t channel = 0; channel < space.count * space.width; ++channel)
    if (channel % space.width >= headDim)
      channels.push_back(channel);
  return channels;
}

class StructuresTest : public ::testing::Test {
protected:
  void SetUp() override { compiler = import(exampleModel()); }
  ModuleOp module() { return compiler->getModule(); }
  ChannelSpace space(const std::string &name, ModuleOp of) {
    for (ChannelSpace &space : prune::findChannelSpaces(of))
      if (space.name == name)
        return space;
    ADD_FAILURE() << "no space " << name;
    return {};
  }

  std::unique_ptr<Compiler> compiler;
};

TEST_F(StructuresTest, FindsTheSpacesOfTheExample) {
  std::vector<ChannelSpace> spaces = prune::findChannelSpaces(module());
  ASSERT_THAT(spaces, SizeIs(5));
  for (int layer : {0, 1}) {
    std::string prefix = "encoder.layer." + std::to_string(layer) + ".";
    const ChannelSpace &heads = spaces[2 * layer], &channels = spaces[2 * layer + 1];
    EXPECT_EQ(heads.kind, ChannelSpace::Kind::Heads);
    EXPECT_EQ(heads.name, prefix + "attention.output.dense");
    EXPECT_EQ(heads.consumer, heads.name + ".weight");
    EXPECT_THAT(heads.producers, ElementsAre(prefix + "attention.self.query.weight",
                                             prefix + "attention.self.key.weight",
                                             prefix + "attention.self.value.weight"));
    EXPECT_THAT(heads.producerBiases, ElementsAre(prefix + "attention.self.query.bias",
                                                  prefix + "attention.self.key.bias",
                                                  prefix + "attention.self.value.bias"));
    EXPECT_EQ(heads.count, 2);
    EXPECT_EQ(heads.width, 64);
    EXPECT_EQ(heads.inputWidth, 128);
    EXPECT_EQ(heads.outputWidth, 128);
    // Rows of q, k and v, columns of the output; two products of all pairs.
    EXPECT_EQ(heads.macsOfEntry(10), 10 * 64 * (3 * 128 + 128) + 100 * 2 * 64);

    EXPECT_EQ(channels.kind, ChannelSpace::Kind::Channels);
    EXPECT_EQ(channels.name, prefix + "output.dense");
    EXPECT_THAT(channels.producers, ElementsAre(prefix + "intermediate.dense.weight"));
    EXPECT_THAT(channels.producerBiases, ElementsAre(prefix + "intermediate.dense.bias"));
    EXPECT_EQ(channels.count, 512);
    EXPECT_EQ(channels.width, 1);
    EXPECT_EQ(channels.macsOfEntry(10), 10 * (128 + 128));
  }
  EXPECT_EQ(spaces[4].kind, ChannelSpace::Kind::ScarHeads);
  EXPECT_EQ(spaces[4].name, "scar.out");
  EXPECT_THAT(spaces[4].producers,
              ElementsAre("scar.query.weight", "scar.key.weight", "scar.value.weight"));
  EXPECT_EQ(spaces[4].macsOfEntry(64), 64 * 64 * 4 * 128 + 64 * 64 * 2 * 64);
}

TEST_F(StructuresTest, CountsWhatCanBePruned) {
  // A layer: 4 x 128^2 + 2 x 128 x 512 and 2 x 64 x 128 of attention; two of them. Router:
  // (39 + 32) x 128. SCAR: 4 x 128^2 and 2 x 64 x 128.
  EXPECT_EQ(prune::countPrunableMacs(module(), 64), 516992 * 64);
  EXPECT_EQ(prune::countPrunableMacs(module(), 1), 393216 + 9088 + 65536 + 3 * 256);
}

TEST_F(StructuresTest, CountsAModelThatPadsAtItsLength) {
  std::unique_ptr<Compiler> padded = import(exampleModel(), /*pad=*/true);
  EXPECT_EQ(prune::countPrunableMacs(padded->getModule(), 3), 516992 * 64);
  ChannelSpace scar = space("scar.out", padded->getModule());
  EXPECT_EQ(scar.macsOfEntry(3), 64 * 64 * 4 * 128 + 64 * 64 * 2 * 64);
  ASSERT_TRUE(prune::keepEntries(padded->getModule(), scar, {0}).ok());
  EXPECT_TRUE(succeeded(verify(padded->getModule())));
}

TEST_F(StructuresTest, TellsThePartsOfAModel) {
  std::map<ModelPart, int64_t> macs;
  for (auto [op, part] : partitionModel(module()))
    if (auto cost = dyn_cast<CostOpInterface>(op))
      macs[part] += cost.getMacs({{"n", 64}});
  EXPECT_EQ(macs[ModelPart::Encoder], 64 * (393216 + 32768));
  EXPECT_EQ(macs[ModelPart::Router], 64 * 9088);
  EXPECT_EQ(macs[ModelPart::Scar], 64 * (65536 + 16384));
  EXPECT_EQ(macs[ModelPart::Head], 39 * 128);
}

TEST_F(StructuresTest, PoolerAndClassifierAreTheHead) {
  OwningOpRef<ModuleOp> bert = parseSourceString<ModuleOp>(R"(
    gem.symbol @n min(1) max(8)
    func.func @classify(%x: tensor<?x2xf32, #gem.dims<n>>, %w: tensor<2x2xf32>,
                        %c: tensor<3x2xf32>) -> tensor<3xf32> {
      %0 = gem.linear %x, %w
          : (tensor<?x2xf32, #gem.dims<n>>, tensor<2x2xf32>) -> tensor<?x2xf32, #gem.dims<n>>
      %cls = gem.select %0[0] : tensor<?x2xf32, #gem.dims<n>> -> tensor<1x2xf32>
      %1 = gem.linear %cls, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      %2 = gem.tanh %1 : tensor<1x2xf32>
      %3 = gem.classify %2, %c : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<3xf32>
      return %3 : tensor<3xf32>
    })",
                                                           module().getContext());
  ASSERT_TRUE(bert);
  std::vector<ModelPart> parts;
  llvm::DenseMap<Operation *, ModelPart> partOf = partitionModel(*bert);
  for (Operation &op : bert->lookupSymbol<func::FuncOp>("classify").getBody().front())
    parts.push_back(partOf.lookup(&op));
  EXPECT_THAT(parts, ElementsAre(ModelPart::Encoder, ModelPart::Head, ModelPart::Head,
                                 ModelPart::Head, ModelPart::Head, ModelPart::Head));
  EXPECT_EQ(prune::countPrunableMacs(*bert, 5), 5 * 4);
}

TEST_F(StructuresTest, KeepingChannelsIsZeroingTheOthers) {
  // 37 is no multiple of what any kernel takes at once.
  ChannelSpace space = this->space("encoder.layer.0.output.dense", module());
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < 37; ++i)
    kept.push_back(3 + i * 13);
  OwningOpRef<ModuleOp> zeroed = module().clone();
  zeroColumns(*zeroed, space.consumer, removedChannels(space, kept));
  // That removes something that matters.
  EXPECT_GT(largestDifference(run(module()), run(*zeroed)), 0.01);
  ASSERT_TRUE(prune::keepEntries(module(), space, kept).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  EXPECT_EQ(module().lookupSymbol<WeightOp>(space.consumer).getWeightType().getShape(),
            (ArrayRef<int64_t>{128, 37}));
  EXPECT_LT(largestDifference(run(module()), run(*zeroed)), 1e-5);
  EXPECT_EQ(prune::countPrunableMacs(module(), 64),
            516992 * 64 - (512 - 37) * space.macsOfEntry(64));
  // The space is another now.
  EXPECT_THAT(prune::keepEntries(module(), space, kept).message(),
              HasSubstr("find the spaces again"));
  EXPECT_EQ(this->space(space.name, module()).count, 37);
}

TEST_F(StructuresTest, KeepingHeadsIsZeroingTheOthers) {
  for (const char *name : {"encoder.layer.1.attention.output.dense", "scar.out"}) {
    ChannelSpace space = this->space(name, module());
    OwningOpRef<ModuleOp> zeroed = module().clone(), pruned = module().clone();
    zeroColumns(*zeroed, space.consumer, removedChannels(space, {1}));
    ASSERT_TRUE(prune::keepEntries(*pruned, space, {1}).ok());
    EXPECT_TRUE(succeeded(verify(*pruned)));
    EXPECT_LT(largestDifference(run(*pruned), run(*zeroed)), 1e-5);
    EXPECT_EQ(prune::countPrunableMacs(*pruned, 64), 516992 * 64 - space.macsOfEntry(64));
    EXPECT_EQ(this->space(name, *pruned).count, 1);
  }
}

TEST_F(StructuresTest, KeepingHeadChannelsIsZeroingTheOthers) {
  for (int64_t headDim : {40, 7, 1}) {
    ChannelSpace space = this->space("encoder.layer.0.attention.output.dense", module());
    OwningOpRef<ModuleOp> zeroed = module().clone(), pruned = module().clone();
    zeroChannels(*zeroed, space, removedOfHeads(space, headDim));
    ASSERT_TRUE(prune::keepHeadChannels(*pruned, space, headDim).ok());
    EXPECT_TRUE(succeeded(verify(*pruned)));
    ChannelSpace smaller = this->space(space.name, *pruned);
    EXPECT_EQ(smaller.count, 2);
    EXPECT_EQ(smaller.width, headDim);
    EXPECT_LT(largestDifference(run(*pruned), run(*zeroed)), 1e-5) << headDim;
  }
}

TEST_F(StructuresTest, DataStaysByteForByte) {
  // Bit patterns of 16 bits that are numbers in f16 and in bf16, signs and subnormals too.
  ChannelSpace space = this->space("encoder.layer.1.output.dense", module());
  Builder builder(module().getContext());
  std::vector<Type> types{builder.getF16Type(), builder.getBF16Type()};
  std::vector<std::string> names{space.producers[0], space.consumer};
  std::vector<std::vector<uint16_t>> data(2);
  for (int i : {0, 1}) {
    auto weight = module().lookupSymbol<WeightOp>(names[i]);
    auto type = weight.getWeightType().clone(types[i]);
    for (int64_t k = 0; k < type.getNumElements(); ++k)
      data[i].push_back(static_cast<uint16_t>((k * 40503) & 0xbbff));
    auto owner = std::make_shared<std::vector<uint16_t>>(data[i]);
    weight.setValueAttr(makeResource(
        type, names[i], {reinterpret_cast<const char *>(owner->data()), owner->size() * 2}, owner));
    module().walk([&](GetWeightOp get) {
      if (get.getWeight() == names[i])
        get.getResult().setType(type);
    });
  }
  std::vector<int64_t> kept{0, 7, 300, 511};
  ASSERT_TRUE(prune::keepEntries(module(), space, kept).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  auto bitsOf = [&](const std::string &name) {
    ArrayRef<char> raw = getRawData(module().lookupSymbol<WeightOp>(name).getValue());
    std::vector<uint16_t> bits(raw.size() / 2);
    std::memcpy(bits.data(), raw.data(), raw.size());
    return bits;
  };
  std::vector<uint16_t> rows, columns;
  for (int64_t row : kept)
    rows.insert(rows.end(), data[0].begin() + row * 128, data[0].begin() + row * 128 + 128);
  for (int64_t row = 0; row < 128; ++row)
    for (int64_t column : kept)
      columns.push_back(data[1][row * 512 + column]);
  EXPECT_EQ(bitsOf(names[0]), rows);
  EXPECT_EQ(bitsOf(names[1]), columns);
}

// Numbers of channels that no kernel, group or vector divides. The oracle is the model of full
// shapes with the channels at 0: their codes are 0, and every scale and every other code is
// the same.
TEST_F(StructuresTest, OddChannelsRunInEveryFormat) {
  OwningOpRef<ModuleOp> zeroed = module().clone();
  for (auto [layer, count] : {std::pair(0, 37), {1, 1}}) {
    ChannelSpace space =
        this->space("encoder.layer." + std::to_string(layer) + ".output.dense", module());
    std::vector<int64_t> kept(count); // the first, so that groups begin where they did
    std::iota(kept.begin(), kept.end(), 0);
    zeroChannels(*zeroed, space, removedChannels(space, kept));
    ASSERT_TRUE(prune::keepEntries(module(), space, kept).ok());
  }
  for (const char *format : {"f16", "int8", "int4", "int4g32", "int4g64f16", "int3g128", "int2g64"})
    EXPECT_LT(largestDifference(run(module(), format), run(*zeroed, format)), 1e-5) << format;
}

TEST_F(StructuresTest, OddHeadsRunInEveryFormat) {
  OwningOpRef<ModuleOp> zeroed = module().clone();
  for (auto [name, headDim] : {std::pair("encoder.layer.0.attention.output.dense", 7),
                               {"encoder.layer.1.attention.output.dense", 40},
                               {"scar.out", 33}}) {
    ChannelSpace space = this->space(name, module());
    zeroChannels(*zeroed, space, removedOfHeads(space, headDim));
    ASSERT_TRUE(prune::keepHeadChannels(module(), space, headDim).ok());
  }
  // One head of SCAR too.
  ChannelSpace scar = this->space("scar.out", module()), full = this->space("scar.out", *zeroed);
  zeroChannels(*zeroed, full, removedChannels(full, {1}));
  ASSERT_TRUE(prune::keepEntries(module(), scar, {1}).ok());
  // Groups begin elsewhere, so only formats without.
  for (const char *format : {"f16", "int8", "int4"})
    EXPECT_LT(largestDifference(run(module(), format), run(*zeroed, format)), 1e-5) << format;
}

TEST_F(StructuresTest, FindsTheBlocksOfTheExample) {
  std::vector<ResidualBlock> blocks = prune::findResidualBlocks(module());
  std::vector<std::string> names;
  for (const ResidualBlock &block : blocks)
    names.push_back(block.name);
  EXPECT_THAT(
      names, ElementsAre("encoder.layer.0.attention.output.dense", "encoder.layer.0.output.dense",
                         "encoder.layer.1.attention.output.dense", "encoder.layer.1.output.dense"));
  EXPECT_THAT(blocks[0].weights, SizeIs(10)); // four linears and the norm
  EXPECT_THAT(blocks[1].weights, ElementsAre("encoder.layer.0.intermediate.dense.weight",
                                             "encoder.layer.0.intermediate.dense.bias",
                                             "encoder.layer.0.output.dense.weight",
                                             "encoder.layer.0.output.dense.bias",
                                             "encoder.layer.0.output.LayerNorm.weight",
                                             "encoder.layer.0.output.LayerNorm.bias"));
  EXPECT_EQ(blocks[0].macs(10), 10 * 4 * 128 * 128 + 100 * 2 * 128);
  EXPECT_EQ(blocks[1].macs(10), 10 * 2 * 128 * 512);
}

/// A copy of the example without the second layer of its encoder.
fs::path oneLayerModel() {
  fs::path folder = fs::path(::testing::TempDir()) / "one-layer";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::copy(exampleModel() / "vocab.txt", folder);
  nlohmann::ordered_json config =
      nlohmann::ordered_json::parse(std::ifstream(exampleModel() / "config.json"));
  config["num_hidden_layers"] = 1;
  std::ofstream(folder / "config.json") << config;
  std::ifstream in(exampleModel() / "model.safetensors", std::ios::binary);
  uint64_t size = 0;
  in.read(reinterpret_cast<char *>(&size), 8);
  std::string header(size, 0), data;
  in.read(header.data(), size);
  nlohmann::ordered_json tensors = nlohmann::ordered_json::parse(header), kept;
  for (auto &[name, tensor] : tensors.items()) {
    if (name.find("encoder.layer.1.") != name.npos)
      continue;
    kept[name] = tensor;
    if (!tensor.contains("data_offsets"))
      continue;
    int64_t begin = tensor["data_offsets"][0], end = tensor["data_offsets"][1];
    std::string bytes(end - begin, 0);
    in.seekg(8 + size + begin);
    in.read(bytes.data(), bytes.size());
    kept[name]["data_offsets"] = {data.size(), data.size() + bytes.size()};
    data += bytes;
  }
  header = kept.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  size = header.size();
  std::ofstream out(folder / "model.safetensors", std::ios::binary);
  out.write(reinterpret_cast<const char *>(&size), 8);
  out << header << data;
  return folder;
}

TEST_F(StructuresTest, RemovingBothBlocksOfALayerGivesAModelWithoutIt) {
  for (int block : {3, 2})
    ASSERT_TRUE(prune::removeBlock(module(), prune::findResidualBlocks(module())[block]).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  std::unique_ptr<Compiler> smaller = import(oneLayerModel());
  EXPECT_EQ(run(module()), run(smaller->getModule()));
  EXPECT_EQ(prune::countPrunableMacs(module(), 64),
            prune::countPrunableMacs(smaller->getModule(), 64));
  EXPECT_EQ(llvm::range_size(module().getOps<WeightOp>()),
            llvm::range_size(smaller->getModule().getOps<WeightOp>()));
}

TEST_F(StructuresTest, RemovingEveryBlockLeavesAModel) {
  while (!prune::findResidualBlocks(module()).empty())
    ASSERT_TRUE(prune::removeBlock(module(), prune::findResidualBlocks(module()).front()).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  EXPECT_EQ(prune::countPrunableMacs(module(), 64), 64 * (9088 + 81920));
  EXPECT_THAT(run(module()), Not(IsEmpty()));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

TEST_F(StructuresTest, DroppingUnusedPositionsChangesNoBit) {
  std::vector<float> before = run(module());
  ASSERT_TRUE(prune::dropUnusedPositions(module()).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  EXPECT_EQ(module()
                .lookupSymbol<WeightOp>("embeddings.position_embeddings.weight")
                .getWeightType()
                .getDimSize(0),
            64);
  EXPECT_EQ(run(module()), before);
}

TEST_F(StructuresTest, KeepingClassesKeepsTheirLogitsAndLabels) {
  auto logitsOf = [&](ModuleOp of) {
    auto candidate = Candidate::build(of, {}, nullptr);
    EXPECT_TRUE(candidate.ok()) << candidate.status();
    auto result = (*candidate)->getRunner().run(sampleTexts()[3]);
    return std::vector<float>(result->logits.begin(), result->logits.end());
  };
  std::vector<float> all = logitsOf(module());
  ASSERT_TRUE(prune::keepClasses(module(), {5, 7, 38}).ok());
  EXPECT_TRUE(succeeded(verify(module())));
  EXPECT_THAT(logitsOf(module()), ElementsAre(all[5], all[7], all[38]));
  auto labels = module()->getAttrOfType<ArrayAttr>(kLabelsAttr);
  ASSERT_EQ(labels.size(), 3u);
  EXPECT_EQ(cast<StringAttr>(labels[0]).getValue(), "python");
}

TEST_F(StructuresTest, MergedCentroidsAreWeightedMeans) {
  std::vector<float> old = valuesOf(module(), "router.centroids");
  std::vector<int64_t> clusterOf(32, 0);
  std::vector<double> tokens(32, 0.0);
  clusterOf[3] = clusterOf[9] = 1;
  tokens[3] = 3;
  tokens[9] = 1;
  OwningOpRef<ModuleOp> copy = module().clone();
  ASSERT_TRUE(prune::mergeClusters(*copy, clusterOf, tokens).ok());
  EXPECT_TRUE(succeeded(verify(*copy)));
  std::vector<float> merged = valuesOf(*copy, "router.centroids");
  ASSERT_THAT(merged, SizeIs(2 * 128));
  for (int i = 0; i < 128; ++i) {
    EXPECT_NEAR(merged[128 + i], 0.75 * old[3 * 128 + i] + 0.25 * old[9 * 128 + i], 1e-6);
    // The others have no tokens, and count the same.
    double sum = 0;
    for (int k = 0; k < 32; ++k)
      sum += clusterOf[k] == 0 ? old[k * 128 + i] : 0;
    EXPECT_NEAR(merged[i], sum / 30, 1e-6);
  }
  EXPECT_THAT(run(*copy), Not(IsEmpty()));
  // Every cluster by itself is the model as it was.
  std::iota(clusterOf.begin(), clusterOf.end(), 0);
  std::vector<float> before = run(module());
  ASSERT_TRUE(prune::mergeClusters(module(), clusterOf, {}).ok());
  EXPECT_EQ(run(module()), before);
}

TEST_F(StructuresTest, RefusesMergesThatMakeNoSense) {
  auto messageOf = [&](std::vector<int64_t> clusterOf, std::vector<double> tokens = {}) {
    return std::string(prune::mergeClusters(module(), clusterOf, tokens).message());
  };
  std::vector<int64_t> all(32, 0);
  EXPECT_THAT(messageOf({0, 0}), HasSubstr("each of the router's 32 clusters becomes, but got 2"));
  EXPECT_THAT(messageOf({0, -1}), HasSubstr("but got -1"));
  EXPECT_THAT(messageOf({0, 5}), HasSubstr("0 to 1, but got 5"));
  EXPECT_THAT(messageOf({1, 1}), HasSubstr("none becomes 0"));
  EXPECT_THAT(messageOf({}), HasSubstr("32 clusters becomes, but got 0"));
  EXPECT_THAT(messageOf(all, {1.0}), HasSubstr("each of the 32 clusters"));
  EXPECT_THAT(messageOf(all, std::vector<double>(32, -1.0)), HasSubstr("0 or more"));
  EXPECT_THAT(messageOf(all), "");
}

} // namespace
} // namespace gem

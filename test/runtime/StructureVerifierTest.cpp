// The verifier of a bundle's structure tells what the one that flatc generates tells.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/StructureVerifier.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "test/runtime/BundleBuilder.h"

namespace gem::test {
namespace {

template <typename Params>
void AddCommand(schema::SubmissionT& submission, schema::Kernel kernel) {
  auto command = std::make_unique<schema::CommandT>();
  command->kernel = kernel;
  command->inputs = {Buf(0), Const(1), None()};
  command->outputs = {Buf(1)};
  command->params.Set(Params());
  command->name = "layer";
  submission.commands.push_back(std::move(command));
}

// A FlatBuffer in which every field of every table is stored. It means nothing.
std::vector<uint8_t> EveryField() {
  using schema::Kernel;
  schema::BundleT bundle;
  bundle.producer = "a test";
  bundle.model = std::make_unique<schema::ModelT>();
  bundle.model->name = "name";
  bundle.model->architecture = "gem";
  bundle.model->labels = {"yes", "no"};
  bundle.text = std::make_unique<schema::TextT>();
  bundle.segments.push_back(std::make_unique<schema::SegmentT>());
  bundle.segments[0]->name = "weights";
  bundle.segments[0]->hash.assign(32, 7);
  bundle.provenance.push_back(std::make_unique<schema::KeyValueT>());
  bundle.provenance[0]->key = "key";
  bundle.provenance[0]->value = "value";
  bundle.variants.push_back(std::make_unique<schema::VariantT>());
  schema::VariantT& variant = *bundle.variants[0];
  variant.device = "device";
  variant.required_features = {"one", "another"};
  variant.cpu_kernels = "neon";
  variant.program = std::make_unique<schema::ProgramT>();
  schema::ProgramT& program = *variant.program;
  program.symbols.push_back(std::make_unique<schema::SymbolT>());
  program.symbols[0]->name = "n";
  program.constants.push_back(std::make_unique<schema::ConstantT>());
  program.constants[0]->name = "w";
  program.constants[0]->shape = {3, 4};
  program.entries.push_back(std::make_unique<schema::EntryT>());
  schema::EntryT& entry = *program.entries[0];
  entry.name = "main";
  for (auto* bindings : {&entry.inputs, &entry.outputs}) {
    bindings->push_back(std::make_unique<schema::BindingT>());
    bindings->back()->name = "x";
  }
  entry.buffers.push_back(std::make_unique<schema::BufferT>());
  entry.buffers[0]->shape = {Symbol(0), Constant(5)};
  entry.submissions.push_back(std::make_unique<schema::SubmissionT>());
  schema::SubmissionT& submission = *entry.submissions[0];
  AddCommand<schema::EmbeddingParamsT>(submission, Kernel::EMBEDDING);
  AddCommand<schema::AddPositionParamsT>(submission, Kernel::ADD_POSITION);
  AddCommand<schema::AddParamsT>(submission, Kernel::ADD);
  AddCommand<schema::LinearParamsT>(submission, Kernel::LINEAR);
  AddCommand<schema::LayerNormParamsT>(submission, Kernel::LAYER_NORM);
  AddCommand<schema::ActivationParamsT>(submission, Kernel::ACTIVATION);
  AddCommand<schema::AttentionParamsT>(submission, Kernel::ATTENTION);
  AddCommand<schema::RouteTokensParamsT>(submission, Kernel::ROUTE_TOKENS);
  AddCommand<schema::ScarAttentionParamsT>(submission, Kernel::SCAR_ATTENTION);
  AddCommand<schema::SelectRowParamsT>(submission, Kernel::SELECT_ROW);
  AddCommand<schema::QuantizeTokensParamsT>(submission, Kernel::QUANTIZE_TOKENS);
  AddCommand<schema::LinearQuantizedParamsT>(submission, Kernel::LINEAR_QUANTIZED);
  AddCommand<schema::LayerNormQuantizedParamsT>(submission, Kernel::LAYER_NORM_QUANTIZED);
  AddCommand<schema::EmbeddingBlocksParamsT>(submission, Kernel::EMBEDDING_BLOCKS);
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true);
  schema::FinishBundleBuffer(builder, schema::Bundle::Pack(builder, &bundle));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

// Copied, so that the address sanitizer sees what is read past the end.
bool Verdicts(const std::vector<uint8_t>& bytes, bool* generated) {
  const std::vector<uint8_t> copy(bytes);
  flatbuffers::Verifier theirs(copy.data(), copy.size(), 64, 1000);
  *generated = schema::VerifyBundleBuffer(theirs);
  flatbuffers::Verifier ours(copy.data(), copy.size(), 64, 1000);
  return VerifyStructure(ours, copy.data(), copy.size());
}

TEST(StructureVerifierTest, AgreesWhereAnyByteIsAnother) {
  std::vector<uint8_t> bytes = EveryField();
  bool generated = false;
  ASSERT_TRUE(Verdicts(bytes, &generated) && generated);
  size_t accepted = 0, refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t before = bytes[at];
    for (const int change : {1, 2, 4, 0x10, 0x80, 0xff, -1}) {
      bytes[at] = change < 0 ? uint8_t{0} : static_cast<uint8_t>(before ^ change);
      const bool ours = Verdicts(bytes, &generated);
      ASSERT_EQ(ours, generated) << "byte " << at << ": " << int{bytes[at]};
      ++(ours ? accepted : refused);
    }
    bytes[at] = before;
  }
  EXPECT_GT(accepted, 1000u);
  EXPECT_GT(refused, 1000u);
}

TEST(StructureVerifierTest, AgreesWhereWordsAreOthers) {
  const std::vector<uint8_t> bytes = EveryField();
  Random random(11);
  size_t refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> changed = bytes;
    for (uint32_t changes = 1 + random.Below(3); changes > 0; --changes) {
      const size_t at = random.Below(static_cast<uint32_t>(bytes.size() / 4)) * 4;
      const uint32_t word =
          random.Below(4) == 0 ? static_cast<uint32_t>(random.Next()) : random.Below(2000);
      std::memcpy(&changed[at], &word, sizeof(word));
    }
    bool generated = false;
    ASSERT_EQ(Verdicts(changed, &generated), generated) << i;
    refused += generated ? 0 : 1;
  }
  EXPECT_GT(refused, 1000u);
}

TEST(StructureVerifierTest, AgreesWhereItIsCut) {
  const std::vector<uint8_t> bytes = EveryField();
  for (size_t size = 0; size < bytes.size(); ++size) {
    bool generated = false;
    ASSERT_EQ(Verdicts({bytes.begin(), bytes.begin() + static_cast<long>(size)}, &generated),
              generated)
        << size;
  }
}

}  // namespace
}  // namespace gem::test

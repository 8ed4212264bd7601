// A bundle's structure is verified as by what flatc generates, and unpacked as flatc reads it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/Unpacker.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
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

// A bundle with every table and vector. It means nothing.
schema::BundleT EveryTable() {
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
  return bundle;
}

// As a FlatBuffer in which every field is stored.
std::vector<uint8_t> Pack(const schema::BundleT& bundle) {
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true);
  schema::FinishBundleBuffer(builder, schema::Bundle::Pack(builder, &bundle));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}
std::vector<uint8_t> EveryField() { return Pack(EveryTable()); }

// Copied, so that the address sanitizer sees what is read past the end.
bool Verdicts(const std::vector<uint8_t>& bytes, bool* generated) {
  const std::vector<uint8_t> copy(bytes);
  flatbuffers::Verifier theirs(copy.data(), copy.size(), 64, 1000000);
  *generated = schema::VerifyBundleBuffer(theirs);
  Memory memory(DefaultAllocator());
  Array<uint8_t> out;
  const unpacked::Bundle* bundle = nullptr;
  const gem_status_t status = Unpack(copy.data(), copy.size(), &memory, &out, &bundle, nullptr);
  EXPECT_EQ(bundle != nullptr, status == GEM_STATUS_OK);
  return status == GEM_STATUS_OK;
}

TEST(UnpackerTest, AgreesWhereAnyByteIsAnother) {
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

TEST(UnpackerTest, AgreesWhereWordsAreOthers) {
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

TEST(UnpackerTest, AgreesWhereItIsCut) {
  const std::vector<uint8_t> bytes = EveryField();
  for (size_t size = 0; size < bytes.size(); ++size) {
    bool generated = false;
    ASSERT_EQ(Verdicts({bytes.begin(), bytes.begin() + static_cast<long>(size)}, &generated),
              generated)
        << size;
  }
}

// Sets the parameters of a command, each to another number, where its kernel has them.
struct Numbers {
  uint32_t next = 1;

  void SetHeads(auto& params) {
    params.num_heads = next++;
    params.head_dim = next++;
    params.scale = static_cast<float>(next++);
    params.first_query = next++;
  }
  void Set(schema::KernelParamsUnion& params) {
    if (auto* linear = params.AsLinearParams()) linear->activation = schema::Activation::GELU;
    if (auto* norm = params.AsLayerNormParams()) norm->epsilon = static_cast<float>(next++);
    if (auto* activation = params.AsActivationParams()) {
      activation->activation = schema::Activation::TANH;
    }
    if (auto* attention = params.AsAttentionParams()) SetHeads(*attention);
    if (auto* route = params.AsRouteTokensParams()) route->threshold = static_cast<float>(next++);
    if (auto* scar = params.AsScarAttentionParams()) {
      SetHeads(*scar);
      scar->predicate = schema::ScarPredicate::SAME_ROUTE;
      scar->causal = true;
    }
    if (auto* select = params.AsSelectRowParams()) select->row = next++;
    if (auto* linear = params.AsLinearQuantizedParams()) {
      linear->activation = schema::Activation::TANH;
    }
    if (auto* norm = params.AsLayerNormQuantizedParams()) {
      norm->epsilon = static_cast<float>(next++);
    }
  }
};

void ExpectHeads(const unpacked::Params& params, const auto& expected) {
  EXPECT_EQ(params.num_heads, expected.num_heads);
  EXPECT_EQ(params.head_dim, expected.head_dim);
  EXPECT_EQ(params.scale, expected.scale);
  EXPECT_EQ(params.first_query, expected.first_query);
}

// Of the kernel's own parameters; the others are 0.
void ExpectParams(const unpacked::Params& params, const schema::KernelParamsUnion& expected) {
  unpacked::Params rest = params;
  if (const auto* linear = expected.AsLinearParams()) {
    EXPECT_EQ(params.activation, linear->activation);
    rest.activation = schema::Activation::NONE;
  } else if (const auto* quantized = expected.AsLinearQuantizedParams()) {
    EXPECT_EQ(params.activation, quantized->activation);
    rest.activation = schema::Activation::NONE;
  } else if (const auto* activation = expected.AsActivationParams()) {
    EXPECT_EQ(params.activation, activation->activation);
    rest.activation = schema::Activation::NONE;
  } else if (const auto* norm = expected.AsLayerNormParams()) {
    EXPECT_EQ(params.epsilon, norm->epsilon);
    rest.epsilon = 0;
  } else if (const auto* normalized = expected.AsLayerNormQuantizedParams()) {
    EXPECT_EQ(params.epsilon, normalized->epsilon);
    rest.epsilon = 0;
  } else if (const auto* route = expected.AsRouteTokensParams()) {
    EXPECT_EQ(params.threshold, route->threshold);
    rest.threshold = 0;
  } else if (const auto* select = expected.AsSelectRowParams()) {
    EXPECT_EQ(params.row, select->row);
    rest.row = 0;
  } else if (const auto* attention = expected.AsAttentionParams()) {
    ExpectHeads(params, *attention);
    rest = {};
  } else if (const auto* scar = expected.AsScarAttentionParams()) {
    ExpectHeads(params, *scar);
    EXPECT_EQ(params.predicate, scar->predicate);
    EXPECT_EQ(params.causal != 0, scar->causal);
    rest = {};
  }
  const unpacked::Params none = {};
  EXPECT_EQ(std::memcmp(&rest, &none, sizeof(none)), 0);
}

TEST(UnpackerTest, UnpacksEveryField) {
  schema::BundleT expected = EveryTable();
  expected.model->parameters = 0x123456789a;
  *expected.text = {};
  expected.text->tokenizer_segment = 21;
  expected.text->padded = true;
  expected.text->maximum_tokens = 22;
  expected.text->pad_id = 23;
  schema::SegmentT& segment = *expected.segments[0];
  segment.kind = schema::SegmentKind::TOKENIZER;
  segment.offset = 0x100000031;
  segment.length = 0x200000032;
  segment.hash_algorithm = schema::HashAlgorithm::BLAKE3;
  schema::VariantT& variant = *expected.variants[0];
  variant.memory_limit = 0x300000033;
  schema::SymbolT& symbol = *variant.program->symbols[0];
  symbol.minimum = 41;
  symbol.maximum = 42;
  schema::ConstantT& constant = *variant.program->constants[0];
  constant.element_type = schema::ElementType::I4;
  constant.shape = {51, 52, 53, 54};
  constant.layout = schema::Layout::PANEL_16;
  constant.segment = 55;
  constant.offset = 0x400000056;
  constant.length = 0x500000057;
  constant.scales = schema::Scales::F16_GROUP;
  constant.group_size = 58;
  schema::EntryT& entry = *variant.program->entries[0];
  entry.arena_size = 0x600000061;
  entry.arena_lower_bound = 0x700000062;
  uint32_t number = 70;
  for (auto* bindings : {&entry.inputs, &entry.outputs}) {
    schema::BindingT& binding = *bindings->back();
    binding.name = std::to_string(number++);
    binding.buffer = number++;
    binding.role = static_cast<schema::Role>(number++ % 8);
    binding.minimum = -static_cast<int32_t>(number++);
    binding.maximum = static_cast<int32_t>(number++);
  }
  entry.buffers[0]->element_type = schema::ElementType::U8;
  entry.buffers[0]->shape = {Symbol(81), Constant(82), Constant(83), Symbol(84)};
  entry.buffers[0]->offset = 0x800000085;
  entry.buffers.push_back(std::make_unique<schema::BufferT>());
  entry.buffers[1]->shape = {Constant(1), Constant(2), Constant(3), Constant(4), Constant(5)};
  schema::SubmissionT& submission = *entry.submissions[0];
  submission.driver = schema::Driver::CPU;
  Numbers numbers;
  for (const auto& command : submission.commands) numbers.Set(command->params);
  submission.commands[0]->name = "";

  const std::vector<uint8_t> bytes = Pack(expected);
  Memory memory(DefaultAllocator());
  Array<uint8_t> out;
  const unpacked::Bundle* bundle = nullptr;
  ASSERT_EQ(Unpack(bytes.data(), bytes.size(), &memory, &out, &bundle, nullptr), GEM_STATUS_OK);
  EXPECT_EQ(bundle->producer->str(), expected.producer);
  EXPECT_EQ(bundle->model.name->str(), expected.model->name);
  EXPECT_EQ(bundle->model.architecture->str(), expected.model->architecture);
  EXPECT_EQ(bundle->model.parameters, expected.model->parameters);
  ASSERT_EQ(bundle->model.labels->size(), 2u);
  EXPECT_EQ(bundle->model.labels->Get(1)->str(), "no");
  ASSERT_NE(bundle->text, nullptr);
  EXPECT_EQ(bundle->text->tokenizer_segment, 21u);
  EXPECT_EQ(bundle->text->padded, 1);
  EXPECT_EQ(bundle->text->maximum_tokens, 22u);
  EXPECT_EQ(bundle->text->pad_id, 23u);
  ASSERT_EQ(bundle->provenance.size(), 1u);
  EXPECT_EQ(bundle->provenance[0].key->str(), "key");
  EXPECT_EQ(bundle->provenance[0].value->str(), "value");
  ASSERT_EQ(bundle->segments.size(), 1u);
  const unpacked::Segment& s = bundle->segments[0];
  EXPECT_EQ(s.name->str(), segment.name);
  EXPECT_EQ(s.kind, segment.kind);
  EXPECT_EQ(s.offset, segment.offset);
  EXPECT_EQ(s.length, segment.length);
  EXPECT_EQ(s.hash_algorithm, segment.hash_algorithm);
  EXPECT_EQ(std::vector<uint8_t>(s.hash->begin(), s.hash->end()), segment.hash);
  ASSERT_EQ(bundle->variants.size(), 1u);
  const unpacked::Variant& v = bundle->variants[0];
  EXPECT_EQ(v.device->str(), variant.device);
  ASSERT_EQ(v.required_features->size(), 2u);
  EXPECT_EQ(v.required_features->Get(1)->str(), "another");
  EXPECT_EQ(v.memory_limit, variant.memory_limit);
  EXPECT_EQ(v.cpu_kernels->str(), variant.cpu_kernels);
  ASSERT_EQ(v.program.symbols.size(), 1u);
  EXPECT_EQ(v.program.symbols[0].name->str(), symbol.name);
  EXPECT_EQ(v.program.symbols[0].minimum, 41u);
  EXPECT_EQ(v.program.symbols[0].maximum, 42u);
  EXPECT_EQ(v.program.Minimum(Symbol(0)), 41u);
  EXPECT_EQ(v.program.Maximum(Symbol(0)), 42u);
  EXPECT_EQ(v.program.Maximum(Constant(7)), 7u);
  ASSERT_EQ(v.program.constants.size(), 1u);
  const unpacked::Constant& c = v.program.constants[0];
  EXPECT_EQ(c.name->str(), constant.name);
  EXPECT_EQ(c.element_type, constant.element_type);
  EXPECT_EQ(c.layout, constant.layout);
  EXPECT_EQ(c.scales, constant.scales);
  EXPECT_EQ(c.segment, constant.segment);
  EXPECT_EQ(c.offset, constant.offset);
  EXPECT_EQ(c.length, constant.length);
  EXPECT_EQ(c.group_size, constant.group_size);
  ASSERT_EQ(c.shape.rank, 4u);
  for (uint32_t d = 0; d < 4; ++d) {
    EXPECT_EQ(c.shape[d].kind(), schema::DimKind::CONSTANT);
    EXPECT_EQ(c.shape[d].value(), 51 + d);
  }
  ASSERT_EQ(v.program.entries.size(), 1u);
  const unpacked::Entry& e = v.program.entries[0];
  EXPECT_EQ(e.name->str(), entry.name);
  EXPECT_EQ(e.arena_size, entry.arena_size);
  EXPECT_EQ(e.arena_lower_bound, entry.arena_lower_bound);
  for (const bool is_input : {true, false}) {
    const auto& bindings = is_input ? e.inputs : e.outputs;
    const schema::BindingT& binding = *(is_input ? entry.inputs : entry.outputs)[0];
    ASSERT_EQ(bindings.size(), 1u);
    EXPECT_EQ(bindings[0].name->str(), binding.name);
    EXPECT_EQ(bindings[0].buffer, binding.buffer);
    EXPECT_EQ(bindings[0].role, binding.role);
    EXPECT_EQ(bindings[0].minimum, binding.minimum);
    EXPECT_EQ(bindings[0].maximum, binding.maximum);
  }
  ASSERT_EQ(e.buffers.size(), 2u);
  EXPECT_EQ(e.buffers[0].element_type, schema::ElementType::U8);
  EXPECT_EQ(e.buffers[0].offset, 0x800000085u);
  EXPECT_EQ(e.buffers[0].layout, schema::Layout::ROW_MAJOR);
  ASSERT_EQ(e.buffers[0].shape.rank, 4u);
  for (uint32_t d = 0; d < 4; ++d) {
    EXPECT_EQ(e.buffers[0].shape[d].value(), 81 + d);
    EXPECT_EQ(e.buffers[0].shape[d].kind(),
              d == 0 || d == 3 ? schema::DimKind::SYMBOL : schema::DimKind::CONSTANT);
  }
  // The fifth is not there, only counted.
  EXPECT_EQ(e.buffers[1].shape.rank, 5u);
  EXPECT_EQ(e.buffers[1].shape[3].value(), 4u);
  EXPECT_EQ(e.buffers[1].offset, 0u);
  ASSERT_EQ(e.submissions.size(), 1u);
  EXPECT_EQ(e.submissions[0].driver, schema::Driver::CPU);
  ASSERT_EQ(e.submissions[0].commands.size(), submission.commands.size());
  for (uint32_t i = 0; i < submission.commands.size(); ++i) {
    const unpacked::Command& command = e.submissions[0].commands[i];
    const schema::CommandT& given = *submission.commands[i];
    SCOPED_TRACE(schema::EnumNameKernel(given.kernel));
    EXPECT_EQ(command.kernel, given.kernel);
    EXPECT_EQ(command.params_type, given.params.type);
    ExpectParams(command.params, given.params);
    EXPECT_EQ(command.name == nullptr ? "" : command.name->str(), given.name);
    ASSERT_EQ(command.inputs.size(), given.inputs.size());
    ASSERT_EQ(command.outputs.size(), given.outputs.size());
    for (uint32_t k = 0; k < command.inputs.size(); ++k) {
      EXPECT_EQ(command.inputs[k].kind(), given.inputs[k].kind());
      EXPECT_EQ(command.inputs[k].index(), given.inputs[k].index());
    }
    EXPECT_EQ(command.outputs[0].index(), given.outputs[0].index());
  }
}

TEST(UnpackerTest, WhatIsAbsentIsNullOrZero) {
  schema::BundleT empty;
  empty.model = std::make_unique<schema::ModelT>();
  empty.variants.push_back(std::make_unique<schema::VariantT>());
  empty.variants[0]->program = std::make_unique<schema::ProgramT>();
  flatbuffers::FlatBufferBuilder builder;
  schema::FinishBundleBuffer(builder, schema::Bundle::Pack(builder, &empty));
  Memory memory(DefaultAllocator());
  Array<uint8_t> out;
  const unpacked::Bundle* bundle = nullptr;
  ASSERT_EQ(Unpack(builder.GetBufferPointer(), builder.GetSize(), &memory, &out, &bundle, nullptr),
            GEM_STATUS_OK);
  EXPECT_EQ(bundle->text, nullptr);
  EXPECT_EQ(bundle->segments.size(), 0u);
  EXPECT_EQ(bundle->provenance.size(), 0u);
  EXPECT_EQ(bundle->variants[0].cpu_kernels, nullptr);
  EXPECT_EQ(bundle->variants[0].memory_limit, 0u);
  EXPECT_EQ(bundle->variants[0].program.entries.size(), 0u);
}

// A small file with one table in many places would take memory out of proportion.
TEST(UnpackerTest, RefusesSharedTables) {
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString("n");
  const auto model = schema::CreateModel(builder, name, name);
  const auto symbol = schema::CreateSymbol(builder, name);
  const std::vector<flatbuffers::Offset<schema::Symbol>> many(1000, symbol);
  const auto program = schema::CreateProgram(
      builder, builder.CreateVector(many),
      builder.CreateVector(std::vector<flatbuffers::Offset<schema::Constant>>()),
      builder.CreateVector(std::vector<flatbuffers::Offset<schema::Entry>>()));
  const auto variant = schema::CreateVariant(builder, name, program);
  const std::vector<flatbuffers::Offset<schema::Variant>> variants(100, variant);
  const auto segments = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Segment>>());
  schema::FinishBundleBuffer(builder, schema::CreateBundle(builder, name, model, segments,
                                                           builder.CreateVector(variants)));
  Memory memory(DefaultAllocator());
  Array<uint8_t> out;
  const unpacked::Bundle* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(Unpack(builder.GetBufferPointer(), builder.GetSize(), &memory, &out, &bundle, &error),
            GEM_STATUS_CORRUPT);
  EXPECT_NE(std::string(error.message).find("it shares so many"), std::string::npos)
      << error.message;
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace gem::test

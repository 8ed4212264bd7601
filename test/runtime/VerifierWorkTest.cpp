// Small bundles that would keep a verifier, or a session, busy for long.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// FlatBuffers let tables share what they refer to, so work and memory can be out of
// proportion to a file's size unless somebody counts.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "test/runtime/BundleBuilder.h"
#include "test/runtime/TestSupport.h"

namespace gem::test {
namespace {

// Opens what must be refused. Without a limit each of these takes minutes.
std::string RefusalOf(const Bytes& bytes) {
  const AlignedBytes aligned(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open_memory(aligned.data(), aligned.size(), nullptr, &bundle, &error),
            GEM_STATUS_CORRUPT);
  EXPECT_EQ(bundle, nullptr);
  gem_bundle_close(bundle);
  return error.message;
}

TEST(VerifierWork, LabelsThatShareALongString) {
  flatbuffers::FlatBufferBuilder builder;
  const auto text = builder.CreateString(std::string(1 << 20, 'x'));
  const std::vector<flatbuffers::Offset<flatbuffers::String>> labels(200000, text);
  const auto model =
      schema::CreateModel(builder, builder.CreateString("model"), builder.CreateString("gem"), 1,
                          builder.CreateVector(labels));
  const auto segments = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Segment>>());
  const auto variants = builder.CreateVector(std::vector<flatbuffers::Offset<schema::Variant>>());
  schema::FinishBundleBuffer(
      builder,
      schema::CreateBundle(builder, builder.CreateString("producer"), model, segments, variants));
  const Bytes program(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  ASSERT_LT(program.size(), 2u << 20);
  EXPECT_EQ(RefusalOf(WrapProgram(program)),
            "program: expected at most 268435456 bytes of strings, entries of maps and buffers to "
            "look at, but its tables share so many that there are more");
}

TEST(VerifierWork, CommandsThatShareAMap) {
  BundleBuilder b;
  b.format_minor = 1;
  const uint32_t ids = b.AddBuffer(schema::ElementType::I32, {Constant(1)});
  const uint32_t y = b.AddBuffer(schema::ElementType::F32, {Constant(1), Constant(2)});
  b.AddInput("ids", ids, schema::Role::TOKEN_IDS, 0, 3);
  b.AddOutput("y", y, schema::Role::NONE);
  const uint32_t table = b.AddConstant("table", {1, 2}, {0.0f, 1.0f});
  constexpr uint32_t kEntries = 1 << 20;
  const uint32_t map =
      b.AddConstant("map", schema::ElementType::U16, {kEntries}, Bytes(size_t{kEntries} * 2));
  const auto add_command = [&] {
    b.AddCommand(schema::Kernel::EMBEDDING_BLOCKS,
                 {Buf(ids), Const(table), None(), None(), None(), Const(map)}, {Buf(y)},
                 schema::EmbeddingBlocksParamsT{});
  };
  // As many as may be are run from memory that is not more than the limit says.
  for (int i = 0; i < 16; ++i) add_command();
  {
    const AlignedBytes bytes(b.Build());
    const BundlePtr bundle = OpenBundle(bytes);
    ASSERT_NE(bundle, nullptr);
    const SessionPtr session = CreateSession(bundle.get());
    ASSERT_NE(session, nullptr);
    gem_session_info_t info;
    info.struct_size = sizeof(info);
    ASSERT_EQ(gem_session_info(session.get(), &info), GEM_STATUS_OK);
    EXPECT_LT(info.session_bytes, uint64_t{34} << 20);
  }
  for (int i = 0; i < 8000; ++i) add_command();
  EXPECT_EQ(RefusalOf(b.Build()),
            "variant 0 (host): entry 'main': command 16 (EMBEDDING_BLOCKS): input 5 (map): extent "
            "0: expected at most 16777216 entries of maps in an entry, but got 17825792");
}

// Every command that writes is compared with every buffer.
TEST(VerifierWork, EntriesOfManyCommandsAndBuffers) {
  BundleBuilder b;
  b.AddConstant("unused", {1}, {0.0f});  // a segment has at least one byte
  const uint32_t x = b.AddBuffer(schema::ElementType::F32, {Constant(1), Constant(1)});
  b.AddInput("x", x, schema::Role::NONE);
  for (int i = 1; i < 8192; ++i) {
    b.AddBuffer(schema::ElementType::F32, {Constant(1), Constant(1)});
  }
  b.AddOutput("y", 1, schema::Role::NONE);
  schema::ActivationParamsT gelu;
  gelu.activation = schema::Activation::GELU;
  for (int i = 0; i < 8192; ++i) {
    b.AddCommand(schema::Kernel::ACTIVATION, {Buf(x)}, {Buf(1)}, gelu);
  }
  {
    const AlignedBytes bytes(b.Build());
    EXPECT_NE(OpenBundle(bytes), nullptr);
  }
  for (int i = 0; i < 4; ++i) {
    auto entry = std::make_unique<schema::EntryT>(b.entry());
    entry->name = "again " + std::to_string(i);
    b.program().entries.push_back(std::move(entry));
  }
  const std::string message = RefusalOf(b.Build());
  EXPECT_NE(message.find("program: expected at most 268435456"), std::string::npos) << message;
  EXPECT_NE(message.find("command"), std::string::npos) << message;
}

}  // namespace
}  // namespace gem::test

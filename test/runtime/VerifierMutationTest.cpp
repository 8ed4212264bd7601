// Whatever a bundle's program says, it is refused or runs in bounds.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every field of every table of the schema is changed, one change at a time, in valid
// bundles that use every kernel; the result gets the right hashes and is opened and
// run in memory with guards at its ends. What is promised is that it is refused with
// a status and a message that names a place, or runs: what it computes may be
// nonsense. RunBundle() aborts at anything else; with GEM_TRACE_MUTATIONS set, the last
// line before that tells the change.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "runtime/schema/Preamble.h"
#include "test/runtime/BundleRunner.h"
#include "test/runtime/BundleTree.h"
#include "test/runtime/MicroBundles.h"
#include "test/runtime/SchemaTree.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

// Every so manyth change is tried: under emulation not all, since they take their time.
constexpr size_t kStride = GEM_MUTATION_STRIDE;

const TreeSchema& BundleSchema() {
  static const TreeSchema schema(GEM_BUNDLE_BFBS);
  return schema;
}

Bytes ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// The bundle as the tree writes it: what changes are made of.
BundleTree TreeOf(const Bytes& bytes) {
  const std::optional<BundleTree> tree = BundleTree::Read(BundleSchema(), bytes);
  if (!tree) abort();
  return *BundleTree::Read(BundleSchema(), tree->Write());
}

// Every refusal names the part of the bundle that it is about.
bool NamesAPlace(const std::string& message) {
  static const std::regex place(
      "(segment|constant|buffer|input|output|command|submission|entr(y|ies)|variant|symbol|text|"
      "tokenizer|model|label|provenance|producer|arena|program|file size|format version|session|"
      "driver|required_features|device|cpu_kernels)");
  return std::regex_search(message, place);
}

struct Counts {
  size_t mutations = 0, structure = 0, refused = 0, no_session = 0, run_refused = 0, run = 0,
         too_much = 0;

  void Count(const RunResult& result) {
    ++mutations;
    switch (result.kind) {
      case RunResult::kRefused:
        ++(result.message.find("structure is") != std::string::npos ? structure : refused);
        break;
      case RunResult::kNoSession:
        ++no_session;
        break;
      case RunResult::kRunRefused:
        ++run_refused;
        break;
      case RunResult::kRun:
        ++run;
        break;
      case RunResult::kTooMuch:
        ++too_much;
        break;
    }
  }
  void Print(const std::string& name) const {
    printf(
        "%-32s %6zu changes: %6zu refused by the semantic verifier, %5zu as no FlatBuffer of the "
        "schema, %4zu at session creation, %4zu while running; %6zu run, %zu too long to run\n",
        name.c_str(), mutations, refused, structure, no_session, run_refused, run, too_much);
  }
};

Counts MutateAll(const std::string& name, const Bytes& bytes, const RunOptions& options = {}) {
  Counts counts;
  const BundleTree original = TreeOf(bytes);
  const RunResult first = RunBundle(original.Write(), options);
  EXPECT_EQ(first.kind, RunResult::kRun) << name << ": " << first.message;
  size_t number = 0;
  BundleTree tree = original;
  ForEachMutation(BundleSchema(), tree.root(),
                  [&](const TreeTable&, const TreeMutation& mutation, const std::string& path) {
                    if (number++ % kStride != 0) return;
                    SCOPED_TRACE(name + ": " + path + ": " + mutation.what);
                    if (getenv("GEM_TRACE_MUTATIONS") != nullptr) {
                      fprintf(stderr, "%s: %s: %s\n", name.c_str(), path.c_str(),
                              mutation.what.c_str());
                    }
                    const RunResult result = RunBundle(tree.Write(), options);
                    counts.Count(result);
                    if (result.kind != RunResult::kRun && result.kind != RunResult::kTooMuch) {
                      EXPECT_TRUE(NamesAPlace(result.message)) << result.message;
                    }
                  });
  counts.Print(name);
  return counts;
}

TEST(VerifierMutation, MicroBundlesAreRefusedOrRun) {
  for (const NamedBundle& bundle : MicroBundles()) {
    const Counts counts = MutateAll(bundle.name, bundle.bytes);
    // Both sides are met: changes that do harm, and ones that do none.
    EXPECT_GT(counts.refused, 400 / kStride) << bundle.name;
    EXPECT_GT(counts.run, 60 / kStride) << bundle.name;
  }
}

TEST(VerifierMutation, ScalarKernelsRunMicroBundles) {
  RunOptions options;
  options.cpu = "scalar";
  for (const NamedBundle& bundle : MicroBundles()) MutateAll(bundle.name, bundle.bytes, options);
}

TEST(VerifierMutation, TinyGemIsRefusedOrRuns) { MutateAll("TinyGem", TinyGem().builder.Build()); }

TEST(VerifierMutation, PaddedTinyGemIsRefusedOrRuns) {
  MutateAll("TinyGem padded", TinyGem(true).builder.Build());
}

TEST(VerifierMutation, TinyQuantizedIsRefusedOrRuns) {
  MutateAll("TinyQuantized", TinyQuantized().builder.Build());
}

TEST(VerifierMutation, CompiledBundlesAreRefusedOrRun) {
  for (const char* name : {"v1.0", "v1.1", "v1.2"}) {
    MutateAll(name, ReadFile(std::string(GEM_GOLDEN_DIR) + "/" + name + ".gemb"));
  }
}

// That the tests above are about everything that a program can say.
TEST(VerifierMutation, EveryFieldOfTheSchemaIsChanged) {
  TreeCoverage coverage;
  size_t mutations = 0;
  for (const NamedBundle& bundle : MicroBundles()) {
    BundleTree tree = TreeOf(bundle.bytes);
    ForEachMutation(BundleSchema(), tree.root(),
                    [&](const TreeTable& table, const TreeMutation& mutation, const std::string&) {
                      coverage.Count(table, mutation);
                      ++mutations;
                    });
  }
  printf("%zu fields, %zu changes of the smallest bundles\n",
         TreeCoverage::FieldCount(BundleSchema()), mutations);
  for (const std::string& field : coverage.Missing(BundleSchema())) {
    ADD_FAILURE() << field << ": never changed; give a bundle of MicroBundles() one";
  }
}

// Writing a tree that was not changed gives a bundle that is the same to a loader, and
// a changed value is in the file.
TEST(VerifierMutation, TreesAreWrittenAsTheyWereRead) {
  for (const NamedBundle& bundle : MicroBundles()) {
    const Bytes once = BundleTree::Read(BundleSchema(), bundle.bytes)->Write();
    const Bytes twice = BundleTree::Read(BundleSchema(), once)->Write();
    EXPECT_EQ(once, twice) << bundle.name;
    const auto unpack = [](const Bytes& bytes) {
      std::unique_ptr<schema::BundleT> result(schema::UnPackBundle(bytes.data() + kPreambleSize));
      for (auto& segment : result->segments) segment->offset = 0;  // the sizes differ
      flatbuffers::FlatBufferBuilder builder;
      builder.Finish(schema::Bundle::Pack(builder, result.get()));
      return Bytes(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
    };
    EXPECT_EQ(unpack(bundle.bytes), unpack(once)) << bundle.name;
  }
}

// What segments hold is no program: whatever it is, a bundle runs in bounds. NaNs and
// infinities as weights and scales, and codes that no compiler writes.
TEST(VerifierMutation, WeightsOfAnyBytesRunInBounds) {
  std::vector<NamedBundle> bundles = MicroBundles();
  bundles.push_back({"TinyGem", TinyGem().builder.Build()});
  bundles.push_back({"TinyQuantized", TinyQuantized().builder.Build()});
  size_t run = 0, refused = 0;
  for (const NamedBundle& bundle : bundles) {
    const auto* root = schema::GetBundle(bundle.bytes.data() + kPreambleSize);
    Random random(17);
    for (int pattern = 0; pattern < 8; ++pattern) {
      Bytes bytes = bundle.bytes;
      for (const schema::Segment* segment : *root->segments()) {
        if (segment->kind() != schema::SegmentKind::WEIGHTS) continue;
        uint8_t* data = bytes.data() + segment->offset();
        static constexpr uint32_t kWords[] = {0xFFFFFFFF,   // NaN, code -1
                                              0x7F800000,   // infinity
                                              0xFF800000,   // minus infinity
                                              0x7F7FFFFF,   // the largest
                                              0x00000001,   // the smallest
                                              0x80808080};  // code -128
        for (size_t i = 0; i + 4 <= segment->length(); i += 4) {
          const uint32_t word =
              pattern < 6 ? kWords[pattern] : static_cast<uint32_t>(random.Next());
          memcpy(data + i, &word, sizeof(word));
        }
      }
      RunOptions options;
      options.check_hashes = false;
      const RunResult result = RunBundle(bytes, options);
      // A map of token ids is the one thing in a segment that indexes memory.
      if (result.kind == RunResult::kRefused) {
        EXPECT_NE(result.message.find("input 5 (map)"), std::string::npos) << result.message;
        ++refused;
      } else {
        EXPECT_EQ(result.kind, RunResult::kRun) << bundle.name << ": " << result.message;
        ++run;
      }
    }
  }
  printf("%zu run, %zu refused for their map of token ids\n", run, refused);
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace gem::test

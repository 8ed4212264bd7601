// Merging bundles, and taking them apart again.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/Variants.h"

#include <gmock/gmock.h>

#include "test/targets/Edit/EditSupport.h"

namespace gem::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Provide(schema::BundleT& bundle, const std::string& key, const std::string& value) {
  auto entry = std::make_unique<schema::KeyValueT>();
  entry->key = key;
  entry->value = value;
  bundle.provenance.push_back(std::move(entry));
}

// Merges, and checks that the runtime takes the result.
EditFile Merge(const std::vector<const EditFile*>& files) {
  std::vector<const edit::BundleSource*> sources;
  for (const EditFile* file : files) sources.push_back(file->source.get());
  edit::Contents merged;
  edit::Problem problem;
  EXPECT_TRUE(MergeBundles(sources, &merged, &problem)) << problem.message;
  return EditFile(Written(merged), "merged");
}

Bytes Take(const EditFile& file, size_t index) {
  edit::Contents taken = TakeVariant(ContentsOf(*file.source), index);
  return Written(taken);
}

std::vector<std::string> SegmentNames(const EditFile& file) {
  std::vector<std::string> names;
  for (const schema::Segment* segment : *file.source->root().segments()) {
    names.push_back(segment->name()->str());
  }
  return names;
}

// Tests that variants with weights of their own come back as they were.
TEST(Variants, SplitUndoesMerge) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("phone", 2));
  const EditFile merged = Merge({&a, &b});
  EXPECT_THAT(SegmentNames(merged), ElementsAre("weights", "weights@phone"));
  EXPECT_EQ(Take(merged, 0), a.bytes);
  EXPECT_EQ(Take(merged, 1), b.bytes);
}

// Tests that equal segments are stored once, and facts that differ are told apart.
TEST(Variants, SharesWhatIsEqual) {
  const EditFile a(MakeBundle("pi", 1, [](schema::BundleT& bundle) {
    Provide(bundle, "model.hash", "blake3:00");
    Provide(bundle, "quantize", "int8");
  }));
  const EditFile b(MakeBundle("phone", 1, [](schema::BundleT& bundle) {
    bundle.producer = "another 2";
    bundle.variants[0]->memory_limit = 12345;
    bundle.variants[0]->cpu_kernels = "i8mm";
    Provide(bundle, "calibration.hash", "blake3:11");
    Provide(bundle, "model.hash", "blake3:00");
    Provide(bundle, "quantize", "int4");
  }));
  const EditFile merged = Merge({&a, &b});
  EXPECT_THAT(SegmentNames(merged), ElementsAre("weights"));
  EXPECT_LT(merged.bytes.size(), a.bytes.size() + b.bytes.size());
  std::vector<std::string> keys;
  for (const schema::KeyValue* entry : *merged.source->root().provenance()) {
    keys.push_back(entry->key()->str());
  }
  EXPECT_THAT(keys, ElementsAre("calibration.hash@phone", "model.hash", "producer@phone",
                                "quantize@phone", "quantize@pi"));
  EXPECT_EQ(Take(merged, 0), a.bytes);
  EXPECT_EQ(Take(merged, 1), b.bytes);
}

// Tests that the lowest minor version of each comes back, though a merged file has one.
TEST(Variants, KeepsFormatVersions) {
  const EditFile old(MakeBundle("pi", 1));
  const EditFile later(MakeBundle(
      "phone", 1, [](schema::BundleT& bundle) { bundle.variants[0]->cpu_kernels = "neon"; }));
  EXPECT_EQ(old.source->preamble().format_minor, 0);
  EXPECT_EQ(later.source->preamble().format_minor, 2);
  const EditFile merged = Merge({&old, &later});
  EXPECT_EQ(merged.source->preamble().format_minor, 2);
  EXPECT_EQ(Take(merged, 0), old.bytes);
}

// Tests that merging in steps, in any grouping, gives the same file.
TEST(Variants, MergingIsAssociative) {
  const EditFile a(MakeBundle("a", 1)), b(MakeBundle("b", 2)), c(MakeBundle("c", 1)),
      d(MakeBundle("d", 2));
  const EditFile all = Merge({&a, &b, &c, &d});
  const EditFile ab = Merge({&a, &b}), cd = Merge({&c, &d}), bc = Merge({&b, &c});
  EXPECT_EQ(Merge({&ab, &cd}).bytes, all.bytes);
  EXPECT_EQ(Merge({&a, &bc, &d}).bytes, all.bytes);
  EXPECT_THAT(SegmentNames(all), ElementsAre("weights", "weights@b"));
  const EditFile* files[] = {&a, &b, &c, &d};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(Take(all, i), files[i]->bytes) << i;
}

// Adds a second segment of weights, in front of the first or behind it.
void AddSegment(edit::Contents& contents, const EditFile& donor, bool in_front) {
  edit::Contents other = ContentsOf(*donor.source);
  schema::ProgramT& program = *contents.bundle.variants[0]->program;
  auto segment = std::make_unique<schema::SegmentT>(*other.bundle.segments[0]);
  segment->name = "more";
  auto constant = std::make_unique<schema::ConstantT>(*program.constants[0]);
  constant->name = "extra";
  constant->segment = in_front ? 0 : 1;
  if (in_front) {
    for (const auto& old : program.constants) old->segment = 1;
    contents.bundle.segments.insert(contents.bundle.segments.begin(), std::move(segment));
    contents.origins.insert(contents.origins.begin(), other.origins[0]);
  } else {
    contents.bundle.segments.push_back(std::move(segment));
    contents.origins.push_back(other.origins[0]);
  }
  program.constants.push_back(std::move(constant));
}

// Tests that the order of shared segments is kept, or, where two files have them in
// different orders, that both are.
TEST(Variants, KeepsTheOrderOfSegments) {
  const EditFile base(MakeBundle("a", 1)), other(MakeBundle("b", 1)), donor(MakeBundle("x", 5)),
      own(MakeBundle("c", 7));
  edit::Contents contents_a = ContentsOf(*base.source), contents_b = ContentsOf(*other.source),
                 contents_c = ContentsOf(*own.source);
  AddSegment(contents_a, donor, false);
  AddSegment(contents_b, donor, true);
  AddSegment(contents_c, donor, false);
  const EditFile a(Written(contents_a)), b(Written(contents_b)), c(Written(contents_c));
  const EditFile ab = Merge({&a, &b});
  EXPECT_THAT(SegmentNames(ab), ElementsAre("weights", "more", "weights@b"));
  EXPECT_EQ(Take(ab, 0), a.bytes);
  EXPECT_EQ(Take(ab, 1), b.bytes);
  const EditFile ac = Merge({&a, &c});
  EXPECT_THAT(SegmentNames(ac), ElementsAre("weights", "weights@c", "more"));
  EXPECT_EQ(Take(ac, 0), a.bytes);
  EXPECT_EQ(Take(ac, 1), c.bytes);
}

// Tests that what cannot be merged is refused by the name of the field.
TEST(Variants, RefusesOtherModels) {
  const struct {
    const char* message;
    std::function<void(schema::BundleT&)> change;
  } kCases[] = {
      {"both file and file have a variant for 'pi'",
       [](schema::BundleT& bundle) { bundle.variants[0]->device = "pi"; }},
      {"the hash of the model they were compiled from is ''",
       [](schema::BundleT& bundle) { Provide(bundle, "model.hash", "blake3:22"); }},
      {"the architecture is 'gem' in file (pi), but 'bert' in file (phone)",
       [](schema::BundleT& bundle) { bundle.model->architecture = "bert"; }},
      {"the number of parameters is '1234'",
       [](schema::BundleT& bundle) { bundle.model->parameters = 5; }},
      {"the model's name is 'tiny' in file (pi), but 'other' in file (phone); give both",
       [](schema::BundleT& bundle) { bundle.model->name = "other"; }},
      {"the number of labels is '0'",
       [](schema::BundleT& bundle) { bundle.model->labels = {"a", "b", "c", "d", "e"}; }},
      {"segment 'we@ights': expected no '@'",
       [](schema::BundleT& bundle) { bundle.segments[0]->name = "we@ights"; }},
      {"provenance 'a@b': expected no '@'",
       [](schema::BundleT& bundle) { Provide(bundle, "a@b", ""); }},
      {"provenance 'producer': expected no such key",
       [](schema::BundleT& bundle) { Provide(bundle, "producer", "me"); }},
  };
  const EditFile a(MakeBundle("pi"));
  for (const auto& test : kCases) {
    const EditFile b(MakeBundle("phone", 1, test.change));
    edit::Contents merged;
    edit::Problem problem;
    EXPECT_FALSE(MergeBundles({a.source.get(), b.source.get()}, &merged, &problem));
    EXPECT_THAT(problem.message, HasSubstr(test.message));
    EXPECT_EQ(problem.kind, edit::Problem::Kind::kRefused);
  }
}

// Tests labels that are as many but others.
TEST(Variants, RefusesOtherLabels) {
  const auto with = [](const char* third) {
    return [third](schema::BundleT& bundle) { bundle.model->labels = {"a", "b", third, "d", "e"}; };
  };
  const EditFile a(MakeBundle("pi", 1, with("c"))), b(MakeBundle("phone", 1, with("x")));
  edit::Contents merged;
  edit::Problem problem;
  EXPECT_FALSE(MergeBundles({a.source.get(), b.source.get()}, &merged, &problem));
  EXPECT_THAT(problem.message, HasSubstr("label 2 is 'c' in file (pi), but 'x' in file (phone)"));
}

// Tests that a damaged segment does not get into another file.
TEST(Variants, RefusesDamagedSegments) {
  EditFile a(MakeBundle("pi"));
  a.aligned.data()[a.aligned.size() - 1] ^= 1;
  edit::Contents contents = ContentsOf(*a.source);
  Bytes out;
  edit::Problem problem;
  EXPECT_FALSE(WriteBundle(contents, AppendTo(&out), nullptr, &problem));
  EXPECT_THAT(problem.message, HasSubstr("segment 'weights': expected the hash"));
}

}  // namespace
}  // namespace gem::test

// Patches between bundles: what comes out, and what is refused.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/Patch.h"

#include <gmock/gmock.h>

#include <fstream>

#include "runtime/core/Blake3.h"
#include "targets/Bundle/Edit/Chunks.h"
#include "targets/Bundle/Edit/Signature.h"
#include "test/targets/Edit/EditSupport.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

// A bundle with `weights` behind one constant, for files as large as a test wants.
Bytes BundleOf(const Bytes& weights) {
  TinyGem model;
  Bytes& segment = model.builder.segment_data(0);
  segment.insert(segment.end(), weights.begin(), weights.end());
  return model.builder.Build();
}

Bytes RandomBytes(size_t count, uint64_t seed) {
  Random random(seed);
  Bytes bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  return bytes;
}

Bytes MakePatchFile(const EditFile& from, const EditFile& to) {
  edit::Patch patch;
  edit::Problem problem;
  Bytes bytes;
  EXPECT_TRUE(MakePatch(*from.source, *to.source, nullptr, &patch, &problem)) << problem.message;
  EXPECT_TRUE(WritePatch(patch, *to.source, AppendTo(&bytes), &problem)) << problem.message;
  EXPECT_EQ(bytes.size(), patch.patch_size);
  return bytes;
}

// The new file, or nothing with what is wrong.
bool Apply(const EditFile& old, const Bytes& patch, Bytes* out, std::string* message) {
  const std::string path = testing::TempDir() + "/patch.gemp";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(patch.data()),
             static_cast<std::streamsize>(patch.size()));
  edit::PatchFile file;
  edit::Problem problem;
  const bool applied =
      file.Open(path, &problem) && file.Apply(*old.source, AppendTo(out), nullptr, &problem);
  *message = problem.message;
  return applied;
}

void ExpectRoundTrip(const EditFile& from, const EditFile& to) {
  const Bytes patch = MakePatchFile(from, to);
  Bytes made;
  std::string message;
  ASSERT_TRUE(Apply(from, patch, &made, &message)) << message;
  EXPECT_EQ(made, to.bytes);
}

TEST(Patch, MakesTheNewFile) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("pi", 2)), c(MakeBundle("phone", 1));
  ExpectRoundTrip(a, b);
  ExpectRoundTrip(a, c);
  ExpectRoundTrip(a, a);
}

// Tests that a segment that both have does not travel, wherever it lies.
TEST(Patch, LeavesEqualSegmentsOut) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("a-device-with-a-longer-name", 1));
  const Bytes patch = MakePatchFile(a, b);
  const uint64_t weights = a.source->root().segments()->Get(0)->length();
  EXPECT_LT(patch.size(), b.bytes.size() - weights + 1024);
}

// Tests that bytes before and behind a change do not travel, though they moved.
TEST(Patch, FindsBytesThatMoved) {
  const Bytes head = RandomBytes(300000, 1), tail = RandomBytes(300000, 2);
  Bytes old = head, now = head;
  const Bytes inserted = RandomBytes(1000, 3);
  now.insert(now.end(), inserted.begin(), inserted.end());
  old.insert(old.end(), tail.begin(), tail.end());
  now.insert(now.end(), tail.begin(), tail.end());
  const EditFile a(BundleOf(old)), b(BundleOf(now));
  EXPECT_LT(MakePatchFile(a, b).size(), 100000u);
  ExpectRoundTrip(a, b);
  ExpectRoundTrip(b, a);
}

// Tests a new file that repeats what the old one has, more often than a patch may.
TEST(Patch, RepeatsOnlyWhatItPaysFor) {
  const Bytes once = RandomBytes(100000, 4);
  Bytes often;
  for (int i = 0; i < 20; ++i) often.insert(often.end(), once.begin(), once.end());
  const EditFile a(BundleOf(once)), b(BundleOf(often));
  const Bytes patch = MakePatchFile(a, b);
  EXPECT_GE(patch.size() + a.bytes.size(), b.bytes.size());
  ExpectRoundTrip(a, b);
}

TEST(Patch, RefusesAnotherOldFile) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("pi", 2)), c(MakeBundle("pi", 3));
  const Bytes patch = MakePatchFile(a, b);
  Bytes made;
  std::string message;
  EXPECT_FALSE(Apply(c, patch, &made, &message));
  EXPECT_THAT(message, HasSubstr("is not the bundle that"));
  EXPECT_FALSE(Apply(b, patch, &made, &message));
  EXPECT_THAT(message, HasSubstr("is already what"));
}

// Tests that an old file whose weights are damaged gives no new one.
TEST(Patch, RefusesADamagedOldFile) {
  EditFile a(MakeBundle("pi", 1));
  const EditFile b(MakeBundle("phone", 1));
  const Bytes patch = MakePatchFile(a, b);
  a.aligned.data()[a.aligned.size() - 1] ^= 1;
  Bytes made;
  std::string message;
  EXPECT_FALSE(Apply(a, patch, &made, &message));
  EXPECT_THAT(message, HasSubstr("the file is damaged"));
}

// Tests that a damaged new file gives no patch, whether the old one has the segment or not:
// applied, it would call the old one damaged.
TEST(Patch, RefusesADamagedNewFile) {
  for (const uint64_t seed : {1, 2}) {
    const EditFile a(MakeBundle("pi", 1));
    EditFile b(MakeBundle("phone", seed));
    b.aligned.data()[b.aligned.size() - 1] ^= 1;
    edit::Patch patch;
    edit::Problem problem;
    EXPECT_FALSE(MakePatch(*a.source, *b.source, nullptr, &patch, &problem));
    EXPECT_EQ(problem.kind, edit::Problem::Kind::kRefused);
    EXPECT_THAT(problem.message, HasSubstr("segment 'weights': expected the hash"));
    EXPECT_THAT(problem.message, HasSubstr("the file is damaged"));
  }
}

// Tests that a patch of which any byte is another, or that was cut anywhere, is refused.
TEST(Patch, RefusesEveryDamage) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("phone", 2));
  const Bytes good = MakePatchFile(a, b);
  Random random(9);
  for (size_t i = 0; i < good.size(); i += i < 600 ? 1 : 97) {
    Bytes bad = good;
    bad[i] ^= static_cast<uint8_t>(1 + random.Below(255));
    Bytes made;
    std::string message;
    EXPECT_FALSE(Apply(a, bad, &made, &message)) << "byte " << i;
    EXPECT_NE(message, "") << i;
  }
  for (size_t size = 0; size < good.size(); size += size < 300 ? 1 : 101) {
    Bytes made;
    std::string message;
    EXPECT_FALSE(
        Apply(a, Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)), &made, &message))
        << size;
  }
}

// A patch whose records somebody wrote by hand, with the right hashes of the table.
Bytes Forge(Bytes patch, const std::function<void(uint8_t* header, uint8_t* record)>& change) {
  const size_t count = LoadLittleEndian(patch.data() + 40, 4);
  change(patch.data(), patch.data() + edit::kPatchHeaderSize);
  Blake3(patch.data() + edit::kPatchHeaderSize, count * edit::kPatchRecordSize, patch.data() + 144);
  return patch;
}

TEST(Patch, RefusesHostileRecords) {
  const EditFile a(MakeBundle("pi", 1)), b(MakeBundle("phone", 1));
  const Bytes good = MakePatchFile(a, b);
  ASSERT_GE(LoadLittleEndian(good.data() + 40, 4), 2u);
  const uint64_t huge = ~uint64_t{0};
  const struct {
    const char* message;
    std::function<void(uint8_t*, uint8_t*)> change;
  } kCases[] = {
      {"first bytes", [](uint8_t* h, uint8_t*) { h[1] = 'X'; }},
      {"version: expected 1.0", [](uint8_t* h, uint8_t*) { h[8] = 2; }},
      {"version: expected 1.0", [](uint8_t* h, uint8_t*) { h[10] = 1; }},
      {"header size", [](uint8_t* h, uint8_t*) { h[12] = 0; }},
      {"size: expected the", [](uint8_t* h, uint8_t*) { h[16] ^= 1; }},
      {"new size: expected at most",
       [&](uint8_t* h, uint8_t*) { StoreLittleEndian(huge, 8, h + 32); }},
      {"reserved bytes 44", [](uint8_t* h, uint8_t*) { h[45] = 1; }},
      {"kind: expected 1 (copy) or 2 (data), but got 3", [](uint8_t*, uint8_t* r) { r[0] = 3; }},
      {"reserved bytes", [](uint8_t*, uint8_t* r) { r[7] = 1; }},
      {"length: expected 1 to", [](uint8_t*, uint8_t* r) { StoreLittleEndian(0, 8, r + 16); }},
      {"length: expected 1 to", [&](uint8_t*, uint8_t* r) { StoreLittleEndian(huge, 8, r + 16); }},
      {"expected a stretch of the old file",
       [&](uint8_t*, uint8_t* r) {
         r[0] = 1;
         StoreLittleEndian(huge, 8, r + 8);
       }},
      {"expected a stretch of the old file",
       [&](uint8_t* h, uint8_t* r) {
         r[0] = 1;
         StoreLittleEndian(LoadLittleEndian(h + 24, 8), 8, r + 8);
       }},
      {"expected them to make the new file's",
       [](uint8_t*, uint8_t* r) { StoreLittleEndian(LoadLittleEndian(r + 16, 8) - 1, 8, r + 16); }},
      {"the patch is damaged", [](uint8_t* h, uint8_t*) { h[112] ^= 1; }},
  };
  for (const auto& test : kCases) {
    Bytes made;
    std::string message;
    EXPECT_FALSE(Apply(a, Forge(good, test.change), &made, &message)) << test.message;
    EXPECT_THAT(message, HasSubstr(test.message));
  }
  Bytes many = good;
  StoreLittleEndian(0xFFFFFFFF, 4, many.data() + 40);
  Bytes made;
  std::string message;
  EXPECT_FALSE(Apply(a, many, &made, &message));
  EXPECT_THAT(message, HasSubstr("records: expected 1 to"));
}

std::vector<edit::Chunk> ChunksOf(const Bytes& bytes, size_t piece) {
  std::vector<edit::Chunk> chunks;
  const auto emit = [&](const edit::Chunk& chunk) { chunks.push_back(chunk); };
  edit::Chunker chunker(0, edit::ChunkSizes::For(bytes.size()), emit);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    chunker.Feed(
        {reinterpret_cast<const char*>(bytes.data()) + at, std::min(piece, bytes.size() - at)});
  }
  chunker.Finish();
  return chunks;
}

// Tests that chunks cover the bytes, keep their bounds and do not depend on how the bytes
// come.
TEST(Chunks, CoverTheBytes) {
  const Bytes bytes = RandomBytes(1000000, 5);
  const std::vector<edit::Chunk> chunks = ChunksOf(bytes, 1 << 20), pieces = ChunksOf(bytes, 77);
  ASSERT_EQ(chunks.size(), pieces.size());
  uint64_t end = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].offset, end);
    EXPECT_EQ(chunks[i].hash, pieces[i].hash);
    EXPECT_LE(chunks[i].length, 4 * 4096u);
    if (i + 1 < chunks.size()) {
      EXPECT_GE(chunks[i].length, 4096u / 4);
    }
    end += chunks[i].length;
  }
  EXPECT_EQ(end, bytes.size());
  EXPECT_GT(chunks.size(), 1000000u / 4096 / 2);
}

// Tests the bytes of a signature block, and that another replaces it.
TEST(Signature, HasTheBytesOfTheFormat) {
  const EditFile a(MakeBundle("pi", 1));
  edit::PublicKey key;
  key.fill(7);
  std::string message;
  const auto sign = [&](const std::string& text) {
    message = text;
    edit::Signature signature;
    signature.fill(9);
    return signature;
  };
  Bytes out;
  edit::Problem problem;
  ASSERT_TRUE(WriteSigned(*a.source, key, sign, AppendTo(&out), nullptr, &problem));
  const size_t end = AlignUp(a.bytes.size(), 64);
  ASSERT_EQ(out.size(), end + kSignatureBlockSize);
  EXPECT_EQ(out[kOffsetSignature], kSignatureEd25519);
  EXPECT_EQ(LoadLittleEndian(out.data() + kOffsetFormatMinor, 2), 2u);
  EXPECT_EQ(LoadLittleEndian(out.data() + kOffsetFileSize, 8), out.size());
  EXPECT_EQ(message, kSignatureContext + std::string(out.begin(), out.begin() + kPreambleSize));
  EXPECT_TRUE(
      std::equal(a.bytes.begin() + kPreambleSize, a.bytes.end(), out.begin() + kPreambleSize));
  for (size_t i = a.bytes.size(); i < end; ++i) EXPECT_EQ(out[i], 0);
  for (size_t i = 0; i < kSignatureBlockSize; ++i) {
    EXPECT_EQ(out[end + i], i < 32 ? 7 : i < 96 ? 9 : 0) << i;
  }
}

}  // namespace
}  // namespace gem::test

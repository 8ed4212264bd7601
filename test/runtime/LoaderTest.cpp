// Opening bundles: preamble, layout, hashes, damage, files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "gem/gem.h"
#include "runtime/core/Blake3.h"
#include "runtime/loader/Bundle.h"
#include "runtime/schema/Preamble.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

struct Outcome {
  gem_status_t status;
  std::string message;
};

Outcome Open(const Bytes& bytes, gem_hash_check_t check = GEM_HASH_PROGRAM,
             gem_load_mode_t mode = GEM_LOAD_MAP) {
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = check;
  options.load_mode = mode;
  const AlignedBytes aligned(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_bundle_open_memory(aligned.data(), aligned.size(), &options, &bundle, &error);
  EXPECT_EQ(error.status, status);
  EXPECT_EQ(bundle != nullptr, status == GEM_STATUS_OK);
  gem_bundle_close(bundle);
  return {status, error.message};
}

void Expect(const Bytes& bytes, gem_status_t status, const std::string& message) {
  const Outcome outcome = Open(bytes);
  EXPECT_EQ(outcome.status, status);
  EXPECT_THAT(outcome.message, HasSubstr(message));
}

Bytes TinyBundle() { return TinyGem().builder.Build(); }

size_t ProgramSize(const Bytes& bundle) {
  return LoadLittleEndian(bundle.data() + kOffsetProgramSize, 4);
}

// --- preamble ----------------------------------------------------------------

TEST(PreambleTest, LayoutIsAsDocumented) {
  const Bytes bundle = TinyBundle();
  const uint8_t magic[] = {0x89, 0x47, 0x45, 0x4D, 0x0D, 0x0A, 0x1A, 0x0A};
  EXPECT_EQ(Bytes(bundle.begin(), bundle.begin() + 8), Bytes(magic, magic + 8));
  const uint8_t fields[] = {1, 0, 0, 0, 64, 0, 0, 0};  // 1.0, preamble size
  EXPECT_EQ(Bytes(bundle.begin() + 8, bundle.begin() + 16), Bytes(fields, fields + 8));
  EXPECT_EQ(LoadLittleEndian(bundle.data() + 16, 8), bundle.size());
  EXPECT_EQ(bundle[28], 1);
  EXPECT_EQ(Bytes(bundle.begin() + 68, bundle.begin() + 72), (Bytes{'G', 'E', 'M', 'B'}));
  uint8_t hash[32];
  Blake3(bundle.data() + 64, ProgramSize(bundle), hash);
  EXPECT_EQ(Bytes(bundle.begin() + 32, bundle.begin() + 64), Bytes(hash, hash + 32));
}

TEST(PreambleTest, DecodesWhatIsEncoded) {
  Preamble preamble;
  preamble.format_major = 0x0102;
  preamble.format_minor = 0x0304;
  preamble.file_size = 0x05060708090a0b0c;
  preamble.program_size = 0x0d0e0f10;
  preamble.signature = kSignatureEd25519;
  for (size_t i = 0; i < kHashSize; ++i) preamble.program_hash[i] = static_cast<uint8_t>(200 - i);
  uint8_t bytes[kPreambleSize];
  EncodePreamble(preamble, bytes);
  const Preamble decoded = DecodePreamble(bytes);
  EXPECT_EQ(decoded.format_major, 0x0102);
  EXPECT_EQ(decoded.format_minor, 0x0304);
  EXPECT_EQ(decoded.file_size, 0x05060708090a0b0cu);
  EXPECT_EQ(decoded.program_size, 0x0d0e0f10u);
  EXPECT_EQ(decoded.signature, kSignatureEd25519);
  EXPECT_THAT(decoded.program_hash, testing::ElementsAreArray(preamble.program_hash));
}

TEST(PreambleTest, RefusesMagic) {
  Bytes bundle = TinyBundle();
  bundle[0] = 'P';
  Expect(bundle, GEM_STATUS_CORRUPT, "magic: expected a GEM bundle");
  Expect(Bytes(1000, 0), GEM_STATUS_CORRUPT, "magic: expected a GEM bundle");
}

TEST(PreambleTest, RefusesOtherVersions) {
  Bytes bundle = TinyBundle();
  bundle[kOffsetFormatMajor] = 2;
  Expect(bundle, GEM_STATUS_UNSUPPORTED, "format version: expected 1.0 to 1.2");
  Expect(bundle, GEM_STATUS_UNSUPPORTED, "but got 2.0; use a newer runtime");
  bundle[kOffsetFormatMajor] = 0;
  Expect(bundle, GEM_STATUS_UNSUPPORTED, "but got 0.0; compile the model again");
  bundle[kOffsetFormatMajor] = 1;
  bundle[kOffsetFormatMinor] = 3;
  Expect(bundle, GEM_STATUS_UNSUPPORTED, "but got 1.3; use a newer runtime");
  bundle[kOffsetFormatMinor] = 0;
  bundle[kOffsetFormatMinor + 1] = 1;
  Expect(bundle, GEM_STATUS_UNSUPPORTED, "but got 1.256");
}

// A program of 1.0 is one of 1.1, but not the other way round: a runtime of 1.0
// would misunderstand it.
TEST(PreambleTest, MinorVersionsHaveWhatTheyBrought) {
  Bytes bundle = TinyBundle();
  bundle[kOffsetFormatMinor] = 1;
  EXPECT_EQ(Open(bundle).status, GEM_STATUS_OK);
  bundle = TinyQuantized().builder.Build();
  EXPECT_EQ(bundle[kOffsetFormatMinor], 1);
  EXPECT_EQ(Open(bundle).status, GEM_STATUS_OK);
  bundle[kOffsetFormatMinor] = 0;
  Expect(bundle, GEM_STATUS_CORRUPT, "format version: expected at least 1.1, which brought");
}

TEST(PreambleTest, RefusesPreambleSize) {
  Bytes bundle = TinyBundle();
  bundle[kOffsetPreambleSize] = 128;
  Expect(bundle, GEM_STATUS_CORRUPT, "preamble size: expected 64, but got 128");
}

TEST(PreambleTest, RefusesFileSize) {
  Bytes bundle = TinyBundle();
  bundle.push_back(0);
  Expect(bundle, GEM_STATUS_CORRUPT, "file size: expected the");
  bundle.resize(bundle.size() - 2);
  Expect(bundle, GEM_STATUS_CORRUPT, "file size: expected the");
  bundle = TinyBundle();
  for (int i = 0; i < 8; ++i) bundle[kOffsetFileSize + i] = 0xFF;
  Expect(bundle, GEM_STATUS_CORRUPT, "file size: expected the 18446744073709551615 bytes");
}

TEST(PreambleTest, RefusesProgramSize) {
  Bytes bundle = TinyBundle();
  StoreLittleEndian(0, 4, bundle.data() + kOffsetProgramSize);
  Expect(bundle, GEM_STATUS_CORRUPT, "program size: expected 1 to");
  StoreLittleEndian(bundle.size() - 63, 4, bundle.data() + kOffsetProgramSize);
  Expect(bundle, GEM_STATUS_CORRUPT, "program size: expected 1 to");
  StoreLittleEndian(0xFFFFFFFF, 4, bundle.data() + kOffsetProgramSize);
  Expect(bundle, GEM_STATUS_CORRUPT, "but got 4294967295");
}

TEST(PreambleTest, RefusesHashAlgorithm) {
  Bytes bundle = TinyBundle();
  bundle[kOffsetHashAlgorithm] = 0;
  Expect(bundle, GEM_STATUS_CORRUPT, "hash algorithm: expected 1 (BLAKE3), but got 0");
}

TEST(PreambleTest, RefusesReservedBytes) {
  for (size_t i = kOffsetReserved; i < kOffsetProgramHash; ++i) {
    Bytes bundle = TinyBundle();
    bundle[i] = 1;
    Expect(bundle, GEM_STATUS_CORRUPT,
           "reserved byte " + std::to_string(i) + ": expected 0, but got 1");
  }
}

TEST(PreambleTest, RefusesHash) {
  Bytes bundle = TinyBundle();
  bundle[kOffsetProgramHash] ^= 1;
  Expect(bundle, GEM_STATUS_CORRUPT, "program hash: expected");
}

// --- damage ------------------------------------------------------------------

TEST(DamageTest, EveryTruncationIsRefused) {
  const Bytes bundle = TinyBundle();
  for (size_t size = 0; size < bundle.size(); ++size) {
    const Outcome outcome = Open(Bytes(bundle.begin(), bundle.begin() + size));
    ASSERT_EQ(outcome.status, GEM_STATUS_CORRUPT) << size;
    ASSERT_THAT(outcome.message, HasSubstr("file size: expected")) << size;
  }
}

// Cut files whose preamble was made to agree.
TEST(DamageTest, EveryConsistentTruncationIsRefused) {
  const Bytes bundle = TinyBundle();
  for (size_t size = kPreambleSize; size < bundle.size(); size += 1 + size % 13) {
    Bytes cut(bundle.begin(), bundle.begin() + size);
    StoreLittleEndian(size, 8, cut.data() + kOffsetFileSize);
    ASSERT_EQ(Open(cut).status, GEM_STATUS_CORRUPT) << size;
  }
}

TEST(DamageTest, EveryFlipInPreambleAndProgramIsRefused) {
  const Bytes bundle = TinyBundle();
  const size_t end = kPreambleSize + ProgramSize(bundle);
  Bytes damaged = bundle;
  for (size_t i = 0; i < end; ++i) {
    for (const uint8_t mask : {0x01, 0x80, 0xFF}) {
      damaged[i] = bundle[i] ^ mask;
      // Another minor version that this runtime reads.
      if (i == kOffsetFormatMinor && damaged[i] <= GEM_FORMAT_MINOR) continue;
      ASSERT_NE(Open(damaged).status, GEM_STATUS_OK) << "byte " << i;
    }
    damaged[i] = bundle[i];
  }
}

TEST(DamageTest, EveryFlipAfterTheProgramIsRefusedWhenAllHashesAreChecked) {
  const Bytes bundle = TinyBundle();
  Bytes damaged = bundle;
  for (size_t i = kPreambleSize + ProgramSize(bundle); i < bundle.size(); ++i) {
    damaged[i] = static_cast<uint8_t>(bundle[i] ^ (1 << (i % 8)));
    const Outcome outcome = Open(damaged, GEM_HASH_ALL);
    ASSERT_EQ(outcome.status, GEM_STATUS_CORRUPT) << "byte " << i;
    ASSERT_TRUE(outcome.message.find("hash: expected") != std::string::npos ||
                outcome.message.find("padding before segment") != std::string::npos)
        << outcome.message;
    damaged[i] = bundle[i];
  }
}

TEST(DamageTest, PaddingIsZero) {
  const Bytes bundle = TinyBundle();
  const AlignedBytes aligned(bundle);
  const BundlePtr open = OpenBundle(aligned);
  size_t end = kPreambleSize + ProgramSize(bundle);
  size_t padding = 0;
  for (const unpacked::Segment& segment : open->root().segments) {
    for (; end < segment.offset; ++end, ++padding) {
      Bytes damaged = bundle;
      damaged[end] = 1;
      Expect(damaged, GEM_STATUS_CORRUPT,
             "expected 0 at byte " + std::to_string(end) + ", but got 1");
    }
    end += segment.length;
  }
  EXPECT_GT(padding, 0u);
  EXPECT_EQ(end, bundle.size());
}

// Changes bytes of the program and hashes it again, as an attacker would: such a
// bundle is refused, or runs without touching what is not its own. The
// sanitizers' build is where this test bites.
TEST(DamageTest, RehashedDamageNeverEscapes) {
  Random random(2024);
  int loaded = 0, ran = 0;
  for (const int program : {0, 1, 2}) {
    const Bytes bundle =
        program == 2 ? TinyQuantized().builder.Build() : TinyGem(program == 1).builder.Build();
    const size_t program_size = ProgramSize(bundle);
    for (int round = 0; round < 4000; ++round) {
      Bytes damaged = bundle;
      const uint32_t changes = 1 + random.Below(3);
      for (uint32_t i = 0; i < changes; ++i) {
        uint8_t* at = damaged.data() + kPreambleSize + random.Below(program_size);
        switch (random.Below(4)) {
          case 0:
            *at ^= static_cast<uint8_t>(1u << random.Below(8));
            break;
          case 1:
            *at = static_cast<uint8_t>(random.Below(16));
            break;
          case 2:
            *at = static_cast<uint8_t>(random.Next());
            break;
          default: {  // a field of 32 bits
            at = damaged.data() + kPreambleSize + random.Below(program_size / 4 - 1) * 4;
            static constexpr uint32_t kValues[] = {0, 1, 2, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
            StoreLittleEndian(kValues[random.Below(7)], 4, at);
            break;
          }
        }
      }
      Rehash(damaged);
      const AlignedBytes aligned(damaged);
      gem_bundle_t* opened = nullptr;
      gem_error_t error;
      if (gem_bundle_open_memory(aligned.data(), aligned.size(), nullptr, &opened, &error) !=
          GEM_STATUS_OK) {
        ASSERT_EQ(opened, nullptr);
        ASSERT_NE(error.message[0], '\0');
        continue;
      }
      ++loaded;
      const BundlePtr closer(opened);
      gem_session_t* session = nullptr;
      if (gem_session_create(opened, nullptr, &session, &error) != GEM_STATUS_OK) continue;
      const SessionPtr session_closer(session);
      for (uint32_t count = 1; count <= TinyGem::kMaxTokens; count += 4) {
        const std::vector<int32_t> ids = TinyGem::Ids(count, round);
        if (gem_session_run_tokens(session, ids.data(), count, &error) != GEM_STATUS_OK) continue;
        ++ran;
        AllOutputs(session);
      }
    }
  }
  // Names, labels and parameters may change without harm.
  EXPECT_GT(loaded, 100);
  EXPECT_GT(ran, 100);
}

// --- bundles that are right --------------------------------------------------

TEST(LoaderTest, SegmentsAccountForEveryByte) {
  TinyGem gem;
  // Large enough to be aligned to a page.
  gem.builder.AddSegment("more", schema::SegmentKind::WEIGHTS, Bytes(70000, 5));
  const AlignedBytes bytes(gem.builder.Build());
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = GEM_HASH_ALL;
  const BundlePtr bundle = OpenBundle(bytes, &options);
  const auto& segments = bundle->root().segments;
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].offset % 64, 0u);
  EXPECT_EQ(segments[2].offset % 4096, 0u);
  EXPECT_EQ(segments[2].offset + segments[2].length, bytes.size());
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(bundle->segment(i).data(), bytes.data() + segments[i].offset);
  }
  EXPECT_EQ(bundle->tokenizer_segment().size(), 100u);
  EXPECT_EQ(bundle->tokenizer_segment()[99], 100);
}

TEST(LoaderTest, PageAlignmentIsDemanded) {
  TinyGem gem;
  gem.builder.AddSegment("more", schema::SegmentKind::WEIGHTS, Bytes(70000, 5));
  gem.builder.after_layout = [](schema::BundleT& t) { t.segments[2]->offset -= 64; };
  Expect(gem.builder.Build(), GEM_STATUS_CORRUPT, "the next multiple of 4096");
}

TEST(LoaderTest, TextIsOptional) {
  TinyGem gem;
  gem.builder.bundle().text = nullptr;
  const AlignedBytes bytes(gem.builder.Build());
  EXPECT_TRUE(OpenBundle(bytes)->tokenizer_segment().empty());
}

TEST(LoaderTest, Info) {
  const AlignedBytes bytes(TinyBundle());
  const BundlePtr bundle = OpenBundle(bytes);
  gem_bundle_info_t info;
  info.struct_size = sizeof(info);
  ASSERT_EQ(gem_bundle_info(bundle.get(), &info), GEM_STATUS_OK);
  EXPECT_STREQ(info.producer, "bundle-builder 1");
  EXPECT_STREQ(info.model_name, "tiny");
  EXPECT_STREQ(info.architecture, "gem");
  EXPECT_EQ(info.parameters, 1234u);
  EXPECT_EQ(info.file_size, bytes.size());
  EXPECT_EQ(info.format_major, 1u);
  EXPECT_EQ(info.format_minor, 0u);
  EXPECT_EQ(info.variant_count, 1u);
  EXPECT_EQ(info.label_count, 5u);
  EXPECT_EQ(info.maximum_tokens, 9u);
  EXPECT_EQ(info.padded, 0);
  EXPECT_STREQ(gem_bundle_label(bundle.get(), 4), "label 4");
  EXPECT_EQ(gem_bundle_label(bundle.get(), 5), nullptr);
  EXPECT_STREQ(gem_bundle_variant_device(bundle.get(), 0), "host");
  EXPECT_EQ(gem_bundle_variant_device(bundle.get(), 1), nullptr);

  info.struct_size = 8;
  EXPECT_EQ(gem_bundle_info(bundle.get(), &info), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(gem_bundle_info(bundle.get(), nullptr), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(gem_bundle_info(nullptr, &info), GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(gem_bundle_label(nullptr, 0), nullptr);
  EXPECT_EQ(gem_bundle_variant_device(nullptr, 0), nullptr);
}

// --- where the bytes come from -----------------------------------------------

TEST(FileTest, MapAndCopyGiveTheSame) {
  const Bytes bytes = TinyBundle();
  const TemporaryFile file(bytes);
  for (const gem_load_mode_t mode : {GEM_LOAD_MAP, GEM_LOAD_COPY}) {
    gem_bundle_options_t options;
    gem_bundle_options_init(&options);
    options.load_mode = mode;
    options.hash_check = GEM_HASH_ALL;
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    ASSERT_EQ(gem_bundle_open(file.path(), &options, &bundle, &error), GEM_STATUS_OK)
        << error.message;
    EXPECT_EQ(Bytes(bundle->bytes().begin(), bundle->bytes().end()), bytes);
    gem_bundle_close(bundle);
  }
}

// Large enough for huge pages, which the advice may or may not bring.
TEST(FileTest, LargeCopiesAreWhole) {
  Bytes bytes((5 << 20) + 77);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  const TemporaryFile file(bytes);
  const AlignedBytes aligned(bytes);
  Memory memory(DefaultAllocator());
  gem_error_t error;
  {
    FileData from_file, from_memory;
    ASSERT_EQ(from_file.Open(file.path(), GEM_LOAD_COPY, &memory, &error), GEM_STATUS_OK);
    ASSERT_EQ(from_memory.OpenMemory(aligned.data(), bytes.size(), GEM_LOAD_COPY, &memory, &error),
              GEM_STATUS_OK);
    for (const FileData* data : {&from_file, &from_memory}) {
      ASSERT_EQ(data->bytes().size(), bytes.size());
      EXPECT_EQ(memcmp(data->bytes().data(), bytes.data(), bytes.size()), 0);
    }
  }
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(FileTest, CopiedMemoryMayChange) {
  AlignedBytes bytes(TinyBundle());
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.load_mode = GEM_LOAD_COPY;
  options.hash_check = GEM_HASH_LAZY;
  const BundlePtr bundle = OpenBundle(bytes, &options);
  memset(bytes.data(), 0xFF, bytes.size());
  EXPECT_NE(CreateSession(bundle.get()), nullptr);  // which checks the hash of the weights
  EXPECT_STREQ(gem_bundle_label(bundle.get(), 0), "label 0");
}

// What was verified is a private copy also when the rest is mapped.
TEST(FileTest, ProgramOfMappedMemoryMayChange) {
  AlignedBytes bytes(TinyBundle());
  const BundlePtr bundle = OpenBundle(bytes);
  memset(bytes.data(), 0xFF, kPreambleSize + bundle->preamble().program_size);
  EXPECT_STREQ(gem_bundle_label(bundle.get(), 0), "label 0");
  EXPECT_NE(CreateSession(bundle.get()), nullptr);
}

TEST(FileTest, UnalignedMemory) {
  Bytes bytes = TinyBundle();
  bytes.insert(bytes.begin(), 0);
  const AlignedBytes shifted(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(
      gem_bundle_open_memory(shifted.data() + 1, shifted.size() - 1, nullptr, &bundle, &error),
      GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(error.message, HasSubstr("data: expected a multiple of 64"));
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.load_mode = GEM_LOAD_COPY;
  EXPECT_EQ(
      gem_bundle_open_memory(shifted.data() + 1, shifted.size() - 1, &options, &bundle, &error),
      GEM_STATUS_OK);
  gem_bundle_close(bundle);
}

TEST(FileTest, Refusals) {
  struct {
    std::string path;
    gem_status_t status;
    const char* message;
  } const cases[] = {
      {testing::TempDir() + "no-such-bundle.gemb", GEM_STATUS_NOT_FOUND, "cannot open"},
      {testing::TempDir() + "no-such-folder/x.gemb", GEM_STATUS_NOT_FOUND, "cannot open"},
      {testing::TempDir(), GEM_STATUS_IO, "expected a regular file, but got a directory"},
      {"/dev/null", GEM_STATUS_IO, "expected a regular file, but got something else"},
      {std::string(5000, 'x'), GEM_STATUS_IO, "cannot open"},
  };
  for (const auto& test : cases) {
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    EXPECT_EQ(gem_bundle_open(test.path.c_str(), nullptr, &bundle, &error), test.status)
        << test.path;
    // A path that fills the message leaves no room for the rest.
    if (test.path.size() < 400) {
      EXPECT_THAT(error.message, HasSubstr(test.message));
    }
    EXPECT_EQ(bundle, nullptr);
  }
}

TEST(FileTest, NamedPipeDoesNotHang) {
  const std::string path = testing::TempDir() + "gem-pipe-" + std::to_string(getpid());
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open(path.c_str(), nullptr, &bundle, &error), GEM_STATUS_IO);
  EXPECT_THAT(error.message, HasSubstr("expected a regular file"));
  unlink(path.c_str());
}

TEST(FileTest, EmptyFile) {
  const TemporaryFile file({});
  for (const gem_load_mode_t mode : {GEM_LOAD_MAP, GEM_LOAD_COPY}) {
    gem_bundle_options_t options;
    gem_bundle_options_init(&options);
    options.load_mode = mode;
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    EXPECT_EQ(gem_bundle_open(file.path(), &options, &bundle, &error), GEM_STATUS_CORRUPT);
    EXPECT_THAT(error.message, HasSubstr("file size: expected at least the 64 bytes"));
    const AlignedBytes nothing(Bytes{});
    EXPECT_EQ(gem_bundle_open_memory(nothing.data(), 0, &options, &bundle, nullptr),
              GEM_STATUS_CORRUPT);
  }
}

// --- arguments ---------------------------------------------------------------

TEST(OpenArgumentsTest, AreChecked) {
  const AlignedBytes bytes(TinyBundle());
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  auto refused = [&](gem_status_t status, const char* message) {
    EXPECT_EQ(status, GEM_STATUS_INVALID_ARGUMENT);
    EXPECT_THAT(error.message, HasSubstr(message));
    EXPECT_EQ(bundle, nullptr);
  };
  refused(gem_bundle_open(nullptr, nullptr, &bundle, &error), "path: expected a pointer");
  refused(gem_bundle_open("x", nullptr, nullptr, &error), "out_bundle: expected a pointer");
  refused(gem_bundle_open_memory(nullptr, 64, nullptr, &bundle, &error), "data: expected");
  refused(gem_bundle_open_memory(bytes.data(), 64, nullptr, nullptr, &error), "out_bundle");
  EXPECT_EQ(gem_bundle_open(nullptr, nullptr, nullptr, nullptr), GEM_STATUS_INVALID_ARGUMENT);

  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  auto open = [&] {
    return gem_bundle_open_memory(bytes.data(), bytes.size(), &options, &bundle, &error);
  };
  options.struct_size = 4;
  refused(open(), "options: struct_size: expected ");
  options.struct_size = 0xDEADBEEF;  // never initialised: nothing behind it may be read
  refused(open(), "to 4096, but got 3735928559");
  gem_bundle_options_init(&options);
  const int bad = 5;
  memcpy(&options.load_mode, &bad, sizeof(bad));
  refused(open(), "options: load_mode: expected 0 (GEM_LOAD_MAP) or 1 (GEM_LOAD_COPY), but got 5");
  gem_bundle_options_init(&options);
  memcpy(&options.hash_check, &bad, sizeof(bad));
  refused(open(), "options: hash_check: expected 0");
  gem_bundle_options_init(&options);
  gem_allocator_t allocator = {};
  options.allocator = &allocator;
  refused(open(), "allocator: expected an allocate function");
  // Options of a later version are longer.
  struct {
    gem_bundle_options_t options;
    uint64_t later;
  } longer = {};
  gem_bundle_options_init(&longer.options);
  longer.options.struct_size = sizeof(longer);
  EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), &longer.options, &bundle, &error),
            GEM_STATUS_OK);
  EXPECT_EQ(error.status, GEM_STATUS_OK);
  EXPECT_STREQ(error.message, "");
  gem_bundle_close(bundle);
  // But what they ask for is not ignored.
  longer.later = 1;
  EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), &longer.options, &bundle, &error),
            GEM_STATUS_UNSUPPORTED);
  EXPECT_THAT(std::string(error.message), HasSubstr("use a newer runtime"));
  gem_bundle_close(nullptr);
  gem_bundle_options_init(nullptr);
}

TEST(StatusTest, Names) {
  EXPECT_STREQ(gem_status_name(GEM_STATUS_OK), "OK");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_INVALID_ARGUMENT), "INVALID_ARGUMENT");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_NOT_FOUND), "NOT_FOUND");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_IO), "IO");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_CORRUPT), "CORRUPT");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_UNSUPPORTED), "UNSUPPORTED");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_OUT_OF_MEMORY), "OUT_OF_MEMORY");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_OUT_OF_RANGE), "OUT_OF_RANGE");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_CANCELLED), "CANCELLED");
  EXPECT_STREQ(gem_status_name(GEM_STATUS_UNTRUSTED), "UNTRUSTED");
  // The largest that C++ lets this enum hold.
  EXPECT_STREQ(gem_status_name(static_cast<gem_status_t>(15)), "UNKNOWN");
  EXPECT_THAT(gem_version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace gem::test

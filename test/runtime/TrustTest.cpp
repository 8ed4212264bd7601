// What a loader trusts: signatures, and hashes that are checked before use.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gem/gem.h"
#include "runtime/loader/Bundle.h"
#include "test/runtime/Signing.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/TinyQuantized.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

constexpr Key kKey = {0xAA, 0xBB, 0xCC, 1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr Key kOtherKey = {0x11, 0x22, 0x33, 1, 2, 3, 4, 5, 6, 7, 8, 9};

// Options with the key, or without one when it is null.
gem_bundle_options_t Options(const Key* key, gem_hash_check_t check = GEM_HASH_PROGRAM) {
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.hash_check = check;
  if (key != nullptr) {
    options.public_key = key->data();
    options.verifier = ToyScheme::Verifier();
  }
  return options;
}

struct Outcome {
  gem_status_t status;
  std::string message;
};

Outcome Open(const Bytes& bytes, const gem_bundle_options_t& options) {
  const AlignedBytes aligned(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_bundle_open_memory(aligned.data(), aligned.size(), &options, &bundle, &error);
  EXPECT_EQ(bundle != nullptr, status == GEM_STATUS_OK);
  gem_bundle_close(bundle);
  return {status, error.message};
}

void Expect(const Bytes& bytes, const Key* key, gem_status_t status, const std::string& message) {
  const Outcome outcome = Open(bytes, Options(key));
  EXPECT_EQ(outcome.status, status) << outcome.message;
  EXPECT_THAT(outcome.message, HasSubstr(message));
}

// What creating a session gives.
Outcome Create(gem_bundle_t* bundle, uint32_t variant = GEM_VARIANT_AUTO) {
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.variant = variant;
  gem_session_t* session = nullptr;
  gem_error_t error;
  const gem_status_t status = gem_session_create(bundle, &options, &session, &error);
  EXPECT_EQ(session != nullptr, status == GEM_STATUS_OK);
  gem_session_close(session);
  return {status, error.message};
}

Bytes Unsigned() { return TinyGem().builder.Build(); }
Bytes Signed() { return ToyScheme::SignBundle(Unsigned(), kKey); }

size_t BlockOf(const Bytes& bundle) { return bundle.size() - 128; }

void SignAgain(Bytes& bundle, const Key& key = kKey) {
  const Bytes message = SignedMessage(bundle);
  const Signature signature = ToyScheme::Of(key, message.data(), message.size());
  std::copy(signature.begin(), signature.end(),
            bundle.begin() + static_cast<ptrdiff_t>(BlockOf(bundle)) + 32);
}

// --- signatures that are right -------------------------------------------------

TEST(SignatureTest, OpensWithItsKey) { Expect(Signed(), &kKey, GEM_STATUS_OK, ""); }

TEST(SignatureTest, OpensWithoutAKey) { Expect(Signed(), nullptr, GEM_STATUS_OK, ""); }

TEST(SignatureTest, RunsAsTheUnsignedDoes) {
  const AlignedBytes plain(Unsigned()), with(Signed());
  const gem_bundle_options_t options = Options(&kKey);
  const BundlePtr bundles[] = {OpenBundle(plain), OpenBundle(with, &options)};
  Bytes results[2];
  for (int i = 0; i < 2; ++i) {
    const SessionPtr session = CreateSession(bundles[i].get());
    const std::vector<int32_t> ids = TinyGem::Ids(5);
    ASSERT_EQ(gem_session_run_tokens(session.get(), ids.data(), 5, nullptr), GEM_STATUS_OK);
    results[i] = AllOutputs(session.get());
  }
  EXPECT_EQ(results[0], results[1]);
}

// The block is the file's last 128 bytes, at a multiple of 64, whatever was there before.
TEST(SignatureTest, BlockFollowsSegmentsOfAnyLength) {
  for (size_t size = 1; size <= 130; ++size) {
    TinyGem gem;
    gem.builder.AddSegment("more", schema::SegmentKind::WEIGHTS, Bytes(size, 5));
    const Bytes bundle = gem.builder.Build();
    const Bytes with = ToyScheme::SignBundle(bundle, kKey);
    EXPECT_EQ(with.size(), (bundle.size() + 63) / 64 * 64 + 128);
    Expect(with, &kKey, GEM_STATUS_OK, "");
    Expect(with, nullptr, GEM_STATUS_OK, "");
  }
}

// --- refusals: keys ------------------------------------------------------------

TEST(SignatureTest, RefusesAnUnsignedBundleWithAKey) {
  Expect(Unsigned(), &kKey, GEM_STATUS_UNTRUSTED,
         "signature: expected one with key aabbcc0102030405..., but the bundle is not signed");
}

TEST(SignatureTest, RefusesAnotherKey) {
  Expect(Signed(), &kOtherKey, GEM_STATUS_UNTRUSTED,
         "expected one with key 1122330102030405..., but the bundle is signed with key "
         "aabbcc0102030405...");
}

// The key in the block tells whose it says to be; only the signature shows it.
TEST(SignatureTest, RefusesTheRightKeyOverAnotherSignature) {
  Bytes bundle = Signed();
  SignAgain(bundle, kOtherKey);
  Expect(bundle, &kKey, GEM_STATUS_UNTRUSTED,
         "expected that of this file's preamble with key aabbcc0102030405..., but got another");
}

TEST(SignatureTest, RefusesAKeyWithoutAVerifier) {
  gem_bundle_options_t options = Options(&kKey);
  options.verifier = nullptr;
  Outcome outcome = Open(Signed(), options);
  EXPECT_EQ(outcome.status, GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(outcome.message, HasSubstr("link gem::signature"));
  const gem_verifier_t empty = {nullptr, nullptr};
  options.verifier = &empty;
  EXPECT_EQ(Open(Signed(), options).status, GEM_STATUS_INVALID_ARGUMENT);
}

TEST(SignatureTest, AVerifierWithoutAKeyIsNotAsked) {
  gem_bundle_options_t options = Options(nullptr);
  const gem_verifier_t never = {
      nullptr,
      [](void*, const uint8_t*, const void*, size_t, const uint8_t*) -> int32_t { abort(); }};
  options.verifier = &never;
  EXPECT_EQ(Open(Unsigned(), options).status, GEM_STATUS_OK);
  EXPECT_EQ(Open(Signed(), options).status, GEM_STATUS_OK);
}

// --- refusals: alterations -------------------------------------------------------

// Nothing that follows the preamble is looked at before the signature was verified.
TEST(SignatureTest, EveryAlteredByteIsRefused) {
  const Bytes good = Signed();
  const gem_bundle_options_t options = Options(&kKey, GEM_HASH_ALL);
  // Every byte of the preamble, of some of the program, and of the block; then every 13th.
  for (size_t i = 0; i < good.size(); i += i < 2048 || i + 256 > good.size() ? 1 : 13) {
    Bytes bundle = good;
    bundle[i] ^= 0x40;
    const Outcome outcome = Open(bundle, options);
    ASSERT_NE(outcome.status, GEM_STATUS_OK) << "byte " << i;
    if (i >= 64 && i < BlockOf(good) && outcome.status != GEM_STATUS_UNTRUSTED) {
      ASSERT_THAT(outcome.message, HasSubstr("padding before")) << "byte " << i;
    }
  }
}

TEST(SignatureTest, EveryTruncationIsRefused) {
  const Bytes good = Signed();
  for (size_t size = 0; size < good.size(); ++size) {
    const Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    Expect(cut, &kKey, GEM_STATUS_CORRUPT, "file size: expected");
  }
}

// Cut files whose preamble was made to agree, by one who cannot sign.
TEST(SignatureTest, EveryConsistentTruncationIsRefused) {
  const Bytes good = Signed();
  for (size_t size = 64; size < good.size(); ++size) {
    Bytes cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    StoreLittleEndian(size, 8, cut.data() + 16);
    ASSERT_NE(Open(cut, Options(&kKey)).status, GEM_STATUS_OK) << size;
    ASSERT_NE(Open(cut, Options(nullptr)).status, GEM_STATUS_OK) << size;
  }
}

TEST(SignatureTest, RefusesAnAlteredPreamble) {
  Bytes bundle = Signed();
  bundle[32] ^= 1;  // of the program's hash
  Expect(bundle, &kKey, GEM_STATUS_UNTRUSTED, "the file was altered");
  Expect(bundle, nullptr, GEM_STATUS_CORRUPT, "program hash: expected");
}

TEST(SignatureTest, RefusesAnAlteredProgram) {
  Bytes bundle = Signed();
  bundle[64 + 100] ^= 1;
  Expect(bundle, &kKey, GEM_STATUS_UNTRUSTED, "program hash: expected");
  Rehash(bundle);
  Expect(bundle, &kKey, GEM_STATUS_UNTRUSTED, "the file was altered");
}

// Taking the signature away does not make the bundle an unsigned one that opens.
TEST(SignatureTest, RefusesARemovedSignature) {
  Expect(Unsigned(), &kKey, GEM_STATUS_UNTRUSTED, "not signed");
  Bytes bundle = Signed();
  bundle[29] = 0;
  Expect(bundle, &kKey, GEM_STATUS_UNTRUSTED, "not signed");
  // Its block is now bytes that nothing explains.
  Expect(bundle, nullptr, GEM_STATUS_CORRUPT, "segments: expected the file's end at byte");
}

// --- refusals: the block, with a key and without ---------------------------------

TEST(SignatureTest, RefusesAnUnknownScheme) {
  Bytes bundle = Signed();
  bundle[29] = 2;
  for (const Key* key : {&kKey, static_cast<const Key*>(nullptr)}) {
    Expect(bundle, key, GEM_STATUS_CORRUPT,
           "signature: expected 0 (none) or 1 (Ed25519), but got 2");
  }
}

TEST(SignatureTest, RefusesASignatureBeforeOneTwo) {
  for (const uint8_t minor : {0, 1}) {
    Bytes bundle = Signed();
    bundle[10] = minor;
    SignAgain(bundle);
    Expect(bundle, &kKey, GEM_STATUS_CORRUPT,
           "signature: expected 0 (none), since format 1.2 brought signatures, but got 1");
  }
}

TEST(SignatureTest, RefusesBytesAfterTheSignature) {
  for (size_t i = 96; i < 128; ++i) {
    Bytes bundle = Signed();
    bundle[BlockOf(bundle) + i] = 3;
    const std::string message =
        "signature block: expected 0 at its byte " + std::to_string(i) + ", but got 3";
    Expect(bundle, &kKey, GEM_STATUS_CORRUPT, message);
    Expect(bundle, nullptr, GEM_STATUS_CORRUPT, message);
  }
}

TEST(SignatureTest, RefusesPaddingBeforeTheBlock) {
  Bytes bundle = Signed();
  bundle[BlockOf(bundle) - 1] = 7;
  for (const Key* key : {&kKey, static_cast<const Key*>(nullptr)}) {
    Expect(bundle, key, GEM_STATUS_CORRUPT, "padding before the signature: expected 0 at byte");
  }
}

// A block that is not where it must be: 64 bytes too many before it.
TEST(SignatureTest, RefusesAnotherPlaceOfTheBlock) {
  Bytes bundle = Signed();
  const size_t block = BlockOf(bundle);
  bundle.insert(bundle.begin() + static_cast<ptrdiff_t>(block), 64, 0);
  StoreLittleEndian(bundle.size(), 8, bundle.data() + 16);
  SignAgain(bundle);
  Expect(bundle, &kKey, GEM_STATUS_CORRUPT,
         "segments: expected the signature at byte " + std::to_string(block) +
             ", after the last of them, but got it at byte " + std::to_string(block + 64));
}

TEST(SignatureTest, RefusesAFileSizeThatHasNoPlaceForTheBlock) {
  Bytes bundle = Signed();
  bundle.push_back(0);
  StoreLittleEndian(bundle.size(), 8, bundle.data() + 16);
  Expect(bundle, nullptr, GEM_STATUS_CORRUPT,
         "file size: expected a multiple of 64 that ends with");
  Bytes small(bundle.begin(), bundle.begin() + 128);
  StoreLittleEndian(small.size(), 8, small.data() + 16);
  Expect(small, nullptr, GEM_STATUS_CORRUPT, "file size: expected a multiple of 64 that ends with");
}

// --- hashes before use -----------------------------------------------------------

// A bundle with two variants of one program, whose weights lie in segments of their own:
// "weights" and "other".
struct TwoVariants {
  TwoVariants() {
    const uint32_t other =
        gem.builder.AddSegment("other", schema::SegmentKind::WEIGHTS, gem.builder.segment_data(0));
    schema::BundleT& bundle = gem.builder.bundle();
    auto variant = std::make_unique<schema::VariantT>(*bundle.variants[0]);
    variant->device = "other";
    for (auto& constant : variant->program->constants) constant->segment = other;
    bundle.variants.push_back(std::move(variant));
    good = gem.builder.Build();
  }
  // The bundle with a byte of a segment's middle changed.
  Bytes Altered(uint32_t segment) const {
    const AlignedBytes aligned(good);
    const BundlePtr bundle = OpenBundle(aligned);
    Bytes bytes = good;
    bytes[static_cast<size_t>(bundle->segment(segment).data() - aligned.data()) +
          bundle->segment(segment).size() / 2] ^= 1;
    return bytes;
  }
  TinyGem gem;
  Bytes good;
};
constexpr uint32_t kWeights = 0, kOtherWeights = 2;

class LazyHashTest : public testing::TestWithParam<uint32_t> {
 protected:
  gem_bundle_options_t Lazy() const {
    gem_bundle_options_t options = Options(nullptr, GEM_HASH_LAZY);
    options.hash_threads = GetParam();
    return options;
  }
};

INSTANTIATE_TEST_SUITE_P(Threads, LazyHashTest, testing::Values(0u, 1u, 2u, 5u));

TEST_P(LazyHashTest, RefusesOnlyWhatReadsTheAlteredSegment) {
  const AlignedBytes bytes(TwoVariants().Altered(kOtherWeights));
  const gem_bundle_options_t options = Lazy();
  const BundlePtr bundle = OpenBundle(bytes, &options);
  EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  for (int i = 0; i < 2; ++i) {
    const Outcome outcome = Create(bundle.get(), 1);
    EXPECT_EQ(outcome.status, GEM_STATUS_CORRUPT);
    EXPECT_THAT(outcome.message, HasSubstr("segment 2 ('other'): hash: expected "));
    EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  }
}

TEST_P(LazyHashTest, AcceptsWhatIsRight) {
  const AlignedBytes bytes(TwoVariants().good);
  const gem_bundle_options_t options = Lazy();
  const BundlePtr bundle = OpenBundle(bytes, &options);
  EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  EXPECT_EQ(Create(bundle.get(), 1).status, GEM_STATUS_OK);
}

// What was checked once is not checked again: hashing costs the first session only.
TEST_P(LazyHashTest, ChecksOnce) {
  const TwoVariants model;
  AlignedBytes bytes(model.good);
  const gem_bundle_options_t options = Lazy();
  const BundlePtr bundle = OpenBundle(bytes, &options);
  EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  const Bytes altered[] = {model.Altered(kWeights), model.Altered(kOtherWeights)};
  for (const Bytes& change : altered) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (change[i] != model.good[i]) bytes.data()[i] = change[i];
    }
  }
  EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  EXPECT_EQ(Create(bundle.get(), 1).status, GEM_STATUS_CORRUPT);
}

TEST_P(LazyHashTest, AllRefusesAtOpening) {
  gem_bundle_options_t options = Lazy();
  options.hash_check = GEM_HASH_ALL;
  const TwoVariants model;
  EXPECT_EQ(Open(model.good, options).status, GEM_STATUS_OK);
  for (const uint32_t segment : {0u, 1u, 2u}) {
    const Outcome outcome = Open(model.Altered(segment), options);
    EXPECT_EQ(outcome.status, GEM_STATUS_CORRUPT);
    EXPECT_THAT(outcome.message, HasSubstr("segment " + std::to_string(segment)));
  }
}

// Segments of several leaves of the hash's tree, and of exactly whole ones.
TEST_P(LazyHashTest, LongSegments) {
  const size_t leaf = 1 << 20;
  for (const size_t size : {leaf - 1, leaf, leaf + 1, 3 * leaf, 5 * leaf + 4321}) {
    TinyGem gem;
    Bytes data(size);
    Random random(size);
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.Next());
    gem.builder.AddSegment("long", schema::SegmentKind::WEIGHTS, data);
    Bytes bytes = gem.builder.Build();
    gem_bundle_options_t options = Lazy();
    options.hash_check = GEM_HASH_ALL;
    EXPECT_EQ(Open(bytes, options).status, GEM_STATUS_OK) << size;
    for (const size_t at : {size_t{1}, size / 2, size}) {
      Bytes altered = bytes;
      altered[altered.size() - at] ^= 1;
      EXPECT_EQ(Open(altered, options).status, GEM_STATUS_CORRUPT) << size << " " << at;
    }
  }
}

// Many threads create sessions of one bundle at once.
TEST_P(LazyHashTest, ManyThreadsAtOnce) {
  const AlignedBytes bytes(TwoVariants().Altered(kOtherWeights));
  for (int round = 0; round < 10; ++round) {
    const gem_bundle_options_t options = Lazy();
    const BundlePtr bundle = OpenBundle(bytes, &options);
    constexpr uint32_t kThreads = 6;
    std::atomic<uint32_t> ready{0};
    gem_status_t statuses[kThreads];
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        ++ready;
        while (ready.load() != kThreads) std::this_thread::yield();
        statuses[i] = Create(bundle.get(), i % 2).status;
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (uint32_t i = 0; i < kThreads; ++i) {
      EXPECT_EQ(statuses[i], i % 2 == 0 ? GEM_STATUS_OK : GEM_STATUS_CORRUPT) << i;
    }
  }
}

TEST(HashTest, TheProgramAloneByDefault) {
  const AlignedBytes bytes(TwoVariants().Altered(kOtherWeights));
  const BundlePtr bundle = OpenBundle(bytes);
  EXPECT_EQ(Create(bundle.get(), 1).status, GEM_STATUS_OK);
}

// What nobody checked is not trusted.
TEST(HashTest, AKeyMeansBeforeUse) {
  const AlignedBytes bytes(ToyScheme::SignBundle(TwoVariants().Altered(kOtherWeights), kKey));
  const gem_bundle_options_t options = Options(&kKey);
  const BundlePtr bundle = OpenBundle(bytes, &options);
  EXPECT_EQ(Create(bundle.get(), 0).status, GEM_STATUS_OK);
  const Outcome outcome = Create(bundle.get(), 1);
  EXPECT_EQ(outcome.status, GEM_STATUS_UNTRUSTED);
  EXPECT_THAT(outcome.message, HasSubstr("segment 2 ('other'): hash: expected "));
}

// The verifier reads the maps of EMBEDDING_BLOCKS: not before their hash was checked.
TEST(HashTest, AMapIsCheckedBeforeItIsInterpreted) {
  TinyQuantized model;
  const uint32_t map = model.builder.command(TinyQuantized::kEmbedding).inputs.back().index();
  const schema::ConstantT& constant = *model.builder.program().constants[map];
  ASSERT_EQ(constant.element_type, schema::ElementType::U16);
  // An entry past the tables, under the hash of the right one.
  Bytes bytes = model.builder.Build();
  const size_t at = model.builder.bundle().segments[0]->offset + constant.offset;
  bytes[at] = bytes[at + 1] = 0xFF;
  const Outcome unchecked = Open(bytes, Options(nullptr));
  EXPECT_EQ(unchecked.status, GEM_STATUS_CORRUPT);
  EXPECT_THAT(unchecked.message, HasSubstr("65535"));
  const Outcome checked = Open(bytes, Options(nullptr, GEM_HASH_LAZY));
  EXPECT_EQ(checked.status, GEM_STATUS_CORRUPT);
  EXPECT_THAT(checked.message, HasSubstr("segment 0 ('weights'): hash: expected "));
  const Outcome with_key = Open(ToyScheme::SignBundle(bytes, kKey), Options(&kKey));
  EXPECT_EQ(with_key.status, GEM_STATUS_UNTRUSTED);
  EXPECT_THAT(with_key.message, HasSubstr("segment 0 ('weights'): hash: expected "));
}

TEST(HashTest, RefusesUnknownChecksAndThreads) {
  gem_bundle_options_t options = Options(nullptr);
  const int unknown = 3;
  memcpy(&options.hash_check, &unknown, sizeof(unknown));
  Outcome outcome = Open(Unsigned(), options);
  EXPECT_EQ(outcome.status, GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(outcome.message, HasSubstr("2 (GEM_HASH_LAZY), but got 3"));
  options = Options(nullptr);
  options.hash_threads = 257;
  outcome = Open(Unsigned(), options);
  EXPECT_EQ(outcome.status, GEM_STATUS_INVALID_ARGUMENT);
  EXPECT_THAT(outcome.message, HasSubstr("hash_threads: expected 0 to 256, but got 257"));
}

}  // namespace
}  // namespace gem::test

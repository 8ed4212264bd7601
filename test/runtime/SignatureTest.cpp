// Ed25519 by libsodium, and bundles that are signed with it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "gem/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdlib>
#include <string>

#include "test/runtime/Signing.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"
#include "test/runtime/golden/Golden.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

Bytes FromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

int32_t Verify(const Bytes& signature, const Bytes& message, const Bytes& key) {
  EXPECT_EQ(signature.size(), size_t{GEM_SIGNATURE_SIZE});
  EXPECT_EQ(key.size(), size_t{GEM_PUBLIC_KEY_SIZE});
  const gem_verifier_t* verifier = gem_ed25519_verifier();
  return verifier->verify(verifier->self, signature.data(), message.data(), message.size(),
                          key.data());
}

// RFC 8032, section 7.1, tests 1 to 3.
const struct {
  const char* key;
  const char* message;
  const char* signature;
} kVectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Ed25519Test, AcceptsTheVectorsOfRfc8032) {
  for (const auto& vector : kVectors) {
    EXPECT_EQ(Verify(FromHex(vector.signature), FromHex(vector.message), FromHex(vector.key)), 1);
  }
}

TEST(Ed25519Test, RefusesEveryChangedBit) {
  const auto& vector = kVectors[2];
  const Bytes signature = FromHex(vector.signature), message = FromHex(vector.message),
              key = FromHex(vector.key);
  const auto each_bit = [](Bytes bytes, auto expect) {
    for (size_t i = 0; i < 8 * bytes.size(); ++i) {
      Bytes changed = bytes;
      changed[i / 8] ^= static_cast<uint8_t>(1 << i % 8);
      EXPECT_EQ(expect(changed), 0) << "bit " << i;
    }
  };
  each_bit(signature, [&](const Bytes& changed) { return Verify(changed, message, key); });
  each_bit(message, [&](const Bytes& changed) { return Verify(signature, changed, key); });
  each_bit(key, [&](const Bytes& changed) { return Verify(signature, message, changed); });
}

// S + L signs what S does, where a verifier does not look: RFC 8032, 5.1.7, has S < L.
TEST(Ed25519Test, RefusesAnotherSpellingOfTheSameSignature) {
  const Bytes order = FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes signature = FromHex(kVectors[1].signature);
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(Verify(signature, FromHex(kVectors[1].message), FromHex(kVectors[1].key)), 0);
}

// With a key of small order, signatures fit messages that nobody signed.
TEST(Ed25519Test, RefusesKeysOfSmallOrder) {
  Bytes identity(32, 0);
  identity[0] = 1;
  Bytes signature(64, 0);
  signature[0] = 1;
  EXPECT_EQ(Verify(signature, FromHex("00"), identity), 0);
  EXPECT_EQ(Verify(signature, FromHex("00"), Bytes(32, 0)), 0);
}

// --- bundles -------------------------------------------------------------------

// The key pair of a seed that is no secret.
struct KeyPair {
  explicit KeyPair(uint8_t first) {
    uint8_t seed[crypto_sign_SEEDBYTES] = {first, 'g', 'e', 'm', ' ', 't', 'e', 's', 't'};
    EXPECT_EQ(crypto_sign_seed_keypair(public_key.data(), secret, seed), 0);
  }
  Bytes Sign(Bytes bundle) const {
    return SignBundle(std::move(bundle), public_key, [this](const Bytes& message) {
      Signature signature;
      crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret);
      return signature;
    });
  }
  Key public_key;
  uint8_t secret[crypto_sign_SECRETKEYBYTES];
};

gem_status_t Open(const Bytes& bytes, const Key& key, std::string* message) {
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.public_key = key.data();
  options.verifier = gem_ed25519_verifier();
  const AlignedBytes aligned(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  const gem_status_t status =
      gem_bundle_open_memory(aligned.data(), aligned.size(), &options, &bundle, &error);
  gem_bundle_close(bundle);
  *message = error.message;
  return status;
}

TEST(SignedBundleTest, OpensWithItsKeyOnly) {
  const KeyPair mine(1), other(2);
  const Bytes bundle = mine.Sign(TinyGem().builder.Build());
  std::string message;
  EXPECT_EQ(Open(bundle, mine.public_key, &message), GEM_STATUS_OK) << message;
  EXPECT_EQ(Open(bundle, other.public_key, &message), GEM_STATUS_UNTRUSTED);
  EXPECT_THAT(message, HasSubstr("but the bundle is signed with key "));
  // Another's signature under the name of this key.
  Bytes forged = other.Sign(TinyGem().builder.Build());
  std::copy(mine.public_key.begin(), mine.public_key.end(), forged.end() - 128);
  EXPECT_EQ(Open(forged, mine.public_key, &message), GEM_STATUS_UNTRUSTED);
  EXPECT_THAT(message, HasSubstr("the file was altered, or somebody else wrote the signature"));
}

TEST(SignedBundleTest, AnAlteredPreambleIsRefused) {
  const KeyPair mine(1);
  const Bytes good = mine.Sign(TinyGem().builder.Build());
  for (size_t i = kOffsetProgramHash; i < kPreambleSize; ++i) {
    Bytes bundle = good;
    bundle[i] ^= 1;
    std::string message;
    EXPECT_EQ(Open(bundle, mine.public_key, &message), GEM_STATUS_UNTRUSTED) << i;
  }
}

// A signature for something else is not one for a bundle: the message has a context.
TEST(SignedBundleTest, TheBarePreambleIsNotWhatIsSigned) {
  const KeyPair mine(1);
  Bytes bundle = mine.Sign(TinyGem().builder.Build());
  crypto_sign_detached(&bundle[bundle.size() - 96], nullptr, bundle.data(), 64, mine.secret);
  std::string message;
  EXPECT_EQ(Open(bundle, mine.public_key, &message), GEM_STATUS_UNTRUSTED);
}

// The key that test/runtime/golden/v1.2.gemb is signed with.
TEST(SignedBundleTest, TheGoldenBundleIsSigned) {
  const char* root = getenv("GEM_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "set GEM_SOURCE_DIR to the repository's root";
  const std::string path = std::string(root) + "/test/runtime/golden/v1.2.gemb";
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  const Bytes key = FromHex(kGoldenPublicKey);
  options.public_key = key.data();
  options.verifier = gem_ed25519_verifier();
  options.hash_check = GEM_HASH_ALL;
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open(path.c_str(), &options, &bundle, &error), GEM_STATUS_OK)
      << error.message;
  gem_bundle_close(bundle);
}

}  // namespace
}  // namespace gem::test

// Signing bundles in tests.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_RUNTIME_SIGNING_H
#define GEM_TEST_RUNTIME_SIGNING_H

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string_view>

#include "gem/gem.h"
#include "runtime/core/Blake3.h"
#include "runtime/schema/Preamble.h"
#include "test/runtime/BundleBuilder.h"

namespace gem::test {

using Key = std::array<uint8_t, GEM_PUBLIC_KEY_SIZE>;
using Signature = std::array<uint8_t, GEM_SIGNATURE_SIZE>;
using Sign = std::function<Signature(const Bytes& message)>;

// What a signature of `bundle` is of.
inline Bytes SignedMessage(const Bytes& bundle) {
  constexpr std::string_view kContext = "gem bundle signature 1";
  Bytes message(kContext.size() + 64);
  memcpy(message.data(), kContext.data(), kContext.size());
  memcpy(message.data() + kContext.size(), bundle.data(), 64);
  return message;
}

// Signs `bundle`, which is not, with `key`.
inline Bytes SignBundle(Bytes bundle, const Key& key, const Sign& sign) {
  bundle.resize((bundle.size() + 63) / 64 * 64);
  const size_t block = bundle.size();
  bundle.resize(block + 128);
  StoreLittleEndian(std::max<uint64_t>(LoadLittleEndian(bundle.data() + 10, 2), 2), 2,
                    bundle.data() + 10);
  StoreLittleEndian(bundle.size(), 8, bundle.data() + 16);
  bundle[29] = 1;
  std::copy(key.begin(), key.end(), bundle.begin() + static_cast<ptrdiff_t>(block));
  const Signature signature = sign(SignedMessage(bundle));
  std::copy(signature.begin(), signature.end(),
            bundle.begin() + static_cast<ptrdiff_t>(block) + 32);
  return bundle;
}

// A scheme that anybody can forge, to test the loader without a library of real ones:
// the signature is a hash of the key and the message, twice.
struct ToyScheme {
  static Signature Of(const Key& key, const void* message, size_t size) {
    Blake3Hasher hasher;
    hasher.Update(key.data(), key.size());
    hasher.Update(message, size);
    Signature signature;
    hasher.Finish(signature.data());
    hasher.Finish(signature.data() + kBlake3HashSize);
    return signature;
  }
  static Bytes SignBundle(Bytes bundle, const Key& key) {
    return test::SignBundle(std::move(bundle), key, [&key](const Bytes& message) {
      return Of(key, message.data(), message.size());
    });
  }
  static const gem_verifier_t* Verifier() {
    static const gem_verifier_t verifier = {
        nullptr,
        [](void*, const uint8_t* signature, const void* message, size_t size,
           const uint8_t* public_key) -> int32_t {
          Key key;
          memcpy(key.data(), public_key, key.size());
          return memcmp(Of(key, message, size).data(), signature, GEM_SIGNATURE_SIZE) == 0 ? 1 : 0;
        }};
    return &verifier;
  }
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_SIGNING_H

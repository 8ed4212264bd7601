// Checking Ed25519 signatures, by libsodium.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <sodium.h>

#include "gem/signature.h"

namespace {

static_assert(GEM_PUBLIC_KEY_SIZE == crypto_sign_PUBLICKEYBYTES);
static_assert(GEM_SIGNATURE_SIZE == crypto_sign_BYTES);

// Refuses what RFC 8032 leaves open and others accept: values that are not reduced,
// and points of small order.
int32_t Verify(void*, const uint8_t signature[GEM_SIGNATURE_SIZE], const void* message, size_t size,
               const uint8_t public_key[GEM_PUBLIC_KEY_SIZE]) {
  // May be called again, and from several threads. Without it nothing is verified.
  if (sodium_init() < 0) return 0;
  return crypto_sign_verify_detached(signature, static_cast<const unsigned char*>(message), size,
                                     public_key) == 0
             ? 1
             : 0;
}

constexpr gem_verifier_t kVerifier = {nullptr, Verify};

}  // namespace

const gem_verifier_t* gem_ed25519_verifier(void) { return &kVerifier; }

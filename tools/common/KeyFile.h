// The files that keys of signatures lie in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One line each, BASE64 as of RFC 4648 with its padding:
//
//   gem-public-key ed25519 BASE64    32 bytes
//   gem-secret-key ed25519 BASE64    64 bytes: the seed, then the public key
//
// A reader takes exactly that, with or without the line's end: a key file that was
// mangled must not become another key. Of a secret key nothing stays in memory but what
// the caller has.
#ifndef GEM_TOOLS_COMMON_KEYFILE_H
#define GEM_TOOLS_COMMON_KEYFILE_H

#include <array>
#include <cstdint>
#include <string>

namespace gem::tools {

using PublicKey = std::array<uint8_t, 32>;
using SecretKey = std::array<uint8_t, 64>;  // libsodium's form of it

// The line of a key file, its end included.
std::string PublicKeyText(const PublicKey& key);
std::string SecretKeyText(const SecretKey& key);

// Read the key file at `path`. False, with a message that names it, when it is
// missing or anything but a key of that kind.
[[nodiscard]] bool ReadPublicKey(const std::string& path, PublicKey* key, std::string* error);
[[nodiscard]] bool ReadSecretKey(const std::string& path, SecretKey* key, std::string* error);

// Writes the two files of a pair, the secret key's for its owner's eyes only. What is there
// is replaced when both are written, and else stays: a key that is overwritten is lost.
[[nodiscard]] bool WriteKeyPair(const std::string& secret_path, const SecretKey& secret_key,
                                const std::string& public_path, const PublicKey& public_key,
                                std::string* error);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_KEYFILE_H

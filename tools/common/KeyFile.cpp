// The files that keys of signatures lie in.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/KeyFile.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "tools/common/Format.h"
#include "tools/common/Output.h"

namespace gem::tools {
namespace {

constexpr char kPublic[] = "gem-public-key ed25519 ";
constexpr char kSecret[] = "gem-secret-key ed25519 ";
constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// More than any key file has.
constexpr size_t kMaxFile = 1024;

// Zeros that stay although nobody reads them.
void Wipe(char* bytes, size_t size) {
  for (volatile char* byte = bytes; byte != bytes + size; ++byte) *byte = 0;
}

// The line of a key file. In one piece from the start: what a string has grown out of, it
// leaves in memory.
template <size_t N>
std::string Text(std::string_view prefix, const std::array<uint8_t, N>& bytes) {
  std::string text;
  text.reserve(prefix.size() + (N + 2) / 3 * 4 + 1);
  text += prefix;
  for (size_t i = 0; i < N; i += 3) {
    const size_t count = N - i < 3 ? N - i : 3;
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < count ? bytes[i + j] : 0u);
    for (size_t j = 0; j < 4; ++j) {
      text += j <= count ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  text += '\n';
  return text;
}

// Only the text that Text makes of some bytes: its padding there, unused bits zero.
template <size_t N>
bool Decode(std::string_view text, std::array<uint8_t, N>* bytes) {
  if (text.size() != (N + 2) / 3 * 4) return false;
  for (size_t i = 0; i < N; i += 3) {
    const size_t count = N - i < 3 ? N - i : 3;
    uint32_t bits = 0;
    for (size_t j = 0; j < 4; ++j) {
      const char c = text[i / 3 * 4 + j];
      const char* digit = c == '\0' ? nullptr : std::strchr(kDigits, c);
      if (j <= count ? digit == nullptr : c != '=') return false;
      bits = bits << 6 | (j <= count ? static_cast<uint32_t>(digit - kDigits) : 0u);
    }
    for (size_t j = 0; j < 3; ++j) {
      const auto byte = static_cast<uint8_t>(bits >> (16 - 8 * j));
      if (j < count) {
        (*bytes)[i + j] = byte;
      } else if (byte != 0) {
        return false;
      }
    }
  }
  return true;
}

// The beginning of a file, gone from memory with its owner.
struct SmallFile {
  char bytes[kMaxFile + 1];  // enough to see that there are too many
  size_t size = 0;

  ~SmallFile() { Wipe(bytes, size); }
  std::string_view text() const { return {bytes, size}; }

  bool Read(const std::string& path, std::string* error) {
    const auto fail = [&](int code) {
      *error = "cannot read '" + path + "': " + std::strerror(code);
      return false;
    };
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(errno);
    while (size < sizeof(bytes)) {
      const ssize_t got = read(file, bytes + size, sizeof(bytes) - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        const int code = errno;
        close(file);
        return fail(code);
      }
      if (got == 0) break;
      size += static_cast<size_t>(got);
    }
    close(file);
    return true;
  }
};

template <size_t N>
bool ReadKey(const std::string& path, std::string_view prefix, std::string_view other_prefix,
             const char* hint, std::array<uint8_t, N>* key, std::string* error) {
  SmallFile file;
  if (!file.Read(path, error)) return false;
  std::string_view line = file.text();
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (line.starts_with(prefix) && Decode(line.substr(prefix.size()), key)) return true;
  // What is in a secret key's file must not end up in a message.
  std::string found = "something else";
  if (line.empty()) {
    found = "an empty file";
  } else if (line.starts_with(other_prefix)) {
    found = hint;
  } else if (line.starts_with(prefix)) {
    found =
        line.find('\n') != std::string_view::npos
            ? "more than one line"
            : Format("%zu characters that are not that key's BASE64", line.size() - prefix.size());
  }
  *error = Format("'%s': expected one line '%sBASE64' of %zu bytes, but got %s", path.c_str(),
                  std::string(prefix).c_str(), N, found.c_str());
  return false;
}

}  // namespace

std::string PublicKeyText(const PublicKey& key) { return Text(kPublic, key); }

std::string SecretKeyText(const SecretKey& key) { return Text(kSecret, key); }

bool ReadPublicKey(const std::string& path, PublicKey* key, std::string* error) {
  return ReadKey(path, kPublic, kSecret, "a secret key; give its public key", key, error);
}

bool ReadSecretKey(const std::string& path, SecretKey* key, std::string* error) {
  return ReadKey(path, kSecret, kPublic, "a public key; give the secret one", key, error);
}

bool WriteKeyPair(const std::string& secret_path, const SecretKey& secret_key,
                  const std::string& public_path, const PublicKey& public_key, std::string* error) {
  OutputFile secret_file, public_file;
  std::string text = SecretKeyText(secret_key);
  const bool written = secret_file.Open(secret_path, error, OutputFile::Readers::kOwner) &&
                       public_file.Open(public_path, error) && secret_file.Write(text, error) &&
                       public_file.Write(PublicKeyText(public_key), error);
  Wipe(text.data(), text.size());
  // The public one first: an old one can be had again from the secret key's file.
  return written && public_file.Commit(error) && secret_file.Commit(error);
}

}  // namespace gem::tools

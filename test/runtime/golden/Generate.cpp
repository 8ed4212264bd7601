// Writes a golden bundle and its results: golden-generate FOLDER/vX.Y
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Run once when a format version is released; its files are then kept as they
// are, so that later runtimes show that they still read them. Version 1.0 was a
// TinyGem; 1.1 is a TinyQuantized; 1.2 has it for two devices, and is signed.
#include <sodium.h>

#include <cstdio>
#include <memory>
#include <string>

#include "test/runtime/Signing.h"
#include "test/runtime/TinyQuantized.h"
#include "test/runtime/golden/Golden.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: golden-generate FOLDER/vX.Y\n");
    return 2;
  }
  gem::test::TinyQuantized model(/*attention=*/false);
  model.builder.format_minor = 2;
  gem::schema::BundleT& root = model.builder.bundle();
  root.variants.push_back(std::make_unique<gem::schema::VariantT>(*root.variants[0]));
  root.variants[0]->cpu_kernels = "avx2";
  root.variants[0]->memory_limit = uint64_t{2} << 30;
  root.variants[1]->device = "board";
  root.variants[1]->cpu_kernels = "neon";
  gem::test::Key key;
  uint8_t secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(key.data(), secret,
                           reinterpret_cast<const uint8_t*>(gem::test::kGoldenSeed));
  const gem::test::Bytes file =
      gem::test::SignBundle(model.builder.Build(), key, [&secret](const gem::test::Bytes& message) {
        gem::test::Signature signature;
        crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret);
        return signature;
      });
  const gem::test::AlignedBytes bytes(file);
  const gem::test::BundlePtr bundle = gem::test::OpenBundle(bytes);
  if (bundle == nullptr) return 1;
  const gem::test::SessionPtr session = gem::test::CreateSession(bundle.get(), 1, "scalar");
  const std::string text = gem::test::GoldenText(session.get(), /*hashed=*/true);
  auto write = [](const std::string& path, const void* data, size_t size) {
    FILE* out = fopen(path.c_str(), "wb");
    const bool ok = out != nullptr && fwrite(data, 1, size, out) == size;
    if (out == nullptr || fclose(out) != 0 || !ok) {
      fprintf(stderr, "golden-generate: cannot write %s\n", path.c_str());
      return false;
    }
    return true;
  };
  const std::string base = argv[1];
  return write(base + ".gemb", file.data(), file.size()) &&
                 write(base + ".txt", text.data(), text.size())
             ? 0
             : 1;
}

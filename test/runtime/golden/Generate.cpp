// Writes a golden bundle and its results: golden-generate FOLDER/vX.Y
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Run once when a format version is released; its files are then kept as they
// are, so that later runtimes show that they still read them. Version 1.0 was a
// TinyGem; 1.1 is a TinyQuantized.
#include <cstdio>
#include <string>

#include "test/runtime/TinyQuantized.h"
#include "test/runtime/golden/Golden.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: golden-generate FOLDER/vX.Y\n");
    return 2;
  }
  gem::test::TinyQuantized model(/*attention=*/false);
  const gem::test::Bytes file = model.builder.Build();
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

// Writes first inputs for the targets whose formats have a builder of tests.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   fuzz-seeds FOLDER    writes FOLDER/{bundle,bundle-raw,tokenizer}/
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/schema/Preamble.h"
#include "test/runtime/MicroBundles.h"
#include "test/runtime/TokenizerSupport.h"

namespace {

using namespace gem;
using namespace gem::test;

std::string folder;

template <typename Container>
void Write(const std::string& target, const std::string& name, const Container& bytes) {
  std::filesystem::create_directories(folder + "/" + target);
  std::ofstream file(folder + "/" + target + "/" + name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// With a signature block; its key and signature are made up.
Bytes Sign(Bytes bundle) {
  bundle.resize(AlignUp(bundle.size(), kSegmentAlignment));
  bundle.resize(bundle.size() + kSignatureBlockSize);
  uint8_t* block = bundle.data() + bundle.size() - kSignatureBlockSize;
  block[kSignatureOffsetSignature] = 1;
  StoreLittleEndian(2, 2, bundle.data() + kOffsetFormatMinor);
  StoreLittleEndian(bundle.size(), 8, bundle.data() + kOffsetFileSize);
  bundle[kOffsetSignature] = kSignatureEd25519;
  return bundle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: fuzz-seeds FOLDER\n");
    return 2;
  }
  folder = argv[1];
  for (const NamedBundle& bundle : MicroBundles()) {
    Write("bundle", bundle.name, bundle.bytes);
    if (bundle.name != "everything" && bundle.name != "ADD") continue;
    Write("bundle-raw", bundle.name, bundle.bytes);
    Write("bundle-raw", bundle.name + "-signed", Sign(bundle.bytes));
  }
  schema::TokenizerT table =
      MakeTable({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "##s", "caf\xc3\xa9", "a", "##b"});
  Write("tokenizer", "segment", Pack(table));
  table.lowercase = table.strip_accents = table.split_cjk = table.clean_text = false;
  table.mask_id = 4;
  Write("tokenizer", "segment-plain", Pack(table));
  Write("tokenizer", "text",
        std::string("ABC \xc3\x89"
                    "e\xcc\x81 \xe4\xb8\xad\xe6\x96\x87\xef\xbf\xbd\x01\t"
                    "the cat's \xf0\x9f\x98\x80 \xff\xfe"));
  return 0;
}

// A bundle with another signature block; docs/artifact-format.md has its bytes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/Signature.h"

#include <algorithm>

#include "targets/Bundle/Edit/BundleLayout.h"

namespace gem::edit {
namespace {

// Where the last part ends.
uint64_t EndOfParts(const BundleSource& source) {
  uint64_t end = kPreambleSize + source.preamble().program_size;
  for (const schema::Segment* segment : *source.root().segments()) {
    end = segment->offset() + segment->length();
  }
  return end;
}

}  // namespace

std::string SignedMessage(std::span<const uint8_t> preamble) {
  std::string message = kSignatureContext;
  message.append(preamble.begin(), preamble.end());
  return message;
}

bool ReadSigner(const BundleSource& source, PublicKey* key, bool* is_signed, Problem* problem) {
  *is_signed = source.preamble().signature != kSignatureNone;
  if (!*is_signed) return true;
  const uint64_t block = source.size() - std::min(source.size(), kSignatureBlockSize);
  return source.Read(block + kSignatureOffsetKey, key->data(), key->size(), problem);
}

bool WriteSigned(const BundleSource& source, const PublicKey& key,
                 const std::function<Signature(const std::string& message)>& sign,
                 const ByteSink& sink, const ProgressCallback& progress, Problem* problem) {
  const uint64_t end = EndOfParts(source);
  const uint64_t block_offset = AlignUp(end, kSegmentAlignment);
  Preamble preamble = source.preamble();
  preamble.format_minor = std::max(preamble.format_minor, kSignatureMinor);
  preamble.signature = kSignatureEd25519;
  preamble.file_size = block_offset + kSignatureBlockSize;
  uint8_t encoded[kPreambleSize];
  EncodePreamble(preamble, encoded);
  const Signature signature = sign(SignedMessage(encoded));

  // Zeros up to the block, and in it behind the signature.
  std::string tail(preamble.file_size - end, '\0');
  const auto block = tail.begin() + static_cast<ptrdiff_t>(block_offset - end);
  std::copy(key.begin(), key.end(), block + kSignatureOffsetKey);
  std::copy(signature.begin(), signature.end(), block + kSignatureOffsetSignature);

  uint64_t written = 0;
  const ByteSink write = [&](std::string_view data, Problem* failure) {
    written += data.size();
    if (progress) progress(written, preamble.file_size);
    return sink(data, failure);
  };
  return write({reinterpret_cast<const char*>(encoded), kPreambleSize}, problem) &&
         source.ReadPieces(kPreambleSize, end - kPreambleSize, write, problem) &&
         write(tail, problem);
}

}  // namespace gem::edit

// Opening and verifying a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/Bundle.h"

#include <bit>
#include <cstring>

#include "runtime/core/Blake3.h"
#include "runtime/core/Status.h"
#include "runtime/drivers/cpu/LinkedKernels.h"
#include "runtime/loader/HashText.h"
#include "runtime/loader/Unpacker.h"
#include "runtime/loader/Verifier.h"

// Weights are used in place, so the host must order bytes as the file does.
static_assert(std::endian::native == std::endian::little, "gem needs a little-endian host");

namespace gem {

gem_status_t Bundle::Open(const char* path, const gem_bundle_options_t& options,
                          gem_error_t* error) {
  const gem_status_t status = file_.Open(path, options.load_mode, &memory_, error);
  return status != GEM_STATUS_OK ? status : Verify(options, error);
}

gem_status_t Bundle::OpenMemory(const void* data, size_t size, const gem_bundle_options_t& options,
                                gem_error_t* error) {
  const gem_status_t status = file_.OpenMemory(data, size, options.load_mode, &memory_, error);
  return status != GEM_STATUS_OK ? status : Verify(options, error);
}

gem_status_t Bundle::ReadPreamble(const uint8_t raw[kPreambleSize], gem_error_t* error) {
  const std::span<const uint8_t> file = bytes();
  if (memcmp(raw + kOffsetMagic, kBundleMagic, sizeof(kBundleMagic)) != 0) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "magic: expected a GEM bundle (89 47 45 4d 0d 0a 1a 0a), but got "
                "%02x %02x %02x %02x %02x %02x %02x %02x"_msg,
                raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7]);
  }
  preamble_ = DecodePreamble(raw);
  if (preamble_.format_major != GEM_FORMAT_MAJOR || preamble_.format_minor > GEM_FORMAT_MINOR) {
    return Fail(
        error, GEM_STATUS_UNSUPPORTED,
        "format version: expected %d.0 to %d.%d, as runtime %s reads, but got %u.%u; %s"_msg,
        GEM_FORMAT_MAJOR, GEM_FORMAT_MAJOR, GEM_FORMAT_MINOR, gem_version(), preamble_.format_major,
        preamble_.format_minor,
        preamble_.format_major < GEM_FORMAT_MAJOR ? "compile the model again"
                                                  : "use a newer runtime");
  }
  const uint64_t preamble_size = LoadLittleEndian(raw + kOffsetPreambleSize, 4);
  if (preamble_size != kPreambleSize) {
    return Fail(error, GEM_STATUS_CORRUPT, "preamble size: expected %zu, but got %llu"_msg,
                kPreambleSize, preamble_size);
  }
  if (preamble_.file_size != file.size()) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "file size: expected the %llu bytes that the preamble says, but got %zu; the file "
                "was cut or appended to"_msg,
                preamble_.file_size, file.size());
  }
  if (raw[kOffsetHashAlgorithm] != kHashBlake3) {
    return Fail(error, GEM_STATUS_CORRUPT, "hash algorithm: expected 1 (BLAKE3), but got %u"_msg,
                raw[kOffsetHashAlgorithm]);
  }
  const uint8_t signature = raw[kOffsetSignature];
  if (signature > (preamble_.format_minor < 2 ? kSignatureNone : kSignatureEd25519)) {
    return Fail(
        error, GEM_STATUS_CORRUPT, "signature: expected 0 (none)%s, but got %u"_msg,
        preamble_.format_minor < 2 ? ", since format 1.2 brought signatures" : " or 1 (Ed25519)",
        signature);
  }
  for (size_t i = kOffsetReserved; i < kOffsetProgramHash; ++i) {
    if (raw[i] != 0) {
      return Fail(error, GEM_STATUS_CORRUPT, "reserved byte %zu: expected 0, but got %u"_msg, i,
                  raw[i]);
    }
  }
  if (signature != kSignatureNone &&
      (file.size() < kPreambleSize + kSignatureBlockSize || file.size() % kSegmentAlignment != 0)) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "file size: expected a multiple of %llu that ends with a signature of %llu bytes, "
                "but got %zu"_msg,
                kSegmentAlignment, kSignatureBlockSize, file.size());
  }
  const uint64_t left = contents().size() - kPreambleSize;
  const uint64_t limit = left < kMaxProgramSize ? left : kMaxProgramSize;
  if (preamble_.program_size < 1 || preamble_.program_size > limit) {
    return Fail(error, GEM_STATUS_CORRUPT, "program size: expected 1 to %llu bytes, but got %u"_msg,
                limit, preamble_.program_size);
  }
  return GEM_STATUS_OK;
}

// The signature is of the preamble, which has the program's hash, which has those of the
// segments: once it is verified, what follows is refused if it was altered.
gem_status_t Bundle::VerifySignature(const uint8_t raw[kPreambleSize],
                                     const gem_bundle_options_t& options,
                                     gem_error_t* error) const {
  const uint8_t* key = options.public_key;
  if (preamble_.signature == kSignatureNone) {
    if (key == nullptr) return GEM_STATUS_OK;
    return Fail(
        error, GEM_STATUS_UNTRUSTED,
        "signature: expected one with key %s..., but the bundle is not signed; sign it with "
        "gem-bundle, or open it without a public key"_msg,
        HashText(key).text);
  }
  uint8_t block[kSignatureBlockSize];
  memcpy(block, contents().data() + contents().size(), sizeof(block));
  for (size_t i = kSignatureOffsetSignature + GEM_SIGNATURE_SIZE; i < sizeof(block); ++i) {
    if (block[i] == 0) continue;
    return Fail(error, GEM_STATUS_CORRUPT,
                "signature block: expected 0 at its byte %zu, but got %u"_msg, i, block[i]);
  }
  if (key == nullptr) return GEM_STATUS_OK;
  if (memcmp(block + kSignatureOffsetKey, key, GEM_PUBLIC_KEY_SIZE) != 0) {
    return Fail(
        error, GEM_STATUS_UNTRUSTED,
        "signature: expected one with key %s..., but the bundle is signed with key %s..."_msg,
        HashText(key).text, HashText(block + kSignatureOffsetKey).text);
  }
  constexpr size_t kContextSize = sizeof(kSignatureContext) - 1;
  uint8_t message[kContextSize + kPreambleSize];
  memcpy(message, kSignatureContext, kContextSize);
  memcpy(message + kContextSize, raw, kPreambleSize);
  if (options.verifier->verify(options.verifier->self, block + kSignatureOffsetSignature, message,
                               sizeof(message), key) == 1) {
    return GEM_STATUS_OK;
  }
  return Fail(error, GEM_STATUS_UNTRUSTED,
              "signature: expected that of this file's preamble with key %s..., but got another; "
              "the file was altered, or somebody else wrote the signature"_msg,
              HashText(key).text);
}

gem_status_t Bundle::Verify(const gem_bundle_options_t& options, gem_error_t* error) {
  if (bytes().size() < kPreambleSize) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "file size: expected at least the %zu bytes of a preamble, but got %zu"_msg,
                kPreambleSize, bytes().size());
  }
  // A private copy here too: a mapped file may change between two looks at it.
  uint8_t raw[kPreambleSize];
  memcpy(raw, bytes().data(), kPreambleSize);
  gem_status_t status = ReadPreamble(raw, error);
  if (status == GEM_STATUS_OK) status = VerifySignature(raw, options, error);
  if (status != GEM_STATUS_OK) return status;
  // What has a signature but not its hash was altered.
  const gem_status_t mismatch =
      options.public_key != nullptr ? GEM_STATUS_UNTRUSTED : GEM_STATUS_CORRUPT;
  const size_t program_size = preamble_.program_size;
  if (!program_.AllocateUninitialized(&memory_, program_size, kSegmentAlignment)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY,
                "no memory for a copy of the program's %zu bytes"_msg, program_size);
  }
  memcpy(program_.data(), bytes().data() + kPreambleSize, program_size);
  uint8_t hash[kHashSize];
  Blake3(program_.data(), program_size, hash);
  if (memcmp(hash, preamble_.program_hash, kHashSize) != 0) {
    return Fail(error, mismatch,
                "program hash: expected %s... as the preamble says, but got %s...; the file is "
                "damaged or was altered"_msg,
                HashText(preamble_.program_hash).text, HashText(hash).text);
  }
  status = Unpack(program_.data(), program_size, &memory_, &unpacked_, &root_, error);
  if (status != GEM_STATUS_OK) return status;
  checks_before_use_ = options.hash_check == GEM_HASH_LAZY || options.public_key != nullptr;
  if (!hashes_.Initialize(*root_, contents(), mismatch, options.hash_threads, &memory_)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for the states of %u segments"_msg,
                root_->segments.size());
  }
  status = VerifyBundle(*root_, preamble_, contents(), checks_before_use_ ? &hashes_ : nullptr,
                        &memory_, error);
  if (status == GEM_STATUS_OK) status = CheckKernelsLinked(*root_, error);
  if (status == GEM_STATUS_OK) status = VerifyPadding(error);
  if (status == GEM_STATUS_OK && options.hash_check == GEM_HASH_ALL) {
    status = hashes_.CheckAll(error);
  }
  return status;
}

gem_status_t Bundle::VerifyPadding(gem_error_t* error) const {
  size_t end = kPreambleSize + preamble_.program_size;
  for (uint32_t i = 0; i < root_->segments.size(); ++i) {
    const unpacked::Segment& segment = root_->segments[i];
    for (; end < segment.offset; ++end) {
      if (bytes()[end] == 0) continue;
      return Fail(error, GEM_STATUS_CORRUPT,
                  "padding before segment %u ('%.48s'): expected 0 at byte %zu, but got %u"_msg, i,
                  segment.name->c_str(), end, bytes()[end]);
    }
    end += segment.length;
  }
  for (; end < contents().size(); ++end) {
    if (bytes()[end] == 0) continue;
    return Fail(error, GEM_STATUS_CORRUPT,
                "padding before the signature: expected 0 at byte %zu, but got %u"_msg, end,
                bytes()[end]);
  }
  return GEM_STATUS_OK;
}

std::span<const uint8_t> Bundle::segment(uint32_t index) const {
  const unpacked::Segment& segment = root_->segments[index];
  return bytes().subspan(segment.offset, segment.length);
}

std::span<const uint8_t> Bundle::tokenizer_segment() const {
  if (root_->text == nullptr) return {};
  return segment(root_->text->tokenizer_segment);
}

}  // namespace gem

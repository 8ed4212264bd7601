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
#include "runtime/loader/Verifier.h"

// Weights are used in place, so the host must order bytes as the file does.
static_assert(std::endian::native == std::endian::little, "gem needs a little-endian host");

namespace gem {
namespace {

constexpr unsigned kMaxDepth = 64;
constexpr unsigned kMaxTables = 1000000;

// "0123abcd…": enough of a hash to compare by eye.
struct HashText {
  char text[17];
  explicit HashText(const uint8_t* hash) {
    for (int i = 0; i < 8; ++i) {
      text[2 * i] = "0123456789abcdef"[hash[i] >> 4];
      text[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    text[16] = '\0';
  }
};

}  // namespace

gem_status_t Bundle::Open(const char* path, gem_load_mode_t mode, gem_hash_check_t check,
                          gem_error_t* error) {
  const gem_status_t status = file_.Open(path, mode, &memory_, error);
  return status != GEM_STATUS_OK ? status : Verify(check, error);
}

gem_status_t Bundle::OpenMemory(const void* data, size_t size, gem_load_mode_t mode,
                                gem_hash_check_t check, gem_error_t* error) {
  const gem_status_t status = file_.OpenMemory(data, size, mode, &memory_, error);
  return status != GEM_STATUS_OK ? status : Verify(check, error);
}

gem_status_t Bundle::ReadPreamble(gem_error_t* error) {
  const std::span<const uint8_t> file = bytes();
  if (file.size() < kPreambleSize) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "file size: expected at least the %zu bytes of a preamble, but got %zu",
                kPreambleSize, file.size());
  }
  // A private copy here too: a mapped file may change between two looks at it.
  uint8_t raw[kPreambleSize];
  memcpy(raw, file.data(), kPreambleSize);
  if (memcmp(raw + kOffsetMagic, kBundleMagic, sizeof(kBundleMagic)) != 0) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "magic: expected a GEM bundle (89 47 45 4d 0d 0a 1a 0a), but got "
                "%02x %02x %02x %02x %02x %02x %02x %02x",
                raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7]);
  }
  preamble_.format_major = static_cast<uint16_t>(LoadLittleEndian(raw + kOffsetFormatMajor, 2));
  preamble_.format_minor = static_cast<uint16_t>(LoadLittleEndian(raw + kOffsetFormatMinor, 2));
  if (preamble_.format_major != GEM_FORMAT_MAJOR || preamble_.format_minor > GEM_FORMAT_MINOR) {
    return Fail(error, GEM_STATUS_UNSUPPORTED,
                "format version: expected %d.0 to %d.%d, as runtime %s reads, but got %u.%u; %s",
                GEM_FORMAT_MAJOR, GEM_FORMAT_MAJOR, GEM_FORMAT_MINOR, gem_version(),
                preamble_.format_major, preamble_.format_minor,
                preamble_.format_major < GEM_FORMAT_MAJOR ? "compile the model again"
                                                          : "use a newer runtime");
  }
  const uint64_t preamble_size = LoadLittleEndian(raw + kOffsetPreambleSize, 4);
  if (preamble_size != kPreambleSize) {
    return Fail(error, GEM_STATUS_CORRUPT, "preamble size: expected %zu, but got %llu",
                kPreambleSize, static_cast<unsigned long long>(preamble_size));
  }
  preamble_.file_size = LoadLittleEndian(raw + kOffsetFileSize, 8);
  if (preamble_.file_size != file.size()) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "file size: expected the %llu bytes that the preamble says, but got %zu; the file "
                "was cut or appended to",
                static_cast<unsigned long long>(preamble_.file_size), file.size());
  }
  preamble_.program_size = static_cast<uint32_t>(LoadLittleEndian(raw + kOffsetProgramSize, 4));
  const uint64_t left = file.size() - kPreambleSize;
  const uint64_t limit = left < kMaxProgramSize ? left : kMaxProgramSize;
  if (preamble_.program_size < 1 || preamble_.program_size > limit) {
    return Fail(error, GEM_STATUS_CORRUPT, "program size: expected 1 to %llu bytes, but got %u",
                static_cast<unsigned long long>(limit), preamble_.program_size);
  }
  if (raw[kOffsetHashAlgorithm] != kHashBlake3) {
    return Fail(error, GEM_STATUS_CORRUPT, "hash algorithm: expected 1 (BLAKE3), but got %u",
                raw[kOffsetHashAlgorithm]);
  }
  for (size_t i = kOffsetSignature; i < kOffsetProgramHash; ++i) {
    if (raw[i] != 0) {
      return Fail(error, GEM_STATUS_CORRUPT, "reserved byte %zu: expected 0, but got %u", i,
                  raw[i]);
    }
  }
  memcpy(preamble_.program_hash, raw + kOffsetProgramHash, kHashSize);
  return GEM_STATUS_OK;
}

gem_status_t Bundle::Verify(gem_hash_check_t check, gem_error_t* error) {
  gem_status_t status = ReadPreamble(error);
  if (status != GEM_STATUS_OK) return status;
  const size_t program_size = preamble_.program_size;
  if (!program_.AllocateUninitialized(&memory_, program_size, kSegmentAlignment)) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for a copy of the program's %zu bytes",
                program_size);
  }
  memcpy(program_.data(), bytes().data() + kPreambleSize, program_size);
  uint8_t hash[kHashSize];
  Blake3(program_.data(), program_size, hash);
  if (memcmp(hash, preamble_.program_hash, kHashSize) != 0) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "program hash: expected %s... as the preamble says, but got %s...; the file is "
                "damaged",
                HashText(preamble_.program_hash).text, HashText(hash).text);
  }
  flatbuffers::Verifier verifier(program_.data(), program_size, kMaxDepth, kMaxTables);
  if (!schema::VerifyBundleBuffer(verifier)) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "program: expected a FlatBuffer 'GEMB' of the bundle schema, but its structure is "
                "not valid");
  }
  root_ = schema::GetBundle(program_.data());
  status = VerifyBundle(*root_, kPreambleSize + program_size, bytes(), preamble_.format_minor,
                        &memory_, error);
  if (status == GEM_STATUS_OK) status = CheckKernelsLinked(*root_, error);
  if (status != GEM_STATUS_OK) return status;
  status = VerifyPadding(error);
  if (status != GEM_STATUS_OK || check != GEM_HASH_ALL) return status;
  for (uint32_t i = 0; i < root_->segments()->size(); ++i) {
    if (!SegmentHashMatches(i)) {
      return Fail(
          error, GEM_STATUS_CORRUPT,
          "segment %u ('%.48s'): hash: expected %s..., but its bytes have another; the file "
          "is damaged",
          i, root_->segments()->Get(i)->name()->c_str(),
          HashText(root_->segments()->Get(i)->hash()->data()).text);
    }
  }
  return GEM_STATUS_OK;
}

gem_status_t Bundle::VerifyPadding(gem_error_t* error) const {
  size_t end = kPreambleSize + preamble_.program_size;
  for (uint32_t i = 0; i < root_->segments()->size(); ++i) {
    const schema::Segment& segment = *root_->segments()->Get(i);
    for (; end < segment.offset(); ++end) {
      if (bytes()[end] == 0) continue;
      return Fail(error, GEM_STATUS_CORRUPT,
                  "padding before segment %u ('%.48s'): expected 0 at byte %zu, but got %u", i,
                  segment.name()->c_str(), end, bytes()[end]);
    }
    end += segment.length();
  }
  return GEM_STATUS_OK;
}

std::span<const uint8_t> Bundle::segment(uint32_t index) const {
  const schema::Segment& segment = *root_->segments()->Get(index);
  return bytes().subspan(segment.offset(), segment.length());
}

std::span<const uint8_t> Bundle::tokenizer_segment() const {
  if (root_->text() == nullptr) return {};
  return segment(root_->text()->tokenizer_segment());
}

bool Bundle::SegmentHashMatches(uint32_t index) const {
  uint8_t hash[kHashSize];
  const std::span<const uint8_t> data = segment(index);
  Blake3(data.data(), data.size(), hash);
  return memcmp(hash, root_->segments()->Get(index)->hash()->data(), kHashSize) == 0;
}

}  // namespace gem

// An open bundle whose parts go into another file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/BundleSource.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/core/Blake3.h"

namespace gem::edit {

std::unique_ptr<BundleSource> BundleSource::Open(const std::string& path, Problem* problem) {
  std::unique_ptr<BundleSource> source(new BundleSource);
  source->name_ = path;
  // A pipe that nobody writes to must not hold this up.
  source->file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info = {};
  const bool is_file =
      source->file_ >= 0 && fstat(source->file_, &info) == 0 && S_ISREG(info.st_mode);
  void* mapping = MAP_FAILED;
  if (is_file && info.st_size > 0) {
    source->size_ = static_cast<uint64_t>(info.st_size);
    mapping = mmap(nullptr, source->size_, PROT_READ, MAP_PRIVATE, source->file_, 0);
  }
  if (mapping == MAP_FAILED) {
    // The runtime says in words what is wrong with what cannot be mapped.
    gem_error_t error = {};
    gem_bundle_t* bundle = nullptr;
    if (gem_bundle_open(path.c_str(), nullptr, &bundle, &error) != GEM_STATUS_OK) {
      *problem = ProblemOf(path, error);
    } else {
      gem_bundle_close(bundle);
      Refuse(problem, path + ": expected a regular file");
    }
    return nullptr;
  }
  const bool opened = source->Adopt({static_cast<const uint8_t*>(mapping), source->size_}, problem);
  munmap(mapping, source->size_);
  return opened ? std::move(source) : nullptr;
}

std::unique_ptr<BundleSource> BundleSource::OpenMemory(std::string name,
                                                       std::span<const uint8_t> bytes,
                                                       Problem* problem) {
  std::unique_ptr<BundleSource> source(new BundleSource);
  source->name_ = std::move(name);
  source->size_ = bytes.size();
  source->memory_ = bytes.data();
  return source->Adopt(bytes, problem) ? std::move(source) : nullptr;
}

BundleSource::~BundleSource() {
  if (file_ >= 0) close(file_);
}

// Verifies and copies what is to be edited.
bool BundleSource::Adopt(std::span<const uint8_t> bytes, Problem* problem) {
  gem_error_t error = {};
  gem_bundle_t* bundle = nullptr;
  const gem_status_t status =
      gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error);
  gem_bundle_close(bundle);
  if (status != GEM_STATUS_OK) {
    *problem = ProblemOf(name_, error);
    return false;
  }
  std::copy_n(bytes.data(), kPreambleSize, preamble_bytes_);
  preamble_ = DecodePreamble(preamble_bytes_);
  // A file that somebody writes to may have changed since the runtime looked: only what
  // has the hash that was verified is taken. A program that has it was verified.
  uint8_t hash[kHashSize] = {};
  if (preamble_.program_size <= bytes.size() - kPreambleSize) {
    program_.assign(bytes.data() + kPreambleSize,
                    bytes.data() + kPreambleSize + preamble_.program_size);
    Blake3(program_.data(), program_.size(), hash);
  }
  if (preamble_.file_size != size_ || !std::equal(hash, hash + kHashSize, preamble_.program_hash)) {
    return Refuse(problem, name_ + ": the file changes while it is read");
  }
  return true;
}

bool BundleSource::Read(uint64_t offset, void* out, size_t size, Problem* problem) const {
  if (offset > size_ || size > size_ - offset) {
    return Refuse(problem, name_ + ": the file ends before its parts do");
  }
  if (memory_ != nullptr) {
    memcpy(out, memory_ + offset, size);
    return true;
  }
  auto* to = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t count = pread(file_, to, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(problem, name_ + ": cannot be read: " + std::strerror(errno));
    if (count == 0) return Refuse(problem, name_ + ": the file was cut while it was read");
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

bool BundleSource::ReadPieces(uint64_t offset, uint64_t length, const ByteSink& sink,
                              Problem* problem) const {
  std::vector<char> piece(static_cast<size_t>(std::min<uint64_t>(length, kPieceSize)));
  while (length > 0) {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(length, piece.size()));
    if (!Read(offset, piece.data(), size, problem) || !sink({piece.data(), size}, problem)) {
      return false;
    }
    offset += size;
    length -= size;
  }
  return true;
}

bool CheckSegmentHash(const std::string& file, std::string_view segment,
                      std::span<const uint8_t> stated, std::span<const uint8_t> hash,
                      Problem* problem) {
  if (std::equal(stated.begin(), stated.end(), hash.begin(), hash.end())) return true;
  return Refuse(problem, file + ": segment '" + std::string(segment) + "': expected the hash " +
                             ShortHash(stated) + "..., but its bytes have " + ShortHash(hash) +
                             "...; the file is damaged");
}

std::string ShortHash(std::span<const uint8_t> hash) {
  std::string text;
  for (size_t i = 0; i < hash.size() && i < 8; ++i) {
    text += "0123456789abcdef"[hash[i] >> 4];
    text += "0123456789abcdef"[hash[i] & 15];
  }
  return text;
}

}  // namespace gem::edit

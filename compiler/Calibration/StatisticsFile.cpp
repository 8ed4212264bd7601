// Input statistics kept in a file, so that many recipes cost one calibration.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/StatisticsFile.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/StatisticsCollector.h"
#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/FileMapping.h"
#include "compiler/Checkpoint/Json.h"
#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace gem;
using namespace gem::quant;
using checkpoint::JsonValue;
using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

namespace {

constexpr char kMagic[8] = {'G', 'E', 'M', 'S', 'T', 'A', 'T', 'S'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kAlignment = 64;
constexpr int64_t kMaxWidth = 1 << 20;
/// Where a process finds its open files by number.
constexpr char kDescriptors[] = "/proc/self/fd";

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t reserved;
  uint64_t indexOffset, indexSize, fileSize;
  uint64_t checksum; // of all that follows the header
  uint8_t zeros[16];
};
static_assert(sizeof(Header) == 64);

/// FNV-1a over words of 8 bytes, the last filled up with zeros: finds damage.
class Checksum {
public:
  void update(const void *data, size_t size) {
    auto *bytes = static_cast<const char *>(data);
    for (; size > 0 && used > 0; --size)
      add(*bytes++);
    for (; size >= 8; bytes += 8, size -= 8) {
      uint64_t word;
      std::memcpy(&word, bytes, 8);
      mix(word);
    }
    for (; size > 0; --size)
      add(*bytes++);
  }
  uint64_t finish() {
    while (used > 0)
      add(0);
    return sum;
  }

private:
  void add(char byte) {
    tail[used++] = byte;
    if (used < 8)
      return;
    uint64_t word;
    std::memcpy(&word, tail, 8);
    used = 0;
    mix(word);
  }
  void mix(uint64_t word) { sum = (sum ^ word) * 0x100000001B3u; }

  uint64_t sum = 0xCBF29CE484222325u;
  char tail[8];
  unsigned used = 0;
};

uint64_t triangleBytes(uint64_t width) { return width * (width + 1) / 2 * sizeof(float); }

} // namespace

//===----------------------------------------------------------------------===//
// StatisticsWriter
//===----------------------------------------------------------------------===//

struct StatisticsWriter::Index {
  json root = json::object();
  json values = json::array();
  Checksum checksum;
};

StatisticsWriter::StatisticsWriter(std::string path, StatisticsInfo info)
    : path(std::move(path)), index(std::make_unique<Index>()) {
  index->root["model"] = info.modelHash;
  index->root["calibration"] = info.calibrationHash;
  index->root["sequence"] = info.sequence;
  index->root["texts"] = info.texts;
}

absl::StatusOr<std::unique_ptr<StatisticsWriter>> StatisticsWriter::create(const std::string &path,
                                                                           StatisticsInfo info) {
  std::unique_ptr<StatisticsWriter> writer(new StatisticsWriter(path, std::move(info)));
  static std::atomic<unsigned> counter{0};
  std::string name = absl::StrCat(path, ".", ::getpid(), "-", counter++, ".tmp");
#ifdef O_TMPFILE
  // Without a name as long as it is written, which may take hours: then nothing is left
  // behind however the process ends. It gets one in finish(), through /proc.
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(kDescriptors, X_OK) == 0)
    writer->descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  writer->unnamed = writer->descriptor >= 0;
#endif
  // Not every file system has that.
  if (!writer->unnamed)
    writer->descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (writer->descriptor < 0)
    return absl::UnavailableError(
        absl::StrCat("cannot write the statistics '", path, "': ", std::strerror(errno)));
  writer->temporary = name;
  Header header = {};
  if (absl::Status status = writer->write(&header, sizeof(header)); !status.ok())
    return status;
  return writer;
}

StatisticsWriter::~StatisticsWriter() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

absl::Status StatisticsWriter::ioError(const char *what) const {
  return absl::UnavailableError(
      absl::StrCat(what, " the statistics '", path, "' failed: ", std::strerror(errno)));
}

absl::Status StatisticsWriter::write(const void *data, size_t size) {
  if (position >= sizeof(Header))
    index->checksum.update(data, size);
  for (size_t done = 0; done < size;) {
    ssize_t count = ::write(descriptor, static_cast<const char *>(data) + done, size - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return ioError("writing");
    done += count;
  }
  position += size;
  return absl::OkStatus();
}

absl::Status StatisticsWriter::align() {
  static const char zeros[kAlignment] = {};
  uint64_t rest = position % kAlignment;
  return rest ? write(zeros, kAlignment - rest) : absl::OkStatus();
}

absl::Status StatisticsWriter::add(const std::vector<std::string> &weights,
                                   const InputStatistics &statistics) {
  uint64_t width = statistics.width;
  json value = {{"weights", weights}, {"width", width}, {"tokens", statistics.tokens}};
  if (!statistics.gram.empty()) {
    if (absl::Status status = align(); !status.ok())
      return status;
    value["gram"] = position;
    for (uint64_t row = 0; row < width; ++row)
      if (absl::Status status =
              write(statistics.gram.data() + row * width + row, (width - row) * sizeof(float));
          !status.ok())
        return status;
  }
  json domains = json::array();
  for (const DomainStatistics &domain : statistics.domains) {
    if (absl::Status status = align(); !status.ok())
      return status;
    domains.push_back({{"domain", domain.domain}, {"tokens", domain.tokens}, {"offset", position}});
    for (const std::vector<float> *part :
         {&domain.mean, &domain.squares, &domain.minimum, &domain.maximum})
      if (absl::Status status = write(part->data(), width * sizeof(float)); !status.ok())
        return status;
  }
  value["domains"] = std::move(domains);
  index->values.push_back(std::move(value));
  return absl::OkStatus();
}

absl::Status StatisticsWriter::setTokenCounts(const TokenCounts &counts) {
  json domains = json::array();
  size_t numIds = counts.empty() ? 0 : counts.begin()->second.size();
  for (const auto &[domain, ofDomain] : counts) {
    if (ofDomain.size() != numIds)
      return absl::InvalidArgumentError(absl::StrCat("expected counts of ", numIds,
                                                     " token ids, but got ", ofDomain.size(),
                                                     " in the domain '", domain, "'"));
    if (absl::Status status = align(); !status.ok())
      return status;
    domains.push_back({{"domain", domain}, {"offset", position}});
    if (absl::Status status = write(ofDomain.data(), numIds * sizeof(int64_t)); !status.ok())
      return status;
  }
  index->root["token_counts"] = {{"ids", numIds}, {"domains", std::move(domains)}};
  return absl::OkStatus();
}

absl::Status StatisticsWriter::finish() {
  if (absl::Status status = align(); !status.ok())
    return status;
  index->root["values"] = std::move(index->values);
  std::string text = index->root.dump(-1, ' ', false, json::error_handler_t::replace);
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.indexOffset = position;
  header.indexSize = text.size();
  header.fileSize = position + text.size();
  if (absl::Status status = write(text.data(), text.size()); !status.ok())
    return status;
  header.checksum = index->checksum.finish();
  position = 0;
  if (::lseek(descriptor, 0, SEEK_SET) != 0)
    return ioError("writing");
  if (absl::Status status = write(&header, sizeof(header)); !status.ok())
    return status;
  if (::fsync(descriptor) != 0)
    return ioError("writing");
  if (unnamed && ::linkat(AT_FDCWD, absl::StrCat(kDescriptors, "/", descriptor).c_str(), AT_FDCWD,
                          temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return ioError("naming");
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
    return ioError("writing");
  temporary.clear();
  return absl::OkStatus();
}

//===----------------------------------------------------------------------===//
// StatisticsFile
//===----------------------------------------------------------------------===//

namespace {

/// Reads the members of an object of the index; remembers that one was not as expected.
class Members {
public:
  explicit Members(const JsonValue *object) : object(object) {
    good = object && object->asObject();
  }

  std::string string(const char *key) {
    const JsonValue *value = object ? object->find(key) : nullptr;
    const std::string *found = value ? value->asString() : nullptr;
    good &= found != nullptr;
    return found ? *found : std::string();
  }
  int64_t integer(const char *key, int64_t most) {
    const JsonValue *value = object ? object->find(key) : nullptr;
    const int64_t *found = value ? value->asInteger() : nullptr;
    good &= found && *found >= 0 && *found <= most;
    return good ? *found : 0;
  }
  const JsonValue::Array &array(const char *key) {
    static const JsonValue::Array empty;
    const JsonValue *value = object ? object->find(key) : nullptr;
    const JsonValue::Array *found = value ? value->asArray() : nullptr;
    good &= found != nullptr;
    return found ? *found : empty;
  }
  bool ok() const { return good; }

private:
  const JsonValue *object;
  bool good;
};

} // namespace

absl::Status StatisticsFile::corrupt(const std::string &what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("the statistics '", file->path(), "' are damaged: ", what,
                   "; collect them again with --calibrate and --save-statistics"));
}

absl::StatusOr<std::unique_ptr<StatisticsFile>> StatisticsFile::open(const std::string &path) {
  absl::StatusOr<std::shared_ptr<checkpoint::FileMapping>> mapping =
      checkpoint::FileMapping::open(path);
  if (!mapping.ok())
    return mapping.status();
  std::unique_ptr<StatisticsFile> result(new StatisticsFile);
  result->file = *std::move(mapping);
  if (absl::Status status = result->readIndex(); !status.ok())
    return status;
  return result;
}

absl::Status StatisticsFile::readIndex() {
  Header header = {};
  uint64_t size = file->size();
  std::memcpy(&header, file->data(), std::min<uint64_t>(size, sizeof(header)));
  if (size < sizeof(kMagic) || std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("'", file->path(), "' is no file of statistics: expected it to begin with ",
                     "GEMSTATS, as --save-statistics writes it"));
  if (size < sizeof(header))
    return corrupt(absl::StrCat("it has ", size, " bytes, less than its header"));
  if (header.version != kVersion)
    return absl::InvalidArgumentError(
        absl::StrCat("the statistics '", file->path(), "' are of version ", header.version,
                     ", expected ", kVersion, "; collect them again with this gem-compile"));
  if (header.fileSize != size)
    return corrupt(absl::StrCat("it has ", size, " bytes, expected ", header.fileSize));
  if (header.indexOffset > size || header.indexSize > size - header.indexOffset)
    return corrupt("the index lies outside of the file");
  Checksum checksum;
  constexpr uint64_t kBlock = 1 << 20; // that is in memory at a time
  for (uint64_t at = sizeof(header); at < size; at += kBlock) {
    uint64_t bytes = std::min(kBlock, size - at);
    checksum.update(file->data() + at, bytes);
    checkpoint::dropMappedPages(file->data() + at, bytes);
  }
  const Header zeros = {};
  if (checksum.finish() != header.checksum || header.reserved != 0 ||
      std::memcmp(header.zeros, zeros.zeros, sizeof(header.zeros)) != 0)
    return corrupt("its checksum is another");

  std::string_view text = file->bytes().substr(header.indexOffset, header.indexSize);
  absl::StatusOr<JsonValue> root = checkpoint::parseJson(text, "its index");
  if (!root.ok())
    return corrupt(std::string(root.status().message()));
  // Whether `count` elements at `offset` lie among the blobs.
  auto inside = [&](uint64_t offset, uint64_t bytes) {
    return offset % kAlignment == 0 && offset >= sizeof(Header) && offset <= header.indexOffset &&
           bytes <= header.indexOffset - offset;
  };
  Members members(&*root);
  info.modelHash = members.string("model");
  info.calibrationHash = members.string("calibration");
  info.sequence = members.integer("sequence", INT64_MAX);
  info.texts = members.integer("texts", INT64_MAX);
  if (const JsonValue *counts = root->find("token_counts")) {
    Members of(counts);
    numCounts = of.integer("ids", INT32_MAX);
    bool good = true;
    for (const JsonValue &entry : of.array("domains")) {
      Members domain(&entry);
      uint64_t offset = domain.integer("offset", INT64_MAX);
      good &= domain.ok() && inside(offset, numCounts * sizeof(int64_t));
      countsOfDomain[domain.string("domain")] = offset;
    }
    if (!of.ok() || !good)
      return corrupt("its token counts lie outside of the file");
  }
  for (const JsonValue &entry : members.array("values")) {
    Members of(&entry);
    Value value;
    value.width = of.integer("width", kMaxWidth);
    value.tokens = of.integer("tokens", INT64_MAX);
    if (entry.find("gram"))
      value.gram = of.integer("gram", INT64_MAX);
    bool good = of.ok() && (!value.gram || inside(value.gram, triangleBytes(value.width)));
    for (const JsonValue &item : of.array("domains")) {
      Members domain(&item);
      value.domains.push_back({domain.string("domain"), domain.integer("tokens", INT64_MAX),
                               static_cast<uint64_t>(domain.integer("offset", INT64_MAX))});
      good &= domain.ok() && inside(value.domains.back().offset, 4 * value.width * sizeof(float));
    }
    for (const JsonValue &weight : of.array("weights")) {
      if (const std::string *name = weight.asString())
        good &= valueOfWeight.emplace(*name, values.size()).second;
      else
        good = false;
    }
    if (!good || !of.ok())
      return corrupt(absl::StrCat("entry ", values.size(), " of its index is wrong"));
    values.push_back(std::move(value));
  }
  if (!members.ok())
    return corrupt("its index lacks a member");
  return absl::OkStatus();
}

absl::Status StatisticsFile::checkMadeFor(const std::string &modelHash, int64_t sequence) const {
  if (info.modelHash != modelHash)
    return absl::FailedPreconditionError(
        absl::StrCat("the statistics '", file->path(), "' are of another model: expected ",
                     checkpoint::quote(modelHash), ", but got ", checkpoint::quote(info.modelHash),
                     "; collect them again with --calibrate and --save-statistics"));
  if (info.sequence != sequence)
    return absl::FailedPreconditionError(absl::StrCat(
        "the statistics '", file->path(), "' were collected at --sequence ", info.sequence,
        ", but the model is compiled at ", sequence, "; use the same, or collect them again"));
  return absl::OkStatus();
}

std::vector<std::string> StatisticsFile::weights() const {
  std::vector<std::string> names;
  for (const auto &entry : valueOfWeight)
    names.push_back(entry.first);
  return names;
}

absl::StatusOr<InputStatistics> StatisticsFile::load(const std::string &weight) const {
  return load(weight, /*gram=*/true);
}

absl::StatusOr<InputStatistics> StatisticsFile::loadDomains(const std::string &weight) const {
  return load(weight, /*gram=*/false);
}

absl::StatusOr<InputStatistics> StatisticsFile::load(const std::string &weight, bool gram) const {
  auto found = valueOfWeight.find(weight);
  if (found == valueOfWeight.end())
    return absl::NotFoundError(
        absl::StrCat("the statistics '", file->path(), "' have none of the weight '", weight, "'"));
  const Value &value = values[found->second];
  InputStatistics result;
  result.width = value.width;
  result.tokens = value.tokens;
  if (gram && value.gram) {
    result.gram.resize(value.width * value.width);
    const char *from = file->data() + value.gram;
    for (int64_t row = 0; row < value.width; ++row) {
      size_t bytes = (value.width - row) * sizeof(float);
      std::memcpy(result.gram.data() + row * value.width + row, from, bytes);
      from += bytes;
    }
    checkpoint::dropMappedPages(file->data() + value.gram, triangleBytes(value.width));
    mirrorUpperTriangle(result.gram.data(), value.width);
  }
  for (const Domain &domain : value.domains) {
    const float *from = reinterpret_cast<const float *>(file->data() + domain.offset);
    auto part = [&](int64_t index) {
      const float *begin = from + index * value.width;
      return std::vector<float>(begin, begin + value.width);
    };
    result.domains.push_back({domain.name, domain.tokens, part(0), part(1), part(2), part(3)});
  }
  return result;
}

TokenCounts StatisticsFile::tokenCounts() const {
  TokenCounts counts;
  for (const auto &[domain, offset] : countsOfDomain) {
    const int64_t *from = reinterpret_cast<const int64_t *>(file->data() + offset);
    counts[domain].assign(from, from + numCounts);
  }
  return counts;
}

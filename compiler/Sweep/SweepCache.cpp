// What sweeps computed, kept in a folder under a hash of all that decides it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Sweep/SweepCache.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace gem;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Hashes
//===----------------------------------------------------------------------===//

std::string gem::hashOfKey(const SweepKey &key) {
  llvm::BLAKE3 hasher;
  for (const auto &[name, value] : key)
    // With lengths, so that no two keys read the same.
    hasher.update(absl::StrCat(name.size(), ":", name, value.size(), ":", value));
  return llvm::toHex(hasher.final<16>(), /*LowerCase=*/true);
}

absl::StatusOr<std::string> gem::hashOfFiles(const std::vector<std::string> &paths) {
  llvm::BLAKE3 hasher;
  for (const std::string &path : paths) {
    auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
    if (!file)
      return absl::NotFoundError(
          absl::StrCat("cannot read '", path, "': ", file.getError().message()));
    llvm::StringRef content = (*file)->getBuffer();
    hasher.update(absl::StrCat(content.size(), ":"));
    hasher.update(content);
  }
  return "blake3:" + llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
}

static std::string checksumOf(const json::Value &value) {
  llvm::BLAKE3 hasher;
  hasher.update(llvm::formatv("{0}", value).str());
  return "blake3:" + llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
}

//===----------------------------------------------------------------------===//
// Figures as JSON. One list of members serves both directions.
//===----------------------------------------------------------------------===//

namespace {

class Writer {
public:
  json::Object object;

  void value(const char *name, double number) {
    if (std::isfinite(number))
      object[name] = number;
  }
  void value(const char *name, int64_t number) { object[name] = number; }
  void value(const char *name, bool flag) { object[name] = flag; }
  void value(const char *name, const std::string &text) {
    object[name] = json::isUTF8(text) ? text : json::fixUTF8(text);
  }
  template <typename T> void value(const char *name, const std::optional<T> &known) {
    if (known)
      value(name, *known);
  }
  template <typename T> void value(const char *name, const std::vector<T> &items) {
    json::Array array;
    for (const T &item : items) {
      Writer writer;
      visit(writer, const_cast<T &>(item));
      array.push_back(std::move(writer.object));
    }
    object[name] = std::move(array);
  }
  template <typename T>
    requires std::is_class_v<T>
  void value(const char *name, const T &part) {
    Writer writer;
    visit(writer, const_cast<T &>(part));
    object[name] = std::move(writer.object);
  }
};

/// Members that are not there, or of another kind, are left as they are.
class Reader {
public:
  explicit Reader(const json::Object &object) : object(object) {}

  void value(const char *name, double &number) {
    if (auto found = object.getNumber(name))
      number = *found;
  }
  void value(const char *name, int64_t &number) {
    if (auto found = object.getInteger(name))
      number = *found;
  }
  void value(const char *name, bool &flag) {
    if (auto found = object.getBoolean(name))
      flag = *found;
  }
  void value(const char *name, std::string &text) {
    if (auto found = object.getString(name))
      text = found->str();
  }
  template <typename T> void value(const char *name, std::optional<T> &known) {
    if (object.get(name))
      value(name, known.emplace());
  }
  template <typename T> void value(const char *name, std::vector<T> &items) {
    if (const json::Array *array = object.getArray(name))
      for (const json::Value &item : *array)
        if (const json::Object *part = item.getAsObject()) {
          Reader reader(*part);
          visit(reader, items.emplace_back());
        }
  }
  template <typename T>
    requires std::is_class_v<T>
  void value(const char *name, T &part) {
    if (const json::Object *found = object.getObject(name)) {
      Reader reader(*found);
      visit(reader, part);
    }
  }

private:
  const json::Object &object;
};

template <typename V> void visit(V &visitor, Interval &interval) {
  visitor.value("low", interval.low);
  visitor.value("high", interval.high);
}

template <typename V> void visit(V &visitor, FlipsReport &flips) {
  visitor.value("routed", flips.routed);
  visitor.value("cluster", flips.cluster);
  visitor.value("mask", flips.mask);
}

template <typename V> void visit(V &visitor, DomainScores &scores) {
  visitor.value("domain", scores.domain);
  visitor.value("texts", scores.texts);
  visitor.value("labelled", scores.labelled);
  visitor.value("tokens", scores.tokens);
  visitor.value("accuracy", scores.accuracy);
  visitor.value("macro_f1", scores.macroF1);
  visitor.value("loss", scores.meanLoss);
  visitor.value("calibration_error", scores.calibrationError);
  visitor.value("score", scores.score);
  visitor.value("score_interval", scores.scoreInterval);
  visitor.value("agreement", scores.agreement);
  visitor.value("kl", scores.divergence);
  visitor.value("flips", scores.flips);
  visitor.value("cdtr", scores.transferRatio);
  visitor.value("cdtr_interval", scores.transferInterval);
  visitor.value("dsi", scores.specializationIndex);
  visitor.value("specialised", scores.isSpecialised);
  visitor.value("unseen", scores.isUnseen);
}

template <typename V> void visit(V &visitor, TransferSummary &summary) {
  visitor.value("mean", summary.mean);
  visitor.value("mean_interval", summary.meanInterval);
  visitor.value("min", summary.minimum);
  visitor.value("min_interval", summary.minimumInterval);
  visitor.value("min_domain", summary.minimumDomain);
}

template <typename V> void visit(V &visitor, ModelScores &model) {
  visitor.value("bytes", model.bytes);
  visitor.value("bits_per_weight", model.bitsPerWeight);
  visitor.value("macs_kept", model.macsKept);
  visitor.value("memory_bytes", model.memoryBytes);
  visitor.value("seconds", model.seconds);
  visitor.value("overall", model.overall);
  visitor.value("domains", model.domains);
  visitor.value("dsi", model.specializationIndex);
  visitor.value("dsi_domain", model.specializationDomain);
  visitor.value("gg", model.generalizationGap);
  visitor.value("gg_interval", model.gapInterval);
  visitor.value("cdtr", model.transfer);
  visitor.value("cdtr_unseen", model.transferUnseen);
}

} // namespace

//===----------------------------------------------------------------------===//
// The folder
//===----------------------------------------------------------------------===//

/// Whether a file is named "....PID-N.tmp" after a process that is no more.
static bool isLeftOver(llvm::StringRef name) {
  if (!name.consume_back(".tmp"))
    return false;
  llvm::StringRef process = name.rsplit('.').second.split('-').first;
  pid_t pid = 0;
  return !process.getAsInteger(10, pid) && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

absl::StatusOr<SweepCache> SweepCache::open(const std::string &folder,
                                            std::function<void(const std::string &)> note) {
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return absl::UnavailableError(absl::StrCat("cannot make the cache folder '", folder, "': ",
                                               error.message(), "; give another with --cache DIR"));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return absl::UnavailableError(absl::StrCat("cannot write to the cache folder '", folder,
                                               "': ", std::strerror(errno),
                                               "; give another with --cache DIR"));
  std::error_code error;
  for (llvm::sys::fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error))
    if (isLeftOver(llvm::sys::path::filename(file->path())))
      llvm::sys::fs::remove(file->path());
  SweepCache cache;
  cache.folder = folder;
  cache.note = std::move(note);
  return cache;
}

std::string SweepCache::pathOf(const SweepKey &key, const std::string &extension) const {
  return absl::StrCat(folder, "/", hashOfKey(key), ".", extension);
}

std::optional<CachedScores> SweepCache::find(const SweepKey &key) const {
  std::string path = pathOf(key, "json");
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file)
    return std::nullopt;
  auto damaged = [&](const char *why) {
    if (note)
      note(absl::StrCat("the cache entry '", path, "' is damaged (", why, "); computing it again"));
    return std::nullopt;
  };
  llvm::Expected<json::Value> document = json::parse((*file)->getBuffer());
  if (!document) {
    llvm::consumeError(document.takeError());
    return damaged("not JSON");
  }
  const json::Object *entry = document->getAsObject();
  const json::Object *stored = entry ? entry->getObject("key") : nullptr;
  const json::Value *scores = entry ? entry->get("scores") : nullptr;
  if (!stored || !scores || !scores->getAsObject())
    return damaged("no figures");
  if (entry->getString("check").value_or("") != checksumOf(*scores))
    return damaged("its checksum differs");
  SweepKey known;
  for (const auto &[name, value] : *stored)
    known[name.str()] = value.getAsString().value_or("").str();
  if (known != key)
    return damaged("of another key");
  CachedScores result;
  Reader reader(*scores->getAsObject());
  visit(reader, result.scores);
  result.seconds = entry->getNumber("seconds").value_or(0);
  result.fileHash = entry->getString("file").value_or("").str();
  return result;
}

absl::Status SweepCache::store(const SweepKey &key, const CachedScores &scores) const {
  Writer writer;
  visit(writer, const_cast<ModelScores &>(scores.scores));
  json::Value figures(std::move(writer.object));
  json::Object entry, names;
  for (const auto &[name, value] : key)
    names[name] = json::isUTF8(value) ? value : json::fixUTF8(value);
  entry["schema_version"] = 1;
  entry["key"] = std::move(names);
  entry["seconds"] = scores.seconds;
  entry["check"] = checksumOf(figures);
  entry["scores"] = std::move(figures);
  if (!scores.fileHash.empty())
    entry["file"] = scores.fileHash;
  return storeFile(key, "json", llvm::formatv("{0:2}\n", json::Value(std::move(entry))).str());
}

absl::Status SweepCache::storeFile(const SweepKey &key, const std::string &extension,
                                   llvm::StringRef text) const {
  static std::atomic<unsigned> counter{0};
  std::string path = pathOf(key, extension);
  std::string temporary = absl::StrCat(path, ".", ::getpid(), "-", counter++, ".tmp");
  auto fail = [&](const char *what) {
    std::string why = std::strerror(errno);
    ::unlink(temporary.c_str());
    return absl::UnavailableError(
        absl::StrCat(what, " the cache entry '", path, "' failed: ", why));
  };
  int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0)
    return fail("writing");
  size_t written = 0;
  while (written < text.size()) {
    ssize_t count = ::write(file, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      absl::Status status = fail("writing");
      ::close(file);
      return status;
    }
    written += static_cast<size_t>(count);
  }
  if (::fsync(file) != 0 || ::close(file) != 0)
    return fail("writing");
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail("naming");
  return absl::OkStatus();
}

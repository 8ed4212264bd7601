// Texts to fit on, and texts to judge on that the fit does not see.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/TextSplit.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/Bootstrap.h"
#include "llvm/Support/FileSystem.h"
#include <algorithm>
#include <fstream>
#include <map>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace gem;

/// One text in so many of a domain is for judging.
static constexpr size_t kShare = 4;

struct TextSplit::Files {
  /// A temporary file that others open by its path.
  struct File {
    std::string path;
    int descriptor = -1;
    bool isNamed = false;

    ~File() {
      if (isNamed)
        llvm::sys::fs::remove(path);
      if (descriptor >= 0)
        ::close(descriptor);
    }

    absl::Status create() {
      llvm::SmallString<128> temporary;
      if (std::error_code error =
              llvm::sys::fs::createTemporaryFile("gem-texts", "jsonl", descriptor, temporary))
        return absl::UnavailableError(
            absl::StrCat("a temporary file for texts: ", error.message()));
      // Under Linux an open file needs no name, so that nothing is left when the process is
      // killed in the hours that it may be needed.
      path = absl::StrCat("/proc/self/fd/", descriptor);
      isNamed = ::access(path.c_str(), R_OK | W_OK) != 0;
      if (isNamed)
        path = temporary.str().str();
      else
        llvm::sys::fs::remove(temporary);
      return absl::OkStatus();
    }
  };
  File fit, judge;
};

absl::StatusOr<TextSplit> TextSplit::splitFile(const std::string &path, uint64_t seed) {
  std::map<std::string, std::vector<std::pair<uint64_t, size_t>>> textsOfDomain;
  RandomGenerator random(seed);
  size_t count = 0;
  absl::Status status = forEachTextOf(path, [&](const CalibrationText &text) {
    textsOfDomain[text.domain].push_back({random.next(), count++});
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  std::vector<char> isForJudging(count);
  size_t most = 0; // of a domain
  for (auto &[domain, texts] : textsOfDomain) {
    most = std::max(most, texts.size());
    std::sort(texts.begin(), texts.end());
    for (size_t i = 0; i < texts.size() / kShare; ++i)
      isForJudging[texts[i].second] = 1;
  }
  if (most < kShare)
    return absl::InvalidArgumentError(absl::StrCat(
        "'", path, "': expected at least ", kShare,
        " texts of a domain, of which some can be held back for --keep-domain, but got ", most,
        "; add texts, or give others with --validate"));

  auto files = std::make_shared<Files>();
  for (Files::File *file : {&files->fit, &files->judge})
    if (absl::Status status = file->create(); !status.ok())
      return status;
  std::ifstream in(path);
  std::ofstream fit(files->fit.path), judge(files->judge.path);
  size_t index = 0;
  for (std::string line; std::getline(in, line);) {
    // As forEachTextOf counts them.
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    if (index < count)
      (isForJudging[index] ? judge : fit) << line << "\n";
    ++index;
  }
  if (!fit.flush() || !judge.flush() || index != count)
    return absl::UnavailableError(absl::StrCat("splitting '", path, "' in two failed"));
  TextSplit split;
  split.fit = files->fit.path;
  split.judge = files->judge.path;
  split.files = std::move(files);
  return split;
}

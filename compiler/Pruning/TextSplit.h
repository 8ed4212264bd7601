// Texts to fit on, and texts to judge on that the fit does not see.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_TEXTSPLIT_H
#define GEM_COMPILER_PRUNING_TEXTSPLIT_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <memory>
#include <string>

namespace gem {

/// Two files of texts (TextFile.h). Those that were made by splitting one go with this.
class TextSplit {
public:
  /// `fit` and `judge` as they are.
  static TextSplit ofFiles(std::string fit, std::string judge);
  /// Of every domain a quarter, chosen by `seed`, is for judging.
  static absl::StatusOr<TextSplit> splitFile(const std::string &path, uint64_t seed);

  const std::string &getFit() const { return fit; }
  const std::string &getJudge() const { return judge; } ///< Empty: none.

private:
  struct Files;
  std::string fit, judge;
  std::shared_ptr<Files> files; ///< Temporary ones, removed with the last copy.
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_TEXTSPLIT_H

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

/// One file of texts (TextFile.h) as two, which go with the last copy of this.
class TextSplit {
public:
  /// Of every domain a quarter, chosen by `seed`, is for judging.
  static absl::StatusOr<TextSplit> splitFile(const std::string &path, uint64_t seed);

  const std::string &getFit() const { return fit; }
  const std::string &getJudge() const { return judge; }

private:
  struct Files;
  std::string fit, judge;
  std::shared_ptr<Files> files;
};

} // namespace gem

#endif // GEM_COMPILER_PRUNING_TEXTSPLIT_H

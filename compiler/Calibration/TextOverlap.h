// Texts that two files have in common.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_TEXTOVERLAP_H
#define GEM_COMPILER_CALIBRATION_TEXTOVERLAP_H

#include "absl/status/statusor.h"
#include <cstdint>
#include <string>

namespace gem {

/// Texts of a file that another has too.
struct TextOverlap {
  int64_t texts = 0;  ///< Of the first file.
  int64_t shared = 0; ///< Of them, in the second file too; one that repeats counts again.
  // The first that is shared, and its lines, from 1.
  std::string firstText;
  int64_t firstLine = 0, secondLine = 0;
};

/// Compares two files of texts (TextFile.h), with scanTextFile's errors. Texts are the same when
/// they are but for white space and the case of ASCII letters. Reads both files once and keeps
/// 24 bytes for each text of the second; no text is kept.
absl::StatusOr<TextOverlap> findOverlap(const std::string &first, const std::string &second);

/// A file of texts and the option that gave it.
struct GivenTexts {
  std::string path, option;
};

/// FailedPrecondition, with the number of texts and the first, when texts of `evaluation` are
/// among those of `seen`.
absl::Status checkHeldOut(const GivenTexts &evaluation, const GivenTexts &seen);

} // namespace gem

#endif // GEM_COMPILER_CALIBRATION_TEXTOVERLAP_H

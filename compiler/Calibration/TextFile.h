// Texts to calibrate on, from a file of JSON objects.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_TEXTFILE_H
#define GEM_COMPILER_CALIBRATION_TEXTFILE_H

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gem {

struct CalibrationText {
  std::string text;
  std::string domain;           ///< Empty when the object has none.
  std::optional<int32_t> label; ///< The right class, 0 or more.
  int64_t line = 0;             ///< In the file, from 1.
};

/// What a file of texts holds.
struct TextFileInfo {
  int64_t numTexts = 0;
  std::string hash; ///< "blake3:..." of the lines, each ended by LF.
};

/// Checks every line of `path` and counts the texts. A line is a JSON object with a string
/// `text` and, where it has them, a string `domain` and an integer `label` from 0 on; null
/// is the same as none, other members are ignored, blank lines skipped. Errors name the file
/// and the line. A file without texts is an error.
absl::StatusOr<TextFileInfo> scanTextFile(const std::string &path);

/// Calls `consume` for every text in order, holding one at a time.
absl::Status forEachTextOf(const std::string &path,
                           absl::FunctionRef<absl::Status(const CalibrationText &)> consume);

/// All texts of `path`, for those who need them again and again; with the errors of
/// scanTextFile.
absl::StatusOr<std::vector<CalibrationText>> readTextFile(const std::string &path);

} // namespace gem

#endif // GEM_COMPILER_CALIBRATION_TEXTFILE_H

// Reads the names of a classifier's classes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_LABELS_H
#define GEM_COMPILER_CHECKPOINT_LABELS_H

#include "compiler/Checkpoint/Settings.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gem::checkpoint {

struct LabelsResult {
  std::vector<std::string> labels; // empty when nothing names the classes
  std::vector<std::string> notes;
  std::vector<std::string> files;
};

/// The file that `settings` names (`labels`), else config.json's id2label, else
/// labels.json of `directory`; when the last two are there, they must agree. A
/// JSON file is a list of names, an object {"classes": list}, or an object
/// {"0": name, ...}; any other file has a name a line. Every class in
/// [0, numClasses) must have exactly one name, which is valid UTF-8 and not empty.
LabelsResult loadLabels(const Settings &settings, const std::string &directory, int64_t numClasses,
                        Problems &problems);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_LABELS_H

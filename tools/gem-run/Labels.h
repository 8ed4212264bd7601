// Names of classes from a file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_GEM_RUN_LABELS_H
#define GEM_TOOLS_GEM_RUN_LABELS_H

#include <string>
#include <vector>

namespace gem::run {

// Reads labels by class index: a text file of one label a line, or JSON: an array
// of strings, an object with "classes" (as labels.json has them), or one with
// "id2label" (as config.json has them). False, with a message, when it is neither.
bool ReadLabelFile(const std::string& path, std::vector<std::string>* labels, std::string* error);

}  // namespace gem::run

#endif  // GEM_TOOLS_GEM_RUN_LABELS_H

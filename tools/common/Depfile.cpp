// Depfiles: what an output was made from, for build tools.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Depfile.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

namespace gem::tools {
namespace {

// A backslash stands for itself but before a character that Make knows, where the
// whole run of them counts: there they are doubled.
std::string EscapeForMake(const std::string& path) {
  std::string escaped;
  size_t backslashes = 0;
  for (const char c : path) {
    if (c == ' ' || c == '\t' || c == '#' || c == ':') {
      escaped.append(backslashes + 1, '\\');
    }
    if (c == '$') escaped += '$';
    escaped += c;
    backslashes = c == '\\' ? backslashes + 1 : 0;
  }
  return escaped;
}

}  // namespace

bool FormatDepfile(const std::string& target, const std::vector<std::string>& inputs,
                   std::string* rule, std::string* error) {
  std::string text = EscapeForMake(target) + ":";
  std::set<std::string> seen;
  for (const std::string& input : inputs) {
    if (seen.insert(input).second) text += " \\\n  " + EscapeForMake(input);
  }
  seen.insert(target);
  for (const std::string& path : seen) {
    if (path.find_first_of("\r\n") == std::string::npos) continue;
    *error = "a depfile cannot name '" + path +
             "', whose name has a line break: rename it, or do without the depfile";
    return false;
  }
  *rule = text + "\n";
  return true;
}

std::vector<std::string> WithoutFoldersOf(const std::vector<std::string>& outputs,
                                          std::vector<std::string> inputs) {
  namespace fs = std::filesystem;
  auto holds_output = [&](const std::string& input) {
    std::error_code ignored;
    if (!fs::is_directory(input, ignored)) return false;
    return std::any_of(outputs.begin(), outputs.end(), [&](const std::string& output) {
      if (output.empty()) return false;
      const fs::path folder = fs::path(output).parent_path();
      return fs::equivalent(folder.empty() ? fs::path(".") : folder, input, ignored);
    });
  };
  std::erase_if(inputs, holds_output);
  return inputs;
}

}  // namespace gem::tools

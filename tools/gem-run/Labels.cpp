// Names of classes from a file.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Labels.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/common/Format.h"
#include "tools/common/Terminal.h"

namespace gem::run {
namespace {

using nlohmann::json;

// A label file larger than this is not one.
constexpr size_t kMaxSize = 64u << 20;

// The labels of a JSON document; a message when there are none.
std::string FromJson(const json& document, std::vector<std::string>* labels) {
  const json* list = &document;
  if (document.is_object() && document.contains("classes")) {
    list = &document["classes"];
  } else if (document.is_object() && document.contains("id2label")) {
    const json& names = document["id2label"];
    if (!names.is_object()) return "\"id2label\": expected an object";
    for (size_t i = 0; i < names.size(); ++i) {
      const auto name = names.find(std::to_string(i));
      if (name == names.end() || !name->is_string()) {
        return tools::Format(
            "\"id2label\": expected a name for each of 0 to %zu, but there is none for %zu",
            names.size() - 1, i);
      }
      labels->push_back(*name);
    }
    return "";
  }
  if (!list->is_array()) {
    return "expected a list of labels, an object with \"classes\", or one with \"id2label\"";
  }
  for (const json& label : *list) {
    if (!label.is_string()) {
      return tools::Format("label %zu: expected a string, but got a %s", labels->size(),
                           label.type_name());
    }
    labels->push_back(label);
  }
  return "";
}

}  // namespace

bool ReadLabelFile(const std::string& path, std::vector<std::string>* labels, std::string* error) {
  labels->clear();
  std::ifstream file(path, std::ios::binary);
  std::string content;
  if (file) {
    char buffer[1 << 16];
    while (file.read(buffer, sizeof(buffer)) || file.gcount() > 0) {
      content.append(buffer, static_cast<size_t>(file.gcount()));
      if (content.size() > kMaxSize) break;
    }
  }
  if (!file.is_open() || file.bad()) {
    *error = tools::Format("cannot read '%s': %s", path.c_str(), std::strerror(errno));
    return false;
  }
  if (content.size() > kMaxSize) {
    *error = tools::Format("'%s': expected labels, but it is over %zu MiB", path.c_str(),
                           kMaxSize >> 20);
    return false;
  }

  const size_t first = content.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (content[first] == '[' || content[first] == '{')) {
    std::string problem;
    const json document = json::parse(tools::ReplaceIllFormedUtf8(content), nullptr, false);
    if (document.is_discarded()) {
      problem = "it starts like JSON but does not parse";
    } else {
      problem = FromJson(document, labels);
    }
    if (problem.empty()) return true;
    *error = "'" + path + "': " + problem;
    return false;
  }
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels->push_back(line);
  }
  return true;
}

}  // namespace gem::run

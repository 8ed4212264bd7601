// Reads the names of a classifier's classes.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Labels.h"

#include "compiler/Checkpoint/FileMapping.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gem::checkpoint {

using Names = std::optional<std::vector<std::string>>;

/// Checks what is true of labels from any source.
static Names finish(std::vector<std::string> names, const std::string &what, int64_t numClasses,
                    Problems &problems) {
  size_t before = problems.count();
  if (static_cast<int64_t>(names.size()) != numClasses)
    problems.add(absl::StrCat(what, ": found ", names.size(), " labels, expected one for each of ",
                              numClasses, " classes"));
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].empty() || !isValidUtf8(names[i]))
      problems.add(absl::StrCat(what, ": class ", i, ": found ", quote(names[i], 60),
                                ", expected a name in UTF-8"));
  return problems.count() == before ? Names(std::move(names)) : std::nullopt;
}

/// {"0": "a", "1": "b"} in any order, without gaps.
static Names readMap(const JsonValue::Object &object, const std::string &what, int64_t numClasses,
                     Problems &problems) {
  size_t before = problems.count();
  std::vector<const std::string *> byClass(static_cast<size_t>(numClasses));
  for (const JsonMember &member : object) {
    int64_t index;
    if (!absl::SimpleAtoi(member.key, &index) || index < 0 || index >= numClasses)
      problems.add(absl::StrCat(what, ": found the class ", quote(member.key, 40),
                                ", expected 0 to ", numClasses - 1));
    else if (!member.value.asString())
      problems.add(absl::StrCat(what, ": class ", index, ": found ", member.value.describe(),
                                ", expected a name"));
    else if (const std::string *&slot = byClass[static_cast<size_t>(index)])
      problems.add(absl::StrCat(what, ": class ", index, " is named twice"));
    else
      slot = member.value.asString();
  }
  std::vector<std::string> names;
  for (int64_t i = 0; i < numClasses && problems.count() == before; ++i) {
    if (const std::string *name = byClass[static_cast<size_t>(i)])
      names.push_back(*name);
    else
      problems.add(absl::StrCat(what, ": class ", i, " has no name; expected one for each of ",
                                numClasses, " classes"));
  }
  return problems.count() == before ? finish(std::move(names), what, numClasses, problems)
                                    : std::nullopt;
}

static Names readList(const JsonValue::Array &list, const std::string &what, int64_t numClasses,
                      Problems &problems) {
  std::vector<std::string> names;
  for (const JsonValue &value : list) {
    if (!value.asString()) {
      problems.add(absl::StrCat(what, ": class ", names.size(), ": found ", value.describe(),
                                ", expected a name"));
      return std::nullopt;
    }
    names.push_back(*value.asString());
  }
  return finish(std::move(names), what, numClasses, problems);
}

static Names readFile(const std::string &path, int64_t numClasses, Problems &problems) {
  absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
  if (!file.ok()) {
    problems.add(std::string(file.status().message()));
    return std::nullopt;
  }
  std::string_view bytes = (*file)->bytes();
  size_t first = bytes.find_first_not_of(" \t\r\n");
  bool isJson = first != bytes.npos && (bytes[first] == '{' || bytes[first] == '[');
  if (isJson) {
    absl::StatusOr<JsonValue> json = parseJson(bytes, path);
    if (!json.ok()) {
      problems.add(std::string(json.status().message()));
      return std::nullopt;
    }
    if (const JsonValue::Array *list = json->asArray())
      return readList(*list, path, numClasses, problems);
    const JsonValue *classes = json->find("classes");
    if (classes && classes->asArray())
      return readList(*classes->asArray(), path + ": classes", numClasses, problems);
    return readMap(*json->asObject(), path, numClasses, problems);
  }
  std::vector<std::string> names;
  while (!bytes.empty()) {
    size_t end = bytes.find('\n');
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    names.emplace_back(line);
    if (static_cast<int64_t>(names.size()) > numClasses)
      break; // finish() reports it
  }
  return finish(std::move(names), path, numClasses, problems);
}

LabelsResult loadLabels(const Settings &settings, const std::string &directory, int64_t numClasses,
                        Problems &problems) {
  LabelsResult result;
  auto use = [&](Names names, const std::string &source) {
    if (!names)
      return;
    result.labels = *std::move(names);
    result.notes.push_back(absl::StrCat("labels: ", source));
  };
  if (const std::string *path = settings.overrideValue("labels")) {
    result.files.push_back(*path);
    use(readFile(*path, numClasses, problems), *path);
    return result;
  }

  std::string path = directory == "." ? "labels.json" : directory + "/labels.json";
  bool hasFile = FileMapping::open(path).status().code() != absl::StatusCode::kNotFound;
  const JsonValue *map = settings.configValue("id2label");
  std::string mapName = settings.describeConfig() + ": id2label";
  if (!map || map->isNull()) {
    if (!hasFile) {
      result.notes.push_back("labels: none (no id2label in config.json, no labels.json)");
      return result;
    }
    result.files.push_back(path);
    use(readFile(path, numClasses, problems), path);
    return result;
  }
  Names fromMap;
  if (map->asObject())
    fromMap = readMap(*map->asObject(), mapName, numClasses, problems);
  else
    problems.add(absl::StrCat(mapName, ": found ", map->describe(), ", expected an object"));
  if (hasFile && fromMap) {
    result.files.push_back(path);
    Names fromFile = readFile(path, numClasses, problems);
    for (size_t i = 0; fromFile && i < fromMap->size(); ++i)
      if ((*fromFile)[i] != (*fromMap)[i]) {
        problems.add(absl::StrCat(mapName, " and ", path, " disagree: class ", i, " is ",
                                  quote((*fromMap)[i], 60), " in the one, ",
                                  quote((*fromFile)[i], 60),
                                  " in the other; choose with --set labels=FILE"));
        break;
      }
  }
  use(std::move(fromMap), mapName);
  return result;
}

} // namespace gem::checkpoint
